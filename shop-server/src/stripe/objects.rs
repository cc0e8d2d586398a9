//! The fields of Stripe's objects that the shop reads. Unknown fields are ignored, because Stripe may add some ("API
//! upgrades": new properties are not a breaking change).

use std::collections::BTreeMap;

use serde::Deserialize;
use shop_core::secret::Secret;

/// The shop's own data on an object, by the shop's keys.
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

/// The status in "How PaymentIntents work", "PaymentIntent lifecycle".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    /// The buyer has not given a card yet, or the last one was declined.
    RequiresPaymentMethod,
    /// The buyer has given a card but not confirmed the payment.
    RequiresConfirmation,
    /// The buyer's bank requires an action (3-D Secure).
    RequiresAction,
    /// In progress: cannot be canceled, and its outcome is unknown.
    Processing,
    /// Authorized by the buyer's bank, not yet captured.
    RequiresCapture,
    /// Canceled, or not captured in time.
    Canceled,
    /// Money was received.
    Succeeded,
    /// A status that a later version of the API added.
    #[serde(other)]
    Unknown,
}

/// "The Refund object".
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) amount: i64,
    /// `pending`, `requires_action`, `succeeded`, `failed` or `canceled`; absent in some old refunds.
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

/// An event of either kind, distinguished by its fields.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Event {
    Snapshot(SnapshotEvent),
    Thin(ThinEvent),
}

/// "The Event object" of API v2: names its object without containing it.
#[derive(Debug, Deserialize)]
pub(super) struct ThinEvent {
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// A time in RFC 3339.
    pub(super) created: String,
    pub(super) livemode: Option<bool>,
    /// The connected account of the event; absent or empty for our own account.
    pub(super) context: Option<String>,
    pub(super) related_object: Option<RelatedObject>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RelatedObject {
    pub(super) id: String,
    #[serde(default, rename = "type")]
    pub(super) kind: String,
}

/// "The Event object" of API v1: contains the object as it was at the time.
#[derive(Debug, Deserialize)]
pub(super) struct SnapshotEvent {
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// The connected account of the event; absent for our own account.
    pub(super) account: Option<String>,
    pub(super) created: i64,
    pub(super) livemode: bool,
    pub(super) data: EventData,
}

#[derive(Debug, Deserialize)]
pub(super) struct EventData {
    pub(super) object: Subject,
}

/// The object of an event: a payment, or something that belongs to one.
#[derive(Debug, Deserialize)]
pub(super) struct Subject {
    #[serde(default)]
    pub(super) object: String,
    pub(super) id: Option<String>,
    /// For a charge, refund or dispute: the payment that it belongs to.
    pub(super) payment_intent: Option<Reference>,
    pub(super) metadata: Option<Metadata>,
}

/// An id, or the whole object if the endpoint expands it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Reference {
    Id(String),
    Object { id: String },
}

/// The body of an error response ("Errors").
#[derive(Debug, Deserialize)]
pub(super) struct ErrorResponse {
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
