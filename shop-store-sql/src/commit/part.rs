//! What a transaction may do, in the order that every transaction follows.
//!
//! A *part* of a transaction is a [`TableOperation`]. The order of the parts *is* the global lock order: existing rows
//! are locked first, table by table, by key within a table, write locks before read locks; then they are changed; then
//! new rows are inserted. A transaction that follows this order may wait for others, but cannot deadlock.

use std::sync::LazyLock;

use super::stock::Sum;
use super::tables::{Operation, TableId};
use super::uses::UsesSum;
use super::value::SqlKind;

/// The phases of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Phase {
    /// Existing rows are locked.
    Lock,
    /// Then those that many transactions want at once, to hold them briefly.
    LockCounts,
    /// Existing rows are changed.
    Change,
    ChangeCounts,
    /// New rows are inserted.
    Insert,
    /// Counts of lists come last.
    Count,
}

/// A part of a transaction: an operation on the rows of one table. Parts are ordered by execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TableOperation {
    phase: Phase,
    /// The table.
    pub(crate) table: TableId,
    /// What is done to its rows.
    pub(crate) operation: Operation,
}

impl Operation {
    /// The operation on rows of this table.
    pub(crate) const fn on(self, table: TableId) -> TableOperation {
        let phase = match self {
            Self::OwnKey | Self::ShareKey if matches!(table, TableId::StockLevel) => Phase::LockCounts,
            Self::Own | Self::OwnKey | Self::Live | Self::Share | Self::ShareKey => Phase::Lock,
            Self::Update | Self::Put | Self::Delete | Self::Relay => Phase::Change,
            Self::Add => Phase::ChangeCounts,
            Self::Insert | Self::Append | Self::PutNew => Phase::Insert,
            Self::Count => Phase::Count,
        };
        TableOperation { phase, table, operation: self }
    }
}

/// Every part of a group, in order: all operations that the tables list.
pub(crate) static PARTS: LazyLock<Vec<TableOperation>> = LazyLock::new(|| {
    let of = |table: TableId| table.operations().iter().map(move |operation| operation.on(table));
    let mut parts: Vec<_> = TableId::ALL.iter().copied().flat_map(of).collect();
    parts.sort_unstable();
    parts
});

impl TableOperation {
    /// The part's position in [`PARTS`]; `None` if its table does not list its operation.
    pub(crate) fn number(self) -> Option<usize> {
        PARTS.binary_search(&self).ok()
    }

    /// True for a part that only locks.
    pub(crate) fn locks(self) -> bool {
        self.phase <= Phase::LockCounts
    }

    /// True if the part changes a list with stored counts; then the statement counts.
    pub(crate) fn is_counted(self) -> bool {
        matches!(self.operation, Operation::Update | Operation::Insert) && !self.table.table().counted.is_empty()
    }

    /// The kind of value in each column of a row of this part.
    pub(crate) fn kinds(self) -> &'static [SqlKind] {
        let table = self.table.table();
        match self.operation {
            Operation::Own | Operation::Share | Operation::Delete => &[SqlKind::Id, SqlKind::Int],
            // A session is live for its user.
            Operation::Live if self.table == TableId::Session => &[SqlKind::Id, SqlKind::Id],
            Operation::OwnKey | Operation::ShareKey | Operation::Live | Operation::Relay => table.key_kinds(),
            Operation::Update | Operation::Put | Operation::Insert | Operation::Append | Operation::PutNew => {
                &table.kinds
            }
            Operation::Add if self.table == TableId::StockLevel => &Sum::KINDS,
            Operation::Add => &UsesSum::KINDS,
            Operation::Count => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_lists_an_operation_once() {
        assert!(PARTS.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn rows_are_locked_by_table_then_changed_then_inserted() {
        use Operation::{Add, Insert, Live, Own, OwnKey, Share, ShareKey, Update};
        let order = [
            Own.on(TableId::User),
            Live.on(TableId::User),
            Own.on(TableId::Session),
            Share.on(TableId::Product),
            Own.on(TableId::Delivery),
            OwnKey.on(TableId::StockLevel),
            ShareKey.on(TableId::StockLevel),
            Update.on(TableId::User),
            Update.on(TableId::Delivery),
            Add.on(TableId::StockLevel),
            Insert.on(TableId::User),
            Insert.on(TableId::StockLevel),
            Insert.on(TableId::Event),
        ];
        let places: Vec<_> = order.map(|part| part.number().unwrap()).into();
        assert!(places.is_sorted(), "{places:?}");
        assert!(order.iter().all(|part| part.locks() == (part.number() < Update.on(TableId::User).number())));
        assert_eq!(Update.on(TableId::Category).number(), None);
    }
}
