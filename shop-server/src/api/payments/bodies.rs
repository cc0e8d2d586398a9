//! What is sent to payments, and what comes back.

use chrono::{DateTime, Utc};
use poem_openapi::{Enum, Object};
use serde::Serialize;
use shop_core::money::Currency;
use shop_core::payments::{
    self, AmountInput, AttemptInput, GatewayView, Payment, Refund, RefundInput, RefundView, RefundedTax,
};
use shop_core::secret::Secret;
use uuid::Uuid;

use crate::field::{Money, Nullable, Optional, Required};

/// Another attempt to pay an order.
#[derive(Debug, Object)]
pub(crate) struct AttemptRequest {
    order_id: Required<Uuid>,
    /// The `id` of one of the gateways.
    gateway: Required<String>,
}

impl From<AttemptRequest> for AttemptInput {
    fn from(request: AttemptRequest) -> Self {
        Self { order_id: request.order_id.into_field(), gateway: request.gateway.into() }
    }
}

/// How much money is received, or called off.
#[derive(Debug, Object)]
pub(crate) struct AmountRequest {
    /// All when it is left out.
    amount: Optional<Money>,
    /// That of the payment, to be sure: another one is refused.
    currency: Nullable<String>,
}

impl From<AmountRequest> for AmountInput {
    fn from(request: AmountRequest) -> Self {
        Self { amount: request.amount.into_field(), currency: request.currency.into() }
    }
}

/// Money to be given back.
#[derive(Debug, Object)]
pub(crate) struct RefundRequest {
    /// All that is left when it is left out.
    amount: Optional<Money>,
    /// That of the payment, to be sure: another one is refused.
    currency: Nullable<String>,
    /// For the staff's own memory, at most 500 characters; buyers are not shown it.
    reason: Optional<String>,
    /// The goods go back to stock; only with a refund of all that is left.
    restock: Optional<bool>,
}

impl From<RefundRequest> for RefundInput {
    fn from(request: RefundRequest) -> Self {
        Self {
            amount: request.amount.into_field(),
            currency: request.currency.into(),
            reason: request.reason.into(),
            restock: request.restock.into(),
        }
    }
}

/// A way to pay.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Gateway")]
pub(crate) struct GatewayBody {
    id: String,
    name: String,
}

impl From<GatewayView> for GatewayBody {
    fn from(gateway: GatewayView) -> Self {
        Self { id: gateway.id, name: gateway.name }
    }
}

/// Where an attempt to pay stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(crate) enum PaymentState {
    Pending,
    RequiresAction,
    Authorized,
    Captured,
    Voided,
    Expired,
    Failed,
}

impl From<payments::PaymentState> for PaymentState {
    fn from(state: payments::PaymentState) -> Self {
        match state {
            payments::PaymentState::Pending => Self::Pending,
            payments::PaymentState::RequiresAction => Self::RequiresAction,
            payments::PaymentState::Authorized => Self::Authorized,
            payments::PaymentState::Captured => Self::Captured,
            payments::PaymentState::Voided => Self::Voided,
            payments::PaymentState::Expired => Self::Expired,
            payments::PaymentState::Failed => Self::Failed,
        }
    }
}

impl From<PaymentState> for payments::PaymentState {
    fn from(state: PaymentState) -> Self {
        match state {
            PaymentState::Pending => Self::Pending,
            PaymentState::RequiresAction => Self::RequiresAction,
            PaymentState::Authorized => Self::Authorized,
            PaymentState::Captured => Self::Captured,
            PaymentState::Voided => Self::Voided,
            PaymentState::Expired => Self::Expired,
            PaymentState::Failed => Self::Failed,
        }
    }
}

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(crate) enum RefundState {
    Pending,
    Succeeded,
    Failed,
}

impl From<payments::RefundState> for RefundState {
    fn from(state: payments::RefundState) -> Self {
        match state {
            payments::RefundState::Pending => Self::Pending,
            payments::RefundState::Succeeded => Self::Succeeded,
            payments::RefundState::Failed => Self::Failed,
        }
    }
}

