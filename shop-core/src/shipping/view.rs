//! What callers see, where it is less than what is stored.

use super::model::{Shipment, ShipmentStatus, TrackingEvent};

/// What everybody who knows a tracking number may see of the parcel: no name, no address, no order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracking {
    /// The carrier's number.
    pub tracking_number: String,
    /// Who carries it.
    pub carrier: Option<String>,
    /// Where it stands.
    pub status: ShipmentStatus,
    /// News, oldest first.
    pub events: Vec<TrackingEvent>,
}

impl Tracking {
    pub(super) fn of(shipment: Shipment, tracking_number: String) -> Self {
        let Shipment { carrier, status, events, .. } = shipment;
        Self { tracking_number, carrier, status, events }
    }
}
