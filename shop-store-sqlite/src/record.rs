//! Versioned rows: found by id, inserted, updated if their version matches, deleted.

use std::borrow::Cow;

use rusqlite::ffi::{
    SQLITE_CONSTRAINT_FOREIGNKEY, SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_ROWID, SQLITE_CONSTRAINT_UNIQUE,
};
use rusqlite::types::ToSql;
use rusqlite::{Connection, Params, Row};
use shop_core::batch::{Change, Conflict, Entity, Unique, Versioned};
use shop_core::row::{self, Columns as _, Parent, ParentKey, Source as _};
use uuid::Uuid;

use crate::commit::{ApplyError, ApplyResult};
use crate::encoded::{EncodedRow, EncodedWrite};
use crate::list_counts::{CountChanges, Keys};
use crate::rows::{ColumnReader, ColumnWriter, Id, prepare};
use crate::write_connection::WriteConnection;

/// The statements of a table, generated once from its declaration.
pub(crate) struct Statements {
    table: &'static row::Table,
    columns: String,
    select: String,
    find: String,
    of_parent: String,
    version: String,
    insert: String,
    /// Inserts a row, or replaces the one with its key.
    put: String,
    update: String,
    update_unfixed: Option<String>,
    delete: String,
    /// The columns that are written, those of the parent first.
    written: Vec<&'static str>,
    /// Its unique keys, in the order in which they are checked, with the condition under which `old` and `new` clash.
    clashes: Vec<(Unique, String)>,
}

impl Statements {
    /// Generates the statements. `fixed` names indexed columns that updates rarely change. An update first tries to
    /// leave them out, because SQLite rewrites every index of a column that an UPDATE names, changed or not.
    pub(crate) fn new(table: &'static row::Table, fixed: &[&str]) -> Self {
        let name = table.name;
        let read: Vec<_> = table.columns.iter().map(|column| column.name).collect();
        // A child row starts with its parent's id and its position.
        let of_parent = table.parent.into_iter().flat_map(ParentKey::columns);
        let written: Vec<_> = of_parent.chain(table.written().copied()).map(|column| column.name).collect();
        let place = |column: &str| written.iter().position(|name| *name == column).map_or(0, |index| index + 1);
        let places: Vec<_> = (1..=written.len()).map(|place| format!("?{place}")).collect();
        let key: Vec<_> = match table.parent {
            Some(parent) if !table.key.contains(&parent.column) => [&[parent.column], table.key].concat(),
            _ => table.key.to_vec(),
        };
        let assign = |left_out: &[&str], value: &dyn Fn(&str) -> String| {
            let columns = written.iter().filter(|column| !key.contains(column) && !left_out.contains(column));
            columns.map(|column| format!("{column} = {}", value(column))).collect::<Vec<_>>().join(", ")
        };
        let bound = |column: &str| format!("?{}", place(column));
        let found: Vec<_> = key.iter().map(|column| format!("{column} = {}", bound(column))).collect();
        let counts = read.contains(&"version") && table.parent.is_none();
        let before = if counts { format!(" AND version = {} - 1", bound("version")) } else { String::new() };
        let guard = format!("{}{before}", found.join(" AND "));
        let same: Vec<_> = fixed.iter().map(|column| format!(" AND {column} IS {}", bound(column))).collect();
        let qualified = read.iter().map(|column| format!("{name}.{column}")).collect::<Vec<_>>().join(", ");
        let select = format!("SELECT {qualified} FROM {name}");
        let insert = format!("INSERT INTO {name} ({}) VALUES ({})", written.join(", "), places.join(", "));
        let position = table.parent.map_or("0", |parent| if parent.has_position { "position" } else { "0" });
        let parent = table.parent.map_or("", |parent| parent.column);
        Self {
            find: format!("{select} WHERE id = ?1"),
            of_parent: format!("SELECT {position}, {qualified} FROM {name} WHERE {parent} = ?1"),
            version: format!("SELECT version FROM {name} WHERE id = ?1"),
            put: format!(
                "{insert} ON CONFLICT ({}) DO UPDATE SET {}",
                key.join(", "),
                assign(&[], &|column| format!("excluded.{column}"))
            ),
            insert,
            update: format!("UPDATE {name} SET {} WHERE {guard}", assign(&[], &bound)),
            update_unfixed: (!fixed.is_empty())
                .then(|| format!("UPDATE {name} SET {} WHERE {guard}{}", assign(fixed, &bound), same.concat())),
            delete: format!("DELETE FROM {name} WHERE id = ?1 AND version = ?2"),
            clashes: table.unique_keys().map(|unique| (unique.name, clash(&unique))).collect(),
            columns: qualified,
            written,
            select,
            table,
        }
    }
}

