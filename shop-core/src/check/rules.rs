//! The rules of a single order.

use std::collections::BTreeMap;

use super::staff_tasks;
use super::taxes::tax_problems;
use crate::id::VariantId;
use crate::lifecycle::{fulfillment_status, payment_status, returned, shipped, worth};
use crate::model::inventory::{Movement, MovementReason, Reservation, ReservationStatus};
use crate::model::orders::{CanceledItem, Order, OrderItem, OrderStatus, Return, ReturnStatus};
use crate::model::payments::{Payment, RefundState};
use crate::model::shipping::{Shipment, ShipmentStatus};
use crate::money::Amount;

/// Collects the broken rules of one order.
struct Rules<'a> {
    order: &'a Order,
    problems: Vec<String>,
}

impl<'a> Rules<'a> {
    fn of(order: &'a Order) -> Self {
        Self { order, problems: Vec::new() }
    }

    /// Reports the order unless the rule holds.
    fn rule(&mut self, holds: bool, what: &str) {
        if !holds {
            self.problems.push(format!("Order {}: {what}.", self.order.number));
        }
    }
}

fn sum(amounts: impl Iterator<Item = Amount>) -> Option<Amount> {
    Amount::sum(amounts).ok()
}

pub(super) fn order_problems(order: &Order, payments: &[Payment], shipments: &[Shipment]) -> Vec<String> {
    let mut rules = Rules::of(order);
    rules.amounts();
    for what in tax_problems(order, payments) {
        rules.rule(false, what);
    }
    rules.payments(payments);
    rules.statuses(payments, shipments);
    rules.quantities(shipments);
    let mut problems = rules.problems;
    problems.extend(staff_tasks::in_payments(order, payments));
    problems
}

impl Rules<'_> {
    /// The total is the sum of its parts.
    fn amounts(&mut self) {
        let order = self.order;
        self.rule(
            order.items.iter().all(|item| item.unit_price.times(item.quantity).ok() == Some(item.line_total)),
            "a line is not its price times its quantity",
        );
        self.rule(
            sum(order.items.iter().map(|item| item.line_total)) == Some(order.subtotal),
            "the subtotal is not the sum of the lines",
        );
        self.rule(
            sum(order.items.iter().map(|item| item.discount)) == Some(order.discount_total),
            "the discount is not the sum of the lines' discounts",
        );
        let taxes = order.items.iter().map(|item| item.tax).chain([order.shipping_tax]);
        self.rule(sum(taxes) == Some(order.tax_total), "the tax is not the sum of the lines' and the shipping's taxes");
        let added = if order.explanation.prices_include_tax { Amount::ZERO } else { order.tax_total };
        let parts = [order.subtotal, order.shipping_total, added, order.explanation.rounding()];
        let total = parts.iter().map(|part| part.0).sum::<i64>() - order.discount_total.0;
        self.rule(order.total.0 == total, "the total is not the sum of its parts");
        self.rule(
            order.items.iter().all(|item| (Amount::ZERO..=item.line_total).contains(&item.discount)),
            "a line's discount is more than the line",
        );
    }

    /// The amounts of each payment are in order, and the order has their sums.
    fn payments(&mut self, payments: &[Payment]) {
        let order = self.order;
        for payment in payments {
            let refunds = payment.refunds.iter().filter(|refund| refund.state != RefundState::Failed);
            let refunded = sum(refunds.map(|refund| refund.amount));
            self.rule(refunded == Some(payment.amount_refunded), "a payment's refunds do not add up");
            let ordered = [Amount::ZERO, payment.amount_refunded, payment.amount_captured, payment.amount_authorized];
            self.rule(ordered.is_sorted(), "a payment breaks 0 ≤ refunded ≤ captured ≤ authorized");
            let sent = payment.refunds.iter().all(|refund| refund.state != RefundState::Pending);
            self.rule(sent || payment.remote.poll_at.is_some(), "a refund is pending and no worker will complete it");
            self.rule(payment.currency == order.currency, "a payment has another currency");
        }
        let live = payments.iter().filter(|payment| payment.state.is_live()).count();
        self.rule(live <= 1, "more than one payment is live");
        self.rule(
            sum(payments.iter().map(|payment| payment.amount_captured)) == Some(order.amount_paid),
            "what was paid is not the sum of the payments",
        );
        self.rule(
            sum(payments.iter().map(|payment| payment.amount_refunded)) == Some(order.amount_refunded),
            "what was refunded is not the sum of the payments",
        );
        let kept = order.amount_paid.0.saturating_sub(order.amount_refunded.0);
        self.rule(kept <= order.total.0, "more was paid than the order costs, and not refunded");
    }

    /// The derived statuses are those of the payments and shipments.
    fn statuses(&mut self, payments: &[Payment], shipments: &[Shipment]) {
        let order = self.order;
        let payment_status = payment_status(order, payments);
        self.rule(order.payment_status == payment_status, "the payment status is not that of its payments");
        self.rule(
            order.fulfillment_status == fulfillment_status(order, shipments),
            "the fulfillment status does not match the shipments",
        );
    }

    /// No more units are packed or canceled than were bought.
    fn quantities(&mut self, shipments: &[Shipment]) {
        let order = self.order;
        let packed = |id| {
            let live = shipments.iter().filter(|shipment| shipment.status != ShipmentStatus::Canceled);
            let items = live.flat_map(|shipment| &shipment.items).filter(move |item| item.order_item_id == id);
            items.fold(0_i64, |sum, item| sum.saturating_add(item.quantity))
        };
        let bought = |item: &OrderItem| item.quantity.saturating_sub(order.canceled_quantity(item.id));
        let is_packed = order.items.iter().all(|item| packed(item.id) <= bought(item));
        self.rule(is_packed, "more of a line was packed than was bought");
        let is_sound = |one: &CanceledItem| {
            let line = order.items.iter().find(|item| item.id == one.order_item_id);
            let remains = line.is_some_and(|item| order.remaining_quantity(item) >= 0);
            one.quantity > 0 && one.amount >= Amount::ZERO && remains
        };
        self.rule(order.canceled_items.iter().all(is_sound), "more of a line was canceled than was bought");
    }
}

