//! The payment calls, on the memory store.

use std::thread;

use chrono::TimeDelta;
use serde_json::json;

use super::*;
use crate::gateway::ManualGateway;
use crate::id::OrderId;
use crate::model::inventory::ReservationStatus;
use crate::model::orders::{Order, OrderStatus, PaymentStatus};
use crate::model::payments::PaymentState;
use crate::orders::tests::{order, store_placed};
use crate::string_enum::StringEnum as _;
use crate::testing::{World, block_on, world_with};

fn input<T: serde::de::DeserializeOwned>(json: serde_json::Value) -> T {
    serde_json::from_value(json).unwrap()
}

fn code<T>(result: Result<T>) -> &'static str {
    result.map_or_else(|error| error.code(), |_| "done")
}

/// A shop with `manual`, which is not prepaid, and `transfer`, which is.
fn world() -> World {
    let transfer = ManualGateway::new("transfer", "Bank transfer in advance").prepaid();
    world_with(|builder| {
        builder.gateway(std::sync::Arc::new(ManualGateway::default())).gateway(std::sync::Arc::new(transfer))
    })
}

fn stored(world: &World, id: OrderId) -> Order {
    block_on(world.shop.store().order(id)).unwrap().unwrap()
}

fn amount(text: &str) -> AmountInput {
    input(json!({"amount": text}))
}

fn held(world: &World, id: OrderId) -> Vec<ReservationStatus> {
    block_on(world.shop.store().reservations_of(id)).unwrap().into_iter().map(|held| held.status).collect()
}

#[test]
fn money_comes_in_parts_and_settles_the_order() {
    let world = world();
    let (payments, staff, ada) = (world.shop.payments(), world.staff("eve"), world.customer("ada"));
    let order = order(&[(1000, 2)], 500);
    let id = store_placed(&world, &order).id;
    assert_eq!(code(block_on(payments.capture(&ada, id, AmountInput::default(), None))), "permission_denied");
    assert_eq!(code(block_on(payments.capture(&Actor::anonymous(), id, amount("x"), None))), "not_authenticated");
    for wrong in ["0", "25.01", "1.234", "-1", "x", ""] {
        let refused = block_on(payments.capture(&staff, id, amount(wrong), None));
        let Err(Error::Invalid(invalid)) = refused else { panic!("{wrong} was taken") };
        assert!(invalid.fields.contains_key("amount"));
    }
    block_on(payments.capture(&staff, id, amount("10"), None)).unwrap();
    assert_eq!(stored(&world, order.id).payment_status, PaymentStatus::PartiallyPaid);
    assert_eq!(code(block_on(payments.void(&staff, id, AmountInput::default(), None))), "invalid_transition");
    let all = block_on(payments.capture(&staff, id, AmountInput::default(), None)).unwrap().value;
    assert_eq!(all.amount_captured, all.amount);
    let paid = stored(&world, order.id);
    assert_eq!((paid.payment_status, paid.amount_paid, paid.version), (PaymentStatus::Paid, paid.total, 3));
    assert_eq!(code(block_on(payments.capture(&staff, id, AmountInput::default(), None))), "invalid_transition");
    let nothing = PaymentId(uuid::Uuid::nil());
    assert_eq!(code(block_on(payments.capture(&staff, nothing, AmountInput::default(), None))), "not_found");
}

#[test]
fn money_ends_the_wait_and_holds_the_stock_for_good() {
    let world = world();
    let (payments, staff) = (world.shop.payments(), world.staff("eve"));
    let order =
        Order { hold_until: Some(world.shop.context().now() + TimeDelta::minutes(30)), ..order(&[(1000, 2)], 0) };
    let id = store_placed(&world, &order).id;
    block_on(payments.capture(&staff, id, amount("1"), None)).unwrap();
    assert_eq!(stored(&world, order.id).hold_until, order.hold_until, "a part is not enough");
    assert_eq!(held(&world, order.id), [ReservationStatus::Held]);
    block_on(payments.capture(&staff, id, AmountInput::default(), None)).unwrap();
    assert_eq!(stored(&world, order.id).hold_until, None);
    assert_eq!(held(&world, order.id), [ReservationStatus::Committed]);
}

