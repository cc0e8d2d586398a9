//! Gateways that are asked over a network: what they are asked, and what they answer.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::error::BoxError;
use crate::id::{OrderId, PaymentId, RefundId};
use crate::money::{Amount, Currency};
use crate::payments::model::{PaymentState, RefundState};
use crate::secret::Secret;

/// A gateway that moves money when it is asked over a network.
///
/// The shop never asks inside a transaction. It first commits an intent, a row with everything that will be asked;
/// then it calls; then it records the answer together with all that follows for the payment and its order. A
/// crash at any point leaves the intent, and the same call is made again.
///
/// # Contract
/// - **Once per key.** Each call that moves something carries a `key`, the id of its intent. The same call with the
///   same key has one effect however often it comes; it is answered with what the payment is by then. (What a
///   provider calls an idempotency key.) It comes again for about six hours at most.
/// - **One call at a time per payment**, in the order in which they were wanted; a look-up may come beside them.
/// - **An answer is the whole truth**: the [`Snapshot`] shows the payment as the provider has it *after* the call, all
///   of its refunds included. The shop works out what changed; an answer that repeats or is stale changes nothing.
/// - **An error says what the shop can do**; see [`GatewayError`]. When in doubt whether something happened:
///   [`GatewayError::Unavailable`].
/// - A call ends by itself within less than 30 seconds, when the worker gives up waiting; dropping one is safe.
/// - Nothing secret stands in an error, nor in [`Snapshot::failure`].
///
/// How to write one, step by step: `GUIDE.md` of `examples/custom_gateway`.
#[async_trait]
pub trait RemoteGateway: Send + Sync {
    /// Begins a payment, so that its buyer can pay it. Where the provider needs the buyer for the next step (a card
    /// number, 3-D Secure), the answer brings [`Snapshot::client_secret`].
    ///
    /// # Errors
    /// [`GatewayError`]; [`GatewayError::Refused`] ends the payment as failed.
    async fn create(&self, call: &CreateCall) -> Result<Snapshot, GatewayError>;

    /// Goes on after the buyer has done their part, for providers that want a step of the server then. Without
    /// one of its own it is a look-up.
    ///
    /// # Errors
    /// [`GatewayError`]; [`GatewayError::Refused`] is kept as the payment's failure, and leaves it open.
    async fn confirm(&self, call: &ConfirmCall) -> Result<Snapshot, GatewayError> {
        let unknown = || GatewayError::Refused {
            code: "unknown_payment".to_owned(),
            message: "The gateway does not know the payment.".to_owned(),
        };
        self.look_up(&call.payment).await?.ok_or_else(unknown)
    }

    /// Takes money that was authorized: [`CaptureCall::amount`], all of it or a part.
    ///
    /// # Errors
    /// [`GatewayError`].
    async fn capture(&self, call: &CaptureCall) -> Result<Snapshot, GatewayError>;

    /// Calls a payment off before it brings money. When it has brought money already, or cannot be called off,
    /// that is [`GatewayError::Refused`]: the shop looks it up then.
    ///
    /// # Errors
    /// [`GatewayError`].
    async fn void(&self, call: &VoidCall) -> Result<Snapshot, GatewayError>;

    /// Gives money back: [`RefundCall::amount`], all of it or a part.
    ///
    /// # Errors
    /// [`GatewayError`]; [`GatewayError::Refused`] ends the refund as failed.
    async fn refund(&self, call: &RefundCall) -> Result<Snapshot, GatewayError>;

    /// Shows a payment as the provider has it, by its [reference](RemotePayment::reference), or by the shop's own id
    /// when none is known yet. `None` only when the provider surely has no such payment.
    ///
    /// # Errors
    /// [`GatewayError`].
    async fn look_up(&self, payment: &RemotePayment) -> Result<Option<Snapshot>, GatewayError>;

    /// Reads a message that says it is from the provider, after judging its signature against the raw body. No I/O:
    /// it is called before the message is acknowledged, perhaps a thousand times a second.
    ///
    /// The message is only a hint of which payment to look at: the shop looks it up, so a message that is repeated,
    /// late or overtaken does no harm.
    ///
    /// # Errors
    /// [`InvalidNotice`] unless the provider signed exactly this body, near enough to `now`.
    fn verify(&self, headers: &NoticeHeaders<'_>, body: &[u8], now: Timestamp) -> Result<GatewayNotice, InvalidNotice>;
}

/// Which payment a call is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemotePayment {
    /// The shop's own id; a gateway should hand it to the provider, to find the payment by it later.
    pub id: PaymentId,
    /// Which order it pays.
    pub order_id: OrderId,
    /// The provider's own name for it; `None` until an answer brought one.
    pub reference: Option<String>,
    /// How much it is about, whole minor units.
    pub amount: Amount,
    /// The currency of every amount.
    pub currency: Currency,
    /// When it was begun.
    pub created_at: Timestamp,
}

