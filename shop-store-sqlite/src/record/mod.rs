//! Versioned rows: found by id, inserted, updated if their version matches, deleted.

mod statements;
mod unique;

use std::borrow::Cow;

use rusqlite::types::ToSql;
use rusqlite::{Connection, Params, Row};
use shop_core::batch::{Change, Conflict, Entity, Versioned};
use shop_core::row::{self, Columns as _, Parent, Source as _};
use uuid::Uuid;

use crate::commit::{ApplyError, ApplyResult};
use crate::encoded::{EncodedRow, EncodedWrite};
use crate::list_counts::{CountChanges, Keys};
use crate::rows::{ColumnReader, ColumnWriter, Id, prepare};
use crate::write_connection::WriteConnection;

pub(crate) use statements::Statements;
use unique::taken;
pub(crate) use unique::{is_dangling, is_taken};

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

#[cfg(test)]
mod tests;
