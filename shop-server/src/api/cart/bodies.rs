//! Request and response bodies of carts.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use serde::Serialize;
use shop_core::cart::{AddCoupon, AddItem, CartItemView, CartView, SetQuantity};
use shop_core::money::Currency;
use shop_core::shipping::operations::Quote;
use uuid::Uuid;

use crate::api::pricing::AdjustmentBody;
use crate::field::{Money, Optional, Required};

/// An item to add to a cart, named by exactly one of `variant_id`, `sku` and `product_id`.
#[derive(Debug, Object)]
pub(super) struct AddItemRequest {
    variant_id: Optional<Uuid>,
    sku: Optional<String>,
    /// Only for a product with a single variant.
    product_id: Optional<Uuid>,
    /// 1 to 10,000. Defaults to 1.
    quantity: Optional<i64>,
}

impl From<AddItemRequest> for AddItem {
    fn from(request: AddItemRequest) -> Self {
        Self {
            variant_id: request.variant_id.into_field(),
            sku: request.sku.into(),
            product_id: request.product_id.into_field(),
            quantity: request.quantity.into(),
        }
    }
}

/// The new quantity of an item.
#[derive(Debug, Object)]
pub(super) struct QuantityRequest {
    /// 0 to 10,000; 0 removes the item.
    quantity: Required<i64>,
}

impl From<QuantityRequest> for SetQuantity {
    fn from(request: QuantityRequest) -> Self {
        Self { quantity: request.quantity.into() }
    }
}

/// A coupon to add to a cart.
#[derive(Debug, Object)]
pub(super) struct CouponRequest {
    /// Case-insensitive.
    code: Required<String>,
}

impl From<CouponRequest> for AddCoupon {
    fn from(request: CouponRequest) -> Self {
        Self { code: request.code.into() }
    }
}

/// A cart at current prices.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Cart")]
pub(super) struct CartBody {
    id: Uuid,
    /// Opens a guest's cart when sent as `X-Cart-Token`. Only in the response to the call that created the cart.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    currency: String,
    items: Vec<CartItemBody>,
    coupons: Vec<CouponBody>,
    subtotal: Money,
    discount_total: Money,
    /// Excludes shipping and added taxes, which depend on the destination.
    total: Money,
    /// What makes the total differ from the subtotal.
    adjustments: Vec<AdjustmentBody>,
    version: i64,
    updated_at: DateTime<Utc>,
}

/// One item of a cart.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "CartItem")]
pub(super) struct CartItemBody {
    id: Uuid,
    variant_id: Uuid,
    product_id: Uuid,
    sku: String,
    name: String,
    options: BTreeMap<String, String>,
    quantity: i64,
    unit_price: Money,
    line_total: Money,
    /// How many can be sold now; null if stock is not tracked.
    available: Option<i64>,
}

/// A coupon in the cart. If it has no effect, `discount` is zero and an adjustment says why.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "CartCoupon")]
pub(super) struct CouponBody {
    code: String,
    discount: Money,
}

impl From<CartView> for CartBody {
    fn from(cart: CartView) -> Self {
        let currency = cart.currency;
        Self {
            id: cart.id.0,
            token: cart.token.map(|token| token.expose().to_owned()),
            currency: currency.code().to_owned(),
            items: cart.items.into_iter().map(|item| CartItemBody::new(item, currency)).collect(),
            coupons: cart
                .coupons
                .into_iter()
                .map(|coupon| CouponBody { code: coupon.code, discount: Money::new(coupon.discount, currency) })
                .collect(),
            subtotal: Money::new(cart.subtotal, currency),
            discount_total: Money::new(cart.discount_total, currency),
            total: Money::new(cart.total, currency),
            adjustments: AdjustmentBody::all(cart.adjustments, currency),
            version: cart.version,
            updated_at: cart.updated_at,
        }
    }
}

impl CartItemBody {
    fn new(item: CartItemView, currency: Currency) -> Self {
        Self {
            id: item.id.0,
            variant_id: item.variant_id.0,
            product_id: item.product_id.0,
            sku: item.sku,
            name: item.name,
            options: item.options,
            quantity: item.quantity,
            unit_price: Money::new(item.unit_price, currency),
            line_total: Money::new(item.line_total, currency),
            available: item.available,
        }
    }
}

/// A way to ship a cart, with its price.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "ShippingOption")]
pub(super) struct ShippingOptionBody {
    /// To be used as the `shipping_method_id` of an order.
    id: Uuid,
    name: String,
    carrier: Option<String>,
    price: Money,
    currency: String,
    min_days: Option<i64>,
    max_days: Option<i64>,
}

impl From<Quote> for ShippingOptionBody {
    fn from(quote: Quote) -> Self {
        let currency = quote.method.currency;
        Self {
            id: quote.method.id.0,
            name: quote.method.name,
            carrier: quote.method.carrier,
            price: Money::new(quote.price, currency),
            currency: currency.code().to_owned(),
            min_days: quote.method.min_days,
            max_days: quote.method.max_days,
        }
    }
}
