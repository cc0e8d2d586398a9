//! Goods that come back.

use serde::{Deserialize, Serialize};

use super::Order;
use crate::clock::Timestamp;
use crate::id::{OrderId, OrderItemId, ReturnId};
use crate::money::{Amount, Currency};
use crate::page::CreationSort;
use crate::row::Row;
use crate::word::words;

/// Where a return stands: `requested → approved | rejected`, `approved → received → completed`,
/// `requested | approved → canceled`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnStatus {
    /// The buyer wants to give the goods back.
    Requested,
    /// Staff agree: the goods may come.
    Approved,
    /// Staff do not agree.
    Rejected,
    /// The goods came back.
    Received,
    /// And their money went back.
    Completed,
    /// Called off before the goods came.
    Canceled,
}

impl ReturnStatus {
    /// True while its goods are back or on their way: they cannot be in another return.
    #[must_use]
    pub fn is_live(self) -> bool {
        !matches!(self, Self::Rejected | Self::Canceled)
    }

    /// True once its goods are back.
    #[must_use]
    pub fn is_back(self) -> bool {
        matches!(self, Self::Received | Self::Completed)
    }
}

/// Goods of an order that come back. Every batch that touches it counts the order's version up.
///
/// # Writes
/// A return is never deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "order_returns", entity = Return)]
pub struct Return {
    /// Identity.
    pub id: ReturnId,
    /// Of which order.
    pub order_id: OrderId,
    /// The order's currency.
    pub currency: Currency,
    /// What comes back; never changes.
    #[row(json)]
    pub items: Vec<ReturnItem>,
    /// The buyer's words.
    pub note: String,
    /// Where it stands.
    pub status: ReturnStatus,
    /// Why staff rejected it, in their words.
    pub rejection: String,
    /// True when the goods came back and lie in stock again; those that came back otherwise were written off.
    pub restocked: bool,
    /// What the buyer is to get back: the sum of the lines' amounts, and what of the price of shipping goes back with them after
    /// a withdrawal ([`Order::shipping_refund_of`](crate::orders::Order::shipping_refund_of)).
    pub refund_amount: Amount,
    /// What was given back for them: less when less was left of what the order had brought.
    pub amount_refunded: Amount,
    /// When it was requested.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
    /// Counts the changes.
    pub version: i64,
}

impl Return {
    /// The part of [`refund_amount`](Self::refund_amount) that is for the goods; the rest is the price of shipping.
    #[must_use]
    pub fn goods_amount(&self) -> Amount {
        Amount(self.items.iter().fold(0, |sum: i64, item| sum.saturating_add(item.amount.0)))
    }

    /// Whether its goods are back and nothing had been paid for them: no money goes back then, and so much less is to be paid.
    /// `order` is that of the return.
    #[must_use]
    pub fn is_settled_unpaid(&self, order: &Order) -> bool {
        self.status == ReturnStatus::Completed
            && self.amount_refunded == Amount::ZERO
            && self.items.iter().all(|item| order.returned_unpaid(item.order_item_id) > 0)
    }
}

/// How many of an order's line come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnItem {
    /// Which line.
    pub order_item_id: OrderItemId,
    /// How many.
    pub quantity: i64,
    /// Why, in the buyer's words.
    pub reason: String,
    /// What of the line's price, less its discount and with its tax, belongs to these.
    pub amount: Amount,
}

/// Which returns a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReturnFilter {
    /// Only this order's.
    pub order_id: Option<OrderId>,
    /// Only with this status.
    pub status: Option<ReturnStatus>,
}

/// By what a list of returns can be ordered.
pub type ReturnSort = CreationSort;

words! {
    ReturnStatus {
        Requested => "requested", Approved => "approved", Rejected => "rejected", Received => "received",
        Completed => "completed", Canceled => "canceled",
    }
}