#[test]
fn another_attempt_takes_the_place_of_the_open_one() {
    let world = world();
    let (payments, staff) = (world.shop.payments(), world.staff("eve"));
    let now = world.shop.context().now();
    let order = Order { hold_until: Some(now + TimeDelta::minutes(1)), ..order(&[(1000, 2)], 0) };
    let first = store_placed(&world, &order).id;
    let guest = Actor::anonymous().with_order(Some(order.id));
    let attempt = |gateway: &str| input::<AttemptInput>(json!({"order_id": order.id, "gateway": gateway}));
    assert_eq!(code(block_on(payments.begin(&Actor::anonymous(), attempt("manual"), None))), "not_authenticated");
    assert_eq!(code(block_on(payments.begin(&world.customer("bob"), attempt("manual"), None))), "not_found");
    assert_eq!(code(block_on(payments.begin(&guest, attempt("cowries"), None))), "invalid");
    assert_eq!(code(block_on(payments.begin(&guest, AttemptInput::default(), None))), "invalid");

    let second = block_on(payments.begin(&guest, attempt("transfer"), None)).unwrap().value;
    assert_eq!((second.state, second.amount), (PaymentState::Pending, order.total));
    assert_eq!(block_on(payments.get(&guest, first)).unwrap().state, PaymentState::Voided);
    let ttl = world.shop.settings().reservation_ttl;
    assert_eq!(stored(&world, order.id).hold_until, Some(now + ttl), "the wait runs from the last attempt");
    assert_eq!(held(&world, order.id), [ReservationStatus::Held]);

    let third = block_on(payments.begin(&guest, attempt("manual"), None)).unwrap().value;
    let trusted = stored(&world, order.id);
    let week = world.shop.settings().manual_payment_ttl.map(|week| now + week);
    assert_eq!((trusted.ships_unpaid, trusted.hold_until), (true, week), "it ships before it is paid");
    assert_eq!(held(&world, order.id), [ReservationStatus::Committed]);
    block_on(payments.begin(&guest, attempt("transfer"), None)).unwrap();
    let again = stored(&world, order.id);
    assert_eq!((again.ships_unpaid, again.hold_until), (true, week), "what ships unpaid stays so, and waits no longer");

    assert_eq!(code(block_on(payments.capture(&staff, third.id, AmountInput::default(), None))), "invalid_transition");
    let live = block_on(world.shop.store().payments_of_orders(&[order.id])).unwrap();
    let live: Vec<_> = live.into_iter().filter(|payment| payment.state.is_live()).collect();
    assert_eq!(live.len(), 1);
    block_on(payments.capture(&staff, live[0].id, amount("1"), None)).unwrap();
    assert_eq!(code(block_on(payments.begin(&guest, attempt("manual"), None))), "invalid_transition");
    block_on(payments.capture(&staff, live[0].id, AmountInput::default(), None)).unwrap();
    assert_eq!(code(block_on(payments.begin(&guest, attempt("manual"), None))), "invalid_transition");
}

#[test]
fn only_all_of_a_payment_is_called_off() {
    let world = world();
    let (payments, staff) = (world.shop.payments(), world.staff("eve"));
    let order = order(&[(1000, 2)], 0);
    let id = store_placed(&world, &order).id;
    assert_eq!(code(block_on(payments.void(&world.customer("ada"), id, amount("x"), None))), "permission_denied");
    for wrong in ["19.99", "0", "x"] {
        assert_eq!(code(block_on(payments.void(&staff, id, amount(wrong), None))), "invalid");
    }
    let voided = block_on(payments.void(&staff, id, amount("20"), None)).unwrap().value;
    assert_eq!(voided.state, PaymentState::Voided);
    assert_eq!(code(block_on(payments.void(&staff, id, AmountInput::default(), None))), "invalid_transition");
    assert_eq!(stored(&world, order.id).status, OrderStatus::Placed);
}

