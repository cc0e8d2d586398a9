//! The inputs of the shipping calls, before they are validated.

mod address;
mod shipment;
mod tariff;

pub use address::{AddressInput, SavedAddressInput};
pub use shipment::{ShipmentChange, ShipmentInput, ShipmentItemInput, TrackingInput};
pub use tariff::{MethodInput, RateInput, TierInput, ZoneInput};

pub(crate) use shipment::check_items;
pub(super) use shipment::{CheckedShipment, CheckedTracking};
pub(super) use tariff::CheckedMethod;
