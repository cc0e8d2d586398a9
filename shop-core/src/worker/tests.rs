//! The worker on a shop in memory, with receivers that fail on demand.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use uuid::Uuid;

use super::pace::{FAULT_PAUSE, MIN_INTERVAL};
use super::receiver::{DeliveryOutcome, LEASE, Receiver};
use super::record::{MAX_ATTEMPTS, backoff};
use super::*;
use crate::cart::AddItem;
use crate::error::BoxError;
use crate::id::EventId;
use crate::model::outbox::{DeliveryStatus, Event, EventKind, MAIL};
use crate::orders::fixtures::{guest, offer};
use crate::outbox::Subscriber;
use crate::page::PageRequest;
use crate::shop::Settings;
use crate::store::{CartRepository as _, OutboxRepository as _};
use crate::string_enum::StringEnum as _;
use crate::testing::{SeededRandom, TestClock, World, block_on, world, world_with};
use crate::webhooks::{WebhookMessage, WebhookSender};

/// Records events, and refuses, hangs or panics on demand.
#[derive(Default)]
struct Listener {
    name: &'static str,
    refuses: AtomicBool,
    hangs: AtomicBool,
    panics: AtomicBool,
    panics_when_asked_its_name: AtomicBool,
    heard: Mutex<Vec<(EventId, Uuid)>>,
}

impl Listener {
    fn new(name: &'static str) -> Arc<Self> {
        Arc::new(Self { name, ..Self::default() })
    }

    fn heard(&self) -> Vec<Uuid> {
        self.heard.lock().unwrap().iter().map(|(_, subject)| *subject).collect()
    }
}

#[async_trait]
impl Subscriber for Listener {
    fn name(&self) -> &str {
        assert!(!self.panics_when_asked_its_name.load(Ordering::Relaxed), "who is asking?");
        self.name
    }

    async fn receive(&self, event: &Event) -> Result<(), BoxError> {
        if self.hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        assert!(!self.panics.load(Ordering::Relaxed), "no ears for {}", event.subject.as_u128());
        self.heard.lock().unwrap().push((event.id, event.subject));
        if self.refuses.load(Ordering::Relaxed) { Err("not today".into()) } else { Ok(()) }
    }
}

fn listened(listeners: &[&Arc<Listener>]) -> World {
    world_with(|builder| listeners.iter().fold(builder, |builder, one| builder.subscriber(Arc::clone(*one) as _)))
}

fn happen(world: &World, subject: u128) {
    block_on(world.shop.execute(&Actor::system(), |mut context| async move {
        let mut batch = Batch::new(&mut context);
        batch.event(&mut context, EventKind::ProductUpdated, Uuid::from_u128(subject), json!({}));
        Ok(Decision { batch, reply: () })
    }))
    .unwrap();
}

fn work(world: &World) -> RoundSummary {
    block_on(world.shop.worker().run_once()).unwrap()
}

fn things(numbers: &[u128]) -> Vec<Uuid> {
    numbers.iter().map(|number| Uuid::from_u128(*number)).collect()
}

#[test]
fn carts_that_guests_left_are_removed() {
    let world = world_with(|builder| {
        builder.settings(Settings { guest_cart_ttl: Some(TimeDelta::days(1)), ..Settings::default() })
    });
    let offer = offer(&world, &[(1999, 5)]);
    let carts = || world.shop.carts();
    let (ordered, active) = (guest(&world, offer.variant(0), 1), guest(&world, offer.variant(0), 1));
    let left: Vec<_> = (0..250).map(|_| guest(&world, offer.variant(0), 1)).collect();
    let ada = world.customer("ada");
    block_on(carts().create(&ada)).unwrap();
    let order = block_on(world.shop.orders().place(&ordered, offer.order_input(), None)).unwrap().value.view.order;
    world.clock.advance(TimeDelta::days(1) - TimeDelta::seconds(1));
    block_on(world.shop.worker().forget()).unwrap();
    assert!(left.iter().all(|guest| block_on(carts().get(guest)).is_ok()));

    let item = AddItem { variant_id: offer.variant(0).into(), ..AddItem::default() };
    block_on(carts().add_item(&active, item.clone())).unwrap();
    world.clock.advance(TimeDelta::seconds(1));
    block_on(world.shop.worker().forget()).unwrap();
    assert!(left.iter().all(|guest| block_on(carts().get(guest)).unwrap_err().code() == "not_found"));
    block_on(carts().get(&active)).unwrap();
    block_on(carts().get(&ada)).unwrap();
    assert!(block_on(world.store.cart(order.cart_id)).unwrap().is_some());
    // A token whose cart was deleted is replaced by a new one.
    assert!(block_on(carts().add_item(&left[0], item)).unwrap().token.is_some());
    assert_eq!(block_on(world.shop.check()).unwrap(), Vec::<String>::new());
}

