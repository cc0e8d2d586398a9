//! How changes of one stock level add up.

use shop_core::inventory::StockDelta;
use uuid::Uuid;

use super::value::{RowValues, SqlKind};

/// Larger counts are not added up, so that no sum overflows an integer.
pub(super) const LARGE: i64 = 1 << 40;

/// The sum of changes of one stock level.
///
/// Changes of three kinds, from any number of batches, are judged at once as if they came in this order: those that
/// only give (`on_hand ≥ 0`, `reserved ≤ 0`), those that ship (`on_hand = reserved < 0`), and those that only take
/// (`on_hand ≤ 0`, `reserved ≥ 0`). In that order:
/// - What is available rises, stays, and falls. If it suffices at the end, it sufficed throughout.
/// - What is reserved is lowest before the takers; `released` gives that minimum.
/// - What is on hand for shipping is lowest after the last shipment; `lowered` gives that minimum.
/// - What is backordered falls with what is given, stays, and grows with what is reserved, after the other takers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(super) on_hand: i64,
    pub(super) reserved: i64,
    /// The sum of the negative changes of `reserved`.
    pub(super) released: i64,
    /// The number of shipped units.
    pub(super) shipped: i64,
    /// The number of units removed otherwise.
    pub(super) lowered: i64,
    /// Whether any change takes units, other than by shipping.
    pub(super) takes: bool,
    pub(super) reserves: bool,
}

impl Sum {
    /// The kinds of the values in its row.
    pub(super) const KINDS: [SqlKind; 9] = {
        use SqlKind::{Flag, Id, Int};
        [Id, Id, Int, Int, Int, Int, Int, Flag, Flag]
    };

    /// The sum of one change.
    pub(crate) fn of(delta: &StockDelta) -> Self {
        let away = delta.on_hand.min(0).saturating_neg();
        let (shipped, lowered) = if delta.ships() { (away, 0) } else { (0, away) };
        Self {
            on_hand: delta.on_hand,
            reserved: delta.reserved,
            released: delta.reserved.min(0),
            shipped,
            lowered,
            takes: lowered > 0 || delta.reserved > 0,
            reserves: delta.reserved > 0,
        }
    }

    /// Adds another sum.
    pub(super) fn add(&mut self, other: Self) {
        self.on_hand += other.on_hand;
        self.reserved += other.reserved;
        self.released += other.released;
        self.shipped += other.shipped;
        self.lowered += other.lowered;
        self.takes |= other.takes;
        self.reserves |= other.reserves;
    }

    /// The sum as a row to add.
    pub(crate) fn row(self, variant: Uuid, location: Uuid) -> RowValues {
        let mut row = RowValues::default();
        row.id(variant).id(location).int(self.on_hand).int(self.reserved).int(self.released);
        row.int(self.shipped).int(self.lowered).flag(self.takes).flag(self.reserves);
        row
    }
}

/// The order in which stock changes add up. All changes of a batch must be of one kind, so that the batches have an
/// order too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Gives,
    Ships,
    Takes,
}

/// The direction of a change, if it has one.
pub(super) fn direction(delta: &StockDelta) -> Option<Direction> {
    let StockDelta { on_hand, reserved, .. } = *delta;
    if on_hand.unsigned_abs() > LARGE.unsigned_abs() || reserved.unsigned_abs() > LARGE.unsigned_abs() {
        None
    } else if on_hand >= 0 && reserved <= 0 {
        Some(Direction::Gives)
    } else if on_hand == reserved {
        // Both are negative here; otherwise the branch above or below applies.
        (on_hand < 0).then_some(Direction::Ships)
    } else if on_hand <= 0 && reserved >= 0 {
        Some(Direction::Takes)
    } else {
        None
    }
}
