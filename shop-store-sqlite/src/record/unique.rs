//! Which unique key refused a row.

use rusqlite::Connection;
use rusqlite::ffi::{
    SQLITE_CONSTRAINT_FOREIGNKEY, SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_ROWID, SQLITE_CONSTRAINT_UNIQUE,
};
use shop_core::batch::{Conflict, Unique};
use shop_core::row;

use super::Statements;
use crate::commit::ApplyError;
use crate::encoded::EncodedRow;
use crate::rows::ColumnWriter;

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
pub(super) fn taken(
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
pub(super) fn clashing(
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
pub(super) fn clash(unique: &row::UniqueKey) -> String {
    let same = unique.columns.iter().map(|column| format!("old.{column} = new.{column}"));
    let when = unique.when.iter().flat_map(|when| {
        let words = when.words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ");
        ["old", "new"].map(|row| format!("{row}.{} IN ({words})", when.column))
    });
    same.chain(when).collect::<Vec<_>>().join(" AND ")
}
