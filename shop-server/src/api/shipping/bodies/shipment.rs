//! Request and response bodies of shipments and tracking.

use chrono::{DateTime, Utc};
use poem_openapi::{Enum, Object};
use serde::Serialize;
use shop_core::shipping::{
    self, Shipment, ShipmentChange, ShipmentInput, ShipmentItemInput, TrackedShipment, Tracking, TrackingEvent,
    TrackingInput,
};
use shop_core::word::Word as _;
use uuid::Uuid;

use crate::field::{Nullable, Optional, Required};

/// A shipment to create.
#[derive(Debug, Object)]
pub(crate) struct ShipmentRequest {
    order_id: Required<Uuid>,
    /// Defaults to all items that are left.
    items: Nullable<Vec<ShipmentItemRequest>>,
    /// Defaults to the carrier of the order's shipping method.
    carrier: Nullable<String>,
    tracking_number: Nullable<String>,
}

/// A number of units of an order line.
#[derive(Debug, Object)]
pub(crate) struct ShipmentItemRequest {
    order_item_id: Required<Uuid>,
    quantity: Required<i64>,
}

impl From<ShipmentItemRequest> for ShipmentItemInput {
    fn from(request: ShipmentItemRequest) -> Self {
        Self { order_item_id: request.order_item_id.into_field(), quantity: request.quantity.into() }
    }
}

impl From<ShipmentRequest> for ShipmentInput {
    fn from(request: ShipmentRequest) -> Self {
        Self {
            order_id: request.order_id.into_field(),
            items: request.items.into_list(),
            carrier: request.carrier.into(),
            tracking_number: request.tracking_number.into(),
        }
    }
}

/// Changes to a shipment.
#[derive(Debug, Object)]
pub(crate) struct ShipmentChangeRequest {
    carrier: Nullable<String>,
    tracking_number: Nullable<String>,
}

impl From<ShipmentChangeRequest> for ShipmentChange {
    fn from(request: ShipmentChangeRequest) -> Self {
        Self { carrier: request.carrier.into(), tracking_number: request.tracking_number.into() }
    }
}

/// A tracking event to add to a shipment.
#[derive(Debug, Object)]
pub(crate) struct TrackingRequest {
    status: Required<TrackingStatus>,
    /// At most 500 characters.
    description: Optional<String>,
    location: Nullable<String>,
    /// Defaults to now.
    occurred_at: Optional<DateTime<Utc>>,
}

impl From<TrackingRequest> for TrackingInput {
    fn from(request: TrackingRequest) -> Self {
        Self {
            status: request.status.0.map(|status| shipping::TrackingStatus::from(status).word().to_owned()),
            description: request.description.into(),
            location: request.location.into(),
            occurred_at: request.occurred_at.into(),
        }
    }
}

/// The state of a shipment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(crate) enum ShipmentStatus {
    Pending,
    Shipped,
    Delivered,
    Canceled,
}

impl From<shipping::ShipmentStatus> for ShipmentStatus {
    fn from(status: shipping::ShipmentStatus) -> Self {
        match status {
            shipping::ShipmentStatus::Pending => Self::Pending,
            shipping::ShipmentStatus::Shipped => Self::Shipped,
            shipping::ShipmentStatus::Delivered => Self::Delivered,
            shipping::ShipmentStatus::Canceled => Self::Canceled,
        }
    }
}

impl From<ShipmentStatus> for shipping::ShipmentStatus {
    fn from(status: ShipmentStatus) -> Self {
        match status {
            ShipmentStatus::Pending => Self::Pending,
            ShipmentStatus::Shipped => Self::Shipped,
            ShipmentStatus::Delivered => Self::Delivered,
            ShipmentStatus::Canceled => Self::Canceled,
        }
    }
}

/// A state reported by the carrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(crate) enum TrackingStatus {
    Shipped,
    InTransit,
    OutForDelivery,
    Delivered,
    Exception,
    Canceled,
}

impl From<shipping::TrackingStatus> for TrackingStatus {
    fn from(status: shipping::TrackingStatus) -> Self {
        match status {
            shipping::TrackingStatus::Shipped => Self::Shipped,
            shipping::TrackingStatus::InTransit => Self::InTransit,
            shipping::TrackingStatus::OutForDelivery => Self::OutForDelivery,
            shipping::TrackingStatus::Delivered => Self::Delivered,
            shipping::TrackingStatus::Exception => Self::Exception,
            shipping::TrackingStatus::Canceled => Self::Canceled,
        }
    }
}

