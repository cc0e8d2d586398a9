//! The port for an external source of tax rates, for shops whose own table is not enough.

use async_trait::async_trait;

use super::TaxQuote;
use crate::error::Result;
use crate::id::{ProductId, VariantId};
use crate::model::shipping::Address;
use crate::money::{Amount, Currency};

/// Supplies the tax rates of an order, for example from an external service. Without a provider the shop's own rates
/// apply ([`own_rates`](super::own_rates)).
///
/// # Contract
/// - It is called while an order is loaded, before any decision and never inside a transaction. If the order is decided
///   again after a conflict, it is called again. It must not record anything.
/// - It returns rates, not amounts. The pipeline rounds and allocates, so that an order's parts sum to its total
///   whatever a service returns. If several authorities tax one line, their rates are combined into one.
/// - It enforces its own time limit.
#[async_trait]
pub trait TaxProvider: Send + Sync {
    /// Returns the rates for this request.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) if the provider cannot be reached; the order is then not
    /// placed.
    async fn quote(&self, request: &TaxRequest<'_>) -> Result<TaxQuote>;
}

/// What is taxed, and the destination.
#[derive(Debug, Clone, Copy)]
pub struct TaxRequest<'a> {
    /// The destination of the order.
    pub address: &'a Address,
    /// The currency of every amount.
    pub currency: Currency,
    /// Whether the amounts include tax.
    pub prices_include_tax: bool,
    /// The lines of the order.
    pub lines: &'a [TaxedLine<'a>],
    /// The shipping price after free shipping.
    pub shipping: Amount,
}

/// A line to tax.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaxedLine<'a> {
    /// The variant that is bought.
    pub variant_id: VariantId,
    /// The product that the variant belongs to.
    pub product_id: ProductId,
    /// The tax class of the product.
    pub tax_class: &'a str,
    /// Number of units.
    pub quantity: i64,
    /// The line total after discounts.
    pub amount: Amount,
}
