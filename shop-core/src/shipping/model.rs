//! Addresses, zones, methods and parcels.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{AddressId, MethodId, OrderId, OrderItemId, ShipmentId, UserId, ZoneId};
use crate::money::{Amount, Currency};
use crate::page::CreationSort;
use crate::row::Row;
use crate::word::words;

/// A postal address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Given name; may be empty where there is a company.
    pub first_name: String,
    /// Family name; may be empty.
    pub last_name: String,
    /// Company.
    pub company: Option<String>,
    /// Street and number.
    pub line1: String,
    /// Anything more.
    pub line2: Option<String>,
    /// Town; may be empty in countries whose addresses have none.
    pub city: String,
    /// State or province, as its writer calls it; where an order goes to a country with taxes that differ by region, its code
    /// in ISO 3166-2 (`NY`).
    pub region: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// ISO 3166-1 alpha-2, upper case.
    pub country: String,
    /// Telephone number for the carrier.
    pub phone: Option<String>,
}

/// The most entries of one address book.
pub const MAX_ADDRESSES: u32 = 100;

/// An entry of a customer's address book.
///
/// # Writes
/// Unique key: one default per user, [`Unique::DefaultAddress`](crate::batch::Unique::DefaultAddress), judged after the
/// whole batch was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "addresses", entity = Address, deletable)]
pub struct SavedAddress {
    /// Identity.
    pub id: AddressId,
    /// Whose.
    pub user_id: UserId,
    /// Where.
    #[row(json)]
    pub address: Address,
    /// The one taken unless another is named; at most one per person.
    pub is_default: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Counts the changes.
    pub version: i64,
}

/// A set of countries that are served alike.
///
/// # Writes
/// A zone that has methods cannot be deleted: [`Conflict::InUse`](crate::batch::Conflict::InUse).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "zones", entity = Zone, deletable)]
pub struct Zone {
    /// Identity.
    pub id: ZoneId,
    /// What staff call it.
    pub name: String,
    /// ISO 3166-1 alpha-2 codes, or `*` for every country that no zone names.
    #[row(json)]
    pub countries: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counts the changes.
    pub version: i64,
}

/// A way to ship into one zone.
///
/// # Writes
/// The zone must exist, else [`Conflict::Stale`](crate::batch::Conflict::Stale) of the zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "methods", entity = Method, deletable)]
pub struct Method {
    /// Identity.
    pub id: MethodId,
    /// What buyers see.
    pub name: String,
    /// Where it goes.
    pub zone_id: ZoneId,
    /// Who carries it.
    pub carrier: Option<String>,
    /// The currency of its prices.
    pub currency: Currency,
    /// What it costs.
    #[row(json)]
    pub rate: Rate,
    /// From this subtotal on it is free.
    pub free_over: Option<Amount>,
    /// Fewest days it takes.
    pub min_days: Option<i64>,
    /// Most days it takes.
    pub max_days: Option<i64>,
    /// Offered to buyers.
    pub active: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counts the changes.
    pub version: i64,
}

/// What shipping costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Rate {
    /// Always the same.
    Flat {
        /// The price.
        price: Amount,
    },
    /// By the weight of all items, in grams.
    ByWeight {
        /// Steps from light to heavy; what is heavier than the last is not carried.
        tiers: Vec<Tier>,
    },
    /// By the subtotal, in minor units.
    BySubtotal {
        /// Steps from low to high; what is above the last is not carried.
        tiers: Vec<Tier>,
    },
}

/// One step of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// Up to and including this many grams or minor units; `None` for no limit (only in the last step).
    pub up_to: Option<i64>,
    /// The price of the step.
    pub price: Amount,
}

/// Where a parcel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShipmentStatus {
    /// Being packed; its stock is still reserved.
    Pending,
    /// Left the house; its stock is gone.
    Shipped,
    /// Arrived.
    Delivered,
    /// Unpacked before it left.
    Canceled,
}

/// A parcel with the carrier's news of it, changed as one.
///
/// # Writes
/// A shipment is never deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "shipments", entity = Shipment, derived(tracking_key: Option<String>))]
pub struct Shipment {
    /// Identity.
    pub id: ShipmentId,
    /// Of which order.
    pub order_id: OrderId,
    /// What is in it.
    #[row(json)]
    pub items: Vec<ShipmentItem>,
    /// Who carries it.
    pub carrier: Option<String>,
    /// The carrier's number.
    pub tracking_number: Option<String>,
    /// Where it stands.
    pub status: ShipmentStatus,
    /// News, oldest first.
    #[row(json)]
    pub events: Vec<TrackingEvent>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it left.
    pub shipped_at: Option<Timestamp>,
    /// When it arrived.
    pub delivered_at: Option<Timestamp>,
    /// Counts the changes.
    pub version: i64,
}

impl Shipment {
    /// By what it is found: its number, [as it is compared](tracking_key).
    #[must_use]
    pub fn tracking_key(&self) -> Option<String> {
        self.tracking_number.as_deref().map(tracking_key)
    }
}

/// A tracking number as it is compared: carriers print it in groups and people type it in either case, so blanks and the
/// case of ASCII letters do not count.
#[must_use]
pub fn tracking_key(number: &str) -> String {
    number.chars().filter(|letter| !letter.is_whitespace()).map(|letter| letter.to_ascii_uppercase()).collect()
}

/// How many of an order's line are in a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipmentItem {
    /// Which line.
    pub order_item_id: OrderItemId,
    /// How many.
    pub quantity: i64,
}

/// One piece of news about a parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackingEvent {
    /// `shipped`, `in_transit`, `out_for_delivery`, `delivered`, `exception` or `canceled`.
    pub status: TrackingStatus,
    /// In words.
    pub description: String,
    /// Where.
    pub location: Option<String>,
    /// When.
    pub occurred_at: Timestamp,
}

/// What the carrier says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrackingStatus {
    /// It left.
    Shipped,
    /// It is on its way.
    InTransit,
    /// It arrives today.
    OutForDelivery,
    /// It arrived.
    Delivered,
    /// Something went wrong on the way.
    Exception,
    /// It will not leave.
    Canceled,
}

/// Which parcels a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShipmentFilter {
    /// Only this order's.
    pub order_id: Option<OrderId>,
    /// Only with this status.
    pub status: Option<ShipmentStatus>,
}

/// By what the lists of this domain can be ordered.
pub type ShippingSort = CreationSort;

words! {
    ShipmentStatus { Pending => "pending", Shipped => "shipped", Delivered => "delivered", Canceled => "canceled" }
    TrackingStatus {
        Shipped => "shipped", InTransit => "in_transit", OutForDelivery => "out_for_delivery", Delivered => "delivered",
        Exception => "exception", Canceled => "canceled",
    }
}
