use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::model::orders::{OrderStatus, PaymentStatus};
use crate::model::pricing::{TaxedShipping, UsedTaxRate};
use crate::money::Ratio;
use crate::orders::input::{CheckedReturn, CheckedReturnItem};
use crate::orders::operations::cancel_items::tests::Story;
use crate::orders::operations::{ReturnContext, ReturnTransition, request_return, step_return};
use crate::orders::tests::order as placed;

/// A paid order of two lines at 10.00 and 7.00, shipped for 5.00, while the cheapest method cost 3.00.
fn sold(shipments: &[(ShipmentStatus, &[i64])]) -> Story {
    let mut order = placed(&[(1000, 2), (700, 1)], 500);
    order.shipping_method.cheapest = Some(Amount(300));
    let total = order.total.0;
    Story::of(order, total, shipments)
}

fn withdraw_some(story: &mut Story, quantities: Option<&[i64]>) -> Result<Withdrawal> {
    let lines = story.state.order.items.iter();
    let items = quantities.map(|quantities| {
        let wanted = lines.zip(quantities).filter(|(_, quantity)| **quantity > 0);
        wanted.map(|(line, quantity)| item(line, *quantity)).collect()
    });
    let input = CheckedWithdrawal { items, note: "Changed my mind".to_owned() };
    let state = story.state.clone();
    let decided = withdraw(state, &story.returns, &input, 14, &|_| false, "guest", &mut story.context)?;
    story.apply(decided.batch);
    let withdrawal = decided.reply.withdrawal;
    assert_eq!(story.state.order.withdrawals.last(), Some(&withdrawal));
    Ok(withdrawal)
}

/// Receives and refunds the return of a withdrawal.
fn complete(story: &mut Story, withdrawal: &Withdrawal) -> Amount {
    for step in [ReturnTransition::Receive { restock: false }, ReturnTransition::Refund] {
        let before = story.returns.iter().find(|one| Some(one.id) == withdrawal.return_id).unwrap().clone();
        if before.status == ReturnStatus::Completed {
            break;
        }
        let return_context = ReturnContext { returns: &story.returns, levels: &[], is_remote: &|_| false };
        let decided =
            step_return(story.state.clone(), return_context, &before, &step, "staff", &mut story.context).unwrap();
        story.apply(decided.batch);
    }
    story.returns.iter().find(|one| Some(one.id) == withdrawal.return_id).unwrap().amount_refunded
}

fn code(result: Result<Withdrawal>) -> &'static str {
    result.map_or_else(|error| error.code(), |_| "ok")
}

#[test]
fn an_order_that_has_not_left_is_canceled_and_keeps_no_money() {
    let mut story = sold(&[]);
    let withdrawal = withdraw_some(&mut story, None).unwrap();
    let order = &story.state.order;
    assert_eq!((order.status, order.amount_refunded), (OrderStatus::Canceled, order.total));
    assert_eq!((withdrawal.return_id, withdrawal.shipping_refund, story.returns.len()), (None, Amount(500), 0));
    assert_eq!(withdrawal.items.iter().map(|item| item.quantity).collect::<Vec<_>>(), [2, 1]);
    for told in ["withdrawn", "items_canceled", "order.canceled", "order.withdrawn"] {
        assert_eq!(story.told.iter().filter(|one| *one == told).count(), 1, "{told} {:?}", story.told);
    }
    assert_eq!(code(withdraw_some(&mut story, None)), "invalid_transition");
}

#[test]
fn what_was_shipped_comes_back_and_the_cheapest_shipping_with_it() {
    let mut story = sold(&[(ShipmentStatus::Shipped, &[2, 1])]);
    let withdrawal = withdraw_some(&mut story, None).unwrap();
    let opened = story.returns[0].clone();
    assert_eq!((Some(opened.id), opened.status), (withdrawal.return_id, ReturnStatus::Approved));
    assert_eq!((withdrawal.shipping_refund, opened.refund_amount), (Amount(300), Amount(3000)));
    assert_eq!(story.state.order.amount_refunded, Amount::ZERO, "the money goes back with the goods");
    assert_eq!(opened.note, "Changed my mind");
    assert!(story.told.contains(&"return_approved".to_owned()) && story.told.contains(&"return.updated".to_owned()));
    assert_eq!(complete(&mut story, &withdrawal), Amount(3000));
    // The surcharge for the more expensive shipping is not refunded.
    let order = &story.state.order;
    assert_eq!((order.amount_refunded, order.payment_status), (Amount(3000), PaymentStatus::PartiallyRefunded));
}

