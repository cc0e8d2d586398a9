//! Draft orders that staff prepare for a customer or guest.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{CartId, DraftId, UserId, VariantId};
use crate::money::{Amount, Currency};
use crate::page::CreationSort;
use crate::row::Row;

/// An order that staff prepare for a customer or guest. Like a cart, it holds no stock, and no prices except overrides
/// by staff. Placing deletes it; its id becomes the cart id of the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "draft_orders", entity = Draft, deletable)]
pub struct Draft {
    /// Unique id.
    pub id: DraftId,
    /// The customer's account; `None` for a guest.
    pub customer_id: Option<UserId>,
    /// A guest's e-mail address for notifications, as entered. For a customer, the account's address is used.
    pub email: Option<String>,
    /// The currency of its prices.
    pub currency: Currency,
    /// The lines, at most one per variant.
    #[row(json)]
    pub items: Vec<DraftItem>,
    /// Note for the order.
    pub note: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Number of the row's current version; grows with every change.
    pub version: i64,
}

impl Draft {
    /// The cart id that its order will have.
    #[must_use]
    pub fn cart_id(&self) -> CartId {
        CartId(self.id.0)
    }
}

/// A line of a draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftItem {
    /// The variant to order.
    pub variant_id: VariantId,
    /// Number of units, 1 to 10,000.
    pub quantity: i64,
    /// Price set by staff; `None` for the catalog price.
    pub price: Option<PriceOverride>,
}

/// A price set by staff, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceOverride {
    /// Price of one unit.
    pub unit_price: Amount,
    /// The reason, recorded in the order's history.
    pub reason: String,
}

/// Sort keys of a list of drafts.
pub type DraftSort = CreationSort;
