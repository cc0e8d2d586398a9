//! Stock levels per location, reservations for orders, and the ledger of every change.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{LocationId, MovementId, OrderId, OrderItemId, ProductId, ReservationId, VariantId};
use crate::page::{CreationSort, Sort, SortKey};
use crate::row::Row;
use crate::string_enum::string_enums;

/// A place that holds stock, such as a warehouse or a store.
///
/// # Writes
/// Unique keys: [`Unique::LocationCode`](crate::batch::Unique::LocationCode), and exactly one default location,
/// [`Unique::DefaultLocation`](crate::batch::Unique::DefaultLocation). The latter is judged after the whole batch was
/// written, for every batch that writes a location: one that leaves no default, or no location at all, is refused too.
/// A location with a level whose `on_hand` or `reserved` is not 0 cannot be deleted
/// ([`Conflict::InUse`](crate::batch::Conflict::InUse)); its empty levels are deleted with it, its movements stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "locations", entity = Location, deletable)]
#[row(unique(LocationCode: code))]
pub struct Location {
    /// Unique id.
    pub id: LocationId,
    /// Display name for staff.
    pub name: String,
    /// Short unique name, used in CSV imports.
    pub code: String,
    /// ISO 3166-1 alpha-2 country code.
    pub country: Option<String>,
    /// Orders are served from the location with the smallest number first.
    pub priority: i64,
    /// Whether changes of stock that name no location apply here. Exactly one location is the default.
    pub is_default: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// Number of the row's current version; grows with every change.
    pub version: i64,
}

/// The stock of one variant at one location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "stock_levels", key(variant_id, location_id), key_name = StockLevel)]
pub struct StockLevel {
    /// The stocked variant.
    pub variant_id: VariantId,
    /// The location that holds the stock.
    pub location_id: LocationId,
    /// The product that the variant belongs to.
    pub product_id: ProductId,
    /// The variant's current SKU.
    pub sku: String,
    /// Units at the location: the sum of all movements.
    pub on_hand: i64,
    /// Units held for orders.
    pub reserved: i64,
    /// Open backorders: units that were promised before they were in stock and have not arrived since, whether still
    /// reserved or already shipped. At most `reserved - on_hand`.
    #[serde(default)]
    pub backordered: i64,
    /// The level is low when this many units or fewer are available.
    pub low_stock_threshold: i64,
    /// Whether units are counted. If false, the variant can always be sold and is never reserved.
    pub tracked: bool,
    /// Whether more units may be sold than are on hand. Open backorders stay open when this is switched off.
    pub backorder: bool,
}

impl StockLevel {
    /// Units reserved beyond what is on hand, for whatever reason; at least 0.
    #[must_use]
    pub fn missing(&self) -> i64 {
        self.reserved.saturating_sub(self.on_hand).max(0)
    }

    /// Whether every reserved unit is on hand or backordered. Always true if untracked or backorders are allowed.
    #[must_use]
    pub fn is_covered(&self) -> bool {
        !self.tracked || self.backorder || self.missing() <= self.backordered
    }

    /// Units that can be promised from here; negative if more are reserved than are on hand.
    #[must_use]
    pub fn available(&self) -> i64 {
        self.on_hand.saturating_sub(self.reserved)
    }

    /// Whether at least one more unit can be promised from here.
    #[must_use]
    pub fn sells(&self) -> bool {
        !self.tracked || self.backorder || self.available() > 0
    }
}

/// An entry of the append-only stock ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "movements")]
pub struct Movement {
    /// Unique id; sorts by time.
    pub id: MovementId,
    /// The variant whose stock changed.
    pub variant_id: VariantId,
    /// SKU of the variant.
    pub sku: String,
    /// The location whose stock changed.
    pub location_id: LocationId,
    /// Change of the units on hand; negative if some left.
    pub delta: i64,
    /// What caused the change.
    pub reason: MovementReason,
    /// Free text by staff.
    pub note: String,
    /// The order that caused the change, if any.
    pub order_id: Option<OrderId>,
    /// When the change was made.
    pub created_at: Timestamp,
}

/// The cause of a stock movement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MovementReason {
    /// Units were delivered by a supplier.
    Received,
    /// Units were returned by a buyer.
    Returned,
    /// Units were written off as damaged.
    Damaged,
    /// Units were written off as lost.
    Lost,
    /// A count found a different number.
    Correction,
    /// Units left with a shipment.
    Shipped,
    /// Units were moved between locations.
    Transfer,
}

/// The state of a [`Reservation`]. A reservation ends exactly once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReservationStatus {
    /// Held while the order waits for its payment.
    Held,
    /// Held for an order that is paid or may ship unpaid.
    Committed,
    /// Every remaining unit has left with shipments.
    Consumed,
    /// Released because the order or its items were canceled.
    Released,
    /// Released because the payment did not arrive in time.
    Expired,
}

impl ReservationStatus {
    /// Whether the reservation counts towards [`StockLevel::reserved`].
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Held | Self::Committed)
    }
}

/// Units held at one location for one order line.
///
/// # Writes
/// A reservation is never deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "reservations", entity = Reservation)]
pub struct Reservation {
    /// Unique id.
    pub id: ReservationId,
    /// The order that the units are held for.
    pub order_id: OrderId,
    /// The order line that the units are held for.
    pub order_item_id: OrderItemId,
    /// The reserved variant.
    pub variant_id: VariantId,
    /// SKU of the variant.
    pub sku: String,
    /// The location that holds the units.
    pub location_id: LocationId,
    /// Units held initially.
    pub quantity: i64,
    /// Units still held: `quantity` less what was shipped or released; 0 once it has ended.
    pub remaining: i64,
    /// The current state.
    pub status: ReservationStatus,
    /// When it was created.
    pub created_at: Timestamp,
    /// Number of the row's current version; grows with every change.
    pub version: i64,
}

