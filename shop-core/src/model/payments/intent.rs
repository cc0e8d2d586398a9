//! Intents: gateway calls stored as rows before they are made.

use serde::{Deserialize, Serialize};

use super::{GatewayOperation, Payment};
use crate::clock::Timestamp;
use crate::id::{DeliveryId, OrderId, PaymentId, RefundId};
use crate::money::{Amount, Currency};

/// A gateway call before it is made. Stored as a delivery whose id is the gateway's idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayCall {
    /// The call of the same payment that must finish first.
    pub after: Option<DeliveryId>,
    /// The payment. If its reference was unknown, the call uses the reference that is known by then.
    pub payment: RemotePayment,
    /// The requested operation.
    #[serde(rename = "wish")]
    pub command: GatewayCommand,
}

/// The payment that a call is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemotePayment {
    /// The shop's own id. A gateway should pass it to the provider, to find the payment by it later.
    pub id: PaymentId,
    /// The order that this payment pays.
    pub order_id: OrderId,
    /// The provider's id of the payment; `None` until a response contained one.
    pub reference: Option<String>,
    /// The total amount, in minor units.
    pub amount: Amount,
    /// The currency of every amount.
    pub currency: Currency,
    /// The creation time of the payment.
    pub created_at: Timestamp,
}

/// A requested gateway operation with its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatewayCommand {
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
        cancel: Option<CancelReason>,
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
pub enum CancelReason {
    /// On request. If the money has arrived in the meantime, the order is canceled anyway and the money is refunded.
    Asked {
        /// The [`Actor::role`](crate::Actor::role) of the initiator.
        role: String,
    },
    /// The payment did not arrive in time. If it has arrived in the meantime, the order is paid.
    Overdue,
}

impl GatewayCommand {
    /// The operation without its parameters.
    #[must_use]
    pub fn operation(&self) -> GatewayOperation {
        match self {
            Self::Create { .. } => GatewayOperation::Create,
            Self::Confirm => GatewayOperation::Confirm,
            Self::Capture { .. } => GatewayOperation::Capture,
            Self::Void { .. } => GatewayOperation::Void,
            Self::Refund { .. } => GatewayOperation::Refund,
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

/// A webhook event from a provider, with a valid signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayEvent {
    /// The provider's id of the event, the same at each repetition.
    pub id: String,
    /// The provider's name for the kind of event; for display.
    pub kind: String,
    /// The event's time by the provider's clock, the same at each repetition; the epoch if it is unknown.
    pub at: Timestamp,
    /// The shop's own id of the payment, if the provider received and saved it.
    pub payment_id: Option<PaymentId>,
    /// The provider's id of the payment. If the event has neither this nor `payment_id`, it concerns no payment: it is
    /// only acknowledged.
    pub reference: Option<String>,
    /// The reason why the event is not about this shop: it belongs to another account, or to test mode while the shop
    /// is live. It is only acknowledged.
    pub foreign: Option<String>,
}

/// The receiver name of calls to a gateway.
pub(crate) fn caller(gateway: &str) -> String {
    format!("gateway:{gateway}")
}

/// The receiver name of a gateway's webhook events.
pub(crate) fn listener(gateway: &str) -> String {
    format!("notices:{gateway}")
}