#[test]
fn of_a_line_that_has_left_in_part_the_rest_is_called_off_first() {
    let mut story = sold(&[(ShipmentStatus::Shipped, &[1, 0])]);
    let one = withdraw_some(&mut story, Some(&[1, 0])).unwrap();
    assert_eq!((one.return_id, one.shipping_refund), (None, Amount::ZERO));
    assert_eq!((story.state.order.amount_refunded, story.held()), (Amount(1000), vec![0, 1]));
    // Of the rest, one unit is canceled now; the other is returned, and shipping is refunded with it.
    let rest = withdraw_some(&mut story, None).unwrap();
    assert_eq!((story.state.order.amount_refunded, story.held()), (Amount(1700), vec![0, 0]));
    assert_eq!((story.returns[0].refund_amount, rest.shipping_refund), (Amount(1300), Amount(300)));
    assert_eq!(complete(&mut story, &rest), Amount(1300));
    assert_eq!(story.state.order.amount_refunded, Amount(3000));
}

#[test]
fn the_shipping_goes_back_when_nothing_is_kept_and_once() {
    let mut story = sold(&[(ShipmentStatus::Shipped, &[2, 0])]);
    let first = withdraw_some(&mut story, Some(&[2, 0])).unwrap();
    assert_eq!((first.shipping_refund, story.returns[0].refund_amount), (Amount::ZERO, Amount(2000)));
    // The last part has not shipped: it is refunded at once, and shipping with the outstanding goods.
    let last = withdraw_some(&mut story, None).unwrap();
    assert_eq!((last.return_id, last.shipping_refund), (None, Amount::ZERO));
    assert_eq!((story.state.order.amount_refunded, story.returns[0].refund_amount), (Amount(700), Amount(2300)));
    complete(&mut story, &first);
    assert_eq!(story.state.order.amount_refunded, Amount(3000));
    assert_eq!(code(withdraw_some(&mut story, None)), "invalid_transition");

    // Units that the buyer kept after all can be withdrawn again, and shipping is promised once.
    let mut story = sold(&[(ShipmentStatus::Shipped, &[2, 1])]);
    withdraw_some(&mut story, None).unwrap();
    let (state, before) = (story.state.clone(), story.returns[0].clone());
    let return_context = ReturnContext { returns: &story.returns, levels: &[], is_remote: &|_| false };
    let canceled =
        step_return(state, return_context, &before, &ReturnTransition::Cancel, "guest", &mut story.context).unwrap();
    story.apply(canceled.batch);
    let again = withdraw_some(&mut story, None).unwrap();
    assert_eq!((again.shipping_refund, complete(&mut story, &again)), (Amount(300), Amount(3000)));
}

/// Applies a step to the `index`-th return.
fn step(story: &mut Story, index: usize, step: &ReturnTransition) {
    let before = story.returns[index].clone();
    let return_context = ReturnContext { returns: &story.returns, levels: &[], is_remote: &|_| false };
    let decided = step_return(story.state.clone(), return_context, &before, step, "guest", &mut story.context).unwrap();
    story.apply(decided.batch);
}

