//! Money coming in and going back.

mod gateway;
mod input;
mod model;
pub mod operations;
mod repository;
mod service;
mod view;

pub use gateway::{
    CaptureCall, ConfirmCall, CreateCall, GatewayError, GatewayNotice, InvalidNotice, ManualGateway, NoticeHeaders,
    PaymentGateway, RefundCall, RemoteGateway, RemotePayment, RemoteRefund, Snapshot, VoidCall,
};
pub use input::{AmountInput, AttemptInput, RefundInput};
pub use model::{Payment, PaymentFilter, PaymentSort, PaymentState, Refund, RefundState};
pub use repository::{PaymentsRepository, PaymentsWrite};
pub use service::Payments;
pub use view::{GatewayView, RefundView};
