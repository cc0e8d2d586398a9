//! Derives the statuses of an order from its payments and shipments, in one place.

use serde_json::{Value, json};

use super::history::record;
use crate::batch::{Batch, Change};
use crate::clock::DecisionContext;
use crate::model::orders::{FulfillmentStatus, Order, OrderItem, OrderStatus, PaymentStatus};
use crate::model::outbox::EventKind;
use crate::model::payments::{Payment, PaymentState};
use crate::model::shipping::{Shipment, ShipmentStatus};
use crate::money::{Amount, saturating_sum as sum};
use crate::pricing::count_unpaid;

/// Derives the payment status of an order from all its payments. An order that costs nothing counts as paid.
///
/// Canceled items are not payable: once their money is refunded, the order counts as paid for the rest.
///
/// Captured money wins over cancellation: with a captured payment the order is paid, canceled or not, until the money
/// is refunded.
#[must_use]
pub fn payment_status(order: &Order, payments: &[Payment]) -> PaymentStatus {
    let captured = sum(payments.iter().map(|payment| payment.amount_captured));
    let refunded = sum(payments.iter().map(|payment| payment.amount_refunded));
    let payable = order.amount_payable();
    if captured > Amount::ZERO {
        let kept = Amount(captured.0.saturating_sub(refunded.0));
        let only_for_canceled = order.amount_canceled() > Amount::ZERO && kept >= payable;
        return if refunded >= captured {
            PaymentStatus::Refunded
        } else if refunded > Amount::ZERO && !only_for_canceled {
            PaymentStatus::PartiallyRefunded
        } else if captured >= payable {
            PaymentStatus::Paid
        } else {
            PaymentStatus::PartiallyPaid
        };
    }
    let authorized = payments.iter().filter(|payment| payment.state == PaymentState::Authorized);
    if order.status == OrderStatus::Canceled {
        PaymentStatus::Voided
    } else if payable == Amount::ZERO {
        PaymentStatus::Paid
    } else if sum(authorized.map(|payment| payment.amount_authorized)) >= payable {
        PaymentStatus::Authorized
    } else {
        PaymentStatus::NotPaid
    }
}

/// Derives the fulfillment status of an order from all its shipments. Units canceled before they shipped need not ship,
/// and units returned unpaid need not be delivered.
#[must_use]
pub fn fulfillment_status(order: &Order, shipments: &[Shipment]) -> FulfillmentStatus {
    let count = |line: &OrderItem, counts: fn(ShipmentStatus) -> bool| {
        let shipments = shipments.iter().filter(|shipment| counts(shipment.status));
        let items = shipments.flat_map(|shipment| &shipment.items).filter(|item| item.order_item_id == line.id);
        items.fold(0_i64, |sum, item| sum.saturating_add(item.quantity))
    };
    let (mut ordered, mut left, mut arrived, mut settled) = (0_i64, 0_i64, 0_i64, 0_i64);
    for line in &order.items {
        let gone = count(line, |status| matches!(status, ShipmentStatus::Shipped | ShipmentStatus::Delivered));
        let came = count(line, |status| status == ShipmentStatus::Delivered);
        let back = order.returned_unpaid(line.id).min(gone.saturating_sub(came));
        ordered = ordered.saturating_add(line.quantity.saturating_sub(order.canceled_quantity(line.id)));
        left = left.saturating_add(gone);
        arrived = arrived.saturating_add(came);
        settled = settled.saturating_add(came).saturating_add(back);
    }
    match (left, arrived) {
        (_, arrived) if arrived > 0 && settled >= ordered => FulfillmentStatus::Delivered,
        (_, arrived) if arrived > 0 => FulfillmentStatus::PartiallyDelivered,
        (left, _) if left > 0 && left >= ordered => FulfillmentStatus::Fulfilled,
        (left, _) if left > 0 => FulfillmentStatus::PartiallyFulfilled,
        _ => FulfillmentStatus::Unfulfilled,
    }
}

/// Updates an order from all its payments and shipments, as they are after the batch, and writes it: sums, derived
/// statuses, the end of the hold once payment is secured, completion, and the resulting events and history. Every batch
/// that changes a payment or a shipment calls it exactly once.
pub fn settle(
    order: Order,
    payments: &[Payment],
    shipments: &[Shipment],
    context: &mut DecisionContext,
    batch: &mut Batch,
) -> Order {
    let was_paid = order.is_paid();
    settle_from(was_paid, order, payments, shipments, context, batch)
}

