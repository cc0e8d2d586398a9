//! The decisions about webhooks.

use super::input::CheckedWebhook;
use crate::batch::{Batch, Change, Decision};
use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::model::outbox::{Delivery, DeliveryStatus};
use crate::model::webhooks::Webhook;

/// Creates a webhook.
pub(crate) fn create_webhook(input: CheckedWebhook, context: &mut DecisionContext) -> Decision<Webhook> {
    let mut batch = Batch::new(context);
    let webhook = Webhook {
        id: context.id(),
        url: input.url,
        events: input.events,
        active: input.active,
        rotation: 0,
        rotated_at: None,
        created_at: context.now(),
        updated_at: context.now(),
        version: 1,
    };
    batch.write(Change::Insert(webhook.clone()));
    Decision { batch, reply: webhook }
}

/// Changes a webhook. Pending deliveries use the URL at the time of delivery.
pub(crate) fn update_webhook(
    before: &Webhook,
    input: CheckedWebhook,
    context: &mut DecisionContext,
) -> Decision<Webhook> {
    let CheckedWebhook { url, events, active } = input;
    changed(Webhook { url, events, active, ..before.clone() }, context)
}

/// Replaces the secret. The previous secret keeps signing for a while ([`SECRET_OVERLAP`](super::SECRET_OVERLAP));
/// older ones are void.
pub(crate) fn rotate_secret(before: &Webhook, context: &mut DecisionContext) -> Decision<Webhook> {
    let rotation = before.rotation.saturating_add(1);
    changed(Webhook { rotation, rotated_at: Some(context.now()), ..before.clone() }, context)
}

fn changed(webhook: Webhook, context: &mut DecisionContext) -> Decision<Webhook> {
    let webhook = Webhook { updated_at: context.now(), version: webhook.version + 1, ..webhook };
    let mut batch = Batch::new(context);
    batch.write(Change::Update(webhook.clone()));
    Decision { batch, reply: webhook }
}

/// Deletes a webhook together with its pending deliveries.
pub(crate) fn delete_webhook(before: &Webhook, context: &mut DecisionContext) -> Decision<()> {
    let mut batch = Batch::new(context);
    batch.delete(before);
    Decision { batch, reply: () }
}

/// Resends a delivery now, with a full number of attempts, whether it is done, dead or pending.
pub(crate) fn redeliver(
    webhook: &Webhook,
    delivery: Delivery,
    context: &mut DecisionContext,
) -> Result<Decision<Delivery>> {
    if !webhook.active {
        return Err(Error::transition("The webhook is not active."));
    }
    let delivery = Delivery {
        status: DeliveryStatus::Pending,
        attempts: 0,
        due_at: context.now(),
        version: delivery.version + 1,
        ..delivery
    };
    let mut batch = Batch::new(context);
    batch.require_unchanged(webhook);
    batch.write(Change::Update(delivery.clone()));
    Ok(Decision { batch, reply: delivery })
}

#[cfg(test)]
pub(crate) mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;
    use crate::clock::Timestamp;
    use crate::id::{DeliveryId, WebhookId};
    use crate::model::outbox::{Content, Event, EventKind};

    fn now() -> Timestamp {
        Timestamp::from_timestamp_micros(1_800_000_000_000_000).unwrap()
    }

    fn context() -> DecisionContext {
        DecisionContext::new(now(), [3; 32])
    }

    /// An active webhook with these patterns.
    pub(crate) fn webhook(events: &[&str]) -> Webhook {
        Webhook {
            id: WebhookId(Uuid::from_u128(1)),
            url: "https://example.com/hook".to_owned(),
            events: events.iter().map(|pattern| pattern.parse().unwrap()).collect(),
            active: true,
            rotation: 0,
            rotated_at: None,
            created_at: now() - TimeDelta::days(9),
            updated_at: now() - TimeDelta::days(9),
            version: 4,
        }
    }

    fn delivery(status: DeliveryStatus) -> Delivery {
        let event = Event {
            id: Uuid::from_u128(2).into(),
            kind: EventKind::OrderPaid,
            subject: Uuid::from_u128(3),
            data: serde_json::json!({}),
            at: now() - TimeDelta::days(1),
        };
        let delivery = Delivery::event(DeliveryId(Uuid::from_u128(5)), "webhook:1", &event, event.at);
        Delivery { status, attempts: 15, last_error: Some("answered 500".to_owned()), version: 31, ..delivery }
    }

    #[test]
    fn a_paused_one_wants_nothing() {
        let webhook = webhook(&["order.*", "stock.low"]);
        assert!(webhook.wants(EventKind::OrderPaid) && !webhook.wants(EventKind::ProductCreated));
        assert!(!Webhook { active: false, ..webhook }.wants(EventKind::OrderPaid));
    }

    #[test]
    fn a_rotation_keeps_all_but_the_secret() {
        let before = webhook(&["*"]);
        let once = rotate_secret(&before, &mut context()).reply;
        let expected = Webhook { rotation: 1, rotated_at: Some(now()), updated_at: now(), version: 5, ..before };
        assert_eq!(once, expected);
        assert_eq!(rotate_secret(&once, &mut context()).reply.rotation, 2);
    }

    #[test]
    fn whatever_became_of_a_delivery_it_can_be_made_again() {
        let webhook = webhook(&["*"]);
        for status in [DeliveryStatus::Done, DeliveryStatus::Dead, DeliveryStatus::Pending] {
            let before = delivery(status);
            let Decision { batch, reply } = redeliver(&webhook, before.clone(), &mut context()).unwrap();
            assert_eq!((reply.status, reply.attempts, reply.due_at), (DeliveryStatus::Pending, 0, now()));
            assert_eq!((reply.version, &reply.content), (32, &before.content));
            assert!(matches!(reply.content, Content::Event(ref event) if event.id.0 == Uuid::from_u128(2)));
            assert_eq!(batch.preconditions.len(), 1, "the webhook is still there, and active");
        }
        let paused = Webhook { active: false, ..webhook };
        let refused = redeliver(&paused, delivery(DeliveryStatus::Dead), &mut context()).unwrap_err();
        assert_eq!(refused.code(), "invalid_transition");
    }
}
