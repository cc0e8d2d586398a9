//! Returns of goods.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{OrderId, OrderItemId, ReturnId};
use crate::model::orders::Order;
use crate::money::{Amount, Currency};
use crate::page::CreationSort;
use crate::row::Row;
use crate::string_enum::string_enums;

/// The status of a return: `requested → approved | rejected`, `approved → received → completed`,
/// `requested | approved → canceled`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnStatus {
    /// The buyer asked to return the goods.
    Requested,
    /// Staff approved it; the goods may be sent back.
    Approved,
    /// Staff refused it.
    Rejected,
    /// The goods arrived.
    Received,
    /// The goods arrived, and the refund was settled.
    Completed,
    /// Canceled before the goods arrived.
    Canceled,
}

impl ReturnStatus {
    /// Whether its goods are back or on their way. Such goods cannot be in another return.
    #[must_use]
    pub fn is_live(self) -> bool {
        !matches!(self, Self::Rejected | Self::Canceled)
    }

    /// Whether its goods have arrived.
    #[must_use]
    pub fn is_back(self) -> bool {
        matches!(self, Self::Received | Self::Completed)
    }
}

/// A return of goods of an order. Every batch that changes it increments the order's version.
///
/// # Writes
/// A return is never deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "order_returns", entity = Return)]
pub struct Return {
    /// Unique id.
    pub id: ReturnId,
    /// The order that the goods belong to.
    pub order_id: OrderId,
    /// The order's currency.
    pub currency: Currency,
    /// The returned units; never changes.
    #[row(json)]
    pub items: Vec<ReturnItem>,
    /// The buyer's note.
    pub note: String,
    /// The current status.
    pub status: ReturnStatus,
    /// The reason that staff gave for rejecting it.
    pub rejection: String,
    /// Whether the goods were put back into stock. Goods that arrived and were not are written off.
    pub restocked: bool,
    /// The amount to refund: the sum of the lines' amounts and, after a withdrawal, the refunded shipping price
    /// ([`Order::shipping_refund_of`](crate::orders::Order::shipping_refund_of)).
    pub refund_amount: Amount,
    /// The amount actually refunded; lower than `refund_amount` if less was left of the order's captured money.
    pub amount_refunded: Amount,
    /// When it was requested.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Number of the row's current version; grows with every change.
    pub version: i64,
}

impl Return {
    /// The part of [`refund_amount`](Self::refund_amount) for the goods; the rest is shipping.
    #[must_use]
    pub fn goods_amount(&self) -> Amount {
        Amount(self.items.iter().fold(0, |sum: i64, item| sum.saturating_add(item.amount.0)))
    }

    /// Whether its goods arrived unpaid: nothing is refunded, and the order's payable amount is reduced instead.
    /// `order` is the order of this return.
    #[must_use]
    pub fn is_settled_unpaid(&self, order: &Order) -> bool {
        self.status == ReturnStatus::Completed
            && self.amount_refunded == Amount::ZERO
            && self.items.iter().all(|item| order.returned_unpaid(item.order_item_id) > 0)
    }
}

/// Units of an order line in a return.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnItem {
    /// The returned line.
    pub order_item_id: OrderItemId,
    /// Number of units.
    pub quantity: i64,
    /// The buyer's reason.
    pub reason: String,
    /// The units' share of the line total after discount, including tax.
    pub amount: Amount,
}

/// Filter for returns; absent fields match everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReturnFilter {
    /// Only returns of this order.
    pub order_id: Option<OrderId>,
    /// Only returns with this status.
    pub status: Option<ReturnStatus>,
}

/// Sort keys of a list of returns.
pub type ReturnSort = CreationSort;

string_enums! {
    ReturnStatus {
        Requested => "requested", Approved => "approved", Rejected => "rejected", Received => "received",
        Completed => "completed", Canceled => "canceled",
    }
}
