//! Reads and writes the rows of a file unchanged, to move a shop out of it or into it.

mod schema;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, params, params_from_iter};
use shop_core::catalog::Product;
use shop_core::error::BoxError;
use shop_core::store::{StoreError, StoreResult};
use shop_core::transfer::{
    Cell, PROGRESS_TABLE, TableProgress, TransferProgress, TransferRow, TransferSource, TransferTable, TransferTarget,
};

use crate::catalog::SearchWords;
use crate::commit::ApplyError;
use crate::connection::{Access, LogUpkeep, open_reader, open_writer};
use crate::error::{OpenError, store_error};
use crate::lock::ServerLock;
use crate::migrate::{empty_shop, is_there, migrate, schema_state};
use crate::write_connection::WriteConnection;
use crate::{file, record};

/// The transfer has the file to itself, like a server.
const ACCESS: Access = Access { busy_timeout: Duration::from_secs(5), log: LogUpkeep::Own };
/// The step for the search index, among those for the tables.
const INDEX: &str = "product_search";

/// A file whose rows are moved. It holds the server's lock, so no server can use the file meanwhile.
///
/// Its calls work on the caller's thread and block it: they are meant for a program that does nothing else.
#[derive(Debug)]
pub struct SqliteRows {
    connection: Mutex<Connection>,
    identity: String,
    tables: Vec<TransferTable>,
    _lock: ServerLock,
}

impl SqliteRows {
    /// Opens the shop in this file for reading, as it is now. Later writes by other processes are not seen.
    ///
    /// # Errors
    /// [`OpenError`], also if an older release wrote the file or a transfer into it is unfinished.
    pub fn source(path: &Path) -> Result<Self, OpenError> {
        if !path.exists() {
            return Err(OpenError::Missing(path.to_owned()));
        }
        let lock = ServerLock::take(path)?;
        let connection = open_reader(path, ACCESS).map_err(|error| refused(path, error))?;
        match schema_state(&connection, path)? {
            (found, known) if found == known => {}
            (found, known) => return Err(OpenError::Older { path: path.to_owned(), found, known }),
        }
        // From the first read on, all reads see one snapshot.
        connection.execute_batch("BEGIN").map_err(|error| refused(path, error))?;
        if is_there(&connection, PROGRESS_TABLE).map_err(|error| refused(path, error))? {
            return Err(OpenError::Unfinished(path.to_owned()));
        }
        Self::new(connection, lock).map_err(|error| refused(path, error))
    }

    /// Opens the file at this path as a target, and creates it if it is missing.
    ///
    /// # Errors
    /// [`OpenError`], also if an older release wrote the file.
    pub fn target(path: &Path) -> Result<Self, OpenError> {
        if !path.exists() {
            file::create(path).map_err(|source| OpenError::System { path: path.to_owned(), source })?;
        }
        let lock = ServerLock::take(path)?;
        let connection = open_writer(path, ACCESS, true).map_err(|error| refused(path, error))?;
        match schema_state(&connection, path)? {
            (0, _) => {
                migrate(&connection, path)?;
            }
            (found, known) if found == known => {}
            (found, known) => return Err(OpenError::Older { path: path.to_owned(), found, known }),
        }
        Self::new(connection, lock).map_err(|error| refused(path, error))
    }

    fn new(connection: Connection, lock: ServerLock) -> rusqlite::Result<Self> {
        let born = "SELECT applied_at FROM schema_migrations WHERE version = 1";
        let born: i64 = connection.query_row(born, [], |row| row.get(0))?;
        Ok(Self {
            tables: schema::tables(&empty_shop()?)?,
            identity: format!("sqlite {born}"),
            connection: Mutex::new(connection),
            _lock: lock,
        })
    }

    fn with<T>(&self, work: impl FnOnce(&Connection) -> Result<T, ApplyError>) -> StoreResult<T> {
        work(&self.connection.lock().unwrap_or_else(PoisonError::into_inner)).map_err(store_failure)
    }

    /// Runs work in a transaction: all of it, or nothing.
    fn whole<T>(&self, work: impl FnOnce(&Connection) -> Result<T, ApplyError>) -> StoreResult<T> {
        self.with(|connection| {
            connection.execute_batch("BEGIN IMMEDIATE")?;
            let done = work(connection).and_then(|done| {
                connection.execute_batch("COMMIT")?;
                Ok(done)
            });
            if done.is_err() && !connection.is_autocommit() {
                connection.execute_batch("ROLLBACK")?;
            }
            done
        })
    }

