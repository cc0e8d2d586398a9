//! Request and response bodies of payments.

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
    /// The `id` of a gateway.
    gateway: Required<String>,
}

impl From<AttemptRequest> for AttemptInput {
    fn from(request: AttemptRequest) -> Self {
        Self { order_id: request.order_id.into_field(), gateway: request.gateway.into() }
    }
}

/// The amount to capture or to void.
#[derive(Debug, Object)]
pub(crate) struct AmountRequest {
    /// Defaults to the whole open amount. A void must be for the whole payment.
    amount: Optional<Money>,
    /// ISO 4217. If given, it must be the currency of the payment.
    currency: Nullable<String>,
}

impl From<AmountRequest> for AmountInput {
    fn from(request: AmountRequest) -> Self {
        Self { amount: request.amount.into_field(), currency: request.currency.into() }
    }
}

/// A refund to make.
#[derive(Debug, Object)]
pub(crate) struct RefundRequest {
    /// Defaults to the whole remaining amount.
    amount: Optional<Money>,
    /// ISO 4217. If given, it must be the currency of the payment.
    currency: Nullable<String>,
    /// For staff, at most 500 characters; not shown to buyers.
    reason: Optional<String>,
    /// Whether the goods go back to stock; only with a refund of the whole remaining amount. Defaults to false.
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

/// A payment gateway.
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

/// The state of an attempt to pay.
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

/// The state of a refund.
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
    /// Includes pending refunds.
    amount_refunded: Money,
    /// The gateway's own id of the payment.
    gateway_reference: Option<String>,
    refunds: Vec<RefundBody>,
    /// Why the last attempt was declined. For staff, also why the state at the gateway is ignored.
    failure: Option<String>,
    /// Lets the buyer's browser continue the payment while it waits for its buyer. Staff see it only for their own
    /// orders.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl PaymentBody {
    /// A payment as seen by staff or by its buyer.
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

    /// The payment as seen by staff.
    pub(super) fn for_staff(payment: Payment) -> Self {
        Self::new(payment, true)
    }

    /// Adds the secret with which the buyer's browser continues the payment. Only the buyer may see it.
    pub(in crate::api) fn with_secret(self, secret: Option<Secret>) -> Self {
        Self { client_secret: secret.map(|secret| secret.expose().to_owned()), ..self }
    }
}

/// Confirms that a webhook event was stored.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "GatewayNotice")]
pub(crate) struct NoticeBody {
    /// Always true. An event that matters to this shop is processed afterwards.
    pub(super) received: bool,
}

/// A refund of a payment.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Refund")]
pub(crate) struct RefundBody {
    id: Uuid,
    payment_id: Uuid,
    amount: Money,
    currency: String,
    status: RefundState,
    /// The reason as written by staff; null for buyers.
    reason: Option<String>,
    /// The refund split by tax rate; the totals sum to `amount`. Null if an earlier release did not record it.
    taxes: Option<Vec<RefundedTaxBody>>,
    created_at: DateTime<Utc>,
}

/// The part of a refund that is taxed at one rate.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "RefundedTax")]
pub(crate) struct RefundedTaxBody {
    /// `"0.0825"` is 8.25 %; null for the untaxed part.
    rate: Option<Money>,
    /// The refunded amount, including tax.
    total: Money,
    /// The refunded amount, excluding tax.
    net_base: Money,
    /// The tax in `total`.
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

    /// The refund as seen by staff.
    pub(super) fn for_staff(view: RefundView) -> Self {
        Self::new(view.refund, view.payment_id.0, view.currency, true)
    }
}
