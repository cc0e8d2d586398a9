//! Mails about orders: which change sends which mail, and what it contains.
//!
//! A decision adds the mail as a job to the batch of its change ([`mail_buyer`]). The job only says what happened, so
//! it is cheap and happens exactly once. The worker composes the text when it sends the mail (`compose`), from the
//! order's own snapshot. Texts for staff only (notes, reasons of refunds and cancellations) never appear in a mail.

mod compose;
mod content;
pub(crate) mod templates;

use serde::{Deserialize, Serialize};

use crate::batch::{Batch, Change};
use crate::clock::{Moment, Timestamp};
use crate::id::{OrderId, OrderItemId, ReturnId, ShipmentId};
use crate::money::Amount;
use crate::outbox::{Content, Delivery, MAIL};

pub(crate) use compose::compose;
pub use content::OrderMailContent;

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

    fn return_id(&self) -> Option<ReturnId> {
        match *self {
            Self::ReturnApproved { return_id }
            | Self::ReturnRejected { return_id }
            | Self::ReturnReceived { return_id } => Some(return_id),
            _ => None,
        }
    }
}

/// Adds a mail to the buyer of an order to the batch of the change that causes it. Mails about one order are sent in
/// the order in which they were added.
pub(crate) fn mail_buyer(batch: &mut Batch, moment: &mut Moment, order_id: OrderId, news: OrderNews) {
    let content = Content::OrderMail(OrderMail { order_id, news });
    let delivery = Delivery::new(moment.id(), MAIL, order_id.0, content, moment.now());
    batch.write(Change::Insert(delivery));
}

#[cfg(test)]
pub(crate) mod tests;
