//! Cells that a spreadsheet would take for formulas (OWASP, "CSV Injection"): a customer's name that begins with `=` must
//! not run on the computer of who opens the file.

use std::borrow::Cow;

/// With these a formula begins.
const STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// What a cell holds in a file: text that a spreadsheet would run gets an apostrophe before it, and so does text that
/// looks as if it had got one, so that [`unguard`] gives back what was.
pub(super) fn guard(text: &str) -> Cow<'_, str> {
    if looks_guarded(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// The text of a cell of a file.
pub(super) fn unguard(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| looks_guarded(rest)).unwrap_or(text)
}

/// Begins a formula, behind any number of apostrophes.
fn looks_guarded(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(STARTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_guarded_and_other_text_is_not() {
        for text in ["=1+1", "+49 30", "-5", "@here", "\tx", "\rx", "'=1", "''-"] {
            assert_eq!(guard(text), format!("'{text}"));
            assert_eq!(unguard(&guard(text)), text);
        }
        for text in ["", "a=1", "'", "'quoted'", " =1", "1-2", "Ölkanne", "''"] {
            assert_eq!(guard(text), text);
            assert_eq!(unguard(text), text);
        }
        // As somebody typed it who knows the trick.
        assert_eq!(unguard("'-5"), "-5");
    }

    proptest::proptest! {
        #[test]
        fn every_text_comes_back_and_none_begins_a_formula(text in "['=+@\t\r\\-a ]{0,6}|.{0,20}") {
            let guarded = guard(&text);
            proptest::prop_assert!(!guarded.starts_with(STARTS));
            proptest::prop_assert_eq!(unguard(&guarded), text.as_str());
        }
    }
}
