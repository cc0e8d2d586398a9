//! Stock levels and `DecisionContext`s for tests.

use chrono::DateTime;
use uuid::Uuid;

use crate::batch::{Batch, InventoryWrite, Write};
use crate::clock::DecisionContext;
use crate::id::{LocationId, ProductId, VariantId};
use crate::model::inventory::{MovementReason, StockLevel};

pub(crate) fn context() -> DecisionContext {
    DecisionContext::new(DateTime::from_timestamp(1_750_000_000, 0).unwrap(), [7; 32])
}

pub(crate) fn variant() -> VariantId {
    VariantId(Uuid::from_u128(1))
}

pub(crate) fn location(number: u8) -> LocationId {
    LocationId(Uuid::from_u128(100 + u128::from(number)))
}

/// A tracked level of variant `A` at the location with this number.
pub(crate) fn level(number: u8, on_hand: i64, reserved: i64) -> StockLevel {
    StockLevel {
        variant_id: variant(),
        product_id: ProductId(Uuid::from_u128(2)),
        sku: "A".to_owned(),
        location_id: location(number),
        on_hand,
        reserved,
        backordered: 0,
        low_stock_threshold: 0,
        tracked: true,
        backorder: false,
    }
}

pub(crate) fn backordered(number: u8, on_hand: i64, reserved: i64) -> StockLevel {
    let level = level(number, on_hand, reserved);
    StockLevel { backorder: true, backordered: level.missing(), ..level }
}

pub(crate) fn untracked(number: u8) -> StockLevel {
    StockLevel { tracked: false, ..level(number, 0, 0) }
}

/// The count changes of a batch: location, on hand, reserved.
pub(crate) fn deltas(batch: &Batch) -> Vec<(LocationId, i64, i64)> {
    let delta = |write: &Write| match write {
        Write::Inventory(InventoryWrite::Delta(delta)) => Some((delta.location_id, delta.on_hand, delta.reserved)),
        _ => None,
    };
    batch.writes.iter().filter_map(delta).collect()
}

/// The ledger entries of a batch: location, delta, reason.
pub(crate) fn movements(batch: &Batch) -> Vec<(LocationId, i64, MovementReason)> {
    let movement = |write: &Write| match write {
        Write::Inventory(InventoryWrite::Movement(movement)) => {
            Some((movement.location_id, movement.delta, movement.reason))
        }
        _ => None,
    };
    batch.writes.iter().filter_map(movement).collect()
}
