//! What the outbox reads and writes, and the answers kept under idempotency keys.

use async_trait::async_trait;

use super::model::{Delivery, DeliveryFilter, DeliverySort, Event};
use super::webhooks::{Webhook, WebhookSort};
use crate::batch::Change;
use crate::clock::Timestamp;
use crate::id::{DeliveryId, EventId, WebhookId};
use crate::idempotency::{Answer, AnswerKey};
use crate::page::{Page, PageRequest};
use crate::store::StoreResult;

/// Reads of the shop's own memory.
///
/// # Contract
/// Every read sees all that was committed before it began.
#[async_trait]
pub trait OutboxRepository: Send + Sync {
    /// Events that were not yet fanned out to receivers, oldest first, at most `limit`.
    async fn unrelayed_events(&self, limit: u32) -> StoreResult<Vec<Event>>;
    /// Pending deliveries to a receiver that are due at `now`, oldest first, at most `limit`: only the oldest
    /// pending one per thing, so that order holds. Receivers are asked about one by one, so that a bad one delays
    /// no other.
    async fn due_deliveries(&self, receiver: &str, now: Timestamp, limit: u32) -> StoreResult<Vec<Delivery>>;
    /// When the next of the deliveries is due that [`OutboxRepository::due_deliveries`] could answer: of the oldest
    /// pending one per thing to this receiver, the earliest `due_at` (it may lie in the past).
    async fn next_due(&self, receiver: &str) -> StoreResult<Option<Timestamp>>;
    /// The delivery with this id.
    async fn delivery(&self, id: DeliveryId) -> StoreResult<Option<Delivery>>;
    /// The deliveries of a list. Of [`MAIL`](super::MAIL) the shop lists those that are dead only: a store needs no index for
    /// the others.
    async fn list_deliveries(
        &self,
        filter: &DeliveryFilter,
        page: &PageRequest<DeliverySort>,
    ) -> StoreResult<Page<Delivery>>;
    /// The webhook with this id.
    async fn webhook(&self, id: WebhookId) -> StoreResult<Option<Webhook>>;
    /// Every active webhook, oldest first (a shop has few).
    async fn active_webhooks(&self) -> StoreResult<Vec<Webhook>>;
    /// The webhooks of a list.
    async fn list_webhooks(&self, page: &PageRequest<WebhookSort>) -> StoreResult<Page<Webhook>>;
    /// The answer kept under an idempotency key.
    async fn answer(&self, key: &AnswerKey) -> StoreResult<Option<Answer>>;
}

/// Writes of the outbox.
#[derive(Debug, Clone, PartialEq)]
pub enum OutboxWrite {
    /// A new event, not yet relayed.
    Event(Event),
    /// The event was fanned out. Guard: it is there and was not, else
    /// [`Conflict::Stale`](crate::batch::Conflict::Stale).
    Relayed(EventId),
}