#[test]
fn who_keeps_something_after_all_gets_no_shipping_back() {
    let receive = ReturnTransition::Receive { restock: false };
    let reject = ReturnTransition::Reject("Worn".to_owned());
    // The first of two withdrawals is canceled before or after the goods of the second arrive.
    for steps in [
        [(0, &ReturnTransition::Cancel), (1, &receive), (1, &ReturnTransition::Refund)],
        [(1, &receive), (1, &ReturnTransition::Refund), (0, &ReturnTransition::Cancel)],
    ] {
        let mut story = sold(&[(ShipmentStatus::Shipped, &[2, 1])]);
        withdraw_some(&mut story, Some(&[2, 0])).unwrap();
        let last = withdraw_some(&mut story, None).unwrap();
        assert_eq!((last.shipping_refund, story.returns[1].refund_amount), (Amount(300), Amount(1000)));
        for (index, one) in steps {
            step(&mut story, index, one);
        }
        assert_eq!(story.state.order.amount_refunded, Amount(700));
        assert!(story.state.order.withdrawals.iter().all(|one| one.shipping_refund == Amount::ZERO));
        // The kept units can be withdrawn again, and then shipping is refunded.
        let again = withdraw_some(&mut story, None).unwrap();
        assert_eq!((again.shipping_refund, complete(&mut story, &again)), (Amount(300), Amount(2300)));
    }

    // In whatever order the goods arrive, shipping is refunded with the last of them.
    let mut story = sold(&[(ShipmentStatus::Shipped, &[2, 1])]);
    withdraw_some(&mut story, Some(&[2, 0])).unwrap();
    withdraw_some(&mut story, None).unwrap();
    for (index, refunded) in [(1, 700), (0, 3000)] {
        step(&mut story, index, &receive);
        step(&mut story, index, &ReturnTransition::Refund);
        assert_eq!(story.state.order.amount_refunded, Amount(refunded));
    }

    // A requested return may still be rejected, so nothing is promised while it is open.
    let mut story = sold(&[(ShipmentStatus::Shipped, &[2, 1])]);
    let line = story.state.order.items[0].id;
    let items = vec![CheckedReturnItem { order_item_id: line, quantity: 2, reason: String::new() }];
    let input = CheckedReturn { items, note: String::new() };
    let asked = request_return(story.state.clone(), &[], input, "guest", &mut story.context).unwrap();
    story.apply(asked.batch);
    assert_eq!(withdraw_some(&mut story, None).unwrap().shipping_refund, Amount::ZERO);
    step(&mut story, 0, &reject);
    let rest = withdraw_some(&mut story, None).unwrap();
    assert_eq!(rest.shipping_refund, Amount(300));

    // Canceling unshipped units refunds no shipping while goods are outstanding.
    let mut story = sold(&[(ShipmentStatus::Shipped, &[2, 0])]);
    withdraw_some(&mut story, Some(&[2, 0])).unwrap();
    withdraw_some(&mut story, None).unwrap();
    step(&mut story, 0, &ReturnTransition::Cancel);
    assert_eq!(story.state.order.amount_refunded, Amount(700));
}

#[test]
fn what_came_back_unpaid_is_not_asked_for_any_more() {
    let mut order = placed(&[(1000, 2), (700, 1)], 500);
    order.shipping_method.cheapest = Some(Amount(300));
    let mut story = Story::of(order, 0, &[(ShipmentStatus::Delivered, &[2, 1])]);
    assert_eq!(story.state.payments[0].amount, Amount(3200));
    withdraw_some(&mut story, Some(&[1, 0])).unwrap();
    step(&mut story, 0, &ReturnTransition::Receive { restock: false });
    assert_eq!(story.returns[0].status, ReturnStatus::Completed);
    assert_eq!((story.state.order.amount_due(), story.state.payments[0].amount), (Amount(2200), Amount(2200)));
}

#[test]
fn a_line_and_a_quantity_must_be_there() {
    let mut story = sold(&[(ShipmentStatus::Delivered, &[1, 0])]);
    assert_eq!(code(withdraw_some(&mut story, Some(&[3, 0]))), "invalid");
    withdraw_some(&mut story, Some(&[2, 0])).unwrap();
    assert_eq!(code(withdraw_some(&mut story, Some(&[1, 0]))), "invalid_transition");
    let other = placed(&[(1, 1)], 0);
    let items = Some(vec![ShipmentItem { order_item_id: uuid::Uuid::nil().into(), quantity: 1 }]);
    let input = CheckedWithdrawal { items, note: String::new() };
    let state = Story::of(other, 1, &[]).state;
    let refused = withdraw(state, &[], &input, 14, &|_| false, "guest", &mut story.context).unwrap_err();
    assert_eq!(refused.code(), "invalid");
}

