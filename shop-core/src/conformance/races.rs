//! Real races: many concurrent callers, of which the store lets exactly the right ones through.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::FutureExt as _;

use crate::batch::{AccountsWrite, Batch, Conflict, Entity, InventoryWrite, OrdersWrite, Precondition, Unique, Write};
use crate::id::{LocationId, OperationId, PaymentId};
use crate::idempotency::IdempotencyRecord;
use crate::model::accounts::{DailyLimit, User};
use crate::model::cart::CartStatus;
use crate::model::inventory::{Location, StockDelta, StockLevel};
use crate::model::orders::Order;
use crate::model::payments::{Payment, PaymentState, Refund};
use crate::model::promotions::Counter;
use crate::money::Amount;
use crate::page::PageRequest;
use crate::store::{CommitError, Store};

use super::fixtures::{World, tracked_level};
use super::lab::{CaseFailure, CaseResult, Lab, accepted, check, refused, same};
use super::promotions::count;
use super::rows::{insert, next, update};

const RACERS: usize = 16;

/// Checks that exactly this many won, and that every other was refused by this guard.
fn winners(outcomes: Vec<Result<(), CommitError>>, wanted: usize, conflict: Conflict) -> CaseResult {
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    same(&won.len(), &wanted)?;
    lost.into_iter().try_for_each(|outcome| refused(outcome, conflict))
}

fn take(level: &StockLevel, quantity: i64) -> Write {
    let (variant_id, location_id) = (level.variant_id, level.location_id);
    InventoryWrite::Delta(StockDelta { variant_id, location_id, on_hand: 0, reserved: quantity }).into()
}

async fn stock(lab: &mut Lab, world: &World, on_hand: i64) -> CaseResult<StockLevel> {
    let level = tracked_level(&world.product, &world.variant(), &world.location, on_hand);
    accepted(lab.commit([InventoryWrite::InsertLevel(level.clone()).into()]).await)?;
    Ok(level)
}

pub(super) async fn the_last_unit_is_sold_once(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let level = stock(&mut lab, &world, 5).await?;
    let mut batches = Vec::new();
    for _ in 0..RACERS {
        let entry = lab.history(&world.order);
        // The delta comes last: a loser has written something before it is refused.
        batches.push(lab.batch([OrdersWrite::History(entry).into(), take(&level, 1)]));
    }
    let outcomes = lab.race_batches(batches).await;
    winners(outcomes, 5, Conflict::Stock(level.variant_id, Some(level.location_id)))?;
    same(&lab.store.stock_of(&[level.variant_id]).await?, &vec![StockLevel { reserved: 5, ..level }])?;
    same(&lab.store.history(world.order.id).await?.len(), &5)
}

pub(super) async fn a_limit_of_uses_is_reached_and_not_passed(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let (promotion, other) = (lab.promotion(), lab.promotion());
    accepted(lab.commit([insert(&promotion), insert(&other)]).await)?;
    let (id, limit) = (promotion.id, 10);
    let mut batches = Vec::new();
    for number in 0..50 {
        let entry = lab.history(&world.order);
        let customer = format!("buyer{number}@example.com");
        // As orders do it: under the promotion's version, with shared counts and with own counts. Other batches use
        // another promotion at the same time.
        let preconditions = [Precondition::Version(Entity::Promotion, id.0, 1)];
        let writes = [
            OrdersWrite::History(entry).into(),
            count(Counter::Orders(customer.clone()), 1, Some(1)),
            count(Counter::Promotion(other.id), 1, None),
            count(Counter::Promotion(id), 1, Some(limit)),
            count(Counter::Customer(id, customer), 1, Some(1)),
        ];
        batches.push(Batch { preconditions: preconditions.into(), ..lab.batch(writes) });
    }
    winners(lab.race_batches(batches).await, 10, Conflict::Uses(Some(id)))?;
    for id in [id, other.id] {
        same(&lab.store.promotion(id).await?.map(|counted| counted.uses), &Some(limit))?;
    }
    same(&lab.store.history(world.order.id).await?.len(), &10)
}