#[test]
fn carts_stay_where_none_is_to_be_removed() {
    let world = world_with(|builder| builder.settings(Settings { guest_cart_ttl: None, ..Settings::default() }));
    let offer = offer(&world, &[(1999, 5)]);
    let left = guest(&world, offer.variant(0), 1);
    world.clock.advance(TimeDelta::days(3_650));
    block_on(world.shop.worker().forget()).unwrap();
    block_on(world.shop.carts().get(&left)).unwrap();
}

#[test]
fn events_are_told_once_to_everybody_and_in_order_per_thing() {
    let (one, other) = (Listener::new("one"), Listener::new("other"));
    let world = listened(&[&one, &other]);
    for subject in [1, 2, 1, 1] {
        happen(&world, subject);
    }
    assert_eq!(work(&world), RoundSummary { relayed: 4, delivered: 8, failed: 0 });
    for listener in [&one, &other] {
        let heard = listener.heard.lock().unwrap().clone();
        assert_eq!(heard.len(), 4);
        let first: Vec<_> = heard.iter().filter(|(_, subject)| subject.as_u128() == 1).map(|(id, _)| *id).collect();
        assert!(first.is_sorted() && first.len() == 3);
    }
    assert_eq!(work(&world), RoundSummary::default());
}

fn input<T: serde::de::DeserializeOwned>(fields: serde_json::Value) -> T {
    serde_json::from_value(fields).unwrap()
}

/// Records the events of one aggregate.
struct Recorder(Uuid, Mutex<Vec<&'static str>>);

#[async_trait]
impl Subscriber for Recorder {
    fn name(&self) -> &'static str {
        "ear"
    }

    async fn receive(&self, event: &Event) -> Result<(), BoxError> {
        self.1.lock().unwrap().extend((event.subject == self.0).then(|| event.kind.as_str()));
        Ok(())
    }
}

#[test]
fn what_happens_to_an_order_is_told_in_order_though_the_clock_of_a_server_runs_behind() {
    let world = world();
    let offer = offer(&world, &[(1000, 5)]);
    let buyer = guest(&world, offer.variant(0), 1);
    let placed = block_on(world.shop.orders().place(&buyer, offer.order_input(), None)).unwrap().value.view;
    let recorder = Arc::new(Recorder(placed.order.id.0, Mutex::default()));
    let (clock, slow_clock) = (Arc::<TestClock>::default(), Arc::<TestClock>::default());
    slow_clock.advance(TimeDelta::hours(-1));
    let server = |clock: &Arc<TestClock>, seed| {
        let builder = Shop::builder(Arc::clone(&world.store) as _, &[42; 32]).clock(Arc::clone(clock) as _);
        let builder = builder.random(Arc::new(SeededRandom::new(seed))).subscriber(Arc::clone(&recorder) as _);
        block_on(builder.password_hasher(Arc::clone(&world.hasher) as _).open()).unwrap()
    };
    let (one, slow) = (server(&clock, 2), server(&slow_clock, 3));
    let staff = Actor::system();

    // Each server relays what is due: a delivery must not overtake one that another server created.
    block_on(one.worker().relay()).unwrap();
    block_on(slow.payments().capture(&staff, placed.payments[0].id, input(json!({})), None)).unwrap();
    let shipment = input(json!({"order_id": placed.order.id}));
    let shipment = block_on(one.shipping().create_shipment(&staff, shipment, None)).unwrap().value;
    block_on(slow.worker().relay()).unwrap();
    let delivered = input(json!({"status": "delivered"}));
    block_on(slow.shipping().track_shipment(&staff, shipment.id, delivered, None)).unwrap();
    block_on(one.worker().run_once()).unwrap();
    let told = recorder.1.lock().unwrap().clone();
    let first = ["order.placed", "payment.captured", "order.paid", "shipment.created"];
    assert_eq!(told, [&first[..], &["shipment.updated", "order.completed"]].concat());
}

