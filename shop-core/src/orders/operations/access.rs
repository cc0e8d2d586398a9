//! Who may see and touch an order.

use crate::actor::Actor;
use crate::error::{Error, Result};
use crate::orders::Order;

/// Passes whoever is known at all: a signed-in person, the shop itself, or the holder of some guest's order token.
/// Judged before the order is looked up, so that strangers do not learn which orders there are.
///
/// # Errors
/// [`Error::NotAuthenticated`] for anybody else.
pub fn identified(actor: &Actor) -> Result<()> {
    if actor.is_staff() || actor.signed_in().is_some() || actor.order().is_some() {
        Ok(())
    } else {
        Err(Error::NotAuthenticated)
    }
}

/// Passes staff, the customer whose order it is, and the holder of a guest's order token.
///
/// # Errors
/// [`Error::NotAuthenticated`] for a stranger, [`Error::NotFound`] for everybody else: that there is such an order is
/// nobody else's business.
pub fn may_see(actor: &Actor, order: &Order) -> Result<()> {
    identified(actor)?;
    if actor.is_staff() || owns(actor, order) { Ok(()) } else { Err(Error::NotFound) }
}

fn owns(actor: &Actor, order: &Order) -> bool {
    let is_customers = |customer| actor.signed_in().is_some_and(|person| person.user_id == customer);
    order.customer_id.is_some_and(is_customers) || order.has_token() && actor.order() == Some(order.id)
}

impl Order {
    /// Whether somebody who may see the order sees it as its buyer: everybody but staff, and staff who ordered for
    /// themselves. What lets a browser go on with a payment is for the buyer's eyes only.
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
        // A customer's order is not opened by a token, not even by the right one.
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
