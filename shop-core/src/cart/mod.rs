//! What somebody wants to buy, before it is an order.

mod model;
mod repository;
mod service;

pub use model::{Cart, CartItem, CartStatus, MAX_CART_ITEMS};
pub use repository::{CartRepository, CartWrite};
pub use service::Carts;
