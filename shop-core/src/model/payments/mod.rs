//! Payments and refunds.

mod intent;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{DeliveryId, OrderId, PaymentId, RefundId};
use crate::money::{Amount, Currency, Ratio};
use crate::page::CreationSort;
use crate::row::{Column, Columns, Row, Sink, Source};
use crate::secret::Sealed;
use crate::string_enum::string_enums;

pub use intent::{CancelReason, GatewayCall, GatewayCommand, GatewayEvent, RemotePayment};
pub(crate) use intent::{caller, listener};

/// The state of one attempt to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// Created; no money is authorized yet.
    Pending,
    /// The payer must act (3-D Secure).
    RequiresAction,
    /// The amount is reserved at the payer's bank.
    Authorized,
    /// Money was received.
    Captured,
    /// Canceled before money was received.
    Voided,
    /// The authorization expired.
    Expired,
    /// The gateway can no longer charge.
    Failed,
}

impl PaymentState {
    /// True while the attempt can still bring money, or has brought some: at most one such payment per order.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Pending | Self::RequiresAction | Self::Authorized | Self::Captured)
    }

    /// True while the attempt can still bring money, but has brought none.
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
    /// Unique; sorts by creation time.
    pub id: PaymentId,
    /// The order that this payment pays.
    pub order_id: OrderId,
    /// The id of the gateway.
    pub gateway: String,
    /// The amount to pay, in minor units.
    pub amount: Amount,
    /// The order's currency.
    pub currency: Currency,
    /// The current state.
    pub state: PaymentState,
    /// The amount reserved or received, in minor units.
    pub amount_authorized: Amount,
    /// The amount received, in minor units.
    pub amount_captured: Amount,
    /// The amount refunded, including pending refunds: `0 ≤ refunded ≤ captured ≤ authorized`.
    pub amount_refunded: Amount,
    /// The gateway's id of the payment.
    pub gateway_reference: Option<String>,
    /// The reason why the last attempt was declined.
    pub failure: Option<String>,
    /// State that only payments through a [remote gateway](crate::payments::RemoteGateway) have.
    #[serde(default)]
    #[row(flat)]
    pub remote: RemoteState,
    /// All refunds, oldest first.
    #[row(children)]
    pub refunds: Vec<Refund>,
    /// The creation time.
    pub created_at: Timestamp,
    /// The time of the last change.
    pub updated_at: Timestamp,
    /// Incremented by each change.
    pub version: i64,
}

impl Payment {
    /// Whether a remote gateway has the payment. Always true once money has come through such a gateway.
    #[must_use]
    pub fn is_at_gateway(&self) -> bool {
        self.gateway_reference.is_some()
    }

    /// Removes the sealed client secret before the payment is saved in an idempotency record. Replies read it again.
    #[must_use]
    pub(crate) fn without_secret(mut self) -> Self {
        self.remote.client_secret = None;
        self
    }

    /// Whether staff must act: something is still open at the gateway, which reports a state that was not asked for.
    /// The gateway may hold money that the shop does not count.
    #[must_use]
    pub fn is_disputed(&self) -> bool {
        let refunding = || self.refunds.iter().any(|refund| refund.state == RefundState::Pending);
        self.remote.mismatch.is_some() && (self.state.is_open() || refunding())
    }
}

/// The state of the communication with a remote gateway about one payment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Columns)]
pub struct RemoteState {
    /// The last requested call whose response is not recorded yet. Its intent names the call that must finish before it
    /// ([`GatewayCall::after`](crate::payments::GatewayCall::after)).
    #[row(flat)]
    #[serde(rename = "asking")]
    pub pending_call: Option<PendingCall>,
    /// When to compare the payment with the gateway if no webhook event settles it first; `None` when nothing is open.
    #[serde(rename = "look_at")]
    #[row(column = look_at)]
    pub poll_at: Option<Timestamp>,
    /// The secret with which the buyer's browser continues the payment. Sealed, and never saved in idempotency records.
    #[serde(default)]
    pub client_secret: Option<Sealed>,
    /// Why the shop ignores the gateway's state: it does not match what was asked for. Shown to staff, not to buyers.
    #[serde(default)]
    pub mismatch: Option<String>,
    /// When the gateway last responded to a buyer who continued the payment ([`GatewayOperation::Confirm`]).
    #[serde(default)]
    pub confirmed_at: Option<Timestamp>,
}

