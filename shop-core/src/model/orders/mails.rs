//! Mails about orders: which change sends which mail.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{OrderId, OrderItemId, ReturnId, ShipmentId};
use crate::money::Amount;

/// A queued mail about an order, to the order's e-mail address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderMail {
    /// The order.
    pub order_id: OrderId,
    /// What happened to it.
    pub news: OrderNews,
}

/// The change that a mail about an order reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OrderNews {
    /// The order was placed.
    Placed,
    /// Money was captured.
    PaymentReceived {
        /// The captured amount.
        amount: Amount,
    },
    /// A shipment left.
    Shipped {
        /// The shipment.
        shipment_id: ShipmentId,
    },
    /// The order was canceled.
    Canceled {
        /// Whether it was canceled because its payment did not arrive in time.
        overdue: bool,
    },
    /// Money was refunded.
    Refunded {
        /// The refunded amount.
        amount: Amount,
    },
    /// A return was approved.
    ReturnApproved {
        /// The approved return.
        return_id: ReturnId,
    },
    /// A return was rejected.
    ReturnRejected {
        /// The rejected return.
        return_id: ReturnId,
    },
    /// The goods of a return arrived.
    ReturnReceived {
        /// The received return.
        return_id: ReturnId,
    },
    /// The buyer withdrew from the contract; this is the receipt that Directive (EU) 2023/2673 requires.
    WithdrawalReceived {
        /// When the declaration was received.
        received_at: Timestamp,
        /// The withdrawn units.
        items: Vec<MailedItem>,
        /// The buyer's note.
        #[serde(default)]
        note: String,
        /// The return that was opened for the shipped units, if any.
        #[serde(default)]
        return_id: Option<ReturnId>,
    },
}

/// Units of an order line in a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailedItem {
    /// The order line.
    pub order_item_id: OrderItemId,
    /// Number of units.
    pub quantity: i64,
}

impl OrderNews {
    /// The base name of the template files.
    #[must_use]
    pub fn template(&self) -> &'static str {
        match self {
            Self::Placed => "order_placed",
            Self::PaymentReceived { .. } => "payment_received",
            Self::Shipped { .. } => "order_shipped",
            Self::Canceled { .. } => "order_canceled",
            Self::Refunded { .. } => "refund_made",
            Self::ReturnApproved { .. } => "return_approved",
            Self::ReturnRejected { .. } => "return_rejected",
            Self::ReturnReceived { .. } => "return_received",
            Self::WithdrawalReceived { .. } => "withdrawal_received",
        }
    }

    /// The return that the mail is about, if any.
    pub(crate) fn return_id(&self) -> Option<ReturnId> {
        match *self {
            Self::ReturnApproved { return_id }
            | Self::ReturnRejected { return_id }
            | Self::ReturnReceived { return_id } => Some(return_id),
            _ => None,
        }
    }
}