#[test]
fn without_subscribers_events_are_only_marked() {
    let world = world();
    (0..3).for_each(|subject| happen(&world, subject));
    assert_eq!(work(&world), RoundSummary { relayed: 3, delivered: 0, failed: 0 });
    assert!(block_on(world.store.unrelayed_events(10)).unwrap().is_empty());
}

#[test]
fn a_refusal_is_tried_again_later_and_holds_up_only_its_own_thing() {
    let (bad, good) = (Listener::new("bad"), Listener::new("good"));
    let world = listened(&[&bad, &good]);
    bad.refuses.store(true, Ordering::Relaxed);
    for subject in [1, 1, 2] {
        happen(&world, subject);
    }
    assert_eq!(work(&world), RoundSummary { relayed: 3, delivered: 3, failed: 2 });
    assert_eq!((bad.heard(), good.heard().len()), (things(&[1, 2]), 3));
    assert_eq!(work(&world), RoundSummary::default(), "not before its pause is over");

    bad.refuses.store(false, Ordering::Relaxed);
    world.clock.advance(TimeDelta::seconds(5));
    assert_eq!(work(&world), RoundSummary { relayed: 0, delivered: 3, failed: 0 });
    assert_eq!(bad.heard(), things(&[1, 2, 1, 2, 1]));
    let ids: Vec<_> = bad.heard.lock().unwrap().iter().map(|(id, _)| *id).collect();
    assert_eq!((ids[0], ids[1]), (ids[2], ids[3]), "the same event has the same id");
}

#[test]
fn a_receiver_that_panics_has_failed_and_spoils_nothing_else() {
    let (bad, good) = (Listener::new("bad"), Listener::new("good"));
    let world = listened(&[&bad, &good]);
    bad.panics.store(true, Ordering::Relaxed);
    for subject in [1, 2] {
        happen(&world, subject);
    }
    assert_eq!(work(&world), RoundSummary { relayed: 2, delivered: 2, failed: 2 });
    assert_eq!(good.heard(), things(&[1, 2]));
    let filter =
        crate::model::outbox::DeliveryFilter { receiver: "bad".to_owned(), status: Some(DeliveryStatus::Pending) };
    let waiting = block_on(world.store.list_deliveries(&filter, &PageRequest::default())).unwrap().items;
    let mut errors: Vec<_> = waiting.iter().filter_map(|delivery| delivery.last_error.as_deref()).collect();
    errors.sort_unstable();
    assert_eq!(errors, ["the receiver panicked: no ears for 1", "the receiver panicked: no ears for 2"]);

    bad.panics.store(false, Ordering::Relaxed);
    world.clock.advance(TimeDelta::seconds(5));
    assert_eq!(work(&world).delivered, 2);
}

