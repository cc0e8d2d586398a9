//! Remembers counts of lists and cursors within them, so that a store neither counts a list again nor reads all rows
//! before a page far into it.
//!
//! Remembered data belongs to one generation of a list: a number that the store changes with every change of the list's
//! rows, and reads in the same snapshot as the page. Data of another generation is never used, so a page is never older
//! than the snapshot that it was read from.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::window::before;
use super::{Cursor, PageRequest, PageWindow, Sortable};

/// The maximum number of remembered lists (a list is a filter and an order). Beyond it, the least recently used one is
/// forgotten.
const LISTS: usize = 128;
/// The maximum number of remembered cursors per list. Beyond it, every second one is forgotten.
const PLACES: usize = 512;

/// Counts of lists, and cursors at known distances from their start.
#[derive(Debug, Default)]
pub struct PageMemo {
    lists: Mutex<Lists>,
}

#[derive(Debug, Default)]
struct Lists {
    by_name: HashMap<String, RememberedList>,
    clock: u64,
}

#[derive(Debug, Default)]
struct RememberedList {
    generation: i64,
    used: u64,
    total: Option<u64>,
    /// By number of rows: a cursor at the last of the first rows of the list.
    places: BTreeMap<u64, Cursor>,
}

impl PageMemo {
    /// The number of rows of the list at this generation, if it was counted.
    #[must_use]
    pub fn total(&self, list: &str, generation: i64) -> Option<u64> {
        self.lock().at(list, generation)?.total
    }

    /// Which rows are read for a page of a list at this generation.
    #[must_use]
    pub fn window(&self, list: &str, generation: i64, number: u32, size: u32) -> PageWindow {
        let before = before(number, size);
        let place = if before == 0 { None } else { self.place(list, generation, before) };
        PageWindow::beyond_place(before, size, place)
    }

    /// Like [`window`](Self::window) for the remembered generation, which is returned too: for a store that learns the
    /// generation of its snapshot together with the rows. If the generations differ, read again
    /// [from the start](PageWindow::from_start).
    #[must_use]
    pub fn latest_window(&self, list: &str, number: u32, size: u32) -> (PageWindow, Option<i64>) {
        let generation = self.lock().by_name.get(list).map(|list| list.generation);
        let window = generation.map(|generation| self.window(list, generation, number, size));
        (window.unwrap_or_else(|| PageWindow::from_start(number, size)), generation)
    }

    /// Remembers the cursors at the start and the end of a page, from the rows that were read for it.
    pub fn keep_page<T: Sortable>(
        &self,
        list: &str,
        generation: i64,
        request: &PageRequest<T::Key>,
        window: &PageWindow,
        rows: &[T],
    ) {
        if let Some(first) = rows.first().filter(|_| window.leads) {
            self.keep_place(list, generation, window.first + 1, request.cursor_at(first));
        }
        if let Some(last) = rows.last() {
            self.keep_place(list, generation, window.first + rows.len() as u64, request.cursor_at(last));
        }
    }

    /// The remembered cursor nearest to the end of the first `before` rows, with the number of rows up to it.
    fn place(&self, list: &str, generation: i64, before: u64) -> Option<(u64, Cursor)> {
        let mut lists = self.lock();
        let (rows, cursor) = lists.at(list, generation)?.places.range(..=before).next_back()?;
        Some((*rows, cursor.clone()))
    }

    /// The generation of the remembered data.
    #[must_use]
    pub fn generation(&self, list: &str) -> Option<i64> {
        self.lock().by_name.get(list).map(|list| list.generation)
    }

    /// Remembers a count.
    pub fn keep_total(&self, list: &str, generation: i64, total: u64) {
        self.keep(list, generation, |list| list.total = Some(total));
    }

