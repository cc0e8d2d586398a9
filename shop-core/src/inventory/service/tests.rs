use crate::actor::Actor;
use crate::catalog::ProductInput;
use crate::cells::{Cells, Imported};
use crate::error::{Error, Result};
use crate::field::Field;
use crate::id::{LocationId, VariantId};
use crate::idempotency::{IdempotencyKey, Replayable};
use crate::inventory::{AdjustmentInput, LocationInput, StockInput, TransferInput};
use crate::model::inventory::{Location, Movement, MovementFilter, StockFilter};
use crate::page::PageRequest;
use crate::testing::{World, block_on, world};

fn stocked(world: &World, stock: i64) -> VariantId {
    let input = ProductInput {
        name: "Tea".into(),
        price: "1".into(),
        sku: "TEA".into(),
        stock: stock.into(),
        ..ProductInput::default()
    };
    block_on(world.shop.catalog().create_product(&Actor::system(), input)).unwrap().product.variants[0].id
}

fn location(world: &World, name: &str) -> Location {
    let input = LocationInput { name: name.into(), ..LocationInput::default() };
    block_on(world.shop.inventory().create_location(&Actor::system(), input)).unwrap()
}

fn adjust(world: &World, delta: i64, place: Option<LocationId>) -> Result<Movement> {
    let input = AdjustmentInput {
        sku: "TEA".into(),
        delta: delta.into(),
        reason: "correction".into(),
        location_id: place.map_or(Field::Missing, Field::Given),
        ..AdjustmentInput::default()
    };
    block_on(world.shop.inventory().adjust(&Actor::system(), input, None)).map(|done: Replayable<_>| done.value)
}

fn on_hand(world: &World, variant: VariantId, place: Option<LocationId>) -> i64 {
    block_on(world.shop.inventory().stock(&Actor::system(), variant, place)).unwrap().on_hand
}

#[test]
fn adjustments_are_booked_at_the_default_location_or_the_named_one() {
    let world = world();
    let variant = stocked(&world, 5);
    let store = location(&world, "Store");
    assert_eq!(adjust(&world, -2, None).unwrap().delta, -2);
    adjust(&world, 4, Some(store.id)).unwrap();
    assert_eq!((on_hand(&world, variant, None), on_hand(&world, variant, Some(store.id))), (7, 4));
    assert!(matches!(adjust(&world, -5, Some(store.id)), Err(Error::InsufficientStock { .. })));
    let unknown = LocationId(uuid::Uuid::nil());
    assert!(matches!(adjust(&world, 1, Some(unknown)), Err(Error::Invalid(_))));
    let movements = block_on(world.shop.inventory().list_movements(
        &Actor::system(),
        &MovementFilter::default(),
        &PageRequest::default(),
    ));
    assert_eq!(movements.unwrap().items.iter().map(|movement| movement.delta).sum::<i64>(), 7);
}

#[test]
fn an_adjustment_happens_once_per_key() {
    let world = world();
    let variant = stocked(&world, 5);
    let key = |delta: i64| IdempotencyKey::new("k", &serde_json::json!({ "delta": delta })).unwrap();
    let call = |delta: i64| {
        let input = AdjustmentInput {
            variant_id: variant.into(),
            delta: delta.into(),
            reason: "received".into(),
            ..AdjustmentInput::default()
        };
        block_on(world.shop.inventory().adjust(&Actor::system(), input, Some(&key(delta))))
    };
    let first = call(3).unwrap();
    let second = call(3).unwrap();
    assert_eq!((first.replayed, second.replayed, on_hand(&world, variant, None)), (false, true, 8));
    assert_eq!(first.value, second.value);
    assert!(matches!(call(4), Err(Error::IdempotencyMismatch)));
}

