//! Countries and their subdivisions (ISO 3166), by the codes and names that addresses use.
//!
//! One region has many spellings: `NY`, `US-NY`, `New York`, `ニューヨーク州`, former ISO codes (`IN-OR`), and codes of
//! other systems (`BC` for Mexico's `BCN`). [`find`] accepts all of them and returns the current code.
//!
//! Some territories are both a country of ISO 3166-1 and a subdivision of another one: `PR` and `US-PR`, `RE` and
//! `FR-974`. Both spellings give the same [`Jurisdiction`].
//!
//! `scripts/regions` generates the table (`data.tsv`) and names its sources. The table is text in the binary. Only the
//! section of the country in question is parsed; an index of a section is built when it is first used.

mod nearest;
mod table;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::text::fold;
pub(crate) use nearest::example;
use table::{Subdivision, rows, territories};

/// How to resolve a name that a subdivision shares with the larger one that contains it, such as `Madrid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breadth {
    /// The smaller one, for addresses.
    Narrow,
    /// The larger one, for rules that apply to a whole area.
    Wide,
}

/// A country or subdivision with its own rules. A territory with its own country code is always that country.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Jurisdiction {
    /// ISO 3166-1 alpha-2.
    pub(crate) country: &'static str,
    /// The ISO 3166-2 code without the country prefix; `None` for the whole country.
    pub(crate) region: Option<&'static str>,
}

/// Whether this is the code of a country: ISO 3166-1 alpha-2 in upper case, or `AC`, `TA`, `XK`.
#[must_use]
pub(crate) fn is_country(code: &str) -> bool {
    table::country(code).is_some()
}

/// Finds a country's subdivision by any of its codes and names. Returns its ISO 3166-2 code without the country prefix.
///
/// # Errors
/// A sentence for the caller if there is no such subdivision, with the nearest codes.
pub(crate) fn find(country: &str, text: &str, breadth: Breadth) -> Result<&'static str, String> {
    by_code(country, text)
        .map_or_else(|| by_name(country, text, breadth), |row| Ok(row.code))
        .map_err(|like| nearest::unknown(country, text, &like))
}

/// Whether this is the code of a subdivision, without the country prefix, as it is stored.
#[must_use]
pub(crate) fn is_code(country: &str, code: &str) -> bool {
    table::row(country, code).is_some()
}

/// Finds a subdivision by its code, with or without the country prefix, in upper or lower case.
fn by_code(country: &str, text: &str) -> Option<Subdivision> {
    let given = text.trim().to_ascii_uppercase();
    let code = given
        .strip_prefix(country)
        .and_then(|rest| rest.strip_prefix(['-', '_', '\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2212}']));
    let code = code.unwrap_or(&given);
    // Google's data has Mexico's `B.C.S.`
    table::row(country, code).or_else(|| table::row(country, &key(&given).to_ascii_uppercase()))
}

/// The code of a name, or the codes that it could be.
fn by_name(country: &str, text: &str, breadth: Breadth) -> Result<&'static str, Vec<Subdivision>> {
    let wanted = key(text);
    if wanted.is_empty() {
        return Err(Vec::new());
    }
    let mut found: Vec<_> = rows(country).filter(|row| row.is_named(&wanted)).collect();
    if found.is_empty() {
        found = by_plain_name(country, text);
    }
    let alone = |row: &&Subdivision| {
        found.iter().all(|other| match breadth {
            Breadth::Narrow => lies_in(country, row, other),
            Breadth::Wide => lies_in(country, other, row),
        })
    };
    found.iter().find(alone).map(|row| row.code).ok_or(found)
}

