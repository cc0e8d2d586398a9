//! Promotions and their use counters.

use std::collections::BTreeSet;

use crate::batch::{CatalogWrite, Conflict, OrdersWrite, Unique, Write};
use crate::id::PromotionId;
use crate::model::promotions::{CountedPromotion, Counter, Offer, Promotion, PromotionFilter, UsesDelta};
use crate::money::{Amount, Currency, Ratio};

use super::fixtures::{far_away, long_ago, wild};
use super::generic::{Ends, check_list, life};
use super::lab::{CaseFailure, CaseResult, Lab, accepted, refused, same};
use super::rows::{delete, insert, next, update};

impl Lab {
    /// An automatic promotion of 10% off.
    pub(super) fn promotion(&mut self) -> Promotion {
        let n = self.number();
        Promotion {
            id: self.id(),
            name: format!("Promotion {n}"),
            code: None,
            code_key: None,
            currency: Currency::USD,
            offer: Offer::Percent { ratio: Ratio(100_000) },
            min_subtotal: None,
            product_ids: BTreeSet::new(),
            category_ids: BTreeSet::new(),
            customer_ids: BTreeSet::new(),
            first_order_only: false,
            starts_at: None,
            ends_at: None,
            usage_limit: None,
            usage_limit_per_customer: None,
            combinable: true,
            priority: 0,
            active: true,
            created_at: self.now(),
            updated_at: self.now(),
            version: 1,
        }
    }

    pub(super) fn coupon(&mut self, code: &str) -> Promotion {
        Promotion { code: Some(code.to_uppercase()), code_key: Some(code.to_owned()), ..self.promotion() }
    }
}

/// Changes a counter by one order more (1) or less (-1).
pub(super) fn count(counter: Counter, delta: i64, limit: Option<i64>) -> Write {
    CatalogWrite::Uses(UsesDelta { counter, delta, limit }).into()
}

async fn uses_of(lab: &Lab, id: PromotionId) -> Result<Option<i64>, CaseFailure> {
    Ok(lab.store.promotion(id).await?.map(|counted| counted.uses))
}

pub(super) async fn promotions_live(mut lab: Lab) -> CaseResult {
    let first = lab.promotion();
    let second = next(&first, |promotion| {
        promotion.name = wild();
        promotion.code = Some(wild());
        promotion.code_key = Some(wild());
        promotion.currency = "JPY".parse().unwrap_or(Currency::USD);
        promotion.offer = Offer::BuyXGetY { buy: 2, get: 1 };
        promotion.min_subtotal = Some(Amount::MAX);
        promotion.product_ids = (0..3).map(|_| lab.id()).collect();
        promotion.category_ids = (0..3).map(|_| lab.id()).collect();
        promotion.customer_ids = (0..3).map(|_| lab.id()).collect();
        promotion.first_order_only = true;
        promotion.starts_at = Some(long_ago());
        promotion.ends_at = Some(far_away());
        promotion.usage_limit = Some(i64::MAX);
        promotion.usage_limit_per_customer = Some(1);
        promotion.combinable = false;
        promotion.priority = -7;
        promotion.active = false;
        promotion.created_at = long_ago();
        promotion.updated_at = far_away();
    });
    let id = first.id;
    life(&mut lab, first, second, Ends::Deleted, async |store| {
        Ok(store.promotion(id).await?.map(|counted| counted.promotion))
    })
    .await
}

pub(super) async fn a_code_is_taken_once(mut lab: Lab) -> CaseResult {
    let (first, second, without) = (lab.coupon("spring"), lab.coupon("summer"), lab.promotion());
    let taken = Conflict::Exists(Unique::PromotionCode);
    accepted(lab.commit([insert(&first), insert(&second), insert(&without)]).await)?;
    let third = lab.coupon("spring");
    refused(lab.commit([insert(&third)]).await, taken)?;
    let key = |key: &str| {
        let key = Some(key.to_owned());
        move |promotion: &mut Promotion| promotion.code_key = key
    };
    refused(lab.commit([update(&next(&second, key("spring")))]).await, taken)?;
    // A promotion keeps its own code, and a free code can be taken.
    let first = next(&first, |promotion| promotion.active = false);
    accepted(lab.commit([update(&first)]).await)?;
    accepted(lab.commit([delete(&first), update(&next(&second, key("spring")))]).await)?;
    // Any number of promotions may have no code.
    let another = lab.promotion();
    accepted(lab.commit([insert(&another)]).await)
}