/// A kind of row that this store keeps. Implemented by [`record!`].
pub(crate) trait TableRow: row::Row {
    /// The statements of its table.
    fn statements() -> &'static Statements;
    /// Reads its child rows, which have a table of their own.
    fn fill(&mut self, _connection: &Connection) -> rusqlite::Result<()> {
        Ok(())
    }
}

/// How a change of a row that has a version is applied, with everything that depends on it.
pub(crate) trait Changed: TableRow + Versioned {
    /// Applies a change. `encoded` is the result of [`Changed::encode`].
    fn apply(
        connection: &WriteConnection<'_>,
        _tally: &mut CountChanges,
        change: &Change<Self>,
        encoded: &EncodedWrite,
    ) -> ApplyResult {
        self::change(connection, change, encoded)
    }

    /// Encodes what takes time to encode, so that the writing thread only binds it. Only rows that are written often do.
    fn encode(_change: &Change<Self>) -> Option<EncodedWrite> {
        None
    }
}

/// Implements [`TableRow`]: `record!(User, fixed: ["email_key"])`, or `record!(Order, fixed: []; children)` for a row
/// with child rows.
macro_rules! record {
    ($row:ty $(, fixed: [$($fixed:literal),* $(,)?])? $(; $children:ident)?) => {
        impl $crate::record::TableRow for $row {
            fn statements() -> &'static $crate::record::Statements {
                static STATEMENTS: std::sync::LazyLock<$crate::record::Statements> = std::sync::LazyLock::new(|| {
                    $crate::record::Statements::new(&<$row as shop_core::row::Row>::TABLE, &[$($($fixed),*)?])
                });
                &STATEMENTS
            }
            $(
                fn fill(&mut self, connection: &rusqlite::Connection) -> rusqlite::Result<()> {
                    $crate::record::$children(self, connection)
                }
            )?
        }
    };
}
pub(crate) use record;

/// The columns that a row is read from, qualified with the table's name.
pub(crate) fn columns<T: TableRow>() -> &'static str {
    &T::statements().columns
}

/// Reads the child rows of a row.
pub(crate) fn children<T>(parent: &mut T, connection: &Connection) -> rusqlite::Result<()>
where
    T: Parent + Versioned,
    T::Child: TableRow,
{
    let mut statement = prepare(connection, &T::Child::statements().of_parent)?;
    let mut rows = statement.query([Id(parent.key())])?;
    let mut found: Vec<(i64, T::Child)> = Vec::new();
    while let Some(row) = rows.next()? {
        let mut columns = ColumnReader::new(row);
        found.push((columns.take()?, T::Child::read(&mut columns)?));
    }
    // Sorted here: there are only a few, and rows without a position keep the order of their ids.
    found.sort_by_key(|(position, _)| *position);
    parent.set_children(found.into_iter().map(|(_, child)| child).collect());
    Ok(())
}

/// How to write a child row.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Put {
    /// The row is new.
    Insert,
    /// The row exists.
    Update,
    /// Insert the row, or replace the one with its id.
    Either,
}

