//! Events, deliveries and kept answers.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::MemoryStore;
use super::state::{Judged, State, StoredEvent, change_plain};
use crate::batch::{Conflict, Entity, Unique};
use crate::clock::Timestamp;
use crate::id::DeliveryId;
use crate::idempotency::{Answer, AnswerKey};
use crate::outbox::{Delivery, DeliveryStatus, Event, OutboxRepository, OutboxWrite};
use crate::store::StoreResult;

impl State {
    pub(super) fn write_outbox(&mut self, write: &OutboxWrite) -> Judged {
        match write {
            OutboxWrite::Event(event) => {
                if self.events.contains(&event.id.0) {
                    return Err(Conflict::Exists(Unique::Id(Entity::Event)).into());
                }
                self.events.put(event.id.0, StoredEvent { event: event.clone(), relayed: false });
                Ok(())
            }
            OutboxWrite::Relayed(id) => {
                let stored = self.events.get(&id.0).filter(|stored| !stored.relayed);
                let event = stored.ok_or(Conflict::Stale(Entity::Event, id.0))?.event.clone();
                self.events.put(id.0, StoredEvent { event, relayed: true });
                Ok(())
            }
            OutboxWrite::Delivery(delivery) => change_plain(&mut self.deliveries, &mut self.uniques, delivery),
        }
    }

    pub(super) fn write_answer(&mut self, answer: &Answer) -> Judged {
        if self.answers.contains(&answer.key) {
            return Err(Conflict::Exists(Unique::Answer).into());
        }
        self.answers.put(answer.key.clone(), answer.clone());
        Ok(())
    }

    pub(super) fn forget(&mut self, before: Timestamp) {
        for key in self.operations.keys_where(|at| *at < before) {
            self.operations.remove(&key);
        }
        for key in self.answers.keys_where(|answer| answer.created_at < before) {
            self.answers.remove(&key);
        }
        for key in self.events.keys_where(|stored| stored.relayed && stored.event.at < before) {
            self.events.remove(&key);
        }
        let done = |delivery: &Delivery| delivery.status == DeliveryStatus::Done && delivery.created_at < before;
        for key in self.deliveries.keys_where(done) {
            self.deliveries.remove(&key);
        }
        for key in self.sessions.keys_where(|session| session.expires_at < before) {
            self.sessions.remove(&key);
        }
    }

    /// The oldest pending delivery to a receiver per thing, oldest first.
    fn first_in_line<'a>(&'a self, receiver: &'a str) -> impl Iterator<Item = &'a Delivery> {
        let mut things = BTreeSet::new();
        let pending = self.deliveries.values().filter(|delivery| delivery.status == DeliveryStatus::Pending);
        let pending = pending.filter(move |delivery| delivery.receiver == receiver);
        pending.filter(move |delivery| things.insert(delivery.thing))
    }
}

#[async_trait]
impl OutboxRepository for MemoryStore {
    async fn unrelayed_events(&self, limit: u32) -> StoreResult<Vec<Event>> {
        let state = self.read();
        let unrelayed = state.events.values().filter(|stored| !stored.relayed);
        Ok(unrelayed.take(limit as usize).map(|stored| stored.event.clone()).collect())
    }

    async fn due_deliveries(&self, receiver: &str, now: Timestamp, limit: u32) -> StoreResult<Vec<Delivery>> {
        let state = self.read();
        let due = state.first_in_line(receiver).filter(|delivery| delivery.due_at <= now);
        Ok(due.take(limit as usize).cloned().collect())
    }

    async fn next_due(&self, receiver: &str) -> StoreResult<Option<Timestamp>> {
        Ok(self.read().first_in_line(receiver).map(|delivery| delivery.due_at).min())
    }

    async fn delivery(&self, id: DeliveryId) -> StoreResult<Option<Delivery>> {
        Ok(self.read().deliveries.get(&id.0).cloned())
    }

    async fn answer(&self, key: &AnswerKey) -> StoreResult<Option<Answer>> {
        Ok(self.read().answers.get(key).cloned())
    }
}
