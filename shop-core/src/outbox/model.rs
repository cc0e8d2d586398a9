//! Events and their deliveries.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::accounts::MailJob;
use crate::clock::Timestamp;
use crate::id::{DeliveryId, EventId};
use crate::orders::OrderMail;
use crate::page::CreationSort;
use crate::payments::{GatewayCall, GatewayNotice};
use crate::row::Row;
use crate::word::words;

/// What can happen in a shop, as the world outside is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is named by its word")]
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

/// Something that happened, told once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Row)]
#[row(table = "events")]
pub struct Event {
    /// Identity; sorts by time, stable over every delivery.
    pub id: EventId,
    /// What happened.
    pub kind: EventKind,
    /// To which thing: events of one thing are delivered in order. What belongs to an order (its payments and parcels)
    /// counts as the order.
    pub thing: Uuid,
    /// The thing as it is now, without secrets.
    #[row(json)]
    pub data: serde_json::Value,
    /// When.
    pub at: Timestamp,
}

/// The receiver of mails.
pub const MAIL: &str = "mail";

/// What is delivered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A mail that is written when it is sent.
    Mail(MailJob),
    /// A mail about an order that is written when it is sent.
    OrderMail(OrderMail),
    /// An event.
    Event(Event),
    /// What a gateway is to be asked: an intent.
    GatewayCall(Box<GatewayCall>),
    /// What a gateway told, to be looked into.
    GatewayNotice(Box<GatewayNotice>),
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// To be delivered, or being delivered while its lease runs.
    Pending,
    /// The receiver took it.
    Done,
    /// Given up after too many tries; kept for 90 days, for a person to look at.
    Dead,
}

/// One event or mail on its way to one receiver.
///
/// # Writes
/// An update never changes the receiver or the thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Row)]
#[row(table = "deliveries", entity = Delivery, deletable)]
pub struct Delivery {
    /// Identity; sorts by time, stable over retries.
    pub id: DeliveryId,
    /// [`MAIL`], the name of a subscriber, that of a webhook ([`Webhook::receiver`](super::Webhook::receiver)), or who asks
    /// a gateway or looks into what it told.
    pub receiver: String,
    /// Deliveries of one thing to one receiver are made in the order of their ids, one at a time.
    pub thing: Uuid,
    /// What is delivered.
    #[row(json)]
    pub content: Content,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// How often it was tried.
    pub attempts: i64,
    /// Not before this time: the end of a lease, or of a pause after a failure.
    pub due_at: Timestamp,
    /// What the last try said, shortened; no secrets.
    pub last_error: Option<String>,
    /// The HTTP status that a webhook's last try was answered with.
    pub response_status: Option<i64>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counts the changes; a claim is an update, so only one claimer wins.
    pub version: i64,
}

impl Delivery {
    /// A mail that is due at once.
    #[must_use]
    pub fn mail(id: DeliveryId, thing: Uuid, job: MailJob, now: Timestamp) -> Self {
        Self::new(id, MAIL, thing, Content::Mail(job), now)
    }

    /// An event on its way to a receiver, due at once.
    #[must_use]
    pub fn event(id: DeliveryId, receiver: &str, event: &Event, now: Timestamp) -> Self {
        Self::new(id, receiver, event.thing, Content::Event(event.clone()), now)
    }

    /// A delivery that is due at once.
    #[must_use]
    pub fn new(id: DeliveryId, receiver: impl Into<String>, thing: Uuid, content: Content, now: Timestamp) -> Self {
        Self {
            id,
            receiver: receiver.into(),
            thing,
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

/// Which deliveries a list shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Those to this receiver.
    pub receiver: String,
    /// Only with this status.
    pub status: Option<DeliveryStatus>,
}

/// By what deliveries are listed.
pub type DeliverySort = CreationSort;

words! {
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
