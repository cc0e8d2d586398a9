//! Intents: gateway calls stored as rows before they are made.

use serde::{Deserialize, Serialize};

use crate::id::{DeliveryId, RefundId};
use crate::money::Amount;
use crate::payments::gateway::RemotePayment;
use crate::payments::model::{Payment, Step};

/// A gateway call before it is made. Stored as a delivery whose id is the gateway's idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayCall {
    /// The call of the same payment that must finish first.
    pub after: Option<DeliveryId>,
    /// The payment. If its reference was unknown, the call uses the reference that is known by then.
    pub payment: RemotePayment,
    /// The requested operation.
    pub wish: Wish,
}

/// A requested gateway operation with its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// Create the payment.
    Create {
        /// The order number shown to users.
        order_number: String,
        /// The e-mail address for messages about the order.
        email: String,
    },
    /// Continue after the buyer has done their part.
    Confirm,
    /// Capture authorized money.
    Capture {
        /// The amount, in minor units.
        amount: Amount,
    },
    /// Void the payment.
    Void {
        /// If set, the order is canceled as well.
        cancel: Option<CancelWish>,
        /// Whether staff have acknowledged that the gateway's state does not match the request: the payment then ends
        /// with any response of the gateway.
        #[serde(default)]
        despite_mismatch: bool,
    },
    /// Refund captured money.
    Refund {
        /// The shop's own id of the refund.
        refund_id: RefundId,
        /// The amount, in minor units.
        amount: Amount,
        /// The reason that staff entered.
        reason: String,
    },
}

/// Why an order is canceled once its payment is voided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelWish {
    /// On request. If the money has arrived in the meantime, the order is canceled anyway and the money is refunded.
    Asked {
        /// The [`Actor::role`](crate::Actor::role) of the initiator.
        role: String,
    },
    /// The payment did not arrive in time. If it has arrived in the meantime, the order is paid.
    Overdue,
}

impl Wish {
    /// The operation without its parameters.
    #[must_use]
    pub fn step(&self) -> Step {
        match self {
            Self::Create { .. } => Step::Create,
            Self::Confirm => Step::Confirm,
            Self::Capture { .. } => Step::Capture,
            Self::Void { .. } => Step::Void,
            Self::Refund { .. } => Step::Refund,
        }
    }
}

impl RemotePayment {
    /// The description of a payment for a gateway.
    #[must_use]
    pub fn of(payment: &Payment) -> Self {
        Self {
            id: payment.id,
            order_id: payment.order_id,
            reference: payment.gateway_reference.clone(),
            amount: payment.amount,
            currency: payment.currency,
            created_at: payment.created_at,
        }
    }
}

/// The receiver name of calls to a gateway.
pub(crate) fn caller(gateway: &str) -> String {
    format!("gateway:{gateway}")
}

/// The receiver name of a gateway's webhook events.
pub(crate) fn listener(gateway: &str) -> String {
    format!("notices:{gateway}")
}
