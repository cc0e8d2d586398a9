use shop_core::accounts::Otp;
use shop_core::catalog::{PricePeriod, Variant};
use shop_core::idempotency::IdempotencyRecord;
use shop_core::inventory::{Movement, StockLevel};
use shop_core::orders::{HistoryEntry, OrderItem};
use shop_core::outbox::Event;
use shop_core::payments::Refund;
use shop_core::row::{ColumnKind, ParentKey, Table, UniqueKey};

use super::unique::clashing;
use super::*;
use crate::migrate::empty_shop;

macro_rules! statements {
    ([$($other:ty),+] $($entity:ident: $row:ty => $table:ident;)+) => {
        [$(<$row>::statements(),)+ $(<$other>::statements()),+]
    };
}

/// The statements of every declared table.
fn every_table() -> impl Iterator<Item = &'static Statements> {
    let all = shop_core::versioned_rows!(statements [
        Otp, PricePeriod, Variant, IdempotencyRecord, Movement, StockLevel, HistoryEntry, OrderItem, Event, Refund
    ]);
    all.into_iter()
}

/// The columns that a declaration asks for: name, type, and whether they are NOT NULL.
fn declared(table: &Table) -> Vec<(String, String, bool)> {
    let kind = |kind| match kind {
        ColumnKind::Id | ColumnKind::Bytes => "BLOB",
        ColumnKind::Int | ColumnKind::Flag | ColumnKind::Time => "INTEGER",
        ColumnKind::Text | ColumnKind::Json => "TEXT",
    };
    let of_parent = table.parent.into_iter().flat_map(ParentKey::columns);
    let declared = table.written().copied().chain(of_parent);
    let declared = declared.map(|column| (column.name, kind(column.kind), !column.nullable));
    // Columns that only this store has.
    let extra = match table.name {
        "events" => Some(("relayed", "INTEGER", true)),
        "products" => Some(("row", "INTEGER", true)),
        _ => None,
    };
    let all = declared.chain(extra);
    let mut all: Vec<_> = all.map(|(name, kind, filled)| (name.to_owned(), kind.to_owned(), filled)).collect();
    all.sort();
    all
}

#[test]
fn the_migrations_make_the_declared_columns() {
    let connection = empty_shop().unwrap();
    let sql = "SELECT name, type, \"notnull\" FROM pragma_table_info(?1) ORDER BY name";
    let mut statement = connection.prepare(sql).unwrap();
    for table in every_table().map(|statements| statements.table) {
        let rows = statement.query_map([table.name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        let mut found: Vec<(String, String, bool)> = rows.collect::<Result<_, _>>().unwrap();
        found.sort();
        assert_eq!(found, declared(table), "{}", table.name);
    }
}

/// Binds a row of any table. The columns of a key have values made of `same`, the others of `other`; the condition
/// of the key holds.
fn bind_sample(
    values: &mut ColumnWriter<'_, '_>,
    table: &Table,
    unique: &UniqueKey,
    (same, other): (u32, u32),
) -> rusqlite::Result<()> {
    let of_parent = table.parent.into_iter().flat_map(ParentKey::columns);
    for (place, column) in (0..).zip(of_parent.chain(table.written().copied())) {
        let number = place + 1_000 * if unique.columns.contains(&column.name) { same } else { other };
        let word = unique.when.filter(|when| when.column == column.name).map(|when| when.words[0]);
        match (word, column.kind) {
            (Some(word), _) => values.bind(word)?,
            (None, ColumnKind::Id) => values.bind(Id(Uuid::from_u128(number.into())))?,
            (None, ColumnKind::Int | ColumnKind::Time) => values.bind(number)?,
            (None, ColumnKind::Flag) => values.bind(number % 2 == 0)?,
            (None, ColumnKind::Bytes) => values.bind([0_u8; 32])?,
            (None, ColumnKind::Text | ColumnKind::Json) => values.bind(number.to_string())?,
        }
    }
    Ok(())
}

#[test]
fn every_declared_key_is_in_the_schema_and_is_named_when_it_refuses_a_row() {
    let connection = empty_shop().unwrap();
    // The sample rows fit nothing but the types of the columns.
    connection.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON").unwrap();
    for statements in every_table() {
        let table = statements.table;
        for (number, unique) in (0_u32..).zip(table.unique_keys()) {
            let row = |unique: UniqueKey, same, other| {
                move |values: &mut ColumnWriter<'_, '_>| {
                    bind_sample(values, table, &unique, (10 * number + same, 10 * number + other))
                }
            };
            let insert = |unique, same, other| {
                let mut statement = connection.prepare(&statements.insert).unwrap();
                row(unique, same, other)(&mut ColumnWriter::new(&mut statement, EncodedRow::NOTHING)).unwrap();
                statement.raw_execute()
            };
            let found =
                |unique, same, other| clashing(&connection, statements, row(unique, same, other), true).unwrap();
            insert(unique, 1, 1).unwrap();
            let refusal = insert(unique, 1, 2).unwrap_err();
            assert!(is_taken(&refusal), "{}: {refusal}", table.name);
            assert_eq!(found(unique, 1, 2), Some(unique.name), "{}", table.name);
            insert(unique, 3, 3).unwrap();
            if unique.when.is_some() {
                // These rows are outside of the condition.
                let outside = UniqueKey { when: None, ..unique };
                insert(outside, 5, 5).unwrap();
                assert_eq!(found(outside, 5, 6), None, "{}", table.name);
                insert(outside, 5, 6).unwrap();
            }
        }
    }
}
