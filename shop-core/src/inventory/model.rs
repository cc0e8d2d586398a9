//! Stock: where it lies, what is held for whom, and the ledger of every change.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{LocationId, MovementId, OrderId, OrderItemId, ProductId, ReservationId, VariantId};
use crate::page::{CreationSort, Sort, SortKey};
use crate::row::Row;
use crate::word::words;

/// A place that holds stock.
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
    /// Identity.
    pub id: LocationId,
    /// What staff call it.
    pub name: String,
    /// Its short name; unique.
    pub code: String,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// Orders are served from the smallest number first.
    pub priority: i64,
    /// Where stock goes that names no place; exactly one location is it.
    pub is_default: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counts the changes.
    pub version: i64,
}

/// The stock of one variant at one location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "stock_levels", key(variant_id, location_id))]
pub struct StockLevel {
    /// Of what.
    pub variant_id: VariantId,
    /// Where.
    pub location_id: LocationId,
    /// Its product.
    pub product_id: ProductId,
    /// Its sku of today.
    pub sku: String,
    /// How many lie there: the sum of all movements.
    pub on_hand: i64,
    /// How many are held for orders.
    pub reserved: i64,
    /// How many of those that are held, or that left, were promised before they lay there and have not come since: the
    /// open backorders. At most what `reserved` is beyond `on_hand`.
    #[serde(default)]
    pub backordered: i64,
    /// From this many available on, it is low.
    pub low_stock_threshold: i64,
    /// False: not counted; it can always be sold and is never reserved.
    pub tracked: bool,
    /// More may be sold than is there. When this is switched off, open backorders stay open, and no new ones come.
    pub backorder: bool,
}

impl StockLevel {
    /// How many more are held than lie there, whatever the reason.
    #[must_use]
    pub fn missing(&self) -> i64 {
        self.reserved.saturating_sub(self.on_hand).max(0)
    }

    /// True when no more is held than lies there or was backordered, or need not be.
    #[must_use]
    pub fn is_covered(&self) -> bool {
        !self.tracked || self.backorder || self.missing() <= self.backordered
    }

    /// How many can be promised from here now; negative when backorders went below.
    #[must_use]
    pub fn available(&self) -> i64 {
        self.on_hand.saturating_sub(self.reserved)
    }

    /// True when at least one more can be promised from here now.
    #[must_use]
    pub fn sells(&self) -> bool {
        !self.tracked || self.backorder || self.available() > 0
    }
}

/// An entry of the append-only ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "movements")]
pub struct Movement {
    /// Identity; sorts by time.
    pub id: MovementId,
    /// Of what.
    pub variant_id: VariantId,
    /// Its sku.
    pub sku: String,
    /// Where.
    pub location_id: LocationId,
    /// How many more (or fewer) lie there.
    pub delta: i64,
    /// Why.
    pub reason: MovementReason,
    /// In words.
    pub note: String,
    /// For which order.
    pub order_id: Option<OrderId>,
    /// When.
    pub created_at: Timestamp,
}

/// Why stock changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MovementReason {
    /// Delivered by a supplier.
    Received,
    /// Came back from a buyer.
    Returned,
    /// Broken.
    Damaged,
    /// Gone.
    Lost,
    /// Counted anew.
    Correction,
    /// Left with a parcel.
    Shipped,
    /// Moved between locations.
    Transfer,
}

/// Where stock that was held for an order stands. It ends exactly once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReservationStatus {
    /// Held while the order waits for its payment.
    Held,
    /// Held for an order that is paid or needs no payment first.
    Committed,
    /// All of it left with parcels.
    Consumed,
    /// Given back because the order was canceled.
    Released,
    /// Given back because the payment never came.
    Expired,
}

impl ReservationStatus {
    /// True while it counts into [`StockLevel::reserved`].
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Held | Self::Committed)
    }
}

