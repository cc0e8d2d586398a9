//! Webhooks on a shop in memory, from registration to the messages sent.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::batch::{Batch, Decision};
use crate::id::EventId;
use crate::model::outbox::{Content, EventKind};
use crate::store::OutboxRepository as _;
use crate::testing::{World, block_on, world_with};
use crate::webhooks::MemorySender;
use crate::worker::RoundSummary;

const URL: &str = "https://hooks.example.com/shop";

struct WebhookTest {
    world: World,
    sender: Arc<MemorySender>,
    staff: Actor,
}

impl WebhookTest {
    fn new() -> Self {
        let sender = Arc::new(MemorySender::new());
        let world = world_with(|builder| builder.webhook_sender(Arc::clone(&sender) as _));
        let staff = world.staff("ada");
        Self { world, sender, staff }
    }

    fn webhooks(&self) -> Webhooks<'_> {
        self.world.shop.webhooks()
    }

    fn create(&self, fields: Value) -> WebhookWithSecret {
        block_on(self.webhooks().create(&self.staff, serde_json::from_value(fields).unwrap())).unwrap()
    }

    fn hook(&self, url: &str, events: &[&str]) -> Webhook {
        self.create(json!({"url": url, "events": events})).webhook
    }

    fn change(&self, id: WebhookId, fields: Value) -> Result<Webhook> {
        block_on(self.webhooks().change(&self.staff, id, serde_json::from_value(fields).unwrap()))
    }

    fn happen(&self, kind: EventKind, subject: u128) {
        block_on(self.world.shop.execute(&Actor::system(), |mut context| async move {
            let mut batch = Batch::new(&mut context);
            batch.event(&mut context, kind, Uuid::from_u128(subject), json!({"thing": subject.to_string()}));
            Ok(Decision { batch, reply: () })
        }))
        .unwrap();
    }

    fn work(&self) -> RoundSummary {
        block_on(self.world.shop.worker().run_once()).unwrap()
    }

    /// The URL and subject of each message sent.
    fn told(&self) -> Vec<(String, String)> {
        let subject = |body: &str| serde_json::from_str::<Value>(body).unwrap()["data"]["thing"].clone();
        let text = |value: Value| value.as_str().unwrap().to_owned();
        self.sender.sent().into_iter().map(|message| (message.url, text(subject(&message.body)))).collect()
    }

    fn deliveries(&self, id: WebhookId, status: Option<DeliveryStatus>) -> Vec<Delivery> {
        block_on(self.webhooks().deliveries(&self.staff, id, status, &PageRequest::default())).unwrap().items
    }
}

#[test]
fn only_staff_have_to_do_with_webhooks() {
    let test = WebhookTest::new();
    let id = test.hook(URL, &["*"]).id;
    let webhooks = test.webhooks();
    for (actor, code) in [(Actor::anonymous(), "not_authenticated"), (test.world.customer("bob"), "permission_denied")]
    {
        let refused = [
            block_on(webhooks.list(&actor, &PageRequest::default())).map(|_| ()),
            block_on(webhooks.get(&actor, id)).map(|_| ()),
            block_on(webhooks.create(&actor, WebhookInput::default())).map(|_| ()),
            block_on(webhooks.replace(&actor, id, WebhookInput::default())).map(|_| ()),
            block_on(webhooks.change(&actor, id, WebhookInput::default())).map(|_| ()),
            block_on(webhooks.delete(&actor, id)),
            block_on(webhooks.rotate_secret(&actor, id)).map(|_| ()),
            block_on(webhooks.deliveries(&actor, id, None, &PageRequest::default())).map(|_| ()),
            block_on(webhooks.redeliver(&actor, id, DeliveryId(Uuid::nil()))).map(|_| ()),
        ];
        for result in refused {
            assert_eq!(result.unwrap_err().code(), code);
        }
    }
}

#[test]
fn each_hears_what_it_asked_for() {
    let test = WebhookTest::new();
    test.hook("https://all.example/", &["*"]);
    test.hook("https://orders.example/", &["order.*", "stock.low"]);
    test.create(json!({"url": "https://paused.example/", "events": ["*"], "active": false}));
    for (kind, subject) in [(EventKind::OrderPaid, 1), (EventKind::ProductCreated, 2), (EventKind::StockLow, 3)] {
        test.happen(kind, subject);
    }
    assert_eq!(test.work(), RoundSummary { relayed: 3, delivered: 5, failed: 0 });
    let mut told = test.told();
    told.sort();
    let told: Vec<_> = told.iter().map(|(url, subject)| format!("{url} {subject}")).collect();
    let expected = ["all.example/ 1", "all.example/ 2", "all.example/ 3", "orders.example/ 1", "orders.example/ 3"];
    assert_eq!(told, expected.map(|end| format!("https://{end}")));
}