/// A gateway call whose response is not recorded yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingCall {
    /// The id of the intent, which is a delivery of the outbox.
    pub intent: DeliveryId,
    /// The requested operation.
    pub step: GatewayOperation,
}

impl Columns for Option<PendingCall> {
    const COLUMNS: &'static [Column] =
        &[Column::of::<Option<DeliveryId>>("asking"), Column::of::<Option<GatewayOperation>>("asking_step")];
    const DERIVED: &'static [Column] = &[];

    fn write<S: Sink>(&self, sink: &mut S) -> Result<(), S::Error> {
        sink.put(&self.map(|pending_call| pending_call.intent))?;
        sink.put(&self.map(|pending_call| pending_call.step))
    }

    fn read<S: Source>(source: &mut S) -> Result<Self, S::Error> {
        let (intent, step) = (source.take::<Option<DeliveryId>>()?, source.take::<Option<GatewayOperation>>()?);
        match (intent, step) {
            (Some(intent), Some(step)) => Ok(Some(PendingCall { intent, step })),
            (None, None) => Ok(None),
            _ => Err(source.wrong("a call without its step, or the other way round".into())),
        }
    }
}

/// The operations of a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatewayOperation {
    /// Create a payment.
    Create,
    /// Continue after the buyer has done their part.
    Confirm,
    /// Capture authorized money.
    Capture,
    /// Void a payment.
    Void,
    /// Refund captured money.
    Refund,
}

/// The state of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// In progress at the gateway.
    Pending,
    /// The money was returned.
    Succeeded,
    /// The gateway refused it.
    Failed,
}

/// A refund of a payment. It belongs to its payment and changes with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "refunds", child_of = payment_id)]
pub struct Refund {
    /// Unique; sorts by creation time.
    pub id: RefundId,
    /// The amount, in minor units.
    pub amount: Amount,
    /// The current state.
    pub state: RefundState,
    /// The reason that staff entered.
    pub reason: String,
    /// The gateway's id of the refund.
    #[serde(default)]
    pub gateway_reference: Option<String>,
    /// The creation time.
    pub created_at: Timestamp,
    /// The refunded amounts by tax rate; the totals sum to `amount`. Computed at creation and never changed; empty for
    /// refunds of earlier releases.
    #[serde(default)]
    #[row(json)]
    pub taxes: Vec<RefundedTax>,
}

/// The part of a refund with one tax rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundedTax {
    /// The tax rate as a percentage; `None` for the untaxed part.
    pub rate: Option<Ratio>,
    /// The refunded amount including tax, in minor units.
    pub total: Amount,
    /// The tax included in `total`, in minor units.
    pub tax: Amount,
}

impl RefundedTax {
    /// The refunded amount without tax.
    #[must_use]
    pub fn net(&self) -> Amount {
        Amount(self.total.0.saturating_sub(self.tax.0))
    }
}

/// The filter of a list of payments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PaymentFilter {
    /// Only payments of this order.
    pub order_id: Option<OrderId>,
    /// Only payments in this state.
    pub state: Option<PaymentState>,
    /// Only payments through this gateway.
    pub gateway: Option<String>,
}

impl PaymentFilter {
    /// True if it uses only the fields by which stores keep counts: state and gateway. A new field needs a decision here, and else a
    /// list would show the count of more rows than it has.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        let Self { order_id, state: _, gateway: _ } = self;
        order_id.is_none()
    }
}

/// The sort key of lists of payments.
pub type PaymentSort = CreationSort;

string_enums! {
    PaymentState {
        Pending => "pending", RequiresAction => "requires_action", Authorized => "authorized",
        Captured => "captured", Voided => "voided", Expired => "expired", Failed => "failed",
    }
    GatewayOperation {
        Create => "create", Confirm => "confirm", Capture => "capture", Void => "void", Refund => "refund",
    }
    RefundState { Pending => "pending", Succeeded => "succeeded", Failed => "failed" }
}
