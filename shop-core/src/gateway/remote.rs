//! Gateways that are called over a network: the calls and their responses.

use std::fmt;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::error::BoxError;
use crate::id::RefundId;
use crate::model::payments::{GatewayEvent, PaymentState, RefundState, RemotePayment};
use crate::money::{Amount, Currency};
use crate::secret::Secret;

/// A gateway that moves money by calls over a network.
///
/// The shop never calls it inside a transaction. It first commits an intent, a row with the complete request. Then it
/// makes the call, and then it records the response together with its consequences for the payment and the order. After
/// a crash at any point the intent remains, and the same call is repeated.
///
/// # Contract
/// - **Once per key.** Each call that moves money carries a `key`, the id of its intent (an idempotency key). Repeated
///   calls with the same key have one effect, and the response shows the payment's current state. Calls are repeated
///   for at most about six hours.
/// - **One call at a time per payment**, in the order in which they were requested. Look-ups may run concurrently.
/// - **A response is complete**: the [`Snapshot`] shows the provider's state of the payment *after* the call, including
///   all of its refunds. The shop computes the changes; a repeated or stale response changes nothing.
/// - **An error says what the shop can do**; see [`GatewayError`]. If it is uncertain whether the call took effect:
///   [`GatewayError::Unavailable`].
/// - A call ends by itself within less than 30 seconds, the worker's timeout. Dropping its future is safe.
/// - Neither errors nor [`Snapshot::failure`] contain secrets.
///
/// `GUIDE.md` of `examples/custom_gateway` explains step by step how to write one.
#[async_trait]
pub trait RemoteGateway: Send + Sync {
    /// Creates a payment, so that its buyer can pay it. If the next step needs the buyer (a card number, 3-D Secure),
    /// the response carries [`Snapshot::client_secret`].
    ///
    /// # Errors
    /// [`GatewayError`]; [`GatewayError::Refused`] ends the payment as failed.
    async fn create(&self, call: &CreateCall) -> Result<Snapshot, GatewayError>;

    /// Continues after the buyer has done their part, for providers that then need a call from the server. By default
    /// this is a look-up.
    ///
    /// # Errors
    /// [`GatewayError`]; [`GatewayError::Refused`] is saved as the payment's failure, and leaves it open.
    async fn confirm(&self, call: &ConfirmCall) -> Result<Snapshot, GatewayError> {
        let unknown = || GatewayError::Refused {
            code: "unknown_payment".to_owned(),
            message: "The gateway does not know the payment.".to_owned(),
        };
        self.look_up(&call.payment).await?.ok_or_else(unknown)
    }

    /// Captures authorized money: [`CaptureCall::amount`], all of it or a part.
    ///
    /// # Errors
    /// [`GatewayError`].
    async fn capture(&self, call: &CaptureCall) -> Result<Snapshot, GatewayError>;

    /// Voids a payment before any money is captured. If money was captured already, or the payment cannot be voided,
    /// the error is [`GatewayError::Refused`]: the shop then looks the payment up.
    ///
    /// # Errors
    /// [`GatewayError`].
    async fn void(&self, call: &VoidCall) -> Result<Snapshot, GatewayError>;

    /// Refunds captured money: [`RefundCall::amount`], all of it or a part.
    ///
    /// # Errors
    /// [`GatewayError`]; [`GatewayError::Refused`] ends the refund as failed.
    async fn refund(&self, call: &RefundCall) -> Result<Snapshot, GatewayError>;

    /// Looks up the provider's state of a payment, by its [reference](RemotePayment::reference), or by the shop's own
    /// id while no reference is known. `None` only when the provider certainly has no such payment.
    ///
    /// # Errors
    /// [`GatewayError`].
    async fn look_up(&self, payment: &RemotePayment) -> Result<Option<Snapshot>, GatewayError>;

    /// Parses a message from the provider, after verifying its signature against the raw body. It does no I/O: it is
    /// called before the message is acknowledged, perhaps a thousand times a second.
    ///
    /// The message only says which payment to look at: the shop looks it up, so a repeated, late or outdated message
    /// does no harm.
    ///
    /// # Errors
    /// [`InvalidGatewayEvent`] unless the provider signed exactly this body, at a time close enough to `now`.
    fn verify(
        &self,
        headers: &GatewayEventHeaders<'_>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<GatewayEvent, InvalidGatewayEvent>;
}

/// The parameters of [`RemoteGateway::create`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateCall {
    /// The idempotency key.
    pub key: String,
    /// The payment to create.
    pub payment: RemotePayment,
    /// The order number shown to users.
    pub order_number: String,
    /// The e-mail address for messages about the order.
    pub email: String,
}