/// A line of an untracked variant has no reservations. Any other line of a placed order holds all units that have not
/// shipped yet.
pub(super) fn reservation_problems(order: &Order, shipments: &[Shipment], reservations: &[Reservation]) -> Vec<String> {
    let mut problems = Vec::new();
    for line in &order.items {
        let of_line: Vec<_> = reservations.iter().filter(|one| one.order_item_id == line.id).collect();
        if of_line.is_empty() || order.status != OrderStatus::Placed {
            continue;
        }
        let sum =
            |amount: fn(&Reservation) -> i64| of_line.iter().fold(0, |sum: i64, one| sum.saturating_add(amount(one)));
        if sum(|one| one.quantity) != line.quantity {
            problems.push(format!("Order {}: another quantity of a line was reserved than was bought.", order.number));
        }
        let held = sum(|one| if one.status.is_live() { one.remaining } else { 0 });
        let bought = line.quantity.saturating_sub(order.canceled_quantity(line.id));
        let waits = bought.saturating_sub(shipped(shipments, line.id));
        // A refund may release units that have not shipped. The reservation does not record how many.
        let was_released = of_line.iter().any(|one| !one.status.is_live() && one.status != ReservationStatus::Consumed);
        if held > waits || held < waits && !was_released {
            problems
                .push(format!("Order {}: another quantity of a line is reserved than has yet to leave.", order.number));
        }
    }
    problems
}

/// The shipped and restocked quantities match the stock ledger. Lines without reservations, of untracked variants, are
/// not compared.
pub(super) fn ledger_problems(
    order: &Order,
    shipments: &[Shipment],
    returns: &[Return],
    reservations: &[Reservation],
    movements: &[Movement],
) -> Vec<String> {
    let is_counted = |line: &&OrderItem| reservations.iter().any(|one| one.order_item_id == line.id);
    // By variant, because movements in the ledger name no lines.
    let mut lines: BTreeMap<VariantId, (i64, i64)> = BTreeMap::new();
    for line in order.items.iter().filter(is_counted) {
        let (left, back) = lines.entry(line.variant_id).or_default();
        let restocked = returns.iter().filter(|one| one.restocked).flat_map(|one| &one.items);
        let restocked = restocked.filter(|item| item.order_item_id == line.id);
        *left = left.saturating_add(shipped(shipments, line.id));
        *back = restocked.fold(*back, |sum, item| sum.saturating_add(item.quantity));
    }
    let mut problems = Vec::new();
    for (variant, (left, back)) in lines {
        let moved = |reason| {
            let of_variant = movements.iter().filter(move |one| one.variant_id == variant && one.reason == reason);
            of_variant.fold(0, |sum: i64, one| sum.saturating_add(one.delta))
        };
        if moved(MovementReason::Shipped) != -left {
            problems.push(format!("Order {}: another quantity left than the ledger says.", order.number));
        }
        if moved(MovementReason::Returned) != back {
            problems.push(format!("Order {}: the returned quantity differs from the stock ledger.", order.number));
        }
    }
    problems
}

pub(super) fn return_problems(order: &Order, shipments: &[Shipment], returns: &[Return]) -> Vec<String> {
    let mut rules = Rules::of(order);
    let mut rule = |holds, what| rules.rule(holds, what);
    for line in &order.items {
        rule(
            returned(returns, line.id, ReturnStatus::is_live) <= shipped(shipments, line.id),
            "more of a line is returned than was shipped",
        );
        let live = returns.iter().filter(|one| one.status.is_live()).flat_map(|one| &one.items);
        let in_returns = live.filter(|item| item.order_item_id == line.id).map(|item| item.amount);
        let canceled = order.canceled_items.iter().filter(|one| one.order_item_id == line.id && !one.returned);
        let amount = Amount::sum(in_returns.chain(canceled.map(|one| one.amount))).ok();
        let most = worth(order, line, line.quantity).ok();
        rule(amount.is_some() && amount <= most, "the refunds of a line exceed its price");
        rule(
            order.returned_unpaid(line.id) <= returned(returns, line.id, ReturnStatus::is_back),
            "more units of a line are marked as returned unpaid than were returned",
        );
    }
    for one in returns {
        let sum = Amount::sum(one.items.iter().map(|item| item.amount)).ok();
        let sum = sum.and_then(|sum| sum.plus(order.shipping_refund_of(one.id)).ok());
        rule(sum == Some(one.refund_amount), "the amount of a return is not the sum of its lines");
        rule(one.amount_refunded <= one.refund_amount, "the refunds of a return exceed the price of its goods");
        let known = |line| order.items.iter().any(|item| item.id == line);
        rule(one.items.iter().all(|item| known(item.order_item_id)), "a return has a line that the order has not");
        rule(!one.restocked || one.status.is_back(), "goods of a return were restocked that were not received");
    }
    for one in &order.withdrawals {
        let known = |id| order.items.iter().any(|item| item.id == id);
        let is_there = |id| returns.iter().any(|returned| returned.id == id);
        let mut lines = one.items.iter();
        rule(lines.all(|item| known(item.order_item_id)), "a withdrawal has a line that the order has not");
        rule(one.return_id.is_none_or(is_there), "the return of a withdrawal is not there");
    }
    let mut problems = rules.problems;
    problems.extend(staff_tasks::in_returns(order, returns));
    problems
}
