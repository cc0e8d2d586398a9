//! Inputs of the calls that change locations and stock.

use serde::{Deserialize, Serialize};

use crate::field::Field;
use crate::id::{LocationId, VariantId};
use crate::model::inventory::ReservationFilter;

/// A new location, or changes of one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LocationInput {
    /// Display name for staff, 1 to 100 characters.
    pub name: Field<String>,
    /// Short unique name; derived from the name of a new location if absent.
    pub code: Field<String>,
    /// ISO 3166-1 alpha-2 country code.
    pub country: Field<String>,
    /// Orders are served from the location with the smallest number first. Range 0 to 1,000,000, default 0.
    pub priority: Field<i64>,
    /// Makes this the default location in place of the current one.
    pub is_default: Field<bool>,
}

/// New settings of a variant's stock. Absent fields keep their value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StockInput {
    /// The level is low when this many units or fewer are available; 0 to 1,000,000,000.
    pub low_stock_threshold: Field<i64>,
    /// Whether units are counted.
    pub tracked: Field<bool>,
    /// Whether more units may be sold than are on hand.
    pub backorder: Field<bool>,
    /// The location to change; all locations if absent.
    pub location_id: Field<LocationId>,
}

/// A query for reservations by staff.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReservationQuery {
    /// Only reservations of the variant that currently has this SKU.
    pub sku: Option<String>,
    /// All other conditions.
    pub filter: ReservationFilter,
}

/// A correction of the units on hand at one location.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AdjustmentInput {
    /// The variant's SKU. Give either this or `variant_id`.
    pub sku: Field<String>,
    /// The variant. Give either this or `sku`.
    pub variant_id: Field<VariantId>,
    /// The location to correct; the default location if absent.
    pub location_id: Field<LocationId>,
    /// Change of the units on hand, -1,000,000,000 to 1,000,000,000, not 0.
    pub delta: Field<i64>,
    /// `received`, `returned`, `damaged`, `lost` or `correction`.
    pub reason: Field<String>,
    /// Free text for the ledger.
    pub note: Field<String>,
}

/// A move of units between two locations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TransferInput {
    /// The variant's SKU. Give either this or `variant_id`.
    pub sku: Field<String>,
    /// The variant. Give either this or `sku`.
    pub variant_id: Field<VariantId>,
    /// The location that gives the units.
    pub from_location_id: Field<LocationId>,
    /// The location that gets the units; must differ from `from_location_id`.
    pub to_location_id: Field<LocationId>,
    /// Number of units, 1 to 1,000,000,000.
    pub quantity: Field<i64>,
    /// Free text for the ledger.
    pub note: Field<String>,
}
