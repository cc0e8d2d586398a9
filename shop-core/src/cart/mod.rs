//! What somebody wants to buy, before it is an order.
//!
//! A cart holds wishes: variants and how many, and coupons. Prices, discounts and availability are looked up at every answer, and nothing is
//! reserved; that happens when it becomes an [order](crate::orders).

mod goods;
mod input;
mod model;
pub mod operations;
mod repository;
mod service;
mod view;

pub use goods::Goods;
pub use input::{AddCoupon, AddItem, SetQuantity, ShippingOptions};
pub use model::{Cart, CartItem, CartStatus, MAX_CART_COUPONS, MAX_CART_ITEMS};
pub use repository::CartRepository;
pub use service::Carts;
pub use view::{CartItemView, CartView, CouponView};
