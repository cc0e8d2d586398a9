//! Guest orders become those of the account that proved their address.

use std::collections::BTreeMap;

use super::status::record;
use crate::batch::{Batch, Change};
use crate::catalog::{CatalogWrite, Counter, UsesDelta};
use crate::clock::Moment;
use crate::id::UserId;
use crate::orders::{Order, OrderStatus, OrdersWrite};

/// Makes orders of guests those of an account. What is counted of a buyer moves with them, beyond any limit: they were
/// placed. Each is guarded by its version, so it is claimed once.
pub(in crate::orders) fn claim(orders: Vec<Order>, user: UserId, moment: &mut Moment, batch: &mut Batch) {
    for order in &orders {
        moment.draw_after(order.updated_at);
    }
    let mut counts: BTreeMap<Counter, i64> = BTreeMap::new();
    for order in orders.into_iter().filter(|order| order.customer_id.is_none()) {
        let guest = order.buyer().key();
        let order = Order {
            customer_id: Some(user),
            claimed_at: Some(moment.now()),
            updated_at: moment.draws_at(),
            version: order.version + 1,
            ..order
        };
        let account = order.buyer().key();
        let mut count = |counter, delta| *counts.entry(counter).or_default() += delta;
        if order.status != OrderStatus::Canceled {
            count(Counter::Orders(account.clone()), 1);
            for used in &order.explanation.promotions {
                count(Counter::Customer(used.promotion_id, account.clone()), 1);
            }
        }
        if order.is_unpaid() {
            count(Counter::Unpaid(guest), -1);
            count(Counter::Unpaid(account), 1);
        }
        let detail = "The account of its e-mail address has this order now.";
        record(batch, moment, order.id, "claimed", "customer", detail);
        batch.write(OrdersWrite::Order(Change::Update(order)));
    }
    for (counter, delta) in counts {
        batch.write(CatalogWrite::Uses(UsesDelta { counter, delta, limit: None }));
    }
}
