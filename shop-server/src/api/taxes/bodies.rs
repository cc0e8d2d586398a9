//! Request and response bodies of tax rates.

use chrono::{DateTime, Utc};
use shop_core::taxes::{TaxRate, TaxRateInput};
use uuid::Uuid;

use crate::api::macros::{bodies, requests};
use crate::field::Money;

requests! {
    /// A tax rate.
    TaxRateRequest,
    /// Changes to a tax rate.
    TaxRateChange => TaxRateInput {
        /// The name shown to buyers, 1 to 100 characters.
        name: Needed<String>,
        /// The tax class of the variants it applies to. Defaults to `standard`. Variants whose class has no rate in
        /// a place are untaxed there.
        tax_class: Optional<String>,
        /// ISO 3166-1 alpha-2.
        country: Needed<String>,
        /// A state or province as its ISO 3166-2 code (`NY` or `US-NY`) or a name of it, stored as the code without
        /// the country; null for the whole country. In the region, this rate replaces the country's. Orders to the
        /// country must then give an existing region in their shipping address.
        region: Nullable<String>,
        /// From 0 to 1: `"0.0825"` is 8.25 %.
        rate: Needed<Money>,
        /// Whether it also applies to shipping. Defaults to false.
        applies_to_shipping: Optional<bool>,
    }
}

bodies! {
    /// A tax rate.
    TaxRateBody as "TaxRate" from(rate: TaxRate) {
        id: Uuid,
        name: String,
        tax_class: String,
        country: String,
        region: Option<String>,
        /// From 0 to 1.
        rate: Money,
        applies_to_shipping: bool,
        version: i64,
        created_at: DateTime<Utc>,
        updated_at: DateTime<Utc>,
    }
}
