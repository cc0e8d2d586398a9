//! Rows that count versions: found by id, inserted, updated under the guard of their version, deleted.

use std::borrow::Cow;

use rusqlite::ffi::{
    SQLITE_CONSTRAINT_FOREIGNKEY, SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_ROWID, SQLITE_CONSTRAINT_UNIQUE,
};
use rusqlite::types::ToSql;
use rusqlite::{Connection, Params, Row};
use shop_core::batch::{Change, Conflict, Entity, Unique, Versioned};
use uuid::Uuid;

use crate::commit::{Applied, Failure};
use crate::kept::Keys;
use crate::rows::{Columns, Id, Values, prepare};

/// What a table looks like, in words.
pub(crate) struct Shape {
    /// Its name.
    pub(crate) name: &'static str,
    /// The columns a row is read from, `id` first, `version` among them.
    pub(crate) columns: &'static [&'static str],
    /// Columns that are only written: sort keys and the like, made from the row by the core's functions.
    pub(crate) derived: &'static [&'static str],
    /// Columns with indexes that an update seldom changes. An update first tries to leave them alone, because
    /// SQLite rewrites every index of a column that an UPDATE names, changed or not.
    pub(crate) fixed: &'static [&'static str],
    /// Its unique keys beside the id, in the order in which they are judged: the name, and when `old` and `new` clash.
    pub(crate) uniques: &'static [(Unique, &'static str)],
    /// Rows can be deleted.
    pub(crate) deletable: bool,
}

/// The statements of a table, written once.
pub(crate) struct Table {
    shape: Shape,
    columns: String,
    select: String,
    find: String,
    version: String,
    insert: String,
    update: String,
    update_unfixed: Option<String>,
    delete: String,
}

impl Table {
    /// Writes the statements.
    pub(crate) fn new(shape: Shape) -> Self {
        let Shape { name, columns, derived, fixed, .. } = shape;
        let written: Vec<_> = columns.iter().chain(derived).copied().collect();
        let place = |column: &str| written.iter().position(|name| *name == column).map_or(0, |index| index + 1);
        let places: Vec<_> = (1..=written.len()).map(|place| format!("?{place}")).collect();
        let assign = |left_out: &[&str]| {
            let columns = written.iter().filter(|column| **column != "id" && !left_out.contains(column));
            columns.map(|column| format!("{column} = ?{}", place(column))).collect::<Vec<_>>().join(", ")
        };
        let guard = format!("id = ?{} AND version = ?{} - 1", place("id"), place("version"));
        let same: Vec<_> = fixed.iter().map(|column| format!(" AND {column} IS ?{}", place(column))).collect();
        let qualified: Vec<_> = columns.iter().map(|column| format!("{name}.{column}")).collect();
        let qualified = qualified.join(", ");
        let select = format!("SELECT {qualified} FROM {name}");
        Self {
            find: format!("{select} WHERE id = ?1"),
            version: format!("SELECT version FROM {name} WHERE id = ?1"),
            insert: format!("INSERT INTO {name} ({}) VALUES ({})", written.join(", "), places.join(", ")),
            update: format!("UPDATE {name} SET {} WHERE {guard}", assign(&[])),
            update_unfixed: (!fixed.is_empty())
                .then(|| format!("UPDATE {name} SET {} WHERE {guard}{}", assign(fixed), same.concat())),
            delete: format!("DELETE FROM {name} WHERE id = ?1 AND version = ?2"),
            columns: qualified,
            select,
            shape,
        }
    }

    /// The columns a row is read from, with the table's name.
    pub(crate) fn columns(&self) -> &str {
        &self.columns
    }

    /// Its name.
    pub(crate) fn name(&self) -> &'static str {
        self.shape.name
    }
}

