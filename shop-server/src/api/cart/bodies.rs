//! Request and response bodies of carts.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use shop_core::cart::{AddCoupon, AddItem, CartItemView, CartView, CouponView, SetQuantity};
use shop_core::money::Currency;
use shop_core::shipping::operations::Quote;
use uuid::Uuid;

use crate::api::macros::{bodies, requests};
use crate::api::pricing::AdjustmentBody;
use crate::field::Money;

requests! {
    /// An item to add to a cart, named by exactly one of `variant_id`, `sku` and `product_id`.
    AddItemRequest => AddItem {
        variant_id: Optional<Uuid>,
        sku: Optional<String>,
        /// Only for a product with a single variant.
        product_id: Optional<Uuid>,
        /// 1 to 10,000. Defaults to 1.
        quantity: Optional<i64>,
    }

    /// The new quantity of an item.
    QuantityRequest => SetQuantity {
        /// 0 to 10,000; 0 removes the item.
        quantity: Required<i64>,
    }

    /// A coupon to add to a cart.
    CouponRequest => AddCoupon {
        /// Case-insensitive.
        code: Required<String>,
    }
}

bodies! {
    /// A cart at current prices.
    CartBody as "Cart" from(cart: CartView) with {
        let currency = cart.currency;
        let item = |item| CartItemBody::new(item, currency);
        let coupon = |coupon| CouponBody::new(coupon, currency);
    } {
        id: Uuid,
        /// Opens a guest's cart when sent as `X-Cart-Token`. Only in the response to the call that created the cart.
        #[serde(skip_serializing_if = "Option::is_none")]
        token: Option<String> = cart.token.map(|token| token.expose().to_owned()),
        currency: String,
        items: Vec<CartItemBody> = cart.items.into_iter().map(item).collect(),
        coupons: Vec<CouponBody> = cart.coupons.into_iter().map(coupon).collect(),
        subtotal: Money = Money::new(cart.subtotal, currency),
        discount_total: Money = Money::new(cart.discount_total, currency),
        /// Excludes shipping and added taxes, which depend on the destination.
        total: Money = Money::new(cart.total, currency),
        /// What makes the total differ from the subtotal.
        adjustments: Vec<AdjustmentBody> = AdjustmentBody::all(cart.adjustments, currency),
        version: i64,
        updated_at: DateTime<Utc>,
    }

    /// One item of a cart.
    CartItemBody as "CartItem" new(item: CartItemView, currency: Currency) {
        id: Uuid,
        variant_id: Uuid,
        product_id: Uuid,
        sku: String,
        name: String,
        options: BTreeMap<String, String>,
        quantity: i64,
        unit_price: Money = Money::new(item.unit_price, currency),
        line_total: Money = Money::new(item.line_total, currency),
        /// How many can be sold now; null if stock is not tracked.
        available: Option<i64>,
    }

    /// A coupon in the cart. If it has no effect, `discount` is zero and an adjustment says why.
    CouponBody as "CartCoupon" new(coupon: CouponView, currency: Currency) {
        code: String,
        discount: Money = Money::new(coupon.discount, currency),
    }

    /// A way to ship a cart, with its price.
    ShippingOptionBody as "ShippingOption" from(quote: Quote) with { let Quote { method: quote, price, .. } = quote; } {
        /// To be used as the `shipping_method_id` of an order.
        id: Uuid,
        name: String,
        carrier: Option<String>,
        price: Money = Money::new(price, quote.currency),
        currency: String,
        min_days: Option<i64>,
        max_days: Option<i64>,
    }
}
