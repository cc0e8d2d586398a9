//! Payments and refunds.
//!
//! A custom [`PaymentGateway`] implements `id`, `name` and `prepaid`; if it is called over a network, it also
//! implements a [`RemoteGateway`]. `examples/custom_gateway` is a complete example; its `GUIDE.md` explains it.

#[cfg(any(test, feature = "conformance"))]
pub mod fake_gateway;
mod input;
pub mod operations;
pub(crate) mod remote;
mod service;
mod view;

pub use input::{AmountInput, AttemptInput, RefundInput};
pub use remote::{Applied, apply_snapshot};
pub use service::Payments;
pub use view::{GatewayView, RefundView};

pub use crate::gateway::{
    CaptureCall, ChargeLimits, ConfirmCall, CreateCall, GatewayError, GatewayEventHeaders, InvalidGatewayEvent,
    ManualGateway, PaymentGateway, RefundCall, RemoteGateway, RemoteRefund, Snapshot, VoidCall,
};
pub use crate::model::payments::{
    CancelReason, GatewayCall, GatewayCommand, GatewayEvent, GatewayOperation, Payment, PaymentFilter, PaymentSort,
    PaymentState, PendingCall, Refund, RefundState, RefundedTax, RemotePayment, RemoteState,
};
pub use crate::store::PaymentsRepository;
