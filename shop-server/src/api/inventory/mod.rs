//! Stock, for staff.

mod bodies;
mod ledger;
mod locations;
mod stock;

pub use ledger::Ledger;
pub use locations::Locations;
pub use stock::Stock;
