//! Normalizes text for comparing, sorting and searching: folding and tokenizing.
//!
//! Every store saves the results of these functions and compares them bytewise, so that search and order behave the
//! same in all of them.

use std::collections::HashSet;

use caseless::Caseless as _;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::{canonical_combining_class, is_combining_mark};

/// The maximum number of tokens of a query; further tokens are ignored, since they would hardly narrow the result.
pub const MAX_QUERY_TOKENS: usize = 8;
/// The maximum number of distinct tokens of a document that are searchable: a long description has a few thousand
/// words.
pub const MAX_DOCUMENT_TOKENS: usize = 5_000;
/// The maximum length of a token in characters. Longer tokens are truncated, in documents and queries alike.
pub const MAX_TOKEN_LENGTH: usize = 64;
/// The maximum length of a query in characters. The rest is ignored.
const MAX_QUERY_LENGTH: usize = 1_000;

/// Maps spellings that count as equal to the same text: Unicode's compatibility caseless form (The Unicode Standard,
/// D146), composed. Accents are significant. Suitable for keys made from names and addresses.
#[must_use]
pub fn caseless(text: &str) -> String {
    text.nfd().default_case_fold().nfkd().default_case_fold().nfkd().nfc().collect()
}

/// Normalizes text for searching and sorting: like [`caseless()`], but without accents, with letters that have no
/// decomposition spelled out (`ø` is `o`, `æ` is `ae`), and with single spaces.
///
/// ```
/// assert_eq!(shop_core::text::fold("  Crème\tBRÛLÉE "), "creme brulee");
/// assert_eq!(shop_core::text::fold("Straße nach Łódź"), "strasse nach lodz");
/// ```
#[must_use]
pub fn fold(text: &str) -> String {
    if text.is_ascii() { fold_ascii(text) } else { fold_any(text) }
}

/// A much faster [`fold`] for ASCII, which most text is: every order folds some.
fn fold_ascii(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in text.chars() {
        if !letter.is_whitespace() {
            folded.push(letter.to_ascii_lowercase());
        } else if !folded.is_empty() && !folded.ends_with(' ') {
            folded.push(' ');
        }
    }
    folded.truncate(folded.trim_end().len());
    folded
}

fn fold_any(text: &str) -> String {
    let letters = text.nfd().default_case_fold().nfkd().default_case_fold().nfkd();
    let mut folded = String::with_capacity(text.len());
    for letter in letters.filter(|letter| !is_accent(*letter)) {
        match spelled_out(letter) {
            Some(letters) => folded.push_str(letters),
            None if letter.is_whitespace() => {
                if !folded.is_empty() && !folded.ends_with(' ') {
                    folded.push(' ');
                }
            }
            None => folded.push(letter),
        }
    }
    folded.truncate(folded.trim_end().len());
    folded.nfc().collect()
}

/// The distinct words of a document, folded, in the order of their first appearance.
///
/// A word is a run of letters and digits of any script. In scripts without spaces, such as Chinese, a run is one word
/// and is found by its beginning.
#[must_use]
pub fn tokens(text: &str) -> Vec<String> {
    bounded_tokens(text, MAX_DOCUMENT_TOKENS)
}

/// Splits a search query into terms: [folded](fold) and split at blanks, at most [`MAX_QUERY_TOKENS`]. A result must
/// contain each of them. A blank query has no terms.
#[must_use]
pub fn search_terms(query: &str) -> Vec<String> {
    fold(beginning(query))
        .split(' ')
        .filter(|term| !term.is_empty())
        .take(MAX_QUERY_TOKENS)
        .map(str::to_owned)
        .collect()
}

/// The part of a query within [`MAX_QUERY_LENGTH`].
fn beginning(query: &str) -> &str {
    let end = query.char_indices().nth(MAX_QUERY_LENGTH).map_or(query.len(), |(end, _)| end);
    query.get(..end).unwrap_or_default()
}

/// The distinct words of a query: at most [`MAX_QUERY_TOKENS`]. All of them must match as prefixes.
#[must_use]
pub fn query_tokens(query: &str) -> Vec<String> {
    bounded_tokens(beginning(query), MAX_QUERY_TOKENS)
}

fn bounded_tokens(text: &str, most: usize) -> Vec<String> {
    let folded = fold(text);
    let mut seen = HashSet::new();
    // Marks are parts of words in Indic scripts; on their own (in an emoji, for example) they are not words.
    folded
        .split(|letter: char| !letter.is_alphanumeric() && !is_combining_mark(letter))
        .map(|word| word.trim_start_matches(|letter: char| !letter.is_alphanumeric()))
        .filter(|word| !word.is_empty())
        .map(|word| word.char_indices().nth(MAX_TOKEN_LENGTH).map_or(word, |(end, _)| word.get(..end).unwrap_or(word)))
        .filter(|word| seen.insert(*word))
        .take(most)
        .map(str::to_owned)
        .collect()
}

/// Whether a mark is often omitted in typing: the accents of Latin, Greek and Cyrillic (combining classes from 200),
/// and the points of Hebrew and Arabic (10 to 36). Marks of Indic and Japanese letters are kept: removing them changes
/// the letter.
fn is_accent(letter: char) -> bool {
    matches!(canonical_combining_class(letter), 10..=36 | 200..)
}

