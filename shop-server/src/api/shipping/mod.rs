//! Shipping: address books, shipping rates and shipments.

mod addresses;
mod bodies;
mod shipments;
mod tariff;

pub(in crate::api) use addresses::Addresses;
pub(in crate::api) use bodies::{
    AddressBody, AddressRequest, KnownAddressRequest, RateType, ShipmentBody, ShipmentItemRequest,
};
pub(in crate::api) use shipments::Shipments;
pub(in crate::api) use tariff::Tariff;