/// Stock held at one location for one line of an order.
///
/// # Writes
/// A reservation is never deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "reservations", entity = Reservation)]
pub struct Reservation {
    /// Identity.
    pub id: ReservationId,
    /// For which order.
    pub order_id: OrderId,
    /// For which line of it.
    pub order_item_id: OrderItemId,
    /// Of what.
    pub variant_id: VariantId,
    /// Its sku.
    pub sku: String,
    /// Where.
    pub location_id: LocationId,
    /// How many were held at first.
    pub quantity: i64,
    /// How many are still held: `quantity` less what left with parcels; 0 when it ended.
    pub remaining: i64,
    /// Where it stands.
    pub status: ReservationStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counts the changes.
    pub version: i64,
}

/// A change of counts that the store judges where it writes them, so that no two decisions can take the same unit.
///
/// The rule, in every store: with `on_hand' = on_hand + self.on_hand` and `reserved' = reserved + self.reserved`,
/// it is refused unless `reserved' ≥ 0`, and
/// - one that ships (`self.on_hand = self.reserved < 0`) unless `on_hand' ≥ -backordered`: below zero only for what was
///   backordered, whether the level still allows backorders or not;
/// - another one that takes (`self.on_hand < 0` or `self.reserved > 0`) unless `reserved' ≤ on_hand'`, or the level allows
///   backorders;
/// - one that reserves (`self.reserved > 0`) also when the level is not tracked.
///
/// Open backorders are counted with it. What is missing (`reserved - on_hand`, at least 0) changes by what a delta gives
/// first (comes or is released), by what it takes away then, and by what it reserves last: no more is backordered than is
/// missing after the first step, and what the last step adds to what is missing is backordered. One that ships changes
/// neither.
///
/// Refused means [`Conflict::Stock`](crate::batch::Conflict::Stock), a missing level too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockDelta {
    /// Of what.
    pub variant_id: VariantId,
    /// Where.
    pub location_id: LocationId,
    /// Change of what lies there.
    pub on_hand: i64,
    /// Change of what is held.
    pub reserved: i64,
}

impl StockDelta {
    /// The rule above, for stores that judge in memory: the level as it is then.
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

    /// Whether it ships: what leaves was reserved.
    #[must_use]
    pub fn ships(&self) -> bool {
        self.on_hand == self.reserved && self.on_hand < 0
    }
}

/// Which stock levels a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StockFilter {
    /// Only this sku's.
    pub sku: Option<String>,
    /// Only this variant's.
    pub variant_id: Option<VariantId>,
    /// Only this product's.
    pub product_id: Option<ProductId>,
    /// Only here.
    pub location_id: Option<LocationId>,
    /// Only tracked levels with `on_hand - reserved ≤ low_stock_threshold`.
    pub low: bool,
}

/// Which movements a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MovementFilter {
    /// Only this sku's.
    pub sku: Option<String>,
    /// Only this variant's.
    pub variant_id: Option<VariantId>,
    /// Only here.
    pub location_id: Option<LocationId>,
    /// Only for this order.
    pub order_id: Option<OrderId>,
}

/// Which reservations a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReservationFilter {
    /// Only this variant's.
    pub variant_id: Option<VariantId>,
    /// Only here.
    pub location_id: Option<LocationId>,
    /// Only for this order.
    pub order_id: Option<OrderId>,
    /// Only live ones (held or committed), or only ended ones.
    pub live: Option<bool>,
}

/// By what the lists of this domain can be ordered.
pub type InventorySort = CreationSort;

/// By what a list of stock levels can be ordered. Ties are broken by location.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StockSort {
    /// By sku, bytewise.
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

words! {
    MovementReason {
        Received => "received", Returned => "returned", Damaged => "damaged", Lost => "lost",
        Correction => "correction", Shipped => "shipped", Transfer => "transfer",
    }
    ReservationStatus {
        Held => "held", Committed => "committed", Consumed => "consumed", Released => "released",
        Expired => "expired",
    }
}
