//! Cuts a page out of all rows of a list.

use uuid::Uuid;

use crate::page::{Page, PageRequest, Position, SortValue, Sortable};

/// Sorts the rows and returns the requested page.
pub(crate) fn page<T: Sortable + Clone>(rows: impl IntoIterator<Item = T>, request: &PageRequest<T::Key>) -> Page<T> {
    let mut rows: Vec<Placed<T>> =
        rows.into_iter().map(|row| Placed { keys: request.keys_of(&row), id: row.tie_breaker(), row }).collect();
    rows.sort_by(|left, right| request.compare(left.place(), right.place()));
    let size = request.size as usize;
    match &request.position {
        Position::Number(number) => {
            let total = rows.len() as u64;
            let skipped = (number.saturating_sub(1) as usize).saturating_mul(size);
            let items = rows.into_iter().skip(skipped).take(size).map(|placed| placed.row).collect();
            Page { items, total: Some(total), next: None, previous: None }
        }
        Position::Start => request.page_by_cursor(rows.into_iter().take(size + 1).map(|placed| placed.row).collect()),
        Position::Cursor(cursor) => {
            let compared = |placed: &Placed<T>| request.compare(placed.place(), (&cursor.keys, cursor.id));
            let beyond: Vec<T> = if cursor.backward {
                let before = rows.into_iter().rev().filter(|placed| compared(placed).is_lt());
                before.take(size + 1).map(|placed| placed.row).collect()
            } else {
                let after = rows.into_iter().filter(|placed| compared(placed).is_gt());
                after.take(size + 1).map(|placed| placed.row).collect()
            };
            request.page_by_cursor(beyond)
        }
    }
}

/// A row and its sort position.
struct Placed<T> {
    keys: Vec<SortValue>,
    id: Uuid,
    row: T,
}

impl<T> Placed<T> {
    fn place(&self) -> (&[SortValue], Uuid) {
        (&self.keys, self.id)
    }
}