#[test]
fn the_period_ends_with_the_last_day_after_the_last_delivery() {
    let mut story = sold(&[(ShipmentStatus::Delivered, &[1, 1]), (ShipmentStatus::Delivered, &[1, 0])]);
    let noon = "2026-06-19T12:00:00Z".parse::<Timestamp>().unwrap();
    for (shipment, days) in story.state.shipments.iter_mut().zip([0, 3]) {
        shipment.delivered_at = Some(noon + TimeDelta::days(days));
    }
    let state = |status| {
        let mut state = story.state.clone();
        state.order.fulfillment_status = status;
        state
    };
    let delivered = state(FulfillmentStatus::Delivered);
    // Three days later, plus fourteen: until the end of July 6.
    for (at, code) in [
        ("2026-06-19T12:00:00Z", "ok"),
        ("2026-07-06T23:59:59Z", "ok"),
        ("2026-07-07T00:00:00Z", "withdrawal_period_over"),
        ("2030-01-01T00:00:00Z", "withdrawal_period_over"),
    ] {
        let judged = within_period(&delivered, 14, at.parse().unwrap());
        assert_eq!(judged.map_or_else(|error| error.code(), |()| "ok"), code, "{at}");
        // The period has not begun while something is in transit.
        let on_its_way = within_period(&state(FulfillmentStatus::PartiallyDelivered), 14, at.parse().unwrap());
        assert!(on_its_way.is_ok());
        assert_eq!(within_period(&delivered, 0, at.parse().unwrap()).unwrap_err().code(), "withdrawal_period_over");
        assert!(within_period(&delivered, u32::MAX, at.parse().unwrap()).is_ok());
    }
}

#[test]
fn the_tax_of_the_shipping_goes_back_with_it() {
    let mut order = placed(&[(1000, 1)], 500);
    order.shipping_tax = Amount(100);
    order.shipping_method.cheapest = Some(Amount(250));
    assert_eq!(order.refundable_shipping(&[]).unwrap(), Amount(300), "half of 5.00 and its tax");
    order.explanation.prices_include_tax = true;
    assert_eq!(order.refundable_shipping(&[]).unwrap(), Amount(250));
    for (cheapest, refundable) in [(None, 500), (Some(Amount(900)), 500), (Some(Amount::ZERO), 0)] {
        order.shipping_method.cheapest = cheapest;
        assert_eq!(order.refundable_shipping(&[]).unwrap(), Amount(refundable));
    }
    // With several rates, each gets its share.
    let tax = |rate, base| UsedTaxRate {
        rate: Ratio(rate),
        shipping: Some(TaxedShipping { base: Amount(base), amount: Amount(0) }),
        ..serde_json::from_value(
            serde_json::json!({"tax_rate_id": null, "version": 1, "name": "VAT", "rate": 0, "base": 0,
            "amount": 0}),
        )
        .unwrap()
    };
    order.explanation.taxes = vec![tax(190_000, 300), tax(70_000, 100)];
    let split = order.refunded_shipping(Amount(100));
    assert_eq!(split, [(Some(Ratio(190_000)), Amount(75)), (Some(Ratio(70_000)), Amount(25))]);
}

