//! The pure decisions about carts.

mod coupons;
mod guests;
mod lines;
mod merge;

pub use coupons::{UNUSABLE_COUPON, add_coupon, admit_coupon, remove_coupon};
pub use guests::remove_guest_carts;
pub use lines::{add, empty, open, remove, set_quantity, weight_and_subtotal, write};
pub use merge::merge;

#[cfg(test)]
pub(crate) mod fixtures;