/// The usual spelling of Latin letters that Unicode does not decompose, on a keyboard without them.
fn spelled_out(letter: char) -> Option<&'static str> {
    Some(match letter {
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'ħ' => "h",
        'ı' => "i",
        'þ' => "th",
        'æ' => "ae",
        'œ' => "oe",
        _ => return None,
    })
}

/// Whether a character is invisible or changes the reading direction.
pub(crate) fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Whether a character separates domain labels: programs treat full-width dots like the ASCII dot (UTS #46).
pub(crate) fn is_domain_dot(letter: char) -> bool {
    matches!(letter, '.' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_searched_for_is_parted_at_blanks() {
        assert_eq!(search_terms(" Ada\u{a0}LÖVELACE  7KQ2M-x "), ["ada", "lovelace", "7kq2m-x"]);
        assert!(search_terms(" \t\u{3000} ").is_empty());
        assert_eq!(search_terms(&"a ".repeat(100)).len(), MAX_QUERY_TOKENS);
        assert_eq!(search_terms(&"é".repeat(2_000)), ["e".repeat(MAX_QUERY_LENGTH)]);
    }

    proptest! {
        #[test]
        fn ascii_is_folded_as_all_text_is(text in "[\\x00-\\x7f]{0,40}") {
            prop_assert_eq!(fold_ascii(&text), fold_any(&text));
        }
    }

    #[test]
    fn folding_removes_what_people_do_not_type() {
        for (text, folded) in [
            ("", ""),
            (" \t\n\u{a0}\u{3000}", ""),
            ("Café", "cafe"),
            ("CAFE\u{301}", "cafe"),
            ("  a \n b  ", "a b"),
            ("Straße", "strasse"),
            ("STRASSE", "strasse"),
            ("ẞ", "ss"),
            ("Ærøskøbing", "aeroskobing"),
            ("İstanbul", "istanbul"),
            ("ΣΊΣΥΦΟΣ", "σισυφοσ"),
            ("Σίσυφος", "σισυφοσ"),
            ("Ёлка", "елка"),
            ("ﬁne №5 Ⅷ ½", "fine no5 viii 1⁄2"),
            ("ＡＢＣ１２", "abc12"),
            ("東京タワー", "東京タワー"),
            ("ガギ", "ガギ"),
            ("한국", "한국"),
            ("हिन्दी", "हिन्दी"),
            ("שָׁלוֹם", "שלום"),
            ("👍🏽 ok", "👍🏽 ok"),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
    }

    #[test]
    fn the_caseless_form_keeps_accents() {
        assert_eq!(caseless("MÜLLER@Straße.DE"), "müller@strasse.de");
        assert_eq!(caseless("Mu\u{308}ller"), caseless("MÜLLER"));
        assert_ne!(caseless("Muller"), caseless("Müller"));
        // The dotless i is a different letter, so it cannot be used to impersonate a user.
        assert_ne!(caseless("mıke"), caseless("mike"));
    }

    #[test]
    fn words_are_found_once_in_order() {
        for (text, words) in [
            ("", vec![]),
            ("!? — 👍🏽 ❤\u{fe0f} 1\u{fe0f}\u{20e3}", vec!["1\u{fe0f}\u{20e3}"]),
            ("The tea, the TEA and thé", vec!["the", "tea", "and"]),
            ("T-shirt ABC-12/x_y", vec!["t", "shirt", "abc", "12", "x", "y"]),
            ("東京 タワー。東京", vec!["東京", "タワー"]),
            ("हिन्दी भाषा", vec!["हिन्दी", "भाषा"]),
            ("Größe: 42½", vec!["grosse", "421", "2"]),
        ] {
            assert_eq!(tokens(text), words, "{text}");
        }
    }

    #[test]
    fn tokens_are_bounded() {
        let many: Vec<_> = (0..MAX_DOCUMENT_TOKENS + 10).map(|number| format!("w{number}")).collect();
        let many = many.join(" ");
        assert_eq!(tokens(&many).len(), MAX_DOCUMENT_TOKENS);
        assert_eq!(query_tokens(&many), ["w0", "w1", "w2", "w3", "w4", "w5", "w6", "w7"]);
        let long = "ä".repeat(100_000);
        assert_eq!(tokens(&long), ["a".repeat(MAX_TOKEN_LENGTH)]);
        assert_eq!(query_tokens(&long), tokens(&long));
        assert_eq!(query_tokens(&format!("{} tea", " ".repeat(10_000))), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn folding_again_changes_nothing(text in "\\PC{0,40}|.{0,40}") {
            let folded = fold(&text);
            prop_assert_eq!(fold(&folded), folded.clone());
            prop_assert_eq!(folded.trim(), &folded);
            prop_assert_eq!(caseless(&caseless(&text)), caseless(&text));
        }

        #[test]
        fn upper_and_lower_case_fold_alike(text in "[a-zA-ZäöüÄÖÜßéÉçÇñÑøØłŁа-яА-Я ]{0,40}") {
            prop_assert_eq!(fold(&text.to_uppercase()), fold(&text));
        }

        #[test]
        fn tokens_are_words(text in ".{0,60}") {
            let found = tokens(&text);
            prop_assert!(found.iter().all(|token| token.chars().count() <= MAX_TOKEN_LENGTH));
            prop_assert!(found.iter().all(|token| token.starts_with(char::is_alphanumeric)));
            prop_assert!(query_tokens(&text).iter().zip(&found).all(|(a, b)| a == b));
        }
    }
}
