//! What callers see of a cart: its lines with the prices and the stock of now.

use std::collections::BTreeMap;

use super::goods::Goods;
use super::model::Cart;
use crate::catalog::PriceRules;
use crate::clock::Timestamp;
use crate::id::{CartId, CartItemId, ProductId, VariantId};
use crate::money::{Amount, Currency};
use crate::pricing::{Adjustment, Basket, Coupon, Line, Outcome, Priced, Taxes, price};
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
    /// Its coupons, in the order in which they came.
    pub coupons: Vec<CouponView>,
    /// Sum of the lines.
    pub subtotal: Amount,
    /// What is taken off.
    pub discount_total: Amount,
    /// What it would cost now, shipping aside.
    pub total: Amount,
    /// Why it is not the sum of the lines.
    pub adjustments: Vec<Adjustment>,
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

/// A coupon of a cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CouponView {
    /// The code, as it was given.
    pub code: String,
    /// What it takes off now; nothing when it is without effect, and then an adjustment says why.
    pub discount: Amount,
}

impl CartView {
    /// Prices a cart; shipping and taxes depend on where it goes, and come with the order. Sums saturate: what is too
    /// large to be added up was refused when it was put in, so only a price that rose absurdly since can be, and the
    /// order of it is refused.
    #[must_use]
    pub fn new(cart: &Cart, goods: &Goods, rules: &PriceRules, now: Timestamp) -> Self {
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
        let priced = priced(cart, goods, rules, now);
        let coupon = |coupon: Coupon| CouponView {
            discount: if let Outcome::Applied(amount) = coupon.outcome { amount } else { Amount::ZERO },
            code: coupon.code,
        };
        Self {
            id: cart.id,
            token: None,
            currency: cart.currency,
            items,
            coupons: priced.coupons.into_iter().map(coupon).collect(),
            subtotal: priced.subtotal,
            discount_total: priced.discount_total,
            total: priced.total,
            adjustments: priced.explanation.adjustments,
            updated_at: cart.updated_at,
            version: cart.version,
        }
    }
}

/// What a cart comes to, shipping and taxes aside.
pub(super) fn priced(cart: &Cart, goods: &Goods, rules: &PriceRules, now: Timestamp) -> Priced {
    let lines: Vec<Line<'_>> =
        cart.items.iter().filter_map(|item| goods.line(item.variant_id, item.quantity)).collect();
    let basket = Basket {
        currency: cart.currency,
        lines: &lines,
        coupons: &cart.coupons,
        customer_id: cart.customer_id,
        shipping: None,
        now,
    };
    price(&basket, rules, &Taxes::default())
}
