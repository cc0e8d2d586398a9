//! Webhooks, and the lists of their deliveries.

use uuid::Uuid;

use crate::batch::{Conflict, Entity, Precondition};
use crate::id::{DeliveryId, WebhookId};
use crate::model::outbox::{Delivery, DeliveryFilter, DeliveryStatus, MAIL};
use crate::model::webhooks::{EventPattern, Webhook};

use super::fixtures::{far_away, long_ago, wild};
use super::generic::{Ends, check_list, everything, life, same_set};
use super::lab::{CaseFailure, CaseResult, Lab, accepted, check, refused, same};
use super::rows::{delete, insert, next, update};

fn pattern(text: &str) -> CaseResult<EventPattern> {
    text.parse().map_err(|why: String| CaseFailure::new(why))
}

pub(super) async fn webhooks_live(mut lab: Lab) -> CaseResult {
    let first = lab.webhook();
    let events = vec![pattern("order.*")?, pattern("stock.low")?, pattern("*")?];
    let second = next(&first, |webhook| {
        webhook.url = wild();
        webhook.events = events;
        webhook.active = false;
        webhook.rotation = i64::MAX;
        webhook.rotated_at = Some(far_away());
        webhook.created_at = long_ago();
        webhook.updated_at = far_away();
    });
    let id = first.id;
    life(&mut lab, first, second, Ends::Deleted, async |store| store.webhook(id).await).await
}

pub(super) async fn active_webhooks_are_told(mut lab: Lab) -> CaseResult {
    let store = lab.store.clone();
    same(&store.active_webhooks().await?, &vec![])?;
    let (first, second) = (lab.webhook(), lab.webhook());
    let paused = Webhook { active: false, ..lab.webhook() };
    accepted(lab.commit([insert(&paused), insert(&second), insert(&first)]).await)?;
    same(&store.active_webhooks().await?, &vec![first.clone(), second.clone()])?;
    let resumed = next(&paused, |webhook| webhook.active = true);
    let stopped = next(&first, |webhook| webhook.active = false);
    accepted(lab.commit([update(&resumed), update(&stopped)]).await)?;
    same(&store.active_webhooks().await?, &vec![second, resumed])
}

pub(super) async fn webhooks_are_paged(mut lab: Lab) -> CaseResult {
    let mut webhooks = Vec::new();
    for number in 0..7 {
        if number % 2 == 0 {
            lab.tick();
        }
        webhooks.push(Webhook { active: number % 3 != 0, ..lab.webhook() });
    }
    accepted(lab.commit(webhooks.iter().rev().map(insert)).await)?;
    check_list(&webhooks, async |request| lab.store.list_webhooks(request).await).await
}

pub(super) async fn deliveries_are_listed_by_receiver(mut lab: Lab) -> CaseResult {
    for receiver in [lab.webhook().receiver(), MAIL.to_owned()] {
        are_listed(&mut lab, &receiver).await?;
    }
    Ok(())
}

async fn are_listed(lab: &mut Lab, receiver: &str) -> CaseResult {
    use DeliveryStatus::{Dead, Done, Pending};
    let subject = lab.id::<Uuid>();
    let other = lab.webhook().receiver();
    let store = lab.store.clone();
    let filter = |receiver: &str, status| DeliveryFilter { receiver: receiver.to_owned(), status };
    let mut rows = Vec::new();
    for (number, status) in [Done, Pending, Dead, Done, Pending, Pending, Dead].into_iter().enumerate() {
        if number % 2 == 0 {
            lab.tick();
        }
        let response_status = (status != Pending).then_some(500);
        rows.push(Delivery { status, response_status, ..lab.delivery(receiver, subject) });
    }
    let foreign = lab.delivery(&other, subject);
    accepted(lab.commit(rows.iter().rev().chain([&foreign]).map(insert)).await)?;
    check_list(&rows, async |request| store.list_deliveries(&filter(receiver, None), request).await).await?;
    for status in [Done, Pending, Dead] {
        let wanted: Vec<_> = rows.iter().filter(|row| row.status == status).cloned().collect();
        let filter = filter(receiver, Some(status));
        check_list(&wanted, async |request| store.list_deliveries(&filter, request).await).await?;
    }
    same_set(store.list_deliveries(&filter(&other, None), &everything()), &[&foreign], &other).await?;
    for nobody in ["", "webhook:", &receiver.to_uppercase(), "a\0b"] {
        same_set(store.list_deliveries(&filter(nobody, None), &everything()), &[], nobody).await?;
    }
    Ok(())
}

pub(super) async fn a_webhook_takes_along_what_waits_for_it(mut lab: Lab) -> CaseResult {
    let store = lab.store.clone();
    let subject = lab.id::<Uuid>();
    let (webhook, other) = (lab.webhook(), lab.webhook());
    let to =
        |webhook: &Webhook, status, lab: &mut Lab| Delivery { status, ..lab.delivery(&webhook.receiver(), subject) };
    let pending = to(&webhook, DeliveryStatus::Pending, &mut lab);
    let dead = to(&webhook, DeliveryStatus::Dead, &mut lab);
    let done = to(&webhook, DeliveryStatus::Done, &mut lab);
    let others = to(&other, DeliveryStatus::Pending, &mut lab);
    let rows = [&pending, &dead, &done, &others];
    accepted(lab.commit([insert(&webhook), insert(&other)].into_iter().chain(rows.map(insert))).await)?;
    let there = async |id: DeliveryId| Ok::<_, CaseFailure>(store.delivery(id).await?.is_some());

    // Not at another version, and not with a batch that is refused.
    refused(lab.commit([delete(&next(&webhook, |_| ()))]).await, Conflict::Stale(Entity::Webhook, webhook.id.0))?;
    let taken = lab.commit([delete(&webhook), insert(&other)]).await;
    check(taken.is_err() && there(pending.id).await?, "nothing of a refused batch is done")?;

    accepted(lab.commit([delete(&webhook)]).await)?;
    check(!there(pending.id).await? && !there(dead.id).await?, "what waits goes along")?;
    check(there(done.id).await? && there(others.id).await?, "what is done, and what is another's, stays")
}

/// The worker relays an event while the webhook is deleted: no delivery may wait forever.
pub(super) async fn nothing_waits_for_a_deleted_webhook(mut lab: Lab) -> CaseResult {
    for _ in 0..8 {
        let webhook = lab.webhook();
        accepted(lab.commit([insert(&webhook)]).await)?;
        let subject = lab.id::<Uuid>();
        let delivery = lab.delivery(&webhook.receiver(), subject);
        let passed_on = crate::batch::Batch {
            preconditions: vec![Precondition::Version(Entity::Webhook, webhook.id.0, webhook.version)],
            ..lab.batch([insert(&delivery)])
        };
        let deleted = lab.batch([delete(&webhook)]);
        let outcomes = lab.race_batches([passed_on, deleted]).await;
        let [first, second] = <[_; 2]>::try_from(outcomes).map_err(|_| CaseFailure::new("two racers"))?;
        accepted(second)?;
        if first.is_err() {
            refused(first, Conflict::Stale(Entity::Webhook, webhook.id.0))?;
        }
        same(&lab.store.delivery(delivery.id).await?, &None)?;
        same(&lab.store.next_due(&webhook.receiver()).await?, &None)?;
    }
    let nobody = lab.id::<WebhookId>();
    same(&lab.store.webhook(nobody).await?, &None)
}
