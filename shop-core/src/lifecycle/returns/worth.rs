//! The value of returned goods: what their line really cost.

use crate::error::{Error, Result};
use crate::model::orders::{Order, OrderItem};
use crate::money::Amount;

/// The price of the first `quantity` units of a line: their share of [`Order::charged`] by largest remainder, so that
/// all units sum exactly to the line.
///
/// # Errors
/// A fault if the line's amounts are inconsistent.
pub(crate) fn worth(order: &Order, item: &OrderItem, quantity: i64) -> Result<Amount> {
    let whole = order.charged(item)?;
    if item.quantity <= 0 || whole < Amount::ZERO {
        return Err(Error::fault("a line of an order is worth less than nothing"));
    }
    let quantity = quantity.clamp(0, item.quantity);
    let (each, rest) = (whole.0 / item.quantity, whole.0 % item.quantity);
    Amount(each).times(quantity)?.plus(Amount(rest.min(quantity)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::orders::tests::order;

    /// An order of one line with this discount and tax.
    fn taxed(price: i64, quantity: i64, discount: i64, tax: i64, added: bool) -> Order {
        let mut order = order(&[(price, quantity)], 500);
        let line = &mut order.items[0];
        (line.discount, line.tax) = (Amount(discount), Amount(tax));
        (order.discount_total, order.tax_total) = (Amount(discount), Amount(tax));
        order.total = Amount(order.subtotal.0 - discount + 500 + if added { tax } else { 0 });
        order.explanation.prices_include_tax = !added;
        order
    }

    fn shares(order: &Order) -> Vec<i64> {
        let line = &order.items[0];
        (0..=line.quantity).map(|quantity| worth(order, line, quantity).unwrap().0).collect()
    }

    #[test]
    fn a_line_is_worth_what_it_really_cost() {
        assert_eq!(shares(&taxed(1000, 3, 0, 0, true)), [0, 1000, 2000, 3000]);
        assert_eq!(shares(&taxed(1000, 3, 100, 0, true)), [0, 967, 1934, 2900]);
        assert_eq!(shares(&taxed(1000, 3, 100, 232, true)), [0, 1044, 2088, 3132]);
        assert_eq!(shares(&taxed(1000, 3, 100, 464, false)), [0, 967, 1934, 2900]);
        assert_eq!(shares(&taxed(1000, 2, 2000, 0, true)), [0, 0, 0]);
        let order = taxed(1000, 3, 0, 0, true);
        assert_eq!(worth(&order, &order.items[0], 9).unwrap(), Amount(3000));
        assert_eq!(worth(&order, &order.items[0], -1).unwrap(), Amount::ZERO);
        assert!(worth(&taxed(10, 1, 20, 0, true), &taxed(10, 1, 20, 0, true).items[0], 1).is_err());
    }

    proptest! {
        #[test]
        fn units_differ_by_one_at_most_and_sum_to_the_line(
            price in 0_i64..5000, quantity in 1_i64..50, discount in 0_i64..=5000, tax in 0_i64..2000, added: bool,
        ) {
            let discount = discount.min(price * quantity);
            let order = taxed(price, quantity, discount, tax, added);
            let shares = shares(&order);
            let net = price * quantity - discount;
            prop_assert_eq!(shares[shares.len() - 1], net + if added { tax } else { 0 });
            let units: Vec<_> = shares.windows(2).map(|pair| pair[1] - pair[0]).collect();
            prop_assert!(units.iter().all(|unit| *unit >= 0));
            prop_assert!(units.iter().max().unwrap() - units.iter().min().unwrap() <= 1);
        }
    }
}
