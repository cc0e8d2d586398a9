//! The public views of shipments.

use crate::model::shipping::{Shipment, ShipmentStatus, TrackingEvent};

/// The public data of all shipments with one tracking number: no name, no address, no order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracking {
    /// The newest shipment.
    pub newest: TrackedShipment,
    /// All shipments, newest first, if there are several; otherwise empty.
    pub results: Vec<TrackedShipment>,
}

/// The public data of one shipment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackedShipment {
    /// The carrier's tracking number, as staff entered it.
    pub tracking_number: String,
    /// The carrier's name.
    pub carrier: Option<String>,
    /// The current status.
    pub status: ShipmentStatus,
    /// The tracking events, oldest first.
    pub events: Vec<TrackingEvent>,
}

impl Tracking {
    /// Builds the view of shipments that are sorted newest first; `None` if there are none.
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
