//! Inventory endpoints, for staff.

mod bodies;
mod ledger;
mod locations;
mod stock;

pub(super) use ledger::Ledger;
pub(super) use locations::Locations;
pub(super) use stock::Stock;
