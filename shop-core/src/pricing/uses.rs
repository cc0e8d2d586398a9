//! The uses of an order: counted in the batch that places it, given back in the one that cancels it.

use crate::batch::Batch;
use crate::catalog::{CatalogWrite, Counter, PriceRules, Promotion, UsesDelta};
use crate::orders::Order;

/// Counts an order, and the promotions it uses, under their limits. The promotions must still be as they were read.
pub(crate) fn take_uses(batch: &mut Batch, order: &Order, rules: &PriceRules) {
    let used: Vec<_> = order.explanation.promotions.iter().map(|used| used.promotion_id).collect();
    let promotions: Vec<&Promotion> = rules
        .promotions
        .iter()
        .map(|offered| &offered.promotion)
        .filter(|promotion| used.contains(&promotion.id))
        .collect();
    let mut take = |counter, limit| batch.write(CatalogWrite::Uses(UsesDelta { counter, delta: 1, limit }));
    let first_only = promotions.iter().any(|promotion| promotion.first_order_only);
    take(Counter::Orders(order.email_key.clone()), first_only.then_some(1));
    for promotion in &promotions {
        take(Counter::Promotion(promotion.id), promotion.usage_limit);
        let of_customer = Counter::Customer(promotion.id, order.email_key.clone());
        take(of_customer, promotion.usage_limit_per_customer);
    }
    for promotion in promotions {
        batch.require_unchanged(promotion);
    }
}

/// Gives all of them back. The batch is guarded by the order's version, so it happens once.
pub(crate) fn give_back_uses(batch: &mut Batch, order: &Order) {
    let mut give = |counter| batch.write(CatalogWrite::Uses(UsesDelta { counter, delta: -1, limit: None }));
    give(Counter::Orders(order.email_key.clone()));
    for used in &order.explanation.promotions {
        give(Counter::Promotion(used.promotion_id));
        give(Counter::Customer(used.promotion_id, order.email_key.clone()));
    }
}
