//! Money coming in and going back.

mod model;
mod repository;

pub use model::{Payment, PaymentFilter, PaymentSort, PaymentState, Refund, RefundState};
pub use repository::{PaymentsRepository, PaymentsWrite};
