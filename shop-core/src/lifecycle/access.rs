//! Access rules of orders.

use crate::actor::Actor;
use crate::error::{Error, Result};
use crate::model::orders::Order;

/// Requires a known caller: a signed-in user, the system, or the holder of a guest's order token. Checked before the
/// order is loaded, so that unknown callers cannot learn which orders exist.
///
/// # Errors
/// [`Error::NotAuthenticated`] for any other caller.
pub fn identified(actor: &Actor) -> Result<()> {
    if actor.is_staff() || actor.signed_in().is_some() || actor.order().is_some() {
        Ok(())
    } else {
        Err(Error::NotAuthenticated)
    }
}

/// Requires staff, the order's customer, or the holder of the guest's order token.
///
/// # Errors
/// [`Error::NotAuthenticated`] for an unknown caller. [`Error::NotFound`] for any other, so that they do not learn that
/// the order exists.
pub fn may_see(actor: &Actor, order: &Order) -> Result<()> {
    identified(actor)?;
    if actor.is_staff() || owns(actor, order) { Ok(()) } else { Err(Error::NotFound) }
}

fn owns(actor: &Actor, order: &Order) -> bool {
    let is_customers = |customer| actor.signed_in().is_some_and(|person| person.user_id == customer);
    order.customer_id.is_some_and(is_customers) || order.has_token() && actor.order() == Some(order.id)
}

impl Order {
    /// Whether a caller who may see the order sees it as its buyer: true except for staff, unless the order is their
    /// own. Only the buyer may see what a browser needs to continue a payment.
    #[must_use]
    pub fn is_bought_by(&self, actor: &Actor) -> bool {
        !actor.is_staff() || owns(actor, self)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::actor::SignedIn;
    use crate::id::{OrderId, UserId};
    use crate::orders::tests::order;

    fn person(id: u128, is_staff: bool) -> Actor {
        let user_id = UserId(Uuid::from_u128(id));
        Actor::user(SignedIn { user_id, session_id: None, is_staff, is_superuser: false })
    }

    #[test]
    fn an_order_is_seen_by_its_owner_and_staff_only() {
        let mut order = order(&[(1000, 1)], 0);
        let token = |id| Actor::anonymous().with_order(Some(id));
        let code = |actor: &Actor, order: &Order| may_see(actor, order).map_err(|error| error.code());

        order.customer_id = Some(UserId(Uuid::from_u128(1)));
        assert_eq!(code(&person(1, false), &order), Ok(()));
        assert_eq!(code(&person(2, true), &order), Ok(()));
        assert_eq!(code(&Actor::system(), &order), Ok(()));
        assert_eq!(code(&person(2, false), &order), Err("not_found"));
        assert_eq!(code(&Actor::anonymous(), &order), Err("not_authenticated"));
        // No token opens a customer's order, not even one for this order.
        assert_eq!(code(&token(order.id), &order), Err("not_found"));

        order.customer_id = None;
        assert_eq!(code(&token(order.id), &order), Ok(()));
        assert_eq!(code(&person(2, false).with_order(Some(order.id)), &order), Ok(()));
        assert_eq!(code(&token(OrderId(Uuid::from_u128(99))), &order), Err("not_found"));
        assert_eq!(code(&person(1, false), &order), Err("not_found"));
        assert_eq!(code(&Actor::anonymous(), &order), Err("not_authenticated"));
    }

    #[test]
    fn a_claimed_order_is_seen_by_its_customer_and_the_holder_of_its_token() {
        let mut order = order(&[(1000, 1)], 0);
        order.customer_id = Some(UserId(Uuid::from_u128(1)));
        order.claimed_at = Some(order.placed_at);
        let token = Actor::anonymous().with_order(Some(order.id));
        let seen = [person(1, false), token, person(2, false).with_order(Some(order.id)), person(2, false)];
        assert_eq!(seen.map(|actor| may_see(&actor, &order).is_ok()), [true, true, true, false]);
        assert!(may_see(&Actor::anonymous().with_order(Some(OrderId(Uuid::from_u128(99)))), &order).is_err());
    }

    #[test]
    fn staff_are_the_buyers_of_their_own_orders_only() {
        let mut order = order(&[(1000, 1)], 0);
        assert!(order.is_bought_by(&Actor::anonymous().with_order(Some(order.id))));
        assert!(!order.is_bought_by(&person(1, true)));
        order.customer_id = Some(UserId(Uuid::from_u128(1)));
        let seen = [person(1, false), person(1, true), person(2, true), Actor::system()];
        assert_eq!(seen.map(|actor| order.is_bought_by(&actor)), [true, true, false, false]);
    }
}