/// One attempt to pay an order.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Payment")]
pub(crate) struct PaymentBody {
    id: Uuid,
    order_id: Uuid,
    gateway: String,
    amount: Money,
    currency: String,
    status: PaymentState,
    amount_authorized: Money,
    amount_captured: Money,
    /// Refunds on their way included.
    amount_refunded: Money,
    /// The gateway's own name for it.
    gateway_reference: Option<String>,
    refunds: Vec<RefundBody>,
    /// Why the last try was declined. For staff also why nothing counts of what the gateway shows.
    failure: Option<String>,
    /// What the buyer's browser goes on with, while the payment waits for its buyer. Shown to staff only for orders of
    /// their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl PaymentBody {
    /// A payment as staff or as its buyer sees it.
    pub(in crate::api) fn new(payment: Payment, for_staff: bool) -> Self {
        let currency = payment.currency;
        let refund = |refund| RefundBody::new(refund, payment.id.0, currency, for_staff);
        let mismatch = payment.remote.mismatch.filter(|_| for_staff);
        Self {
            id: payment.id.0,
            order_id: payment.order_id.0,
            gateway: payment.gateway,
            amount: Money::new(payment.amount, currency),
            currency: currency.code().to_owned(),
            status: payment.state.into(),
            amount_authorized: Money::new(payment.amount_authorized, currency),
            amount_captured: Money::new(payment.amount_captured, currency),
            amount_refunded: Money::new(payment.amount_refunded, currency),
            gateway_reference: payment.gateway_reference,
            refunds: payment.refunds.into_iter().map(refund).collect(),
            failure: mismatch.or(payment.failure),
            client_secret: None,
            created_at: payment.created_at,
            updated_at: payment.updated_at,
        }
    }

    /// As staff see it.
    pub(super) fn for_staff(payment: Payment) -> Self {
        Self::new(payment, true)
    }

    /// With what the buyer's browser goes on with: for the eyes of the buyer.
    pub(in crate::api) fn with_secret(self, secret: Option<Secret>) -> Self {
        Self { client_secret: secret.map(|secret| secret.expose().to_owned()), ..self }
    }
}

/// That a message was kept.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "GatewayNotice")]
pub(crate) struct NoticeBody {
    /// Always true: it will be looked into, if it is about anything that matters here.
    pub(super) received: bool,
}

/// Money given back.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Refund")]
pub(crate) struct RefundBody {
    id: Uuid,
    payment_id: Uuid,
    amount: Money,
    currency: String,
    status: RefundState,
    /// Why, in the words of staff, and for staff only: null for buyers.
    reason: Option<String>,
    /// What of it is taxed at which percentage; the totals sum to `amount`. Null where an earlier release did not keep it.
    taxes: Option<Vec<RefundedTaxBody>>,
    created_at: DateTime<Utc>,
}

/// What of a refund is taxed at one percentage.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "RefundedTax")]
pub(crate) struct RefundedTaxBody {
    /// `"0.0825"` is 8.25 %; null for what is not taxed.
    rate: Option<Money>,
    /// What goes back, with the tax.
    total: Money,
    /// What goes back, without the tax.
    net_base: Money,
    /// The tax.
    amount: Money,
}

impl RefundedTaxBody {
    fn all(taxes: Vec<RefundedTax>, currency: Currency) -> Option<Vec<Self>> {
        let body = |part: RefundedTax| Self {
            rate: part.rate.map(|rate| Money(rate.to_string())),
            total: Money::new(part.total, currency),
            net_base: Money::new(part.net(), currency),
            amount: Money::new(part.tax, currency),
        };
        (!taxes.is_empty()).then(|| taxes.into_iter().map(body).collect())
    }
}

impl RefundBody {
    fn new(refund: Refund, payment_id: Uuid, currency: Currency, for_staff: bool) -> Self {
        Self {
            id: refund.id.0,
            payment_id,
            amount: Money::new(refund.amount, currency),
            currency: currency.code().to_owned(),
            status: refund.state.into(),
            reason: for_staff.then_some(refund.reason),
            taxes: RefundedTaxBody::all(refund.taxes, currency),
            created_at: refund.created_at,
        }
    }

    /// As staff see it.
    pub(super) fn for_staff(view: RefundView) -> Self {
        Self::new(view.refund, view.payment_id.0, view.currency, true)
    }
}
