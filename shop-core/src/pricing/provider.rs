//! The port to whoever knows the rates of tax, where the shop's own table is not enough.

use async_trait::async_trait;

use super::TaxQuote;
use crate::error::Result;
use crate::id::{ProductId, VariantId};
use crate::money::{Amount, Currency};
use crate::shipping::Address;

/// Tells the rates of tax of an order: an external service, say. Without one the shop's own rates apply
/// ([`own_rates`](super::own_rates)).
///
/// # Contract
/// - It is asked while an order is loaded, before anything is decided and never inside a transaction; when the order is
///   decided again after a lost race, it is asked again. It books nothing.
/// - It gives rates, not amounts: the pipeline rounds and shares out, so that an order's parts sum to its total whatever a
///   service answers. Where several authorities tax one line, their rates come as one.
/// - It has a time limit of its own.
#[async_trait]
pub trait TaxProvider: Send + Sync {
    /// The rates.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when it cannot be reached: the order is then not placed.
    async fn quote(&self, request: &TaxRequest<'_>) -> Result<TaxQuote>;
}

/// What is to be taxed, and where it goes.
#[derive(Debug, Clone, Copy)]
pub struct TaxRequest<'a> {
    /// Where it goes.
    pub address: &'a Address,
    /// The currency of every amount.
    pub currency: Currency,
    /// Whether the amounts contain the tax.
    pub prices_include_tax: bool,
    /// What is bought.
    pub lines: &'a [TaxedLine<'a>],
    /// What the shipping costs.
    pub shipping: Amount,
}

/// A line that is to be taxed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaxedLine<'a> {
    /// What it is of.
    pub variant_id: VariantId,
    /// Its product.
    pub product_id: ProductId,
    /// Its class.
    pub tax_class: &'a str,
    /// How many.
    pub quantity: i64,
    /// What it costs, discounts taken off.
    pub amount: Amount,
}
