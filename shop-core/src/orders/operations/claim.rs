//! Guest orders become those of the account that proved their address.

use super::status::record;
use crate::batch::{Batch, Change};
use crate::clock::Moment;
use crate::id::UserId;
use crate::orders::Order;
use crate::validate::is_same_mailbox;

/// Makes orders of guests those of an account, if they went to the very address that it has proven: keys of addresses are the
/// same for some that are not one mailbox. Says how many there were.
///
/// What is counted of them stays the guest's ([`Order::counted_of`]): who types somebody's address must not use up what that
/// person's account may do. Each is guarded by its version, so it is claimed once.
pub(in crate::orders) fn claim(
    mut orders: Vec<Order>,
    (user, email): (UserId, &str),
    moment: &mut Moment,
    batch: &mut Batch,
) -> usize {
    orders.retain(|order| is_same_mailbox(&order.email, email));
    for order in &orders {
        moment.draw_after(order.updated_at);
    }
    let count = orders.len();
    for order in orders {
        let order = Order {
            customer_id: Some(user),
            claimed_at: Some(moment.now()),
            updated_at: moment.draws_at(),
            version: order.version + 1,
            ..order
        };
        let detail = "The account of its e-mail address has this order now.";
        record(batch, moment, order.id, "claimed", "customer", detail);
        batch.write(Change::Update(order));
    }
    count
}
