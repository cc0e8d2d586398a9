//! The whole business of a shop as a library.

pub mod accounts;
pub mod actor;
pub mod batch;
pub mod cart;
pub mod catalog;
mod check;
pub mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod error;
mod execute;
pub mod field;
pub mod id;
pub mod idempotency;
pub mod inventory;
mod listing;
pub mod memory;
pub mod money;
pub mod orders;
pub mod outbox;
pub mod page;
pub mod payments;
pub mod secret;
pub mod shipping;
pub mod shop;
pub mod store;
#[cfg(test)]
pub(crate) mod testing;
pub mod text;
pub mod validate;
mod wake;

pub use actor::Actor;
pub use error::{Error, Result};
pub use execute::Decision;
pub use shop::Shop;
