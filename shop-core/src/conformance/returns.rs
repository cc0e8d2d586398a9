//! Returns of goods.

use crate::batch::{Conflict, Entity};
use crate::id::OrderId;
use crate::model::orders::{Return, ReturnFilter, ReturnStatus};
use crate::money::{Amount, Currency};

use super::fixtures::{WILD, far_away, long_ago, wild};
use super::generic::{Ends, check_list, everything, life, same_set};
use super::lab::{CaseResult, Lab, accepted, refused, same};
use super::rows::{insert, next, update};

pub(super) async fn returns_live(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let first = lab.order_return(&world.order);
    let second = next(&first, |returned| {
        returned.currency = "KWD".parse().unwrap_or(Currency::USD);
        returned.items.reverse();
        for item in &mut returned.items {
            item.quantity = i64::MAX;
            item.reason = wild();
            item.amount = Amount(i64::MAX);
        }
        returned.note = WILD.repeat(50);
        returned.status = ReturnStatus::Completed;
        returned.rejection = wild();
        returned.restocked = true;
        returned.refund_amount = Amount(i64::MAX);
        returned.amount_refunded = Amount::MAX;
        returned.created_at = long_ago();
        returned.updated_at = far_away();
    });
    let id = first.id;
    life(&mut lab, first, second, Ends::Never, async |store| store.order_return(id).await).await
}

pub(super) async fn returns_are_found(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let (cart, other) = lab.order(&world.product);
    accepted(lab.commit([insert(&cart), insert(&other)]).await)?;
    let mut returns = Vec::new();
    for order in [&world.order, &other, &world.order] {
        lab.tick();
        returns.push(lab.order_return(order));
    }
    accepted(lab.commit(returns.iter().rev().map(insert)).await)?;
    let [first, second, third] = returns.as_slice() else { return Ok(()) };
    let store = lab.store.clone();
    same(&store.returns_of_orders(&[other.id, world.order.id]).await?, &returns)?;
    same(&store.returns_of_orders(&[world.order.id]).await?, &vec![first.clone(), third.clone()])?;
    same(&store.returns_of_orders(&[]).await?, &vec![])?;
    same(&store.returns_of_orders(&[lab.id::<OrderId>()]).await?, &vec![])?;

    let approved = next(third, |returned| returned.status = ReturnStatus::Approved);
    accepted(lab.commit([update(&approved)]).await)?;
    let all = ReturnFilter::default;
    let status = |status| ReturnFilter { status: Some(status), ..all() };
    let cases: Vec<(ReturnFilter, Vec<&Return>)> = vec![
        (all(), vec![first, second, &approved]),
        (ReturnFilter { order_id: Some(other.id), ..all() }, vec![second]),
        (status(ReturnStatus::Approved), vec![&approved]),
        (status(ReturnStatus::Completed), vec![]),
        (ReturnFilter { order_id: Some(world.order.id), ..status(ReturnStatus::Requested) }, vec![first]),
    ];
    for (filter, wanted) in cases {
        same_set(store.list_returns(&filter, &everything()), &wanted, &filter).await?;
    }
    Ok(())
}

pub(super) async fn returns_are_paged(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let mut returns = Vec::new();
    for number in 0..7 {
        if number % 2 == 0 {
            lab.tick();
        }
        returns.push(lab.order_return(&world.order));
    }
    accepted(lab.commit(returns.iter().rev().map(insert)).await)?;
    let filter = ReturnFilter::default();
    check_list(&returns, async |request| lab.store.list_returns(&filter, request).await).await
}

/// Concurrent returns of the same goods each increment the order's version, so only one succeeds.
pub(super) async fn goods_are_returned_once(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let counted = next(&world.order, |_| ());
    let mut batches = Vec::new();
    for _ in 0..16 {
        let returned = lab.order_return(&world.order);
        batches.push(lab.batch([insert(&returned), update(&counted)]));
    }
    let (won, lost): (Vec<_>, Vec<_>) = lab.race_batches(batches).await.into_iter().partition(Result::is_ok);
    same(&won.len(), &1)?;
    let stale = Conflict::Stale(Entity::Order, world.order.id.0);
    lost.into_iter().try_for_each(|outcome| refused(outcome, stale))?;
    let found = lab.store.returns_of_orders(&[world.order.id]).await?;
    same(&found.len(), &1)?;

    // The same for its steps: it is either canceled or received.
    let Some(returned) = found.into_iter().next() else { return Ok(()) };
    let to = |status| next(&returned, |returned| returned.status = status);
    let (canceled, received) = (to(ReturnStatus::Canceled), to(ReturnStatus::Received));
    let steps = (0..16).map(|number| if number % 2 == 0 { &canceled } else { &received });
    let batches: Vec<_> = steps.map(|step| lab.batch([update(step)])).collect();
    let (won, lost): (Vec<_>, Vec<_>) = lab.race_batches(batches).await.into_iter().partition(Result::is_ok);
    same(&won.len(), &1)?;
    let stale = Conflict::Stale(Entity::Return, returned.id.0);
    lost.into_iter().try_for_each(|outcome| refused(outcome, stale))
}
