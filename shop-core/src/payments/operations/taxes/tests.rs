use chrono::TimeDelta;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::id::RefundId;
use crate::model::payments::PaymentState;
use crate::model::pricing::{Adjustment, AdjustmentKind, TaxedShipping, UsedTaxRate};
use crate::orders::tests::{order, payment};

const REDUCED: Option<Ratio> = Some(Ratio(70_000));
const STANDARD: Option<Ratio> = Some(Ratio(190_000));

/// An order of three lines with prices that include 19 %, 7 % and no tax, and shipping at 7 %.
fn taxed(standard: i64, reduced: i64, untaxed: i64, shipping: i64) -> Order {
    let mut order = order(&[(standard, 1), (reduced, 1), (untaxed, 1)], shipping);
    order.explanation.prices_include_tax = true;
    let rates = [STANDARD, REDUCED, None];
    for (item, rate) in order.items.iter_mut().zip(rates) {
        item.tax_class = Some("some".into());
        item.tax_rate = rate;
        item.tax = rate.map_or(Amount::ZERO, |rate| rate.contained_in(item.line_total));
    }
    order.shipping_tax = REDUCED.unwrap().contained_in(Amount(shipping));
    order.tax_total = Amount::sum(order.items.iter().map(|item| item.tax).chain([order.shipping_tax])).unwrap();
    let used = |item: &OrderItem, shipping: Option<TaxedShipping>| UsedTaxRate {
        tax_rate_id: None,
        version: 0,
        name: "MwSt".into(),
        rate: item.tax_rate.unwrap(),
        base: Amount(item.line_total.0 + shipping.map_or(0, |part| part.base.0)),
        amount: Amount(item.tax.0 + shipping.map_or(0, |part| part.amount.0)),
        others: Vec::new(),
        shipping,
    };
    let part = TaxedShipping { base: Amount(shipping), amount: order.shipping_tax };
    order.explanation.taxes = vec![used(&order.items[0], None), used(&order.items[1], Some(part))];
    order
}

/// Makes one refund after the other, each for these goods; returns how each is split.
fn refunds(order: &Order, amounts: &[i64], goods: &RefundedGoods) -> Vec<Vec<(Option<Ratio>, i64, i64)>> {
    let mut paid = payment(order, PaymentState::Captured, order.total.0, order.total.0, 0);
    for amount in amounts {
        let before = paid.clone();
        paid.refunds.push(refund(&before, *amount));
        split_new_refunds(order, &[before], &mut paid, goods);
    }
    let parts = |refund: &Refund| refund.taxes.iter().map(|part| (part.rate, part.total.0, part.tax.0)).collect();
    paid.refunds.iter().map(parts).collect()
}

fn refund(payment: &Payment, amount: i64) -> Refund {
    let number = payment.refunds.len();
    Refund {
        id: RefundId(Uuid::from_u128(number as u128 + 1)),
        amount: Amount(amount),
        state: RefundState::Succeeded,
        reason: String::new(),
        gateway_reference: None,
        created_at: payment.created_at + TimeDelta::seconds(i64::try_from(number).unwrap()),
        taxes: Vec::new(),
    }
}

#[test]
fn a_refund_is_split_in_proportion_and_the_last_takes_the_rest() {
    let order = taxed(1190, 1070, 500, 535);
    // 19 % of 10.00 in 11.90, 7 % of 15.00 in 16.05, and 5.00 untaxed.
    assert_eq!(refunds(&order, &[3295], &[]), [[(STANDARD, 1190, 190), (REDUCED, 1605, 105), (None, 500, 0)]]);
    let halves = [
        [(STANDARD, 595, 95), (REDUCED, 803, 53), (None, 250, 0)],
        [(STANDARD, 595, 95), (REDUCED, 802, 52), (None, 250, 0)],
    ];
    assert_eq!(refunds(&order, &[1648, 1647], &[]), halves);
}

