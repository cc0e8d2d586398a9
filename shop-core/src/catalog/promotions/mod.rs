//! Promotions: what staff offer, as a coupon or by itself. How they are applied to a cart or an order stands in
//! [`pricing`](crate::pricing).

mod input;
mod model;
mod operations;
mod service;
mod uses;

pub use input::PromotionInput;
pub use model::{CountedPromotion, Offer, Promotion, PromotionFilter, PromotionKind, PromotionSort, code_key};
pub use uses::{Counter, UNPAID, UsesDelta};
