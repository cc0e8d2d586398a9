//! Rows in redb: one table per kind, with the key's bytes as key and the row as JSON.

use std::path::Path;

use redb::{
    Database, DatabaseError, ReadTransaction, ReadableDatabase as _, ReadableTable, TableDefinition, TableError,
    WriteTransaction,
};
use shop_core::memory::{Engine, EngineKey, EngineRow, ReadRows, WriteRows};
use shop_core::store::{CommitError, StoreError, StoreResult};

type Bytes = &'static [u8];

/// The engine: one redb file.
#[derive(Debug)]
pub struct Redb {
    database: Database,
}

/// A snapshot of the file.
pub struct ReadTx(ReadTransaction);

/// A write transaction. There is one at a time: redb makes the next one wait.
pub struct WriteTx(WriteTransaction);

impl Redb {
    /// Opens the file, or creates it.
    ///
    /// # Errors
    /// When the file cannot be created, is open in another process, or is not a redb file.
    pub fn open(file: impl AsRef<Path>) -> Result<Self, DatabaseError> {
        Ok(Self { database: Database::create(file)? })
    }
}

impl Engine for Redb {
    type ReadTx<'a> = ReadTx;
    type WriteTx<'a> = WriteTx;

    fn read(&self) -> StoreResult<ReadTx> {
        Ok(ReadTx(self.database.begin_read().map_err(failed)?))
    }

    fn write(&self, change: impl Fn(&WriteTx) -> Result<(), CommitError>) -> Result<(), CommitError> {
        let writing = WriteTx(self.database.begin_write().map_err(failed)?);
        match change(&writing) {
            // redb syncs the file before it returns. If that fails, it is unknown how much reached the disk.
            Ok(()) => writing.0.commit().map_err(|error| match error {
                redb::CommitError::Storage(error) => CommitError::OutcomeUnknown(error.into()),
                other => CommitError::Store(failed(other)),
            }),
            Err(refused) => {
                writing.0.abort().map_err(failed)?;
                Err(refused)
            }
        }
    }
}

impl ReadRows for ReadTx {
    fn get<K: EngineKey, R: EngineRow>(&self, table: &'static str, key: &K) -> StoreResult<Option<R>> {
        match self.0.open_table(definition(table)) {
            Ok(table) => get(&table, key),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    fn scan<K: EngineKey, R: EngineRow>(
        &self,
        table: &'static str,
        wanted: impl FnMut(&R) -> bool,
    ) -> StoreResult<Vec<(K, R)>> {
        match self.0.open_table(definition(table)) {
            Ok(table) => scan(&table, wanted),
            Err(TableError::TableDoesNotExist(_)) => Ok(Vec::new()),
            Err(error) => Err(failed(error)),
        }
    }
}

/// Opening a table in a write transaction creates it, so a missing table is no error here.
impl ReadRows for WriteTx {
    fn get<K: EngineKey, R: EngineRow>(&self, table: &'static str, key: &K) -> StoreResult<Option<R>> {
        get(&self.0.open_table(definition(table)).map_err(failed)?, key)
    }

    fn scan<K: EngineKey, R: EngineRow>(
        &self,
        table: &'static str,
        wanted: impl FnMut(&R) -> bool,
    ) -> StoreResult<Vec<(K, R)>> {
        scan(&self.0.open_table(definition(table)).map_err(failed)?, wanted)
    }
}

impl WriteRows for WriteTx {
    fn put<K: EngineKey, R: EngineRow>(&self, table: &'static str, key: K, row: R) -> StoreResult<()> {
        let row = serde_json::to_vec(&row).map_err(|error| StoreError::Fault(error.into()))?;
        let mut table = self.0.open_table(definition(table)).map_err(failed)?;
        table.insert(key.to_bytes().as_slice(), row.as_slice()).map_err(failed)?;
        Ok(())
    }

    fn remove<K: EngineKey, R: EngineRow>(&self, table: &'static str, key: &K) -> StoreResult<()> {
        let mut table = self.0.open_table(definition(table)).map_err(failed)?;
        table.remove(key.to_bytes().as_slice()).map_err(failed)?;
        Ok(())
    }
}

fn definition(table: &'static str) -> TableDefinition<'static, Bytes, Bytes> {
    TableDefinition::new(table)
}

fn get<K: EngineKey, R: EngineRow>(table: &impl ReadableTable<Bytes, Bytes>, key: &K) -> StoreResult<Option<R>> {
    let row = table.get(key.to_bytes().as_slice()).map_err(failed)?;
    row.map(|row| decode(row.value())).transpose()
}

/// redb sorts by the bytes of the key, which is the order that the core expects.
fn scan<K: EngineKey, R: EngineRow>(
    table: &impl ReadableTable<Bytes, Bytes>,
    mut wanted: impl FnMut(&R) -> bool,
) -> StoreResult<Vec<(K, R)>> {
    let mut rows = Vec::new();
    for entry in table.iter().map_err(failed)? {
        let (key, row) = entry.map_err(failed)?;
        let row = decode(row.value())?;
        if wanted(&row) {
            let key = K::from_bytes(key.value()).ok_or_else(|| StoreError::Fault("a key of another kind".into()))?;
            rows.push((key, row));
        }
    }
    Ok(rows)
}

fn decode<R: EngineRow>(row: &[u8]) -> StoreResult<R> {
    serde_json::from_slice(row).map_err(|error| StoreError::Fault(error.into()))
}

/// Separates errors that may be temporary from those that are permanent.
fn failed(error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        error @ (redb::Error::Io(_) | redb::Error::PreviousIo | redb::Error::DatabaseClosed) => {
            StoreError::Unavailable(error.into())
        }
        error => StoreError::Fault(error.into()),
    }
}
