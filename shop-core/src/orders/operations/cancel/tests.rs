use uuid::Uuid;

use super::*;
use crate::batch::{OrdersWrite, OutboxWrite, RowWrite, Write};
use crate::inventory::operations::fixtures::{deltas, location, variant};
use crate::model::orders::PaymentStatus;
use crate::money::Amount;
use crate::orders::tests::{context, order, payment, shipment};

fn reservation(order: &Order, status: ReservationStatus, remaining: i64) -> Reservation {
    Reservation {
        id: Uuid::from_u128(1).into(),
        order_id: order.id,
        order_item_id: order.items[0].id,
        variant_id: variant(),
        sku: "A".into(),
        location_id: location(1),
        quantity: 2,
        remaining,
        status,
        created_at: order.placed_at,
        version: 1,
    }
}

/// An order of 2 × 10.00 with a payment in this state, and its shipments.
fn view(state: PaymentState, captured: i64, shipments: &[ShipmentStatus]) -> OrderView {
    let order = Order { amount_paid: Amount(captured), ..order(&[(1000, 2)], 0) };
    let payments = vec![payment(&order, state, captured, captured, 0)];
    let shipments = shipments.iter().map(|status| shipment(&order, *status, &[1])).collect();
    OrderView { order, payments, shipments }
}

fn told(batch: &Batch) -> Vec<String> {
    let word = |write: &Write| match write {
        Write::Outbox(OutboxWrite::Event(event)) => {
            Some(serde_json::to_value(event.kind).unwrap().as_str().unwrap().to_owned())
        }
        Write::Orders(OrdersWrite::History(entry)) => Some(format!("{} by {}", entry.event, entry.actor)),
        _ => None,
    };
    batch.writes.iter().filter_map(word).collect()
}

#[test]
fn an_unpaid_order_gives_its_stock_back_and_voids_its_payment() {
    let view = view(PaymentState::Pending, 0, &[ShipmentStatus::Pending, ShipmentStatus::Canceled]);
    let held = [reservation(&view.order, ReservationStatus::Committed, 2)];
    let version = view.order.version;
    let Decision { batch, reply } = cancel(view, &held, Reason::Asked("customer"), &|_| false, &mut context()).unwrap();
    let order = &reply.order;
    assert_eq!((order.status, order.payment_status), (OrderStatus::Canceled, PaymentStatus::Voided));
    assert_eq!((order.canceled_at, order.version), (Some(context().now()), version + 1));
    assert_eq!(reply.payments[0].state, PaymentState::Voided);
    assert!(reply.shipments.iter().all(|shipment| shipment.status == ShipmentStatus::Canceled));
    assert_eq!(deltas(&batch), [(location(1), 0, -2)]);
    let expected = [
        "shipment_canceled by customer",
        "shipment.updated",
        "payment_voided by customer",
        "canceled by customer",
        "order.canceled",
    ];
    assert_eq!(told(&batch), expected);
    let orders = batch.writes.iter().filter(|write| matches!(write, Write::Row(RowWrite::Order(_)))).count();
    assert_eq!(orders, 1);
}

#[test]
fn a_paid_order_is_given_back_to_the_last_cent() {
    let Decision { batch, reply } =
        cancel(view(PaymentState::Captured, 2000, &[]), &[], Reason::Asked("staff"), &|_| false, &mut context())
            .unwrap();
    assert_eq!(reply.order.payment_status, PaymentStatus::Refunded);
    assert_eq!((reply.order.amount_paid, reply.order.amount_refunded), (Amount(2000), Amount(2000)));
    let expected = ["refund_created by staff", "payment.refunded", "canceled by staff", "order.canceled"];
    assert_eq!(told(&batch), expected);
}

#[test]
fn an_overdue_order_lets_its_hold_expire() {
    let view = view(PaymentState::Pending, 0, &[]);
    let held = [reservation(&view.order, ReservationStatus::Held, 2)];
    let Decision { batch, reply } = cancel(view, &held, Reason::Overdue, &|_| false, &mut context()).unwrap();
    assert_eq!((reply.order.status, reply.order.hold_until), (OrderStatus::Canceled, None));
    let ended = batch.writes.iter().find_map(|write| match write {
        Write::Row(RowWrite::Reservation(Change::Update(ended))) => Some((ended.status, ended.remaining)),
        _ => None,
    });
    assert_eq!(ended, Some((ReservationStatus::Expired, 0)));
    assert!(told(&batch).contains(&"canceled by system".to_owned()));
}

#[test]
fn what_has_left_or_is_over_cannot_be_canceled() {
    for shipment in [ShipmentStatus::Shipped, ShipmentStatus::Delivered] {
        let refused = cancel(
            view(PaymentState::Pending, 0, &[shipment]),
            &[],
            Reason::Asked("staff"),
            &|_| false,
            &mut context(),
        );
        assert_eq!(refused.unwrap_err().code(), "invalid_transition");
    }
    for status in [OrderStatus::Canceled, OrderStatus::Completed] {
        let mut over = view(PaymentState::Pending, 0, &[]);
        over.order.status = status;
        let refused = cancel(over, &[], Reason::Asked("staff"), &|_| false, &mut context());
        assert_eq!(refused.unwrap_err().code(), "invalid_transition");
    }
}
