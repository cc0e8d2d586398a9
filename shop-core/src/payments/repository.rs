//! What payments read and write.

use async_trait::async_trait;

use super::model::{Payment, PaymentFilter, PaymentSort};
use crate::batch::Change;
use crate::clock::Timestamp;
use crate::id::{OrderId, PaymentId};
use crate::page::{Page, PageRequest};
use crate::store::StoreResult;

/// Reads of payments.
///
/// # Contract
/// Every read sees all that was committed before it began. A payment always comes with its refunds, oldest first.
#[async_trait]
pub trait PaymentsRepository: Send + Sync {
    /// The payment with this id.
    async fn payment(&self, id: PaymentId) -> StoreResult<Option<Payment>>;
    /// Every payment of these orders, oldest first over all of them.
    async fn payments_of_orders(&self, orders: &[OrderId]) -> StoreResult<Vec<Payment>>;
    /// The payment that this gateway knows by this reference; the oldest, should there be several.
    async fn payment_by_reference(&self, gateway: &str, reference: &str) -> StoreResult<Option<Payment>>;
    /// Payments whose [`look_at`](super::RemoteState::look_at) is at or before `now`, those that are due for the
    /// longest time first (then by id), at most `limit`.
    async fn payments_to_look_at(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<Payment>>;
    /// The payments of a list.
    async fn list_payments(
        &self,
        filter: &PaymentFilter,
        page: &PageRequest<PaymentSort>,
    ) -> StoreResult<Page<Payment>>;
}
