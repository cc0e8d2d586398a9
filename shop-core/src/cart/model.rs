//! What somebody wants to buy, before it is an order.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{CartId, CartItemId, UserId, VariantId};
use crate::money::Currency;
use crate::row::Row;
use crate::word::words;

/// The most lines of one cart: an order of it is one batch.
pub const MAX_CART_ITEMS: usize = 200;

/// The most coupons of one cart.
pub const MAX_CART_COUPONS: usize = 10;

/// Whether a cart can still be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CartStatus {
    /// It can be filled and ordered.
    Open,
    /// It became an order.
    Ordered,
    /// Its items went into its owner's own cart at sign-in.
    Merged,
}

/// A cart: wishes only, no prices and no stock. It is changed as one.
///
/// # Writes
/// Unique key: one open cart per customer, [`Unique::OpenCart`](crate::batch::Unique::OpenCart).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "carts", entity = Cart, deletable)]
#[row(unique(OpenCart: customer_id when status in ("open")))]
pub struct Cart {
    /// Identity; a guest's token is derived from it ([`crate::secret::Keys::cart_token`]).
    pub id: CartId,
    /// Whose; `None` for a guest's.
    pub customer_id: Option<UserId>,
    /// The currency of every price shown in it.
    pub currency: Currency,
    /// Whether it can still be filled.
    pub status: CartStatus,
    /// Its lines in the order in which they came; at most one per variant.
    #[row(json)]
    pub items: Vec<CartItem>,
    /// The codes of its coupons as they were given, in the order in which they came; each once, however it is spelled.
    #[row(json)]
    pub coupons: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Counts the changes.
    pub version: i64,
}

/// A line of a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartItem {
    /// Identity.
    pub id: CartItemId,
    /// What is wanted.
    pub variant_id: VariantId,
    /// How many, 1 to 10,000.
    pub quantity: i64,
}

words! {
    CartStatus { Open => "open", Ordered => "ordered", Merged => "merged" }
}
