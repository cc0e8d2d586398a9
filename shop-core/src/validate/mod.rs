//! Validators of single fields, for [`Checks`](crate::field::Checks). Each function takes the given value and returns
//! the value to keep, or a sentence that says why it is refused.
//!
//! The sentences are those of Django and Django REST framework where they have one, because front ends display them.
//!
//! ```
//! use shop_core::field::{Checks, Field};
//! use shop_core::validate;
//!
//! let mut checks = Checks::new();
//! let email = checks.required("email", Field::from(" Ada@Example.com "), validate::email);
//! let city = checks.required("city", Field::from("Paris"), validate::text(1, 100));
//! let phone = checks.optional("phone", Field::from(""), validate::or_blank(validate::phone)).flatten();
//! assert_eq!(email.map(|email| (email.address, email.key)), Some(("Ada@Example.com".into(), "ada@example.com".into())));
//! assert_eq!((city.as_deref(), phone), (Some("Paris"), None));
//! assert!(checks.finish().is_ok());
//! ```

mod catalog;
mod contacts;
mod password;
mod vat;

use std::borrow::Cow;

use crate::string_enum::StringEnum;

pub use catalog::{MAX_QUANTITY, MAX_SLUG_LENGTH, MEDIA_PATH, code, http_url, image_url, quantity, sku, slug, slugify};
pub(crate) use contacts::is_same_mailbox;
pub use contacts::{
    Email, Username, amounts_in, country, currency, email, email_key, has_cities, person_name, phone, username,
    username_key,
};
pub use password::{MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH, new_password, password_problems};
pub use vat::vat_id;

/// The maximum length of a note or comment, in characters.
pub const MAX_NOTE_LENGTH: usize = 2_000;

const BLANK: &str = "This field may not be blank.";

/// Accepts a single line of `min` to `max` characters and trims it. Line breaks, which pasted text may contain, become
/// spaces.
pub fn text(min: usize, max: usize) -> impl Fn(String) -> Result<String, String> {
    move |text| bounded(&text, min, max, false)
}

/// Accepts any number of lines, `min` to `max` characters in all, and trims the text. Every Unicode line break becomes
/// `\n`.
pub fn multiline(min: usize, max: usize) -> impl Fn(String) -> Result<String, String> {
    move |text| bounded(&text, min, max, true)
}

/// Accepts a note, which may be empty: at most [`MAX_NOTE_LENGTH`] characters.
pub fn note(text: String) -> Result<String, String> {
    multiline(0, MAX_NOTE_LENGTH)(text)
}

/// Accepts a whole number from `min` to `max`.
pub fn between(min: i64, max: i64) -> impl Fn(i64) -> Result<i64, String> {
    move |number| {
        if (min..=max).contains(&number) {
            Ok(number)
        } else {
            Err(format!("Must be a whole number from {min} to {max}."))
        }
    }
}

/// Parses a value of a string enum, such as a status.
pub fn string_enum<E: StringEnum>(text: &str) -> Result<E, String> {
    E::parse(text).ok_or_else(|| {
        let values: Vec<_> = E::ALL.iter().map(|value| value.as_str()).collect();
        format!("Must be one of: {}.", values.join(", "))
    })
}

/// Makes a check accept a blank text as `None`: forms send `""` for fields left empty.
pub fn or_blank<T>(
    parse: impl FnOnce(String) -> Result<T, String>,
) -> impl FnOnce(String) -> Result<Option<T>, String> {
    move |text| if text.trim().is_empty() { Ok(None) } else { parse(text).map(Some) }
}

fn bounded(text: &str, min: usize, max: usize, lines: bool) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() && min > 0 {
        return Err(BLANK.into());
    }
    // `nth` stops at the limit; `count` would walk through a megabyte.
    if text.chars().nth(max).is_some() {
        return Err(too_long(max));
    }
    if min > 0 && text.chars().nth(min - 1).is_none() {
        return Err(format!("Ensure this field has at least {min} characters."));
    }
    let text = with_line_breaks(text, if lines { "\n" } else { " " });
    no_control_characters(&text, lines)?;
    Ok(text.into_owned())
}

