//! Decisions about stock: pure functions from loaded data to writes.
//!
//! Other domains use them in their own batches: placing an order calls [`allocate`] and [`reserve`], a paid order
//! [`commit_held`], a canceled order [`end_reservations`], canceled items [`release`], an outgoing shipment
//! [`consume`], and returned goods `put_back`, which is [`restock`] at the locations they came from.

mod allocation;
mod availability;
mod ledger;
mod locations;
mod low_stock;
mod put_back;
mod reservations;
mod settings;

pub use allocation::{Allocation, allocate};
pub use availability::{Availability, availability};
pub use low_stock::LowStock;
pub use reservations::{StockLine, commit_held, consume, end_reservations, release, reserve, restock};

pub(crate) use ledger::{Adjustment, Stocked, Transfer, adjust, transfer};
pub(crate) use locations::{ChangedLocation, change_location, create_location, delete_location};
pub(crate) use put_back::put_back;
pub(crate) use reservations::may_change;
pub(crate) use settings::change_settings;

#[cfg(test)]
pub(crate) mod fixtures;
