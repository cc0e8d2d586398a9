//! Request and response bodies of shipments and tracking.

use chrono::{DateTime, Utc};
use shop_core::shipping::{
    Shipment, ShipmentChange, ShipmentInput, ShipmentItem, ShipmentItemInput, ShipmentStatus, TrackedShipment,
    Tracking, TrackingEvent, TrackingInput, TrackingStatus,
};
use uuid::Uuid;

use crate::api::macros::{bodies, requests};
use crate::field::{Choice, Convert as _};

requests! {
    /// A shipment to create.
    ShipmentRequest => ShipmentInput {
        order_id: Required<Uuid>,
        /// Defaults to all items that are left.
        items: Nullable<Vec<ShipmentItemRequest>>,
        /// Defaults to the carrier of the order's shipping method.
        carrier: Nullable<String>,
        tracking_number: Nullable<String>,
    }

    /// A number of units of an order line.
    ShipmentItemRequest => ShipmentItemInput {
        order_item_id: Required<Uuid>,
        quantity: Required<i64>,
    }

    /// Changes to a shipment.
    ShipmentChangeRequest => ShipmentChange {
        carrier: Nullable<String>,
        tracking_number: Nullable<String>,
    }

    /// A tracking event to add to a shipment.
    TrackingRequest => TrackingInput {
        status: Required<Choice<TrackingStatus>>,
        /// At most 500 characters.
        description: Optional<String>,
        location: Nullable<String>,
        /// Defaults to now.
        occurred_at: Optional<DateTime<Utc>>,
    }
}

bodies! {
    /// A shipment of an order.
    ShipmentBody as "Shipment" from(shipment: Shipment) {
        id: Uuid,
        order_id: Uuid,
        items: Vec<ShipmentItemBody>,
        carrier: Option<String>,
        tracking_number: Option<String>,
        status: Choice<ShipmentStatus>,
        /// Tracking events, oldest first.
        events: Vec<TrackingEventBody>,
        created_at: DateTime<Utc>,
        shipped_at: Option<DateTime<Utc>>,
        delivered_at: Option<DateTime<Utc>>,
    }

    /// How many units of an order line are in a shipment.
    ShipmentItemBody as "ShipmentItem" from(item: ShipmentItem) {
        order_item_id: Uuid,
        quantity: i64,
    }

    /// A tracking event of a shipment.
    TrackingEventBody as "TrackingEvent" from(event: TrackingEvent) {
        status: Choice<TrackingStatus>,
        description: String,
        location: Option<String>,
        occurred_at: DateTime<Utc>,
    }

    /// What anyone with the tracking number sees of the newest shipment with it.
    TrackingBody as "Tracking" from(newest: Tracking) with {
        let Tracking { newest, results } = newest;
    } {
        tracking_number: String,
        carrier: Option<String>,
        status: Choice<ShipmentStatus>,
        /// Tracking events, oldest first.
        events: Vec<TrackingEventBody>,
        /// All shipments with the number, newest first, at most 100; absent unless there are several.
        #[oai(skip_serializing_if_is_none)]
        #[serde(skip_serializing_if = "Option::is_none")]
        results: Option<Vec<TrackedShipmentBody>> = (!results.is_empty()).then(|| results.convert()),
    }

    /// What anyone with the tracking number sees of a shipment.
    TrackedShipmentBody as "TrackedShipment" from(shipment: TrackedShipment) {
        tracking_number: String,
        carrier: Option<String>,
        status: Choice<ShipmentStatus>,
        /// Tracking events, oldest first.
        events: Vec<TrackingEventBody>,
    }
}
