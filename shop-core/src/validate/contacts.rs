//! Validators of personal data: e-mail addresses, names, phone numbers and countries.

#![expect(clippy::needless_pass_by_value, reason = "`Checks` hands over what was given")]

use std::str::FromStr as _;

use email_address::{EmailAddress, Options};
use unicode_normalization::UnicodeNormalization as _;

use super::{BLANK, bounded, no_control_characters, too_long};
use crate::money::Currency;
use crate::region;
use crate::text::{caseless, is_invisible};

/// The longest address that SMTP can carry (RFC 5321, 4.5.3.1.3, less the angle brackets).
const MAX_EMAIL_LENGTH: usize = 254;
const MAX_USERNAME_LENGTH: usize = 150;
const MAX_NAME_LENGTH: usize = 150;
const MAX_PHONE_LENGTH: usize = 32;
const MAX_EXTENSION_LENGTH: usize = 20;

/// An e-mail address, as typed and as compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    /// The address as typed. Mail is sent only to this spelling.
    pub address: String,
    /// The key for comparisons; see [`email_key`].
    pub key: String,
}

/// A user name, as shown and as compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username {
    /// The name as shown, in Unicode NFKC.
    pub name: String,
    /// The key for comparisons; see [`username_key`].
    pub key: String,
}

/// Accepts an e-mail address (RFC 5321, with the characters of RFC 6531) with a dot in its domain, without a display
/// name and without a domain literal.
pub fn email(given: String) -> Result<Email, String> {
    let address = given.trim();
    if address.is_empty() {
        return Err(BLANK.into());
    }
    if address.len() > MAX_EMAIL_LENGTH {
        return Err(too_long(MAX_EMAIL_LENGTH));
    }
    let options = Options::default().with_required_tld().without_domain_literal().without_display_text();
    // Invisible characters would make two addresses that look the same differ.
    let visible =
        address.chars().all(|letter| !letter.is_whitespace() && !letter.is_control() && !is_invisible(letter));
    match EmailAddress::parse_with_options(address, options) {
        Ok(_) if visible => Ok(Email { address: address.to_owned(), key: email_key(address) }),
        _ => Err("Enter a valid email address.".into()),
    }
}

/// The key under which two spellings are the same address. Not every mail server would agree, but two accounts whose
/// addresses differ only in case or normalization belong to one user, or are a trap.
///
/// Takes any text, so that the input of a sign-in form can be looked up.
#[must_use]
pub fn email_key(address: &str) -> String {
    caseless(address.trim())
}

/// Whether two addresses are the same mailbox. [`email_key`] treats more addresses as equal, so that no account looks
/// like another one. But mail to `faß.de` does not arrive at `fass.de` (RFC 5891), so access to what belongs to a
/// mailbox is decided here. Only ASCII case is ignored: which other letters a mail server treats as equal is unknown.
pub(crate) fn is_same_mailbox(one: &str, other: &str) -> bool {
    one.trim().eq_ignore_ascii_case(other.trim())
}

/// Accepts a user name: 3 to 150 letters, digits and `@.+-_` of any script, as in Django.
///
/// It may look like an e-mail address and belong to a different user than the address does. A sign-in by "user name or
/// address" must therefore look up the address first.
pub fn username(given: String) -> Result<Username, String> {
    // NFKC makes a text up to 18 times as long, so a text that is far too long is refused first.
    if given.len() > MAX_USERNAME_LENGTH * 4 {
        return Err(too_long(MAX_USERNAME_LENGTH));
    }
    let name: String = given.trim().nfkc().collect();
    let name = bounded(&name, 3, MAX_USERNAME_LENGTH, false)?;
    if name.chars().all(|letter| letter.is_alphanumeric() || "@.+-_".contains(letter)) {
        let key = username_key(&name);
        Ok(Username { name, key })
    } else {
        Err("Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.".into())
    }
}

/// The key under which two spellings are the same user name. Takes any text, as [`email_key`] does.
#[must_use]
pub fn username_key(name: &str) -> String {
    caseless(name.trim())
}

/// Accepts a part of a person's name, which may be empty.
pub fn person_name(given: String) -> Result<String, String> {
    bounded(&given, 0, MAX_NAME_LENGTH, false)
}

/// Accepts a phone number and keeps it as typed: 4 to 20 digits, separated by spaces, hyphens, dots, slashes and
/// parentheses, 5 to 32 characters in all. It may have a leading plus (roughly ITU-T E.164 and E.123) and an extension
/// (`x12`, `ext. 7`).
pub fn phone(given: String) -> Result<String, String> {
    let phone = given.trim();
    if phone.is_empty() {
        return Err(BLANK.into());
    }
    if phone.chars().nth(MAX_PHONE_LENGTH + MAX_EXTENSION_LENGTH).is_none() && is_phone(phone) {
        Ok(phone.to_owned())
    } else {
        Err("Enter a valid phone number.".into())
    }
}

