//! The pure decisions about carts.

mod coupons;
mod lines;
mod merge;

pub use coupons::{add_coupon, remove_coupon};
pub use lines::{add, empty, load, open, remove, set_quantity, write};
pub use merge::merge;

#[cfg(test)]
pub(crate) mod fixtures;
