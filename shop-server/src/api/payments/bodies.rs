//! Request and response bodies of payments.

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use serde::Serialize;
use shop_core::money::Currency;
use shop_core::payments::{
    AmountInput, AttemptInput, GatewayView, Payment, PaymentState, Refund, RefundInput, RefundState, RefundView,
    RefundedTax,
};
use shop_core::secret::Secret;
use uuid::Uuid;

use crate::api::macros::{bodies, requests};
use crate::field::{Choice, Money};

requests! {
    /// Another attempt to pay an order.
    AttemptRequest => AttemptInput {
        order_id: Required<Uuid>,
        /// The `id` of a gateway.
        gateway: Required<String>,
    }

    /// The amount to capture or to void.
    AmountRequest => AmountInput {
        /// Defaults to the whole open amount. A void must be for the whole payment.
        amount: Optional<Money>,
        /// ISO 4217. If given, it must be the currency of the payment.
        currency: Nullable<String>,
    }

    /// A refund to make.
    RefundRequest => RefundInput {
        /// Defaults to the whole remaining amount.
        amount: Optional<Money>,
        /// ISO 4217. If given, it must be the currency of the payment.
        currency: Nullable<String>,
        /// For staff, at most 500 characters; not shown to buyers.
        reason: Optional<String>,
        /// Whether the goods go back to stock; only with a refund of the whole remaining amount. Defaults to false.
        restock: Optional<bool>,
    }
}

/// Confirms that a webhook event was stored.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "GatewayNotice")]
pub(super) struct GatewayEventBody {
    /// Always true. An event that matters to this shop is processed afterwards.
    pub(super) received: bool,
}

bodies! {
    /// A payment gateway.
    GatewayBody as "Gateway" from(gateway: GatewayView) {
        id: String,
        name: String,
    }

    /// One attempt to pay an order.
    PaymentBody as "Payment" new(payment: Payment, for_staff: bool) with {
        let currency = payment.currency;
        let money = |amount| Money::new(amount, currency);
        let refund = |refund| RefundBody::new(refund, payment.id.0, currency, for_staff);
        let mismatch = payment.remote.mismatch.filter(|_| for_staff);
    } {
        id: Uuid,
        order_id: Uuid,
        gateway: String,
        amount: Money = money(payment.amount),
        currency: String,
        status: Choice<PaymentState> = Choice(payment.state),
        amount_authorized: Money = money(payment.amount_authorized),
        amount_captured: Money = money(payment.amount_captured),
        /// Includes pending refunds.
        amount_refunded: Money = money(payment.amount_refunded),
        /// The gateway's own id of the payment.
        gateway_reference: Option<String>,
        refunds: Vec<RefundBody> = payment.refunds.into_iter().map(refund).collect(),
        /// Why the last attempt was declined. For staff, also why the state at the gateway is ignored.
        failure: Option<String> = mismatch.or(payment.failure),
        /// Lets the buyer's browser continue the payment while it waits for its buyer. Staff see it only for their own
        /// orders.
        #[serde(skip_serializing_if = "Option::is_none")]
        client_secret: Option<String> = None,
        created_at: DateTime<Utc>,
        updated_at: DateTime<Utc>,
    }

    /// A refund of a payment.
    RefundBody as "Refund" new(refund: Refund, payment_id: Uuid, currency: Currency, for_staff: bool) with {
        let tax = |part| RefundedTaxBody::new(part, currency);
    } {
        id: Uuid,
        payment_id: Uuid = payment_id,
        amount: Money = Money::new(refund.amount, currency),
        currency: String = currency.code().to_owned(),
        status: Choice<RefundState> = Choice(refund.state),
        /// The reason as written by staff; null for buyers.
        reason: Option<String> = for_staff.then_some(refund.reason),
        /// The refund split by tax rate; the totals sum to `amount`. Null if an earlier release did not record it.
        taxes: Option<Vec<RefundedTaxBody>> =
            (!refund.taxes.is_empty()).then(|| refund.taxes.into_iter().map(tax).collect()),
        created_at: DateTime<Utc>,
    }

    /// The part of a refund that is taxed at one rate.
    RefundedTaxBody as "RefundedTax" new(part: RefundedTax, currency: Currency) {
        /// `"0.0825"` is 8.25 %; null for the untaxed part.
        rate: Option<Money>,
        /// The refunded amount, including tax.
        total: Money = Money::new(part.total, currency),
        /// The refunded amount, excluding tax.
        net_base: Money = Money::new(part.net(), currency),
        /// The tax in `total`.
        amount: Money = Money::new(part.tax, currency),
    }
}

impl PaymentBody {
    /// The payment as seen by staff.
    pub(super) fn for_staff(payment: Payment) -> Self {
        Self::new(payment, true)
    }

    /// Adds the secret with which the buyer's browser continues the payment. Only the buyer may see it.
    pub(in crate::api) fn with_secret(self, secret: Option<Secret>) -> Self {
        Self { client_secret: secret.map(|secret| secret.expose().to_owned()), ..self }
    }
}

impl RefundBody {
    /// The refund as seen by staff.
    pub(super) fn for_staff(view: RefundView) -> Self {
        Self::new(view.refund, view.payment_id.0, view.currency, true)
    }
}
