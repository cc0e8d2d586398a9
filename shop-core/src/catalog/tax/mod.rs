//! Rates of tax, as staff keep them. How they are applied stands in [`pricing`](crate::pricing).

mod input;
mod model;
mod operations;
mod service;

pub use input::TaxRateInput;
pub(crate) use model::region_key;
pub use model::{STANDARD_TAX_CLASS, TaxRate};
