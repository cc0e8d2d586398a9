//! The decisions about stock: plain functions from what was loaded to what is to be written.
//!
//! Other domains use them inside their own batches: placing an order calls [`allocate`] and [`reserve`], a paid
//! order [`commit_held`], a canceled one [`end_reservations`], a parcel that leaves [`consume`], and goods that
//! come back [`restock`].

mod allocation;
mod availability;
mod low_stock;
mod reservations;

pub use allocation::{Allocation, allocate};
pub use availability::{Availability, availability};
pub use low_stock::LowStock;
pub use reservations::{StockLine, commit_held, consume, end_reservations, reserve, restock};

#[cfg(test)]
pub(crate) mod fixtures;
