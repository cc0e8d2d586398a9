//! Tests the calls of carts and orders against a store, including races.

use std::sync::{Arc, Barrier};

use chrono::TimeDelta;
use serde_json::json;

use crate::accounts::UserFlagsInput;
use crate::actor::{Actor, SignedIn};
use crate::cart::{AddItem, CartView, SetQuantity, ShippingOptions};
use crate::error::{Error, Result};
use crate::gateway::ManualGateway;
use crate::id::VariantId;
use crate::idempotency::{IdempotencyKey, Replayable};
use crate::model::inventory::{ReservationStatus, StockLevel};
use crate::model::orders::{Order, OrderStatus, PaymentStatus};
use crate::model::payments::PaymentState;
use crate::money::Amount;
use crate::orders::fixtures::{guest, offer};
use crate::orders::{OrderQuery, OrderView, PlaceOrder, PlacedOrder};
use crate::page::PageRequest;
use crate::shop::prepare::Retries;
use crate::shop::{Shop, Tokens};
use crate::store::Store as _;
use crate::testing::{World, block_on, world, world_with};

fn add(shop: &Shop, actor: &Actor, variant: VariantId, quantity: i64) -> Result<CartView> {
    let input = AddItem { variant_id: variant.into(), quantity: quantity.into(), ..AddItem::default() };
    block_on(shop.carts().add_item(actor, input))
}

fn place(shop: &Shop, actor: &Actor, input: PlaceOrder) -> Result<PlacedOrder> {
    block_on(shop.orders().place(actor, input, None)).map(|placed| placed.value)
}

fn stock(world: &World, variant: VariantId) -> StockLevel {
    block_on(world.shop.store().stock_of(&[variant])).unwrap().remove(0)
}

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::new(text, &json!({"body": 1})).unwrap()
}

fn code<T>(result: Result<T>) -> &'static str {
    result.map_or_else(|error| error.code(), |_| "ok")
}

