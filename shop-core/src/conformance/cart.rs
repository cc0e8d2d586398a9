//! Carts.

use crate::batch::{Conflict, Unique};
use crate::model::cart::{Cart, CartItem, CartStatus};
use crate::money::Currency;

use super::fixtures::{far_away, long_ago};
use super::generic::{Ends, life};
use super::lab::{CaseResult, Lab, accepted, refused, same};
use super::rows::{delete, insert, next, update};

pub(super) async fn carts_live(mut lab: Lab) -> CaseResult {
    let (user, product) = (lab.user(), lab.product("Tea"));
    accepted(lab.commit([insert(&user), insert(&product)]).await)?;
    let first = lab.cart(&product);
    let more = lab.cart(&product).items;
    let second = next(&first, |cart| {
        cart.customer_id = Some(user.id);
        cart.currency = "JPY".parse().unwrap_or(Currency::USD);
        cart.status = CartStatus::Merged;
        // The lines are replaced as a whole: one is removed, another moves to the front with a new quantity.
        cart.items.pop();
        cart.items.extend(more.into_iter().rev().take(1).map(|item| CartItem { quantity: 10_000, ..item }));
        cart.items.reverse();
        cart.coupons = vec!["B".to_owned(), "a".to_owned()];
        cart.created_at = long_ago();
        cart.updated_at = far_away();
    });
    let id = first.id;
    life(&mut lab, first, second, Ends::Deleted, async |store| store.cart(id).await).await
}

pub(super) async fn a_cart_can_be_emptied(mut lab: Lab) -> CaseResult {
    let product = lab.product("Tea");
    let cart = lab.cart(&product);
    let other = lab.cart(&product);
    accepted(lab.commit([insert(&product), insert(&cart), insert(&other)]).await)?;
    let emptied = next(&cart, |cart| cart.items.clear());
    accepted(lab.commit([update(&emptied)]).await)?;
    same(&lab.store.cart(cart.id).await?, &Some(emptied))?;
    same(&lab.store.cart(other.id).await?, &Some(other))
}

pub(super) async fn carts_that_guests_left_are_found(mut lab: Lab) -> CaseResult {
    let (user, product) = (lab.user(), lab.product("Tea"));
    accepted(lab.commit([insert(&user), insert(&product)]).await)?;
    let first = lab.cart(&product);
    let owned = Cart { customer_id: Some(user.id), ..lab.cart(&product) };
    let ordered = Cart { status: CartStatus::Ordered, ..lab.cart(&product) };
    lab.tick();
    let merged = Cart { status: CartStatus::Merged, ..lab.cart(&product) };
    let later = lab.tick();
    let changed = Cart { updated_at: later, ..first.clone() };
    let changed = Cart { id: lab.id(), ..changed };
    let young = lab.cart(&product);
    let all = [&young, &changed, &merged, &ordered, &owned, &first];
    accepted(lab.commit(all.into_iter().map(insert)).await)?;

    let (store, start) = (lab.store.clone(), lab.after(-2));
    let left = async |before, limit| store.guest_carts_unchanged_since(before, limit).await;
    same(&left(lab.after(-3), 9).await?, &vec![])?;
    same(&left(start, 9).await?, &vec![first.clone()])?;
    same(&left(lab.after(-1), 9).await?, &vec![first.clone(), merged.clone()])?;
    same(&left(later, 9).await?, &vec![first.clone(), changed.clone(), merged.clone(), young])?;
    same(&left(later, 2).await?, &vec![first.clone(), changed])?;

    // A cart that changed meanwhile is not removed, and neither is anything else in the batch.
    let touched = next(&first, |cart| cart.updated_at = later);
    accepted(lab.commit([update(&touched)]).await)?;
    refused(
        lab.commit([delete(&merged), delete(&first)]).await,
        Conflict::Stale(crate::batch::Entity::Cart, first.id.0),
    )?;
    same(&store.cart(merged.id).await?, &Some(merged.clone()))?;
    accepted(lab.commit([delete(&merged), delete(&touched)]).await)?;
    same(&store.cart(merged.id).await?, &None)?;
    same(&store.cart(first.id).await?, &None)?;
    same(&store.cart(owned.id).await?, &Some(owned))?;
    same(&store.cart(ordered.id).await?, &Some(ordered))
}

pub(super) async fn a_customer_has_one_open_cart(mut lab: Lab) -> CaseResult {
    let (user, other, product) = (lab.user(), lab.user(), lab.product("Tea"));
    accepted(lab.commit([insert(&user), insert(&other), insert(&product)]).await)?;
    let owned = |cart: Cart| Cart { customer_id: Some(user.id), ..cart };
    let guests = [lab.cart(&product), lab.cart(&product)];
    let (cart, second) = (owned(lab.cart(&product)), owned(lab.cart(&product)));
    let past = Cart { status: CartStatus::Ordered, ..owned(lab.cart(&product)) };
    let store = lab.store.clone();

    accepted(lab.commit([insert(&past)]).await)?;
    same(&store.open_cart_of(user.id).await?, &None)?;
    accepted(lab.commit(guests.iter().map(insert)).await)?;
    accepted(lab.commit([insert(&cart)]).await)?;
    same(&store.open_cart_of(user.id).await?, &Some(cart.clone()))?;
    same(&store.open_cart_of(other.id).await?, &None)?;
    refused(lab.commit([insert(&second)]).await, Conflict::Exists(Unique::OpenCart))?;
    for guest in &guests {
        let taken = next(guest, |cart| cart.customer_id = Some(user.id));
        refused(lab.commit([update(&taken)]).await, Conflict::Exists(Unique::OpenCart))?;
    }
    let reopened = next(&past, |cart| cart.status = CartStatus::Open);
    refused(lab.commit([update(&reopened)]).await, Conflict::Exists(Unique::OpenCart))?;

    // Once the cart is ordered, even within the same batch, there is room for the next.
    let ordered = next(&cart, |cart| cart.status = CartStatus::Ordered);
    accepted(lab.commit([update(&ordered), insert(&second)]).await)?;
    same(&store.open_cart_of(user.id).await?, &Some(second))?;
    same(&store.cart(cart.id).await?, &Some(ordered))
}