/// As [`settle`], for an order of which units were canceled in the same batch; `was_paid` is [`Order::is_paid`] before
/// that.
pub fn settle_from(
    was_paid: bool,
    mut order: Order,
    payments: &[Payment],
    shipments: &[Shipment],
    context: &mut DecisionContext,
    batch: &mut Batch,
) -> Order {
    let was_unpaid = order.is_unpaid();
    order.amount_paid = sum(payments.iter().map(|payment| payment.amount_captured));
    order.amount_refunded = sum(payments.iter().map(|payment| payment.amount_refunded));
    order.payment_status = payment_status(&order, payments);
    order.fulfillment_status = fulfillment_status(&order, shipments);
    let paid = order.is_paid();
    // An order that may ship unpaid is no longer overdue once it has shipped, or once some money has arrived.
    let began = order.amount_paid > Amount::ZERO || order.fulfillment_status != FulfillmentStatus::Unfulfilled;
    if paid || order.payment_status == PaymentStatus::Authorized || order.ships_unpaid && began {
        order.hold_until = None;
    }
    let completes =
        order.status == OrderStatus::Placed && paid && order.fulfillment_status == FulfillmentStatus::Delivered;
    if completes {
        order.status = OrderStatus::Completed;
    }
    order.updated_at = context.draws_at();
    order.version += 1;
    batch.write(Change::Update(order.clone()));
    count_unpaid(batch, &order, was_unpaid);
    // Money for a canceled order is refunded, so no event may cause it to ship.
    if paid && !was_paid && order.status != OrderStatus::Canceled {
        batch.event(context, EventKind::OrderPaid, order.id, event_data(&order));
    }
    if completes {
        record(batch, context, order.id, "completed", "system", "Paid and delivered.");
        batch.event(context, EventKind::OrderCompleted, order.id, event_data(&order));
    }
    order
}