proptest! {
    #[test]
    fn however_it_is_withdrawn_all_goods_and_the_cheapest_shipping_go_back(
        lines in proptest::collection::vec((1_i64..3_000, 1_i64..5, 0_i64..5), 1..4), shipping in 0_i64..900,
        cheapest in 0_i64..900, parts in proptest::collection::vec(proptest::collection::vec(0_i64..3, 3), 0..4),
        is_paid: bool,
    ) {
        let goods: Vec<_> = lines.iter().map(|(price, quantity, _)| (*price, *quantity)).collect();
        let left: Vec<_> = lines.iter().map(|(_, quantity, left)| *left.min(quantity)).collect();
        let mut order = placed(&goods, shipping);
        order.shipping_method.cheapest = Some(Amount(cheapest));
        let (total, subtotal) = (order.total.0, order.subtotal.0);
        let has_left = left.iter().sum::<i64>() > 0;
        let shipments = [(ShipmentStatus::Shipped, left.as_slice())];
        let mut story = Story::of(order, if is_paid { total } else { 0 }, if has_left { &shipments } else { &[] });
        let mut withdrawals = Vec::new();
        for part in parts.iter().map(|part| Some(part.as_slice())).chain([None]) {
            let is_nothing = part.is_some_and(|part| part.iter().zip(&goods).all(|(quantity, _)| *quantity == 0));
            if is_nothing {
                continue;
            }
            match withdraw_some(&mut story, part) {
                Ok(withdrawal) => withdrawals.push(withdrawal),
                Err(refusal) => prop_assert!(matches!(refusal.code(), "invalid_transition" | "invalid"), "{:?}", refusal),
            }
        }
        for withdrawal in withdrawals.iter().filter(|withdrawal| withdrawal.return_id.is_some()) {
            complete(&mut story, withdrawal);
        }
        let order = &story.state.order;
        let expected = match (is_paid, has_left) {
            (false, _) => 0,
            (true, false) => total,
            (true, true) => subtotal + shipping.min(cheapest),
        };
        prop_assert_eq!(order.amount_refunded.0, expected);
        let of_goods = withdrawals.iter().flat_map(|withdrawal| &withdrawal.items).map(|item| item.quantity).sum::<i64>();
        prop_assert_eq!(of_goods, goods.iter().map(|(_, quantity)| quantity).sum::<i64>());
        prop_assert!(story.held().iter().all(|held| *held == 0));
    }

    #[test]
    fn whatever_happens_who_keeps_something_gets_no_shipping_back(
        lines in proptest::collection::vec((1_i64..3_000, 1_i64..4, 0_i64..4), 1..4), shipping in 1_i64..900,
        cheapest in 1_i64..900,
        steps in proptest::collection::vec((0_u8..8, 0_usize..3, proptest::collection::vec(0_i64..3, 3)), 4..32),
        ships_all: bool,
    ) {
        let goods: Vec<_> = lines.iter().map(|(price, quantity, _)| (*price, *quantity)).collect();
        let left: Vec<_> = lines.iter().map(|(_, quantity, left)| if ships_all { *quantity } else { *left.min(quantity) }).collect();
        let mut order = placed(&goods, shipping);
        order.shipping_method.cheapest = Some(Amount(cheapest));
        let total = order.total.0;
        let shipments = [(ShipmentStatus::Shipped, left.as_slice())];
        let mut story = Story::of(order, total, if left.iter().any(|left| *left > 0) { &shipments } else { &[] });
        for (action, index, part) in steps {
            let step = match action {
                0 => {
                    let _ = withdraw_some(&mut story, Some(&part));
                    continue;
                }
                1 => {
                    let _ = withdraw_some(&mut story, None);
                    continue;
                }
                2 => {
                    let lines = story.state.order.items.iter().zip(&part).filter(|(_, quantity)| **quantity > 0);
                    let item = |(line, quantity): (&OrderItem, &i64)| CheckedReturnItem {
                        order_item_id: line.id,
                        quantity: *quantity,
                        reason: String::new(),
                    };
                    let input = CheckedReturn { items: lines.map(item).collect(), note: String::new() };
                    let returns = story.returns.clone();
                    let asked = request_return(story.state.clone(), &returns, input, "guest", &mut story.context);
                    if let Ok(asked) = asked {
                        story.apply(asked.batch);
                    }
                    continue;
                }
                3 => ReturnTransition::Approve,
                4 => ReturnTransition::Reject("Worn".to_owned()),
                5 => ReturnTransition::Cancel,
                6 => ReturnTransition::Receive { restock: false },
                _ => ReturnTransition::Refund,
            };
            let Some(before) = story.returns.get(index).cloned() else { continue };
            let return_context = ReturnContext { returns: &story.returns, levels: &[], is_remote: &|_| false };
            let decided = step_return(story.state.clone(), return_context, &before, &step, "staff", &mut story.context);
            if let Ok(decided) = decided {
                story.apply(decided.batch);
            }
        }
        let order = &story.state.order;
        if order.status == OrderStatus::Canceled {
            prop_assert_eq!(order.amount_refunded.0, total);
            return Ok(());
        }
        let settled = story.returns.iter().filter(|one| one.status == ReturnStatus::Completed);
        let of_goods = settled.map(Return::goods_amount).chain(order.canceled_items.iter().map(|one| one.amount));
        let of_shipping = order.amount_refunded.0 - Amount::sum(of_goods).unwrap().0;
        let is_kept = order.items.iter().any(|line| {
            order.canceled_quantity(line.id) + returned(&story.returns, line.id, ReturnStatus::is_back) < line.quantity
        });
        prop_assert!((0..=if is_kept { 0 } else { shipping.min(cheapest) }).contains(&of_shipping), "{}", of_shipping);
        for one in &story.returns {
            let sum = one.goods_amount().plus(order.shipping_refund_of(one.id)).unwrap();
            prop_assert_eq!(sum, one.refund_amount);
        }
    }
}