pub(super) async fn uses_that_come_and_go_add_up(mut lab: Lab) -> CaseResult {
    let promotion = lab.promotion();
    accepted(lab.commit([insert(&promotion)]).await)?;
    let id = promotion.id;
    let ids = |number: usize| Counter::Customer(id, format!("buyer{}@example.com", number % 3));
    for number in 0..RACERS {
        let taken = [count(Counter::Promotion(id), 1, None), count(ids(number), 1, None)];
        accepted(lab.commit(taken).await)?;
    }
    // As many are given back as taken, in opposite orders: counts never become negative, and there is no deadlock.
    let mut batches = Vec::new();
    for number in 0..RACERS {
        batches.push(lab.batch([count(Counter::Promotion(id), 1, None), count(ids(number), 1, None)]));
        batches.push(lab.batch([count(ids(number), -1, None), count(Counter::Promotion(id), -1, None)]));
    }
    for outcome in lab.race_batches(batches).await {
        accepted(outcome)?;
    }
    let uses = i64::try_from(RACERS).unwrap_or_default();
    same(&lab.store.promotion(id).await?.map(|counted| counted.uses), &Some(uses))
}

pub(super) async fn a_cart_becomes_one_order(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let level = stock(&mut lab, &world, 100).await?;
    let cart = lab.cart(&world.product);
    accepted(lab.commit([insert(&cart)]).await)?;
    // Guarded once by the cart's version and once by the order's own key.
    let ordered = next(&cart, |cart| cart.status = CartStatus::Ordered);
    let mut batches = Vec::new();
    for _ in 0..RACERS {
        let (_, order) = lab.order(&world.product);
        let order = Order { cart_id: cart.id, ..order };
        batches.push(lab.batch([update(&ordered), insert(&order), take(&level, 1)]));
    }
    winners(lab.race_batches(batches).await, 1, Conflict::Stale(Entity::Cart, cart.id.0))?;
    same(&lab.store.stock_of(&[level.variant_id]).await?, &vec![StockLevel { reserved: 1, ..level }])?;
    check(lab.store.order_of_cart(cart.id).await?.is_some(), "the winner's order is there")?;

    let second = lab.cart(&world.product);
    accepted(lab.commit([insert(&second)]).await)?;
    let mut batches = Vec::new();
    for _ in 0..RACERS {
        let (_, order) = lab.order(&world.product);
        let order = Order { cart_id: second.id, ..order };
        batches.push(lab.batch([insert(&order)]));
    }
    winners(lab.race_batches(batches).await, 1, Conflict::Exists(Unique::OrderOfCart))
}

pub(super) async fn a_key_has_one_record(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let level = stock(&mut lab, &world, 100).await?;
    let record = lab.idempotency_record();
    let mut batches = Vec::new();
    for number in 0..RACERS {
        let record = IdempotencyRecord { outcome: number.to_string(), ..record.clone() };
        batches.push(lab.batch([take(&level, 1), record.into()]));
    }
    let outcomes = lab.race_batches(batches).await;
    let winner = outcomes.iter().position(Result::is_ok).unwrap_or(RACERS);
    winners(outcomes, 1, Conflict::Exists(Unique::IdempotencyRecord))?;
    let kept = lab.store.idempotency_record(&record.key).await?;
    same(&kept.map(|kept| kept.outcome), &Some(winner.to_string()))?;
    same(&lab.store.stock_of(&[level.variant_id]).await?, &vec![StockLevel { reserved: 1, ..level }])
}

pub(super) async fn one_submission_happens_once(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let level = stock(&mut lab, &world, 100).await?;
    let batch = lab.batch([take(&level, 1)]);
    let outcomes = lab.race_batches(vec![batch; RACERS]).await;
    winners(outcomes, 1, Conflict::Exists(Unique::Operation))?;
    same(&lab.store.stock_of(&[level.variant_id]).await?, &vec![StockLevel { reserved: 1, ..level }])
}

pub(super) async fn an_address_book_is_filled_up_to_its_limit(mut lab: Lab) -> CaseResult {
    let user = lab.user();
    let kept = lab.address(&user);
    accepted(lab.commit([insert(&user), insert(&kept)]).await)?;
    let mut batches = Vec::new();
    for _ in 0..RACERS {
        let address = lab.address(&user);
        let preconditions = vec![Precondition::AddressesBelow(user.id, 5)];
        batches.push(Batch { preconditions, ..lab.batch([insert(&address)]) });
    }
    winners(lab.race_batches(batches).await, 4, Conflict::AddressBookFull(user.id))?;
    let book = lab.store.list_addresses(user.id, &PageRequest::default()).await?;
    same(&book.items.len(), &5)
}

