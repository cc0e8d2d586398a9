//! Tax rates as staff maintain them. [`pricing`](crate::pricing) applies them.

mod input;
mod model;
mod operations;
mod service;

pub use input::TaxRateInput;
pub(crate) use model::region_key;
pub use model::{STANDARD_TAX_CLASS, TaxRate};
