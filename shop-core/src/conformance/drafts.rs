//! Draft orders that staff create.

use crate::batch::{Conflict, Entity};
use crate::model::orders::PriceOverride;
use crate::money::{Amount, Currency};

use super::fixtures::{WILD, far_away, long_ago, wild};
use super::generic::{Ends, check_list, life};
use super::lab::{CaseResult, Lab, accepted, refused, same};
use super::rows::{delete, insert, next, update};

pub(super) async fn drafts_live(mut lab: Lab) -> CaseResult {
    let (user, product) = (lab.user(), lab.product("Tea"));
    accepted(lab.commit([insert(&user), insert(&product)]).await)?;
    let first = lab.draft(&product);
    let second = next(&first, |draft| {
        draft.customer_id = Some(user.id);
        draft.email = Some(wild());
        draft.currency = "JPY".parse().unwrap_or(Currency::USD);
        draft.items.reverse();
        for item in &mut draft.items {
            item.quantity = 10_000;
            item.price = Some(PriceOverride { unit_price: Amount::MAX, reason: wild() });
        }
        draft.note = WILD.repeat(50);
        draft.created_at = long_ago();
        draft.updated_at = far_away();
    });
    let id = first.id;
    life(&mut lab, first, second, Ends::Deleted, async |store| store.draft(id).await).await
}

pub(super) async fn drafts_are_paged(mut lab: Lab) -> CaseResult {
    let product = lab.product("Tea");
    accepted(lab.commit([insert(&product)]).await)?;
    let mut drafts = Vec::new();
    for number in 0..7 {
        if number % 2 == 0 {
            lab.tick();
        }
        drafts.push(lab.draft(&product));
    }
    accepted(lab.commit(drafts.iter().rev().map(insert)).await)?;
    check_list(&drafts, async |request| lab.store.list_drafts(request).await).await
}

/// Of the concurrent attempts to place, change or delete a draft, one succeeds.
pub(super) async fn a_draft_ends_once(mut lab: Lab) -> CaseResult {
    let world = lab.world().await?;
    let draft = lab.draft(&world.product);
    accepted(lab.commit([insert(&draft)]).await)?;
    let changed = next(&draft, |draft| draft.note = "changed".into());
    let writes = (0..16).map(|number| if number % 2 == 0 { delete(&draft) } else { update(&changed) });
    let batches: Vec<_> = writes.map(|write| lab.batch([write])).collect();
    let (won, lost): (Vec<_>, Vec<_>) = lab.race_batches(batches).await.into_iter().partition(Result::is_ok);
    same(&won.len(), &1)?;
    let stale = Conflict::Stale(Entity::Draft, draft.id.0);
    lost.into_iter().try_for_each(|outcome| refused(outcome, stale))
}