pub(super) async fn a_name_is_taken_once(mut lab: Lab) -> CaseResult {
    let mut batches = Vec::new();
    for _ in 0..RACERS {
        let user = User { email_key: "ada@example.com".to_owned(), ..lab.user() };
        batches.push(lab.batch([insert(&user)]));
    }
    winners(lab.race_batches(batches).await, 1, Conflict::Exists(Unique::UserEmail))?;
    let mut batches = Vec::new();
    for _ in 0..RACERS {
        let location = Location { is_default: true, ..lab.location() };
        batches.push(lab.batch([insert(&location)]));
    }
    winners(lab.race_batches(batches).await, 1, Conflict::Exists(Unique::DefaultLocation))
}

/// Orders that take the same stock in opposite order may wait for each other, but none fails.
pub(super) async fn opposite_orders_do_not_deadlock(mut lab: Lab) -> CaseResult {
    let mut product = lab.product("Tea");
    product.variants = (0..8).map(|number| lab.variant(&format!("line-{number}"))).collect();
    let location = Location { is_default: true, ..lab.location() };
    let levels: Vec<_> = product.variants.iter().map(|row| tracked_level(&product, row, &location, 1_000)).collect();
    let added = levels.iter().map(|level| InventoryWrite::InsertLevel(level.clone()).into());
    accepted(lab.commit([insert(&product), insert(&location)].into_iter().chain(added)).await)?;
    for _ in 0..4 {
        let mut batches: Vec<Batch> = Vec::new();
        for number in 0..RACERS {
            let mut lines: Vec<_> = levels.iter().map(|level| take(level, 1)).collect();
            lines.rotate_left(number % levels.len());
            if number % 2 == 1 {
                lines.reverse();
            }
            batches.push(lab.batch(lines));
        }
        lab.race_batches(batches).await.into_iter().try_for_each(accepted)?;
    }
    let variants: Vec<_> = levels.iter().map(|level| level.variant_id).collect();
    let reserved: BTreeSet<_> = lab.store.stock_of(&variants).await?.iter().map(|level| level.reserved).collect();
    same(&reserved, &BTreeSet::from([64]))
}

/// Adds a refund of 30, trying again while another one wins. Returns `false` if no money is left.
async fn is_refunded(
    store: &dyn Store,
    payment: PaymentId,
    refund: &Refund,
    template: &Batch,
    tries: Vec<OperationId>,
) -> CaseResult<bool> {
    for operation in tries {
        let payment = store.payment(payment).await?.ok_or_else(|| CaseFailure::new("no payment"))?;
        if payment.amount_refunded.0 + 30 > payment.amount_captured.0 {
            return Ok(false);
        }
        let refunded = next(&payment, |payment| {
            payment.amount_refunded.0 += 30;
            payment.refunds.push(refund.clone());
            payment.refunds.sort_by_key(|refund| refund.id);
        });
        let batch = Batch { operation, writes: vec![update(&refunded)], ..template.clone() };
        match store.commit(Arc::new(batch)).await {
            Err(CommitError::Conflict(Conflict::Stale(Entity::Payment, _))) => {}
            outcome => return accepted(outcome).map(|()| true),
        }
    }
    Err(CaseFailure::new("somebody always won before"))
}

/// Sixteen refunds of 30 out of 100 captured: each reads, decides and commits, and repeats this until the outcome is
/// known.
pub(super) async fn no_more_is_refunded_than_was_captured(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let captured = Payment {
        state: PaymentState::Captured,
        amount_authorized: Amount(100),
        amount_captured: Amount(100),
        ..lab.payment(&world.order)
    };
    accepted(lab.commit([insert(&captured)]).await)?;
    let payment = captured.id;
    let racers: Vec<_> = (0..RACERS)
        .map(|_| {
            let (store, refund, template) = (Arc::clone(&lab.store), lab.refund(30), lab.batch([]));
            let tries: Vec<OperationId> = (0..RACERS).map(|_| lab.id()).collect();
            async move { is_refunded(&*store, payment, &refund, &template, tries).await }.boxed()
        })
        .collect();
    let outcomes: Vec<bool> = lab.race(racers).await.into_iter().collect::<CaseResult<_>>()?;
    same(&outcomes.into_iter().filter(|refunded| *refunded).count(), &3)?;
    let payment = lab.store.payment(captured.id).await?.ok_or_else(|| CaseFailure::new("no payment"))?;
    same(&(payment.amount_refunded, payment.refunds.len(), payment.version), &(Amount(90), 3, 4))
}