/// Replaces each line break in a text. Line breaks are the characters at which Unicode always breaks a line (UAX #14,
/// classes BK, CR, LF and NL); word processors and spreadsheets write the unusual ones.
fn with_line_breaks<'a>(text: &'a str, line_break: &str) -> Cow<'a, str> {
    const LINE_BREAKS: [char; 7] = ['\n', '\u{b}', '\u{c}', '\r', '\u{85}', '\u{2028}', '\u{2029}'];
    if !text.contains(LINE_BREAKS) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace("\r\n", "\n").replace(LINE_BREAKS, line_break))
}

fn too_long(max: usize) -> String {
    format!("Ensure this field has no more than {max} characters.")
}

/// Refuses NUL, which not every database can store, and other control characters, which do not belong in text that
/// users type.
fn no_control_characters(text: &str, lines: bool) -> Result<(), String> {
    if text.contains('\0') {
        return Err("Null characters are not allowed.".into());
    }
    let refused = |letter: char| if lines && "\n\t".contains(letter) { false } else { letter.is_control() };
    if text.chars().any(refused) { Err("Control characters are not allowed.".into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_trimmed_and_bounded() {
        let check = |given: &str| text(2, 5)(given.into());
        assert_eq!(check("  ab "), Ok("ab".into()));
        assert_eq!(check("äöüßé"), Ok("äöüßé".into()));
        assert_eq!(check(" \u{a0}\t"), Err(BLANK.into()));
        assert_eq!(check("a"), Err("Ensure this field has at least 2 characters.".into()));
        assert_eq!(check("abcdef"), Err("Ensure this field has no more than 5 characters.".into()));
        assert_eq!(check("a\0b"), Err("Null characters are not allowed.".into()));
        for control in ["a\tb", "a\u{1b}b", "a\u{7f}b", "a\u{1c}b", "a\u{8}b", "a\u{86}b"] {
            assert_eq!(check(control), Err("Control characters are not allowed.".into()), "{control:?}");
        }
        assert_eq!(text(0, 5)("  ".into()), Ok(String::new()));
    }

    #[test]
    fn every_line_break_of_unicode_is_one() {
        for line_break in ["\n", "\r", "\r\n", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}"] {
            let given = format!("{line_break}a{line_break}b{line_break}");
            assert_eq!(multiline(1, 20)(given.clone()), Ok("a\nb".into()), "{line_break:?}");
            assert_eq!(text(1, 20)(given), Ok("a b".into()), "{line_break:?}");
        }
        assert_eq!(multiline(1, 20)("a\n\r\u{2029}b".into()), Ok("a\n\n\nb".into()));
    }

    #[test]
    fn lines_are_kept_where_they_are_allowed() {
        assert_eq!(multiline(1, 20)("a\r\n\tb\rc\n".into()), Ok("a\n\tb\nc".into()));
        assert!(multiline(1, 20)("a\u{0}".into()).is_err() && multiline(1, 20)("a\u{7}c".into()).is_err());
        assert_eq!(note(String::new()), Ok(String::new()));
        assert!(note("x".repeat(2_000)).is_ok() && note("x".repeat(2_001)).is_err());
    }

    #[test]
    fn blank_can_mean_nothing() {
        assert_eq!(or_blank(phone)("  ".into()), Ok(None));
        assert_eq!(or_blank(phone)("+1 555 0100".into()), Ok(Some("+1 555 0100".into())));
        assert!(or_blank(phone)("x".into()).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_a_check_panic_and_what_is_kept_passes_again(given in "(?s).{0,80}|[a-z0-9@.+_:/ -]{0,80}") {
            let checks: [fn(String) -> Result<String, String>; 12] = [
                |given| text(1, 40)(given),
                |given| multiline(0, 40)(given),
                |given| email(given).map(|email| email.address),
                |given| username(given).map(|username| username.name),
                person_name,
                phone,
                country,
                slug,
                sku,
                http_url,
                vat_id,
                image_url,
            ];
            for (number, check) in checks.into_iter().enumerate() {
                if let Ok(kept) = check(given.clone()) {
                    prop_assert_eq!(check(kept.clone()), Ok(kept), "check {}", number);
                }
            }
            let _ = currency(given.clone());
        }
    }
}
