//! Intents: what a gateway is to be asked, as a row.

use serde::{Deserialize, Serialize};

use crate::id::{DeliveryId, RefundId};
use crate::money::Amount;
use crate::payments::gateway::RemotePayment;
use crate::payments::model::{Payment, Step};

/// One call of a gateway, before it is made. Kept as a delivery whose id is the gateway's idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayCall {
    /// The call of the same payment whose answer is awaited first.
    pub after: Option<DeliveryId>,
    /// Which payment. When its reference was not known yet, the call is made with the one that is known by then.
    pub payment: RemotePayment,
    /// What is asked.
    pub wish: Wish,
}

/// What a gateway is asked to do, with everything it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// To begin the payment.
    Create {
        /// What people call the order.
        order_number: String,
        /// Where news of the order go.
        email: String,
    },
    /// To go on after the buyer did their part.
    Confirm,
    /// To take what was authorized.
    Capture {
        /// How much, whole minor units.
        amount: Amount,
    },
    /// To call off.
    Void {
        /// That the order is called off with it.
        cancel: Option<CancelWish>,
        /// That staff have looked at what the gateway shows and was not asked for: the payment is over here once the
        /// gateway has answered, whatever it answers.
        #[serde(default)]
        despite_mismatch: bool,
    },
    /// To give back.
    Refund {
        /// Which refund.
        refund_id: RefundId,
        /// How much, whole minor units.
        amount: Amount,
        /// Why, in the words of staff.
        reason: String,
    },
}

/// Why an order is called off once its payment is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelWish {
    /// Somebody wants it. When the money has come meanwhile, the order is called off all the same, and the money
    /// given back.
    Asked {
        /// Their [`Actor::role`](crate::Actor::role).
        role: String,
    },
    /// Its payment did not come in time. When it has come meanwhile, the order is paid.
    Overdue,
}

impl Wish {
    /// The step without its parameters.
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
    /// What a gateway is told of a payment.
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

/// Who delivers the calls to a gateway.
pub(crate) fn caller(gateway: &str) -> String {
    format!("gateway:{gateway}")
}

/// Who looks into what a gateway told.
pub(crate) fn listener(gateway: &str) -> String {
    format!("notices:{gateway}")
}