#[test]
fn payments_are_seen_by_their_owner_and_staff() {
    let world = world();
    let (payments, staff, ada) = (world.shop.payments(), world.staff("eve"), world.customer("ada"));
    let order = Order { customer_id: ada.signed_in().map(|person| person.user_id), ..order(&[(1000, 2)], 0) };
    let id = store_placed(&world, &order).id;
    for (actor, expected) in [
        (&ada, "done"),
        (&staff, "done"),
        (&world.customer("bob"), "not_found"),
        (&Actor::anonymous(), "not_authenticated"),
        (&Actor::anonymous().with_order(Some(order.id)), "not_found"),
    ] {
        assert_eq!(code(block_on(payments.get(actor, id))), expected);
    }
    let list = |actor: &Actor| block_on(payments.list(actor, &PaymentFilter::default(), &PageRequest::default()));
    assert_eq!((code(list(&ada)), code(list(&Actor::anonymous()))), ("permission_denied", "not_authenticated"));
    assert_eq!(list(&staff).unwrap().items.len(), 1);
    let ids: Vec<_> = payments.gateways().into_iter().map(|gateway| gateway.id).collect();
    assert_eq!(ids, ["manual", "transfer"]);
}

#[test]
fn payments_by_hand_outlive_their_gateway() {
    let cards = ManualGateway::new("cards", "Cards");
    let world = world_with(|builder| builder.gateway(std::sync::Arc::new(cards)));
    let (payments, staff) = (world.shop.payments(), world.staff("eve"));
    let paid = order(&[(1000, 2)], 0);
    let id = store_placed(&world, &paid).id;
    assert_eq!(block_on(payments.get(&staff, id)).unwrap().gateway, "manual");
    block_on(payments.capture(&staff, id, AmountInput::default(), None)).unwrap();
    assert_eq!(stored(&world, paid.id).payment_status, PaymentStatus::Paid);
    block_on(payments.refund(&staff, id, RefundInput::default(), None)).unwrap();
    assert_eq!(stored(&world, paid.id).payment_status, PaymentStatus::Refunded);
    let attempt = input(json!({"order_id": paid.id, "gateway": "manual"}));
    let Err(Error::Invalid(invalid)) = block_on(payments.begin(&staff, attempt, None)) else { panic!("it was begun") };
    assert!(invalid.fields.contains_key("gateway"));
}

#[test]
fn a_canceled_order_takes_no_money() {
    let world = world();
    let (payments, staff) = (world.shop.payments(), world.staff("eve"));
    let order = Order { status: OrderStatus::Canceled, ..order(&[(1000, 2)], 0) };
    let id = store_placed(&world, &order).id;
    assert_eq!(code(block_on(payments.capture(&staff, id, AmountInput::default(), None))), "invalid_transition");
    let attempt = input(json!({"order_id": order.id, "gateway": "manual"}));
    assert_eq!(code(block_on(payments.begin(&staff, attempt, None))), "invalid_transition");
}

