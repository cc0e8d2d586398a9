//! One table of a transaction.

use std::marker::PhantomData;

use super::engine::{EngineKey, EngineRow, ReadRows, WriteRows};
use crate::store::StoreResult;

/// Rows of one kind, by key.
pub(super) struct TypedTable<'t, T, K, V> {
    rows: &'t T,
    name: &'static str,
    kind: PhantomData<fn() -> (K, V)>,
}

impl<'t, T: ReadRows, K: EngineKey, V: EngineRow> TypedTable<'t, T, K, V> {
    pub(super) fn new(rows: &'t T, name: &'static str) -> Self {
        Self { rows, name, kind: PhantomData }
    }

    pub(super) fn get(&self, key: &K) -> StoreResult<Option<V>> {
        self.rows.get(self.name, key)
    }

    pub(super) fn contains(&self, key: &K) -> StoreResult<bool> {
        Ok(self.get(key)?.is_some())
    }

    /// All rows, in key order.
    pub(super) fn values(&self) -> StoreResult<Vec<V>> {
        self.select(|_| true)
    }

    /// The rows that satisfy `wanted`, in key order.
    pub(super) fn select(&self, wanted: impl FnMut(&V) -> bool) -> StoreResult<Vec<V>> {
        Ok(self.rows.scan::<K, V>(self.name, wanted)?.into_iter().map(|(_, row)| row).collect())
    }

    /// The keys of the rows that satisfy `wanted`, in order.
    pub(super) fn keys_where(&self, wanted: impl FnMut(&V) -> bool) -> StoreResult<Vec<K>> {
        Ok(self.rows.scan::<K, V>(self.name, wanted)?.into_iter().map(|(key, _)| key).collect())
    }
}

impl<T: WriteRows, K: EngineKey, V: EngineRow> TypedTable<'_, T, K, V> {
    /// Writes a row, and replaces an existing one.
    pub(super) fn put(&mut self, key: K, row: V) -> StoreResult<()> {
        self.rows.put(self.name, key, row)
    }

    pub(super) fn remove(&mut self, key: &K) -> StoreResult<()> {
        self.rows.remove::<K, V>(self.name, key)
    }
}
