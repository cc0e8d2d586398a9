//! Events, deliveries, idempotency records, and the cleanup of old rows.

use chrono::TimeDelta;
use uuid::Uuid;

use crate::batch::{Conflict, Entity, OutboxWrite, Precondition, Unique, Write};
use crate::clock::Timestamp;
use crate::id::{DeliveryId, EventId, OrderId};
use crate::idempotency::{IdempotencyRecord, IdempotencyRecordKey};
use crate::model::accounts::{MailJob, Session};
use crate::model::orders::{MailedItem, OrderMail, OrderNews};
use crate::model::outbox::{Content, Delivery, DeliveryStatus, Event, EventKind, MAIL};
use crate::money::Amount;
use crate::string_enum::StringEnum as _;

use super::fixtures::{far_away, long_ago, wild};
use super::generic::{Ends, life};
use super::lab::{CaseResult, Lab, accepted, check, refused, same};
use super::rows::{insert, next, update};

fn tell(event: &Event) -> Write {
    OutboxWrite::Event(event.clone()).into()
}

fn relayed(event: &Event) -> Write {
    OutboxWrite::Relayed(event.id).into()
}

pub(super) async fn events_wait_until_they_are_relayed(mut lab: Lab) -> CaseResult {
    let mut events = Vec::new();
    for &kind in EventKind::ALL {
        lab.tick();
        let data = serde_json::json!({ "b": [wild(), null, 0.1, i64::MIN], "a": {} });
        events.push(Event { kind, data, ..lab.event() });
    }
    for event in events.iter_mut().take(1) {
        event.at = far_away();
        event.data = serde_json::Value::Null;
    }
    same(&lab.store.unrelayed_events(10).await?, &vec![])?;
    accepted(lab.commit(events.iter().rev().map(tell)).await)?;
    same(&lab.store.unrelayed_events(100).await?, &events)?;
    same(&lab.store.unrelayed_events(2).await?.as_slice(), &events.get(..2).unwrap_or_default())?;
    same(&lab.store.unrelayed_events(0).await?, &vec![])?;

    let (unknown, first) = (lab.event(), events.remove(0));
    let second = events.remove(0);
    refused(lab.commit([tell(&first)]).await, Conflict::Exists(Unique::Id(Entity::Event)))?;
    let stale = |event: &Event| Conflict::Stale(Entity::Event, event.id.0);
    refused(lab.commit([relayed(&unknown)]).await, stale(&unknown))?;
    accepted(lab.commit([relayed(&second)]).await)?;
    refused(lab.commit([relayed(&second)]).await, stale(&second))?;
    refused(lab.commit([relayed(&first), relayed(&first)]).await, stale(&first))?;
    refused(lab.commit([tell(&second)]).await, Conflict::Exists(Unique::Id(Entity::Event)))?;
    let wanted: Vec<_> = [first.clone()].into_iter().chain(events.clone()).collect();
    same(&lab.store.unrelayed_events(100).await?, &wanted)?;
    accepted(lab.commit([relayed(&first)]).await)?;
    same(&lab.store.unrelayed_events(100).await?, &events)?;
    // An event has no version.
    let preconditions = [Precondition::Version(Entity::Event, second.id.0, 1)];
    let harmless = lab.idempotency_record();
    refused(lab.commit_if(preconditions, [harmless.into()]).await, stale(&second))
}

pub(super) async fn deliveries_live(mut lab: Lab) -> CaseResult {
    let subject = lab.id::<Uuid>();
    let (user_id, otp_id) = (lab.id(), lab.id());
    let first =
        Delivery { content: Content::Mail(MailJob::VerifyEmail { user_id, otp_id }), ..lab.delivery("mail", subject) };
    let event = Event { data: serde_json::json!([wild()]), at: long_ago(), ..lab.event() };
    let second = next(&first, |delivery| {
        delivery.content = Content::Event(event);
        delivery.status = DeliveryStatus::Dead;
        delivery.attempts = i64::MAX;
        delivery.due_at = far_away();
        delivery.last_error = Some(wild());
        delivery.response_status = Some(i64::MAX);
        delivery.created_at = long_ago();
    });
    let id = first.id;
    life(&mut lab, first, second, Ends::Deleted, async |store| store.delivery(id).await).await
}

