//! The engine of the memory store: ordered maps that can undo their last changes.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::engine::{Engine, EngineKey, EngineRow, ReadRows, WriteRows};
use crate::store::{CommitError, StoreError, StoreResult};

/// All tables as maps, behind one lock.
#[derive(Debug, Default)]
pub struct Maps {
    tables: RwLock<Tables>,
}

/// A read guard: the maps do not change while it exists.
#[derive(Debug)]
pub struct ReadTx<'a>(RwLockReadGuard<'a, Tables>);

/// A write guard: exclusive access to the maps.
#[derive(Debug)]
pub struct WriteTx<'a>(RefCell<RwLockWriteGuard<'a, Tables>>);

impl Engine for Maps {
    type ReadTx<'a> = ReadTx<'a>;
    type WriteTx<'a> = WriteTx<'a>;

    fn read(&self) -> StoreResult<ReadTx<'_>> {
        if self.tables.is_poisoned() {
            // A change panicked; undo its writes.
            self.tables.write().unwrap_or_else(PoisonError::into_inner).revert();
            self.tables.clear_poison();
        }
        Ok(ReadTx(self.tables.read().unwrap_or_else(PoisonError::into_inner)))
    }

    fn write(&self, change: impl Fn(&WriteTx<'_>) -> Result<(), CommitError>) -> Result<(), CommitError> {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        // Does nothing, unless an earlier change panicked.
        tables.revert();
        let writing = WriteTx(RefCell::new(tables));
        let changed = change(&writing);
        let mut tables = writing.0.into_inner();
        match changed {
            Ok(()) => tables.keep(),
            Err(_) => tables.revert(),
        }
        changed
    }
}

impl ReadRows for ReadTx<'_> {
    fn get<K: EngineKey, R: EngineRow>(&self, table: &'static str, key: &K) -> StoreResult<Option<R>> {
        self.0.get(table, key)
    }

    fn scan<K: EngineKey, R: EngineRow>(
        &self,
        table: &'static str,
        wanted: impl FnMut(&R) -> bool,
    ) -> StoreResult<Vec<(K, R)>> {
        self.0.scan(table, wanted)
    }
}

impl ReadRows for WriteTx<'_> {
    fn get<K: EngineKey, R: EngineRow>(&self, table: &'static str, key: &K) -> StoreResult<Option<R>> {
        self.0.borrow().get(table, key)
    }

    fn scan<K: EngineKey, R: EngineRow>(
        &self,
        table: &'static str,
        wanted: impl FnMut(&R) -> bool,
    ) -> StoreResult<Vec<(K, R)>> {
        self.0.borrow().scan(table, wanted)
    }
}

impl WriteRows for WriteTx<'_> {
    fn put<K: EngineKey, R: EngineRow>(&self, table: &'static str, key: K, row: R) -> StoreResult<()> {
        self.0.borrow_mut().map_mut(table)?.put(key, row);
        Ok(())
    }

    fn remove<K: EngineKey, R: EngineRow>(&self, table: &'static str, key: &K) -> StoreResult<()> {
        self.0.borrow_mut().map_mut::<K, R>(table)?.remove(key);
        Ok(())
    }
}

