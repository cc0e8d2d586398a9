//! Moves a whole shop from one storage to another: all rows as they are, table by table.
//!
//! A storage with tables offers its rows as plain [`Cell`]s by column name. Storages that use the same table and column
//! names can exchange everything (ids, times and versions unchanged), including what later migrations add. Nothing is
//! validated here: the rows obeyed every rule when they were written. Tables that only one storage has, because they
//! are derived or short-lived (a search index, attempt counts), are not included; the target rebuilds them
//! ([`TransferTarget::index`]).
//!
//! The caller reads with [`TransferSource::read`] and writes with [`TransferTarget::write`]. Each written batch
//! includes the progress, so that a transfer can be interrupted at any time and resumed.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::store::StoreResult;

/// The table in which a target saves its progress. While it exists, no shop can be opened: the data is incomplete.
pub const PROGRESS_TABLE: &str = "shop_transfer";

/// The kind of value in a column, limited to kinds that every storage can tell apart. Ids are 16 bytes, times whole
/// microseconds since 1970, flags 0 or 1, and snapshots JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellKind {
    /// A 64-bit integer.
    Number,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Cell {
    /// Null.
    Null,
    /// A 64-bit integer.
    Number(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// The values of one row, in the order of its table's columns.
pub type TransferRow = Vec<Cell>;

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferColumn {
    /// The column's name.
    pub name: String,
    /// The kind of value it holds.
    pub kind: CellKind,
    /// Whether it may be null.
    pub optional: bool,
}

/// A table of one storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferTable {
    /// The table's name.
    pub name: String,
    /// The columns, in the order of a [`TransferRow`]'s cells.
    pub columns: Vec<TransferColumn>,
    /// The indexes of the columns that identify and order rows here; never optional ones.
    pub key: Vec<usize>,
    /// The tables that rows refer to; they are filled first.
    pub needs: Vec<String>,
    /// Whether an empty shop has rows in this table, which the transfer replaces.
    pub seeded: bool,
}

impl TransferTable {
    /// The values of a row's key columns.
    #[must_use]
    pub fn key_of(&self, row: &[Cell]) -> Vec<Cell> {
        self.key.iter().filter_map(|index| row.get(*index)).cloned().collect()
    }
}

/// The progress of one table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableProgress {
    /// The key of the last transferred row, in the source's order; `None` before the first.
    pub after: Option<Vec<Cell>>,
    /// The number of transferred rows.
    pub rows: u64,
}

/// The state of an unfinished transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferProgress {
    /// The [`TransferSource::identity`] of the source.
    pub source: String,
    /// The progress of each table, by its name.
    pub steps: BTreeMap<String, TableProgress>,
}

/// A storage that rows are read from.
///
/// # Contract
/// All reads see the same state, however long the transfer takes. The storage prevents changes in the meantime as far
/// as it can.
#[async_trait]
pub trait TransferSource: Send + Sync {
    /// The permanent identity of this storage, unique to it; a copy of it has the same.
    fn identity(&self) -> &str;
    /// All tables to transfer, each after the tables that it needs.
    fn tables(&self) -> &[TransferTable];
    /// The number of rows in a table.
    async fn count(&self, table: &TransferTable) -> StoreResult<u64>;
    /// Reads at most `limit` rows after this key, in key order.
    async fn read(&self, table: &TransferTable, after: Option<&[Cell]>, limit: u32) -> StoreResult<Vec<TransferRow>>;
}

/// A storage that rows are written to.
///
/// # Contract
/// Each call is atomic and durable. [`TransferTarget::begin`] is called once, first, and [`TransferTarget::finish`]
/// last.
#[async_trait]
pub trait TransferTarget: TransferSource {
    /// The unfinished transfer, if any.
    async fn progress(&self) -> StoreResult<Option<TransferProgress>>;
    /// Starts a transfer from this source: deletes the rows of an empty shop, and prevents any shop from opening the
    /// storage.
    async fn begin(&self, source: &str) -> StoreResult<()>;
    /// Adds rows, in the column order of the source's `table`, and saves the progress as `step`. Refused when another
    /// process has advanced the table in the meantime.
    async fn write(&self, table: &TransferTable, rows: &[TransferRow], step: &TableProgress) -> StoreResult<()>;
    /// Indexes the next transferred products (at most `limit`) for search, by
    /// [`Product::search_document`](crate::catalog::Product::search_document). Returns the number of products indexed:
    /// 0 when all are done.
    async fn index(&self, limit: u32) -> StoreResult<u64>;
    /// Ends the transfer: a shop can now be opened here.
    async fn finish(&self) -> StoreResult<()>;
}

/// Sorts tables by name, with each after the tables that it needs. (Tables that need each other come last.)
#[must_use]
pub fn in_order(mut tables: Vec<TransferTable>) -> Vec<TransferTable> {
    tables.sort_by(|left, right| left.name.cmp(&right.name));
    let mut ordered: Vec<TransferTable> = Vec::with_capacity(tables.len());
    while !tables.is_empty() {
        let waits = |table: &TransferTable, rest: &[TransferTable]| {
            table.needs.iter().any(|need| *need != table.name && rest.iter().any(|other| other.name == *need))
        };
        let (waiting, free): (Vec<_>, Vec<_>) = tables.iter().cloned().partition(|table| waits(table, &tables));
        if free.is_empty() {
            ordered.extend(waiting);
            break;
        }
        ordered.extend(free);
        tables = waiting;
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, needs: &[&str]) -> TransferTable {
        let needs = needs.iter().map(|need| (*need).to_owned()).collect();
        TransferTable { name: name.to_owned(), columns: Vec::new(), key: Vec::new(), needs, seeded: false }
    }

    fn names(tables: Vec<TransferTable>) -> Vec<String> {
        in_order(tables).into_iter().map(|table| table.name).collect()
    }

    #[test]
    fn what_is_needed_comes_first() {
        let tables = vec![table("a", &["b", "elsewhere"]), table("c", &[]), table("b", &["b", "d"]), table("d", &[])];
        assert_eq!(names(tables), ["c", "d", "b", "a"]);
        assert_eq!(names(vec![table("a", &["b"]), table("b", &["a"]), table("c", &[])]), ["c", "a", "b"]);
    }

    #[test]
    fn a_key_is_some_of_a_row() {
        let table = TransferTable { key: vec![2, 0], ..table("a", &[]) };
        let row = [Cell::Number(1), Cell::Null, Cell::Text("x".into())];
        assert_eq!(table.key_of(&row), [Cell::Text("x".into()), Cell::Number(1)]);
    }
}
