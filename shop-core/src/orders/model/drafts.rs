//! Orders that staff put together for somebody.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{CartId, DraftId, UserId, VariantId};
use crate::money::{Amount, Currency};
use crate::page::CreationSort;
use crate::row::Row;

/// What staff put together for somebody, before it is an order. Like a cart it holds no stock, and no prices but those
/// that staff set. When it is placed it is gone: its id is that of the cart that the order came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "draft_orders", entity = Draft, deletable)]
pub struct Draft {
    /// Identity.
    pub id: DraftId,
    /// For which customer; `None` for somebody without an account.
    pub customer_id: Option<UserId>,
    /// Where news go, as typed, of somebody without an account. A customer's own address is used.
    pub email: Option<String>,
    /// The currency of the prices in it.
    pub currency: Currency,
    /// Its lines, at most one per variant.
    #[row(json)]
    pub items: Vec<DraftItem>,
    /// Words for the order.
    pub note: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Counts the changes.
    pub version: i64,
}

impl Draft {
    /// The cart that its order comes from.
    #[must_use]
    pub fn cart_id(&self) -> CartId {
        CartId(self.id.0)
    }
}

/// A line of a draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftItem {
    /// What is wanted.
    pub variant_id: VariantId,
    /// How many, 1 to 10,000.
    pub quantity: i64,
    /// A price of its own, instead of the catalog's.
    pub price: Option<PriceOverride>,
}

/// A price that staff set, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceOverride {
    /// What one costs.
    pub unit_price: Amount,
    /// Why; it stands in the order's history.
    pub reason: String,
}

/// By what a list of drafts can be ordered.
pub type DraftSort = CreationSort;
