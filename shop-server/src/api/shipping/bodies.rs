//! Request and response bodies of shipping.

mod address;
mod shipment;
mod tariff;

pub(in crate::api) use address::{AddressBody, AddressRequest, KnownAddressRequest};
pub(super) use address::{SavedAddressBody, SavedAddressChange, SavedAddressRequest};
pub(in crate::api) use shipment::{ShipmentBody, ShipmentItemRequest};
pub(super) use shipment::{ShipmentChangeRequest, ShipmentRequest, TrackingBody, TrackingRequest};
pub(in crate::api) use tariff::RateType;
pub(super) use tariff::{MethodBody, MethodChange, MethodRequest, ZoneBody, ZoneChange, ZoneRequest};
