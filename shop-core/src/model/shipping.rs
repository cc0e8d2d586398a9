//! Addresses, zones, methods and shipments.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{AddressId, MethodId, OrderId, OrderItemId, ShipmentId, UserId, ZoneId};
use crate::money::{Amount, Currency};
use crate::page::CreationSort;
use crate::row::Row;
use crate::string_enum::string_enums;

/// A postal address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The given name; may be empty if there is a company.
    pub first_name: String,
    /// The family name; may be empty.
    pub last_name: String,
    /// The company's name.
    pub company: Option<String>,
    /// Street and house number.
    pub line1: String,
    /// Additional address information.
    pub line2: Option<String>,
    /// The town; may be empty for countries whose addresses have none.
    pub city: String,
    /// The state or province as entered. If an order goes to a country whose taxes differ by region, its ISO 3166-2
    /// code without the country (`NY`).
    pub region: Option<String>,
    /// The postal code.
    pub postal_code: Option<String>,
    /// The ISO 3166-1 alpha-2 code, upper case.
    pub country: String,
    /// The telephone number, for the carrier.
    pub phone: Option<String>,
}

/// The maximum number of entries in one address book.
pub const MAX_ADDRESSES: u32 = 100;

/// An entry of a customer's address book.
///
/// # Writes
/// Unique key: one default per user, [`Unique::DefaultAddress`](crate::batch::Unique::DefaultAddress), judged after the
/// whole batch was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "addresses", entity = Address, deletable)]
pub struct SavedAddress {
    /// Unique; sorts by creation time.
    pub id: AddressId,
    /// The user who owns the entry.
    pub user_id: UserId,
    /// The postal address.
    #[row(json)]
    pub address: Address,
    /// Whether this is the user's default address; at most one per user.
    pub is_default: bool,
    /// The creation time.
    pub created_at: Timestamp,
    /// The time of the last change.
    pub updated_at: Timestamp,
    /// Incremented by each change.
    pub version: i64,
}

/// A set of countries with the same shipping methods.
///
/// # Writes
/// A zone that has methods cannot be deleted: [`Conflict::InUse`](crate::batch::Conflict::InUse).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "zones", entity = Zone, deletable)]
pub struct Zone {
    /// Unique; sorts by creation time.
    pub id: ZoneId,
    /// The name for staff.
    pub name: String,
    /// ISO 3166-1 alpha-2 codes, or `*` for every country that no zone names.
    #[row(json)]
    pub countries: Vec<String>,
    /// The creation time.
    pub created_at: Timestamp,
    /// Incremented by each change.
    pub version: i64,
}

/// A shipping method for one zone.
///
/// # Writes
/// The zone must exist, else [`Conflict::Stale`](crate::batch::Conflict::Stale) of the zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "methods", entity = Method, deletable)]
pub struct Method {
    /// Unique; sorts by creation time.
    pub id: MethodId,
    /// The name shown to buyers.
    pub name: String,
    /// The zone that it ships to.
    pub zone_id: ZoneId,
    /// The carrier's name.
    pub carrier: Option<String>,
    /// The currency of its prices.
    pub currency: Currency,
    /// The price, by weight or subtotal.
    #[row(json)]
    pub rate: Rate,
    /// Shipping is free from this subtotal on, in minor units.
    pub free_over: Option<Amount>,
    /// The minimum delivery time, in days.
    pub min_days: Option<i64>,
    /// The maximum delivery time, in days.
    pub max_days: Option<i64>,
    /// Whether the method is offered to buyers.
    pub active: bool,
    /// The creation time.
    pub created_at: Timestamp,
    /// Incremented by each change.
    pub version: i64,
}

/// The price of shipping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Rate {
    /// A fixed price.
    Flat {
        /// The price, in minor units.
        price: Amount,
    },
    /// A price by the total weight of the items, in grams.
    ByWeight {
        /// Tiers in ascending order; a weight above the last is not shipped.
        tiers: Vec<Tier>,
    },
    /// A price by the subtotal, in minor units.
    BySubtotal {
        /// Tiers in ascending order; a subtotal above the last is not shipped.
        tiers: Vec<Tier>,
    },
}