pub(super) async fn every_mail_comes_back(mut lab: Lab) -> CaseResult {
    let (user_id, otp_id) = (lab.id(), lab.id());
    for job in [
        MailJob::VerifyEmail { user_id, otp_id },
        MailJob::AlreadyRegistered { user_id },
        MailJob::ResendOtpRequested { email_key: wild() },
        MailJob::PasswordResetRequested { email_key: String::new() },
        MailJob::PasswordChanged { user_id },
        MailJob::OrderLookup { number: wild(), email_key: wild() },
        MailJob::ClaimOrders { user_id, email_key: wild() },
    ] {
        let mail = Delivery::mail(lab.id(), user_id.0, job, lab.now());
        accepted(lab.commit([insert(&mail)]).await)?;
        same(&lab.store.delivery(mail.id).await?, &Some(mail))?;
    }
    for news in every_news(&mut lab) {
        let order_id: OrderId = lab.id();
        let content = Content::OrderMail(OrderMail { order_id, news });
        let mail = Delivery::new(lab.id(), MAIL, order_id.0, content, lab.now());
        accepted(lab.commit([insert(&mail)]).await)?;
        same(&lab.store.delivery(mail.id).await?, &Some(mail))?;
    }
    let nothing = lab.id::<DeliveryId>();
    same(&lab.store.delivery(nothing).await?, &None)
}

fn every_news(lab: &mut Lab) -> [OrderNews; 9] {
    let (shipment_id, return_id) = (lab.id(), lab.id());
    let items = vec![MailedItem { order_item_id: lab.id(), quantity: i64::MAX }];
    [
        OrderNews::Placed,
        OrderNews::PaymentReceived { amount: Amount(i64::MAX) },
        OrderNews::Shipped { shipment_id },
        OrderNews::Canceled { overdue: true },
        OrderNews::Refunded { amount: Amount(1) },
        OrderNews::ReturnApproved { return_id },
        OrderNews::ReturnRejected { return_id },
        OrderNews::ReturnReceived { return_id },
        OrderNews::WithdrawalReceived { received_at: far_away(), items, note: wild(), return_id: Some(return_id) },
    ]
}

pub(super) async fn deliveries_of_one_thing_wait_in_line(mut lab: Lab) -> CaseResult {
    let (order, user) = (lab.id::<Uuid>(), lab.id::<Uuid>());
    let store = lab.store.clone();
    same(&store.next_due("shop").await?, &None)?;
    same(&store.due_deliveries("shop", far_away(), 10).await?, &vec![])?;
    // The first delivery is due late; the next one would be due earlier.
    let slow = Delivery { due_at: lab.after(60), ..lab.delivery("shop", order) };
    let behind = Delivery { due_at: lab.after(1), ..lab.delivery("shop", order) };
    let other_receiver = Delivery { due_at: lab.after(20), ..lab.delivery("mail", order) };
    let other_thing = Delivery { due_at: lab.after(10), ..lab.delivery("shop", user) };
    let done = Delivery { status: DeliveryStatus::Done, ..lab.delivery("done", order) };
    let dead = Delivery { status: DeliveryStatus::Dead, ..lab.delivery("dead", order) };
    accepted(lab.commit([&dead, &done, &other_thing, &other_receiver, &behind, &slow].map(insert)).await)?;

    let due = async |receiver: &'static str, seconds| store.due_deliveries(receiver, lab.after(seconds), 10).await;
    same(&store.next_due("shop").await?, &Some(other_thing.due_at))?;
    same(&store.next_due("mail").await?, &Some(other_receiver.due_at))?;
    for idle in ["done", "dead", "SHOP", "sho", ""] {
        same(&store.next_due(idle).await?, &None)?;
        same(&due(idle, 99).await?, &vec![])?;
    }
    same(&due("shop", 9).await?, &vec![])?;
    same(&due("shop", 10).await?, &vec![other_thing.clone()])?;
    same(&due("mail", 19).await?, &vec![])?;
    same(&due("mail", 20).await?, &vec![other_receiver.clone()])?;
    same(&due("shop", 60).await?, &vec![slow.clone(), other_thing.clone()])?;
    same(&store.due_deliveries("shop", far_away(), 1).await?, &vec![slow.clone()])?;
    same(&store.due_deliveries("shop", far_away(), 0).await?, &vec![])?;

    // Once it is done or given up, the next one can go.
    let finish = |delivery: &Delivery, status| next(delivery, |delivery| delivery.status = status);
    let given_up = finish(&slow, DeliveryStatus::Dead);
    let delivered = finish(&other_thing, DeliveryStatus::Done);
    accepted(lab.commit([update(&given_up), update(&delivered)]).await)?;
    same(&store.next_due("shop").await?, &Some(behind.due_at))?;
    same(&store.due_deliveries("shop", far_away(), 10).await?, &vec![behind.clone()])?;
    accepted(lab.commit([update(&finish(&behind, DeliveryStatus::Done))]).await)?;
    same(&store.next_due("shop").await?, &None)?;
    same(&store.next_due("mail").await?, &Some(other_receiver.due_at))
}

