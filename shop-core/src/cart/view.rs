//! What callers see of a cart: its lines with the prices and the stock of now.

use std::collections::BTreeMap;

use super::goods::Goods;
use super::model::Cart;
use crate::clock::Timestamp;
use crate::id::{CartId, CartItemId, ProductId, VariantId};
use crate::money::{Amount, Currency};
use crate::secret::Secret;

/// A cart, priced.
#[derive(Debug, Clone)]
pub struct CartView {
    /// Identity.
    pub id: CartId,
    /// What opens a guest's cart; only in the answer to the call that made it.
    pub token: Option<Secret>,
    /// The currency of every price in it.
    pub currency: Currency,
    /// Its lines.
    pub items: Vec<CartItemView>,
    /// Sum of the lines.
    pub subtotal: Amount,
    /// What is taken off.
    pub discount_total: Amount,
    /// What it would cost now, shipping aside.
    pub total: Amount,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Counts the changes.
    pub version: i64,
}

/// A line of a cart, priced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CartItemView {
    /// Identity.
    pub id: CartItemId,
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
    /// What one costs now.
    pub unit_price: Amount,
    /// What the line costs now.
    pub line_total: Amount,
    /// How many can be sold now; `None` when they are not counted, 0 when it is not on sale any more.
    pub available: Option<i64>,
}

impl CartView {
    /// Prices a cart. Sums saturate: what is too large to be added up was refused when it was put in, so only a price
    /// that rose absurdly since can be, and the order of it is refused.
    #[must_use]
    pub fn new(cart: &Cart, goods: &Goods) -> Self {
        // Products are never deleted, so every line is found.
        let items: Vec<_> = cart
            .items
            .iter()
            .filter_map(|item| {
                let (product, variant) = goods.find(item.variant_id)?;
                Some(CartItemView {
                    id: item.id,
                    variant_id: variant.id,
                    product_id: product.id,
                    sku: variant.sku.clone(),
                    name: product.name.clone(),
                    options: variant.options.clone(),
                    quantity: item.quantity,
                    unit_price: variant.price,
                    line_total: Amount(variant.price.0.saturating_mul(item.quantity)),
                    available: goods.availability(variant.id, cart.currency).available,
                })
            })
            .collect();
        let subtotal = items.iter().fold(0_i64, |sum, item| sum.saturating_add(item.line_total.0));
        Self {
            id: cart.id,
            token: None,
            currency: cart.currency,
            items,
            subtotal: Amount(subtotal),
            discount_total: Amount::ZERO,
            total: Amount(subtotal),
            updated_at: cart.updated_at,
            version: cart.version,
        }
    }
}
