//! Cleaning up abandoned guest carts.

use crate::batch::{Batch, Decision};
use crate::clock::{DecisionContext, Timestamp};
use crate::model::cart::{Cart, CartStatus};

/// Removes the guest carts that were last changed at `before` or earlier, and returns their number. An ordered cart
/// stays, because its order refers to it. A cart that is changed concurrently has another version, and stays too.
pub fn remove_guest_carts(carts: &[Cart], before: Timestamp, context: &mut DecisionContext) -> Decision<u32> {
    let mut batch = Batch::new(context);
    let mut removed = 0;
    for cart in carts {
        if cart.customer_id.is_none() && cart.status != CartStatus::Ordered && cart.updated_at <= before {
            batch.delete(cart);
            removed += 1;
        }
    }
    Decision { batch, reply: removed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Change, RowWrite};
    use crate::cart::operations::fixtures::{cart, context};
    use crate::id::UserId;

    #[test]
    fn only_what_a_guest_left_is_removed() {
        let mut context = context();
        let before = context.now();
        let old = Cart { updated_at: before, version: 7, ..cart() };
        let customer = Some(UserId(uuid::Uuid::from_u128(1)));
        let carts = [
            Cart { status: CartStatus::Ordered, ..old.clone() },
            Cart { customer_id: customer, ..old.clone() },
            Cart { updated_at: before + chrono::TimeDelta::microseconds(1), ..old.clone() },
            old.clone(),
            Cart { status: CartStatus::Merged, ..old.clone() },
        ];
        let Decision { batch, reply } = remove_guest_carts(&carts, before, &mut context);
        let delete = RowWrite::Cart(Change::Delete { id: old.id.0, version: 7 });
        assert_eq!((batch.writes, reply), (vec![delete.clone().into(), delete.into()], 2));
    }
}
