//! What people call an order.

use crate::clock::Moment;

/// Crockford's letters (base 32 without I, L, O and U), less 0 and 1, which nobody can tell from O and I on paper.
const LETTERS: &[u8; 30] = b"23456789ABCDEFGHJKMNPQRSTVWXYZ";

/// How long numbers begin with the same three letters, in milliseconds.
const TICK: i64 = 100;

/// A number for an order: two groups of five letters and digits (`7KQ2M-X9D4T`). It is unique by the store's guard: a
/// decision that drew a taken one is made again.
///
/// The first three letters are those of a clock that turns once in 45 minutes, the others 34 unguessable bits. Orders of one
/// moment so stand side by side in the index of numbers, which costs a store much less than one place anywhere for each; and
/// a number tells neither the day nor how many there are.
#[must_use]
pub fn draw_number(moment: &mut Moment) -> String {
    let ticks = u32::try_from((moment.now().timestamp_millis() / TICK).rem_euclid(30 * 30 * 30)).unwrap_or_default();
    let mut letters: String = [ticks / 900, ticks / 30 % 30, ticks % 30].into_iter().map(letter).collect();
    letters.extend((0..7).map(|_| letter(moment.below(30))));
    letters.insert(5, '-');
    letters
}

fn letter(index: u32) -> char {
    let index = usize::try_from(index).unwrap_or_default();
    LETTERS.get(index).copied().map_or('2', char::from)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::clock::Timestamp;
    use crate::orders::tests::moment;

    #[test]
    fn numbers_are_short_speakable_and_all_different() {
        let mut moment = moment();
        let numbers: HashSet<_> = (0..10_000).map(|_| draw_number(&mut moment)).collect();
        assert_eq!(numbers.len(), 10_000);
        let mut seen = HashSet::new();
        for number in &numbers {
            assert_eq!((number.len(), number.as_bytes()[5]), (11, b'-'));
            seen.extend(number[3..].bytes());
        }
        assert_eq!(seen.len(), 31, "thirty letters and the hyphen");
    }

    #[test]
    fn numbers_of_one_moment_begin_alike_and_later_ones_follow_for_45_minutes() {
        let at = |millis: i64| {
            let now = Timestamp::from_timestamp_millis(TICK * 27_000 * 1_000_000 + millis).unwrap();
            draw_number(&mut Moment::new(now, [7; 32]))
        };
        assert_eq!(at(0)[..3], *"222");
        assert_eq!(at(99)[..3], *"222");
        assert_eq!(at(100)[..3], *"223");
        assert_eq!(at(100 * 31)[..3], *"233");
        assert_eq!(at(100 * 26_999)[..3], *"ZZZ");
        assert_eq!(at(100 * 27_000)[..3], *"222");
        assert_eq!(at(-1)[..3], *"ZZZ", "and before 1970");
        let ordered: Vec<_> = (0..270).map(|tenths| at(tenths * 10_000)).collect();
        assert!(ordered.is_sorted(), "{ordered:?}");
    }
}
