//! How long to wait before retrying after a conflict with other transactions.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// The maximum number of doublings, before randomisation.
const DOUBLINGS: u32 = 5;

/// Doubles from a few milliseconds on. It is randomised, because callers that conflicted would otherwise conflict
/// again.
pub(crate) fn pause(attempt: u32) -> Duration {
    let most = 4_u64 << attempt.min(DOUBLINGS);
    // The standard library's hash keys are random enough for this.
    let chance = RandomState::new().hash_one(attempt) % most;
    Duration::from_millis(most / 2 + chance)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn it_grows_to_a_bound_and_is_not_the_same_for_two() {
        for (attempt, most) in [(1, 8), (2, 16), (5, 128), (6, 128), (u32::MAX, 128)] {
            let drawn: BTreeSet<u128> = (0..200).map(|_| pause(attempt).as_millis()).collect();
            assert!(drawn.iter().all(|millis| (most / 2..most / 2 + most).contains(millis)), "{attempt}: {drawn:?}");
            assert!(drawn.len() > 4, "{attempt}: {drawn:?}");
        }
    }
}