pub(super) async fn a_delivery_is_claimed_once(mut lab: Lab) -> CaseResult {
    let subject = lab.id::<uuid::Uuid>();
    let delivery = lab.delivery("mail", subject);
    accepted(lab.commit([insert(&delivery)]).await)?;
    let claimed = next(&delivery, |delivery| {
        delivery.attempts += 1;
        delivery.due_at = lab.after(60);
    });
    let batches: Vec<_> = (0..RACERS).map(|_| lab.batch([update(&claimed)])).collect();
    winners(lab.race_batches(batches).await, 1, Conflict::Stale(Entity::Delivery, delivery.id.0))?;
    same(&lab.store.due_deliveries("mail", lab.now(), 10).await?, &vec![])?;
    same(&lab.store.due_deliveries("mail", lab.after(60), 10).await?, &vec![claimed])
}

pub(super) async fn a_code_is_tried_as_often_as_allowed(mut lab: Lab) -> CaseResult {
    let user = lab.user();
    let otp = lab.otp(&user);
    accepted(lab.commit([insert(&user), AccountsWrite::PutOtp(otp.clone()).into()]).await)?;
    let (user_id, otp_id, at) = (user.id, otp.id, lab.now());
    let spend = Write::from(AccountsWrite::SpendOtpTry { user_id, otp_id });
    let batches: Vec<_> = (0..RACERS).map(|_| lab.batch([spend.clone()])).collect();
    winners(lab.race_batches(batches).await, 5, Conflict::Spent(otp.id))?;
    let use_up = Write::from(AccountsWrite::UseOtp { user_id, otp_id, at });
    let batches: Vec<_> = (0..RACERS).map(|_| lab.batch([use_up.clone()])).collect();
    winners(lab.race_batches(batches).await, 1, Conflict::Spent(otp.id))
}

pub(super) async fn a_day_counts_as_often_as_allowed(mut lab: Lab) -> CaseResult {
    let user = lab.user();
    accepted(lab.commit([insert(&user)]).await)?;
    let (user_id, what, at) = (user.id, DailyLimit::OtpTries, lab.now());
    let count = Write::from(AccountsWrite::CountDaily { user_id, what, at, limit: 3 });
    let batches: Vec<_> = (0..RACERS).map(|_| lab.batch([count.clone()])).collect();
    winners(lab.race_batches(batches).await, 3, Conflict::DailyLimit(what))
}

/// A concurrent read sees a row and its parts either before or after the batch, never in between.
pub(super) async fn a_read_sees_a_batch_whole(mut lab: Lab) -> CaseResult {
    const ROUNDS: i64 = 40;
    let mut product = lab.product("Tea");
    let location = Location { is_default: true, ..lab.location() };
    product.variants.iter_mut().for_each(|variant| variant.price = Amount(1));
    accepted(lab.commit([insert(&product), insert(&location)]).await)?;
    let mut batches = Vec::new();
    let mut latest = product.clone();
    for price in 2..=ROUNDS {
        latest = next(&latest, |product| {
            product.variants.iter_mut().for_each(|variant| variant.price = Amount(price));
        });
        batches.push(lab.batch([update(&latest)]));
    }
    let store = Arc::clone(&lab.store);
    let writer = async move {
        for batch in batches {
            accepted(store.commit(Arc::new(batch)).await)?;
        }
        Ok(())
    };
    let readers = (0..3).map(|_| {
        let (store, id, slug) = (Arc::clone(&lab.store), product.id, product.slug.clone());
        async move {
            let mut seen = 0;
            while seen < ROUNDS {
                for found in [store.product(id).await?, store.product_by_slug(&slug).await?] {
                    let product = found.ok_or_else(|| CaseFailure::new("the product is gone"))?;
                    let whole = product.variants.iter().all(|variant| variant.price == Amount(product.version));
                    check(whole, format_args!("torn: {product:?}"))?;
                    check(product.version >= seen, "time went backwards")?;
                    seen = product.version;
                }
            }
            Ok(())
        }
        .boxed()
    });
    let readers: Vec<_> = readers.collect();
    lab.race(std::iter::once(writer.boxed()).chain(readers)).await.into_iter().collect::<CaseResult<()>>()?;
    same(&lab.store.location(LocationId(location.id.0)).await?, &Some(location))
}
