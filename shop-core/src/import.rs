//! Rows of a table, as a spreadsheet holds them, on their way into the shop: what all of them share.
//!
//! A row is some [`Cells`]; what they mean is said where they are imported
//! ([`Catalog::import_product`](crate::catalog::Catalog::import_product),
//! [`Inventory::import_stock`](crate::inventory::Inventory::import_stock)). Whoever reads the table (its file, its separators,
//! its first line) calls once for each thing that rows speak of, and is told of every cell that is wrong. To try without
//! writing, make the call through [`Shop::prepare`](crate::Shop::prepare) and let the batch go.

use std::collections::BTreeMap;

use crate::field::Field;

/// One row: what stands under the name of each column. A column that the table does not have is in no row of it; that is
/// another thing than a blank cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cells(BTreeMap<String, String>);

impl Cells {
    /// The row with these cells, each with the name of its column.
    pub fn new<N: Into<String>, T: Into<String>>(cells: impl IntoIterator<Item = (N, T)>) -> Self {
        Self(cells.into_iter().map(|(name, text)| (name.into(), text.into())).collect())
    }

    /// What stands in a cell, unless it is blank.
    #[must_use]
    pub fn get(&self, column: &str) -> Option<&str> {
        self.0.get(column).map(String::as_str).filter(|text| !text.trim().is_empty())
    }

    /// Whether the table has a column.
    #[must_use]
    pub fn has(&self, column: &str) -> bool {
        self.0.contains_key(column)
    }

    /// A cell as an input's field: a blank one says nothing.
    #[must_use]
    pub fn field(&self, column: &str) -> Field<String> {
        self.get(column).map_or(Field::Missing, Field::from)
    }

    /// A cell as an input's field: a blank one clears what is there.
    #[must_use]
    pub fn clearing(&self, column: &str) -> Field<String> {
        match self.field(column) {
            Field::Missing if self.has(column) => Field::Null,
            field => field,
        }
    }

    /// A cell with a whole number; a blank one says nothing.
    #[must_use]
    pub fn number(&self, column: &str) -> Field<i64> {
        match self.get(column).map(|text| text.trim().parse()) {
            None => Field::Missing,
            Some(Ok(number)) => Field::Given(number),
            Some(Err(_)) => Field::Wrong("Must be a whole number.".to_owned()),
        }
    }
}

/// What is wrong with one cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellError {
    /// Which of the given rows, from 0.
    pub row: usize,
    /// In which column.
    pub column: String,
    /// Why, in a sentence.
    pub why: String,
}

/// What became of some rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Imported {
    /// What they speak of is new.
    Created,
    /// What they speak of was there, and was changed.
    Changed,
    /// They say what was so already (or were imported before).
    Unchanged,
    /// Nothing was written: these cells are wrong, at least one.
    Refused(Vec<CellError>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_cell_is_not_a_missing_column() {
        let cells = Cells::new([("a", " "), ("b", "x"), ("n", " 7 "), ("m", "7.0")]);
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
    }
}
