//! What an order says about its money and its parcels, derived from them in one place.

use serde_json::{Value, json};

use crate::batch::{Batch, Change};
use crate::clock::Moment;
use crate::id::OrderId;
use crate::money::Amount;
use crate::orders::{FulfillmentStatus, HistoryEntry, Order, OrderStatus, OrdersWrite, PaymentStatus};
use crate::outbox::EventKind;
use crate::payments::{Payment, PaymentState};
use crate::shipping::{Shipment, ShipmentStatus};

/// Where the money of an order stands, from all of its payments. An order that costs nothing counts as paid.
///
/// Money that came always wins over what was called off: a payment that was captured makes an order paid, canceled
/// or not, until the money went back.
#[must_use]
pub fn payment_status(order: &Order, payments: &[Payment]) -> PaymentStatus {
    let captured = sum(payments.iter().map(|payment| payment.amount_captured));
    let refunded = sum(payments.iter().map(|payment| payment.amount_refunded));
    if captured > Amount::ZERO {
        return if refunded >= captured {
            PaymentStatus::Refunded
        } else if refunded > Amount::ZERO {
            PaymentStatus::PartiallyRefunded
        } else if captured >= order.total {
            PaymentStatus::Paid
        } else {
            PaymentStatus::PartiallyPaid
        };
    }
    let authorized = payments.iter().filter(|payment| payment.state == PaymentState::Authorized);
    if order.status == OrderStatus::Canceled {
        PaymentStatus::Voided
    } else if order.total == Amount::ZERO {
        PaymentStatus::Paid
    } else if sum(authorized.map(|payment| payment.amount_authorized)) >= order.total {
        PaymentStatus::Authorized
    } else {
        PaymentStatus::NotPaid
    }
}

/// Where the parcels of an order stand, from all of its shipments.
#[must_use]
pub fn fulfillment_status(order: &Order, shipments: &[Shipment]) -> FulfillmentStatus {
    let ordered = order.items.iter().fold(0_i64, |sum, item| sum.saturating_add(item.quantity));
    let count = |counts: fn(ShipmentStatus) -> bool| {
        let parcels = shipments.iter().filter(|shipment| counts(shipment.status));
        parcels.flat_map(|shipment| &shipment.items).fold(0_i64, |sum, item| sum.saturating_add(item.quantity))
    };
    let left = count(|status| matches!(status, ShipmentStatus::Shipped | ShipmentStatus::Delivered));
    let arrived = count(|status| status == ShipmentStatus::Delivered);
    match (left, arrived) {
        (_, arrived) if arrived > 0 && arrived >= ordered => FulfillmentStatus::Delivered,
        (_, arrived) if arrived > 0 => FulfillmentStatus::PartiallyDelivered,
        (left, _) if left > 0 && left >= ordered => FulfillmentStatus::Fulfilled,
        (left, _) if left > 0 => FulfillmentStatus::PartiallyFulfilled,
        _ => FulfillmentStatus::Unfulfilled,
    }
}

/// Brings an order up to date with all of its payments and parcels as they will be after the batch, and writes it:
/// the sums and derived statuses, the end of the hold once the money is safe, completion, and the events and history
/// of what follows. Every batch that touches a payment or a parcel calls it exactly once.
pub fn settle(
    mut order: Order,
    payments: &[Payment],
    shipments: &[Shipment],
    moment: &mut Moment,
    batch: &mut Batch,
) -> Order {
    // Whether the whole price came, whatever of it went back since.
    let was_paid = order.amount_paid >= order.total;
    order.amount_paid = sum(payments.iter().map(|payment| payment.amount_captured));
    order.amount_refunded = sum(payments.iter().map(|payment| payment.amount_refunded));
    order.payment_status = payment_status(&order, payments);
    order.fulfillment_status = fulfillment_status(&order, shipments);
    let paid = order.amount_paid >= order.total;
    if paid || order.payment_status == PaymentStatus::Authorized {
        order.hold_until = None;
    }
    let completes =
        order.status == OrderStatus::Placed && paid && order.fulfillment_status == FulfillmentStatus::Delivered;
    if completes {
        order.status = OrderStatus::Completed;
    }
    order.updated_at = moment.draws_at();
    order.version += 1;
    batch.write(OrdersWrite::Order(Change::Update(order.clone())));
    // Money that comes for a canceled order is given back: nobody should ship it.
    if paid && !was_paid && order.status != OrderStatus::Canceled {
        batch.event(moment, EventKind::OrderPaid, order.id, event_data(&order));
    }
    if completes {
        record(batch, moment, order.id, "completed", "system", "Paid and delivered.");
        batch.event(moment, EventKind::OrderCompleted, order.id, event_data(&order));
    }
    order
}