/// The parameters of [`RemoteGateway::confirm`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmCall {
    /// The idempotency key.
    pub key: String,
    /// The payment to continue.
    pub payment: RemotePayment,
}

/// The parameters of [`RemoteGateway::capture`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureCall {
    /// The idempotency key.
    pub key: String,
    /// The payment to capture.
    pub payment: RemotePayment,
    /// The amount, in minor units: more than zero, at most what is authorized and not yet captured.
    pub amount: Amount,
}

/// The parameters of [`RemoteGateway::void`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoidCall {
    /// The idempotency key.
    pub key: String,
    /// The payment to void.
    pub payment: RemotePayment,
}

/// The parameters of [`RemoteGateway::refund`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundCall {
    /// The idempotency key.
    pub key: String,
    /// The payment to refund.
    pub payment: RemotePayment,
    /// The shop's own id of the refund. A gateway should pass it to the provider, to tell refunds apart.
    pub refund_id: RefundId,
    /// The amount, in minor units: more than zero, at most what is captured and not yet refunded.
    pub amount: Amount,
    /// The reason that staff entered; may be empty.
    pub reason: String,
}

/// The provider's state of a payment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The provider's id of the payment; never changes.
    pub reference: String,
    /// The current state. `Failed` only when the provider can no longer charge: a declined card leaves it `Pending`
    /// with a [failure](Snapshot::failure).
    pub state: PaymentState,
    /// The total amount in minor units: what the shop asked for, regardless of how much was captured.
    pub amount: Amount,
    /// The currency of every amount.
    pub currency: Currency,
    /// The total amount reserved at the payer's bank or received.
    pub authorized: Amount,
    /// The total amount received, not reduced by refunds.
    pub captured: Amount,
    /// All refunds of the payment, in any order.
    pub refunds: Vec<RemoteRefund>,
    /// The reason why the last attempt was declined: a sentence suitable for buyers.
    pub failure: Option<String>,
    /// The secret with which the buyer's browser continues the payment.
    pub client_secret: Option<Secret>,
    /// The reason why the payment is not this shop's although the provider shows it: it belongs to another account, or
    /// to test mode while the shop is live. The shop then ignores the snapshot.
    pub foreign: Option<String>,
}

/// The provider's state of a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteRefund {
    /// The provider's id of the refund; never changes.
    pub reference: String,
    /// The shop's own id of the refund, if the provider received and saved it.
    pub id: Option<RefundId>,
    /// The amount, in minor units.
    pub amount: Amount,
    /// The current state.
    pub state: RefundState,
}

/// The reason why a gateway call failed, as what the shop can do about it.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The gateway cannot be reached, is too busy, or did not respond: it is unknown whether the call took effect. The
    /// call is repeated with the same key.
    #[error("the gateway cannot be reached: {0}")]
    Unavailable(#[source] BoxError),
    /// The gateway refused the call and would always refuse it: nothing happened.
    #[error("the gateway refused ({code}): {message}")]
    Refused {
        /// The provider's error code.
        code: String,
        /// A sentence suitable for buyers.
        message: String,
    },
    /// The gateway refuses this shop (for example, because of a wrong API key): nothing happened. Staff must fix the
    /// configuration; the call is repeated in the meantime.
    #[error("the gateway is not set up well: {0}")]
    Misconfigured(#[source] BoxError),
}

/// The message is not signed by the provider, or cannot be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidGatewayEvent(
    /// The reason, for the log; contains no part of the message and no secret.
    pub String,
);

/// The headers of a message, as received.
#[derive(Clone, Copy)]
pub struct GatewayEventHeaders<'a>(&'a [(&'a str, &'a str)]);

impl<'a> GatewayEventHeaders<'a> {
    /// Wraps pairs of name and value.
    #[must_use]
    pub fn new(headers: &'a [(&'a str, &'a str)]) -> Self {
        Self(headers)
    }

    /// The value of the first header with this name, ignoring case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }
}

impl fmt::Debug for GatewayEventHeaders<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}