    /// Remembers the cursor at the last of the first `rows` rows.
    fn keep_place(&self, list: &str, generation: i64, rows: u64, cursor: Cursor) {
        self.keep(list, generation, |list| {
            if list.places.len() >= PLACES {
                let mut is_kept = false;
                list.places.retain(|_, _| {
                    is_kept = !is_kept;
                    is_kept
                });
            }
            list.places.insert(rows, cursor);
        });
    }

    fn keep(&self, name: &str, generation: i64, change: impl FnOnce(&mut RememberedList)) {
        let mut lists = self.lock();
        lists.clock += 1;
        let clock = lists.clock;
        if !lists.by_name.contains_key(name) && lists.by_name.len() >= LISTS {
            let oldest = lists.by_name.iter().min_by_key(|(_, list)| list.used).map(|(name, _)| name.clone());
            oldest.and_then(|oldest| lists.by_name.remove(&oldest));
        }
        let list = lists.by_name.entry(name.to_owned()).or_default();
        list.used = clock;
        // Ignore snapshots that are older than the remembered data.
        if list.generation > generation {
            return;
        }
        if list.generation < generation {
            *list = RememberedList { generation, used: clock, ..RememberedList::default() };
        }
        change(list);
    }

    fn lock(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lists {
    fn at(&mut self, name: &str, generation: i64) -> Option<&RememberedList> {
        self.clock += 1;
        let clock = self.clock;
        let list = self.by_name.get_mut(name)?;
        list.used = clock;
        (list.generation == generation).then_some(list)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::page::SortValue;

    fn at(number: i64) -> Cursor {
        let keys = vec![SortValue::Number(number)];
        Cursor { keys, id: Uuid::from_u128(1), backward: false, order: "created_at".into() }
    }

    #[test]
    fn only_what_is_of_the_generation_is_used() {
        let memo = PageMemo::default();
        memo.keep_total("a", 3, 7);
        memo.keep_place("a", 3, 20, at(20));
        assert_eq!(memo.total("a", 3), Some(7));
        assert_eq!(memo.place("a", 3, 25), Some((20, at(20))));
        for other in [2, 4] {
            assert_eq!((memo.total("a", other), memo.place("a", other, 25)), (None, None));
        }
        assert_eq!((memo.total("b", 3), memo.generation("b")), (None, None));
    }

    #[test]
    fn a_later_generation_replaces_an_earlier_one_and_not_the_other_way() {
        let memo = PageMemo::default();
        memo.keep_place("a", 3, 20, at(20));
        memo.keep_total("a", 4, 8);
        assert_eq!((memo.total("a", 4), memo.place("a", 4, 25)), (Some(8), None));
        memo.keep_total("a", 3, 7);
        assert_eq!((memo.total("a", 4), memo.generation("a")), (Some(8), Some(4)));
    }

    #[test]
    fn the_nearest_place_below_is_found() {
        let memo = PageMemo::default();
        for rows in [20, 40, 100] {
            memo.keep_place("a", 1, rows, at(i64::try_from(rows).unwrap()));
        }
        assert_eq!(memo.place("a", 1, 19), None);
        assert_eq!(memo.place("a", 1, 40), Some((40, at(40))));
        assert_eq!(memo.place("a", 1, 99), Some((40, at(40))));
    }

    #[test]
    fn memory_is_bounded() {
        let memo = PageMemo::default();
        for rows in 0..10_000 {
            memo.keep_place("a", 1, rows, at(0));
        }
        assert!(memo.place("a", 1, 20_000).is_some_and(|(rows, _)| rows == 9_999));
        for list in 0..1_000 {
            memo.keep_total(&list.to_string(), 1, list);
            assert!(memo.place("a", 1, 20_000).is_some());
        }
        let lists = memo.lock();
        assert!(lists.by_name.len() <= LISTS, "{}", lists.by_name.len());
        assert!(lists.by_name.values().all(|list| list.places.len() <= PLACES));
        assert!(lists.by_name.contains_key("a") && lists.by_name.contains_key("999"));
        assert!(!lists.by_name.contains_key("1"));
    }
}