    fn own(&self, name: &str) -> Result<&TransferTable, ApplyError> {
        self.tables
            .iter()
            .find(|table| table.name == name)
            .ok_or_else(|| fault(format!("there is no table {name} here")))
    }
}

fn refused(path: &Path, source: rusqlite::Error) -> OpenError {
    match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => OpenError::NotADatabase(path.to_owned()),
        _ => OpenError::Sqlite { path: path.to_owned(), source },
    }
}

fn fault(why: impl Into<BoxError>) -> ApplyError {
    ApplyError::Fault(why.into())
}

fn store_failure(failure: ApplyError) -> StoreError {
    match failure {
        ApplyError::Sql(error) => store_error(error),
        ApplyError::Conflict(conflict) => StoreError::Fault(conflict.into()),
        ApplyError::Fault(why) => StoreError::Fault(why),
        ApplyError::Host => StoreError::Fault("a host refused that was not asked".into()),
    }
}

/// Not through `rows::prepare`: a transfer scans whole tables on purpose.
fn prepare<'c>(connection: &'c Connection, sql: &str) -> rusqlite::Result<CachedStatement<'c>> {
    connection.prepare_cached(sql)
}

/// A list of names, quoted because some are SQL keywords.
fn list<'n>(names: impl Iterator<Item = &'n str>) -> String {
    names.map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

fn places(count: usize) -> String {
    vec!["?"; count].join(", ")
}

fn key_names(table: &TransferTable) -> String {
    list(table.key.iter().filter_map(|place| table.columns.get(*place)).map(|column| column.name.as_str()))
}

/// The statement that reads a number of rows after a key, or from the start.
fn reading(table: &TransferTable, after: bool) -> String {
    let key = key_names(table);
    let from = if after { format!("WHERE ({key}) > ({}) ", places(table.key.len())) } else { String::new() };
    let columns = list(table.columns.iter().map(|column| column.name.as_str()));
    format!("SELECT {columns} FROM \"{}\" {from}ORDER BY {key} LIMIT ?", table.name)
}

/// A cell as a bindable value.
struct Bound<'a>(&'a Cell);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Cell::Null => ValueRef::Null,
            Cell::Number(number) => ValueRef::Integer(*number),
            Cell::Text(text) => ValueRef::Text(text.as_bytes()),
            Cell::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn cell(value: ValueRef<'_>) -> Result<Cell, ApplyError> {
    Ok(match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Number(number),
        ValueRef::Text(text) => Cell::Text(std::str::from_utf8(text).map_err(fault)?.to_owned()),
        ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
        ValueRef::Real(_) => return Err(fault("a number with a fraction is not moved")),
    })
}

/// The progress of a step.
fn step_of(connection: &Connection, name: &str) -> Result<TableProgress, ApplyError> {
    let sql = format!("SELECT after, rows FROM {PROGRESS_TABLE} WHERE step = ?1");
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let (after, rows) = prepare(connection, &sql)?.query_row([name], row)?;
    step(after, rows)
}

fn step(after: Option<String>, rows: i64) -> Result<TableProgress, ApplyError> {
    let after = after.map(|after| serde_json::from_str(&after)).transpose().map_err(fault)?;
    Ok(TableProgress { after, rows: u64::try_from(rows).map_err(fault)? })
}

/// Records the progress of a step that was at `from` rows.
fn advance(connection: &Connection, name: &str, from: u64, step: &TableProgress) -> Result<(), ApplyError> {
    let sql = format!("UPDATE {PROGRESS_TABLE} SET after = ?2, rows = ?3 WHERE step = ?1 AND rows = ?4");
    let after = step.after.as_ref().map(serde_json::to_string).transpose().map_err(fault)?;
    let number = |count: u64| i64::try_from(count).map_err(fault);
    match prepare(connection, &sql)?.execute(params![name, after, number(step.rows)?, number(from)?])? {
        0 => Err(fault(format!("another program is also writing to {name}"))),
        _ => Ok(()),
    }
}

#[async_trait]
impl TransferSource for SqliteRows {
    fn identity(&self) -> &str {
        &self.identity
    }

    fn tables(&self) -> &[TransferTable] {
        &self.tables
    }

    async fn count(&self, table: &TransferTable) -> StoreResult<u64> {
        self.with(|connection| {
            let sql = format!("SELECT count(*) FROM \"{}\"", table.name);
            let count: i64 = connection.query_row(&sql, [], |row| row.get(0))?;
            u64::try_from(count).map_err(fault)
        })
    }