/// The maps by name.
#[derive(Debug, Default)]
struct Tables(BTreeMap<&'static str, Box<dyn Journal>>);

impl Tables {
    fn map<K: EngineKey, R: EngineRow>(&self, table: &'static str) -> StoreResult<Option<&Map<K, R>>> {
        let Some(map) = self.0.get(table) else { return Ok(None) };
        let map: &dyn Any = &**map;
        map.downcast_ref().map(Some).ok_or_else(|| other_rows(table))
    }

    fn map_mut<K: EngineKey, R: EngineRow>(&mut self, table: &'static str) -> StoreResult<&mut Map<K, R>> {
        let map: &mut dyn Any = &mut **self.0.entry(table).or_insert_with(|| Box::new(Map::<K, R>::default()));
        map.downcast_mut().ok_or_else(|| other_rows(table))
    }

    fn get<K: EngineKey, R: EngineRow>(&self, table: &'static str, key: &K) -> StoreResult<Option<R>> {
        Ok(self.map::<K, R>(table)?.and_then(|map| map.rows.get(key)).cloned())
    }

    fn scan<K: EngineKey, R: EngineRow>(
        &self,
        table: &'static str,
        mut wanted: impl FnMut(&R) -> bool,
    ) -> StoreResult<Vec<(K, R)>> {
        let rows = self.map::<K, R>(table)?.into_iter().flat_map(|map| &map.rows);
        Ok(rows.filter(|(_, row)| wanted(row)).map(|(key, row)| (key.clone(), row.clone())).collect())
    }

    fn keep(&mut self) {
        self.0.values_mut().for_each(|map| map.keep());
    }

    fn revert(&mut self) {
        self.0.values_mut().for_each(|map| map.revert());
    }
}

fn other_rows(table: &str) -> StoreError {
    StoreError::Fault(format!("the table {table} is asked for rows of another kind than it holds").into())
}

/// Rows by key. Every change is recorded until it is kept or reverted.
#[derive(Debug)]
struct Map<K, R> {
    rows: BTreeMap<K, R>,
    /// The previous row of each changed key, oldest change first.
    undo: Vec<(K, Option<R>)>,
}

impl<K, R> Default for Map<K, R> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), undo: Vec::new() }
    }
}

impl<K: Ord + Clone, R> Map<K, R> {
    fn put(&mut self, key: K, row: R) {
        let before = self.rows.insert(key.clone(), row);
        self.undo.push((key, before));
    }

    fn remove(&mut self, key: &K) {
        if let Some(before) = self.rows.remove(key) {
            self.undo.push((key.clone(), Some(before)));
        }
    }
}

/// The part of a map that does not depend on its types.
trait Journal: Any + Debug + Send + Sync {
    /// Keeps the changes since the last call of either method.
    fn keep(&mut self);
    /// Undoes the changes since the last call of either method.
    fn revert(&mut self);
}

impl<K: EngineKey, R: EngineRow> Journal for Map<K, R> {
    fn keep(&mut self) {
        self.undo.clear();
    }

    fn revert(&mut self) {
        while let Some((key, before)) = self.undo.pop() {
            match before {
                Some(row) => self.rows.insert(key, row),
                None => self.rows.remove(&key),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn words(maps: &Maps) -> Vec<String> {
        let rows = maps.read().unwrap().scan::<Uuid, String>("words", |_| true).unwrap();
        rows.into_iter().map(|(_, word)| word).collect()
    }

    #[test]
    fn a_change_that_fails_or_panics_leaves_all_as_it_was() {
        let maps = Maps::default();
        maps.write(|rows| {
            rows.put("words", id(1), "one".to_owned())?;
            Ok(rows.put("words", id(2), "two".to_owned())?)
        })
        .unwrap();
        let scribble = |rows: &WriteTx<'_>| {
            rows.put("words", id(1), "changed".to_owned())?;
            rows.put("words", id(3), "new".to_owned())?;
            rows.remove::<_, String>("words", &id(2))?;
            rows.put("words", id(2), "back".to_owned())?;
            rows.remove::<_, String>("words", &id(1))?;
            rows.remove::<_, String>("words", &id(9))
        };
        let failed = maps.write(|rows| {
            scribble(rows)?;
            Err(StoreError::Fault("no more ink".into()).into())
        });
        assert!(failed.is_err());
        assert_eq!(words(&maps), ["one", "two"]);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            maps.write(|rows| {
                scribble(rows)?;
                panic!("during a change")
            })
        }));
        assert!(panicked.is_err());
        assert_eq!(words(&maps), ["one", "two"]);
    }

    #[test]
    fn a_table_holds_rows_of_one_kind() {
        let maps = Maps::default();
        maps.write(|rows| Ok(rows.put("words", id(1), "one".to_owned())?)).unwrap();
        assert!(matches!(maps.read().unwrap().get::<_, i64>("words", &id(1)), Err(StoreError::Fault(_))));
    }
}
