//! Events, deliveries and idempotency records.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::TableStore;
use super::engine::{Engine, ReadRows, WriteRows};
use super::state::{Judged, State, StoredEvent, VersionedRow};
use crate::batch::{Conflict, Entity, OutboxWrite, Unique};
use crate::clock::Timestamp;
use crate::id::DeliveryId;
use crate::idempotency::{IdempotencyRecord, IdempotencyRecordKey};
use crate::model::accounts::DailyCount;
use crate::model::outbox::{Delivery, DeliveryFilter, DeliverySort, DeliveryStatus, Event};
use crate::page::paging::page;
use crate::page::{Page, PageRequest};
use crate::store::{OutboxRepository, StoreResult};

impl VersionedRow for Delivery {}

impl<T: WriteRows> State<'_, T> {
    pub(super) fn write_outbox(&mut self, write: &OutboxWrite) -> Judged {
        match write {
            OutboxWrite::Event(event) => {
                if self.events.contains(&event.id.0)? {
                    return Err(Conflict::Exists(Unique::Id(Entity::Event)).into());
                }
                Ok(self.events.put(event.id.0, StoredEvent { event: event.clone(), relayed: false })?)
            }
            OutboxWrite::Relayed(id) => {
                let stored = self.events.get(&id.0)?.filter(|stored| !stored.relayed);
                let event = stored.ok_or(Conflict::Stale(Entity::Event, id.0))?.event;
                Ok(self.events.put(id.0, StoredEvent { event, relayed: true })?)
            }
        }
    }

    pub(super) fn write_idempotency_record(&mut self, record: &IdempotencyRecord) -> Judged {
        if self.answers.contains(&record.key)? {
            return Err(Conflict::Exists(Unique::IdempotencyRecord).into());
        }
        Ok(self.answers.put(record.key.clone(), record.clone())?)
    }

    pub(super) fn forget(&mut self, before: Timestamp, given_up_before: Timestamp) -> Judged {
        for key in self.operations.keys_where(|at| *at < before)? {
            self.operations.remove(&key)?;
        }
        for key in self.answers.keys_where(|record| record.created_at < before)? {
            self.answers.remove(&key)?;
        }
        for key in self.events.keys_where(|stored| stored.relayed && stored.event.at < before)? {
            self.events.remove(&key)?;
        }
        let over = |delivery: &Delivery| match delivery.status {
            DeliveryStatus::Done => delivery.created_at < before,
            DeliveryStatus::Dead => delivery.due_at < given_up_before,
            DeliveryStatus::Pending => false,
        };
        for key in self.deliveries.keys_where(over)? {
            self.deliveries.remove(&key)?;
        }
        for key in self.sessions.keys_where(|session| session.expires_at < before)? {
            self.sessions.remove(&key)?;
        }
        let day = DailyCount::day_of(before);
        for key in self.daily_counts.keys_where(|counted| counted.day < day)? {
            self.daily_counts.remove(&key)?;
        }
        Ok(())
    }
}

impl<T: ReadRows> State<'_, T> {
    /// The oldest pending delivery to a receiver per subject, oldest first.
    fn first_in_line(&self, receiver: &str) -> StoreResult<Vec<Delivery>> {
        let mut subjects = BTreeSet::new();
        self.deliveries.select(|delivery| {
            delivery.status == DeliveryStatus::Pending
                && delivery.receiver == receiver
                && subjects.insert(delivery.subject)
        })
    }
}

#[async_trait]
impl<E: Engine> OutboxRepository for TableStore<E> {
    async fn unrelayed_events(&self, limit: u32) -> StoreResult<Vec<Event>> {
        let unrelayed = self.read(|state| state.events.select(|stored| !stored.relayed))?;
        Ok(unrelayed.into_iter().take(limit as usize).map(|stored| stored.event).collect())
    }

    async fn due_deliveries(&self, receiver: &str, now: Timestamp, limit: u32) -> StoreResult<Vec<Delivery>> {
        let first = self.read(|state| state.first_in_line(receiver))?;
        Ok(first.into_iter().filter(|delivery| delivery.due_at <= now).take(limit as usize).collect())
    }

    async fn next_due(&self, receiver: &str) -> StoreResult<Option<Timestamp>> {
        let first = self.read(|state| state.first_in_line(receiver))?;
        Ok(first.into_iter().map(|delivery| delivery.due_at).min())
    }

    async fn delivery(&self, id: DeliveryId) -> StoreResult<Option<Delivery>> {
        self.read(|state| state.deliveries.get(&id.0))
    }

    async fn list_deliveries(
        &self,
        filter: &DeliveryFilter,
        request: &PageRequest<DeliverySort>,
    ) -> StoreResult<Page<Delivery>> {
        let wanted = |delivery: &Delivery| {
            delivery.receiver == filter.receiver && filter.status.is_none_or(|status| delivery.status == status)
        };
        self.read(|state| Ok(page(state.deliveries.select(wanted)?, request)))
    }

    async fn idempotency_record(&self, key: &IdempotencyRecordKey) -> StoreResult<Option<IdempotencyRecord>> {
        self.read(|state| state.answers.get(key))
    }
}
