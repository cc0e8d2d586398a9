//! What callers see, where it is less than what is stored.

use super::model::{Shipment, ShipmentStatus, TrackingEvent};

/// What everybody who knows a tracking number may see of the shipments with it: no name, no address, no order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracking {
    /// The newest.
    pub newest: TrackedShipment,
    /// All of them, the newest first, where there are several.
    pub results: Vec<TrackedShipment>,
}

/// What everybody who knows its tracking number may see of a shipment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackedShipment {
    /// The carrier's number, as staff wrote it.
    pub tracking_number: String,
    /// Who carries it.
    pub carrier: Option<String>,
    /// Where it stands.
    pub status: ShipmentStatus,
    /// News, oldest first.
    pub events: Vec<TrackingEvent>,
}

impl Tracking {
    /// Of the shipments with a number, the newest first; `None` when there are none.
    pub(super) fn of(shipments: Vec<Shipment>) -> Option<Self> {
        let all: Vec<_> = shipments.into_iter().map(TrackedShipment::of).collect();
        let newest = all.first()?.clone();
        Some(Self { newest, results: if all.len() > 1 { all } else { Vec::new() } })
    }
}

impl TrackedShipment {
    fn of(shipment: Shipment) -> Self {
        let Shipment { tracking_number, carrier, status, events, .. } = shipment;
        Self { tracking_number: tracking_number.unwrap_or_default(), carrier, status, events }
    }
}
