//! What callers see of a cart: its lines with current prices and stock.

use std::collections::BTreeMap;

use super::contents::CartContents;
use crate::clock::Timestamp;
use crate::id::{CartId, CartItemId, ProductId, VariantId};
use crate::model::cart::Cart;
use crate::model::pricing::{Adjustment, PriceRules};
use crate::money::{Amount, Currency};
use crate::pricing::{Basket, BasketLine, Coupon, CouponOutcome, Priced, Taxes, price};
use crate::secret::Secret;

/// A cart with its prices.
#[derive(Debug, Clone)]
pub struct CartView {
    /// The id of the cart.
    pub id: CartId,
    /// The token that opens a guest's cart; only in the response to the call that created it.
    pub token: Option<Secret>,
    /// The currency of every price in it.
    pub currency: Currency,
    /// The lines, in the order they were added.
    pub items: Vec<CartItemView>,
    /// The coupons, in the order they were added.
    pub coupons: Vec<CouponView>,
    /// The sum of the lines.
    pub subtotal: Amount,
    /// The sum of the discounts.
    pub discount_total: Amount,
    /// The current price of the cart without shipping and taxes.
    pub total: Amount,
    /// What explains the difference between the total and the sum of the lines.
    pub adjustments: Vec<Adjustment>,
    /// When the cart was last changed.
    pub updated_at: Timestamp,
    /// The number of changes, for optimistic locking.
    pub version: i64,
}

/// A line of a cart with its prices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CartItemView {
    /// The id of the line.
    pub id: CartItemId,
    /// The variant to buy.
    pub variant_id: VariantId,
    /// The product of the variant.
    pub product_id: ProductId,
    /// The SKU of the variant.
    pub sku: String,
    /// The name of the product.
    pub name: String,
    /// The option values that distinguish the variant, by name.
    pub options: BTreeMap<String, String>,
    /// The quantity, 1 to 10,000.
    pub quantity: i64,
    /// The current price of one unit.
    pub unit_price: Amount,
    /// The current price of the line.
    pub line_total: Amount,
    /// How many can be sold now; `None` when stock is not tracked, 0 when the variant is no longer on sale.
    pub available: Option<i64>,
}

/// A coupon of a cart with its discount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CouponView {
    /// The code as given.
    pub code: String,
    /// The current discount; 0 when the coupon has no effect, in which case an adjustment says why.
    pub discount: Amount,
}

impl CartView {
    /// Prices a cart. Shipping and taxes depend on the destination and are added by the order. Sums saturate: adding
    /// items refuses totals that are too large, so only a later absurd rise of a price can saturate one, and then the
    /// order is refused.
    #[must_use]
    pub fn new(cart: &Cart, contents: &CartContents, rules: &PriceRules, now: Timestamp) -> Self {
        // Products are never deleted, so every line is found.
        let items: Vec<_> = cart
            .items
            .iter()
            .filter_map(|item| {
                let (product, variant) = contents.find(item.variant_id)?;
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
                    available: contents.availability(variant.id, cart.currency).available,
                })
            })
            .collect();
        let priced = priced(cart, contents, rules, now);
        let coupon = |coupon: Coupon| CouponView {
            discount: if let CouponOutcome::Applied(amount) = coupon.outcome { amount } else { Amount::ZERO },
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

/// Prices a cart without shipping and taxes.
pub(super) fn priced(cart: &Cart, contents: &CartContents, rules: &PriceRules, now: Timestamp) -> Priced {
    let lines: Vec<BasketLine<'_>> =
        cart.items.iter().filter_map(|item| contents.line(item.variant_id, item.quantity)).collect();
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
