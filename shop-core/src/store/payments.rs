//! Reads of payments.

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::id::{OrderId, PaymentId};
use crate::model::payments::{Payment, PaymentFilter, PaymentSort};
use crate::page::{Page, PageRequest};
use crate::store::StoreResult;

/// Reads of payments.
///
/// # Contract
/// Every read sees all commits that finished before it began. A payment always includes its refunds, oldest first.
#[async_trait]
pub trait PaymentsRepository: Send + Sync {
    /// The payment with this id.
    async fn payment(&self, id: PaymentId) -> StoreResult<Option<Payment>>;
    /// All payments of these orders, oldest first across all orders.
    async fn payments_of_orders(&self, orders: &[OrderId]) -> StoreResult<Vec<Payment>>;
    /// The payment with this gateway's reference; the oldest if there are several.
    async fn payment_by_reference(&self, gateway: &str, reference: &str) -> StoreResult<Option<Payment>>;
    /// Payments whose [`poll_at`](crate::payments::RemoteState::poll_at) is at or before `now`, longest overdue first
    /// (then by id), at most `limit`.
    async fn payments_due_for_poll(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<Payment>>;
    /// A page of payments.
    async fn list_payments(
        &self,
        filter: &PaymentFilter,
        page: &PageRequest<PaymentSort>,
    ) -> StoreResult<Page<Payment>>;
}