#[test]
fn stock_moves_between_locations() {
    let world = world();
    let variant = stocked(&world, 5);
    let main = block_on(world.shop.store().locations()).unwrap()[0].id;
    let store = location(&world, "Store");
    let call = |quantity: i64| {
        let input = TransferInput {
            sku: "TEA".into(),
            from_location_id: main.into(),
            to_location_id: store.id.into(),
            quantity: quantity.into(),
            ..TransferInput::default()
        };
        block_on(world.shop.inventory().transfer(&Actor::system(), input, None))
    };
    let done = call(2).unwrap().value;
    assert_eq!((done.outgoing.delta, done.incoming.delta), (-2, 2));
    assert_eq!((on_hand(&world, variant, Some(main)), on_hand(&world, variant, Some(store.id))), (3, 2));
    assert!(matches!(call(4), Err(Error::InsufficientStock { .. })));
}

#[test]
fn a_location_with_stock_stays() {
    let world = world();
    stocked(&world, 1);
    let inventory = world.shop.inventory();
    let store = location(&world, "Store");
    let delete = |id| block_on(inventory.delete_location(&Actor::system(), id));
    adjust(&world, 4, Some(store.id)).unwrap();
    assert!(matches!(delete(store.id), Err(Error::InUse { .. })));
    adjust(&world, -4, Some(store.id)).unwrap();
    delete(store.id).unwrap();
    assert!(matches!(delete(store.id), Err(Error::NotFound)));
    let main = block_on(world.shop.store().locations()).unwrap()[0].id;
    assert!(matches!(delete(main), Err(Error::InUse { .. })));
    let new = location(&world, "New");
    let default = LocationInput { is_default: true.into(), ..LocationInput::default() };
    let changed = block_on(inventory.change_location(&Actor::system(), new.id, default, false)).unwrap();
    assert!(changed.is_default);
    assert!(!block_on(inventory.location(&Actor::system(), main)).unwrap().is_default);
}

#[test]
fn settings_are_changed_everywhere_or_in_one_place() {
    let world = world();
    let variant = stocked(&world, 1);
    let store = location(&world, "Store");
    adjust(&world, 1, Some(store.id)).unwrap();
    let change = |input| block_on(world.shop.inventory().change_stock(&Actor::system(), variant, input));
    let all = StockInput { low_stock_threshold: 5.into(), tracked: false.into(), ..StockInput::default() };
    let view = change(all).unwrap();
    assert_eq!((view.low_stock_threshold, view.tracked, view.locations.len(), view.on_hand), (5, false, 2, 2));
    let one = StockInput { tracked: true.into(), location_id: store.id.into(), ..StockInput::default() };
    let view = change(one).unwrap();
    assert_eq!((view.tracked, view.location_id), (true, Some(store.id)));
    let low = StockFilter { low: true, ..StockFilter::default() };
    let levels = block_on(world.shop.inventory().list_stock(&Actor::system(), &low, &PageRequest::default()));
    assert_eq!(levels.unwrap().items.len(), 1);
    let wrong = StockInput { low_stock_threshold: (-1).into(), ..StockInput::default() };
    assert!(matches!(change(wrong), Err(Error::Invalid(_))));
    let unknown = VariantId(uuid::Uuid::nil());
    let refused = block_on(world.shop.inventory().change_stock(&Actor::system(), unknown, StockInput::default()));
    assert!(matches!(refused, Err(Error::NotFound)));
}

#[test]
fn stock_is_staffs() {
    let world = world();
    let variant = stocked(&world, 1);
    let inventory = world.shop.inventory();
    let customer = world.customer("ada");
    let refused = [
        block_on(inventory.stock(&customer, variant, None)).map(drop),
        block_on(inventory.adjust(&customer, AdjustmentInput::default(), None)).map(drop),
        block_on(inventory.transfer(&customer, TransferInput::default(), None)).map(drop),
        block_on(inventory.list_locations(&customer, &PageRequest::default())).map(drop),
        block_on(inventory.create_location(&customer, LocationInput::default())).map(drop),
    ];
    assert!(refused.iter().all(|result| matches!(result, Err(Error::PermissionDenied))));
    let nobody = block_on(inventory.stock(&Actor::anonymous(), variant, None));
    assert!(matches!(nobody, Err(Error::NotAuthenticated)));
}