pub(super) async fn idempotency_records_are_found_by_their_key(mut lab: Lab) -> CaseResult {
    let record = lab.idempotency_record();
    let record =
        IdempotencyRecord { fingerprint: [255; 32], outcome: wild().repeat(500), created_at: far_away(), ..record };
    accepted(lab.commit([record.clone().into()]).await)?;
    let store = lab.store.clone();
    same(&store.idempotency_record(&record.key).await?, &Some(record.clone()))?;
    let twin = IdempotencyRecord { outcome: "other".to_owned(), fingerprint: [2; 32], ..record.clone() };
    refused(lab.commit([twin.into()]).await, Conflict::Exists(Unique::IdempotencyRecord))?;
    same(&store.idempotency_record(&record.key).await?, &Some(record.clone()))?;
    // Each part of the key counts, byte by byte.
    let key = record.key.clone();
    let others = [
        IdempotencyRecordKey { caller: "user:2".to_owned(), ..key.clone() },
        IdempotencyRecordKey { operation: "orders.cancel".to_owned(), ..key.clone() },
        IdempotencyRecordKey { key: key.key.to_uppercase(), ..key.clone() },
        IdempotencyRecordKey { key: "~!\"#$%&'()*+,-./:;<=>?@[]^_`{|}".repeat(8), ..key },
    ];
    for key in others {
        same(&store.idempotency_record(&key).await?, &None)?;
        let other = IdempotencyRecord { key, ..record.clone() };
        accepted(lab.commit([other.clone().into()]).await)?;
        same(&store.idempotency_record(&other.key).await?, &Some(other))?;
    }
    Ok(())
}

/// Deletes old finished deliveries; keeps those that were given up.
fn forget(before: Timestamp) -> Write {
    Write::Forget { before, given_up_before: Timestamp::UNIX_EPOCH }
}

pub(super) async fn what_was_given_up_is_forgotten_later(mut lab: Lab) -> CaseResult {
    let store = lab.store.clone();
    let subject = lab.id::<Uuid>();
    let limit = lab.now();
    let mut with = |status, due_at| Delivery { status, due_at, ..lab.delivery("shop", subject) };
    let earlier = limit - TimeDelta::microseconds(1);
    let over = with(DeliveryStatus::Dead, earlier);
    let kept = [
        with(DeliveryStatus::Dead, limit),
        with(DeliveryStatus::Pending, earlier),
        with(DeliveryStatus::Done, earlier),
    ];
    accepted(lab.commit(kept.iter().chain([&over]).map(insert)).await)?;
    let nothing_done = Timestamp::UNIX_EPOCH;
    accepted(lab.commit([Write::Forget { before: nothing_done, given_up_before: limit }]).await)?;
    same(&store.delivery(over.id).await?, &None)?;
    for delivery in kept {
        same(&store.delivery(delivery.id).await?, &Some(delivery))?;
    }
    Ok(())
}

