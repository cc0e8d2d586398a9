//! The shop's own details: name, legal data and addresses. They are public and appear in every mail.

mod input;
mod model;
mod operations;
mod repository;
mod service;

pub use input::ShopDetailsInput;
pub use model::{ShopDetails, ShopDetailsView};
pub use repository::DetailsRepository;
pub use service::Details;
