//! Views of orders and drafts for callers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cart::CartContents;
use crate::id::{OrderId, ProductId, VariantId};
use crate::model::orders::{Draft, Order, OrderItem};
use crate::model::payments::Payment;
use crate::model::pricing::Explanation;
use crate::model::shipping::Shipment;
use crate::money::{Amount, Currency};
use crate::secret::Secret;

/// An order with its payments and shipments, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderView {
    /// The order itself.
    pub order: Order,
    /// All payments, including failed attempts.
    pub payments: Vec<Payment>,
    /// All shipments.
    pub shipments: Vec<Shipment>,
}

/// The result for one order of [many](super::Orders::cancel_many).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelOutcome {
    /// The order to cancel.
    pub order_id: OrderId,
    /// Whether it was canceled.
    pub outcome: Canceled,
}

/// The result of canceling one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Canceled {
    /// The order is canceled.
    Done,
    /// A gateway is asked to void the payment; the order is canceled when it responds.
    Pending,
    /// The order is unchanged.
    Refused {
        /// See [`Error::code`](crate::error::Error::code).
        code: String,
        /// A sentence with the reason.
        detail: String,
    },
}

/// A newly placed order, as its buyer sees it.
#[derive(Debug, Clone)]
pub struct PlacedOrder {
    /// The order with its payments and shipments.
    pub view: OrderView,
    /// Opens a guest's order. Only returned by the call that placed it, and by its retries.
    pub access_token: Option<Secret>,
}

/// The price of an order that is not placed, as far as it is known: without a shipping method there is no shipping
/// price, without an address there are no taxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderQuote {
    /// The currency of every amount.
    pub currency: Currency,
    /// The lines that the order would have. Their ids are only valid within this quote.
    pub items: Vec<OrderItem>,
    /// Sum of the line totals before discounts.
    pub subtotal: Amount,
    /// Sum of the line discounts.
    pub discount_total: Amount,
    /// Shipping price after free shipping.
    pub shipping_total: Amount,
    /// Tax on the shipping.
    pub shipping_tax: Amount,
    /// Sum of all taxes.
    pub tax_total: Amount,
    /// Amount to pay: the `expected_total` of the same order.
    pub total: Amount,
    /// How the total came about: promotions, tax rates, rounding.
    pub explanation: Explanation,
    /// Paths of fields that are missing, such as `shipping_address.city`. If empty, the order can be placed.
    pub missing: Vec<String>,
}

impl OrderQuote {
    /// The quote of a complete order.
    pub(super) fn of(order: Order) -> Self {
        Self {
            currency: order.currency,
            items: order.items,
            subtotal: order.subtotal,
            discount_total: order.discount_total,
            shipping_total: order.shipping_total,
            shipping_tax: order.shipping_tax,
            tax_total: order.tax_total,
            total: order.total,
            explanation: order.explanation,
            missing: Vec::new(),
        }
    }
}

/// A draft at current prices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftView {
    /// The draft.
    pub draft: Draft,
    /// Its lines with prices.
    pub items: Vec<DraftItemView>,
    /// Sum of the line totals, before discounts, shipping and tax.
    pub subtotal: Amount,
}

/// A line of a draft with its price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftItemView {
    /// The variant to order.
    pub variant_id: VariantId,
    /// The product that the variant belongs to.
    pub product_id: ProductId,
    /// SKU of the variant.
    pub sku: String,
    /// Name of the product.
    pub name: String,
    /// The variant's options.
    pub options: BTreeMap<String, String>,
    /// Number of units.
    pub quantity: i64,
    /// Price of one unit, as overridden by staff, else from the catalog.
    pub unit_price: Amount,
    /// Catalog price of one unit.
    pub list_price: Amount,
    /// Why staff overrode the price.
    pub reason: Option<String>,
    /// `unit_price` times `quantity`.
    pub line_total: Amount,
    /// Units that can be sold now; `None` if untracked, 0 if no longer on sale.
    pub available: Option<i64>,
}

impl DraftView {
    /// Prices a draft; `contents` has the products of its lines. Sums saturate, as in a cart.
    #[must_use]
    pub fn new(draft: Draft, contents: &CartContents) -> Self {
        // Products are never deleted, so every line is found.
        let line = |item: &crate::model::orders::DraftItem| {
            let (product, variant) = contents.find(item.variant_id)?;
            let unit_price = item.price.as_ref().map_or(variant.price, |price| price.unit_price);
            Some(DraftItemView {
                variant_id: variant.id,
                product_id: product.id,
                sku: variant.sku.clone(),
                name: product.name.clone(),
                options: variant.options.clone(),
                quantity: item.quantity,
                unit_price,
                list_price: variant.price,
                reason: item.price.as_ref().map(|price| price.reason.clone()),
                line_total: Amount(unit_price.0.saturating_mul(item.quantity)),
                available: contents.availability(variant.id, draft.currency).available,
            })
        };
        let items: Vec<_> = draft.items.iter().filter_map(line).collect();
        let subtotal = items.iter().fold(0_i64, |sum, item| sum.saturating_add(item.line_total.0));
        Self { items, subtotal: Amount(subtotal), draft }
    }
}
