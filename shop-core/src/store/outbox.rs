//! Reads of the outbox and of idempotency records.

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::id::DeliveryId;
use crate::idempotency::{IdempotencyRecord, IdempotencyRecordKey};
use crate::model::outbox::{Delivery, DeliveryFilter, DeliverySort, Event};
use crate::page::{Page, PageRequest};
use crate::store::StoreResult;

/// Reads of the outbox and of idempotency records.
///
/// # Contract
/// Every read sees all commits that finished before it began.
#[async_trait]
pub trait OutboxRepository: Send + Sync {
    /// Events that are not relayed yet, oldest first, at most `limit`.
    async fn unrelayed_events(&self, limit: u32) -> StoreResult<Vec<Event>>;
    /// Pending deliveries to a receiver that are due at `now`, oldest first, at most `limit`. To preserve order, only
    /// the oldest pending delivery per aggregate counts. Each receiver has its own query, so that a failing receiver
    /// does not delay the others.
    async fn due_deliveries(&self, receiver: &str, now: Timestamp, limit: u32) -> StoreResult<Vec<Delivery>>;
    /// When [`OutboxRepository::due_deliveries`] will next return a delivery: the earliest `due_at` among the oldest
    /// pending deliveries per aggregate to this receiver (it may be in the past).
    async fn next_due(&self, receiver: &str) -> StoreResult<Option<Timestamp>>;
    /// The delivery with this id.
    async fn delivery(&self, id: DeliveryId) -> StoreResult<Option<Delivery>>;
    /// A page of deliveries. For [`MAIL`](crate::outbox::MAIL), the shop only lists dead ones, so a store needs no
    /// index for the rest.
    async fn list_deliveries(
        &self,
        filter: &DeliveryFilter,
        page: &PageRequest<DeliverySort>,
    ) -> StoreResult<Page<Delivery>>;
    /// The idempotency record under a key.
    async fn idempotency_record(&self, key: &IdempotencyRecordKey) -> StoreResult<Option<IdempotencyRecord>>;
}
