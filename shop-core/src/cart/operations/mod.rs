//! The pure decisions about carts.

mod lines;
mod merge;

pub use lines::{add, empty, load, open, remove, set_quantity, write};
pub use merge::merge;

#[cfg(test)]
pub(crate) mod fixtures;
