//! The whole business of a shop as a library.

pub mod clock;
pub mod error;
pub mod field;
pub mod id;
pub mod money;
pub mod page;

pub use error::{Error, Result};
