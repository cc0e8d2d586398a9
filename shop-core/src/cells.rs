//! A table row of an import: text cells by column, and the cells that are refused.

use std::collections::BTreeMap;

use crate::field::Field;

/// One row: the text of each cell by the name of its column. A column that the table lacks is missing from every row,
/// which differs from a blank cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cells(BTreeMap<String, String>);

impl Cells {
    /// A row of these cells, each with the name of its column.
    pub fn new<N: Into<String>, T: Into<String>>(cells: impl IntoIterator<Item = (N, T)>) -> Self {
        Self(cells.into_iter().map(|(name, text)| (name.into(), text.into())).collect())
    }

    /// The text of a cell, unless it is blank.
    #[must_use]
    pub fn get(&self, column: &str) -> Option<&str> {
        self.0.get(column).map(String::as_str).filter(|text| !text.trim().is_empty())
    }

    /// Whether the table has this column.
    #[must_use]
    pub fn has(&self, column: &str) -> bool {
        self.0.contains_key(column)
    }

    /// A cell as an input field; a blank cell leaves the value unchanged.
    #[must_use]
    pub fn field(&self, column: &str) -> Field<String> {
        self.get(column).map_or(Field::Missing, Field::from)
    }

    /// A cell as an input field; a blank cell clears the value.
    #[must_use]
    pub fn clearing(&self, column: &str) -> Field<String> {
        match self.field(column) {
            Field::Missing if self.has(column) => Field::Null,
            field => field,
        }
    }

    /// A cell with a whole number, with or without decimals: `150.0` is 150. A blank cell leaves the value unchanged.
    #[must_use]
    pub fn number(&self, column: &str) -> Field<i64> {
        match self.get(column).map(|text| whole_number(text.trim())) {
            None => Field::Missing,
            Some(Some(number)) => Field::Given(number),
            Some(None) => Field::Wrong("Must be a whole number.".to_owned()),
        }
    }

    /// A cell with an amount of money, in the notation of the API: `10.5000` is 10.5, `.50` is 0.5. Text that is not a
    /// decimal number is passed on as it is, and the call refuses it. A blank cell leaves the value unchanged.
    #[must_use]
    pub fn amount(&self, column: &str) -> Field<String> {
        self.field(column).map(|text| plain_decimal(text.trim()))
    }

    /// Whether every cell is blank.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.0.values().all(|text| text.trim().is_empty())
    }

    /// The size of the row in bytes, column names included.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.iter().map(|(name, text)| name.len() + text.len()).sum()
    }

    /// Empties those of the given columns whose text equals that of another row.
    pub(crate) fn drop_repeated(&mut self, first: &Self, columns: &[&str]) {
        for column in columns {
            if let Some(text) = self.0.get_mut(*column)
                && first.get(column).is_some_and(|other| other.trim() == text.trim())
            {
                *text = String::new();
            }
        }
    }
}

/// Parses a whole number whose decimals are all 0: spreadsheets write whole numbers this way in a decimal column.
fn whole_number(text: &str) -> Option<i64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if !decimals.bytes().all(|digit| digit == b'0') {
        return None;
    }
    match whole {
        "" | "+" | "-" if !decimals.is_empty() => Some(0),
        whole => whole.parse().ok(),
    }
}

/// Strips insignificant zeros from a decimal number. Any other text is returned unchanged.
fn plain_decimal(text: &str) -> String {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(decimals) || whole.len() + decimals.len() == 0 {
        return text.to_owned();
    }
    let (whole, decimals) = (whole.trim_start_matches('0'), decimals.trim_end_matches('0'));
    let whole = if whole.is_empty() { "0" } else { whole };
    if decimals.is_empty() { whole.to_owned() } else { format!("{whole}.{decimals}") }
}

/// Whether a spreadsheet took a text of digits for a number and rounded it: `8.71235E+12`.
pub(crate) fn is_scientific(text: &str) -> bool {
    let Some((number, exponent)) = text.trim().split_once(['e', 'E']) else { return false };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, decimals) = number.split_once(['.', ',']).map_or((number, None), |(a, b)| (a, Some(b)));
    let signed = exponent.strip_prefix(['+', '-']);
    // Without a sign and decimals it may be a code that contains a letter (`12E4`).
    let is_number = signed.is_some() || decimals.is_some();
    is_number
        && digits(whole)
        && decimals.is_none_or(|part| part.is_empty() || digits(part))
        && digits(signed.unwrap_or(exponent))
}

/// An invalid cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellError {
    /// The index of the row among those given, from 0.
    pub row: usize,
    /// The name of the column.
    pub column: String,
    /// The reason, as a sentence.
    pub why: String,
}

/// The result of importing the rows of one product or stock level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Imported {
    /// It was created.
    Created,
    /// It existed and was changed.
    Changed,
    /// The rows match what is stored, or were imported before.
    Unchanged,
    /// Nothing was written, because these cells (at least one) are invalid.
    Refused(Vec<CellError>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_cell_is_not_a_missing_column() {
        let cells = Cells::new([("a", " "), ("b", "x"), ("n", " 7 "), ("m", "seven")]);
        assert_eq!(
            (cells.field("a"), cells.field("b"), cells.field("c")),
            (Field::Missing, "x".into(), Field::Missing)
        );
        assert_eq!((cells.clearing("a"), cells.clearing("c")), (Field::Null, Field::Missing));
        assert_eq!(
            (cells.number("n"), cells.number("a"), cells.number("c")),
            (7.into(), Field::Missing, Field::Missing)
        );
        assert!(matches!(cells.number("m"), Field::Wrong(_)));
        assert!(!cells.is_blank() && Cells::new([("a", " "), ("b", "")]).is_blank() && Cells::default().is_blank());
    }

    #[test]
    fn exact_numbers_are_read_in_the_notation_of_a_spreadsheet() {
        let number = |text: &str| Cells::new([("n", text)]).number("n").given().copied();
        for (text, expected) in [
            ("150.0", 150),
            ("4.0", 4),
            ("0.0", 0),
            (".0", 0),
            ("7.", 7),
            ("-3.000", -3),
            ("+12", 12),
            ("007", 7),
            ("-0.0", 0),
            (" 5.0 ", 5),
        ] {
            assert_eq!(number(text), Some(expected), "{text}");
        }
        for text in ["1.5", ".", "-", "1e3", "1.0.0", "1,000", "0x10", "1 000", "9223372036854775808", "٣"] {
            assert_eq!(number(text), None, "{text}");
        }
        let amount = |text: &str| Cells::new([("n", text)]).amount("n").given().cloned().unwrap();
        for (text, expected) in [
            ("10.5000", "10.5"),
            (".50", "0.5"),
            ("10.", "10"),
            ("80.00", "80"),
            ("0.000", "0"),
            ("007.10", "7.1"),
            ("19.99", "19.99"),
            (" 3 ", "3"),
        ] {
            assert_eq!(amount(text), expected, "{text}");
        }
        for text in [".", "-1.50", "1e3", "10,50", "1.0.0", "$5", "5 USD", "1,000.00"] {
            assert_eq!(amount(text), text);
        }
    }

    #[test]
    fn what_a_spreadsheet_rounded_is_told_from_a_code() {
        for text in ["8.71235E+12", "8,71E+12", "1E+05", "1.23e+11", " 5.01E-3 ", "8.7E12", "9.E+12"] {
            assert!(is_scientific(text), "{text}");
        }
        for text in ["5012345678900", "12E4", "E+12", "ABC-E+1", "1E+", "", "1.2.3E+4", "4E5X"] {
            assert!(!is_scientific(text), "{text}");
        }
    }
}
