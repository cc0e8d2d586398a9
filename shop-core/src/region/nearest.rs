//! The error sentence about an unknown region.

use super::table::{Subdivision, all_keys, rows};
use super::{is_country, key};

/// The maximum number of proposed codes.
const MOST: usize = 5;
/// The maximum number of compared characters of a text: the time grows with its square.
const COMPARED: usize = 40;

/// The sentence about a text that names no single region of the country. `like` are the regions that it may mean.
pub(super) fn unknown(country: &str, text: &str, like: &[Subdivision]) -> String {
    let shown: String = text.trim().chars().take(COMPARED).collect();
    if !like.is_empty() {
        let found = listed(like.iter());
        return format!("\"{shown}\" could be {found}: give the code.");
    }
    let near = nearest(country, text);
    if near.is_empty() {
        return format!("ISO 3166-2 has no regions of {country}.");
    }
    format!("\"{shown}\" is no region of {country} in ISO 3166-2. The nearest are {}.", listed(near.iter()))
}

/// Some codes of a country, as examples in the error for a missing region.
pub(crate) fn example(country: &str) -> String {
    let first: Vec<_> = rows(country).filter(|row| !row.is_withdrawn()).take(MOST).collect();
    listed(first.iter())
}

fn listed<'a>(rows: impl Iterator<Item = &'a Subdivision>) -> String {
    let named: Vec<_> = rows.take(MOST).map(|row| format!("{} for {}", row.code, row.name)).collect();
    named.join(", ")
}

/// The subdivisions whose code or name takes the fewest changes to become the text.
fn nearest(country: &str, text: &str) -> Vec<Subdivision> {
    let text = text.trim();
    // A code with the prefix of another country: the caller may mean the same code of this country.
    let code = text.split_once('-').filter(|(first, _)| is_country(&first.to_ascii_uppercase())).map(|(_, code)| code);
    let wanted: Vec<char> = key(code.unwrap_or(text)).chars().take(COMPARED).collect();
    let mut near: Vec<_> = rows(country)
        .filter(|row| !row.is_withdrawn())
        .map(|row| {
            let names = all_keys(&row).map(|key| distance(&wanted, &key)).min().unwrap_or(usize::MAX);
            (names.min(distance(&wanted, &row.code.to_ascii_lowercase())), row)
        })
        .collect();
    near.sort_by_key(|(distance, _)| *distance);
    near.into_iter().take(MOST).map(|(_, row)| row).collect()
}

/// The Levenshtein distance.
fn distance(wanted: &[char], other: &str) -> usize {
    let mut row: Vec<usize> = (0..=wanted.len()).collect();
    for (line, letter) in other.chars().take(COMPARED).enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        for (cell, known) in row.iter_mut().zip(std::iter::once(&'\0').chain(wanted)).skip(1) {
            let cheapest = (diagonal + usize::from(letter != *known)).min(left + 1).min(*cell + 1);
            diagonal = std::mem::replace(cell, cheapest);
            left = cheapest;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_changes() {
        let of = |a: &str, b: &str| distance(&a.chars().collect::<Vec<_>>(), b);
        for (a, b, changes) in [
            ("", "", 0),
            ("ny", "ny", 0),
            ("nyc", "ny", 1),
            ("", "ny", 2),
            ("ny", "", 2),
            ("kitten", "sitting", 3),
            ("ab", "ba", 2),
        ] {
            assert_eq!(of(a, b), changes, "{a} {b}");
        }
    }

    #[test]
    fn the_nearest_codes_are_named() {
        let said = |country: &str, text: &str| unknown(country, text, &[]);
        assert!(said("US", "NYC").starts_with("\"NYC\" is no region of US in ISO 3166-2. The nearest are "));
        for (country, text, near) in [
            ("US", "NYC", "NY for New York"),
            ("US", "CA-NY", "NY for New York"),
            ("US", "Nwe York", "NY for New York"),
            ("US", "Masachusets", "MA for Massachusetts"),
            ("DE", "Bayren", "BY for Bavaria"),
            ("JP", "東京府", "13 for Tokyo"),
            ("US", "", "AK for Alaska"),
        ] {
            assert!(said(country, text).contains(near), "{}", said(country, text));
        }
        assert_eq!(said("MC", "x").matches(" for ").count(), MOST);
        assert_eq!(said("PR", "San Juan"), "ISO 3166-2 has no regions of PR.");
        assert!(said("US", &"x".repeat(1_000_000)).len() < 300);
    }
}