/// A row of a table of its own, perhaps with rows of a child table in it.
pub(crate) trait Record: Versioned + Sized {
    /// Its table.
    fn table() -> &'static Table;
    /// Binds the columns and the derived columns in their order.
    fn write(&self, values: &mut Values<'_, '_>) -> rusqlite::Result<()>;
    /// Reads the columns in their order.
    fn read(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Self>;
    /// Reads what stands in child tables.
    fn fill(&mut self, _connection: &Connection) -> rusqlite::Result<()> {
        Ok(())
    }
}

/// Reads a row with what stands in its child tables.
pub(crate) fn whole<T: Record>(connection: &Connection, columns: &mut Columns<'_, '_>) -> rusqlite::Result<T> {
    let mut record = T::read(columns)?;
    record.fill(connection)?;
    Ok(record)
}

/// The row with this id.
pub(crate) fn lookup<T: Record>(connection: &Connection, id: impl Into<Uuid>) -> rusqlite::Result<Option<T>> {
    first(connection, &T::table().find, [Id(id.into())])
}

/// The rows with these ids, in their order, as far as they are there.
pub(crate) fn lookup_each<T: Record>(
    connection: &Connection,
    ids: impl IntoIterator<Item = Uuid>,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = prepare(connection, &T::table().find)?;
    let mut records = Vec::new();
    for id in ids {
        let mut rows = statement.query([Id(id)])?;
        if let Some(row) = rows.next()? {
            records.push(whole(connection, &mut Columns::new(row))?);
        }
    }
    Ok(records)
}

/// The first row of a statement's end (`WHERE … ORDER BY …`).
pub(crate) fn find<T: Record>(connection: &Connection, end: &str, params: impl Params) -> rusqlite::Result<Option<T>> {
    first(connection, &format!("{} {end}", T::table().select), params)
}

fn first<T: Record>(connection: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<Option<T>> {
    let mut statement = prepare(connection, sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(|row| whole(connection, &mut Columns::new(row))).transpose()
}

/// Every row of a statement's end (`WHERE … ORDER BY …`).
pub(crate) fn select<T: Record>(connection: &Connection, end: &str, params: impl Params) -> rusqlite::Result<Vec<T>> {
    let mut statement = prepare(connection, &format!("{} {end}", T::table().select))?;
    let mut rows = statement.query(params)?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(whole(connection, &mut Columns::new(row))?);
    }
    Ok(records)
}

/// The version of a row, if it is there.
pub(crate) fn version_of<T: Record>(connection: &Connection, id: Uuid) -> rusqlite::Result<Option<i64>> {
    let mut statement = prepare(connection, &T::table().version)?;
    let mut rows = statement.query([Id(id)])?;
    rows.next()?.map(|row| row.get(0)).transpose()
}

/// True when a query finds anything.
pub(crate) fn exists(connection: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<bool> {
    Ok(prepare(connection, sql)?.query(params)?.next()?.is_some())
}

/// Runs a statement; answers how many rows it changed.
pub(crate) fn execute(connection: &Connection, sql: &str, params: &[&dyn ToSql]) -> rusqlite::Result<usize> {
    prepare(connection, sql)?.execute(params)
}

/// The texts of a changed row that take work; none when they cannot be written, which is found out again when they are
/// bound.
pub(crate) fn texts<T: Record>(change: &Change<T>) -> Vec<String> {
    match change {
        Change::Insert(row) | Change::Update(row) => Values::texts(|values| row.write(values)).unwrap_or_default(),
        Change::Delete { .. } => Vec::new(),
    }
}

/// Applies a change of a row that has no child rows; `texts` are those that take work, as far as they are written.
pub(crate) fn change<T: Record>(connection: &Connection, change: &Change<T>, texts: &[String]) -> Applied {
    match change {
        Change::Insert(row) => insert(connection, row, texts),
        Change::Update(row) => update(connection, row, texts),
        Change::Delete { id, version } => delete::<T>(connection, *id, *version),
    }
}

/// The values that a row is counted by before a change; none of one that is new. The statement reads them by its id.
pub(crate) fn counted_before<T: Versioned>(
    connection: &Connection,
    change: &Change<T>,
    sql: &str,
) -> rusqlite::Result<Option<Keys>> {
    let id = match change {
        Change::Insert(_) => return Ok(None),
        Change::Update(row) => row.key(),
        Change::Delete { id, .. } => *id,
    };
    let mut statement = prepare(connection, sql)?;
    let mut rows = statement.query([Id(id)])?;
    let key = |row: &Row<'_>, place| row.get::<_, String>(place).map(Cow::Owned);
    rows.next()?.map(|row| Ok([key(row, 0)?, key(row, 1)?, key(row, 2)?])).transpose()
}

/// Inserts a row; its id and its unique keys must be free.
pub(crate) fn insert<T: Record>(connection: &Connection, row: &T, texts: &[String]) -> Applied {
    match run(connection, &T::table().insert, row, texts) {
        Ok(_) => Ok(()),
        Err(error) => Err(taken(connection, row, error, true)),
    }
}

/// Replaces a row whose stored version is one less; its unique keys must be free.
pub(crate) fn update<T: Record>(connection: &Connection, row: &T, texts: &[String]) -> Applied {
    let table = T::table();
    for sql in table.update_unfixed.iter().chain([&table.update]) {
        match run(connection, sql, row, texts) {
            Ok(0) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(taken(connection, row, error, false)),
        }
    }
    Err(Conflict::Stale(T::ENTITY, row.key()).into())
}

/// Deletes a row at a version.
pub(crate) fn delete<T: Record>(connection: &Connection, id: Uuid, version: i64) -> Applied {
    let table = T::table();
    if !table.shape.deletable {
        return Err(never_deleted(T::ENTITY));
    }
    match execute(connection, &table.delete, &[&Id(id), &version])? {
        0 => Err(Conflict::Stale(T::ENTITY, id).into()),
        _ => Ok(()),
    }
}

/// The answer to a caller that wants to delete what is never deleted.
pub(crate) fn never_deleted(entity: Entity) -> Failure {
    Failure::Fault(format!("a {entity:?} is never deleted").into())
}

fn run<T: Record>(connection: &Connection, sql: &str, row: &T, texts: &[String]) -> rusqlite::Result<usize> {
    let mut statement = prepare(connection, sql)?;
    row.write(&mut Values::new(&mut statement, texts))?;
    statement.raw_execute()
}

/// True when a unique key refused the row.
pub(crate) fn is_taken(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| {
        [SQLITE_CONSTRAINT_UNIQUE, SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_ROWID].contains(&error.extended_code)
    })
}

/// True when the row names another row that is not there.
pub(crate) fn is_dangling(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == SQLITE_CONSTRAINT_FOREIGNKEY)
}

/// Names the unique key that refused a row, the first in the order of judgement. SQLite itself names columns, in an
/// order of its own, so the keys are looked at one by one; that happens only after a refusal.
fn taken<T: Record>(connection: &Connection, row: &T, error: rusqlite::Error, inserted: bool) -> Failure {
    if !is_taken(&error) {
        return error.into();
    }
    let table = T::table();
    let Shape { name, columns, derived, uniques, .. } = table.shape;
    let written: Vec<_> = columns.iter().chain(derived).copied().collect();
    let places: Vec<_> = (1..=written.len()).map(|place| format!("?{place}")).collect();
    let same_id = (Unique::Id(T::ENTITY), "old.id = new.id");
    let judged = inserted.then_some(&same_id).into_iter().chain(uniques);
    for (unique, clash) in judged {
        let others = if matches!(unique, Unique::Id(_)) { "" } else { " AND old.id <> new.id" };
        let sql = format!(
            "WITH new ({}) AS (VALUES ({})) SELECT 1 FROM {name} AS old, new WHERE {clash}{others}",
            written.join(", "),
            places.join(", "),
        );
        let found = (|| {
            let mut statement = connection.prepare(&sql)?;
            row.write(&mut Values::new(&mut statement, &[]))?;
            Ok::<_, rusqlite::Error>(statement.raw_query().next()?.is_some())
        })();
        match found {
            Ok(true) => return Conflict::Exists(*unique).into(),
            Ok(false) => {}
            Err(error) => return error.into(),
        }
    }
    error.into()
}
