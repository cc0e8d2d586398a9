//! Lets an account claim the guest orders of its proven e-mail address.

use crate::batch::{Batch, Change};
use crate::clock::DecisionContext;
use crate::id::UserId;
use crate::lifecycle::record;
use crate::model::orders::Order;
use crate::validate::is_same_mailbox;

/// Assigns guest orders to an account if they were placed with exactly the address that it has proven; different
/// mailboxes may share one address key. Returns the number of claimed orders.
///
/// They still count towards the guest ([`Order::counted_of`]): someone who enters another person's address must not use
/// up that account's limits. Each order's version guards its claim, so it happens once.
pub(in crate::orders) fn claim(
    mut orders: Vec<Order>,
    (user, email): (UserId, &str),
    context: &mut DecisionContext,
    batch: &mut Batch,
) -> usize {
    orders.retain(|order| is_same_mailbox(&order.email, email));
    for order in &orders {
        context.draw_after(order.updated_at);
    }
    let count = orders.len();
    for order in orders {
        let order = Order {
            customer_id: Some(user),
            claimed_at: Some(context.now()),
            updated_at: context.draws_at(),
            version: order.version + 1,
            ..order
        };
        let detail = "The account of its e-mail address has this order now.";
        record(batch, context, order.id, "claimed", "customer", detail);
        batch.write(Change::Update(order));
    }
    count
}
