//! Request and response bodies of returns.

use chrono::{DateTime, Utc};
use poem_openapi::{Enum, Object};
use serde::Serialize;
use shop_core::money::Currency;
use shop_core::orders::{self, ReceiveReturn, RejectReturn, Return, ReturnInput, ReturnItem, ReturnItemInput};
use uuid::Uuid;

use crate::field::{Money, Optional, Required};

/// Goods that the buyer wants to return.
#[derive(Debug, Object)]
pub(crate) struct ReturnRequest {
    items: Required<Vec<ReturnItemRequest>>,
    /// At most 2,000 characters.
    note: Optional<String>,
}

/// How many units of an order line to return.
#[derive(Debug, Object)]
pub(crate) struct ReturnItemRequest {
    order_item_id: Required<Uuid>,
    quantity: Required<i64>,
    /// At most 500 characters.
    reason: Optional<String>,
}

impl From<ReturnItemRequest> for ReturnItemInput {
    fn from(request: ReturnItemRequest) -> Self {
        Self {
            order_item_id: request.order_item_id.into_field(),
            quantity: request.quantity.into(),
            reason: request.reason.into(),
        }
    }
}

impl From<ReturnRequest> for ReturnInput {
    fn from(request: ReturnRequest) -> Self {
        Self { items: request.items.into_list(), note: request.note.into() }
    }
}

/// The rejection of a return.
#[derive(Debug, Object)]
pub(crate) struct RejectReturnRequest {
    /// At most 500 characters; shown to the buyer.
    reason: Optional<String>,
}

impl From<RejectReturnRequest> for RejectReturn {
    fn from(request: RejectReturnRequest) -> Self {
        Self { reason: request.reason.into() }
    }
}

/// What happens to the goods of a return that arrived.
#[derive(Debug, Object)]
pub(crate) struct ReceiveReturnRequest {
    /// True returns the goods to the stock they came from, false writes them off.
    restock: Required<bool>,
}

impl From<ReceiveReturnRequest> for ReceiveReturn {
    fn from(request: ReceiveReturnRequest) -> Self {
        Self { restock: request.restock.into() }
    }
}

/// The state of a return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReturnStatus {
    Requested,
    Approved,
    Rejected,
    Received,
    Completed,
    Canceled,
}

impl From<orders::ReturnStatus> for ReturnStatus {
    fn from(status: orders::ReturnStatus) -> Self {
        match status {
            orders::ReturnStatus::Requested => Self::Requested,
            orders::ReturnStatus::Approved => Self::Approved,
            orders::ReturnStatus::Rejected => Self::Rejected,
            orders::ReturnStatus::Received => Self::Received,
            orders::ReturnStatus::Completed => Self::Completed,
            orders::ReturnStatus::Canceled => Self::Canceled,
        }
    }
}

impl From<ReturnStatus> for orders::ReturnStatus {
    fn from(status: ReturnStatus) -> Self {
        match status {
            ReturnStatus::Requested => Self::Requested,
            ReturnStatus::Approved => Self::Approved,
            ReturnStatus::Rejected => Self::Rejected,
            ReturnStatus::Received => Self::Received,
            ReturnStatus::Completed => Self::Completed,
            ReturnStatus::Canceled => Self::Canceled,
        }
    }
}

/// A return of goods of an order.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Return")]
pub(crate) struct ReturnBody {
    id: Uuid,
    order_id: Uuid,
    status: ReturnStatus,
    items: Vec<ReturnItemBody>,
    note: String,
    /// Why staff rejected the return.
    rejection: String,
    /// Whether the goods arrived and are in stock again.
    restocked: bool,
    /// The amount to refund: the sum of the items' amounts, after a withdrawal including its `shipping_refund`.
    refund_amount: Money,
    /// The amount refunded; lower than `refund_amount` if less was left of the money received for the order.
    amount_refunded: Money,
    currency: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// How many units of an order line come back.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "ReturnItem")]
pub(crate) struct ReturnItemBody {
    order_item_id: Uuid,
    quantity: i64,
    reason: String,
    /// The units' share of the line's price, after discount and including tax.
    amount: Money,
}

impl From<Return> for ReturnBody {
    fn from(returned: Return) -> Self {
        let currency = returned.currency;
        Self {
            id: returned.id.0,
            order_id: returned.order_id.0,
            status: returned.status.into(),
            items: returned.items.into_iter().map(|item| ReturnItemBody::new(item, currency)).collect(),
            note: returned.note,
            rejection: returned.rejection,
            restocked: returned.restocked,
            refund_amount: Money::new(returned.refund_amount, currency),
            amount_refunded: Money::new(returned.amount_refunded, currency),
            currency: currency.code().to_owned(),
            created_at: returned.created_at,
            updated_at: returned.updated_at,
        }
    }
}

impl ReturnItemBody {
    fn new(item: ReturnItem, currency: Currency) -> Self {
        Self {
            order_item_id: item.order_item_id.0,
            quantity: item.quantity,
            reason: item.reason,
            amount: Money::new(item.amount, currency),
        }
    }
}