/// The payload of order events: identity, statuses and amounts. No names, no addresses.
#[must_use]
pub fn event_data(order: &Order) -> Value {
    let amount = |amount| order.currency.format_amount(amount);
    json!({
        "id": order.id,
        "number": order.number,
        "customer_id": order.customer_id,
        "status": order.status,
        "payment_status": order.payment_status,
        "fulfillment_status": order.fulfillment_status,
        "currency": order.currency,
        "total": amount(order.total),
        "amount_canceled": amount(order.amount_canceled()),
        "amount_paid": amount(order.amount_paid),
        "amount_refunded": amount(order.amount_refunded),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::batch::{OutboxWrite, RowWrite, Write};
    use crate::model::orders::CanceledItem;
    use crate::orders::tests::{context, order, payment, shipment};

    fn kinds(batch: &Batch) -> Vec<EventKind> {
        let event = |write: &Write| match write {
            Write::Outbox(OutboxWrite::Event(event)) => Some(event.kind),
            _ => None,
        };
        batch.writes.iter().filter_map(event).collect()
    }

    #[test]
    fn the_payment_status_follows_the_money() {
        use PaymentState as S;
        use PaymentStatus as P;
        let placed = order(&[(1000, 2)], 500); // total 25.00
        // state, authorized, captured, refunded → status while placed, status once canceled
        let table = [
            (S::Pending, 0, 0, 0, P::NotPaid, P::Voided),
            (S::RequiresAction, 0, 0, 0, P::NotPaid, P::Voided),
            (S::Voided, 0, 0, 0, P::NotPaid, P::Voided),
            (S::Failed, 0, 0, 0, P::NotPaid, P::Voided),
            (S::Expired, 2500, 0, 0, P::NotPaid, P::Voided),
            (S::Authorized, 2500, 0, 0, P::Authorized, P::Voided),
            (S::Authorized, 2000, 0, 0, P::NotPaid, P::Voided),
            (S::Captured, 2500, 1, 0, P::PartiallyPaid, P::PartiallyPaid),
            (S::Captured, 2500, 2499, 0, P::PartiallyPaid, P::PartiallyPaid),
            (S::Captured, 2500, 2500, 0, P::Paid, P::Paid),
            (S::Captured, 2500, 2500, 1, P::PartiallyRefunded, P::PartiallyRefunded),
            (S::Captured, 2500, 2500, 2500, P::Refunded, P::Refunded),
            (S::Captured, 2500, 1000, 1000, P::Refunded, P::Refunded),
        ];
        for (state, authorized, captured, refunded, while_placed, once_canceled) in table {
            let payments = [payment(&placed, state, authorized, captured, refunded)];
            assert_eq!(payment_status(&placed, &payments), while_placed, "{payments:?}");
            let canceled = Order { status: OrderStatus::Canceled, ..placed.clone() };
            assert_eq!(payment_status(&canceled, &payments), once_canceled, "{payments:?}");
        }
        assert_eq!(payment_status(&placed, &[]), P::NotPaid);
        let two = [payment(&placed, S::Voided, 0, 0, 0), payment(&placed, S::Captured, 2500, 2500, 0)];
        assert_eq!(payment_status(&placed, &two), P::Paid);
    }

    #[test]
    fn an_order_that_costs_nothing_is_paid_until_it_is_canceled() {
        let free = order(&[(0, 1)], 0);
        assert_eq!(payment_status(&free, &[]), PaymentStatus::Paid);
        let canceled = Order { status: OrderStatus::Canceled, ..free };
        assert_eq!(payment_status(&canceled, &[]), PaymentStatus::Voided);
    }

    #[test]
    fn the_fulfillment_status_follows_the_shipments() {
        use FulfillmentStatus as F;
        use ShipmentStatus as S;
        type Parcel<'a> = (S, &'a [i64]);
        let order = order(&[(1000, 2), (500, 1)], 0);
        let table: &[(&[Parcel<'_>], F)] = &[
            (&[], F::Unfulfilled),
            (&[(S::Pending, &[2, 1])], F::Unfulfilled),
            (&[(S::Canceled, &[2, 1])], F::Unfulfilled),
            (&[(S::Shipped, &[1, 0]), (S::Pending, &[1, 1])], F::PartiallyFulfilled),
            (&[(S::Shipped, &[2, 1])], F::Fulfilled),
            (&[(S::Shipped, &[2, 0]), (S::Shipped, &[0, 1])], F::Fulfilled),
            (&[(S::Delivered, &[2, 0])], F::PartiallyDelivered),
            (&[(S::Delivered, &[2, 0]), (S::Shipped, &[0, 1])], F::PartiallyDelivered),
            (&[(S::Delivered, &[2, 0]), (S::Delivered, &[0, 1]), (S::Canceled, &[0, 1])], F::Delivered),
        ];
        for (shipments, expected) in table {
            let shipments: Vec<_> = shipments.iter().map(|(status, items)| shipment(&order, *status, items)).collect();
            assert_eq!(fulfillment_status(&order, &shipments), *expected, "{shipments:?}");
        }
    }

    /// An order of which these units of its lines were canceled before they shipped, or returned unpaid.
    fn without(mut order: Order, canceled: &[(usize, i64, i64, bool)]) -> Order {
        for &(line, quantity, amount, returned) in canceled {
            let order_item_id = order.items[line].id;
            order.cancel_item(CanceledItem { order_item_id, quantity, amount: Amount(amount), returned });
        }
        order
    }

    #[test]
    fn what_was_canceled_is_not_to_be_paid() {
        use PaymentState as S;
        use PaymentStatus as P;
        // Total 25.00, of which 10.00 are canceled.
        let placed = without(order(&[(1000, 2)], 500), &[(0, 1, 1000, false)]);
        assert_eq!((placed.total, placed.amount_payable()), (Amount(2500), Amount(1500)));
        for (state, authorized, captured, refunded, expected) in [
            (S::Pending, 0, 0, 0, P::NotPaid),
            (S::Authorized, 1500, 0, 0, P::Authorized),
            (S::Authorized, 1499, 0, 0, P::NotPaid),
            (S::Captured, 1499, 1499, 0, P::PartiallyPaid),
            (S::Captured, 1500, 1500, 0, P::Paid),
            (S::Captured, 2500, 2500, 0, P::Paid),
            (S::Captured, 2500, 2500, 1000, P::Paid),
            (S::Captured, 2500, 2500, 1001, P::PartiallyRefunded),
            (S::Captured, 2500, 2500, 2500, P::Refunded),
        ] {
            let payments = [payment(&placed, state, authorized, captured, refunded)];
            assert_eq!(payment_status(&placed, &payments), expected, "{payments:?}");
        }
        let free = without(order(&[(1000, 1)], 0), &[(0, 1, 1000, false)]);
        assert_eq!(payment_status(&free, &[]), P::Paid);
    }

    #[test]
    fn what_was_canceled_is_not_waited_for() {
        use FulfillmentStatus as F;
        use ShipmentStatus as S;
        let of = |canceled: &[_], shipments: &[(S, &[i64])]| {
            let order = without(order(&[(1000, 2), (500, 1)], 0), canceled);
            let shipments: Vec<_> = shipments.iter().map(|(status, items)| shipment(&order, *status, items)).collect();
            fulfillment_status(&order, &shipments)
        };
        assert_eq!(of(&[(0, 1, 0, false)], &[(S::Delivered, &[1, 1])]), F::Delivered);
        assert_eq!(of(&[(0, 1, 0, false)], &[(S::Shipped, &[1, 1])]), F::Fulfilled);
        assert_eq!(of(&[(0, 1, 0, false)], &[(S::Delivered, &[1, 0])]), F::PartiallyDelivered);
        // A unit that was refused and returned unpaid need not be delivered.
        assert_eq!(of(&[(1, 1, 0, true)], &[(S::Delivered, &[2, 0]), (S::Shipped, &[0, 1])]), F::Delivered);
        // The returned unit had been delivered; the others have not.
        assert_eq!(of(&[(1, 1, 0, true)], &[(S::Shipped, &[2, 0]), (S::Delivered, &[0, 1])]), F::PartiallyDelivered);
        assert_eq!(of(&[(0, 2, 0, true), (1, 1, 0, true)], &[(S::Shipped, &[2, 1])]), F::Fulfilled);
    }

    #[test]
    fn settling_tells_of_payment_and_completion_once() {
        let mut context = context();
        let mut batch = Batch::new(&mut context);
        let placed = Order { hold_until: Some(context.now()), ..order(&[(1000, 2)], 500) };
        let paid = [payment(&placed, PaymentState::Captured, 2500, 2500, 0)];
        let after = settle(placed.clone(), &paid, &[], &mut context, &mut batch);
        assert_eq!(
            (after.payment_status, after.amount_paid, after.hold_until),
            (PaymentStatus::Paid, Amount(2500), None)
        );
        assert_eq!((after.status, after.version), (OrderStatus::Placed, placed.version + 1));
        assert_eq!(kinds(&batch), [EventKind::OrderPaid]);

        let mut batch = Batch::new(&mut context);
        let shipments = [shipment(&placed, ShipmentStatus::Delivered, &[2])];
        let done = settle(after.clone(), &paid, &shipments, &mut context, &mut batch);
        assert_eq!((done.status, kinds(&batch)), (OrderStatus::Completed, vec![EventKind::OrderCompleted]));

        // Part of the price was refunded meanwhile; the order still counts as paid.
        let mut batch = Batch::new(&mut context);
        let kindly = [payment(&placed, PaymentState::Captured, 2500, 2500, 100)];
        let settled = settle(after.clone(), &kindly, &shipments, &mut context, &mut batch);
        assert_eq!(
            (settled.status, settled.payment_status),
            (OrderStatus::Completed, PaymentStatus::PartiallyRefunded)
        );

        // Changes after completion update the sums, but not the status, and send no event again.
        let mut batch = Batch::new(&mut context);
        let refunded = [payment(&placed, PaymentState::Captured, 2500, 2500, 2500)];
        let last = settle(done, &refunded, &shipments, &mut context, &mut batch);
        assert_eq!((last.status, last.payment_status), (OrderStatus::Completed, PaymentStatus::Refunded));
        assert_eq!((last.amount_refunded, kinds(&batch).len()), (Amount(2500), 0));
        assert_eq!(batch.writes, [Write::Row(RowWrite::Order(Change::Update(last)))]);
    }

    #[test]
    fn an_order_that_ships_unpaid_waits_until_it_ships_or_some_money_comes() {
        let mut context = context();
        let placed = Order { hold_until: Some(context.now()), ships_unpaid: true, ..order(&[(1000, 2)], 500) };
        let pending = payment(&placed, PaymentState::Pending, 0, 0, 0);
        let part = payment(&placed, PaymentState::Captured, 1, 1, 0);
        let packed = shipment(&placed, ShipmentStatus::Pending, &[1]);
        let left = shipment(&placed, ShipmentStatus::Shipped, &[1]);
        for (payment, shipment, waits) in [(&pending, &packed, true), (&pending, &left, false), (&part, &packed, false)]
        {
            let mut batch = Batch::new(&mut context);
            let (payments, shipments) = (std::slice::from_ref(payment), std::slice::from_ref(shipment));
            let after = settle(placed.clone(), payments, shipments, &mut context, &mut batch);
            assert_eq!(after.hold_until.is_some(), waits, "{payment:?} {shipment:?}");
        }
    }

    #[test]
    fn a_part_payment_leaves_the_hold() {
        let mut context = context();
        let mut batch = Batch::new(&mut context);
        let placed = Order { hold_until: Some(context.now()), ..order(&[(1000, 2)], 500) };
        let part = [payment(&placed, PaymentState::Captured, 1000, 1000, 0)];
        let after = settle(placed.clone(), &part, &[], &mut context, &mut batch);
        assert_eq!((after.payment_status, after.hold_until), (PaymentStatus::PartiallyPaid, placed.hold_until));
        assert!(kinds(&batch).is_empty());
    }

    proptest! {
        #[test]
        fn paid_means_that_the_total_came_and_none_of_it_went_back(
            total in 0_i64..5000, captured in 0_i64..5000, refunded in 0_i64..5000,
        ) {
            let refunded = refunded.min(captured);
            let order = order(&[(total, 1)], 0);
            let payments = [payment(&order, PaymentState::Captured, captured, captured, refunded)];
            let paid = payment_status(&order, &payments) == PaymentStatus::Paid;
            prop_assert_eq!(paid, captured >= total && refunded == 0);
        }
    }
}
