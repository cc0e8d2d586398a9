//! The mails about orders: which change writes which, and what each is made from.
//!
//! A decision writes the mail as a job into the batch of its change ([`mail_buyer`]): one row that says what happened, so
//! that it happens once and costs little. The worker writes the text when it sends it (`compose`), out of the order's own
//! snapshot. What is for staff only (notes, reasons of refunds and cancellations) never comes into it.

mod compose;
mod content;
pub(crate) mod templates;

use serde::{Deserialize, Serialize};

use crate::batch::{Batch, Change};
use crate::clock::{Moment, Timestamp};
use crate::id::{OrderId, OrderItemId, ReturnId, ShipmentId};
use crate::money::Amount;
use crate::outbox::{Content, Delivery, MAIL, OutboxWrite};

pub(crate) use compose::compose;
pub use content::OrderMailContent;

/// A mail about an order that waits to be written. It goes to the order's address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderMail {
    /// Which order.
    pub order_id: OrderId,
    /// What happened.
    pub news: OrderNews,
}

/// What a mail about an order tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OrderNews {
    /// It was placed.
    Placed,
    /// Money came.
    PaymentReceived {
        /// How much.
        amount: Amount,
    },
    /// A parcel left.
    Shipped {
        /// Which.
        shipment_id: ShipmentId,
    },
    /// It was canceled.
    Canceled {
        /// Its payment did not come in time.
        overdue: bool,
    },
    /// Money was given back.
    Refunded {
        /// How much.
        amount: Amount,
    },
    /// A return was approved.
    ReturnApproved {
        /// Which.
        return_id: ReturnId,
    },
    /// A return was rejected.
    ReturnRejected {
        /// Which.
        return_id: ReturnId,
    },
    /// The goods of a return came back.
    ReturnReceived {
        /// Which.
        return_id: ReturnId,
    },
    /// The buyer withdrew from the contract: the receipt that Directive (EU) 2023/2673 asks for.
    WithdrawalReceived {
        /// When the statement was received.
        received_at: Timestamp,
        /// What is withdrawn from.
        items: Vec<MailedItem>,
        /// The buyer's words.
        #[serde(default)]
        note: String,
        /// The return that was opened for what has been shipped.
        #[serde(default)]
        return_id: Option<ReturnId>,
    },
}

/// How many of a line a mail tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailedItem {
    /// Which line.
    pub order_item_id: OrderItemId,
    /// How many.
    pub quantity: i64,
}

impl OrderNews {
    /// The first part of the names of the templates.
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

/// Writes a mail to the buyer of an order into the batch of the change that it tells of. Mails about one order arrive in
/// the order in which they were written.
pub(crate) fn mail_buyer(batch: &mut Batch, moment: &mut Moment, order_id: OrderId, news: OrderNews) {
    let content = Content::OrderMail(OrderMail { order_id, news });
    let delivery = Delivery::new(moment.id(), MAIL, order_id.0, content, moment.now());
    batch.write(Change::Insert(delivery));
}

#[cfg(test)]
pub(crate) mod tests;