/// Runs a closure concurrently on many threads.
fn race<T: Send>(runners: usize, run: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(runners);
    std::thread::scope(|scope| {
        let (run, barrier) = (&run, &barrier);
        let threads: Vec<_> = (0..runners)
            .map(|index| {
                scope.spawn(move || {
                    barrier.wait();
                    run(index)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Deactivates or reactivates a user.
fn set_active(world: &World, person: &Actor, is_active: bool) {
    let input = UserFlagsInput { is_active: is_active.into(), ..UserFlagsInput::default() };
    let user = person.signed_in().unwrap().user_id;
    block_on(world.shop.accounts().update_user_flags(&Actor::system(), user, input)).unwrap();
}

#[test]
fn a_deactivated_customer_changes_nothing_through_a_vouched_actor() {
    let world = world();
    let offer = offer(&world, &[(1999, 5)]);
    let (shop, ada) = (&world.shop, world.customer("ada"));
    add(shop, &ada, offer.variant(0), 1).unwrap();
    let order = place(shop, &ada, offer.order_input()).unwrap().view.order;
    add(shop, &ada, offer.variant(0), 1).unwrap();

    set_active(&world, &ada, false);
    let address = || serde_json::from_value(json!({"first_name": "Ada", "line1": "1", "city": "B", "country": "GB"}));
    let refusals = [
        code(add(shop, &ada, offer.variant(0), 1)),
        code(place(shop, &ada, offer.order_input())),
        code(block_on(shop.orders().place(&ada, offer.order_input(), Some(&key("again"))))),
        code(block_on(shop.orders().cancel(&ada, order.id, None))),
        code(block_on(shop.shipping().create_address(&ada, address().unwrap()))),
        code(block_on(shop.carts().empty(&ada, None))),
    ];
    assert_eq!(refusals, ["permission_denied"; 6]);
    assert_eq!(stock(&world, offer.variant(0)).reserved, 1);
    // The same holds for unknown users and for deactivated staff.
    let nobody = Actor::user(SignedIn {
        user_id: uuid::Uuid::from_u128(7).into(),
        session_id: None,
        is_staff: true,
        is_superuser: true,
    });
    assert_eq!(code(add(shop, &nobody, offer.variant(0), 1)), "permission_denied");
    let sam = world.staff("sam");
    set_active(&world, &sam, false);
    assert_eq!(code(block_on(shop.orders().cancel(&sam, order.id, None))), "permission_denied");

    set_active(&world, &ada, true);
    place(shop, &ada, offer.order_input()).unwrap();
    assert_eq!(block_on(shop.check()).unwrap(), Vec::<String>::new());
}

#[test]
fn who_is_shut_out_between_decision_and_commit_orders_nothing() {
    let world = world();
    let offer = offer(&world, &[(1999, 5)]);
    let ada = world.customer("ada");
    add(&world.shop, &ada, offer.variant(0), 1).unwrap();
    let call = async |shop: Shop| shop.orders().place(&ada, offer.order_input(), None).await;
    let prepared = block_on(world.shop.prepare(call)).unwrap();
    set_active(&world, &ada, false);
    let refusal = block_on(world.store.commit(prepared.batch)).unwrap_err();
    assert_eq!(code(Retries::default().after(refusal)), "permission_denied");
    assert_eq!(stock(&world, offer.variant(0)).reserved, 0);
}

#[test]
fn a_guest_fills_a_cart_and_orders_it() {
    let world = world();
    let offer = offer(&world, &[(1999, 5), (500, 5)]);
    let ada = guest(&world, offer.variant(0), 2);
    add(&world.shop, &ada, offer.variant(1), 1).unwrap();
    let placed = place(&world.shop, &ada, offer.order_input()).unwrap();
    let order = &placed.view.order;
    assert_eq!(
        (order.total, order.status, order.payment_status),
        (Amount(4998), OrderStatus::Placed, PaymentStatus::NotPaid)
    );
    assert_eq!((stock(&world, offer.variant(0)).reserved, stock(&world, offer.variant(0)).on_hand), (2, 5));

    // The cart is gone; the token opens the order, and nobody else sees it.
    assert_eq!(code(block_on(world.shop.carts().get(&ada))), "not_found");
    assert_eq!(code(place(&world.shop, &ada, offer.order_input())), "not_found");
    let token = placed.access_token.unwrap();
    let holder = Tokens { order: Some(token.expose()), ..Tokens::default() };
    let holder = block_on(world.shop.identify(holder)).unwrap();
    assert_eq!(block_on(world.shop.orders().view(&holder, order.id)).unwrap(), placed.view);
    let history = block_on(world.shop.orders().history(&holder, order.id)).unwrap();
    assert_eq!((history[0].event.as_str(), history[0].actor.as_str()), ("placed", "guest"));
    assert_eq!(code(block_on(world.shop.orders().view(&world.customer("eve"), order.id))), "not_found");
    assert_eq!(code(block_on(world.shop.orders().view(&ada, order.id))), "not_authenticated");
    assert_eq!(code(block_on(world.shop.orders().cancel(&world.customer("eve2"), order.id, None))), "not_found");
}

#[test]
fn a_customer_has_one_cart_and_orders_with_their_own_address_of_mail() {
    let world = world();
    let offer = offer(&world, &[(1999, 5)]);
    let bob = world.customer("bob");
    let first = block_on(world.shop.carts().get(&bob)).unwrap();
    assert!(first.items.is_empty() && first.token.is_none());
    assert_eq!(block_on(world.shop.carts().create(&bob)).unwrap().id, first.id);
    assert_eq!(code(place(&world.shop, &bob, offer.order_input())), "cart_empty");
    add(&world.shop, &bob, offer.variant(0), 1).unwrap();
    let order =
        place(&world.shop, &bob, PlaceOrder { email: crate::field::Field::Missing, ..offer.order_input() }).unwrap();
    assert_eq!((order.view.order.email.as_str(), order.access_token.is_none()), ("bob@example.com", true));
    let next = block_on(world.shop.carts().get(&bob)).unwrap();
    assert!(next.id != first.id && next.items.is_empty());
    assert_eq!(code(place(&world.shop, &bob, offer.order_input())), "cart_empty");

    let own = block_on(world.shop.orders().list(&bob, OrderQuery::default(), &PageRequest::default())).unwrap();
    assert_eq!(own.items, [order.view]);
    let eve = world.customer("eve");
    let none = block_on(world.shop.orders().list(&eve, OrderQuery::default(), &PageRequest::default())).unwrap();
    assert!(none.items.is_empty());
    let staff = world.staff("sam");
    let count = |query| block_on(world.shop.orders().list(&staff, query, &PageRequest::default())).unwrap().total;
    assert_eq!(count(OrderQuery::default()), Some(1));
    assert_eq!(count(OrderQuery { mine: true, ..OrderQuery::default() }), Some(0));
    assert_eq!(count(OrderQuery { email: Some("BOB@example.com".into()), ..OrderQuery::default() }), Some(1));
    let anonymous =
        block_on(world.shop.orders().list(&Actor::anonymous(), OrderQuery::default(), &PageRequest::default()));
    assert_eq!(code(anonymous), "not_authenticated");
}

#[test]
fn everything_wrong_with_an_order_is_said_at_once() {
    let world = world();
    let offer = offer(&world, &[(1999, 5)]);
    let bob = world.customer("bob");
    add(&world.shop, &bob, offer.variant(0), 1).unwrap();
    let wrong = PlaceOrder {
        shipping_address: crate::field::Field::Missing,
        shipping_address_id: crate::id::AddressId(uuid::Uuid::from_u128(9)).into(),
        shipping_method_id: crate::id::MethodId(uuid::Uuid::from_u128(9)).into(),
        payment_gateway: "magic".into(),
        note: "x".repeat(2_001).into(),
        ..offer.order_input()
    };
    let Err(Error::Invalid(invalid)) = place(&world.shop, &bob, wrong) else { panic!("it must be refused") };
    let fields: Vec<_> = invalid.fields.keys().map(String::as_str).collect();
    assert_eq!(fields, ["note", "payment_gateway", "shipping_address_id", "shipping_method_id"]);
}

#[test]
fn a_cart_is_changed_under_its_version_and_bounded_by_stock() {
    let world = world();
    let offer = offer(&world, &[(1999, 5)]);
    let carts = world.shop.carts();
    let ada = guest(&world, offer.variant(0), 2);
    let cart = block_on(carts.get(&ada)).unwrap();
    let set = |quantity: i64, expected| {
        let input = SetQuantity { quantity: quantity.into() };
        block_on(carts.set_quantity(&ada, cart.items[0].id, input, expected))
    };
    assert!(matches!(set(6, None), Err(Error::OutOfStock { available: 5, .. })));
    assert!(matches!(set(3, Some(cart.version + 1)), Err(Error::VersionMismatch)));
    assert_eq!(set(3, Some(cart.version)).unwrap().version, cart.version + 1);
    assert!(matches!(add(&world.shop, &ada, offer.variant(0), 3), Err(Error::OutOfStock { available: 5, .. })));
    assert_eq!(block_on(carts.get(&ada)).unwrap().items[0].quantity, 3);
    let to = ShippingOptions { country: "GB".into(), ..ShippingOptions::default() };
    assert_eq!(block_on(carts.shipping_options(&ada, to)).unwrap()[0].price, Amount(500));
    assert!(set(0, None).unwrap().items.is_empty());
    assert!(block_on(carts.empty(&ada, None)).unwrap().items.is_empty());
}

#[test]
fn a_guests_cart_becomes_the_customers_once() {
    let world = world();
    let offer = offer(&world, &[(1999, 5)]);
    let ada = guest(&world, offer.variant(0), 4);
    let bob = world.customer("bob");
    let user = bob.signed_in().unwrap().user_id;
    add(&world.shop, &bob, offer.variant(0), 3).unwrap();
    let cart = ada.cart().unwrap();
    let merged = race(8, |_| block_on(world.shop.carts().merge_guest_cart(user, cart)));
    assert!(merged.iter().all(Result::is_ok));
    assert_eq!(block_on(world.shop.carts().get(&bob)).unwrap().items[0].quantity, 5);
    assert_eq!(code(block_on(world.shop.carts().get(&ada))), "not_found");
    // No token opens a customer's cart, not even one made for it.
    let own = block_on(world.shop.carts().get(&bob)).unwrap().id;
    assert_eq!(code(block_on(world.shop.carts().get(&Actor::anonymous().with_cart(Some(own))))), "not_found");
}

#[test]
fn the_last_units_are_sold_once() {
    let world = world();
    let offer = offer(&world, &[(1999, 5)]);
    let guests: Vec<_> = (0..20).map(|_| guest(&world, offer.variant(0), 1)).collect();
    let codes = race(20, |index| code(place(&world.shop, &guests[index], offer.order_input())));
    assert_eq!(codes.iter().filter(|code| **code == "ok").count(), 5, "{codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == "out_of_stock").count(), 15, "{codes:?}");
    assert_eq!(stock(&world, offer.variant(0)).reserved, 5);
    assert_eq!(block_on(world.shop.check()).unwrap(), Vec::<String>::new());
}

#[test]
fn a_cart_becomes_one_order_however_often_it_is_placed_at_once() {
    let world = world();
    let offer = offer(&world, &[(1999, 50)]);
    let ada = guest(&world, offer.variant(0), 1);
    let bob = world.customer("bob");
    add(&world.shop, &bob, offer.variant(0), 1).unwrap();
    let codes = race(16, |_| code(place(&world.shop, &ada, offer.order_input())));
    assert_eq!(codes.iter().filter(|code| **code == "ok").count(), 1, "{codes:?}");
    assert!(codes.iter().all(|code| ["ok", "not_found"].contains(code)), "{codes:?}");
    let codes = race(16, |_| code(place(&world.shop, &bob, offer.order_input())));
    assert_eq!(codes.iter().filter(|code| **code == "ok").count(), 1, "{codes:?}");
    assert!(codes.iter().all(|code| ["ok", "cart_empty"].contains(code)), "{codes:?}");
    assert_eq!(stock(&world, offer.variant(0)).reserved, 2);
    assert_eq!(block_on(world.shop.check()).unwrap(), Vec::<String>::new());
}

#[test]
fn a_key_has_one_effect_and_one_answer() {
    let world = world();
    let offer = offer(&world, &[(1999, 50)]);
    let ada = guest(&world, offer.variant(0), 1);
    let key = key("once");
    let answers = race(16, |_| block_on(world.shop.orders().place(&ada, offer.order_input(), Some(&key))).unwrap());
    assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
    let first = &answers[0].value;
    for Replayable { value, .. } in &answers {
        assert_eq!(value.view, first.view);
        let (token, other) = (first.access_token.as_ref().unwrap(), value.access_token.as_ref().unwrap());
        assert!(token.matches(other.expose()));
    }
    // The key still returns the response after the cart is gone; another request with it is refused.
    assert!(block_on(world.shop.orders().place(&ada, offer.order_input(), Some(&key))).unwrap().replayed);
    let other = IdempotencyKey::new("once", &json!({"body": 2})).unwrap();
    assert_eq!(
        code(block_on(world.shop.orders().place(&ada, offer.order_input(), Some(&other)))),
        "idempotency_mismatch"
    );
    let answer =
        block_on(world.shop.store().idempotency_record(&key.scoped(ada.caller().unwrap(), "orders.place"))).unwrap();
    let outcome = answer.unwrap().outcome;
    assert!(!outcome.contains(first.access_token.as_ref().unwrap().expose()), "{outcome}");
}

#[test]
fn an_order_is_canceled_once() {
    let world = world();
    let offer = offer(&world, &[(1999, 5)]);
    let bob = world.customer("bob");
    add(&world.shop, &bob, offer.variant(0), 3).unwrap();
    let id = place(&world.shop, &bob, offer.order_input()).unwrap().view.order.id;
    world.clock.advance(TimeDelta::seconds(1));
    let codes = race(8, |_| code(block_on(world.shop.orders().cancel(&bob, id, None))));
    assert_eq!(codes.iter().filter(|code| **code == "ok").count(), 1, "{codes:?}");
    assert!(codes.iter().all(|code| ["ok", "invalid_transition"].contains(code)), "{codes:?}");
    let view = block_on(world.shop.orders().view(&bob, id)).unwrap();
    assert_eq!((view.order.status, view.payments[0].state), (OrderStatus::Canceled, PaymentState::Voided));
    assert_eq!((stock(&world, offer.variant(0)).reserved, stock(&world, offer.variant(0)).on_hand), (0, 5));
    let history = block_on(world.shop.orders().history(&bob, id)).unwrap();
    let words: Vec<_> = history.iter().map(|entry| entry.event.as_str()).collect();
    assert_eq!(words, ["placed", "payment_voided", "canceled"]);
    assert_eq!(block_on(world.shop.check()).unwrap(), Vec::<String>::new());
}

#[test]
fn canceling_with_a_key_answers_alike() {
    let world = world();
    let offer = offer(&world, &[(1999, 5)]);
    let bob = world.customer("bob");
    add(&world.shop, &bob, offer.variant(0), 3).unwrap();
    let id = place(&world.shop, &bob, offer.order_input()).unwrap().view.order.id;
    let first = block_on(world.shop.orders().cancel(&bob, id, Some(&key("c")))).unwrap();
    let second = block_on(world.shop.orders().cancel(&bob, id, Some(&key("c")))).unwrap();
    assert_eq!((first.replayed, second.replayed, first.value == second.value), (false, true, true));
}

#[test]
fn orders_whose_payment_never_came_are_canceled_by_one_of_many_workers() {
    let world = world_with(|builder| {
        let bank = ManualGateway::new("bank", "Bank transfer").prepaid();
        builder.gateway(Arc::new(ManualGateway::default())).gateway(Arc::new(bank))
    });
    let offer = offer(&world, &[(1999, 50)]);
    let buy = |gateway: &str| {
        let ada = guest(&world, offer.variant(0), 2);
        place(&world.shop, &ada, PlaceOrder { payment_gateway: gateway.into(), ..offer.order_input() })
            .unwrap()
            .view
            .order
    };
    let waiting: Vec<_> = (0..5).map(|_| buy("bank").id).collect();
    let on_trust = buy("manual");
    assert!(on_trust.ships_unpaid && on_trust.hold_until > Some(world.shop.context().now() + TimeDelta::days(6)));
    assert_eq!(stock(&world, offer.variant(0)).reserved, 12);
    world.clock.advance(TimeDelta::seconds(1_799));
    assert_eq!(block_on(world.shop.orders().cancel_overdue(100)).unwrap(), 0);
    world.clock.advance(TimeDelta::seconds(1));
    let canceled = race(4, |_| block_on(world.shop.orders().cancel_overdue(100)).unwrap());
    assert_eq!(canceled.iter().sum::<u32>(), 5);
    assert_eq!(stock(&world, offer.variant(0)).reserved, 2);
    for id in waiting {
        let view = block_on(world.shop.orders().view(&Actor::system(), id)).unwrap();
        assert_eq!((view.order.status, view.order.payment_status), (OrderStatus::Canceled, PaymentStatus::Voided));
        let ended = block_on(world.shop.store().reservations_of(id)).unwrap();
        assert!(ended.iter().all(|reservation| reservation.status == ReservationStatus::Expired));
    }
    assert_eq!(block_on(world.shop.orders().cancel_overdue(100)).unwrap(), 0);
    assert_eq!(block_on(world.shop.check()).unwrap(), Vec::<String>::new());
}

#[test]
fn orders_that_are_paid_outside_the_shop_wait_for_a_week_unless_they_ship() {
    let world = world();
    let offer = offer(&world, &[(1999, 50)]);
    let staff = world.staff("sam");
    let buy = || place(&world.shop, &guest(&world, offer.variant(0), 2), offer.order_input()).unwrap().view;
    let ship = |order: &Order, status: Option<&str>| {
        let shipping = world.shop.shipping();
        let input = serde_json::from_value(serde_json::json!({"order_id": order.id})).unwrap();
        let shipment = block_on(shipping.create_shipment(&staff, input, None)).unwrap().value;
        if let Some(status) = status {
            let news = serde_json::from_value(serde_json::json!({ "status": status })).unwrap();
            block_on(shipping.track_shipment(&staff, shipment.id, news, None)).unwrap();
        }
    };
    let (waiting, packed, sent, part) = (buy(), buy(), buy(), buy());
    // These orders may ship unpaid.
    ship(&packed.order, None);
    ship(&sent.order, Some("shipped"));
    let amount = serde_json::from_value(serde_json::json!({"amount": "1"})).unwrap();
    block_on(world.shop.payments().capture(&staff, part.payments[0].id, amount, None)).unwrap();
    world.clock.advance(TimeDelta::days(7) - TimeDelta::seconds(1));
    assert_eq!(block_on(world.shop.orders().cancel_overdue(100)).unwrap(), 0);
    world.clock.advance(TimeDelta::seconds(1));
    let canceled = race(4, |_| block_on(world.shop.orders().cancel_overdue(100)).unwrap());
    assert_eq!(canceled.iter().sum::<u32>(), 2, "each once");
    let status = |view: &OrderView| block_on(world.shop.store().order(view.order.id)).unwrap().unwrap().status;
    let statuses = [&waiting, &packed, &sent, &part].map(status);
    let (canceled, placed) = (OrderStatus::Canceled, OrderStatus::Placed);
    assert_eq!(statuses, [canceled, canceled, placed, placed]);
    assert_eq!(stock(&world, offer.variant(0)).reserved, 2);
    // The remaining orders can still be paid later.
    world.clock.advance(TimeDelta::days(30));
    assert_eq!(block_on(world.shop.orders().cancel_overdue(100)).unwrap(), 0);
    block_on(world.shop.payments().capture(&staff, sent.payments[0].id, crate::payments::AmountInput::default(), None))
        .unwrap();
    assert_eq!(block_on(world.shop.check()).unwrap(), Vec::<String>::new());
}

#[test]
fn orders_that_are_paid_outside_the_shop_can_wait_for_ever() {
    let world = world_with(|builder| {
        builder.settings(crate::shop::Settings { manual_payment_ttl: None, ..crate::shop::Settings::default() })
    });
    let offer = offer(&world, &[(1999, 50)]);
    let order = place(&world.shop, &guest(&world, offer.variant(0), 2), offer.order_input()).unwrap().view.order;
    assert_eq!((order.hold_until, order.ships_unpaid), (None, true));
    world.clock.advance(TimeDelta::days(3_650));
    assert_eq!(block_on(world.shop.orders().cancel_overdue(100)).unwrap(), 0);
}
