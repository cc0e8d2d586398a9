//! The shop's own details: name, legal data and addresses. They are public and appear in every mail.

mod input;
mod operations;
mod service;

pub use input::ShopDetailsInput;
pub use service::Details;

pub use crate::model::details::{ShopDetails, ShopDetailsView};
pub use crate::store::DetailsRepository;
