//! The shipping calls, on the memory store.

use std::thread;

use serde_json::json;

use crate::actor::Actor;
use crate::error::{Error, Result};
use crate::idempotency::IdempotencyKey;
use crate::model::shipping::{MAX_ADDRESSES, SavedAddress};
use crate::orders::tests::{order, store_placed};
use crate::page::PageRequest;
use crate::shipping::{MethodInput, SavedAddressInput, ShipmentInput, TrackingInput, ZoneInput};
use crate::string_enum::StringEnum as _;
use crate::testing::{World, block_on, world};

fn input<T: serde::de::DeserializeOwned>(json: serde_json::Value) -> T {
    serde_json::from_value(json).unwrap()
}

fn code<T>(result: Result<T>) -> &'static str {
    result.map_or_else(|error| error.code(), |_| "done")
}

fn address(city: &str, is_default: Option<bool>) -> SavedAddressInput {
    input(json!({"first_name": "Ada", "last_name": "Lovelace", "line1": "1 Street", "city": city, "country": "GB",
        "is_default": is_default}))
}

fn book(world: &World, actor: &Actor) -> Vec<(String, bool)> {
    let page = block_on(world.shop.shipping().addresses(actor, &PageRequest::default())).unwrap();
    let mut book: Vec<_> = page.items.into_iter().map(|saved| (saved.address.city, saved.is_default)).collect();
    book.sort();
    book
}

#[test]
fn a_book_has_at_most_one_default() {
    let world = world();
    let (shipping, ada) = (world.shop.shipping(), world.customer("ada"));
    let add = |city: &str, is_default| -> SavedAddress {
        block_on(shipping.create_address(&ada, address(city, is_default))).unwrap()
    };
    let bath = add("Bath", None);
    assert!(bath.is_default, "the first one is");
    let york = add("York", Some(false));
    add("Hull", Some(true));
    let state = |bath, hull, york| vec![("Bath".to_owned(), bath), ("Hull".into(), hull), ("York".into(), york)];
    assert_eq!(book(&world, &ada), state(false, true, false));
    block_on(shipping.change_address(&ada, york.id, input(json!({"is_default": true})))).unwrap();
    assert_eq!(book(&world, &ada), state(false, false, true));
    let moved =
        block_on(shipping.change_address(&ada, york.id, input(json!({"city": "York", "line2": "Attic"})))).unwrap();
    assert!(moved.is_default && moved.address.line1 == "1 Street");
    let whole = block_on(shipping.replace_address(&ada, york.id, address("York", None))).unwrap();
    assert_eq!((whole.address.line2, whole.is_default), (None, true));
    block_on(shipping.delete_address(&ada, york.id)).unwrap();
    assert_eq!(book(&world, &ada), [("Bath".to_owned(), false), ("Hull".into(), false)]);
    assert_eq!(code(block_on(shipping.address(&ada, york.id))), "not_found");
}

#[test]
fn books_are_private() {
    let world = world();
    let (shipping, ada, bob) = (world.shop.shipping(), world.customer("ada"), world.customer("bob"));
    let id = block_on(shipping.create_address(&ada, address("Bath", None))).unwrap().id;
    let nobody = Actor::anonymous();
    for (actor, expected) in [(&bob, "not_found"), (&world.staff("eve"), "not_found"), (&nobody, "not_authenticated")] {
        assert_eq!(code(block_on(shipping.address(actor, id))), expected);
        assert_eq!(code(block_on(shipping.replace_address(actor, id, address("Rome", None)))), expected);
        assert_eq!(code(block_on(shipping.change_address(actor, id, address("Rome", None)))), expected);
        assert_eq!(code(block_on(shipping.delete_address(actor, id))), expected);
    }
    assert_eq!(book(&world, &bob), []);
    assert_eq!(book(&world, &ada), [("Bath".to_owned(), true)]);
}

#[test]
fn an_address_book_has_a_most_of_entries_however_many_are_added_at_once() {
    let world = world();
    let ada = world.customer("ada");
    let add = |city: &str| block_on(world.shop.shipping().create_address(&ada, address(city, None)));
    let id = add("Bath").unwrap().id;
    for _ in 1..MAX_ADDRESSES - 3 {
        add("Hull").unwrap();
    }
    let added = thread::scope(|scope| {
        let racers: Vec<_> = (0..8).map(|_| scope.spawn(|| add("Rome"))).collect();
        racers.into_iter().filter_map(|racer| racer.join().unwrap().ok()).count()
    });
    assert_eq!(added, 3);
    let refusal = add("Rome").unwrap_err();
    assert!(refusal.code() == "invalid" && format!("{refusal:?}").contains("at most 100 addresses"), "{refusal:?}");
    // Existing addresses can be changed, and deleting one makes room for another.
    block_on(world.shop.shipping().change_address(&ada, id, input(json!({"city": "York"})))).unwrap();
    block_on(world.shop.shipping().delete_address(&ada, id)).unwrap();
    add("Rome").unwrap();
    assert_eq!(code(add("Rome")), "invalid");
}

