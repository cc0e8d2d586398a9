//! What of Stripe's objects the shop reads. Whatever else is in them is passed over, so that Stripe may add to them
//! ("API upgrades": new properties are no breaking change).

use std::collections::BTreeMap;

use serde::Deserialize;
use shop_core::secret::Secret;

/// What the shop wrote beside an object; the names are ours.
pub(super) type Metadata = BTreeMap<String, String>;

/// "The PaymentIntent object".
#[derive(Debug, Deserialize)]
pub(super) struct PaymentIntent {
    pub(super) id: String,
    pub(super) amount: i64,
    pub(super) amount_capturable: Option<i64>,
    pub(super) amount_received: Option<i64>,
    pub(super) currency: String,
    pub(super) status: Status,
    pub(super) client_secret: Option<Secret>,
    pub(super) cancellation_reason: Option<String>,
    pub(super) last_payment_error: Option<ErrorBody>,
    #[serde(default)]
    pub(super) livemode: bool,
    #[serde(default)]
    pub(super) metadata: Metadata,
}

/// "How PaymentIntents work", "PaymentIntent lifecycle".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    /// The buyer has named no card yet, or the last one was declined.
    RequiresPaymentMethod,
    /// The buyer has named one, and not yet said yes.
    RequiresConfirmation,
    /// The buyer's bank asks something (3-D Secure).
    RequiresAction,
    /// On its way; can be neither called off nor counted on.
    Processing,
    /// Reserved at the buyer's bank.
    RequiresCapture,
    /// Called off, or not captured in time.
    Canceled,
    /// Money came.
    Succeeded,
    /// One that a later version of the API made up.
    #[serde(other)]
    Unknown,
}

/// "The Refund object".
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) amount: i64,
    /// `pending`, `requires_action`, `succeeded`, `failed` or `canceled`; absent in a few old ones.
    pub(super) status: Option<String>,
    #[serde(default)]
    pub(super) created: i64,
    pub(super) metadata: Option<Metadata>,
}

/// A page of a list ("Pagination").
#[derive(Debug, Deserialize)]
pub(super) struct List<T> {
    pub(super) data: Vec<T>,
    #[serde(default)]
    pub(super) has_more: bool,
}

/// An event of either kind. Which it is, is told by what it holds.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Event {
    Snapshot(SnapshotEvent),
    Thin(ThinEvent),
}

/// "The Event object" of API v2: it names what it is about.
#[derive(Debug, Deserialize)]
pub(super) struct ThinEvent {
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// RFC 3339.
    pub(super) created: String,
    pub(super) livemode: Option<bool>,
    /// The connected account that it happened on; absent or empty for one's own.
    pub(super) context: Option<String>,
    pub(super) related_object: Option<RelatedObject>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RelatedObject {
    pub(super) id: String,
    #[serde(default, rename = "type")]
    pub(super) kind: String,
}

/// "The Event object": it carries the object as it was.
#[derive(Debug, Deserialize)]
pub(super) struct SnapshotEvent {
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// The connected account that it happened on; absent for one's own.
    pub(super) account: Option<String>,
    pub(super) created: i64,
    pub(super) livemode: bool,
    pub(super) data: EventData,
}

#[derive(Debug, Deserialize)]
pub(super) struct EventData {
    pub(super) object: Subject,
}

/// What an event is about: a payment, or something that hangs on one.
#[derive(Debug, Deserialize)]
pub(super) struct Subject {
    #[serde(default)]
    pub(super) object: String,
    pub(super) id: Option<String>,
    /// Of a charge, a refund or a dispute: the payment it belongs to.
    pub(super) payment_intent: Option<Reference>,
    pub(super) metadata: Option<Metadata>,
}

/// An id, or the whole object where the endpoint has it expanded.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Reference {
    Id(String),
    Object { id: String },
}

/// The body of an answer that is none of the above ("Errors").
#[derive(Debug, Deserialize)]
pub(super) struct Failure {
    pub(super) error: ErrorBody,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct ErrorBody {
    #[serde(default, rename = "type")]
    pub(super) kind: String,
    pub(super) code: Option<String>,
    pub(super) decline_code: Option<String>,
    pub(super) message: Option<String>,
}
