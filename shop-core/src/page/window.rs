//! Which rows are read for a page by number.

use super::Cursor;

/// The rows to read for a page by number: those after the nearest remembered cursor before the page.
///
/// If no cursor directly before the page is remembered, the last row before the page is read, too. Its cursor is then
/// remembered ([`PageMemo::keep_page`](super::PageMemo::keep_page)), for the next read of the same page.
#[derive(Debug, Clone, PartialEq)]
pub struct PageWindow {
    /// Only rows after this cursor are read; `None` for all rows.
    pub beyond: Option<Cursor>,
    /// The number of these rows to skip.
    pub skipped: u64,
    /// The maximum number of rows to read after the skipped ones.
    pub limit: u64,
    /// The number of rows of the list before the first row that is read.
    pub(super) first: u64,
    /// Whether the first row that is read is the last one before the page.
    pub(super) leads: bool,
}

impl PageWindow {
    /// The window of a page (from 1) when no cursor of the list is remembered.
    #[must_use]
    pub fn from_start(number: u32, size: u32) -> Self {
        Self::beyond_place(before(number, size), size, None)
    }

    /// The window after a remembered cursor, given with the number of rows up to it.
    pub(super) fn beyond_place(before: u64, size: u32, place: Option<(u64, Cursor)>) -> Self {
        let (passed, beyond) = place.map_or((0, None), |(rows, cursor)| (rows, Some(cursor)));
        let distance = before.saturating_sub(passed);
        let lead = u64::from(distance > 0);
        let (skipped, limit) = (distance - lead, u64::from(size) + lead);
        Self { beyond, skipped, limit, first: before - lead, leads: lead > 0 }
    }

    /// The length of the list, if the number of rows that were read reveals it.
    #[must_use]
    pub fn total(&self, read: usize) -> Option<u64> {
        let read = read as u64;
        (read < self.limit && (read > 0 || self.first == 0)).then_some(self.first + read)
    }

    /// Whether the page begins after the end of a list of this length, so that nothing needs to be read.
    #[must_use]
    pub fn is_past(&self, total: u64) -> bool {
        self.first + u64::from(self.leads) >= total
    }

    /// The rows of the page among those that were read.
    #[must_use]
    pub fn page<T>(&self, rows: Vec<T>) -> Vec<T> {
        rows.into_iter().skip(usize::from(self.leads)).collect()
    }
}

/// The number of rows before a page.
pub(super) fn before(number: u32, size: u32) -> u64 {
    u64::from(number.saturating_sub(1)) * u64::from(size)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::page::{CreationSort, PageMemo, PageRequest, Position, SortValue, Sortable};

    /// The row with this number of a list of numbers.
    #[derive(Debug, Clone, Copy, PartialEq)]
    struct Row(u64);

    impl Sortable for Row {
        type Key = CreationSort;

        fn sort_value(&self, _: CreationSort) -> SortValue {
            SortValue::Number(i64::try_from(self.0).unwrap())
        }

        fn tie_breaker(&self) -> Uuid {
            Uuid::from_u128(self.0.into())
        }
    }

    fn request(number: u32, size: u32) -> PageRequest<CreationSort> {
        PageRequest { position: Position::Number(number), size, ..PageRequest::default() }
    }

    /// Reads a page of the numbers from 1 to `count`, as a store does; also returns the number of skipped rows, and
    /// the total that the page reveals.
    fn read(memo: &PageMemo, count: u64, number: u32, size: u32) -> (Vec<u64>, u64, Option<u64>) {
        let window = memo.window("list", 1, number, size);
        let first = window.beyond.as_ref().map_or(0, |cursor| u64::try_from(cursor.id.as_u128()).unwrap());
        let number_of = |rows: u64| usize::try_from(rows).unwrap();
        let beyond = (first + 1..=count).map(Row).skip(number_of(window.skipped));
        let rows: Vec<_> = beyond.take(number_of(window.limit)).collect();
        memo.keep_page("list", 1, &request(number, size), &window, &rows);
        let total = window.total(rows.len());
        (window.page(rows).into_iter().map(|Row(number)| number).collect(), window.skipped, total)
    }

    proptest! {
        #[test]
        fn every_page_has_its_rows_whatever_was_read_before(
            count in 0_u64..60,
            size in 1_u32..8,
            numbers in prop::collection::vec(1_u32..12, 1..30),
        ) {
            let memo = PageMemo::default();
            for number in numbers {
                let (page, _, total) = read(&memo, count, number, size);
                let first = u64::from(number - 1) * u64::from(size) + 1;
                let expected: Vec<_> = (first..first + u64::from(size)).filter(|row| *row <= count).collect();
                prop_assert_eq!(&page, &expected);
                prop_assert!(total.is_none_or(|total| total == count), "{:?}", total);
                prop_assert_eq!(memo.window("list", 1, number, size).is_past(count), page.is_empty());
                prop_assert!(total.is_some() || page.len() == size as usize || page.is_empty());
            }
        }
    }

    #[test]
    fn a_page_that_is_read_again_and_its_neighbours_skip_nothing() {
        let memo = PageMemo::default();
        assert_eq!(read(&memo, 1_000, 40, 10).1, 389);
        assert_eq!(read(&memo, 1_000, 40, 10).1, 0);
        assert_eq!(read(&memo, 1_000, 41, 10).1, 0);
        // Nearer than the start of the list.
        assert_eq!(read(&memo, 1_000, 45, 10).1, 29);
        assert_eq!(read(&memo, 1_000, 45, 10).1, 0);
        assert_eq!(read(&memo, 1_000, 1, 10).1, 0);
    }

    #[test]
    fn a_page_past_the_end_tells_how_many_rows_there_are_where_it_can() {
        let window = PageWindow::from_start(4, 10);
        assert_eq!((window.total(0), window.total(1), window.total(11)), (None, Some(30), None));
        let first = PageWindow::from_start(1, 10);
        assert_eq!((first.total(0), first.total(9), first.total(10)), (Some(0), Some(9), None));
    }
}