#[test]
fn a_failure_is_tried_again_under_the_same_id_and_holds_up_only_its_own_thing() {
    let test = WebhookTest::new();
    let (bad, good) = (test.hook("https://bad.example/", &["*"]), test.hook("https://good.example/", &["*"]));
    test.sender.answer("https://bad.example/", 500);
    for subject in [1, 1, 2] {
        test.happen(EventKind::OrderPlaced, subject);
    }
    assert_eq!(test.work(), RoundSummary { relayed: 3, delivered: 3, failed: 2 });
    let waiting = test.deliveries(bad.id, Some(DeliveryStatus::Pending));
    let tried: Vec<_> = waiting.iter().filter(|delivery| delivery.attempts == 1).collect();
    assert_eq!((waiting.len(), tried.len()), (3, 2));
    for delivery in tried {
        let expected = (Some("the answer was 500".to_owned()), Some(500));
        assert_eq!((delivery.last_error.clone(), delivery.response_status), expected);
    }
    assert_eq!(test.deliveries(good.id, Some(DeliveryStatus::Done)).len(), 3);

    let first: Vec<_> = test.sender.sent().iter().map(|message| (message.url.clone(), message.id)).collect();
    test.sender.clear();
    test.sender.answer("https://bad.example/", 204);
    test.world.clock.advance(TimeDelta::seconds(5));
    assert_eq!(test.work(), RoundSummary { relayed: 0, delivered: 3, failed: 0 });
    let again = test.sender.sent();
    let ids: Vec<EventId> = again.iter().map(|message| message.id).collect();
    assert!(first.iter().filter(|(url, _)| url.contains("bad")).all(|(_, id)| ids.contains(id)));
    let done = test.deliveries(bad.id, Some(DeliveryStatus::Done));
    assert!(done.len() == 3 && done.iter().all(|row| (&row.last_error, row.response_status) == (&None, Some(204))));
}

#[test]
fn what_is_answered_otherwise_than_with_success_is_a_failure() {
    let test = WebhookTest::new();
    let webhook = test.hook(URL, &["*"]);
    for status in [199, 300, 301, 302, 304, 400, 404, 410, 429, 503] {
        test.sender.answer(URL, status);
        test.happen(EventKind::StockLow, u128::from(status));
        assert_eq!(test.work().failed, 1, "{status}");
    }
    assert_eq!(test.deliveries(webhook.id, Some(DeliveryStatus::Done)), []);
}

#[test]
fn a_secret_is_shown_when_made_and_replaced_and_signs_for_a_day_beside_the_next() {
    let test = WebhookTest::new();
    let WebhookWithSecret { webhook, secret } = test.create(json!({"url": URL, "events": ["*"]}));
    assert!(secret.expose().starts_with("whsec_") && secret.expose().len() == 50);
    assert!(!format!("{webhook:?}").contains(secret.expose()));
    let rotated = block_on(test.webhooks().rotate_secret(&test.staff, webhook.id)).unwrap();
    assert_ne!(rotated.secret.expose(), secret.expose());
    assert_eq!(rotated.webhook.rotated_at, Some(rotated.webhook.updated_at));
    let signatures = |subject| {
        test.happen(EventKind::OrderPlaced, subject);
        test.work();
        test.sender.sent().pop().unwrap().signature.split(' ').count()
    };
    assert_eq!(signatures(1), 2);
    test.world.clock.advance(TimeDelta::hours(24));
    assert_eq!(signatures(2), 1);
}

