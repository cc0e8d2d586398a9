//! Money coming in and going back.

mod gateway;
mod model;
pub mod operations;
mod repository;
mod service;

pub use gateway::{ManualGateway, PaymentGateway};
pub use model::{Payment, PaymentFilter, PaymentSort, PaymentState, Refund, RefundState};
pub use repository::{PaymentsRepository, PaymentsWrite};
pub use service::Payments;
