//! The shop's own details: its name, its legal data and its addresses, shown to everybody and used in every mail.

mod input;
mod model;
mod operations;
mod repository;
mod service;

pub use input::ShopDetailsInput;
pub use model::{ShopDetails, ShopDetailsView};
pub use repository::DetailsRepository;
pub use service::Details;
