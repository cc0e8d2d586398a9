//! Moving a whole shop from one storage to another: its rows as they stand, table by table.
//!
//! A storage of tables offers its rows as plain [`Cell`]s under the names of their columns. Storages that agree in the
//! names of tables and columns can hand each other everything that there is (ids, times and versions as they are), what a
//! later migration adds too. Nothing is judged here: the rows obeyed every rule when they were written. What only one
//! storage has, because it is derived or soon forgotten (an index for searching, counts of tries), is in no table here;
//! the target makes it anew ([`Target::index`]).
//!
//! Whoever moves a shop reads with [`Source::read`] and writes with [`Target::write`], each batch together with how far
//! it came, so that a move can be ended at any moment and goes on where it stopped.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::store::StoreResult;

/// The table in which a target keeps how far it came. Where it is, no shop is opened: not everything is there yet.
pub const PROGRESS_TABLE: &str = "shop_transfer";

/// What a column holds, in the few kinds that every storage can tell apart. Ids are 16 bytes, times whole microseconds
/// since 1970, flags 0 or 1, snapshots their JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Number,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Cell {
    /// Nothing.
    Null,
    /// A whole number.
    Number(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// The values of one row, in the order of its table's columns.
pub type Row = Vec<Cell>;

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Whether it may hold nothing.
    pub optional: bool,
}

/// A table, as one storage has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// The places of the columns whose values tell its rows apart and order them here; never optional ones.
    pub key: Vec<usize>,
    /// The tables that its rows name: filled before it.
    pub needs: Vec<String>,
    /// Whether an empty shop has rows in it, which what is moved replaces.
    pub seeded: bool,
}

impl Table {
    /// The values of a row that tell it apart.
    #[must_use]
    pub fn key_of(&self, row: &[Cell]) -> Vec<Cell> {
        self.key.iter().filter_map(|place| row.get(*place)).cloned().collect()
    }
}

/// How far a table came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// The key, in the source's order, of the last row that is there; none before the first.
    pub after: Option<Vec<Cell>>,
    /// How many rows are there.
    pub rows: u64,
}

/// A move that is not finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Which storage it comes from: its [`Source::identity`].
    pub source: String,
    /// How far each table came, by its name.
    pub steps: BTreeMap<String, Step>,
}

/// A storage whose rows are read.
///
/// # Contract
/// Every read sees the same state, however long the whole takes, and nobody changes the rows meanwhile as far as the
/// storage can keep them from it.
#[async_trait]
pub trait Source: Send + Sync {
    /// What tells this storage from every other, for as long as it lives: a copy of it has the same.
    fn identity(&self) -> &str;
    /// Every table that is moved, each after those that it needs.
    fn tables(&self) -> &[Table];
    /// How many rows a table has.
    async fn count(&self, table: &Table) -> StoreResult<u64>;
    /// At most `limit` rows, those after this key, in the order of the key.
    async fn read(&self, table: &Table, after: Option<&[Cell]>, limit: u32) -> StoreResult<Vec<Row>>;
}

/// A storage that is filled.
///
/// # Contract
/// Each call is durable whole or leaves nothing. [`Target::begin`] comes first, once, and [`Target::finish`] last.
#[async_trait]
pub trait Target: Source {
    /// The move that was begun and not finished.
    async fn progress(&self) -> StoreResult<Option<Progress>>;
    /// Begins one from this source: takes out what an empty shop holds, and keeps any shop from opening it.
    async fn begin(&self, source: &str) -> StoreResult<()>;
    /// Adds rows, given in the order of the columns of the source's `table`, and notes that it came to `step`. Refused
    /// when somebody else has brought the table further meanwhile.
    async fn write(&self, table: &Table, rows: &[Row], step: &Step) -> StoreResult<()>;
    /// Makes the search words of the next products (at most `limit`) out of the moved rows, by
    /// [`Product::search_document`](crate::catalog::Product::search_document). Answers how many it did: 0 when all are
    /// done.
    async fn index(&self, limit: u32) -> StoreResult<u64>;
    /// Ends the move: from now on a shop may be opened here.
    async fn finish(&self) -> StoreResult<()>;
}

/// The same tables, each after those that it needs, else by name. (Those that need each other come last.)
#[must_use]
pub fn in_order(mut tables: Vec<Table>) -> Vec<Table> {
    tables.sort_by(|left, right| left.name.cmp(&right.name));
    let mut ordered: Vec<Table> = Vec::with_capacity(tables.len());
    while !tables.is_empty() {
        let waits = |table: &Table, rest: &[Table]| {
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

    fn table(name: &str, needs: &[&str]) -> Table {
        let needs = needs.iter().map(|need| (*need).to_owned()).collect();
        Table { name: name.to_owned(), columns: Vec::new(), key: Vec::new(), needs, seeded: false }
    }

    fn names(tables: Vec<Table>) -> Vec<String> {
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
        let table = Table { key: vec![2, 0], ..table("a", &[]) };
        let row = [Cell::Number(1), Cell::Null, Cell::Text("x".into())];
        assert_eq!(table.key_of(&row), [Cell::Text("x".into()), Cell::Number(1)]);
    }
}
