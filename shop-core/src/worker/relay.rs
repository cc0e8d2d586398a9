//! Relays events: creates one delivery for each interested receiver.

use std::collections::BTreeSet;

use super::Worker;
use crate::actor::Actor;
use crate::batch::{Batch, Change, Decision, OutboxWrite};
use crate::error::Result;
use crate::id::WebhookId;
use crate::model::outbox::Delivery;

/// The maximum number of events relayed in one commit: enough to keep up with a busy shop, but few enough not to delay
/// orders.
const EVENTS: usize = 500;
/// The maximum number of deliveries created in one commit, except that an event is never split; for the same reason.
const DELIVERIES: usize = 2_000;

/// The result of relaying.
#[derive(Debug, Default)]
pub(super) struct Relayed {
    /// The number of relayed events.
    pub(super) events: u32,
    /// The webhooks that have new deliveries.
    pub(super) webhooks: BTreeSet<WebhookId>,
    /// There are no receivers.
    pub(super) is_idle: bool,
}

impl Worker<'_> {
    /// Creates one delivery of each new event for each subscriber and each interested webhook. Without receivers,
    /// events are only marked as relayed.
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

    /// Relays one batch of events; returns whether it was the last.
    async fn relay_some(&self) -> Result<(Relayed, bool)> {
        self.shop
            .execute(&Actor::system(), |mut context| async move {
                let (store, subscribers) = (self.shop.store(), self.shop.subscribers());
                let webhooks = store.active_webhooks().await?;
                let receivers = subscribers.len() + webhooks.len();
                let limit = (DELIVERIES / receivers.max(1)).clamp(1, EVENTS);
                let events = store.unrelayed_events(u32::try_from(limit).unwrap_or(u32::MAX)).await?;
                let mut batch = Batch::new(&mut context);
                let mut receiving_ids = BTreeSet::new();
                for event in &events {
                    batch.write(OutboxWrite::Relayed(event.id));
                    let wanting = webhooks.iter().filter(|webhook| webhook.wants(event.kind));
                    let names = subscribers.iter().map(|subscriber| subscriber.name().to_owned());
                    let names = names.chain(wanting.map(|webhook| {
                        receiving_ids.insert(webhook.id);
                        webhook.receiver()
                    }));
                    for name in names {
                        // Sorts like the event, whichever worker relays it.
                        let id = context.id_at(event.id.0);
                        let delivery = Delivery::event(id, &name, event, context.now());
                        batch.write(Change::Insert(delivery));
                    }
                }
                // A webhook that is paused or deleted in the meantime must get no delivery, which would wait forever.
                let receiving = webhooks.iter().filter(|webhook| receiving_ids.contains(&webhook.id));
                receiving.for_each(|webhook| batch.require_unchanged(webhook));
                let relayed = Relayed {
                    events: u32::try_from(events.len()).unwrap_or(u32::MAX),
                    webhooks: receiving_ids,
                    is_idle: receivers == 0,
                };
                Ok(Decision { batch, reply: (relayed, events.len() < limit) })
            })
            .await
    }
}
