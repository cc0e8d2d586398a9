//! Guards cells that a spreadsheet would run as formulas (OWASP, "CSV Injection"): a customer's name that starts with
//! `=` must not execute on the computer of the user who opens the file.
//!
//! Where the separator is not a comma (many countries use `;`, and some programs a tab), a program splits one of our
//! cells into several. So each piece of a cell is guarded as if it were a cell.

use std::borrow::Cow;

/// Characters that start a formula; spreadsheets in East Asia treat the full-width forms the same.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];
/// Leading characters that some programs trim before they look for a formula.
const TRIMMED: [char; 2] = ['\t', '\r'];
/// Characters after which a program may start a new cell.
const SEPARATORS: [char; 4] = [';', '\t', '\r', '\n'];
/// Characters that may precede a formula: apostrophes, which are guards or look like them, and quotation marks, which a
/// program removes from a cell.
const BEFORE: [char; 2] = ['\'', '"'];

/// Encodes a cell for a file. Each piece that a spreadsheet would run gets an apostrophe in front, and so does one that
/// already looks guarded, so that [`unguard`] restores the original.
pub(super) fn guard(text: &str) -> Cow<'_, str> {
    rewritten(text, |piece, is_first| looks_guarded(piece, is_first).then(|| format!("'{piece}").into()))
}

/// Decodes a cell of a file.
pub(super) fn unguard(text: &str) -> Cow<'_, str> {
    rewritten(text, |piece, is_first| {
        piece.strip_prefix('\'').filter(|rest| looks_guarded(rest, is_first)).map(Cow::Borrowed)
    })
}

/// Replaces the pieces for which `form` returns a new text. A piece includes the separator that ends it.
fn rewritten<'a>(text: &'a str, form: impl Fn(&'a str, bool) -> Option<Cow<'a, str>>) -> Cow<'a, str> {
    let pieces = || text.split_inclusive(SEPARATORS).enumerate().map(|(index, piece)| (piece, form(piece, index == 0)));
    if pieces().all(|(_, form)| form.is_none()) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(pieces().map(|(piece, form)| form.unwrap_or(Cow::Borrowed(piece))).collect())
}

/// Whether a piece starts a formula after any number of apostrophes and quotation marks.
fn looks_guarded(piece: &str, is_first: bool) -> bool {
    let text = piece.trim_start_matches(BEFORE);
    text.starts_with(FORMULA) || (is_first && text.starts_with(TRIMMED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_guarded_and_other_text_is_not() {
        for text in ["=1+1", "+49 30", "-5", "@here", "\tx", "\rx", "'=1", "''-", "\"=1", "\u{ff1d}1+1"] {
            assert_eq!(guard(text), format!("'{text}"));
            assert_eq!(unguard(&guard(text)), text);
        }
        for text in ["", "a=1", "'", "'quoted'", " =1", "1-2", "Ölkanne", "''", "a;b", "a\r\n\r\nb", "a, =1", "\"a\""]
        {
            assert_eq!(guard(text), text);
            assert_eq!(unguard(text), text);
        }
        // As typed by a user who knows the convention.
        assert_eq!(unguard("'-5"), "-5");
    }

    #[test]
    fn what_another_separator_would_make_a_cell_is_guarded_too() {
        for (text, guarded) in [
            ("Eve;=cmd|' /C calc'!A0", "Eve;'=cmd|' /C calc'!A0"),
            ("a\t+1", "a\t'+1"),
            ("a\n-1\r\n@b", "a\n'-1\r\n'@b"),
            ("=1;=2", "'=1;'=2"),
            ("a;'=1", "a;''=1"),
            // Inside a cell the marks are doubled, and a program that splits it takes a pair for an empty text.
            ("a;\"=1", "a;'\"=1"),
        ] {
            assert_eq!(guard(text), guarded);
            assert_eq!(unguard(guarded), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn every_text_comes_back_and_no_piece_begins_a_formula(text in "['\"=+@;\t\r\n\\-a ]{0,9}|.{0,20}") {
            let guarded = guard(&text);
            proptest::prop_assert!(!guarded.starts_with(TRIMMED));
            for piece in guarded.split(SEPARATORS) {
                proptest::prop_assert!(!piece.trim_start_matches('"').starts_with(FORMULA), "{:?}", guarded);
            }
            proptest::prop_assert_eq!(unguard(&guarded), text.as_str());
        }
    }
}