#[test]
fn a_restock_brings_everything_back_and_calls_off_what_has_not_left() {
    let world = world();
    let (payments, shipping, staff) = (world.shop.payments(), world.shop.shipping(), world.staff("eve"));
    let order = order(&[(1000, 4)], 0);
    let id = store_placed(&world, &order).id;
    block_on(payments.capture(&staff, id, AmountInput::default(), None)).unwrap();
    let pack = |quantity: i64| {
        let items = json!([{"order_item_id": order.items[0].id, "quantity": quantity}]);
        let input = input(json!({"order_id": order.id, "items": items}));
        block_on(shipping.create_shipment(&staff, input, None)).unwrap().value.id
    };
    let (left, waiting) = (pack(2), pack(1));
    block_on(shipping.track_shipment(&staff, left, input(json!({"status": "shipped"})), None)).unwrap();
    let level = || {
        let level = block_on(world.shop.store().stock_of(&[order.items[0].variant_id])).unwrap().remove(0);
        (level.on_hand, level.reserved)
    };
    assert_eq!(level(), (2, 2));
    let refund = |json| block_on(payments.refund(&staff, id, input(json), None));
    let Err(Error::Invalid(invalid)) = refund(json!({"amount": "39.99", "restock": true})) else { panic!() };
    assert!(invalid.fields.contains_key("restock"));
    refund(json!({"amount": "10", "reason": "late"})).unwrap();
    assert_eq!(level(), (2, 2), "a refund alone moves no goods");
    let last = refund(json!({"restock": true})).unwrap().value;
    assert_eq!(last.refund.amount.0, 3000);
    assert_eq!(level(), (4, 0));
    assert_eq!(stored(&world, order.id).payment_status, PaymentStatus::Refunded);
    let shipment = block_on(shipping.shipment(&staff, waiting)).unwrap();
    assert_eq!(shipment.status.as_str(), "canceled");
    assert_eq!(code(refund(json!({"restock": true}))), "invalid_transition");
    let again = block_on(shipping.create_shipment(&staff, input(json!({"order_id": order.id})), None));
    assert_eq!(code(again), "invalid_transition");
    assert_eq!(code(block_on(payments.capture(&staff, id, AmountInput::default(), None))), "invalid_transition");
}

#[test]
fn parallel_refunds_never_give_back_more_than_came() {
    let world = world();
    let (payments, staff) = (world.shop.payments(), world.staff("eve"));
    let order = order(&[(1000, 1)], 0);
    let id = store_placed(&world, &order).id;
    block_on(payments.capture(&staff, id, AmountInput::default(), None)).unwrap();
    let done: usize = thread::scope(|scope| {
        let refund = || block_on(world.shop.payments().refund(&staff, id, input(json!({"amount": "3"})), None));
        let threads: Vec<_> = (0..20).map(|_| scope.spawn(refund)).collect();
        let results = threads.into_iter().map(|thread| thread.join().unwrap());
        results
            .filter(|result| match result {
                Ok(_) => true,
                Err(Error::Invalid(_) | Error::InvalidTransition { .. }) => false,
                Err(error) => panic!("{error:?}"),
            })
            .count()
    });
    assert_eq!(done, 3);
    let payment = block_on(payments.get(&staff, id)).unwrap();
    assert_eq!((payment.amount_refunded.0, payment.refunds.len()), (900, 3));
    assert_eq!(stored(&world, order.id).amount_refunded.0, 900);
}

#[test]
fn a_repeated_request_moves_money_once() {
    let world = world();
    let (payments, staff) = (world.shop.payments(), world.staff("eve"));
    let order = order(&[(1000, 1)], 0);
    let id = store_placed(&world, &order).id;
    let body = json!({"amount": "4"});
    let key = IdempotencyKey::new("k", &body).unwrap();
    let results: Vec<_> = thread::scope(|scope| {
        let capture = || block_on(world.shop.payments().capture(&staff, id, input(body.clone()), Some(&key))).unwrap();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(capture)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(results.iter().filter(|result| !result.replayed).count(), 1);
    assert!(results.iter().all(|result| result.value.amount_captured.0 == 400));
    // The same key on another call is independent.
    let refund = block_on(payments.refund(&staff, id, input(body.clone()), Some(&key))).unwrap();
    assert!(!refund.replayed);
    let other = IdempotencyKey::new("k", &json!({"amount": "5"})).unwrap();
    let mismatch = block_on(payments.capture(&staff, id, input(json!({"amount": "5"})), Some(&other)));
    assert_eq!(code(mismatch), "idempotency_mismatch");
}
