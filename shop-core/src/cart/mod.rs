//! Carts: what a buyer intends to order.
//!
//! A cart holds variants with quantities, and coupons. Prices, discounts and availability are looked up for every
//! response. A cart reserves no stock; that happens when it becomes an [order](crate::orders).

mod contents;
mod input;
pub mod operations;
mod service;
mod view;

pub use contents::CartContents;
pub use input::{AddCoupon, AddItem, SetQuantity, ShippingOptions};
pub use service::Carts;
pub use view::{CartItemView, CartView, CouponView};

pub use crate::model::cart::{Cart, CartItem, CartStatus, MAX_CART_COUPONS, MAX_CART_ITEMS};
pub use crate::store::CartRepository;
