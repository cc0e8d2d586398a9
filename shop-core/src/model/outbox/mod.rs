//! Events and their deliveries.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::id::{DeliveryId, EventId};
use crate::model::accounts::MailJob;
use crate::model::orders::OrderMail;
use crate::model::payments::{GatewayCall, GatewayEvent};
use crate::page::CreationSort;
use crate::row::Row;
use crate::string_enum::string_enums;

/// The kinds of domain events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the serialized names say what happened")]
pub enum EventKind {
    #[serde(rename = "customer.registered")]
    CustomerRegistered,
    #[serde(rename = "product.created")]
    ProductCreated,
    #[serde(rename = "product.updated")]
    ProductUpdated,
    #[serde(rename = "product.deleted")]
    ProductDeleted,
    #[serde(rename = "order.placed")]
    OrderPlaced,
    #[serde(rename = "order.paid")]
    OrderPaid,
    #[serde(rename = "order.canceled")]
    OrderCanceled,
    #[serde(rename = "order.completed")]
    OrderCompleted,
    #[serde(rename = "order.withdrawn")]
    OrderWithdrawn,
    #[serde(rename = "payment.captured")]
    PaymentCaptured,
    #[serde(rename = "payment.failed")]
    PaymentFailed,
    #[serde(rename = "payment.refunded")]
    PaymentRefunded,
    #[serde(rename = "shipment.created")]
    ShipmentCreated,
    #[serde(rename = "shipment.updated")]
    ShipmentUpdated,
    #[serde(rename = "return.updated")]
    ReturnUpdated,
    #[serde(rename = "stock.low")]
    StockLow,
}

/// A domain event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Row)]
#[row(table = "events", key_name = Id(Event))]
pub struct Event {
    /// Unique; sorts by time and stays the same across deliveries.
    pub id: EventId,
    /// The kind of event.
    pub kind: EventKind,
    /// The id of the aggregate. Events of one aggregate are delivered in order. For parts of an order (its payments and
    /// shipments), this is the order's id.
    #[serde(rename = "thing")]
    #[row(column = thing)]
    pub subject: Uuid,
    /// The state of the subject after the event, without secrets.
    #[row(json)]
    pub data: serde_json::Value,
    /// The time of the event.
    pub at: Timestamp,
}

/// The receiver name of mails.
pub const MAIL: &str = "mail";

/// The content of a delivery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A mail that is composed when it is sent.
    Mail(MailJob),
    /// A mail about an order that is composed when it is sent.
    OrderMail(OrderMail),
    /// A domain event.
    Event(Event),
    /// An intent: a call to a payment gateway.
    GatewayCall(Box<GatewayCall>),
    /// A webhook event from a payment gateway, to be processed.
    #[serde(rename = "gateway_notice")]
    GatewayEvent(Box<GatewayEvent>),
}

/// The status of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Waiting for delivery, or being delivered while its lease runs.
    Pending,
    /// The receiver accepted it.
    Done,
    /// Given up after too many attempts; kept for 90 days, so that staff can inspect it.
    Dead,
}

/// One event, mail or gateway message for one receiver.
///
/// # Writes
/// An update never changes the receiver or the subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Row)]
#[row(table = "deliveries", entity = Delivery, deletable)]
pub struct Delivery {
    /// Unique; sorts by time and stays the same across retries.
    pub id: DeliveryId,
    /// [`MAIL`], the name of a subscriber or of a webhook ([`Webhook::receiver`](crate::webhooks::Webhook::receiver)),
    /// or the name of a gateway's caller or listener.
    pub receiver: String,
    /// The aggregate id. Deliveries of one aggregate to one receiver are made in id order, one at a time.
    #[serde(rename = "thing")]
    #[row(column = thing)]
    pub subject: Uuid,
    /// The event, mail, gateway call or gateway event to deliver.
    #[row(json)]
    pub content: Content,
    /// The current status.
    pub status: DeliveryStatus,
    /// The number of attempts so far.
    pub attempts: i64,
    /// Not delivered before this time: the end of a lease, or of a pause after a failure.
    pub due_at: Timestamp,
    /// The error of the last attempt, truncated; contains no secrets.
    pub last_error: Option<String>,
    /// The HTTP status of a webhook's response to the last attempt.
    pub response_status: Option<i64>,
    /// The creation time.
    pub created_at: Timestamp,
    /// Incremented by each change. A claim is an update, so only one claimer wins.
    pub version: i64,
}

impl Delivery {
    /// A mail that is due at once.
    #[must_use]
    pub fn mail(id: DeliveryId, subject: Uuid, job: MailJob, now: Timestamp) -> Self {
        Self::new(id, MAIL, subject, Content::Mail(job), now)
    }

    /// The delivery of an event to a receiver, due at once.
    #[must_use]
    pub fn event(id: DeliveryId, receiver: &str, event: &Event, now: Timestamp) -> Self {
        Self::new(id, receiver, event.subject, Content::Event(event.clone()), now)
    }

    /// A delivery that is due at once.
    #[must_use]
    pub fn new(id: DeliveryId, receiver: impl Into<String>, subject: Uuid, content: Content, now: Timestamp) -> Self {
        Self {
            id,
            receiver: receiver.into(),
            subject,
            content,
            status: DeliveryStatus::Pending,
            attempts: 0,
            due_at: now,
            last_error: None,
            response_status: None,
            created_at: now,
            version: 1,
        }
    }
}

/// The filter of a list of deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Only deliveries to this receiver.
    pub receiver: String,
    /// Only deliveries with this status.
    pub status: Option<DeliveryStatus>,
}

/// The sort key of lists of deliveries.
pub type DeliverySort = CreationSort;

string_enums! {
    DeliveryStatus { Pending => "pending", Done => "done", Dead => "dead" }
    EventKind {
        CustomerRegistered => "customer.registered", ProductCreated => "product.created",
        ProductUpdated => "product.updated", ProductDeleted => "product.deleted", OrderPlaced => "order.placed",
        OrderPaid => "order.paid", OrderCanceled => "order.canceled", OrderCompleted => "order.completed",
        OrderWithdrawn => "order.withdrawn",
        PaymentCaptured => "payment.captured", PaymentFailed => "payment.failed",
        PaymentRefunded => "payment.refunded", ShipmentCreated => "shipment.created",
        ShipmentUpdated => "shipment.updated", ReturnUpdated => "return.updated", StockLow => "stock.low",
    }
}
