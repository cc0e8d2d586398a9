use proptest::prelude::*;

use super::*;
use crate::batch::{Batch, Change, Decision, OutboxWrite, RowWrite, Write};
use crate::clock::DecisionContext;
use crate::error::Result;
use crate::lifecycle::OrderState;
use crate::model::inventory::{Reservation, ReservationStatus};
use crate::model::orders::{FulfillmentStatus, Order, OrderStatus};
use crate::model::outbox::EventKind;
use crate::model::shipping::{Shipment, ShipmentItem, ShipmentStatus, TrackingStatus};
use crate::orders::tests::{context, order};
use crate::shipping::input::{CheckedShipment, CheckedTracking};

/// An order with lines of these quantities; the first line is untracked, the others are fully reserved.
fn state(quantities: &[i64]) -> OrderState {
    let lines: Vec<_> = quantities.iter().map(|&quantity| (1000, quantity)).collect();
    let order = order(&lines, 0);
    let mut context = context();
    let reservations = order.items.iter().skip(1).map(|item| Reservation {
        id: context.id(),
        order_id: order.id,
        order_item_id: item.id,
        variant_id: item.variant_id,
        sku: item.sku.clone(),
        location_id: uuid::Uuid::from_u128(1).into(),
        quantity: item.quantity,
        remaining: item.quantity,
        status: ReservationStatus::Committed,
        created_at: context.now(),
        version: 1,
    });
    let reservations = reservations.collect();
    let (payments, shipments, limits) = (Vec::new(), Vec::new(), std::collections::HashMap::new());
    OrderState { order, payments, shipments, reservations, limits }
}

fn shipment_input(state: &OrderState, quantities: Option<&[i64]>) -> CheckedShipment {
    let items = quantities.map(|quantities| {
        let lines = state.order.items.iter().zip(quantities).filter(|(_, quantity)| **quantity > 0);
        lines.map(|(item, &quantity)| ShipmentItem { order_item_id: item.id, quantity }).collect()
    });
    CheckedShipment { order_id: state.order.id, items, carrier: None, tracking_number: None }
}

fn news(status: TrackingStatus) -> CheckedTracking {
    CheckedTracking { status, description: String::new(), location: None, occurred_at: None }
}

/// Applies a batch to the state as a store would; returns the emitted events.
fn apply(state: &mut OrderState, batch: Batch) -> Vec<EventKind> {
    let mut events = Vec::new();
    for write in batch.writes {
        match write {
            Write::Row(RowWrite::Shipment(Change::Insert(row))) => state.shipments.push(row),
            Write::Row(RowWrite::Shipment(Change::Update(row))) => {
                let stored = state.shipments.iter_mut().find(|stored| stored.id == row.id).unwrap();
                assert_eq!(row.version, stored.version + 1);
                *stored = row;
            }
            Write::Row(RowWrite::Reservation(Change::Update(row))) => {
                let stored = state.reservations.iter_mut().find(|stored| stored.id == row.id).unwrap();
                assert_eq!(row.version, stored.version + 1);
                *stored = row;
            }
            Write::Row(RowWrite::Order(Change::Update(row))) => {
                assert_eq!(row.version, state.order.version + 1);
                state.order = row;
            }
            Write::Outbox(OutboxWrite::Event(event)) => events.push(event.kind),
            _ => {}
        }
    }
    events
}

fn create(state: &mut OrderState, quantities: Option<&[i64]>, context: &mut DecisionContext) -> Result<Shipment> {
    let input = shipment_input(state, quantities);
    let Decision { batch, reply } = create_shipment(state.clone(), input, "staff", context)?;
    assert_eq!(apply(state, batch), [EventKind::ShipmentCreated]);
    Ok(reply)
}

fn track(
    state: &mut OrderState,
    id: crate::id::ShipmentId,
    status: TrackingStatus,
    context: &mut DecisionContext,
) -> Result<Shipment> {
    let before = state.shipments.iter().find(|shipment| shipment.id == id).unwrap().clone();
    let Decision { batch, reply } = track_shipment(state.clone(), &before, news(status), &[], "staff", context)?;
    assert_eq!(apply(state, batch), [EventKind::ShipmentUpdated]);
    Ok(reply)
}