/// A guarded change of a level's counts. The store checks the guard in the write itself, so that two decisions cannot
/// take the same unit.
///
/// With `on_hand' = on_hand + self.on_hand` and `reserved' = reserved + self.reserved`, every store refuses the delta
/// unless `reserved' ≥ 0`, and
/// - a delta that ships (`self.on_hand = self.reserved < 0`) unless `on_hand' ≥ -backordered`: only backordered units
///   may take the count below zero, whether the level still allows backorders or not;
/// - any other delta that takes (`self.on_hand < 0` or `self.reserved > 0`) unless `reserved' ≤ on_hand'`, or the level
///   allows backorders;
/// - a delta that reserves (`self.reserved > 0`) also if the level is not tracked.
///
/// The delta also updates `backordered`. Apply it in three steps: what it adds (arrivals and releases), what it
/// removes, what it reserves. `backordered` is capped at the shortfall (`reserved - on_hand`, at least 0) after the
/// first step, and grows by what the last step adds to the shortfall. A delta that ships changes neither.
///
/// A refused delta, also one for a missing level, is [`Conflict::Stock`](crate::batch::Conflict::Stock).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockDelta {
    /// The variant whose counts change.
    pub variant_id: VariantId,
    /// The location whose counts change.
    pub location_id: LocationId,
    /// Change of [`StockLevel::on_hand`].
    pub on_hand: i64,
    /// Change of [`StockLevel::reserved`].
    pub reserved: i64,
}

impl StockDelta {
    /// Applies the rule above, for stores that check it in memory. Returns the changed level, or `None` if refused.
    #[must_use]
    pub fn apply(&self, level: &StockLevel) -> Option<StockLevel> {
        let on_hand = level.on_hand.checked_add(self.on_hand)?;
        let reserved = level.reserved.checked_add(self.reserved)?;
        let (ships, takes) = (self.ships(), self.reserved > 0);
        let after = StockLevel { on_hand, reserved, ..level.clone() };
        let covered = if ships {
            on_hand >= level.backordered.min(level.missing()).saturating_neg()
        } else {
            reserved <= on_hand || level.backorder || !(self.on_hand < 0 || takes)
        };
        if reserved < 0 || !covered || takes && !level.tracked {
            return None;
        }
        let missing = |on_hand: i64, reserved: i64| {
            let (on_hand, reserved) = (level.on_hand.saturating_add(on_hand), level.reserved.saturating_add(reserved));
            StockLevel { on_hand, reserved, ..level.clone() }.missing()
        };
        let (given, lowered) = if ships {
            (level.missing(), after.missing())
        } else {
            let released = self.reserved.min(0);
            (missing(self.on_hand.max(0), released), missing(self.on_hand, released))
        };
        let new = after.missing().saturating_sub(lowered);
        Some(StockLevel { backordered: level.backordered.min(given).saturating_add(new), ..after })
    }

    /// Whether the delta ships reserved units.
    #[must_use]
    pub fn ships(&self) -> bool {
        self.on_hand == self.reserved && self.on_hand < 0
    }
}

/// Filter for stock levels; absent fields match everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StockFilter {
    /// Only levels with this SKU.
    pub sku: Option<String>,
    /// Only levels of this variant.
    pub variant_id: Option<VariantId>,
    /// Only levels of this product.
    pub product_id: Option<ProductId>,
    /// Only levels at this location.
    pub location_id: Option<LocationId>,
    /// Only tracked levels with `on_hand - reserved ≤ low_stock_threshold`.
    pub low: bool,
}

/// Filter for movements; absent fields match everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MovementFilter {
    /// Only movements with this SKU.
    pub sku: Option<String>,
    /// Only movements of this variant.
    pub variant_id: Option<VariantId>,
    /// Only movements at this location.
    pub location_id: Option<LocationId>,
    /// Only movements caused by this order.
    pub order_id: Option<OrderId>,
}

impl MovementFilter {
    /// True if it uses only the fields by which stores keep counts: the location. A new field needs a decision here, and else a
    /// list would show the count of more rows than it has.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        let Self { sku, variant_id, location_id: _, order_id } = self;
        sku.is_none() && variant_id.is_none() && order_id.is_none()
    }
}

/// Filter for reservations; absent fields match everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReservationFilter {
    /// Only reservations of this variant.
    pub variant_id: Option<VariantId>,
    /// Only reservations at this location.
    pub location_id: Option<LocationId>,
    /// Only reservations for this order.
    pub order_id: Option<OrderId>,
    /// `true`: only live ones (held or committed). `false`: only ended ones.
    pub live: Option<bool>,
}

/// Sort keys of this domain's lists, except for stock levels.
pub type InventorySort = CreationSort;

/// Sort keys of a list of stock levels. Ties are broken by location.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StockSort {
    /// By SKU, bytewise.
    Sku,
}

impl SortKey for StockSort {
    fn name(self) -> &'static str {
        "sku"
    }
    fn all() -> &'static [Self] {
        &[Self::Sku]
    }
    fn default_order() -> Vec<Sort<Self>> {
        vec![Sort { key: Self::Sku, descending: false }]
    }
}

string_enums! {
    MovementReason {
        Received => "received", Returned => "returned", Damaged => "damaged", Lost => "lost",
        Correction => "correction", Shipped => "shipped", Transfer => "transfer",
    }
    ReservationStatus {
        Held => "held", Committed => "committed", Consumed => "consumed", Released => "released",
        Expired => "expired",
    }
}
