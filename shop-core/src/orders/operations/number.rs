//! What people call an order.

use crate::clock::Moment;

/// Crockford's letters (base 32 without I, L, O and U), less 0 and 1, which nobody can tell from O and I on paper.
const LETTERS: &[u8; 30] = b"23456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A number for an order: two groups of five letters and digits (`7KQ2M-X9D4T`), 49 unguessable bits. It is unique by
/// the store's guard: a decision that drew a taken one is made again.
#[must_use]
pub fn draw_number(moment: &mut Moment) -> String {
    let mut group = || -> String { (0..5).map(|_| letter(moment.below(30))).collect() };
    format!("{}-{}", group(), group())
}

fn letter(index: u32) -> char {
    let index = usize::try_from(index).unwrap_or_default();
    LETTERS.get(index).copied().map_or('2', char::from)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::orders::tests::moment;

    #[test]
    fn numbers_are_short_speakable_and_all_different() {
        let mut moment = moment();
        let numbers: HashSet<_> = (0..10_000).map(|_| draw_number(&mut moment)).collect();
        assert_eq!(numbers.len(), 10_000);
        let mut seen = HashSet::new();
        for number in &numbers {
            assert_eq!((number.len(), number.as_bytes()[5]), (11, b'-'));
            seen.extend(number.bytes());
        }
        assert_eq!(seen.len(), 31, "thirty letters and the hyphen");
    }
}
