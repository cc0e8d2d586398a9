//! Request and response bodies of the inventory.

use chrono::{DateTime, Utc};
use shop_core::inventory::{
    AdjustmentInput, Location, LocationInput, Movement, MovementReason, Reservation, ReservationStatus, StockInput,
    StockLevel, StockView, TransferInput, TransferView,
};
use uuid::Uuid;

use crate::api::macros::{bodies, requests};
use crate::field::{Choice, Convert};

requests! {
    /// A location that holds stock.
    LocationRequest,
    /// Changes to a location.
    LocationPatch => LocationInput {
        /// 1 to 100 characters.
        name: Needed<String>,
        /// A short name: 1 to 100 letters, digits, hyphens, underscores and dots. Derived from `name` by default.
        code: Optional<String>,
        /// ISO 3166-1 alpha-2.
        country: Nullable<String>,
        /// Orders take stock from the location with the lowest number first.
        priority: Optional<i64>,
        /// Makes this the default location instead of the current one.
        is_default: Optional<bool>,
    }

    /// New settings of a variant's stock; absent fields stay as they are.
    StockPatch => StockInput {
        /// Stock is low if `available` is at or below this number.
        low_stock_threshold: Optional<i64>,
        /// Whether stock is counted. Uncounted stock can always be sold.
        tracked: Optional<bool>,
        /// Whether more can be sold than is in stock. Turning it off keeps open backorders and prevents new ones.
        backorder: Optional<bool>,
        /// The location to change. Defaults to all locations.
        location_id: Nullable<Uuid>,
    }

    /// A correction of the stock of a variant, named by `sku` or `variant_id`.
    AdjustmentRequest => AdjustmentInput {
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

    /// A transfer of stock of a variant, named by `sku` or `variant_id`.
    TransferRequest => TransferInput {
        sku: Optional<String>,
        variant_id: Optional<Uuid>,
        from_location_id: Required<Uuid>,
        to_location_id: Required<Uuid>,
        quantity: Required<i64>,
        note: Optional<String>,
    }
}

bodies! {
    /// A location that holds stock.
    LocationBody as "Location" from(location: Location) {
        id: Uuid,
        name: String,
        code: String,
        country: Option<String>,
        priority: i64,
        is_default: bool,
        created_at: DateTime<Utc>,
    }

    /// The stock of one variant at one location.
    LevelBody as "StockLevel" from(level: StockLevel) with { let available = level.available(); } {
        variant_id: Uuid,
        sku: String,
        location_id: Uuid,
        on_hand: i64,
        reserved: i64,
        /// Open backorders: units promised before they were in stock, which have not arrived since.
        backordered: i64,
        /// Negative if more was sold than is in stock.
        available: i64 = available,
        low_stock_threshold: i64,
        tracked: bool,
        backorder: bool,
    }

    /// The stock of one variant: the totals over all locations, or the stock at one.
    StockBody as "Stock" from(view: StockView) {
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
        locations: Option<Vec<LevelBody>> = view.location_id.is_none().then(|| view.locations.convert()),
    }

    /// An entry of the inventory ledger.
    MovementBody as "Movement" from(movement: Movement) {
        id: Uuid,
        variant_id: Uuid,
        sku: String,
        location_id: Uuid,
        delta: i64,
        reason: Choice<MovementReason>,
        note: String,
        order_id: Option<Uuid>,
        created_at: DateTime<Utc>,
    }

    /// A completed transfer, with a ledger entry for each location.
    TransferBody as "Transfer" from(view: TransferView) {
        variant_id: Uuid = view.incoming.variant_id.0,
        sku: String = view.incoming.sku.clone(),
        from_location_id: Uuid = view.outgoing.location_id.0,
        to_location_id: Uuid = view.incoming.location_id.0,
        quantity: i64 = view.incoming.delta,
        /// The outgoing movement, then the incoming one.
        movements: Vec<MovementBody> = vec![view.outgoing.into(), view.incoming.into()],
    }

    /// Stock reserved at one location for one order line.
    ReservationBody as "Reservation" from(reservation: Reservation) {
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
        status: Choice<ReservationStatus>,
        created_at: DateTime<Utc>,
    }
}