pub(super) async fn uses_are_counted_under_their_limit(mut lab: Lab) -> CaseResult {
    let promotion = lab.promotion();
    let (total, id) = (Counter::Promotion(promotion.id), promotion.id);
    let of_ann = Counter::Customer(id, "ann@example.com".to_owned());
    let conflict = Conflict::Uses(Some(id));
    // A counter is created by its first use, whether the promotion exists or not.
    refused(lab.commit([count(total.clone(), -1, None)]).await, conflict)?;
    refused(lab.commit([count(total.clone(), 1, Some(0))]).await, conflict)?;
    accepted(lab.commit([insert(&promotion), count(total.clone(), 1, Some(2))]).await)?;
    same(&uses_of(&lab, id).await?, &Some(1))?;
    // A batch sees its own counts.
    let twice = [count(total.clone(), 1, Some(2)), count(total.clone(), 1, Some(2))];
    refused(lab.commit(twice).await, conflict)?;
    accepted(lab.commit([count(total.clone(), 1, Some(2)), count(of_ann.clone(), 1, Some(1))]).await)?;
    refused(lab.commit([count(total.clone(), 1, Some(2))]).await, conflict)?;
    refused(lab.commit([count(of_ann.clone(), 1, Some(1))]).await, conflict)?;
    // Without a limit, or with a higher one, there is room.
    accepted(lab.commit([count(total.clone(), 1, None), count(of_ann.clone(), 1, Some(2))]).await)?;
    same(&uses_of(&lab, id).await?, &Some(3))?;
    // Returned uses can be taken again; a limit does not apply to returns.
    accepted(lab.commit([count(total.clone(), -1, Some(1))]).await)?;
    accepted(lab.commit([count(total.clone(), 1, Some(3))]).await)?;
    refused(lab.commit([count(total.clone(), 1, Some(3))]).await, conflict)?;
    // A customer's order count belongs to no promotion.
    let orders = |delta, limit| count(Counter::Orders("ann@example.com".to_owned()), delta, limit);
    accepted(lab.commit([orders(1, Some(1))]).await)?;
    refused(lab.commit([orders(1, Some(1))]).await, Conflict::Uses(None))?;
    accepted(lab.commit([orders(-1, None)]).await)?;
    refused(lab.commit([orders(-1, None)]).await, Conflict::Uses(None))?;
    // Other writes of a batch with a refused count are not applied.
    let world = lab.world().await?;
    let entry = lab.history(&world.order);
    refused(lab.commit([OrdersWrite::History(entry).into(), count(total.clone(), 1, Some(3))]).await, conflict)?;
    same(&lab.store.history(world.order.id).await?, &Vec::new())?;
    // The counters outlive the promotion.
    accepted(lab.commit([delete(&promotion)]).await)?;
    accepted(lab.commit([count(total, -1, None)]).await)
}

pub(super) async fn promotions_are_listed(mut lab: Lab) -> CaseResult {
    let mut rows = Vec::new();
    for number in 0..7 {
        if number % 2 == 0 {
            lab.tick();
        }
        let promotion = if number < 3 { lab.promotion() } else { lab.coupon(&format!("code{number}")) };
        let promotion = Promotion { active: number % 3 != 0, ..promotion };
        accepted(lab.commit([insert(&promotion)]).await)?;
        for _ in 0..number {
            accepted(lab.commit([count(Counter::Promotion(promotion.id), 1, None)]).await)?;
        }
        rows.push(CountedPromotion { promotion, uses: number });
    }
    let filter = PromotionFilter::default();
    check_list(&rows, async |request| lab.store.list_promotions(&filter, request).await).await?;
    for active in [true, false] {
        let wanted: Vec<_> = rows.iter().filter(|row| row.promotion.active == active).cloned().collect();
        let filter = PromotionFilter { active: Some(active), ..PromotionFilter::default() };
        check_list(&wanted, async |request| lab.store.list_promotions(&filter, request).await).await?;
    }
    for code in ["code4", "code", &wild()] {
        let code_key = Some(code.to_owned());
        let wanted: Vec<_> = rows.iter().filter(|row| row.promotion.code_key == code_key).cloned().collect();
        let filter = PromotionFilter { code_key, ..PromotionFilter::default() };
        check_list(&wanted, async |request| lab.store.list_promotions(&filter, request).await).await?;
    }
    Ok(())
}
