//! Merging a guest's cart at sign-in.

use super::coupons::has_coupon;
use crate::cart::CartContents;
use crate::clock::DecisionContext;
use crate::model::cart::{Cart, CartItem, CartStatus, MAX_CART_COUPONS, MAX_CART_ITEMS};
use crate::validate::MAX_QUANTITY;

/// Moves the lines and coupons of a guest's cart into the customer's own, and closes the guest's cart.
///
/// Quantities of the same variant add up. The guest's quantity never raises a line above what can be sold or what a
/// line may hold, and never lowers what the customer had. What is not on sale, or no longer fits into the cart, is
/// dropped.
pub fn merge(mut own: Cart, mut guest: Cart, contents: &CartContents, context: &mut DecisionContext) -> (Cart, Cart) {
    for item in &guest.items {
        let most =
            contents.availability(item.variant_id, own.currency).sellable.unwrap_or(MAX_QUANTITY).min(MAX_QUANTITY);
        let full = own.items.len() >= MAX_CART_ITEMS;
        match own.items.iter_mut().find(|line| line.variant_id == item.variant_id) {
            Some(line) => line.quantity = line.quantity.max(line.quantity.saturating_add(item.quantity).min(most)),
            None if most > 0 && !full => own.items.push(CartItem {
                id: context.id(),
                variant_id: item.variant_id,
                quantity: item.quantity.min(most),
            }),
            None => {}
        }
    }
    for code in &guest.coupons {
        if own.coupons.len() < MAX_CART_COUPONS && !has_coupon(&own, code) {
            own.coupons.push(code.clone());
        }
    }
    guest.status = CartStatus::Merged;
    (own, guest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cart::operations::fixtures::{cart, contents, context};

    /// Lines are (index of the variant, quantity).
    fn filled(contents: &CartContents, lines: &[(usize, i64)]) -> Cart {
        let mut context = context();
        let mut cart = cart();
        for (index, quantity) in lines {
            let variant_id = contents.products[*index].variants[0].id;
            cart.items.push(CartItem { id: context.id(), variant_id, quantity: *quantity });
        }
        cart
    }

    fn merged(contents: &CartContents, own: &[(usize, i64)], guest: &[(usize, i64)]) -> Vec<(usize, i64)> {
        let (own, guest) = merge(filled(contents, own), filled(contents, guest), contents, &mut context());
        assert_eq!((own.status, guest.status), (CartStatus::Open, CartStatus::Merged));
        let index = |item: &CartItem| contents.products.iter().position(|p| p.variants[0].id == item.variant_id);
        own.items.iter().map(|item| (index(item).unwrap(), item.quantity)).collect()
    }

    #[test]
    fn quantities_add_up_to_what_can_be_sold() {
        let mut contents = contents(&[(100, 5), (100, 0), (100, 0)]);
        contents.stock[2].tracked = false;
        assert_eq!(merged(&contents, &[], &[(0, 2)]), [(0, 2)]);
        assert_eq!(merged(&contents, &[(0, 2)], &[(0, 2)]), [(0, 4)]);
        assert_eq!(merged(&contents, &[(0, 4)], &[(0, 4)]), [(0, 5)]);
        assert_eq!(merged(&contents, &[(0, 7)], &[(0, 1)]), [(0, 7)], "a customer's own quantity is not touched");
        assert_eq!(merged(&contents, &[], &[(0, 9), (1, 1)]), [(0, 5)], "what is sold out stays behind");
        assert_eq!(merged(&contents, &[(1, 3)], &[(1, 1)]), [(1, 3)]);
        assert_eq!(merged(&contents, &[(2, 9_000)], &[(2, 9_000)]), [(2, 10_000)]);
    }

    #[test]
    fn coupons_come_along_once_each() {
        let contents = contents(&[(100, 5)]);
        let with = |codes: &[&str]| Cart {
            coupons: codes.iter().map(|&code| code.to_owned()).collect(),
            ..filled(&contents, &[(0, 1)])
        };
        let (own, _) = merge(with(&["Spring", "VIP"]), with(&["welcome10", "SPRING"]), &contents, &mut context());
        assert_eq!(own.coupons, ["Spring", "VIP", "welcome10"]);
        let many: Vec<_> = (0..MAX_CART_COUPONS).map(|number| format!("C{number}")).collect();
        let full = Cart { coupons: many.clone(), ..with(&[]) };
        assert_eq!(merge(full, with(&["more"]), &contents, &mut context()).0.coupons, many);
    }

    #[test]
    fn a_full_cart_takes_no_new_lines() {
        let contents = contents(&vec![(100, 5); MAX_CART_ITEMS + 1]);
        let own: Vec<_> = (0..MAX_CART_ITEMS).map(|index| (index, 1)).collect();
        let after = merged(&contents, &own, &[(MAX_CART_ITEMS, 1), (0, 1)]);
        assert_eq!((after.len(), after[0]), (MAX_CART_ITEMS, (0, 2)));
    }
}