/// Writes a child row. Its unique keys must be free.
pub(crate) fn put_child<T: TableRow>(
    connection: &WriteConnection<'_>,
    put: Put,
    parent: impl Into<Uuid>,
    position: i64,
    row: &T,
    encoded: &EncodedRow,
) -> ApplyResult {
    let (statements, parent) = (T::statements(), Id(parent.into()));
    let sql = match put {
        Put::Insert => &statements.insert,
        Put::Update => &statements.update,
        Put::Either => &statements.put,
    };
    let write = |values: &mut ColumnWriter<'_, '_>| {
        values.bind(parent)?;
        if statements.table.parent.is_some_and(|parent| parent.has_position) {
            values.bind(position)?;
        }
        values.row(row)
    };
    let done = connection.run(sql, |statement| {
        write(&mut ColumnWriter::new(statement, encoded))?;
        statement.raw_execute()
    });
    match done {
        Ok(_) => Ok(()),
        Err(error) => Err(taken(connection, statements, write, error, !matches!(put, Put::Update))),
    }
}

/// Reads a row together with its child rows.
pub(crate) fn whole<T: TableRow>(connection: &Connection, columns: &mut ColumnReader<'_, '_>) -> rusqlite::Result<T> {
    let mut record = T::read(columns)?;
    record.fill(connection)?;
    Ok(record)
}

/// Finds a row by id.
pub(crate) fn lookup<T: TableRow>(connection: &Connection, id: impl Into<Uuid>) -> rusqlite::Result<Option<T>> {
    first(connection, &T::statements().find, [Id(id.into())])
}

/// Finds rows by id, in the order of the ids. Missing rows are skipped.
pub(crate) fn lookup_each<T: TableRow>(
    connection: &Connection,
    ids: impl IntoIterator<Item = Uuid>,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = prepare(connection, &T::statements().find)?;
    let mut records = Vec::new();
    for id in ids {
        let mut rows = statement.query([Id(id)])?;
        if let Some(row) = rows.next()? {
            records.push(whole(connection, &mut ColumnReader::new(row))?);
        }
    }
    Ok(records)
}

/// The first row of a query, given the end of its statement (`WHERE … ORDER BY …`).
pub(crate) fn find<T: TableRow>(
    connection: &Connection,
    end: &str,
    params: impl Params,
) -> rusqlite::Result<Option<T>> {
    first(connection, &format!("{} {end}", T::statements().select), params)
}

