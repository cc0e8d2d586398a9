//! The decisions about stock: plain functions from what was loaded to what is to be written.
//!
//! Other domains use them inside their own batches: placing an order calls [`allocate`] and [`reserve`], a paid
//! order [`commit_held`], a canceled one [`end_reservations`], canceled items [`release`], a parcel that leaves
//! [`consume`], and goods that come back `put_back`, which is [`restock`] at the places they came from.

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
