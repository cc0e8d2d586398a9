//! What callers see of an order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::model::{Draft, Order, OrderItem};
use crate::cart::Goods;
use crate::id::{OrderId, ProductId, VariantId};
use crate::money::{Amount, Currency};
use crate::payments::Payment;
use crate::pricing::Explanation;
use crate::secret::Secret;
use crate::shipping::Shipment;

/// An order with its payments and parcels, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderView {
    /// The order.
    pub order: Order,
    /// Every attempt to pay it.
    pub payments: Vec<Payment>,
    /// Every parcel of it.
    pub shipments: Vec<Shipment>,
}

/// What became of one order of [many](super::Orders::cancel_many).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelOutcome {
    /// Which.
    pub order_id: OrderId,
    /// What became of it.
    pub outcome: Canceled,
}

/// What became of an order that was to be canceled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Canceled {
    /// It is canceled.
    Done,
    /// A gateway is asked to give up its payment; it is canceled with the answer.
    Pending,
    /// It stays as it is.
    Refused {
        /// [`Error::code`](crate::error::Error::code).
        code: String,
        /// A sentence: why.
        detail: String,
    },
}

/// An order as its buyer sees it right after placing it.
#[derive(Debug, Clone)]
pub struct PlacedOrder {
    /// The order.
    pub view: OrderView,
    /// What opens a guest's order; only in the answer to the call that placed it, and when that is given again.
    pub access_token: Option<Secret>,
}

/// What an order would come to, with what is known of it. What is not known is not in it: without a shipping method there
/// is no price of shipping, without an address there are no taxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderQuote {
    /// The currency of every amount.
    pub currency: Currency,
    /// The lines as the order would have them. Their ids are drawn for this quote only.
    pub items: Vec<OrderItem>,
    /// Sum of the lines before discounts.
    pub subtotal: Amount,
    /// Sum of the lines' discounts.
    pub discount_total: Amount,
    /// Price of the shipping.
    pub shipping_total: Amount,
    /// Tax of the shipping.
    pub shipping_tax: Amount,
    /// Sum of all taxes.
    pub tax_total: Amount,
    /// What would be paid: the `expected_total` of the same order.
    pub total: Amount,
    /// Why: promotions, tax rates, rounding.
    pub explanation: Explanation,
    /// The fields that the order would still need, by their paths (`shipping_address.city`). Empty: it can be placed.
    pub missing: Vec<String>,
}

impl OrderQuote {
    /// That of an order of which nothing is missing.
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

/// A draft at the prices of now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftView {
    /// The draft.
    pub draft: Draft,
    /// Its lines, priced.
    pub items: Vec<DraftItemView>,
    /// Sum of the lines, before discounts, shipping and tax.
    pub subtotal: Amount,
}

/// A line of a draft, priced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftItemView {
    /// What is wanted.
    pub variant_id: VariantId,
    /// Its product.
    pub product_id: ProductId,
    /// Its sku.
    pub sku: String,
    /// What the product is called.
    pub name: String,
    /// Which variant of it.
    pub options: BTreeMap<String, String>,
    /// How many.
    pub quantity: i64,
    /// What one costs.
    pub unit_price: Amount,
    /// What one costs in the catalog.
    pub list_price: Amount,
    /// Why these differ.
    pub reason: Option<String>,
    /// What the line costs.
    pub line_total: Amount,
    /// How many can be sold now; `None` when they are not counted, 0 when it is not on sale any more.
    pub available: Option<i64>,
}

impl DraftView {
    /// Prices a draft; `goods` are what its lines are about. Sums saturate, as those of a cart.
    #[must_use]
    pub fn new(draft: Draft, goods: &Goods) -> Self {
        // Products are never deleted, so every line is found.
        let line = |item: &super::DraftItem| {
            let (product, variant) = goods.find(item.variant_id)?;
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
                available: goods.availability(variant.id, draft.currency).available,
            })
        };
        let items: Vec<_> = draft.items.iter().filter_map(line).collect();
        let subtotal = items.iter().fold(0_i64, |sum, item| sum.saturating_add(item.line_total.0));
        Self { items, subtotal: Amount(subtotal), draft }
    }
}
