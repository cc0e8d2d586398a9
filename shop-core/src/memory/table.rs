//! A map that can take back its last changes.

use std::collections::BTreeMap;

/// Rows by key. Every change is noted until it is kept or reverted.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    rows: BTreeMap<K, V>,
    /// What stood under each changed key before the change, oldest change first.
    undo: Vec<(K, Option<V>)>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), undo: Vec::new() }
    }
}

impl<K: Ord + Clone, V> Table<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key)
    }

    pub(super) fn contains(&self, key: &K) -> bool {
        self.rows.contains_key(key)
    }

    /// Every row, by key.
    pub(super) fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.rows.values()
    }

    /// The keys of the rows that `wanted` picks, by key.
    pub(super) fn keys_where(&self, wanted: impl Fn(&V) -> bool) -> Vec<K> {
        self.rows.iter().filter(|(_, row)| wanted(row)).map(|(key, _)| key.clone()).collect()
    }

    /// Writes a row, over what is there.
    pub(super) fn put(&mut self, key: K, row: V) {
        let before = self.rows.insert(key.clone(), row);
        self.undo.push((key, before));
    }

    pub(super) fn remove(&mut self, key: &K) {
        if let Some(before) = self.rows.remove(key) {
            self.undo.push((key.clone(), Some(before)));
        }
    }
}

/// The part of a table that does not depend on what is in it.
pub(super) trait Journal {
    /// The changes since the last call of either stay.
    fn keep(&mut self);
    /// The changes since the last call of either are taken back.
    fn revert(&mut self);
}

impl<K: Ord, V> Journal for Table<K, V> {
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
    use super::*;

    #[test]
    fn a_reverted_table_is_as_it_was() {
        let mut table = Table::default();
        table.put(1, "one");
        table.put(2, "two");
        table.keep();
        table.put(1, "changed");
        table.put(3, "new");
        table.remove(&2);
        table.put(2, "back");
        table.remove(&1);
        table.remove(&9);
        table.revert();
        assert_eq!(table.values().copied().collect::<Vec<_>>(), ["one", "two"]);
        table.revert();
        assert_eq!(table.values().copied().collect::<Vec<_>>(), ["one", "two"]);
    }
}