/// Adds an entry to an order's timeline, in words that its buyer may read; `actor` is
/// [`Actor::role`](crate::Actor::role), `system` or `gateway`.
pub fn record(
    batch: &mut Batch,
    moment: &mut Moment,
    order_id: OrderId,
    event: &str,
    actor: &str,
    detail: impl Into<String>,
) {
    batch.write(entry(moment, order_id, (event, actor), detail.into(), true));
}

/// The same in words that only staff read.
pub fn record_for_staff(
    batch: &mut Batch,
    moment: &mut Moment,
    order_id: OrderId,
    event: &str,
    actor: &str,
    detail: impl Into<String>,
) {
    batch.write(entry(moment, order_id, (event, actor), detail.into(), false));
}

fn entry(
    moment: &mut Moment,
    order_id: OrderId,
    (event, actor): (&str, &str),
    detail: String,
    visible: bool,
) -> OrdersWrite {
    let (event, actor) = (event.to_owned(), actor.to_owned());
    OrdersWrite::History(HistoryEntry { id: moment.id(), order_id, at: moment.now(), event, actor, detail, visible })
}

/// What the events of an order tell of it: which one, where it stands, its amounts. No names, no addresses.
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
        "amount_paid": amount(order.amount_paid),
        "amount_refunded": amount(order.amount_refunded),
    })
}

/// A sum that cannot fail: what was committed once is within range, and a status is no place for an error.
fn sum(amounts: impl Iterator<Item = Amount>) -> Amount {
    amounts.fold(Amount::ZERO, |sum, amount| Amount(sum.0.saturating_add(amount.0)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::batch::Write;
    use crate::orders::tests::{moment, order, payment, shipment};
    use crate::outbox::OutboxWrite;

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
    fn the_fulfillment_status_follows_the_parcels() {
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
        for (parcels, expected) in table {
            let parcels: Vec<_> = parcels.iter().map(|(status, items)| shipment(&order, *status, items)).collect();
            assert_eq!(fulfillment_status(&order, &parcels), *expected, "{parcels:?}");
        }
    }

    #[test]
    fn settling_tells_of_payment_and_completion_once() {
        let mut moment = moment();
        let mut batch = Batch::new(&mut moment);
        let placed = Order { hold_until: Some(moment.now()), ..order(&[(1000, 2)], 500) };
        let paid = [payment(&placed, PaymentState::Captured, 2500, 2500, 0)];
        let after = settle(placed.clone(), &paid, &[], &mut moment, &mut batch);
        assert_eq!(
            (after.payment_status, after.amount_paid, after.hold_until),
            (PaymentStatus::Paid, Amount(2500), None)
        );
        assert_eq!((after.status, after.version), (OrderStatus::Placed, placed.version + 1));
        assert_eq!(kinds(&batch), [EventKind::OrderPaid]);

        let mut batch = Batch::new(&mut moment);
        let parcels = [shipment(&placed, ShipmentStatus::Delivered, &[2])];
        let done = settle(after.clone(), &paid, &parcels, &mut moment, &mut batch);
        assert_eq!((done.status, kinds(&batch)), (OrderStatus::Completed, vec![EventKind::OrderCompleted]));

        // Some of the price went back on the way: it was paid all the same.
        let mut batch = Batch::new(&mut moment);
        let kindly = [payment(&placed, PaymentState::Captured, 2500, 2500, 100)];
        let settled = settle(after.clone(), &kindly, &parcels, &mut moment, &mut batch);
        assert_eq!(
            (settled.status, settled.payment_status),
            (OrderStatus::Completed, PaymentStatus::PartiallyRefunded)
        );

        // What comes after completion changes the sums, not the status, and tells nothing twice.
        let mut batch = Batch::new(&mut moment);
        let refunded = [payment(&placed, PaymentState::Captured, 2500, 2500, 2500)];
        let last = settle(done, &refunded, &parcels, &mut moment, &mut batch);
        assert_eq!((last.status, last.payment_status), (OrderStatus::Completed, PaymentStatus::Refunded));
        assert_eq!((last.amount_refunded, kinds(&batch).len()), (Amount(2500), 0));
        assert_eq!(batch.writes, [Write::Orders(OrdersWrite::Order(Change::Update(last)))]);
    }

    #[test]
    fn a_part_payment_leaves_the_hold() {
        let mut moment = moment();
        let mut batch = Batch::new(&mut moment);
        let placed = Order { hold_until: Some(moment.now()), ..order(&[(1000, 2)], 500) };
        let part = [payment(&placed, PaymentState::Captured, 1000, 1000, 0)];
        let after = settle(placed.clone(), &part, &[], &mut moment, &mut batch);
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