#[test]
fn a_worker_in_which_something_panicked_begins_again_after_a_pause() {
    let one = Listener::new("one");
    let world = listened(&[&one]);
    let worker = world.shop.worker();
    let pauses = AtomicU32::new(0);
    // Only the pause after a fault ends by itself, and at its end nothing panics any more.
    let timer = |pause| {
        if pause == FAULT_PAUSE {
            pauses.fetch_add(1, Ordering::Relaxed);
            one.panics_when_asked_its_name.store(false, Ordering::Relaxed);
        }
        poll_fn(move |_| if pause == FAULT_PAUSE || pause <= MIN_INTERVAL { Poll::Ready(()) } else { Poll::Pending })
    };
    let mut running = Box::pin(worker.run(timer));
    happen(&world, 1);
    one.panics_when_asked_its_name.store(true, Ordering::Relaxed);
    for _ in 0..5 {
        assert!(running.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!((pauses.load(Ordering::Relaxed), one.heard()), (1, things(&[1])));
}

#[test]
fn it_is_given_up_after_the_last_try() {
    let bad = Listener::new("bad");
    let world = listened(&[&bad]);
    bad.refuses.store(true, Ordering::Relaxed);
    happen(&world, 1);
    for _ in 0..MAX_ATTEMPTS {
        assert_eq!(work(&world).failed, 1);
        world.clock.advance(TimeDelta::hours(1));
    }
    assert_eq!(work(&world), RoundSummary::default());
    assert_eq!(block_on(world.store.next_due("bad")).unwrap(), None);
    // The next event of the aggregate is delivered.
    bad.refuses.store(false, Ordering::Relaxed);
    happen(&world, 1);
    assert_eq!(work(&world).delivered, 1);
}

#[test]
fn what_a_crashed_worker_had_claimed_is_delivered_when_the_lease_ends() {
    let slow = Listener::new("slow");
    let world = listened(&[&slow]);
    slow.hangs.store(true, Ordering::Relaxed);
    happen(&world, 1);
    {
        let worker = world.shop.worker();
        let mut crashed = Box::pin(worker.run_once());
        assert!(crashed.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    slow.hangs.store(false, Ordering::Relaxed);
    assert_eq!(work(&world), RoundSummary::default());
    world.clock.advance(LEASE);
    assert_eq!(work(&world).delivered, 1);
    assert_eq!(slow.heard(), things(&[1]));
}

#[test]
fn who_lost_the_lease_records_nothing() {
    let one = Listener::new("one");
    let world = listened(&[&one]);
    happen(&world, 1);
    let worker = world.shop.worker();
    block_on(worker.relay()).unwrap();
    let stale = block_on(worker.claim(Receiver::Subscriber(one.as_ref()), 8)).unwrap().remove(0);
    world.clock.advance(LEASE);
    let fresh = block_on(worker.claim(Receiver::Subscriber(one.as_ref()), 8)).unwrap().remove(0);
    block_on(worker.record(stale, DeliveryOutcome::failed("too late"))).unwrap();
    let stored = block_on(world.store.delivery(fresh.id)).unwrap().unwrap();
    assert_eq!((stored.version, stored.last_error), (fresh.version, None));
    block_on(worker.record(fresh.clone(), Ok(None).into())).unwrap();
    let stored = block_on(world.store.delivery(fresh.id)).unwrap().unwrap();
    assert_eq!((stored.status, stored.attempts), (DeliveryStatus::Done, 2));
}

#[test]
fn a_hanging_receiver_fails_at_the_timeout() {
    let slow = Listener::new("slow");
    let world = listened(&[&slow]);
    slow.hangs.store(true, Ordering::Relaxed);
    happen(&world, 1);
    let worker = world.shop.worker();
    block_on(worker.relay()).unwrap();
    let subscriber: &dyn Subscriber = slow.as_ref();
    let summary = block_on(worker.deliver(Receiver::Subscriber(subscriber), || std::future::ready(()))).unwrap();
    assert_eq!(summary.failed, 1);
}

#[test]
fn a_running_worker_hears_of_a_commit_at_once() {
    let one = Listener::new("one");
    let world = listened(&[&one]);
    let worker = world.shop.worker();
    // A timer that never ends a pause: only a notification can.
    let timer = |pause| poll_fn(move |_| if pause > MIN_INTERVAL { Poll::Pending } else { Poll::Ready(()) });
    let mut running = Box::pin(worker.run(timer));
    let (waker, woken) = flagged_waker();
    let mut context = Context::from_waker(&waker);
    assert_eq!(running.as_mut().poll(&mut context), Poll::Pending);
    woken.store(false, Ordering::Relaxed);
    happen(&world, 1);
    assert!(woken.load(Ordering::Relaxed));
    for _ in 0..3 {
        assert_eq!(running.as_mut().poll(&mut context), Poll::Pending);
    }
    assert_eq!(one.heard(), things(&[1]));
}

fn flagged_waker() -> (Waker, Arc<AtomicBool>) {
    struct Flag(Arc<AtomicBool>);
    impl std::task::Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let woken = Arc::new(AtomicBool::new(false));
    (Waker::from(Arc::new(Flag(Arc::clone(&woken)))), woken)
}

#[test]
fn done_deliveries_are_forgotten_after_four_days() {
    let one = Listener::new("one");
    let world = listened(&[&one]);
    happen(&world, 1);
    let worker = world.shop.worker();
    block_on(worker.relay()).unwrap();
    let id = block_on(worker.claim(Receiver::Subscriber(one.as_ref()), 8)).unwrap().remove(0).id;
    world.clock.advance(LEASE);
    work(&world);
    block_on(worker.forget()).unwrap();
    assert!(block_on(world.store.delivery(id)).unwrap().is_some());
    // Stripe may resend an event for three days: the result of the first must still be stored.
    world.clock.advance(TimeDelta::days(3) + TimeDelta::hours(1));
    block_on(worker.forget()).unwrap();
    assert!(block_on(world.store.delivery(id)).unwrap().is_some());
    world.clock.advance(MEMORY - TimeDelta::days(3));
    block_on(worker.forget()).unwrap();
    assert!(block_on(world.store.delivery(id)).unwrap().is_none());
}

#[test]
fn what_was_given_up_is_forgotten_after_ninety_days() {
    let bad = Listener::new("bad");
    let world = listened(&[&bad]);
    bad.refuses.store(true, Ordering::Relaxed);
    happen(&world, 1);
    for _ in 0..MAX_ATTEMPTS {
        work(&world);
        world.clock.advance(TimeDelta::hours(1));
    }
    let filter =
        crate::model::outbox::DeliveryFilter { receiver: "bad".to_owned(), status: Some(DeliveryStatus::Dead) };
    let dead = || block_on(world.store.list_deliveries(&filter, &PageRequest::default())).unwrap().items;
    for (days, kept) in [(0, 1), (89, 1), (1, 0)] {
        world.clock.advance(TimeDelta::days(days));
        block_on(world.shop.worker().forget()).unwrap();
        assert_eq!(dead().len(), kept, "after {days} more");
    }
}

#[test]
fn pauses_double_up_to_an_hour() {
    let seconds: Vec<_> = (1..=12).map(|attempts| backoff(attempts).num_seconds()).collect();
    assert_eq!(seconds, [5, 10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600, 3_600]);
    assert_eq!(backoff(i64::MAX).num_seconds(), 3_600);
}

#[test]
fn two_receivers_of_one_name_are_refused() {
    let store = Arc::new(crate::memory::MemoryStore::new());
    let builder = Shop::builder(store, &[1; 32]).subscriber(Listener::new(MAIL) as _);
    assert!(block_on(builder.open()).is_err());
}

/// Records each URL; hangs on URLs that contain `hangs`.
#[derive(Default)]
struct Post(Mutex<Vec<String>>);

#[async_trait]
impl WebhookSender for Post {
    async fn send(&self, message: &WebhookMessage, _timeout: Duration) -> Result<u16, BoxError> {
        self.0.lock().unwrap().push(message.url.clone());
        if message.url.contains("hangs") {
            std::future::pending::<()>().await;
        }
        Ok(200)
    }
}

#[test]
fn a_running_worker_serves_webhooks_as_they_come_and_go_and_none_waits_for_another() {
    let post = Arc::<Post>::default();
    let world = world_with(|builder| builder.webhook_sender(Arc::clone(&post) as _));
    let (worker, staff) = (world.shop.worker(), Actor::system());
    // A timer that never ends a pause: only notifications can.
    let timer = |pause| poll_fn(move |_| if pause > MIN_INTERVAL { Poll::Pending } else { Poll::Ready(()) });
    let mut running = Box::pin(worker.run(timer));
    let mut settle = || {
        for _ in 0..20 {
            assert!(running.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        let mut told = std::mem::take(&mut *post.0.lock().unwrap());
        told.sort();
        told
    };
    let webhooks = world.shop.webhooks();
    let hook =
        |url: &str| block_on(webhooks.create(&staff, input(json!({"url": url, "events": ["*"]})))).unwrap().webhook;
    let active = |id, active: bool| block_on(webhooks.change(&staff, id, input(json!({ "active": active })))).unwrap();
    assert_eq!(settle(), [""; 0]);

    let (hangs, good) = (hook("https://hangs.example/"), hook("https://good.example/"));
    assert_eq!(settle(), [""; 0]);
    happen(&world, 1);
    assert_eq!(settle(), ["https://good.example/", "https://hangs.example/"]);
    happen(&world, 1);
    assert_eq!(settle(), ["https://good.example/"], "the first one hangs at the other");

    active(good.id, false);
    assert_eq!(settle(), [""; 0]);
    happen(&world, 2);
    assert_eq!(settle(), ["https://hangs.example/"]);
    active(good.id, true);
    happen(&world, 3);
    assert_eq!(settle(), ["https://good.example/", "https://hangs.example/"]);
    let again = block_on(webhooks.deliveries(&staff, good.id, None, &PageRequest::default())).unwrap().items.remove(0);
    block_on(webhooks.redeliver(&staff, good.id, again.id)).unwrap();
    assert_eq!(settle(), ["https://good.example/"]);

    block_on(webhooks.delete(&staff, hangs.id)).unwrap();
    happen(&world, 4);
    assert_eq!(settle(), ["https://good.example/"]);
}
