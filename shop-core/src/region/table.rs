//! The table of countries and their subdivisions, as `scripts/regions` writes it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::{Jurisdiction, key};

/// The text of the table. Its header documents the format.
pub(super) const DATA: &str = include_str!("data.tsv");

/// A subdivision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Subdivision {
    /// The ISO 3166-2 code without the country prefix.
    pub(super) code: &'static str,
    /// The code of the subdivision that contains it, with the marks that the header of the table documents.
    above: &'static str,
    /// The English name.
    pub(super) name: &'static str,
    /// The keys of its other names, separated by `|`.
    keys: &'static str,
}

/// A subdivision of one country that has its own country code, or is a part of a country with one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Territory {
    /// The country of which it is a subdivision.
    pub(super) country: &'static str,
    /// Its code as that subdivision.
    pub(super) code: &'static str,
    /// The jurisdiction by its own country code.
    pub(super) jurisdiction: Jurisdiction,
}

/// A line of a section.
enum SectionLine {
    Subdivision(Subdivision),
    Other { code: &'static str, target: &'static str },
}

impl Subdivision {
    /// The code of the subdivision of the same country that contains it.
    pub(super) fn parent(&self) -> Option<&'static str> {
        let code = self.above.trim_start_matches('~');
        (!code.is_empty() && !code.starts_with('@')).then_some(code)
    }

    /// Whether ISO has withdrawn the code, or never had it. Such a code is accepted, but not proposed.
    pub(super) fn is_withdrawn(&self) -> bool {
        self.above.starts_with('~')
    }

    /// The jurisdiction by its own country code, if it has one.
    pub(super) fn territory(&self) -> Option<Jurisdiction> {
        let code = self.above.strip_prefix('@')?;
        let (country, region) = code.split_once('-').map_or((code, None), |(country, region)| (country, Some(region)));
        Some(Jurisdiction { country, region })
    }

    /// Whether this is the key of one of its names.
    pub(super) fn is_named(&self, wanted: &str) -> bool {
        self.keys().any(|key| key == wanted) || (self.is_named_plainly() && is_key_of(self.name, wanted))
    }

    /// The keys of its names that the table lists.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.keys.split('|').filter(|key| !key.is_empty() && *key != "!")
    }

    /// Whether the table omits the key of its English name, because it can be derived from the name.
    pub(super) fn is_named_plainly(&self) -> bool {
        self.name.is_ascii() && !self.name.contains('&') && !self.keys.starts_with('!')
    }
}

/// Equivalent to `key(name) == wanted` for an ASCII name, without building the key.
fn is_key_of(name: &str, wanted: &str) -> bool {
    let letters = name.bytes().filter(u8::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase());
    letters.eq(wanted.bytes())
}

/// The lines of a country.
#[derive(Debug)]
struct Section {
    text: &'static str,
    /// The lines by code. Built at the first lookup; every order looks up some codes.
    by_code: OnceLock<BTreeMap<&'static str, &'static str>>,
}

/// The section of each country.
fn sections() -> &'static BTreeMap<&'static str, Section> {
    static SECTIONS: OnceLock<BTreeMap<&'static str, Section>> = OnceLock::new();
    SECTIONS.get_or_init(|| {
        let sections = DATA.split("\n=").skip(1);
        let sections = sections.map(|section| section.split_once('\n').unwrap_or((section.trim_end(), "")));
        sections.map(|(country, text)| (country, Section { text, by_code: OnceLock::new() })).collect()
    })
}

/// The country code as a `'static` string; `None` if the table has no such country.
pub(super) fn country(code: &str) -> Option<&'static str> {
    sections().get_key_value(code).map(|(code, _)| *code)
}

/// The subdivisions of a country.
pub(super) fn rows(country: &str) -> impl Iterator<Item = Subdivision> + use<> {
    lines(country).filter_map(|line| match line {
        SectionLine::Subdivision(row) => Some(row),
        SectionLine::Other { .. } => None,
    })
}

/// Finds a subdivision by its current code or another one of its codes.
pub(super) fn row(country: &str, code: &str) -> Option<Subdivision> {
    let Section { text, by_code } = sections().get(country)?;
    let by_code = by_code
        .get_or_init(|| text.lines().filter_map(|line| line.split_once('\t').map(|(code, _)| (code, line))).collect());
    match read(by_code.get(code)?) {
        SectionLine::Subdivision(row) => Some(row),
        SectionLine::Other { target, .. } => rows(country).find(|row| row.code == target),
    }
}

/// The other codes of a subdivision.
pub(super) fn other_codes(country: &str, code: &'static str) -> impl Iterator<Item = &'static str> + use<> {
    lines(country).filter_map(move |line| match line {
        SectionLine::Other { code: other, target } if target == code => Some(other),
        _ => None,
    })
}

/// All subdivisions with their own country code.
pub(super) fn territories() -> &'static [Territory] {
    static TERRITORIES: OnceLock<Vec<Territory>> = OnceLock::new();
    TERRITORIES.get_or_init(|| {
        let of = |country: &'static str| {
            rows(country)
                .filter_map(move |row| Some(Territory { country, code: row.code, jurisdiction: row.territory()? }))
        };
        sections().keys().flat_map(|country| of(country)).collect()
    })
}

fn section(country: &str) -> &'static str {
    sections().get(country).map_or("", |section| section.text)
}

fn lines(country: &str) -> impl Iterator<Item = SectionLine> + use<> {
    section(country).lines().map(read)
}

fn read(line: &'static str) -> SectionLine {
    let mut columns = line.split('\t');
    let mut next = || columns.next().unwrap_or_default();
    let (code, above) = (next(), next());
    match above.strip_prefix('>') {
        Some(target) => SectionLine::Other { code, target },
        None => SectionLine::Subdivision(Subdivision { code, above, name: next(), keys: next() }),
    }
}

/// The keys of all names of a subdivision.
pub(super) fn all_keys(row: &Subdivision) -> impl Iterator<Item = std::borrow::Cow<'static, str>> {
    let plain = row.is_named_plainly().then(|| key(row.name).into());
    row.keys().map(Into::into).chain(plain)
}
