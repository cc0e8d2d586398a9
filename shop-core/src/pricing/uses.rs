//! Counts orders and promotion uses: in the batch that places an order, and back in batches that cancel it or record
//! its payment.

use crate::batch::{Batch, CatalogWrite};
use crate::model::orders::Order;
use crate::model::pricing::PriceRules;
use crate::model::promotions::{Counter, Promotion, UsesDelta};

/// Counts an order and the promotions it uses, subject to their limits. For an unpaid order, also checks that the buyer
/// has at most `max_unpaid` of them. The promotions must not have changed since they were read.
pub(crate) fn take_uses(batch: &mut Batch, order: &Order, rules: &PriceRules, max_unpaid: Option<u32>) {
    let used: Vec<_> = order.explanation.promotions.iter().map(|used| used.promotion_id).collect();
    let promotions: Vec<&Promotion> = rules
        .promotions
        .iter()
        .map(|offered| &offered.promotion)
        .filter(|promotion| used.contains(&promotion.id))
        .collect();
    let (buyer, key) = (order.counted_of(), order.counted_of().key());
    let mut take = |counter, limit| batch.write(CatalogWrite::Uses(UsesDelta { counter, delta: 1, limit }));
    if buyer.is_account() {
        let first_only = promotions.iter().any(|promotion| promotion.first_order_only);
        take(Counter::Orders(key.clone()), first_only.then_some(1));
    }
    for promotion in &promotions {
        take(Counter::Promotion(promotion.id), promotion.usage_limit);
        if buyer.is_account() {
            take(Counter::Customer(promotion.id, key.clone()), promotion.usage_limit_per_customer);
        }
    }
    if order.is_unpaid() {
        take(Counter::Unpaid(key), max_unpaid.map(i64::from));
    }
    for promotion in promotions {
        batch.require_unchanged(promotion);
    }
}

/// Undoes the counts of [`take_uses`] except the unpaid one. Happens once, because the order's version guards the
/// batch.
pub(crate) fn give_back_uses(batch: &mut Batch, order: &Order) {
    let (buyer, key) = (order.counted_of(), order.counted_of().key());
    let mut give = |counter| batch.write(CatalogWrite::Uses(UsesDelta { counter, delta: -1, limit: None }));
    if buyer.is_account() {
        give(Counter::Orders(key.clone()));
    }
    for used in &order.explanation.promotions {
        give(Counter::Promotion(used.promotion_id));
        if buyer.is_account() {
            give(Counter::Customer(used.promotion_id, key.clone()));
        }
    }
}

/// Updates the count of unpaid orders if the order's state changed. The order's version guards the batch.
pub(crate) fn count_unpaid(batch: &mut Batch, order: &Order, was_unpaid: bool) {
    let delta = i64::from(order.is_unpaid()) - i64::from(was_unpaid);
    if delta != 0 {
        let counter = Counter::Unpaid(order.counted_of().key());
        batch.write(CatalogWrite::Uses(UsesDelta { counter, delta, limit: None }));
    }
}
