//! Address book, shipping rates and shipments.

mod input;
pub mod operations;
mod service;
mod view;

pub(crate) use input::check_items;
pub use input::{
    AddressInput, MethodInput, RateInput, SavedAddressInput, ShipmentChange, ShipmentInput, ShipmentItemInput,
    TierInput, TrackingInput, ZoneInput,
};
pub use service::Shipping;
pub use view::{TrackedShipment, Tracking};

pub use crate::model::shipping::{
    Address, MAX_ADDRESSES, Method, Rate, SavedAddress, Shipment, ShipmentFilter, ShipmentItem, ShipmentStatus,
    ShippingSort, Tier, TrackingEvent, TrackingStatus, Zone, tracking_key,
};
pub use crate::store::ShippingRepository;
