//! Payments and refunds.
//!
//! A custom [`PaymentGateway`] implements `id`, `name` and `prepaid`; if it is called over a network, it also
//! implements a [`RemoteGateway`]. `examples/custom_gateway` is a complete example; its `GUIDE.md` explains it.

#[cfg(any(test, feature = "conformance"))]
pub mod bank;
mod gateway;
mod input;
mod limits;
mod model;
pub mod operations;
pub(crate) mod remote;
mod repository;
mod service;
mod view;

pub use gateway::{
    CaptureCall, ConfirmCall, CreateCall, GatewayError, GatewayNotice, InvalidNotice, ManualGateway, NoticeHeaders,
    PaymentGateway, RefundCall, RemoteGateway, RemotePayment, RemoteRefund, Snapshot, VoidCall,
};
pub use input::{AmountInput, AttemptInput, RefundInput};
pub use limits::ChargeLimits;
pub(crate) use limits::round_for;
pub use model::{
    Asking, Payment, PaymentFilter, PaymentSort, PaymentState, Refund, RefundState, RefundedTax, RemoteState, Step,
};
pub use remote::{Applied, CancelWish, GatewayCall, Wish, apply_snapshot};
pub use repository::PaymentsRepository;
pub use service::Payments;
pub use view::{GatewayView, RefundView};