pub(super) async fn what_is_done_is_forgotten(mut lab: Lab) -> CaseResult {
    let store = lab.store.clone();
    let subject = lab.id::<Uuid>();
    let mut old = Vec::new();
    for status in [DeliveryStatus::Done, DeliveryStatus::Dead, DeliveryStatus::Pending] {
        old.push(Delivery { status, ..lab.delivery("shop", subject) });
    }
    let (old_record, old_event, waiting) = (lab.idempotency_record(), lab.event(), lab.event());
    let writes = old.iter().map(insert).chain([old_record.clone().into(), tell(&old_event), tell(&waiting)]);
    let old_batch = lab.batch(writes.chain([relayed(&old_event)]));
    accepted(lab.submit(old_batch.clone()).await)?;
    lab.tick();
    let limit = lab.now();
    let new = Delivery { status: DeliveryStatus::Done, ..lab.delivery("shop", subject) };
    let (new_record, new_event) = (lab.idempotency_record(), lab.event());
    let new_batch = lab.batch([insert(&new), new_record.clone().into(), tell(&new_event), relayed(&new_event)]);
    accepted(lab.submit(new_batch.clone()).await)?;

    // Slightly too early: the old ones are exactly as old as the limit.
    let before = limit - TimeDelta::seconds(1);
    accepted(lab.commit([forget(before)]).await)?;
    same(&store.idempotency_record(&old_record.key).await?, &Some(old_record.clone()))?;
    refused(lab.submit(old_batch.clone()).await, Conflict::Exists(Unique::Operation))?;

    accepted(lab.commit([forget(limit)]).await)?;
    same(&store.idempotency_record(&old_record.key).await?, &None)?;
    same(&store.idempotency_record(&new_record.key).await?, &Some(new_record))?;
    for delivery in old {
        let wanted = (delivery.status != DeliveryStatus::Done).then(|| delivery.clone());
        same(&store.delivery(delivery.id).await?, &wanted)?;
    }
    same(&store.delivery(new.id).await?, &Some(new))?;
    same(&store.unrelayed_events(10).await?, &vec![waiting.clone()])?;
    // The event is deleted completely, so its id is free. The old batch's operation id is free too, but the ids of its
    // remaining rows are not, so the reused batch has other writes.
    accepted(lab.commit([tell(&old_event)]).await)?;
    check(
        store.unrelayed_events(10).await?.iter().any(|event| event.id == old_event.id),
        "an event with a freed id is not waiting",
    )?;
    refused(lab.commit([tell(&new_event)]).await, Conflict::Exists(Unique::Id(Entity::Event)))?;
    let again = lab.idempotency_record();
    let reused = crate::batch::Batch { writes: vec![again.into()], ..old_batch };
    accepted(lab.submit(reused).await)?;
    refused(lab.submit(new_batch).await, Conflict::Exists(Unique::Operation))?;
    refused(lab.commit([OutboxWrite::Relayed(EventId(subject)).into()]).await, Conflict::Stale(Entity::Event, subject))
}

pub(super) async fn sessions_that_are_over_are_forgotten(mut lab: Lab) -> CaseResult {
    let store = lab.store.clone();
    let user = lab.user();
    let limit = lab.now();
    let over = Session { expires_at: limit - TimeDelta::microseconds(1), ..lab.session(&user) };
    let ending = Session { expires_at: limit, revoked_at: Some(limit), ..lab.session(&user) };
    accepted(lab.commit([insert(&user), insert(&over), insert(&ending)]).await)?;
    accepted(lab.commit([forget(limit)]).await)?;
    same(&store.session(over.id).await?, &None)?;
    same(&store.session(ending.id).await?, &Some((ending, user)))
}
