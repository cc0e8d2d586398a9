//! Views of stock for staff.

use serde::{Deserialize, Serialize};

use crate::id::{LocationId, VariantId};
use crate::model::inventory::{Movement, StockLevel};

/// The stock of one variant: at one location, or the totals over all locations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockView {
    /// The stocked variant.
    pub variant_id: VariantId,
    /// SKU of the variant.
    pub sku: String,
    /// The location; `None` for the totals.
    pub location_id: Option<LocationId>,
    /// Units on hand.
    pub on_hand: i64,
    /// Units held for orders.
    pub reserved: i64,
    /// Open backorders; see [`StockLevel::backordered`].
    pub backordered: i64,
    /// Units that can be promised; negative if more are reserved than are on hand.
    pub available: i64,
    /// The level is low when this many units or fewer are available. The totals have the maximum over all locations.
    pub low_stock_threshold: i64,
    /// Whether units are counted; for the totals, at every location.
    pub tracked: bool,
    /// Whether more units may be sold than are on hand; for the totals, at any location.
    pub backorder: bool,
    /// The levels that the totals sum up, by priority of location; empty for one location.
    pub locations: Vec<StockLevel>,
}

impl StockView {
    /// Sums up all levels of a variant.
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

/// A completed transfer: one ledger entry per location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferView {
    /// The movement out of the source location.
    pub outgoing: Movement,
    /// The movement into the destination.
    pub incoming: Movement,
}
