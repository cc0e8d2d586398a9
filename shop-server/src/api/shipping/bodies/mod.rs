//! Request and response bodies of shipping.

mod address;
mod rates;
mod shipment;

pub(in crate::api) use address::{AddressBody, AddressRequest, KnownAddressRequest};
pub(super) use address::{SavedAddressBody, SavedAddressChange, SavedAddressRequest};
pub(in crate::api) use rates::RateType;
pub(super) use rates::{MethodBody, MethodChange, MethodRequest, ZoneBody, ZoneChange, ZoneRequest};
pub(in crate::api) use shipment::{ShipmentBody, ShipmentItemRequest};
pub(super) use shipment::{ShipmentChangeRequest, ShipmentRequest, TrackingBody, TrackingRequest};
