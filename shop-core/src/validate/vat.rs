//! VAT and tax numbers.

#![expect(clippy::needless_pass_by_value, reason = "`Checks` hands over what was given")]

use super::{BLANK, too_long};

/// The maximum length of a number, in characters, separators included.
const MAX_VAT_ID_LENGTH: usize = 40;
/// The length of a number from outside the EU, in letters and digits.
const LENGTHS: std::ops::RangeInclusive<usize> = 5..=24;

/// The format of a VAT number after its country prefix, for the EU and Northern Ireland: the minimum and maximum number
/// of letters and digits, and whether only digits are allowed (VIES, Directive 2006/112/EC article 215).
const EU: [(&str, usize, usize, bool); 28] = [
    ("AT", 9, 9, false),
    ("BE", 10, 10, true),
    ("BG", 9, 10, true),
    ("CY", 9, 9, false),
    ("CZ", 8, 10, true),
    ("DE", 9, 9, true),
    ("DK", 8, 8, true),
    ("EE", 9, 9, true),
    ("EL", 9, 9, true),
    ("ES", 9, 9, false),
    ("FI", 8, 8, true),
    ("FR", 11, 11, false),
    ("HR", 11, 11, true),
    ("HU", 8, 8, true),
    ("IE", 8, 9, false),
    ("IT", 11, 11, true),
    ("LT", 9, 12, true),
    ("LU", 8, 8, true),
    ("LV", 11, 11, true),
    ("MT", 8, 8, true),
    ("NL", 12, 12, false),
    ("PL", 10, 10, true),
    ("PT", 9, 9, true),
    ("RO", 2, 10, true),
    ("SE", 12, 12, true),
    ("SI", 8, 8, true),
    ("SK", 10, 10, true),
    ("XI", 5, 12, false),
];

/// Accepts a plausible VAT or tax number and keeps it as typed. An EU number has the length and the letters of its
/// country (`DE123456789`, `FR 12 345678901`); any other has 5 to 24 letters and digits, most of them digits. Spaces,
/// dots, hyphens and slashes may separate them. Does not check whether the number was issued.
pub fn vat_id(given: String) -> Result<String, String> {
    let text = given.trim();
    if text.is_empty() {
        return Err(BLANK.into());
    }
    if text.chars().nth(MAX_VAT_ID_LENGTH).is_some() {
        return Err(too_long(MAX_VAT_ID_LENGTH));
    }
    if is_vat_id(text) { Ok(text.to_owned()) } else { Err("Enter a valid VAT number.".into()) }
}

fn is_vat_id(text: &str) -> bool {
    let ends =
        |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric() || "+*".contains(letter));
    if !ends(text.chars().next()) || !ends(text.chars().next_back()) {
        return false;
    }
    // Irish numbers may contain a plus or an asterisk in place of a letter.
    let is_sign = |letter: char| letter.is_ascii_alphanumeric() || "+*".contains(letter);
    if !text.chars().all(|letter| is_sign(letter) || " .-/".contains(letter)) {
        return false;
    }
    let compact: String =
        text.chars().filter(|letter| is_sign(*letter)).map(|letter| letter.to_ascii_uppercase()).collect();
    let digits = compact.bytes().filter(u8::is_ascii_digit).count();
    let country = EU.iter().find(|(prefix, ..)| compact.starts_with(prefix));
    match country {
        Some((prefix, fewest, most, digits_only)) => {
            let number = compact.len() - prefix.len();
            let fits = (*fewest..=*most).contains(&number);
            fits && if *digits_only { digits == number } else { digits * 2 > number }
        }
        None => LENGTHS.contains(&compact.len()) && digits * 2 > compact.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for good in [
            "DE123456789",
            "de 123 456 789",
            "ATU12345678",
            "FR 12 345678901",
            "FRXX123456789",
            "ESX1234567X",
            "NL123456789B01",
            "IE1234567WA",
            "IE1+23456X",
            "RO12",
            "CHE-123.456.789 MWST",
            "GB 123 4567 89",
            "12-3456789",
            "51 824 753 556",
            "NO 123 456 789 MVA",
            "12/345/67890",
        ] {
            assert_eq!(vat_id(format!(" {good} ")), Ok(good.into()));
        }
        for wrong in [
            "",
            "DE12",
            "DE12345678X",
            "DE1234567890",
            "none",
            "VAT",
            "123",
            "-12345",
            "12345-",
            "DE123456789\n1",
            "1234_5678",
            "A B C D E F",
            "٣٤٥٦٧٨٩",
            &"1".repeat(25),
            &"1 ".repeat(30),
        ] {
            assert!(vat_id(wrong.into()).is_err(), "{wrong:?}");
        }
    }
}