fn is_phone(phone: &str) -> bool {
    let end = phone.find(|letter| !is_of_phone(letter)).unwrap_or(phone.len());
    let (number, extension) = phone.split_at(end);
    let first_digit = number.find(|letter: char| letter.is_ascii_digit()).unwrap_or_default();
    let pluses = number.matches('+').count();
    let leading_plus = number.find('+').is_none_or(|at| at < first_digit);
    let length = number.chars().count();
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let is_number = (5..=MAX_PHONE_LENGTH).contains(&length) && (4..=20).contains(&digits);
    is_number && pluses <= 1 && leading_plus && (extension.is_empty() || is_extension(extension))
}

/// Digits and what may separate them, including non-breaking spaces and typographic hyphens and dashes.
fn is_of_phone(letter: char) -> bool {
    matches!(letter, '0'..='9' | '+' | '-' | '(' | ')' | '.' | '/')
        || matches!(letter, ' ' | '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
        || matches!(letter, '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}')
}

/// An extension: its number, after one of the usual words for it.
fn is_extension(text: &str) -> bool {
    const WORDS: [&str; 9] = ["extension", "extensión", "extn", "ext", "x", "#", "int", "anexo", "доб"];
    let text = text.trim_start_matches([',', ';', ' ']).to_lowercase();
    let rest = WORDS.iter().find_map(|word| text.strip_prefix(word)).unwrap_or_default();
    let digits = rest.trim_start_matches(['.', ':', '=', ' ', '\u{a0}']);
    (1..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Accepts a country: two letters of ISO 3166-1, kept in upper case. Kosovo (`XK`), Ascension (`AC`) and Tristan da
/// Cunha (`TA`), to which mail is delivered though the standard does not assign their codes, are accepted too.
pub fn country(given: String) -> Result<String, String> {
    let code = given.trim();
    if code.is_empty() {
        return Err(BLANK.into());
    }
    Some(code)
        .filter(|code| code.len() == 2 && code.is_ascii())
        .map(str::to_ascii_uppercase)
        .filter(|code| region::is_country(code))
        .ok_or_else(|| "Enter a valid ISO 3166-1 alpha-2 country code.".into())
}

/// Whether an address in this country names a city. Elsewhere the state, the island or the country itself takes its
/// place (Google's address data, the territories that do not require a `C`).
#[must_use]
pub fn has_cities(country: &str) -> bool {
    const WITHOUT: [&str; 13] = ["AE", "AG", "CO", "GI", "HK", "ID", "JP", "KY", "MO", "NR", "SG", "SM", "VG"];
    !WITHOUT.contains(&country)
}

/// Accepts a currency: three letters of ISO 4217, in any case.
pub fn currency(given: String) -> Result<Currency, String> {
    let code = given.trim();
    if code.is_empty() {
        return Err(BLANK.into());
    }
    no_control_characters(code, false)?;
    Some(code)
        .filter(|code| code.len() == 3 && code.is_ascii())
        .and_then(|code| Currency::from_str(&code.to_ascii_uppercase()).ok())
        .ok_or_else(|| "Enter a valid ISO 4217 currency code.".into())
}

/// Accepts only the currency that the accompanying amounts are in: a caller who means another one would be charged a
/// different sum. Blank is accepted.
pub fn amounts_in(expected: Currency) -> impl Fn(String) -> Result<(), String> {
    move |given| {
        if given.trim().is_empty() || currency(given)? == expected {
            Ok(())
        } else {
            Err(format!("The amounts here are in {expected}."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(address: &str) -> Option<String> {
        email(address.into()).ok().map(|email| email.key)
    }

    #[test]
    fn amounts_are_in_one_currency() {
        let check = |given: &str| amounts_in(Currency::USD)(given.into());
        for same in ["USD", " usd ", "", "  "] {
            assert_eq!(check(same), Ok(()), "{same:?}");
        }
        assert_eq!(check("EUR"), Err("The amounts here are in USD.".into()));
        assert_eq!(check("dollars"), Err("Enter a valid ISO 4217 currency code.".into()));
    }

    #[test]
    fn addresses_keep_their_spelling_and_compare_without_it() {
        let address = email("  Ada.Lovelace+shop@Example.COM\n".into()).unwrap();
        assert_eq!(address.address, "Ada.Lovelace+shop@Example.COM");
        assert_eq!(address.key, "ada.lovelace+shop@example.com");
        assert_eq!(key("JOSÉ@exämple.de"), Some(email_key("jose\u{301}@EXÄMPLE.de")));
        assert_ne!(key("jose@example.de"), key("josé@example.de"));
        assert_eq!(email_key(" A@B.C "), "a@b.c");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in [
            "ada",
            "@example.com",
            "ada@",
            "ada@localhost",
            "ada@example..com",
            "ada@@example.com",
            "ada lovelace@example.com",
            "Ada <ada@example.com>",
            "<ada@example.com>",
            "ada@[127.0.0.1]",
            "a@example.com,b@example.com",
            "ada@example.com\r\nBcc: b@example.com",
            "a\0da@example.com",
            "a\u{200b}da@example.com",
            "\"a b\"@example.com",
            &format!("{}@example.com", "a".repeat(65)),
        ] {
            assert_eq!(email(wrong.into()), Err("Enter a valid email address.".into()), "{wrong:?}");
        }
        assert_eq!(email(" ".into()), Err(BLANK.into()));
        assert!(email("a".repeat(1_000_000)).unwrap_err().contains("254"));
    }

    #[test]
    fn usernames_are_djangos() {
        for good in ["ada", "Ada.Lovelace+1@x-y_z", "Åsa", "用户名", &"x".repeat(150)] {
            assert_eq!(username(good.into()).unwrap().name, good);
        }
        assert_eq!(username(" ＡＤＡ ".into()), Ok(Username { name: "ADA".into(), key: "ada".into() }));
        assert_eq!(username("STRASSE".into()).unwrap().key, username("Straße".into()).unwrap().key);
        for wrong in ["", "  ", "ab", "a b c", "a/bc", "a\0bc", "a\u{200b}bc", "<ada>", "😀😀😀", &"x".repeat(151)]
        {
            assert!(username(wrong.into()).is_err(), "{wrong:?}");
        }
        assert!(username("\u{fdfa}".repeat(150)).is_err(), "it grows when it is normalised");
        assert!(username("x".repeat(1_000_000)).is_err());
    }

    #[test]
    fn phones() {
        for good in [
            "12345",
            "+1 (555) 010-0199",
            "0049 89 1234567",
            "+442071838750",
            "(+44) 20 7183 8750",
            "555.010.0199",
            "030/901820",
            "+49\u{a0}30\u{202f}901820\u{2013}0",
            "555\u{2010}010\u{2011}0199",
            "555\u{2012}010\u{2015}0199",
            "03\u{2212}1234\u{ff0d}5678",
            "+1 555 010 0199 x12",
            "+1 555 010 0199x12",
            "555-010-0199 ext. 7",
            "555-010-0199, Ext 7",
            "555-010-0199 EXTENSION: 12345678",
            "5550100199;ext=7",
            "5550100199 #7",
        ] {
            assert_eq!(phone(format!(" {good} ")), Ok(good.into()));
        }
        for wrong in [
            "",
            "1234",
            "+",
            "(((((",
            "555-CALL",
            "++123456",
            "1+23456",
            "+1+23456",
            "١٢٣٤٥٦",
            "123\n456",
            "123\u{2028}456",
            "call me",
            "x12",
            "555 0100 x",
            "555 0100 ext.",
            "555 0100 x12y",
            "555 0100 x123456789",
            "555 0100 x1 x2",
            "555 0100 12\u{200b}",
            &"1".repeat(21),
            &"(".repeat(1_000_000),
        ] {
            assert!(phone(wrong.into()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn countries_and_currencies() {
        for (given, kept) in [(" us ", "US"), ("xk", "XK"), ("AC", "AC"), ("TA", "TA"), ("AX", "AX"), ("um", "UM")] {
            assert_eq!(country(given.into()), Ok(kept.into()));
        }
        for wrong in ["", "U", "USA", "ZZ", "XX", "UK", "EU", "AN", "ÜS", "*", "12", "é"] {
            assert!(country(wrong.into()).is_err(), "{wrong:?}");
        }
        assert_eq!(currency("eur".into()).map(Currency::code), Ok("EUR"));
        for wrong in ["", "E", "EURO", "ZZZ", "€", "XXX"] {
            assert!(currency(wrong.into()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn names_may_be_empty_but_are_one_line() {
        assert_eq!(person_name(" Mary  Ann ".into()), Ok("Mary  Ann".into()));
        assert_eq!(person_name(String::new()), Ok(String::new()));
        assert_eq!(person_name("Mary\u{2028}Ann".into()), Ok("Mary Ann".into()));
        assert!(person_name("a\tb".into()).is_err() && person_name("x".repeat(151)).is_err());
    }
}
