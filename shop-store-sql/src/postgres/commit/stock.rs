//! How changes of one stock level add up.

use shop_core::inventory::StockDelta;
use uuid::Uuid;

use super::value::Row;

/// Counts beyond this are not added up, so that no sum leaves the range of an integer.
pub(super) const LARGE: i64 = 1 << 40;

/// The sum of changes of one stock level.
///
/// Changes that only give (`on_hand ≥ 0`, `reserved ≤ 0`), those that ship (`on_hand = reserved < 0`) and those that only
/// take (`on_hand ≤ 0`, `reserved ≥ 0`) of any number of batches are judged at once as if they had come in that order:
/// what is available rises, stays, and falls, so if it suffices at the end it did all along; and what is held is lowest
/// before the takers come, which `released` tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(super) on_hand: i64,
    pub(super) reserved: i64,
    /// The negative ones among `reserved`.
    pub(super) released: i64,
    pub(super) takes: bool,
    pub(super) reserves: bool,
}

impl Sum {
    /// One change.
    pub(crate) fn of(delta: &StockDelta) -> Self {
        Self {
            on_hand: delta.on_hand,
            reserved: delta.reserved,
            released: delta.reserved.min(0),
            takes: delta.on_hand < 0 || delta.reserved > 0,
            reserves: delta.reserved > 0,
        }
    }

    /// Another one beside it.
    pub(super) fn add(&mut self, other: Self) {
        self.on_hand += other.on_hand;
        self.reserved += other.reserved;
        self.released += other.released;
        self.takes |= other.takes;
        self.reserves |= other.reserves;
    }

    /// As a row of [`Part::ChangeLevels`].
    pub(crate) fn row(self, variant: Uuid, location: Uuid) -> Row {
        let mut row = Row::default();
        row.id(variant).id(location).int(self.on_hand).int(self.reserved).int(self.released);
        row.flag(self.takes).flag(self.reserves);
        row
    }
}

/// In which order changes of stock add up. All of a batch must be of one kind, so that the batches have an order, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Gives,
    Ships,
    Takes,
}

/// Which way a change goes, if it goes one.
pub(super) fn direction(delta: &StockDelta) -> Option<Direction> {
    let StockDelta { on_hand, reserved, .. } = *delta;
    if on_hand.unsigned_abs() > LARGE.unsigned_abs() || reserved.unsigned_abs() > LARGE.unsigned_abs() {
        None
    } else if on_hand >= 0 && reserved <= 0 {
        Some(Direction::Gives)
    } else if on_hand == reserved {
        // Both are negative here, else the one above or the one below.
        (on_hand < 0).then_some(Direction::Ships)
    } else if on_hand <= 0 && reserved >= 0 {
        Some(Direction::Takes)
    } else {
        None
    }
}
