//! Tax rates as staff maintain them. [`pricing`](crate::pricing) applies them.

mod input;
mod operations;
mod service;

pub use input::TaxRateInput;

pub use crate::model::taxes::{STANDARD_TAX_CLASS, TaxRate};
pub use crate::store::TaxesRepository;