/// One tier of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// The inclusive upper limit, in grams or minor units; `None` for no limit (only in the last tier).
    pub up_to: Option<i64>,
    /// The price of the tier, in minor units.
    pub price: Amount,
}

/// The status of a shipment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShipmentStatus {
    /// Being packed; its stock is still reserved.
    Pending,
    /// In transit; its stock has been deducted.
    Shipped,
    /// Received by the buyer.
    Delivered,
    /// Canceled before it was shipped.
    Canceled,
}

/// A shipment with its tracking events, changed as a unit.
///
/// # Writes
/// A shipment is never deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "shipments", entity = Shipment, derived(tracking_key: Option<String>))]
pub struct Shipment {
    /// Unique; sorts by creation time.
    pub id: ShipmentId,
    /// The order that the shipment belongs to.
    pub order_id: OrderId,
    /// The quantities of order lines in the shipment.
    #[row(json)]
    pub items: Vec<ShipmentItem>,
    /// The carrier's name.
    pub carrier: Option<String>,
    /// The carrier's tracking number.
    pub tracking_number: Option<String>,
    /// The current status.
    pub status: ShipmentStatus,
    /// The tracking events, oldest first.
    #[row(json)]
    pub events: Vec<TrackingEvent>,
    /// The creation time.
    pub created_at: Timestamp,
    /// The time when it was shipped.
    pub shipped_at: Option<Timestamp>,
    /// The time when it was delivered.
    pub delivered_at: Option<Timestamp>,
    /// Incremented by each change.
    pub version: i64,
}

impl Shipment {
    /// The lookup key: its tracking number, [normalized](tracking_key).
    #[must_use]
    pub fn tracking_key(&self) -> Option<String> {
        self.tracking_number.as_deref().map(tracking_key)
    }
}

/// Normalizes a tracking number for comparison: carriers print it in groups and users type it in either case, so
/// whitespace and the case of ASCII letters are ignored.
#[must_use]
pub fn tracking_key(number: &str) -> String {
    number.chars().filter(|letter| !letter.is_whitespace()).map(|letter| letter.to_ascii_uppercase()).collect()
}

/// The quantity of one order line in a shipment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipmentItem {
    /// The order line.
    pub order_item_id: OrderItemId,
    /// The quantity in the shipment.
    pub quantity: i64,
}

/// One tracking event of a shipment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackingEvent {
    /// `shipped`, `in_transit`, `out_for_delivery`, `delivered`, `exception` or `canceled`.
    pub status: TrackingStatus,
    /// The description of the event.
    pub description: String,
    /// The location of the event.
    pub location: Option<String>,
    /// The time of the event.
    pub occurred_at: Timestamp,
}

/// The status in a tracking event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrackingStatus {
    /// The shipment left.
    Shipped,
    /// The shipment is on its way.
    InTransit,
    /// The shipment arrives today.
    OutForDelivery,
    /// The shipment arrived.
    Delivered,
    /// A problem occurred in transit.
    Exception,
    /// The shipment was canceled and will not leave.
    Canceled,
}

/// The filter of a list of shipments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShipmentFilter {
    /// Only shipments of this order.
    pub order_id: Option<OrderId>,
    /// Only shipments with this status.
    pub status: Option<ShipmentStatus>,
}

/// The sort key of the lists in this domain.
pub type ShippingSort = CreationSort;

string_enums! {
    ShipmentStatus { Pending => "pending", Shipped => "shipped", Delivered => "delivered", Canceled => "canceled" }
    TrackingStatus {
        Shipped => "shipped", InTransit => "in_transit", OutForDelivery => "out_for_delivery", Delivered => "delivered",
        Exception => "exception", Canceled => "canceled",
    }
}
