//! Request and response bodies of the inventory.

use chrono::{DateTime, Utc};
use poem_openapi::{Enum, Object};
use serde::Serialize;
use shop_core::inventory::{
    self, AdjustmentInput, LocationInput, StockInput, StockLevel, StockView, TransferInput, TransferView,
};
use uuid::Uuid;

use crate::field::{Nullable, Optional, Required};

macro_rules! location_request {
    ($(#[$doc:meta])* $name:ident, $location_name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Object)]
        pub(super) struct $name {
            /// 1 to 100 characters.
            name: $location_name<String>,
            /// A short name: 1 to 100 letters, digits, hyphens, underscores and dots. Derived from `name` by default.
            code: Optional<String>,
            /// ISO 3166-1 alpha-2.
            country: Nullable<String>,
            /// Orders take stock from the location with the lowest number first.
            priority: Optional<i64>,
            /// Makes this the default location instead of the current one.
            is_default: Optional<bool>,
        }

        impl From<$name> for LocationInput {
            fn from(request: $name) -> Self {
                Self {
                    name: request.name.into(),
                    code: request.code.into(),
                    country: request.country.into(),
                    priority: request.priority.into(),
                    is_default: request.is_default.into(),
                }
            }
        }
    };
}

location_request! {
    /// A location that holds stock.
    LocationRequest, Required
}

location_request! {
    /// Changes to a location.
    LocationPatch, Optional
}

/// A location that holds stock.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Location")]
pub(super) struct LocationBody {
    id: Uuid,
    name: String,
    code: String,
    country: Option<String>,
    priority: i64,
    is_default: bool,
    created_at: DateTime<Utc>,
}

impl From<inventory::Location> for LocationBody {
    fn from(location: inventory::Location) -> Self {
        Self {
            id: location.id.0,
            name: location.name,
            code: location.code,
            country: location.country,
            priority: location.priority,
            is_default: location.is_default,
            created_at: location.created_at,
        }
    }
}

/// The stock of one variant at one location.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "StockLevel")]
pub(super) struct LevelBody {
    variant_id: Uuid,
    sku: String,
    location_id: Uuid,
    on_hand: i64,
    reserved: i64,
    /// Open backorders: units promised before they were in stock, which have not arrived since.
    backordered: i64,
    /// Negative if more was sold than is in stock.
    available: i64,
    low_stock_threshold: i64,
    tracked: bool,
    backorder: bool,
}

impl From<StockLevel> for LevelBody {
    fn from(level: StockLevel) -> Self {
        Self {
            available: level.available(),
            variant_id: level.variant_id.0,
            sku: level.sku,
            location_id: level.location_id.0,
            on_hand: level.on_hand,
            reserved: level.reserved,
            backordered: level.backordered,
            low_stock_threshold: level.low_stock_threshold,
            tracked: level.tracked,
            backorder: level.backorder,
        }
    }
}

/// The stock of one variant: the totals over all locations, or the stock at one.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Stock")]
pub(super) struct StockBody {
    variant_id: Uuid,
    sku: String,
    /// Null for the totals.
    location_id: Option<Uuid>,
    on_hand: i64,
    reserved: i64,
    /// Open backorders: units promised before they were in stock, which have not arrived since.
    backordered: i64,
    /// Negative if more was sold than is in stock.
    available: i64,
    /// For the totals, the highest of all locations.
    low_stock_threshold: i64,
    tracked: bool,
    backorder: bool,
    /// The locations that the totals sum up; absent for a single location.
    #[serde(skip_serializing_if = "Option::is_none")]
    locations: Option<Vec<LevelBody>>,
}

impl From<StockView> for StockBody {
    fn from(view: StockView) -> Self {
        let locations = view.locations.into_iter().map(LevelBody::from).collect();
        Self {
            variant_id: view.variant_id.0,
            sku: view.sku,
            location_id: view.location_id.map(|id| id.0),
            on_hand: view.on_hand,
            reserved: view.reserved,
            backordered: view.backordered,
            available: view.available,
            low_stock_threshold: view.low_stock_threshold,
            tracked: view.tracked,
            backorder: view.backorder,
            locations: view.location_id.is_none().then_some(locations),
        }
    }
}

/// New settings of a variant's stock; absent fields stay as they are.
#[derive(Debug, Object)]
pub(super) struct StockPatch {
    /// Stock is low if `available` is at or below this number.
    low_stock_threshold: Optional<i64>,
    /// Whether stock is counted. Uncounted stock can always be sold.
    tracked: Optional<bool>,
    /// Whether more can be sold than is in stock. Turning it off keeps open backorders and prevents new ones.
    backorder: Optional<bool>,
    /// The location to change. Defaults to all locations.
    location_id: Nullable<Uuid>,
}

impl From<StockPatch> for StockInput {
    fn from(request: StockPatch) -> Self {
        Self {
            low_stock_threshold: request.low_stock_threshold.into(),
            tracked: request.tracked.into(),
            backorder: request.backorder.into(),
            location_id: request.location_id.into_field(),
        }
    }
}

/// A correction of the stock of a variant, named by `sku` or `variant_id`.
#[derive(Debug, Object)]
pub(super) struct AdjustmentRequest {
    sku: Optional<String>,
    variant_id: Optional<Uuid>,
    /// Defaults to the default location.
    location_id: Optional<Uuid>,
    /// The change of the quantity, positive or negative.
    delta: Required<i64>,
    /// `received`, `returned`, `damaged`, `lost` or `correction`.
    reason: Required<String>,
    note: Optional<String>,
}

impl From<AdjustmentRequest> for AdjustmentInput {
    fn from(request: AdjustmentRequest) -> Self {
        Self {
            sku: request.sku.into(),
            variant_id: request.variant_id.into_field(),
            location_id: request.location_id.into_field(),
            delta: request.delta.into(),
            reason: request.reason.into(),
            note: request.note.into(),
        }
    }
}

/// A transfer of stock of a variant, named by `sku` or `variant_id`.
#[derive(Debug, Object)]
pub(super) struct TransferRequest {
    sku: Optional<String>,
    variant_id: Optional<Uuid>,
    from_location_id: Required<Uuid>,
    to_location_id: Required<Uuid>,
    quantity: Required<i64>,
    note: Optional<String>,
}

impl From<TransferRequest> for TransferInput {
    fn from(request: TransferRequest) -> Self {
        Self {
            sku: request.sku.into(),
            variant_id: request.variant_id.into_field(),
            from_location_id: request.from_location_id.into_field(),
            to_location_id: request.to_location_id.into_field(),
            quantity: request.quantity.into(),
            note: request.note.into(),
        }
    }
}

/// Why stock changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(super) enum MovementReason {
    Received,
    Returned,
    Damaged,
    Lost,
    Correction,
    Shipped,
    Transfer,
}