    async fn read(&self, table: &TransferTable, after: Option<&[Cell]>, limit: u32) -> StoreResult<Vec<TransferRow>> {
        self.with(|connection| {
            let mut statement = prepare(connection, &reading(table, after.is_some()))?;
            let limit = Cell::Number(i64::from(limit));
            let values = after.unwrap_or_default().iter().chain([&limit]).map(Bound);
            let mut rows = statement.query(params_from_iter(values))?;
            let mut read = Vec::new();
            while let Some(row) = rows.next()? {
                let cells = (0..table.columns.len()).map(|place| cell(row.get_ref(place)?));
                read.push(cells.collect::<Result<TransferRow, ApplyError>>()?);
            }
            Ok(read)
        })
    }
}

#[async_trait]
impl TransferTarget for SqliteRows {
    async fn progress(&self) -> StoreResult<Option<TransferProgress>> {
        self.with(|connection| {
            if !is_there(connection, PROGRESS_TABLE)? {
                return Ok(None);
            }
            let mut statement =
                prepare(connection, &format!("SELECT source, step, after, rows FROM {PROGRESS_TABLE}"))?;
            let mut rows = statement.query([])?;
            let mut progress = TransferProgress { source: String::new(), steps: std::collections::BTreeMap::new() };
            while let Some(row) = rows.next()? {
                progress.source = row.get(0)?;
                progress.steps.insert(row.get(1)?, step(row.get(2)?, row.get(3)?)?);
            }
            Ok(Some(progress))
        })
    }

    async fn begin(&self, source: &str) -> StoreResult<()> {
        self.whole(|connection| {
            connection.execute_batch(&format!(
                "CREATE TABLE {PROGRESS_TABLE} (
                    step TEXT NOT NULL PRIMARY KEY,
                    source TEXT NOT NULL,
                    after TEXT,
                    rows INTEGER NOT NULL
                ) STRICT, WITHOUT ROWID"
            ))?;
            let sql = format!("INSERT INTO {PROGRESS_TABLE} (step, source, rows) VALUES (?1, ?2, 0)");
            for step in self.tables.iter().map(|table| table.name.as_str()).chain([INDEX]) {
                prepare(connection, &sql)?.execute(params![step, source])?;
            }
            for table in self.tables.iter().rev().filter(|table| table.seeded) {
                connection.execute_batch(&format!("DELETE FROM \"{}\"", table.name))?;
            }
            Ok(())
        })
    }

    async fn write(&self, table: &TransferTable, rows: &[TransferRow], step: &TableProgress) -> StoreResult<()> {
        self.whole(|connection| {
            let name = &self.own(&table.name)?.name;
            let from = step.rows.saturating_sub(rows.len() as u64);
            advance(connection, name, from, step)?;
            let columns = list(table.columns.iter().map(|column| column.name.as_str()));
            let sql = format!("INSERT INTO \"{name}\" ({columns}) VALUES ({})", places(table.columns.len()));
            let mut statement = prepare(connection, &sql)?;
            for row in rows {
                statement.execute(params_from_iter(row.iter().map(Bound)))?;
            }
            Ok(())
        })
    }

    async fn index(&self, limit: u32) -> StoreResult<u64> {
        self.whole(|connection| {
            let before = step_of(connection, INDEX)?;
            let after = match before.after.as_deref() {
                Some([Cell::Bytes(id)]) => id.clone(),
                _ => Vec::new(),
            };
            let end = "WHERE products.id > ?1 ORDER BY products.id LIMIT ?2";
            let products: Vec<Product> = record::select(connection, end, params![after, limit])?;
            let Some(last) = products.last() else { return Ok(0) };
            let done = products.len() as u64;
            let after = Some(vec![Cell::Bytes(last.id.0.as_bytes().to_vec())]);
            advance(connection, INDEX, before.rows, &TableProgress { after, rows: before.rows.saturating_add(done) })?;
            let writing = WriteConnection::new(connection);
            for product in &products {
                SearchWords::of(product).put(&writing, product.id)?;
            }
            Ok(done)
        })
    }

    async fn finish(&self) -> StoreResult<()> {
        // The log moves into the file when the connection closes, unless there is a reader.
        self.whole(|connection| Ok(connection.execute_batch(&format!("DROP TABLE {PROGRESS_TABLE}"))?))
    }
}
