//! Adding, changing and removing lines.

use crate::batch::{Batch, Change};
use crate::cart::CartContents;
use crate::cart::input::too_many;
use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::id::{CartItemId, UserId, VariantId};
use crate::model::cart::{Cart, CartItem, CartStatus, MAX_CART_ITEMS};
use crate::money::{Amount, Currency};
use crate::validate::MAX_QUANTITY;

/// Creates an empty cart. Its version is 0 until it is written.
#[must_use]
pub fn open(customer_id: Option<UserId>, currency: Currency, context: &mut DecisionContext) -> Cart {
    Cart {
        id: context.id(),
        customer_id,
        currency,
        status: CartStatus::Open,
        items: Vec::new(),
        coupons: Vec::new(),
        created_at: context.now(),
        updated_at: context.now(),
        version: 0,
    }
}

/// Adds the changed cart to a batch and counts the change. A cart just created by [`open`] is inserted.
pub fn write(mut cart: Cart, context: &DecisionContext, batch: &mut Batch) -> Cart {
    let is_new = cart.version == 0;
    cart.version += 1;
    cart.updated_at = context.now();
    let change = if is_new { Change::Insert(cart.clone()) } else { Change::Update(cart.clone()) };
    batch.write(change);
    cart
}

/// Adds `quantity` of a variant to a cart, on top of what it already holds. `field` is the input field that named the
/// variant.
///
/// # Errors
/// [`Error::Invalid`] when it is not on sale, or exceeds what a line or a cart may hold; [`Error::OutOfStock`] when
/// less can be sold now.
pub fn add(
    mut cart: Cart,
    contents: &CartContents,
    variant: VariantId,
    field: &str,
    quantity: i64,
    context: &mut DecisionContext,
) -> Result<Cart> {
    if contents.on_sale(variant, cart.currency).is_none() {
        return Err(Error::invalid(field, "This is not on sale."));
    }
    let full = cart.items.len() >= MAX_CART_ITEMS;
    let wanted = match cart.items.iter_mut().find(|item| item.variant_id == variant) {
        Some(item) => {
            item.quantity = item.quantity.saturating_add(quantity);
            item.quantity
        }
        None if full => {
            return Err(Error::invalid(field, format!("A cart holds at most {MAX_CART_ITEMS} different items.")));
        }
        None => {
            cart.items.push(CartItem { id: context.id(), variant_id: variant, quantity });
            quantity
        }
    };
    check_line(&cart, contents, variant, wanted)?;
    Ok(cart)
}

/// Sets the quantity of a line; 0 removes it.
///
/// # Errors
/// [`Error::NotFound`] when there is no such line; otherwise as [`add`].
pub fn set_quantity(mut cart: Cart, contents: &CartContents, item: CartItemId, quantity: i64) -> Result<Cart> {
    if quantity == 0 {
        return remove(cart, item);
    }
    let line = cart.items.iter_mut().find(|line| line.id == item).ok_or(Error::NotFound)?;
    line.quantity = quantity;
    let variant = line.variant_id;
    check_line(&cart, contents, variant, quantity)?;
    Ok(cart)
}

/// Removes a line.
///
/// # Errors
/// [`Error::NotFound`] when there is no such line.
pub fn remove(mut cart: Cart, item: CartItemId) -> Result<Cart> {
    let before = cart.items.len();
    cart.items.retain(|line| line.id != item);
    if cart.items.len() == before { Err(Error::NotFound) } else { Ok(cart) }
}

/// Removes every line and every coupon.
#[must_use]
pub fn empty(mut cart: Cart) -> Cart {
    cart.items.clear();
    cart.coupons.clear();
    cart
}