fn first<T: TableRow>(connection: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<Option<T>> {
    let mut statement = prepare(connection, sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(|row| whole(connection, &mut ColumnReader::new(row))).transpose()
}

/// All rows of a query, given the end of its statement (`WHERE … ORDER BY …`).
pub(crate) fn select<T: TableRow>(connection: &Connection, end: &str, params: impl Params) -> rusqlite::Result<Vec<T>> {
    let mut statement = prepare(connection, &format!("{} {end}", T::statements().select))?;
    let mut rows = statement.query(params)?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(whole(connection, &mut ColumnReader::new(row))?);
    }
    Ok(records)
}

/// The version of a row, if it exists.
pub(crate) fn version_of<T: TableRow>(connection: &WriteConnection<'_>, id: Uuid) -> rusqlite::Result<Option<i64>> {
    connection
        .run(&T::statements().version, |statement| statement.query([Id(id)])?.next()?.map(|row| row.get(0)).transpose())
}

/// True if a query finds any row.
pub(crate) fn exists(
    connection: &WriteConnection<'_>,
    sql: &'static str,
    params: impl Params,
) -> rusqlite::Result<bool> {
    connection.run(sql, |statement| statement.exists(params))
}

/// Runs a statement and returns the number of changed rows.
pub(crate) fn execute(
    connection: &WriteConnection<'_>,
    sql: &'static str,
    params: &[&dyn ToSql],
) -> rusqlite::Result<usize> {
    connection.run(sql, |statement| statement.execute(params))
}

/// Encodes a changed row without its child rows.
pub(crate) fn encode<T: TableRow>(change: &Change<T>) -> Option<EncodedWrite> {
    match change {
        Change::Insert(row) | Change::Update(row) => Some(EncodedWrite::of_row(row)),
        Change::Delete { .. } => None,
    }
}

/// Applies a change of a row without child rows.
pub(crate) fn change<T: TableRow + Versioned>(
    connection: &WriteConnection<'_>,
    change: &Change<T>,
    encoded: &EncodedWrite,
) -> ApplyResult {
    match change {
        Change::Insert(row) => insert(connection, row, &encoded.row),
        Change::Update(row) => update(connection, row, &encoded.row),
        Change::Delete { id, version } => delete::<T>(connection, *id, *version),
    }
}

/// The values under which a row was counted before a change; `None` for a new row. `sql` reads them by id.
pub(crate) fn counted_before<T: Versioned>(
    connection: &WriteConnection<'_>,
    change: &Change<T>,
    sql: &'static str,
) -> rusqlite::Result<Option<Keys>> {
    let id = match change {
        Change::Insert(_) => return Ok(None),
        Change::Update(row) => row.key(),
        Change::Delete { id, .. } => *id,
    };
    let key = |row: &Row<'_>, place| row.get::<_, String>(place).map(Cow::Owned);
    connection.run(sql, |statement| {
        statement.query([Id(id)])?.next()?.map(|row| Ok([key(row, 0)?, key(row, 1)?, key(row, 2)?])).transpose()
    })
}

/// Inserts a versioned row. Its id and its unique keys must be free.
pub(crate) fn insert<T: TableRow + Versioned>(
    connection: &WriteConnection<'_>,
    row: &T,
    encoded: &EncodedRow,
) -> ApplyResult {
    let statements = T::statements();
    match run(connection, &statements.insert, row, encoded) {
        Ok(_) => Ok(()),
        Err(error) => Err(taken(connection, statements, |values| row.write(values), error, true)),
    }
}

/// Inserts an unversioned row. Its key must be free.
pub(crate) fn add<T: TableRow>(connection: &WriteConnection<'_>, row: &T, encoded: &EncodedRow) -> ApplyResult {
    match run(connection, &T::statements().insert, row, encoded) {
        Ok(_) => Ok(()),
        Err(error) if is_taken(&error) => Err(Conflict::Exists(T::TABLE.key_name).into()),
        Err(error) => Err(error.into()),
    }
}

/// Inserts an unversioned row, or replaces the one with its key.
pub(crate) fn put<T: TableRow>(connection: &WriteConnection<'_>, row: &T) -> rusqlite::Result<usize> {
    run(connection, &T::statements().put, row, EncodedRow::NOTHING)
}

/// Replaces a row whose stored version is one less. Its unique keys must be free.
pub(crate) fn update<T: TableRow + Versioned>(
    connection: &WriteConnection<'_>,
    row: &T,
    encoded: &EncodedRow,
) -> ApplyResult {
    let table = T::statements();
    for sql in table.update_unfixed.iter().chain([&table.update]) {
        match run(connection, sql, row, encoded) {
            Ok(0) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(taken(connection, table, |values| row.write(values), error, false)),
        }
    }
    Err(Conflict::Stale(T::ENTITY, row.key()).into())
}

/// Deletes a row if it has this version.
pub(crate) fn delete<T: TableRow + Versioned>(connection: &WriteConnection<'_>, id: Uuid, version: i64) -> ApplyResult {
    let table = T::statements();
    if !table.table.deletable {
        return Err(never_deleted(T::ENTITY));
    }
    match execute(connection, &table.delete, &[&Id(id), &version])? {
        0 => Err(Conflict::Stale(T::ENTITY, id).into()),
        _ => Ok(()),
    }
}

/// The failure for an attempt to delete a row that must not be deleted.
pub(crate) fn never_deleted(entity: Entity) -> ApplyError {
    ApplyError::Fault(format!("a {entity:?} is never deleted").into())
}

fn run<T: TableRow>(
    connection: &WriteConnection<'_>,
    sql: &'static str,
    row: &T,
    encoded: &EncodedRow,
) -> rusqlite::Result<usize> {
    connection.run(sql, |statement| {
        row.write(&mut ColumnWriter::new(statement, encoded))?;
        statement.raw_execute()
    })
}

/// True if a unique key refused the row.
pub(crate) fn is_taken(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| {
        [SQLITE_CONSTRAINT_UNIQUE, SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_ROWID].contains(&error.extended_code)
    })
}