impl From<TrackingStatus> for shipping::TrackingStatus {
    fn from(status: TrackingStatus) -> Self {
        match status {
            TrackingStatus::Shipped => Self::Shipped,
            TrackingStatus::InTransit => Self::InTransit,
            TrackingStatus::OutForDelivery => Self::OutForDelivery,
            TrackingStatus::Delivered => Self::Delivered,
            TrackingStatus::Exception => Self::Exception,
            TrackingStatus::Canceled => Self::Canceled,
        }
    }
}

/// A shipment of an order.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Shipment")]
pub(crate) struct ShipmentBody {
    id: Uuid,
    order_id: Uuid,
    items: Vec<ShipmentItemBody>,
    carrier: Option<String>,
    tracking_number: Option<String>,
    status: ShipmentStatus,
    /// Tracking events, oldest first.
    events: Vec<TrackingEventBody>,
    created_at: DateTime<Utc>,
    shipped_at: Option<DateTime<Utc>>,
    delivered_at: Option<DateTime<Utc>>,
}

/// How many units of an order line are in a shipment.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "ShipmentItem")]
pub(crate) struct ShipmentItemBody {
    order_item_id: Uuid,
    quantity: i64,
}

/// A tracking event of a shipment.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "TrackingEvent")]
pub(crate) struct TrackingEventBody {
    status: TrackingStatus,
    description: String,
    location: Option<String>,
    occurred_at: DateTime<Utc>,
}

impl From<TrackingEvent> for TrackingEventBody {
    fn from(event: TrackingEvent) -> Self {
        Self {
            status: event.status.into(),
            description: event.description,
            location: event.location,
            occurred_at: event.occurred_at,
        }
    }
}

impl From<Shipment> for ShipmentBody {
    fn from(shipment: Shipment) -> Self {
        let item = |item: shipping::ShipmentItem| ShipmentItemBody {
            order_item_id: item.order_item_id.0,
            quantity: item.quantity,
        };
        Self {
            id: shipment.id.0,
            order_id: shipment.order_id.0,
            items: shipment.items.into_iter().map(item).collect(),
            carrier: shipment.carrier,
            tracking_number: shipment.tracking_number,
            status: shipment.status.into(),
            events: shipment.events.into_iter().map(TrackingEventBody::from).collect(),
            created_at: shipment.created_at,
            shipped_at: shipment.shipped_at,
            delivered_at: shipment.delivered_at,
        }
    }
}

/// What anyone with the tracking number sees of the newest shipment with it.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Tracking")]
pub(crate) struct TrackingBody {
    tracking_number: String,
    carrier: Option<String>,
    status: ShipmentStatus,
    /// Tracking events, oldest first.
    events: Vec<TrackingEventBody>,
    /// All shipments with the number, newest first, at most 100; absent unless there are several.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    results: Option<Vec<TrackedShipmentBody>>,
}

/// What anyone with the tracking number sees of a shipment.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "TrackedShipment")]
pub(crate) struct TrackedShipmentBody {
    tracking_number: String,
    carrier: Option<String>,
    status: ShipmentStatus,
    /// Tracking events, oldest first.
    events: Vec<TrackingEventBody>,
}

impl From<TrackedShipment> for TrackedShipmentBody {
    fn from(shipment: TrackedShipment) -> Self {
        Self {
            tracking_number: shipment.tracking_number,
            carrier: shipment.carrier,
            status: shipment.status.into(),
            events: shipment.events.into_iter().map(TrackingEventBody::from).collect(),
        }
    }
}

impl From<Tracking> for TrackingBody {
    fn from(tracking: Tracking) -> Self {
        let Tracking { newest, results } = tracking;
        let TrackedShipmentBody { tracking_number, carrier, status, events } = newest.into();
        let results: Vec<_> = results.into_iter().map(TrackedShipmentBody::from).collect();
        Self { tracking_number, carrier, status, events, results: (!results.is_empty()).then_some(results) }
    }
}
