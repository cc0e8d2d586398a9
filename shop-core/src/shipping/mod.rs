//! Address book, tariff and parcels.

mod input;
mod model;
pub mod operations;
mod repository;
mod service;

pub use input::AddressInput;
pub use model::{
    Address, Method, Rate, SavedAddress, Shipment, ShipmentFilter, ShipmentItem, ShipmentStatus, ShippingSort, Tier,
    TrackingEvent, TrackingStatus, Zone,
};
pub use repository::{ShippingRepository, ShippingWrite};
pub use service::Shipping;
