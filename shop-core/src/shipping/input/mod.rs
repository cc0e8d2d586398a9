//! The inputs of the shipping calls, before they are validated.

mod address;
mod rates;
mod shipment;

pub use address::{AddressInput, SavedAddressInput};
pub use rates::{MethodInput, RateInput, TierInput, ZoneInput};
pub use shipment::{ShipmentChange, ShipmentInput, ShipmentItemInput, TrackingInput};

pub(super) use rates::CheckedMethod;
pub(crate) use shipment::check_items;
pub(super) use shipment::{CheckedShipment, CheckedTracking};
