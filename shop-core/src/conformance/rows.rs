//! Turns rows into writes.

use crate::batch::{Change, Versioned, Write};

/// A row that a batch can write.
pub(super) trait WritableRow: Versioned + Clone {
    fn change(change: Change<Self>) -> Write;
    fn version_mut(&mut self) -> &mut i64;
}

macro_rules! rows {
    ([] $($entity:ident: $row:ty => $table:ident;)+) => {$(
        impl WritableRow for $row {
            fn change(change: Change<Self>) -> Write {
                change.into()
            }
            fn version_mut(&mut self) -> &mut i64 {
                &mut self.version
            }
        }
    )+};
}

crate::versioned_rows!(rows []);

pub(super) fn insert<T: WritableRow>(row: &T) -> Write {
    T::change(Change::Insert(row.clone()))
}

/// Writes the row unchanged: its version is already the new one.
pub(super) fn update<T: WritableRow>(row: &T) -> Write {
    T::change(Change::Update(row.clone()))
}

pub(super) fn delete<T: WritableRow>(row: &T) -> Write {
    T::change(Change::Delete { id: row.key(), version: row.version() })
}

/// The next version of a row.
pub(super) fn next<T: WritableRow>(row: &T, change: impl FnOnce(&mut T)) -> T {
    let mut next = row.clone();
    *next.version_mut() += 1;
    change(&mut next);
    next
}
