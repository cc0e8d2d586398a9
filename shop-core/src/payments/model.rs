//! Payments and refunds.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{DeliveryId, OrderId, PaymentId, RefundId};
use crate::money::{Amount, Currency};
use crate::page::CreationSort;
use crate::pricing::Ratio;
use crate::row::{Column, Columns, Row, Sink, Source};
use crate::secret::Sealed;
use crate::word::words;

/// Where one attempt to pay stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// Begun; nothing was proven.
    Pending,
    /// The payer must do something (3-D Secure).
    RequiresAction,
    /// The amount is reserved at the payer's bank.
    Authorized,
    /// Money came.
    Captured,
    /// Called off before money came.
    Voided,
    /// The authorization ran out.
    Expired,
    /// The gateway can no longer charge.
    Failed,
}

impl PaymentState {
    /// True while the attempt can still bring money, or has: at most one such payment per order.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Pending | Self::RequiresAction | Self::Authorized | Self::Captured)
    }

    /// True while the attempt can still bring money and has brought none.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::RequiresAction | Self::Authorized)
    }
}

/// One attempt to pay an order.
///
/// # Writes
/// A payment is written with its refunds and is never deleted. An update names every refund: refunds are added or
/// changed by id, none is removed. Unique keys, in this order: the id of a refund among all payments
/// ([`Unique::OtherId`](crate::batch::Unique::OtherId)), one live payment per order ([`PaymentState::is_live`],
/// [`Unique::LivePayment`](crate::batch::Unique::LivePayment)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "payments", entity = Payment)]
#[row(unique(LivePayment: order_id when state in ("pending", "requires_action", "authorized", "captured")))]
pub struct Payment {
    /// Identity.
    pub id: PaymentId,
    /// Which order it pays.
    pub order_id: OrderId,
    /// Through which gateway.
    pub gateway: String,
    /// How much.
    pub amount: Amount,
    /// The order's currency.
    pub currency: Currency,
    /// Where it stands.
    pub state: PaymentState,
    /// Reserved or received.
    pub amount_authorized: Amount,
    /// Received.
    pub amount_captured: Amount,
    /// Given back, pending refunds included: `0 ≤ refunded ≤ captured ≤ authorized`.
    pub amount_refunded: Amount,
    /// The gateway's own name for it.
    pub gateway_reference: Option<String>,
    /// Why the last try was declined.
    pub failure: Option<String>,
    /// What only a payment through a [remote gateway](super::RemoteGateway) has.
    #[serde(default)]
    #[row(flat)]
    pub remote: RemoteState,
    /// Money given back, oldest first.
    #[row(children)]
    pub refunds: Vec<Refund>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
    /// Counts the changes.
    pub version: i64,
}

impl Payment {
    /// Whether it is known to a gateway that is asked over a network: one that brought money through such a gateway is.
    #[must_use]
    pub fn is_at_gateway(&self) -> bool {
        self.gateway_reference.is_some()
    }

    /// The same for an answer that is kept: without its secret, not even sealed. Who shows it reads it anew.
    #[must_use]
    pub(crate) fn without_secret(mut self) -> Self {
        self.remote.client_secret = None;
        self
    }

    /// Whether people must see to it: something is open at the gateway, which shows what was not asked for. Money may lie
    /// there that counts for nothing here.
    #[must_use]
    pub fn is_disputed(&self) -> bool {
        let refunding = || self.refunds.iter().any(|refund| refund.state == RefundState::Pending);
        self.remote.mismatch.is_some() && (self.state.is_open() || refunding())
    }
}

