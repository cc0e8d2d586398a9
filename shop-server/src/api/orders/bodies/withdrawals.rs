//! Request and response bodies of withdrawals.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use serde::Serialize;
use shop_core::money::Currency;
use shop_core::orders::{Withdrawal, WithdrawalInput, WithdrawalReceipt};
use shop_core::shipping::ShipmentItem;
use uuid::Uuid;

use crate::api::shipping::ShipmentItemRequest;
use crate::field::{Money, Nullable};

/// What the buyer withdraws from.
#[derive(Debug, Object)]
pub(crate) struct WithdrawalRequest {
    /// Quantities by order line, each line once. Defaults to everything that is left.
    items: Nullable<Vec<ShipmentItemRequest>>,
    /// At most 2,000 characters. The buyer need not give a reason.
    note: Nullable<String>,
}

impl From<WithdrawalRequest> for WithdrawalInput {
    fn from(request: WithdrawalRequest) -> Self {
        Self { items: request.items.into_list(), note: request.note.into() }
    }
}

/// The receipt of a withdrawal.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "WithdrawalReceipt")]
pub(crate) struct ReceiptBody {
    id: Uuid,
    /// When the withdrawal was received, as in the e-mailed receipt.
    received_at: DateTime<Utc>,
    order_id: Uuid,
    /// The approved return of the items that had shipped; null if none had.
    return_id: Option<Uuid>,
    items: Vec<WithdrawalItemBody>,
}

/// How many units of an order line are withdrawn.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "WithdrawalItem")]
pub(crate) struct WithdrawalItemBody {
    order_item_id: Uuid,
    quantity: i64,
}

/// A withdrawal of the buyer.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Withdrawal")]
pub(crate) struct WithdrawalBody {
    id: Uuid,
    received_at: DateTime<Utc>,
    return_id: Option<Uuid>,
    items: Vec<WithdrawalItemBody>,
    /// The part of the shipping price that is refunded: with the return, or at once if there is none.
    shipping_refund: Money,
    note: String,
}

impl From<WithdrawalReceipt> for ReceiptBody {
    fn from(WithdrawalReceipt { order_id, withdrawal }: WithdrawalReceipt) -> Self {
        Self {
            id: withdrawal.id.0,
            received_at: withdrawal.received_at,
            order_id: order_id.0,
            return_id: withdrawal.return_id.map(|id| id.0),
            items: WithdrawalItemBody::all(withdrawal.items),
        }
    }
}

impl WithdrawalBody {
    pub(super) fn new(withdrawal: Withdrawal, currency: Currency) -> Self {
        Self {
            id: withdrawal.id.0,
            received_at: withdrawal.received_at,
            return_id: withdrawal.return_id.map(|id| id.0),
            items: WithdrawalItemBody::all(withdrawal.items),
            shipping_refund: Money::new(withdrawal.shipping_refund, currency),
            note: withdrawal.note,
        }
    }
}

impl WithdrawalItemBody {
    fn all(items: Vec<ShipmentItem>) -> Vec<Self> {
        let body = |item: ShipmentItem| Self { order_item_id: item.order_item_id.0, quantity: item.quantity };
        items.into_iter().map(body).collect()
    }
}