/// True if the row refers to a missing row.
pub(crate) fn is_dangling(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == SQLITE_CONSTRAINT_FOREIGNKEY)
}

/// The conflict of a row that a unique key refused; any other error is returned unchanged.
fn taken(
    connection: &Connection,
    statements: &Statements,
    write: impl Fn(&mut ColumnWriter<'_, '_>) -> rusqlite::Result<()>,
    error: rusqlite::Error,
    inserted: bool,
) -> ApplyError {
    if !is_taken(&error) {
        return error.into();
    }
    match clashing(connection, statements, write, inserted) {
        Ok(Some(unique)) => Conflict::Exists(unique).into(),
        Ok(None) => error.into(),
        Err(error) => error.into(),
    }
}

/// Finds the unique key that refused a row, the first in checking order. SQLite reports columns or an index, in an order
/// of its own, so the keys are checked one by one. This happens only after a refusal.
fn clashing(
    connection: &Connection,
    statements: &Statements,
    write: impl Fn(&mut ColumnWriter<'_, '_>) -> rusqlite::Result<()>,
    inserted: bool,
) -> rusqlite::Result<Option<Unique>> {
    let Statements { table, written, clashes, .. } = statements;
    let places: Vec<_> = (1..=written.len()).map(|place| format!("?{place}")).collect();
    // An updated row keeps its key, and does not clash with itself.
    let (kept, others) = if inserted { (0, "") } else { (1, " AND old.id <> new.id") };
    for (unique, clash) in clashes.iter().skip(kept) {
        let sql = format!(
            "WITH new ({}) AS (VALUES ({})) SELECT 1 FROM {} AS old, new WHERE {clash}{others}",
            written.join(", "),
            places.join(", "),
            table.name,
        );
        let mut statement = connection.prepare(&sql)?;
        write(&mut ColumnWriter::new(&mut statement, EncodedRow::NOTHING))?;
        if statement.raw_query().next()?.is_some() {
            return Ok(Some(*unique));
        }
    }
    Ok(None)
}

/// The condition under which the rows `old` and `new` have the same unique key.
fn clash(unique: &row::UniqueKey) -> String {
    let same = unique.columns.iter().map(|column| format!("old.{column} = new.{column}"));
    let when = unique.when.iter().flat_map(|when| {
        let words = when.words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ");
        ["old", "new"].map(|row| format!("{row}.{} IN ({words})", when.column))
    });
    same.chain(when).collect::<Vec<_>>().join(" AND ")
}

#[cfg(test)]
mod tests {
    use shop_core::accounts::Otp;
    use shop_core::catalog::{PricePeriod, Variant};
    use shop_core::idempotency::IdempotencyRecord;
    use shop_core::inventory::{Movement, StockLevel};
    use shop_core::orders::{HistoryEntry, OrderItem};
    use shop_core::outbox::Event;
    use shop_core::payments::Refund;
    use shop_core::row::{ColumnKind, Table, UniqueKey};

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
                let row = |same, other| {
                    move |values: &mut ColumnWriter<'_, '_>| {
                        bind_sample(values, table, &unique, (10 * number + same, 10 * number + other))
                    }
                };
                let insert = |same, other| {
                    let mut statement = connection.prepare(&statements.insert).unwrap();
                    row(same, other)(&mut ColumnWriter::new(&mut statement, EncodedRow::NOTHING)).unwrap();
                    statement.raw_execute()
                };
                insert(1, 1).unwrap();
                let refusal = insert(1, 2).unwrap_err();
                assert!(is_taken(&refusal), "{}: {refusal}", table.name);
                let found = clashing(&connection, statements, row(1, 2), true).unwrap();
                assert_eq!(found, Some(unique.name), "{}", table.name);
                insert(3, 3).unwrap();
            }
        }
    }
}