/// What the shop knows of its dealings with a remote gateway about one payment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Columns)]
pub struct RemoteState {
    /// The last call that was wanted and whose answer is not recorded yet. Calls that wait before it are in its
    /// [intent](super::GatewayCall::after).
    #[row(flat)]
    pub asking: Option<Asking>,
    /// When the payment is to be compared with the gateway, should no message settle it before; `None` when nothing
    /// is open between the two.
    pub look_at: Option<Timestamp>,
    /// What lets the buyer's browser go on with the payment. Sealed, and in no kept answer.
    #[serde(default)]
    pub client_secret: Option<Sealed>,
    /// Why nothing counts of what the gateway shows: it is not what was asked for. For staff to look at; buyers are
    /// not shown it.
    #[serde(default)]
    pub mismatch: Option<String>,
    /// When the gateway last answered a buyer who wanted to go on ([`Step::Confirm`]).
    #[serde(default)]
    pub confirmed_at: Option<Timestamp>,
}

/// A call of a gateway whose answer is not recorded yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asking {
    /// The intent: a delivery of the outbox.
    pub intent: DeliveryId,
    /// What is asked.
    pub step: Step,
}

impl Columns for Option<Asking> {
    const COLUMNS: &'static [Column] =
        &[Column::of::<Option<DeliveryId>>("asking"), Column::of::<Option<Step>>("asking_step")];
    const DERIVED: &'static [Column] = &[];

    fn write<S: Sink>(&self, sink: &mut S) -> Result<(), S::Error> {
        sink.put(&self.map(|asking| asking.intent))?;
        sink.put(&self.map(|asking| asking.step))
    }

    fn read<S: Source>(source: &mut S) -> Result<Self, S::Error> {
        let (intent, step) = (source.take::<Option<DeliveryId>>()?, source.take::<Option<Step>>()?);
        match (intent, step) {
            (Some(intent), Some(step)) => Ok(Some(Asking { intent, step })),
            (None, None) => Ok(None),
            _ => Err(source.wrong("a call without its step, or the other way round".into())),
        }
    }
}

/// What a gateway can be asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// To begin a payment.
    Create,
    /// To go on after the buyer did their part.
    Confirm,
    /// To take what was authorized.
    Capture,
    /// To call off.
    Void,
    /// To give back.
    Refund,
}

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// On its way.
    Pending,
    /// The money went back.
    Succeeded,
    /// The gateway refused it.
    Failed,
}

/// Money given back. Belongs to its payment and changes with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "refunds", child_of = payment_id)]
pub struct Refund {
    /// Identity.
    pub id: RefundId,
    /// How much.
    pub amount: Amount,
    /// Where it stands.
    pub state: RefundState,
    /// Why, in the words of staff.
    pub reason: String,
    /// The gateway's own name for it.
    #[serde(default)]
    pub gateway_reference: Option<String>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// What of it is taxed at which percentage; the totals sum to `amount`. Settled when it is begun, and never changed:
    /// empty for refunds of earlier releases.
    #[serde(default)]
    #[row(json)]
    pub taxes: Vec<RefundedTax>,
}

/// What of a refund is taxed at one percentage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundedTax {
    /// The percentage; `None` for what is not taxed.
    pub rate: Option<Ratio>,
    /// How much goes back, the tax included.
    pub total: Amount,
    /// The tax in it.
    pub tax: Amount,
}

impl RefundedTax {
    /// How much goes back without the tax.
    #[must_use]
    pub fn net(&self) -> Amount {
        Amount(self.total.0.saturating_sub(self.tax.0))
    }
}

/// Which payments a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PaymentFilter {
    /// Only this order's.
    pub order_id: Option<OrderId>,
    /// Only in this state.
    pub state: Option<PaymentState>,
    /// Only through this gateway.
    pub gateway: Option<String>,
}

/// By what a list of payments can be ordered.
pub type PaymentSort = CreationSort;

words! {
    PaymentState {
        Pending => "pending", RequiresAction => "requires_action", Authorized => "authorized",
        Captured => "captured", Voided => "voided", Expired => "expired", Failed => "failed",
    }
    Step {
        Create => "create", Confirm => "confirm", Capture => "capture", Void => "void", Refund => "refund",
    }
    RefundState { Pending => "pending", Succeeded => "succeeded", Failed => "failed" }
}
