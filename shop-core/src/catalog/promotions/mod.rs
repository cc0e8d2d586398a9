//! Promotions that staff offer, with a coupon code or applied automatically. [`pricing`](crate::pricing) applies them
//! to carts and orders.

mod input;
mod model;
mod operations;
mod service;
mod uses;

pub use input::PromotionInput;
pub use model::{CountedPromotion, Offer, Promotion, PromotionFilter, PromotionKind, PromotionSort, code_key};
pub use uses::{Counter, UNPAID, UsesDelta};
