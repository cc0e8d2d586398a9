//! Shipping: address books, shipping rates and shipments.

mod addresses;
mod bodies;
mod rates;
mod shipments;

pub(in crate::api) use addresses::Addresses;
pub(in crate::api) use bodies::{
    AddressBody, AddressRequest, KnownAddressRequest, RateType, ShipmentBody, ShipmentItemRequest,
};
pub(in crate::api) use rates::ShippingRates;
pub(in crate::api) use shipments::Shipments;