impl From<inventory::MovementReason> for MovementReason {
    fn from(reason: inventory::MovementReason) -> Self {
        match reason {
            inventory::MovementReason::Received => Self::Received,
            inventory::MovementReason::Returned => Self::Returned,
            inventory::MovementReason::Damaged => Self::Damaged,
            inventory::MovementReason::Lost => Self::Lost,
            inventory::MovementReason::Correction => Self::Correction,
            inventory::MovementReason::Shipped => Self::Shipped,
            inventory::MovementReason::Transfer => Self::Transfer,
        }
    }
}

/// An entry of the inventory ledger.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Movement")]
pub(super) struct MovementBody {
    id: Uuid,
    variant_id: Uuid,
    sku: String,
    location_id: Uuid,
    delta: i64,
    reason: MovementReason,
    note: String,
    order_id: Option<Uuid>,
    created_at: DateTime<Utc>,
}

impl From<inventory::Movement> for MovementBody {
    fn from(movement: inventory::Movement) -> Self {
        Self {
            id: movement.id.0,
            variant_id: movement.variant_id.0,
            sku: movement.sku,
            location_id: movement.location_id.0,
            delta: movement.delta,
            reason: movement.reason.into(),
            note: movement.note,
            order_id: movement.order_id.map(|id| id.0),
            created_at: movement.created_at,
        }
    }
}

/// A completed transfer, with a ledger entry for each location.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Transfer")]
pub(super) struct TransferBody {
    variant_id: Uuid,
    sku: String,
    from_location_id: Uuid,
    to_location_id: Uuid,
    quantity: i64,
    /// The outgoing movement, then the incoming one.
    movements: Vec<MovementBody>,
}

impl From<TransferView> for TransferBody {
    fn from(view: TransferView) -> Self {
        Self {
            variant_id: view.incoming.variant_id.0,
            sku: view.incoming.sku.clone(),
            from_location_id: view.outgoing.location_id.0,
            to_location_id: view.incoming.location_id.0,
            quantity: view.incoming.delta,
            movements: vec![view.outgoing.into(), view.incoming.into()],
        }
    }
}

/// The state of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(super) enum ReservationStatus {
    Held,
    Committed,
    Consumed,
    Released,
    Expired,
}

impl From<inventory::ReservationStatus> for ReservationStatus {
    fn from(status: inventory::ReservationStatus) -> Self {
        match status {
            inventory::ReservationStatus::Held => Self::Held,
            inventory::ReservationStatus::Committed => Self::Committed,
            inventory::ReservationStatus::Consumed => Self::Consumed,
            inventory::ReservationStatus::Released => Self::Released,
            inventory::ReservationStatus::Expired => Self::Expired,
        }
    }
}

/// Stock reserved at one location for one order line.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Reservation")]
pub(super) struct ReservationBody {
    id: Uuid,
    order_id: Uuid,
    order_item_id: Uuid,
    variant_id: Uuid,
    sku: String,
    location_id: Uuid,
    /// The quantity reserved at first.
    quantity: i64,
    /// The quantity that is still reserved.
    remaining: i64,
    status: ReservationStatus,
    created_at: DateTime<Utc>,
}

impl From<inventory::Reservation> for ReservationBody {
    fn from(reservation: inventory::Reservation) -> Self {
        Self {
            id: reservation.id.0,
            order_id: reservation.order_id.0,
            order_item_id: reservation.order_item_id.0,
            variant_id: reservation.variant_id.0,
            sku: reservation.sku,
            location_id: reservation.location_id.0,
            quantity: reservation.quantity,
            remaining: reservation.remaining,
            status: reservation.status.into(),
            created_at: reservation.created_at,
        }
    }
}
