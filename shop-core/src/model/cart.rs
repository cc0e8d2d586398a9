//! The rows of carts.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{CartId, CartItemId, UserId, VariantId};
use crate::money::Currency;
use crate::row::Row;
use crate::string_enum::string_enums;

/// The maximum number of lines in a cart; limited because an order of the cart is a single batch.
pub const MAX_CART_ITEMS: usize = 200;

/// The maximum number of coupons in a cart.
pub const MAX_CART_COUPONS: usize = 10;

/// The status of a cart; only an open cart can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CartStatus {
    /// It can be changed and ordered.
    Open,
    /// It became an order.
    Ordered,
    /// Its items were moved into the customer's own cart at sign-in.
    Merged,
}

/// A cart: variants, quantities and coupons, but no prices and no stock. It is changed as a unit.
///
/// # Writes
/// Unique key: one open cart per customer, [`Unique::OpenCart`](crate::batch::Unique::OpenCart).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "carts", entity = Cart, deletable)]
#[row(unique(OpenCart: customer_id when status in ("open")))]
pub struct Cart {
    /// The primary key; a guest's token is derived from it ([`crate::secret::Keys::cart_token`]).
    pub id: CartId,
    /// The customer who owns the cart; `None` for a guest's.
    pub customer_id: Option<UserId>,
    /// The currency of every price shown in it.
    pub currency: Currency,
    /// Whether it can still be changed.
    pub status: CartStatus,
    /// The lines in the order they were added; at most one per variant.
    #[row(json)]
    pub items: Vec<CartItem>,
    /// The coupon codes as given, in the order they were added; spellings of the same code count once.
    #[row(json)]
    pub coupons: Vec<String>,
    /// When the cart was created.
    pub created_at: Timestamp,
    /// When the cart was last changed.
    pub updated_at: Timestamp,
    /// The number of changes, for optimistic locking.
    pub version: i64,
}

/// A line of a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartItem {
    /// Identifies the line in requests.
    pub id: CartItemId,
    /// The variant to buy.
    pub variant_id: VariantId,
    /// The quantity, 1 to 10,000.
    pub quantity: i64,
}

string_enums! {
    CartStatus { Open => "open", Ordered => "ordered", Merged => "merged" }
}