#[test]
fn racing_defaults_leave_one() {
    let world = world();
    let ada = world.customer("ada");
    thread::scope(|scope| {
        for number in 0..8 {
            let (world, ada) = (&world, &ada);
            scope.spawn(move || {
                let input = address(&format!("City {number}"), Some(true));
                block_on(world.shop.shipping().create_address(ada, input)).unwrap();
            });
        }
    });
    let book = book(&world, &ada);
    assert_eq!((book.len(), book.iter().filter(|(_, is_default)| *is_default).count()), (8, 1));
}

#[test]
fn the_tariff_is_written_by_staff_and_read_by_all() {
    let world = world();
    let (shipping, staff, ada) = (world.shop.shipping(), world.staff("eve"), world.customer("ada"));
    let zone = |countries: &[&str]| input::<ZoneInput>(json!({"name": "Zone", "countries": countries}));
    assert_eq!(code(block_on(shipping.create_zone(&ada, ZoneInput::default()))), "permission_denied");
    assert_eq!(code(block_on(shipping.create_zone(&Actor::anonymous(), zone(&["US"])))), "not_authenticated");
    assert_eq!(code(block_on(shipping.zones(&ada, &PageRequest::default()))), "permission_denied");
    let us = block_on(shipping.create_zone(&staff, zone(&["US"]))).unwrap();
    let world_zone = block_on(shipping.create_zone(&staff, zone(&["*"]))).unwrap();
    let method = |zone_id, active| {
        let rate = json!({"type": "flat", "price": "5"});
        input::<MethodInput>(json!({"name": "Post", "zone_id": zone_id, "rate": rate, "active": active}))
    };
    assert_eq!(code(block_on(shipping.create_method(&ada, MethodInput::default()))), "permission_denied");
    let post = block_on(shipping.create_method(&staff, method(us.id, true))).unwrap();
    let hidden = block_on(shipping.create_method(&staff, method(us.id, false))).unwrap();
    let far = block_on(shipping.create_method(&staff, method(world_zone.id, true))).unwrap();
    let nowhere = method(crate::id::ZoneId(uuid::Uuid::nil()), true);
    assert_eq!(code(block_on(shipping.create_method(&staff, nowhere))), "invalid");

    let listed = |actor: &Actor, country| {
        let page = block_on(shipping.methods(actor, country, &PageRequest::default())).unwrap();
        assert_eq!(page.total, Some(page.items.len() as u64));
        let mut ids: Vec<_> = page.items.into_iter().map(|method| method.id).collect();
        ids.sort();
        ids
    };
    let nobody = Actor::anonymous();
    assert_eq!(listed(&nobody, None), [post.id, far.id]);
    assert_eq!(listed(&staff, None), [post.id, hidden.id, far.id]);
    assert_eq!(listed(&nobody, Some("us")), [post.id]);
    assert_eq!(listed(&staff, Some("US")), [post.id, hidden.id]);
    assert_eq!(listed(&nobody, Some("DE")), [far.id]);
    assert_eq!(code(block_on(shipping.methods(&nobody, Some("Atlantis"), &PageRequest::default()))), "invalid");
    assert_eq!(code(block_on(shipping.method(&nobody, hidden.id))), "not_found");
    assert_eq!(code(block_on(shipping.method(&staff, hidden.id))), "done");

    assert_eq!(code(block_on(shipping.delete_zone(&staff, us.id))), "in_use");
    let moved = block_on(shipping.change_method(&staff, hidden.id, input(json!({"zone_id": world_zone.id})))).unwrap();
    assert_eq!((moved.zone_id, moved.active, moved.version), (world_zone.id, false, 2));
    block_on(shipping.delete_method(&staff, post.id)).unwrap();
    block_on(shipping.delete_zone(&staff, us.id)).unwrap();
    assert_eq!(code(block_on(shipping.zone(&staff, us.id))), "not_found");
    assert_eq!(code(block_on(shipping.change_zone(&staff, us.id, ZoneInput::default()))), "not_found");
}