/// To begin a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateCall {
    /// The idempotency key.
    pub key: String,
    /// Which payment.
    pub payment: RemotePayment,
    /// What people call the order.
    pub order_number: String,
    /// Where news of the order go.
    pub email: String,
}

/// To go on after the buyer has done their part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmCall {
    /// The idempotency key.
    pub key: String,
    /// Which payment.
    pub payment: RemotePayment,
}

/// To take what was authorized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureCall {
    /// The idempotency key.
    pub key: String,
    /// Which payment.
    pub payment: RemotePayment,
    /// How much: more than zero, at most what is authorized and not yet captured.
    pub amount: Amount,
}

/// To call off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoidCall {
    /// The idempotency key.
    pub key: String,
    /// Which payment.
    pub payment: RemotePayment,
}

/// To give back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundCall {
    /// The idempotency key.
    pub key: String,
    /// Which payment.
    pub payment: RemotePayment,
    /// The shop's own id of the refund; a gateway should hand it to the provider, to tell it from others.
    pub refund_id: RefundId,
    /// How much: more than zero, at most what was captured and not yet given back.
    pub amount: Amount,
    /// Why, in the words of staff; may be empty.
    pub reason: String,
}

/// A payment as the provider has it.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The provider's own name for it; never changes.
    pub reference: String,
    /// Where it stands. `Failed` only when the provider can no longer charge: a declined card leaves it `Pending`
    /// with a [failure](Snapshot::failure).
    pub state: PaymentState,
    /// How much it is about, whole minor units: what the shop asked for, whatever was captured of it.
    pub amount: Amount,
    /// The currency of every amount.
    pub currency: Currency,
    /// Reserved at the payer's bank or received, in all.
    pub authorized: Amount,
    /// Received, in all, whatever went back since.
    pub captured: Amount,
    /// Every refund there is, in any order.
    pub refunds: Vec<RemoteRefund>,
    /// Why the last try to pay was declined: a sentence fit for buyers.
    pub failure: Option<String>,
    /// What lets the buyer's browser go on with this payment.
    pub client_secret: Option<Secret>,
    /// Why it is not this shop's payment though the provider shows it: it is of another account, or of the test mode
    /// where the shop is live. Then nothing of it counts.
    pub foreign: Option<String>,
}

/// A refund as the provider has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteRefund {
    /// The provider's own name for it; never changes.
    pub reference: String,
    /// The shop's own id of it, when the provider was told and kept it.
    pub id: Option<RefundId>,
    /// How much, whole minor units.
    pub amount: Amount,
    /// Where it stands.
    pub state: RefundState,
}

/// Why a gateway did not do what it was asked, as what the shop can do about it.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// It cannot be reached, is too busy, or did not answer: whether something happened is unknown. The same call
    /// is made again with the same key.
    #[error("the gateway cannot be reached: {0}")]
    Unavailable(#[source] BoxError),
    /// It answered no, and the same call will always be answered so: nothing happened.
    #[error("the gateway refused ({code}): {message}")]
    Refused {
        /// The provider's machine word.
        code: String,
        /// A sentence fit for buyers.
        message: String,
    },
    /// It does not let this shop in (a wrong key, say): nothing happened. Somebody must look; the call is made again,
    /// for the key may be put right.
    #[error("the gateway is not set up well: {0}")]
    Misconfigured(#[source] BoxError),
}

/// A message of a provider whose signature is good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayNotice {
    /// The provider's own id of it, the same at each repetition.
    pub id: String,
    /// What it says happened, in the provider's word; for people.
    pub kind: String,
    /// When, by the provider's clock, the same at each repetition; the epoch when it does not say.
    pub at: Timestamp,
    /// The shop's own id of the payment it is about, when the provider was told and kept it.
    pub payment_id: Option<PaymentId>,
    /// The provider's name of the payment it is about. When neither id nor reference is known the message is about
    /// nothing that matters here: it is acknowledged, and that is all.
    pub reference: Option<String>,
    /// Why it is not about this shop: it is of another account, or of the test mode where the shop is live. It is
    /// acknowledged, and that is all.
    pub foreign: Option<String>,
}

/// The message is not signed by the provider, or cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidNotice(
    /// What is wrong, for the log; nothing of the message, nothing secret.
    pub String,
);

/// The headers of a message, as they came.
#[derive(Clone, Copy)]
pub struct NoticeHeaders<'a>(&'a [(&'a str, &'a str)]);

impl<'a> NoticeHeaders<'a> {
    /// Names and values.
    #[must_use]
    pub fn new(headers: &'a [(&'a str, &'a str)]) -> Self {
        Self(headers)
    }

    /// The value of the first header of this name, in whatever case it is written.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }
}

impl fmt::Debug for NoticeHeaders<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}
