//! How events are fanned out: one delivery to each receiver that wants to hear of it.

use std::collections::BTreeSet;

use super::Worker;
use crate::actor::Actor;
use crate::batch::{Batch, Change};
use crate::error::Result;
use crate::execute::Decision;
use crate::id::WebhookId;
use crate::outbox::{Delivery, OutboxWrite};

/// Events relayed in one commit: many enough to keep up with a busy shop, few enough to hold up nobody's order.
const EVENTS: usize = 500;
/// Deliveries made in one commit, as far as single events allow, for the same reason.
const DELIVERIES: usize = 2_000;

/// What was relayed.
#[derive(Debug, Default)]
pub(super) struct Relayed {
    /// How many events.
    pub(super) events: u32,
    /// Webhooks that something waits for now.
    pub(super) webhooks: BTreeSet<WebhookId>,
    /// Nobody wants to hear of anything.
    pub(super) is_idle: bool,
}

impl Worker<'_> {
    /// Fans new events out, one delivery to each subscriber and to each webhook that wants it; without any they are
    /// only marked.
    pub(super) async fn relay(&self) -> Result<Relayed> {
        let mut relayed = Relayed::default();
        loop {
            let (round, is_last) = self.relay_some().await?;
            relayed.events += round.events;
            relayed.webhooks.extend(round.webhooks);
            relayed.is_idle = round.is_idle;
            if is_last {
                return Ok(relayed);
            }
        }
    }

    /// One commit of it, and whether it was the last.
    async fn relay_some(&self) -> Result<(Relayed, bool)> {
        self.shop
            .execute(&Actor::system(), |mut moment| async move {
                let (store, subscribers) = (self.shop.store(), self.shop.subscribers());
                let webhooks = store.active_webhooks().await?;
                let receivers = subscribers.len() + webhooks.len();
                let limit = (DELIVERIES / receivers.max(1)).clamp(1, EVENTS);
                let events = store.unrelayed_events(u32::try_from(limit).unwrap_or(u32::MAX)).await?;
                let mut batch = Batch::new(&mut moment);
                let mut told = BTreeSet::new();
                for event in &events {
                    batch.write(OutboxWrite::Relayed(event.id));
                    let wanting = webhooks.iter().filter(|webhook| webhook.wants(event.kind));
                    let names = subscribers.iter().map(|subscriber| subscriber.name().to_owned());
                    let names = names.chain(wanting.map(|webhook| {
                        told.insert(webhook.id);
                        webhook.receiver()
                    }));
                    for name in names {
                        // In line as the event is, whoever relays it.
                        let id = moment.id_beside(event.id.0);
                        let delivery = Delivery::event(id, &name, event, moment.now());
                        batch.write(Change::Insert(delivery));
                    }
                }
                // Who is paused or taken out meanwhile gets nothing that would wait for ever.
                let told_webhooks = webhooks.iter().filter(|webhook| told.contains(&webhook.id));
                told_webhooks.for_each(|webhook| batch.require_unchanged(webhook));
                let relayed = Relayed {
                    events: u32::try_from(events.len()).unwrap_or(u32::MAX),
                    webhooks: told,
                    is_idle: receivers == 0,
                };
                Ok(Decision { batch, reply: (relayed, events.len() < limit) })
            })
            .await
    }
}