#[test]
fn shipments_take_their_stock_along_and_are_tracked_without_names() {
    let world = world();
    let (shipping, staff) = (world.shop.shipping(), world.staff("eve"));
    let order = order(&[(1000, 3)], 500);
    store_placed(&world, &order);
    let pack = |quantity: i64, number: &str| {
        let items = json!([{"order_item_id": order.items[0].id, "quantity": quantity}]);
        input::<ShipmentInput>(json!({"order_id": order.id, "items": items, "tracking_number": number}))
    };
    let ada = world.customer("ada");
    assert_eq!(code(block_on(shipping.create_shipment(&ada, ShipmentInput::default(), None))), "permission_denied");
    let shipment = block_on(shipping.create_shipment(&staff, pack(2, "1Z-1"), None)).unwrap().value;
    let level = || block_on(world.shop.store().stock_of(&[order.items[0].variant_id])).unwrap().remove(0);
    assert_eq!((level().on_hand, level().reserved), (3, 3));
    let left = input::<TrackingInput>(json!({"status": "shipped", "description": "Left", "location": "London"}));
    assert_eq!(code(block_on(shipping.track_shipment(&ada, shipment.id, left.clone(), None))), "permission_denied");
    world.clock.advance(chrono::TimeDelta::minutes(1));
    block_on(shipping.track_shipment(&staff, shipment.id, left, None)).unwrap();
    assert_eq!((level().on_hand, level().reserved), (1, 1));
    let tracking = block_on(shipping.tracking(" 1z -1 ")).unwrap();
    assert_eq!((tracking.newest.status.as_str(), tracking.newest.events.len()), ("shipped", 1));
    assert_eq!((tracking.newest.tracking_number.as_str(), tracking.results.len()), ("1Z-1", 0));
    for unknown in ["1Z-2", "1Z1", "", " "] {
        assert_eq!(code(block_on(shipping.tracking(unknown))), "not_found", "{unknown}");
    }
    let change = input(json!({"carrier": "DHL"}));
    let changed = block_on(shipping.change_shipment(&staff, shipment.id, change)).unwrap();
    assert_eq!((changed.carrier.as_deref(), changed.tracking_number.as_deref()), (Some("DHL"), Some("1Z-1")));
    let stored = block_on(world.shop.store().order(order.id)).unwrap().unwrap();
    assert_eq!(stored.version, 4, "created, shipped, changed");
    let words: Vec<_> =
        block_on(world.shop.store().history(order.id)).unwrap().into_iter().map(|entry| entry.event).collect();
    assert_eq!(words, ["shipment_created", "shipment_shipped"]);
}

#[test]
fn shipments_packed_at_once_never_hold_more_than_was_ordered() {
    let world = world();
    let staff = world.staff("eve");
    let order = order(&[(1000, 5)], 0);
    store_placed(&world, &order);
    let items = json!([{"order_item_id": order.items[0].id, "quantity": 1}]);
    let shipment_input = input::<ShipmentInput>(json!({"order_id": order.id, "items": items}));
    let done: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..20)
            .map(|_| {
                scope.spawn(|| block_on(world.shop.shipping().create_shipment(&staff, shipment_input.clone(), None)))
            })
            .collect();
        let results = threads.into_iter().map(|thread| thread.join().unwrap());
        results
            .filter(|result| match result {
                Ok(_) => true,
                Err(Error::InvalidTransition { .. }) => false,
                Err(error) => panic!("{error:?}"),
            })
            .count()
    });
    assert_eq!(done, 5);
}

#[test]
fn a_repeated_request_packs_once() {
    let world = world();
    let (shipping, staff) = (world.shop.shipping(), world.staff("eve"));
    let order = order(&[(1000, 5)], 0);
    store_placed(&world, &order);
    let shipment_input = json!({"order_id": order.id});
    let key = IdempotencyKey::new("k", &shipment_input).unwrap();
    let first = block_on(shipping.create_shipment(&staff, input(shipment_input.clone()), Some(&key))).unwrap();
    let again = block_on(shipping.create_shipment(&staff, input(shipment_input.clone()), Some(&key))).unwrap();
    assert_eq!((first.replayed, again.replayed), (false, true));
    assert_eq!(first.value, again.value);
    let other = IdempotencyKey::new("k", &json!({})).unwrap();
    assert_eq!(
        code(block_on(shipping.create_shipment(&staff, input(shipment_input), Some(&other)))),
        "idempotency_mismatch"
    );
}
