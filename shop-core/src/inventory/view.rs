//! What staff see of stock.

use serde::{Deserialize, Serialize};

use super::model::{Movement, StockLevel};
use crate::id::{LocationId, VariantId};

/// The stock of one variant: at one location, or the totals over all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockView {
    /// Of what.
    pub variant_id: VariantId,
    /// Its sku.
    pub sku: String,
    /// Where; `None` for the totals.
    pub location_id: Option<LocationId>,
    /// How many lie there.
    pub on_hand: i64,
    /// How many are held for orders.
    pub reserved: i64,
    /// How many were promised before they lay there, and have not come since.
    pub backordered: i64,
    /// How many can be promised from there; negative when backorders went below.
    pub available: i64,
    /// From this many available on, it is low; the highest of the locations in the totals.
    pub low_stock_threshold: i64,
    /// Whether it is counted (everywhere).
    pub tracked: bool,
    /// Whether more may be sold than is there (anywhere).
    pub backorder: bool,
    /// The levels that the totals sum up, by priority; empty for one location.
    pub locations: Vec<StockLevel>,
}

impl StockView {
    /// The totals of a variant over all its levels.
    #[must_use]
    pub fn totals(variant_id: VariantId, sku: String, locations: Vec<StockLevel>) -> Self {
        let sum = |count: fn(&StockLevel) -> i64| locations.iter().map(count).fold(0, i64::saturating_add);
        let (on_hand, reserved) = (sum(|level| level.on_hand), sum(|level| level.reserved));
        Self {
            variant_id,
            sku,
            location_id: None,
            on_hand,
            reserved,
            backordered: sum(|level| level.backordered),
            available: on_hand.saturating_sub(reserved),
            low_stock_threshold: locations.iter().map(|level| level.low_stock_threshold).max().unwrap_or_default(),
            tracked: locations.iter().all(|level| level.tracked),
            backorder: locations.iter().any(|level| level.backorder),
            locations,
        }
    }
}

impl From<StockLevel> for StockView {
    fn from(level: StockLevel) -> Self {
        Self {
            available: level.available(),
            variant_id: level.variant_id,
            sku: level.sku,
            location_id: Some(level.location_id),
            on_hand: level.on_hand,
            reserved: level.reserved,
            backordered: level.backordered,
            low_stock_threshold: level.low_stock_threshold,
            tracked: level.tracked,
            backorder: level.backorder,
            locations: Vec::new(),
        }
    }
}

/// A transfer that was made: one entry of the ledger on each side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferView {
    /// What left.
    pub outgoing: Movement,
    /// What arrived.
    pub incoming: Movement,
}
