//! What callers give for locations and changes of stock.

use serde::{Deserialize, Serialize};

use super::model::ReservationFilter;
use crate::field::Field;
use crate::id::{LocationId, VariantId};

/// A location, whole or in part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LocationInput {
    /// What staff call it, 1 to 100 characters.
    pub name: Field<String>,
    /// Its short name; derived from the name of a new location when absent.
    pub code: Field<String>,
    /// ISO 3166-1 alpha-2.
    pub country: Field<String>,
    /// Orders are served from the smallest number first, 0 to 1,000,000 (0).
    pub priority: Field<i64>,
    /// Makes it the default location, in place of the one that was.
    pub is_default: Field<bool>,
}

/// New settings of a variant's stock; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StockInput {
    /// From this many available on, it is low.
    pub low_stock_threshold: Field<i64>,
    /// Whether it is counted.
    pub tracked: Field<bool>,
    /// Whether more may be sold than is there.
    pub backorder: Field<bool>,
    /// Where; everywhere when absent.
    pub location_id: Field<LocationId>,
}

/// Which reservations staff want to see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReservationQuery {
    /// Only of the variant that has this sku now.
    pub sku: Option<String>,
    /// Everything else.
    pub filter: ReservationFilter,
}

/// A correction of what lies somewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AdjustmentInput {
    /// Of what; this or `variant_id`.
    pub sku: Field<String>,
    /// Of what; this or `sku`.
    pub variant_id: Field<VariantId>,
    /// Where; the default location when absent.
    pub location_id: Field<LocationId>,
    /// How many more (or fewer), not 0.
    pub delta: Field<i64>,
    /// `received`, `returned`, `damaged`, `lost` or `correction`.
    pub reason: Field<String>,
    /// In words.
    pub note: Field<String>,
}

/// Stock that moves between two locations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TransferInput {
    /// Of what; this or `variant_id`.
    pub sku: Field<String>,
    /// Of what; this or `sku`.
    pub variant_id: Field<VariantId>,
    /// From where.
    pub from_location_id: Field<LocationId>,
    /// Where to.
    pub to_location_id: Field<LocationId>,
    /// How many.
    pub quantity: Field<i64>,
    /// In words.
    pub note: Field<String>,
}
