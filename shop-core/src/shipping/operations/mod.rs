//! The pure decisions about shipping prices, address books, shipping rates and shipments.

mod addresses;
mod quote;
mod rates;
mod shipments;

pub use quote::{Quote, quote, zones_of};
pub use shipments::{event_data, shippable};

pub(super) use addresses::{AddressBook, create_address, delete_address, update_address};
pub(super) use quote::EVERYWHERE;
pub(super) use rates::{create_method, create_zone, delete_method, delete_zone, update_method, update_zone};
pub(super) use shipments::{create_shipment, track_shipment, update_shipment};