/// The weight in grams and the subtotal of a cart, by which shipping is priced. Sums saturate, as in a view.
#[must_use]
pub fn weight_and_subtotal(cart: &Cart, contents: &CartContents) -> (i64, Amount) {
    let lines = cart.items.iter().filter_map(|item| Some((contents.find(item.variant_id)?.1, item.quantity)));
    let (weight, subtotal) = lines.fold((0_i64, 0_i64), |(weight, subtotal), (variant, quantity)| {
        (
            weight.saturating_add(variant.weight_grams.saturating_mul(quantity)),
            subtotal.saturating_add(variant.price.0.saturating_mul(quantity)),
        )
    });
    (weight, Amount(subtotal))
}

/// Checks a cart that now holds `wanted` of one variant.
fn check_line(cart: &Cart, contents: &CartContents, variant: VariantId, wanted: i64) -> Result<()> {
    if wanted > MAX_QUANTITY {
        return Err(Error::invalid("quantity", too_many()));
    }
    if let Some(available) = contents.availability(variant, cart.currency).sellable.filter(|most| wanted > *most) {
        let sku = contents.find(variant).map(|(_, variant)| variant.sku.clone()).unwrap_or_default();
        return Err(Error::OutOfStock { sku, available });
    }
    if weight_and_subtotal(cart, contents).1 > Amount::MAX {
        return Err(Error::invalid("quantity", "The total of the cart would be too large."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::batch::RowWrite;
    use crate::cart::CartView;
    use crate::cart::operations::fixtures::{cart, contents, context};
    use crate::model::catalog::ProductStatus;
    use crate::model::pricing::PriceRules;

    fn quantities(cart: &Cart) -> Vec<i64> {
        cart.items.iter().map(|item| item.quantity).collect()
    }

    fn variant(contents: &CartContents, index: usize) -> VariantId {
        contents.products[index].variants[0].id
    }

    #[test]
    fn more_of_the_same_adds_up_until_the_stock_ends() {
        let (contents, mut context) = (contents(&[(1000, 5), (250, 9)]), context());
        let (one, two) = (variant(&contents, 0), variant(&contents, 1));
        let cart = add(cart(), &contents, one, "sku", 2, &mut context).unwrap();
        let cart = add(cart, &contents, two, "sku", 1, &mut context).unwrap();
        let cart = add(cart, &contents, one, "sku", 3, &mut context).unwrap();
        assert_eq!(quantities(&cart), [5, 1]);
        let refused = add(cart, &contents, one, "sku", 1, &mut context).unwrap_err();
        assert!(matches!(refused, Error::OutOfStock { available: 5, .. }));
    }

    #[test]
    fn what_is_not_counted_or_back_ordered_has_no_limit_but_the_lines_own() {
        let (mut contents, mut context) = (contents(&[(1000, 0), (1000, 0)]), context());
        contents.stock[0].tracked = false;
        contents.stock[1].backorder = true;
        for index in 0..2 {
            let id = variant(&contents, index);
            let full = add(cart(), &contents, id, "sku", 10_000, &mut context).unwrap();
            assert_eq!(add(full, &contents, id, "sku", 1, &mut context).unwrap_err().code(), "invalid");
        }
    }

    #[test]
    fn what_is_not_on_sale_cannot_be_added_and_is_shown_as_gone() {
        let (mut contents, mut context) = (contents(&[(1000, 5)]), context());
        let id = variant(&contents, 0);
        let filled = add(cart(), &contents, id, "sku", 2, &mut context).unwrap();
        let item = filled.items[0].id;
        let changes: [fn(&mut CartContents); 4] = [
            |contents| contents.products[0].status = ProductStatus::Draft,
            |contents| contents.products[0].status = ProductStatus::Archived,
            |contents| contents.products[0].variants[0].archived = true,
            |contents| contents.products[0].currency = "EUR".parse().unwrap(),
        ];
        for change in changes {
            change(&mut contents);
            assert_eq!(add(cart(), &contents, id, "sku", 1, &mut context).unwrap_err().code(), "invalid");
            let set = set_quantity(filled.clone(), &contents, item, 1).unwrap_err();
            assert!(matches!(set, Error::OutOfStock { available: 0, .. }));
            assert_eq!(
                CartView::new(&filled, &contents, &PriceRules::default(), context.now()).items[0].available,
                Some(0)
            );
            assert!(set_quantity(filled.clone(), &contents, item, 0).unwrap().items.is_empty());
        }
    }

    #[test]
    fn a_cart_has_a_most_of_lines_and_of_money() {
        let many: Vec<_> = (0..=MAX_CART_ITEMS).map(|_| (100, 5)).collect();
        let (contents, mut context) = (contents(&many), context());
        let mut full = cart();
        for index in 0..MAX_CART_ITEMS {
            full = add(full, &contents, variant(&contents, index), "sku", 1, &mut context).unwrap();
        }
        let last = variant(&contents, MAX_CART_ITEMS);
        assert_eq!(add(full.clone(), &contents, last, "sku", 1, &mut context).unwrap_err().code(), "invalid");
        assert!(add(full, &contents, variant(&contents, 0), "sku", 1, &mut context).is_ok());

        let dear = super::super::fixtures::contents(&[(Amount::MAX.0, 10_000)]);
        let id = variant(&dear, 0);
        let one = add(cart(), &dear, id, "sku", 1, &mut context).unwrap();
        assert_eq!(add(one.clone(), &dear, id, "sku", 1, &mut context).unwrap_err().code(), "invalid");
        assert_eq!(add(one, &dear, id, "sku", 9_999, &mut context).unwrap_err().code(), "invalid");
    }

    #[test]
    fn lines_are_set_and_removed_by_their_own_id() {
        let (contents, mut context) = (contents(&[(1000, 5), (250, 9)]), context());
        let cart = add(cart(), &contents, variant(&contents, 0), "sku", 2, &mut context).unwrap();
        let cart = add(cart, &contents, variant(&contents, 1), "sku", 2, &mut context).unwrap();
        let (first, unknown) = (cart.items[0].id, context.id());
        assert_eq!(quantities(&set_quantity(cart.clone(), &contents, first, 5).unwrap()), [5, 2]);
        assert!(matches!(set_quantity(cart.clone(), &contents, first, 6), Err(Error::OutOfStock { .. })));
        assert!(matches!(set_quantity(cart.clone(), &contents, unknown, 1), Err(Error::NotFound)));
        assert!(matches!(set_quantity(cart.clone(), &contents, unknown, 0), Err(Error::NotFound)));
        assert_eq!(quantities(&remove(cart.clone(), first).unwrap()), [2]);
        assert!(matches!(remove(cart.clone(), unknown), Err(Error::NotFound)));
        assert!(empty(cart).items.is_empty());
    }

    #[test]
    fn a_new_cart_is_inserted_and_then_updated() {
        let mut context = context();
        let mut batch = Batch::new(&mut context);
        let first = write(open(None, Currency::USD, &mut context), &context, &mut batch);
        let second = write(first.clone(), &context, &mut batch);
        let expected = [RowWrite::Cart(Change::Insert(first)), RowWrite::Cart(Change::Update(second))];
        assert_eq!(batch.writes, expected.map(crate::batch::Write::Row));
    }

    proptest! {
        #[test]
        fn a_view_always_adds_up(lines in proptest::collection::vec((0_i64..1_000_000, 1_i64..10_000), 0..20)) {
            let stock: Vec<_> = lines.iter().map(|(price, quantity)| (*price, *quantity)).collect();
            let (contents, mut context) = (contents(&stock), context());
            let mut cart = cart();
            for (index, (_, quantity)) in lines.iter().enumerate() {
                cart = add(cart, &contents, variant(&contents, index), "sku", *quantity, &mut context).unwrap();
            }
            let view = CartView::new(&cart, &contents, &PriceRules::default(), context.now());
            let expected: i64 = lines.iter().map(|(price, quantity)| price * quantity).sum();
            prop_assert_eq!(view.subtotal, Amount(expected));
            prop_assert_eq!(view.total, Amount(expected));
            prop_assert_eq!(view.items.iter().map(|item| item.line_total.0).sum::<i64>(), expected);
        }
    }
}
