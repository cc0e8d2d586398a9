//! In-memory rate limits of one server, by the generic cell rate algorithm (ITU-T I.371).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The number of entries above which an attempt also sweeps, even if [`Tries::sweep`] is rarely called.
const MAX_ENTRIES: usize = 100_000;

/// Counts attempts by key: a burst at once, or spread over a period.
#[derive(Debug)]
pub(super) struct Tries {
    /// The part of the period that one attempt uses up.
    cost: Duration,
    period: Duration,
    used_until: Mutex<HashMap<u64, Instant>>,
}

impl Tries {
    pub(super) fn new((burst, period): (u32, Duration)) -> Self {
        Self { cost: period / burst.max(1), period, used_until: Mutex::default() }
    }

    /// Counts one attempt under a key.
    ///
    /// # Errors
    /// Returns how long to wait if it is over the limit; it is not counted then.
    pub(super) fn take(&self, key: u64, now: Instant) -> Result<(), Duration> {
        let mut entries = self.lock();
        if entries.len() > MAX_ENTRIES {
            entries.retain(|_, used_until| *used_until > now);
        }
        let next = entries.get(&key).map_or(now, |used_until| (*used_until).max(now)) + self.cost;
        // The tolerance keeps rounding from refusing the last attempt of a burst.
        let wait = next.saturating_duration_since(now).saturating_sub(self.period + self.cost / 1000);
        if wait.is_zero() {
            entries.insert(key, next);
            return Ok(());
        }
        Err(wait)
    }

    /// Takes back one attempt under a key.
    pub(super) fn give_back(&self, key: u64) {
        if let Some(used_until) = self.lock().get_mut(&key)
            && let Some(before) = used_until.checked_sub(self.cost)
        {
            *used_until = before;
        }
    }

    /// Drops the entries that allow a full burst again.
    pub(super) fn sweep(&self, now: Instant) {
        let mut entries = self.lock();
        entries.retain(|_, used_until| *used_until > now);
        entries.shrink_to_fit();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Instant>> {
        self.used_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn a_burst_passes_and_then_one_try_in_its_part_of_the_period() {
        let (tries, now) = (Tries::new((6, MINUTE)), Instant::now());
        for _ in 0..6 {
            tries.take(1, now).unwrap();
        }
        let wait = tries.take(1, now).unwrap_err();
        assert!(wait > Duration::from_secs(9) && wait <= Duration::from_secs(10), "{wait:?}");
        tries.take(2, now).unwrap();
        tries.take(1, now + Duration::from_secs(10)).unwrap();
        assert!(tries.take(1, now + Duration::from_secs(11)).is_err());
        let burst = (0..10).filter(|_| tries.take(1, now + MINUTE * 3).is_ok()).count();
        assert_eq!(burst, 6);
    }

    #[test]
    fn what_is_given_back_can_be_taken_again_and_no_more() {
        let (tries, now) = (Tries::new((3, MINUTE)), Instant::now());
        for _ in 0..100 {
            tries.take(1, now).unwrap();
            tries.give_back(1);
        }
        tries.give_back(1);
        tries.give_back(2);
        assert_eq!((0..10).filter(|_| tries.take(1, now).is_ok()).count(), 3);
    }

    #[test]
    fn who_may_try_a_full_burst_again_is_forgotten() {
        let (tries, now) = (Tries::new((3, MINUTE)), Instant::now());
        tries.take(1, now).unwrap();
        tries.take(2, now + MINUTE).unwrap();
        tries.sweep(now + MINUTE);
        assert_eq!(tries.lock().len(), 1);
        let many = Tries::new((1, Duration::from_nanos(1)));
        for key in 0..u64::try_from(MAX_ENTRIES).unwrap() + 2 {
            many.take(key, now + Duration::from_nanos(2 * key)).unwrap();
        }
        assert!(many.lock().len() < 10, "{}", many.lock().len());
    }
}
