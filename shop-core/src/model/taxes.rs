//! The rows of tax rates.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::TaxRateId;
use crate::money::Ratio;
use crate::row::Row;
use crate::text::caseless;

/// The tax class of everything for which no other class is given.
pub const STANDARD_TAX_CLASS: &str = "standard";

/// The tax rate of a country or region for one tax class. Unique by class, country and region. A class without a rate
/// is not taxed.
///
/// # Writes
/// Unique key: [`Unique::TaxRate`](crate::batch::Unique::TaxRate).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "tax_rates", entity = TaxRate, deletable)]
#[row(unique(TaxRate: country, tax_class, region_key))]
pub struct TaxRate {
    /// The primary key.
    pub id: TaxRateId,
    /// The name that buyers see.
    pub name: String,
    /// The class of the variants that it applies to ([`Variant::tax_class`](crate::catalog::Variant::tax_class)).
    pub tax_class: String,
    /// The country as ISO 3166-1 alpha-2, upper case.
    pub country: String,
    /// A state or province, as its ISO 3166-2 code without the country; there, this rate replaces that of the whole
    /// country. `None` for the whole country.
    pub region: Option<String>,
    /// The folded region; empty for the whole country.
    pub region_key: String,
    /// The rate, from 0 to 1.
    pub rate: Ratio,
    /// Whether it applies to shipping, too.
    pub applies_to_shipping: bool,
    /// When the rate was created.
    pub created_at: Timestamp,
    /// When the rate was last changed.
    pub updated_at: Timestamp,
    /// The number of changes, for optimistic locking.
    pub version: i64,
}

/// Folds a region for comparisons.
#[must_use]
pub(crate) fn region_key(region: Option<&str>) -> String {
    region.map(|region| caseless(region.trim())).unwrap_or_default()
}