#[test]
fn a_paused_one_gets_nothing_until_it_is_resumed() {
    let test = WebhookTest::new();
    let webhook = test.hook(URL, &["*"]);
    test.sender.answer(URL, 500);
    test.happen(EventKind::OrderPlaced, 1);
    test.work();
    test.change(webhook.id, json!({"active": false})).unwrap();
    test.sender.clear();
    test.sender.answer(URL, 200);
    test.happen(EventKind::OrderPlaced, 2);
    test.world.clock.advance(TimeDelta::hours(1));
    assert_eq!(test.work(), RoundSummary { relayed: 1, delivered: 0, failed: 0 });
    let waiting = test.deliveries(webhook.id, None).remove(0);
    let refused = block_on(test.webhooks().redeliver(&test.staff, webhook.id, waiting.id)).unwrap_err();
    assert_eq!(refused.code(), "invalid_transition");
    // Pending deliveries go to the current URL.
    test.change(webhook.id, json!({"active": true, "url": "https://new.example/"})).unwrap();
    assert_eq!(test.work().delivered, 1);
    assert_eq!(test.told(), [("https://new.example/".to_owned(), "1".to_owned())]);
}

#[test]
fn a_deleted_one_is_gone_with_what_waited_for_it() {
    let test = WebhookTest::new();
    let webhook = test.hook(URL, &["*"]);
    test.sender.answer(URL, 500);
    test.happen(EventKind::OrderPlaced, 1);
    test.work();
    let waiting = test.deliveries(webhook.id, None).remove(0);
    block_on(test.webhooks().delete(&test.staff, webhook.id)).unwrap();
    let gone = [
        block_on(test.webhooks().get(&test.staff, webhook.id)).map(|_| ()),
        block_on(test.webhooks().delete(&test.staff, webhook.id)),
        block_on(test.webhooks().rotate_secret(&test.staff, webhook.id)).map(|_| ()),
        block_on(test.webhooks().redeliver(&test.staff, webhook.id, waiting.id)).map(|_| ()),
        test.change(webhook.id, json!({})).map(|_| ()),
    ];
    assert!(gone.iter().all(|result| result.as_ref().unwrap_err().code() == "not_found"));
    test.world.clock.advance(TimeDelta::hours(1));
    assert_eq!(test.work(), RoundSummary::default());
    assert_eq!(block_on(test.world.store.delivery(waiting.id)).unwrap(), None);
}

#[test]
fn a_delivery_can_be_made_again_but_only_by_its_own_webhook() {
    let test = WebhookTest::new();
    let (one, other) = (test.hook(URL, &["*"]), test.hook("https://other.example/", &["*"]));
    test.happen(EventKind::OrderPlaced, 1);
    test.work();
    let done = test.deliveries(one.id, None).remove(0);
    let foreign = block_on(test.webhooks().redeliver(&test.staff, other.id, done.id)).unwrap_err();
    assert_eq!(foreign.code(), "not_found");
    test.sender.clear();
    let again = block_on(test.webhooks().redeliver(&test.staff, one.id, done.id)).unwrap();
    assert_eq!((again.status, again.attempts, again.id), (DeliveryStatus::Pending, 0, done.id));
    assert_eq!(test.work().delivered, 1);
    let Content::Event(event) = &done.content else { panic!("{done:?}") };
    assert_eq!(test.sender.sent().iter().map(|message| message.id).collect::<Vec<_>>(), [event.id]);

    // A dead delivery, too.
    test.sender.answer(URL, 500);
    test.happen(EventKind::OrderPlaced, 2);
    for _ in 0..20 {
        test.work();
        test.world.clock.advance(TimeDelta::hours(1));
    }
    let dead = test.deliveries(one.id, Some(DeliveryStatus::Dead)).remove(0);
    assert_eq!(dead.attempts, 15);
    block_on(test.webhooks().redeliver(&test.staff, one.id, dead.id)).unwrap();
    test.sender.answer(URL, 200);
    assert_eq!(test.work().delivered, 1);
    assert_eq!(test.deliveries(one.id, Some(DeliveryStatus::Dead)), []);
}

#[test]
fn without_a_sender_what_is_told_waits() {
    let world = crate::testing::world();
    let staff = world.staff("ada");
    let fields = serde_json::from_value(json!({"url": URL, "events": ["*"]})).unwrap();
    let webhook = block_on(world.shop.webhooks().create(&staff, fields)).unwrap().webhook;
    let lamp = serde_json::from_value(json!({"name": "Lamp", "price": "1"})).unwrap();
    block_on(world.shop.catalog().create_product(&staff, lamp)).unwrap();
    world.deliver();
    let page = block_on(world.shop.webhooks().deliveries(&staff, webhook.id, None, &PageRequest::default()));
    let statuses: Vec<_> = page.unwrap().items.iter().map(|delivery| delivery.status).collect();
    assert_eq!(statuses, [DeliveryStatus::Pending]);
}