fn code<T>(result: Result<T>) -> &'static str {
    result.map_or_else(|error| error.code(), |_| "done")
}

#[test]
fn a_shipment_holds_all_that_is_left_unless_told_otherwise() {
    let (mut state, mut context) = (state(&[2, 3]), context());
    let first = create(&mut state, Some(&[1, 2]), &mut context).unwrap();
    assert_eq!((first.status, first.items.len()), (ShipmentStatus::Pending, 2));
    let rest = create(&mut state, None, &mut context).unwrap();
    assert_eq!(rest.items.iter().map(|item| item.quantity).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(code(create(&mut state, None, &mut context)), "invalid_transition");
    assert_eq!(code(create(&mut state, Some(&[0, 1]), &mut context)), "invalid_transition");
    track(&mut state, first.id, TrackingStatus::Canceled, &mut context).unwrap();
    let again = create(&mut state, None, &mut context).unwrap();
    assert_eq!(again.items, first.items, "what was unpacked can be packed again");
}

#[test]
fn quantities_are_checked_against_the_order() {
    let (mut state, mut context) = (state(&[2, 3]), context());
    assert_eq!(code(create(&mut state, Some(&[3, 1]), &mut context)), "invalid");
    let mut input = shipment_input(&state, Some(&[1, 1]));
    input.items.as_mut().unwrap()[1].order_item_id = uuid::Uuid::from_u128(9).into();
    assert_eq!(code(create_shipment(state, input, "staff", &mut context)), "invalid");
}

#[test]
fn only_an_order_that_is_placed_and_waits_for_no_money_ships() {
    let fresh = state(&[1, 1]);
    let mut context = context();
    for order in [
        Order { status: OrderStatus::Canceled, ..fresh.order.clone() },
        Order { status: OrderStatus::Completed, ..fresh.order.clone() },
        Order { hold_until: Some(context.now()), ..fresh.order.clone() },
    ] {
        let mut state = OrderState { order: order.clone(), ..fresh.clone() };
        assert_eq!(code(create(&mut state, None, &mut context)), "invalid_transition");
        let mut state = fresh.clone();
        let shipment = create(&mut state, None, &mut context).unwrap();
        state.order = order;
        assert_eq!(code(track(&mut state, shipment.id, TrackingStatus::Shipped, &mut context)), "invalid_transition");
    }
}

#[test]
fn news_move_a_shipment_along_its_one_way() {
    use ShipmentStatus as S;
    use TrackingStatus as T;
    let ways: &[(&[T], T, Option<S>)] = &[
        (&[], T::Shipped, Some(S::Shipped)),
        (&[], T::Delivered, Some(S::Delivered)),
        (&[], T::Canceled, Some(S::Canceled)),
        (&[], T::InTransit, None),
        (&[], T::OutForDelivery, None),
        (&[], T::Exception, None),
        (&[T::Shipped], T::Shipped, None),
        (&[T::Shipped], T::InTransit, Some(S::Shipped)),
        (&[T::Shipped], T::OutForDelivery, Some(S::Shipped)),
        (&[T::Shipped], T::Exception, Some(S::Shipped)),
        (&[T::Shipped], T::Delivered, Some(S::Delivered)),
        (&[T::Shipped], T::Canceled, None),
        (&[T::Delivered], T::Delivered, None),
        (&[T::Delivered], T::Exception, None),
        (&[T::Delivered], T::Canceled, None),
        (&[T::Canceled], T::Shipped, None),
        (&[T::Canceled], T::Canceled, None),
    ];
    for (before, next, expected) in ways {
        let (mut state, mut context) = (state(&[1, 1]), context());
        let id = create(&mut state, None, &mut context).unwrap().id;
        for &step in *before {
            track(&mut state, id, step, &mut context).unwrap();
        }
        let after = track(&mut state, id, *next, &mut context);
        match expected {
            Some(status) => {
                let after = after.unwrap();
                assert_eq!((after.status, after.events.len()), (*status, before.len() + 1));
            }
            None => assert_eq!(code(after), "invalid_transition", "{before:?} then {next:?}"),
        }
    }
}

#[test]
fn what_arrives_has_left() {
    let (mut state, mut context) = (state(&[1, 2]), context());
    let id = create(&mut state, None, &mut context).unwrap().id;
    assert_eq!(state.order.fulfillment_status, FulfillmentStatus::Unfulfilled);
    let arrived = track(&mut state, id, TrackingStatus::Delivered, &mut context).unwrap();
    assert_eq!((arrived.shipped_at, arrived.delivered_at), (Some(context.now()), Some(context.now())));
    assert_eq!(state.order.fulfillment_status, FulfillmentStatus::Delivered);
    assert!(state.reservations.iter().all(|held| held.status == ReservationStatus::Consumed));
}

#[test]
fn late_news_are_sorted_in() {
    let (mut state, mut context) = (state(&[1]), context());
    let id = create(&mut state, None, &mut context).unwrap().id;
    track(&mut state, id, TrackingStatus::Shipped, &mut context).unwrap();
    let before = state.shipments[0].clone();
    let earlier = context.now() - chrono::TimeDelta::hours(1);
    let late = CheckedTracking { occurred_at: Some(earlier), ..news(TrackingStatus::InTransit) };
    let after = track_shipment(state, &before, late, &[], "staff", &mut context).unwrap().reply;
    let words: Vec<_> = after.events.iter().map(|event| event.status.as_str()).collect();
    assert_eq!(words, ["in_transit", "shipped"]);
}

#[test]
fn goods_that_were_let_go_are_not_packed() {
    let (mut state, mut context) = (state(&[1, 2]), context());
    state.reservations[0].status = ReservationStatus::Released;
    state.reservations[0].remaining = 0;
    assert_eq!(shippable(&state.order, &state.shipments, &state.reservations)[1].1, 0);
    let shipment = create(&mut state, None, &mut context).unwrap();
    assert_eq!(shipment.items.len(), 1);
}

proptest! {
    #[test]
    fn no_shipments_ever_hold_more_than_was_ordered(
        quantities in prop::collection::vec(1_i64..6, 1..4),
        steps in prop::collection::vec((any::<u8>(), prop::option::of(prop::collection::vec(0_i64..7, 3)), 0_usize..6), 0..25),
    ) {
        let (mut state, mut context) = (state(&quantities), context());
        for (which, shipment_input, word) in steps {
            if which % 2 == 0 || state.shipments.is_empty() {
                if shipment_input.as_ref().is_some_and(|shipment_input| shipment_input.iter().zip(&quantities).all(|(quantity, _)| *quantity == 0)) {
                    continue;
                }
                let _ = create(&mut state, shipment_input.as_deref(), &mut context);
            } else {
                let id = state.shipments[usize::from(which) % state.shipments.len()].id;
                let _ = track(&mut state, id, TrackingStatus::ALL[word], &mut context);
            }
            for (index, item) in state.order.items.iter().enumerate() {
                let count = |counts: fn(ShipmentStatus) -> bool| -> i64 {
                    let shipments = state.shipments.iter().filter(|shipment| counts(shipment.status));
                    let items = shipments.flat_map(|shipment| &shipment.items).filter(|packed| packed.order_item_id == item.id);
                    items.map(|packed| packed.quantity).sum()
                };
                prop_assert!(count(|status| status != ShipmentStatus::Canceled) <= item.quantity);
                if index > 0 {
                    let left = count(|status| matches!(status, ShipmentStatus::Shipped | ShipmentStatus::Delivered));
                    let held = state.reservations.iter().find(|held| held.order_item_id == item.id).unwrap();
                    prop_assert_eq!(held.remaining + left, item.quantity);
                    prop_assert_eq!(held.remaining == 0, held.status == ReservationStatus::Consumed);
                }
            }
        }
    }
}
