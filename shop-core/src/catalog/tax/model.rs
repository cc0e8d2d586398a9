//! A rate of tax.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::TaxRateId;
use crate::pricing::Ratio;
use crate::row::Row;
use crate::text::caseless;

/// The class of whatever is not said to be of another.
pub const STANDARD_TAX_CLASS: &str = "standard";

/// What a place takes of things of one class. Unique: class, country and region. Where there is no rate for a class, its
/// things are not taxed.
///
/// # Writes
/// Unique key: [`Unique::TaxRate`](crate::batch::Unique::TaxRate).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "tax_rates", entity = TaxRate, deletable)]
#[row(unique(TaxRate: country, tax_class, region_key))]
pub struct TaxRate {
    /// Identity.
    pub id: TaxRateId,
    /// What buyers see.
    pub name: String,
    /// Of which variants ([`Variant::tax_class`](crate::catalog::Variant::tax_class)).
    pub tax_class: String,
    /// ISO 3166-1 alpha-2, upper case.
    pub country: String,
    /// A state or province of it by its code in ISO 3166-2 without the country's, in whose place the rate of the whole country is
    /// not asked.
    pub region: Option<String>,
    /// The region folded; empty for the whole country.
    pub region_key: String,
    /// How much.
    pub rate: Ratio,
    /// Whether shipping is taxed at it, too.
    pub applies_to_shipping: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Counts the changes.
    pub version: i64,
}

/// A region in the form in which it is compared.
#[must_use]
pub(crate) fn region_key(region: Option<&str>) -> String {
    region.map(|region| caseless(region.trim())).unwrap_or_default()
}
