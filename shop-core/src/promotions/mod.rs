//! Promotions that staff offer, with a coupon code or applied automatically. [`pricing`](crate::pricing) applies them
//! to carts and orders.

mod input;
mod operations;
mod service;

pub use input::PromotionInput;

pub use crate::model::promotions::{
    CountedPromotion, Counter, Offer, Promotion, PromotionFilter, PromotionKind, PromotionSort, UNPAID, UsesDelta,
    code_key,
};
pub use crate::store::PromotionsRepository;