#[test]
fn a_refund_of_goods_takes_back_what_these_were_taxed() {
    let order = taxed(1190, 1070, 500, 535);
    let of = |place: usize, amount: i64| refunded_line(&order, &order.items[place], Amount(amount)).unwrap();
    assert_eq!(refunds(&order, &[1190], &[of(0, 1190)]), [[(STANDARD, 1190, 190)]]);
    assert_eq!(refunds(&order, &[1000], &[of(1, 500), of(2, 500)]), [[(REDUCED, 500, 33), (None, 500, 0)]]);
    // The refund is less than the goods cost.
    assert_eq!(refunds(&order, &[500], &[of(1, 500), of(2, 500)]), [[(REDUCED, 250, 16), (None, 250, 0)]]);
    // What the goods do not cover is taken from the rest.
    let twice = refunds(&order, &[1190, 1190], &[of(0, 1190)]);
    assert_eq!(twice[1], [(REDUCED, 907, 59), (None, 283, 0)]);
}

#[test]
fn what_failed_is_still_left_and_what_was_not_owed_is_not_taxed() {
    let order = taxed(1190, 0, 0, 0);
    let before = payment(&order, PaymentState::Captured, 1190, 1190, 0);
    let mut after = before.clone();
    after.refunds.push(Refund { state: RefundState::Failed, ..refund(&before, 1190) });
    split_new_refunds(&order, std::slice::from_ref(&before), &mut after, &[]);
    let failed = after.clone();
    after.refunds.push(refund(&failed, 2000));
    split_new_refunds(&order, std::slice::from_ref(&failed), &mut after, &[]);
    let part = |rate, total, tax| RefundedTax { rate, total: Amount(total), tax: Amount(tax) };
    assert_eq!(after.refunds[1].taxes, [part(STANDARD, 1190, 190), part(None, 810, 0)]);
    // Stored refunds are not changed. A refund of an earlier release is not split, and counts in proportion.
    let mut old = failed;
    old.refunds = vec![refund(&before, 595)];
    let mut new = old.clone();
    new.refunds.push(refund(&old, 595));
    split_new_refunds(&order, &[old], &mut new, &[]);
    assert_eq!((new.refunds[0].taxes.len(), &new.refunds[1].taxes), (0, &vec![part(STANDARD, 595, 95)]));
}

#[test]
fn lines_of_earlier_releases_count_where_there_is_no_doubt() {
    let mut order = taxed(1190, 1070, 500, 0);
    for item in &mut order.items {
        (item.tax_class, item.tax_rate) = (None, None);
    }
    let of = |order: &Order, place: usize| refunded_line(order, &order.items[place], Amount(1));
    assert_eq!((of(&order, 0), of(&order, 1), of(&order, 2)), (None, None, Some((None, Amount(1)))));
    order.explanation.taxes.truncate(1);
    assert_eq!(of(&order, 0), Some((STANDARD, Amount(1))));
}

proptest! {
    #[test]
    fn all_refunds_of_an_order_sum_to_its_taxes(
        prices in (0_i64..5000, 0_i64..5000, 0_i64..5000, 0_i64..500), rounding in -5_i64..=5,
        cuts in proptest::collection::vec(1_i64..4000, 0..6), goods in any::<bool>(),
    ) {
        let mut order = taxed(prices.0, prices.1, prices.2, prices.3);
        prop_assume!(order.total.0 > 50);
        order.total.0 += rounding;
        let adjustment = Adjustment {
            kind: AdjustmentKind::Rounding, label: "Rounding".into(), amount: Amount(rounding), code: None,
        };
        order.explanation.adjustments.push(adjustment);
        let of_goods = order.items.iter().filter_map(|item| refunded_line(&order, item, item.line_total));
        let of_goods: Vec<_> = of_goods.filter(|_| goods).collect();
        let mut left = order.total.0;
        let mut amounts = Vec::new();
        for cut in cuts {
            let part = cut.min(left);
            left -= part;
            amounts.extend((part > 0).then_some(part));
        }
        amounts.extend((left > 0).then_some(left));
        let split = refunds(&order, &amounts, &of_goods);
        for (parts, amount) in split.iter().zip(&amounts) {
            prop_assert_eq!(parts.iter().map(|part| part.1).sum::<i64>(), *amount);
            prop_assert!(parts.iter().all(|part| (0..=part.1).contains(&part.2)));
        }
        for tax in &order.explanation.taxes {
            let of_rate = split.iter().flatten().filter(|part| part.0 == Some(tax.rate));
            prop_assert_eq!(of_rate.map(|part| part.2).sum::<i64>(), tax.amount.0);
        }
    }
}
