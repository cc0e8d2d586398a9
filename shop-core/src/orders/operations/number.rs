//! Order numbers.

use unicode_normalization::UnicodeNormalization as _;

use crate::clock::DecisionContext;

/// Crockford's base 32 alphabet (no I, L, O, U) without 0 and 1, which look like O and I in print.
const LETTERS: &[u8; 30] = b"23456789ABCDEFGHJKMNPQRSTVWXYZ";

/// How long consecutive numbers share their first three letters, in milliseconds.
const TICK: i64 = 100;

/// Draws an order number: two groups of five letters and digits (`7KQ2M-X9D4T`). The store guards its uniqueness; a
/// decision that drew a taken number is retried.
///
/// The first three letters come from a clock that wraps around every 45 minutes, the others are 34 random bits.
/// Concurrent orders are thus adjacent in the index of numbers, which is much cheaper for a store than random
/// positions. A number reveals neither the day nor how many orders there are.
#[must_use]
pub fn draw_number(context: &mut DecisionContext) -> String {
    let ticks = u32::try_from((context.now().timestamp_millis() / TICK).rem_euclid(30 * 30 * 30)).unwrap_or_default();
    let mut letters: String = [ticks / 900, ticks / 30 % 30, ticks % 30].into_iter().map(letter).collect();
    letters.extend((0..7).map(|_| letter(context.below(30))));
    letters.insert(5, '-');
    letters
}

/// The longest input that is parsed as a number, in characters.
const MAX_WRITTEN: usize = 64;

/// Parses an order number in any spelling: upper or lower case, with or without blanks and hyphens of any kind,
/// optionally after a `#`. `None` if it cannot be an order number.
///
/// ```
/// use shop_core::orders::operations::parse_number;
///
/// assert_eq!(parse_number(" 7kq2m x9d4t "), Some("7KQ2M-X9D4T".to_owned()));
/// assert_eq!(parse_number("7KQ2M"), None);
/// ```
#[must_use]
pub fn parse_number(text: &str) -> Option<String> {
    if text.chars().count() > MAX_WRITTEN {
        return None;
    }
    let text = text.trim();
    let written = text.strip_prefix('#').unwrap_or(text).nfkc().filter(|letter| !is_between(*letter));
    let mut number: String = written.map(|letter| letter.to_ascii_uppercase()).collect();
    let is_letter = |letter: u8| LETTERS.contains(&letter);
    if number.len() != 10 || !number.bytes().all(is_letter) {
        return None;
    }
    number.insert(5, '-');
    Some(number)
}

/// Whether this character may separate the letters of a number: whitespace, also of zero width, and typographic
/// hyphens and dashes.
fn is_between(letter: char) -> bool {
    letter.is_whitespace()
        || matches!(letter, '-' | '_' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2010}'..='\u{2015}' | '\u{2060}')
        || matches!(letter, '\u{2212}' | '\u{feff}' | '\u{fe58}' | '\u{fe63}')
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
    use crate::orders::tests::context;

    #[test]
    fn numbers_are_short_speakable_and_all_different() {
        let mut context = context();
        let numbers: HashSet<_> = (0..10_000).map(|_| draw_number(&mut context)).collect();
        assert_eq!(numbers.len(), 10_000);
        let mut seen = HashSet::new();
        for number in &numbers {
            assert_eq!((number.len(), number.as_bytes()[5]), (11, b'-'));
            seen.extend(number[3..].bytes());
        }
        assert_eq!(seen.len(), 31, "thirty letters and the hyphen");
    }

    #[test]
    fn a_number_is_known_however_it_is_written() {
        let same = [
            "7KQ2M-X9D4T",
            "7kq2m-x9d4t",
            "7KQ2MX9D4T",
            " 7kq2m x9d4t\n",
            "7KQ2M\u{2011}X9D4T",
            "7KQ2M \u{2013} X9D4T",
            "#7KQ2M-X9D4T",
            "7 K Q 2 M X 9 D 4 T",
            "\u{ff17}\u{ff2b}\u{ff31}\u{ff12}\u{ff2d}-X9D4T",
        ];
        for written in same {
            assert_eq!(parse_number(written).as_deref(), Some("7KQ2M-X9D4T"), "{written:?}");
        }
        let long = "-".repeat(MAX_WRITTEN) + "7KQ2MX9D4T";
        let others =
            ["", "7KQ2M", "7KQ2M-X9D4T2", "7KQ2M-X9D4O", "7KQ2M-X9D41", "7KQ2M/X9D4T", "ж".repeat(5).as_str(), &long]
                .map(parse_number);
        assert!(others.iter().all(Option::is_none), "{others:?}");
        let mut context = context();
        let drawn = draw_number(&mut context);
        assert_eq!(parse_number(&drawn.to_lowercase()), Some(drawn));
    }

    #[test]
    fn numbers_of_one_moment_begin_alike_and_later_ones_follow_for_45_minutes() {
        let at = |millis: i64| {
            let now = Timestamp::from_timestamp_millis(TICK * 27_000 * 1_000_000 + millis).unwrap();
            draw_number(&mut DecisionContext::new(now, [7; 32]))
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