fn imported(world: &World, cells: &[(&str, &str)], key: Option<&IdempotencyKey>) -> Result<Imported> {
    let row = Cells::new(cells.iter().copied());
    block_on(world.shop.inventory().import_stock(&Actor::system(), &row, key))
}

fn refused(done: Result<Imported>) -> Vec<String> {
    match done {
        Ok(Imported::Refused(cells)) => cells.into_iter().map(|cell| cell.column).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_count_is_booked_as_the_difference_and_once() {
    let world = world();
    let variant = stocked(&world, 5);
    let store = location(&world, "Store");
    let counted = [("sku", " TEA "), ("location", ""), ("on_hand", "7"), ("note", "inventory of March")];
    assert_eq!(imported(&world, &counted, None).unwrap(), Imported::Changed);
    assert_eq!(imported(&world, &counted, None).unwrap(), Imported::Unchanged);
    let there = [("sku", "TEA"), ("location", store.code.as_str()), ("on_hand", "4")];
    assert_eq!(imported(&world, &there, None).unwrap(), Imported::Changed);
    assert_eq!((on_hand(&world, variant, None), on_hand(&world, variant, Some(store.id))), (11, 4));
    // A key has no effect on a count, which is idempotent by itself.
    let key = IdempotencyKey::new("file-1", &serde_json::json!({})).unwrap();
    assert_eq!(imported(&world, &counted, Some(&key)).unwrap(), Imported::Unchanged);
    adjust(&world, 1, None).unwrap();
    assert_eq!(imported(&world, &counted, Some(&key)).unwrap(), Imported::Changed);
    let page = PageRequest::default();
    let ledger = block_on(world.shop.inventory().list_movements(&Actor::system(), &MovementFilter::default(), &page));
    let mut deltas: Vec<_> = ledger.unwrap().items.iter().map(|movement| movement.delta).collect();
    deltas.sort_unstable();
    assert_eq!(deltas, [-1, 1, 2, 4, 5]);
}

#[test]
fn a_delta_is_booked_once_under_its_key() {
    let world = world();
    let variant = stocked(&world, 5);
    let key = IdempotencyKey::new("file-1", &serde_json::json!({})).unwrap();
    let more = [("sku", "TEA"), ("delta", "3"), ("reason", "received")];
    assert_eq!(imported(&world, &more, Some(&key)).unwrap(), Imported::Changed);
    assert_eq!(imported(&world, &more, Some(&key)).unwrap(), Imported::Unchanged);
    assert_eq!(on_hand(&world, variant, None), 8);
    assert_eq!(imported(&world, &more, None).unwrap(), Imported::Changed);
    assert_eq!(imported(&world, &[("sku", "TEA"), ("delta", "0")], None).unwrap(), Imported::Unchanged);
    assert_eq!(on_hand(&world, variant, None), 11);
}

#[test]
fn every_wrong_cell_of_a_count_is_named() {
    let world = world();
    let variant = stocked(&world, 5);
    for (cells, expected) in [
        (
            &[("sku", ""), ("on_hand", "x"), ("reason", "stolen")] as &[(&str, &str)],
            &["on_hand", "reason", "sku"] as &[&str],
        ),
        (&[("sku", "TEA")], &["on_hand"]),
        (&[("sku", "TEA"), ("on_hand", "1"), ("delta", "1")], &["delta"]),
        (&[("sku", "TEA"), ("on_hand", "-1")], &["on_hand"]),
        (&[("sku", "TEA"), ("delta", "-6")], &["delta"]),
        (&[("sku", "COFFEE"), ("on_hand", "1")], &["sku"]),
        (&[("sku", "TEA"), ("on_hand", "1"), ("location", "nowhere")], &["location"]),
    ] {
        assert_eq!(refused(imported(&world, cells, None)), expected, "{cells:?}");
    }
    assert_eq!(on_hand(&world, variant, None), 5);
    let cells = Cells::new([("sku", "TEA"), ("on_hand", "1")]);
    let denied = block_on(world.shop.inventory().import_stock(&Actor::anonymous(), &cells, None));
    assert!(matches!(denied, Err(Error::NotAuthenticated)), "{denied:?}");
}