/// Finds subdivisions by a name with a generic word, such as `New York State`, `Province of Ontario` or `Provincia di
/// Roma`. Prefers one whose own name has another generic word (`Moscow Region` is `Moscow Oblast`, not the city), else
/// takes the one whose name has none.
fn by_plain_name(country: &str, text: &str) -> Vec<Subdivision> {
    const KINDS: [&str; 34] = [
        "state",
        "province",
        "county",
        "co",
        "prefecture",
        "region",
        "oblast",
        "krai",
        "governorate",
        "department",
        "district",
        "canton",
        "emirate",
        "republic",
        "territory",
        "municipality",
        "parish",
        "provincia",
        "departamento",
        "estado",
        "distrito",
        "regione",
        "comunidad",
        "departement",
        "provincie",
        "provinz",
        "kanton",
        "land",
        "freistaat",
        "kraj",
        "judetul",
        "wojewodztwo",
        "raion",
        "autonomous",
    ];
    const LINKS: [&str; 8] = ["of", "de", "del", "di", "do", "da", "du", "des"];
    let is_kind = |word: &&&str| KINDS.contains(word);
    let folded = fold(text);
    let all: Vec<&str> = folded.split(|letter: char| !is_of_key(letter)).filter(|word| !word.is_empty()).collect();
    let mut words = all.as_slice();
    while let Some((_, first)) = words.split_last().filter(|(last, _)| is_kind(last)) {
        words = first;
    }
    while let Some((_, rest)) = words.split_first().filter(|(first, _)| is_kind(first) || **first == "the") {
        words = rest;
        words = words.split_first().filter(|(link, _)| LINKS.contains(link)).map_or(words, |(_, rest)| rest);
    }
    if words.is_empty() || words.len() == all.len() {
        return Vec::new();
    }
    let plain = words.concat();
    let of_kind: Vec<_> =
        rows(country).filter(|row| KINDS.iter().any(|kind| row.is_named(&format!("{plain}{kind}")))).collect();
    if of_kind.is_empty() { rows(country).filter(|row| row.is_named(&plain)).collect() } else { of_kind }
}

/// Whether `row` is `other`, or is contained in it.
fn lies_in(country: &str, row: &Subdivision, other: &Subdivision) -> bool {
    line(country, row.code).any(|code| code == other.code)
}

/// The code of a subdivision, followed by those of the subdivisions that contain it, innermost first.
fn line(country: &str, code: &'static str) -> impl Iterator<Item = &'static str> {
    /// The maximum depth of a hierarchy in ISO 3166-2.
    const DEEPEST: usize = 4;
    std::iter::successors(Some(code), |code| table::row(country, code).and_then(|row| row.parent())).take(DEEPEST)
}

/// The form in which names are compared: folded, and of letters and digits only, so that `Hawaiʻi` is `hawaii` and
/// `Rhône-Alpes` is `rhonealpes`.
fn key(text: &str) -> String {
    fold(&text.replace('&', " and ")).chars().filter(|letter| is_of_key(*letter)).nfc().collect()
}

/// Whether a letter is part of a key. Modifier letters are not: they are used as apostrophes.
fn is_of_key(letter: char) -> bool {
    (letter.is_alphanumeric() || is_combining_mark(letter)) && !matches!(letter, '\u{2b0}'..='\u{2ff}')
}

impl Jurisdiction {
    /// The jurisdiction of an address or a rule; an unknown region counts as none. `None` for an unknown country.
    pub(crate) fn of(country: &str, region: Option<&str>, breadth: Breadth) -> Option<Self> {
        let whole = Self { country: table::country(country)?, region: None };
        let region = region.filter(|region| !region.trim().is_empty());
        let Some(code) = region.and_then(|region| find(country, region, breadth).ok()) else { return Some(whole) };
        let row = table::row(country, code)?;
        Some(row.territory().unwrap_or(Self { region: Some(row.code), ..whole }))
    }

    /// All pairs of country and region code that mean this jurisdiction, then those of the larger ones that contain it,
    /// up to the whole country. Region codes are in lower case; the code of a whole country is empty.
    pub(crate) fn spellings(&self) -> Vec<(&'static str, String)> {
        let regions = self.region.into_iter().flat_map(|code| line(self.country, code)).map(Some);
        let mut spellings = Vec::new();
        for region in regions.chain([None]) {
            spellings.extend(codes(self.country, region));
            for territory in
                territories().iter().filter(|one| one.jurisdiction == Self { country: self.country, region })
            {
                spellings.extend(codes(territory.country, Some(territory.code)));
            }
        }
        spellings
    }
}

/// All codes of a subdivision in lower case, the current one first; the empty code for a whole country.
fn codes(country: &'static str, region: Option<&'static str>) -> impl Iterator<Item = (&'static str, String)> {
    let others = region.into_iter().flat_map(move |code| table::other_codes(country, code));
    region
        .into_iter()
        .chain(others)
        .map(str::to_ascii_lowercase)
        .chain(region.is_none().then(String::new))
        .map(move |code| (country, code))
}

/// The countries under which regions of this one can be written: the country itself, and those of which it, or a part
/// of it, is a subdivision.
pub(crate) fn countries_of(country: &str) -> Vec<String> {
    let mut countries = vec![country.to_owned()];
    for territory in territories().iter().filter(|one| one.jurisdiction.country == country) {
        if !countries.iter().any(|known| known == territory.country) {
            countries.push(territory.country.to_owned());
        }
    }
    countries
}

#[cfg(test)]
mod tests;
