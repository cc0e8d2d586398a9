use std::sync::atomic::{AtomicU8, Ordering};

use shop_core::accounts::Session;
use shop_core::batch::{Change, Entity, Precondition, RowWrite, Write};
use shop_core::cart::{Cart, CartStatus};
use shop_core::catalog::{CatalogWrite, Product, ProductStatus, Variant};
use shop_core::clock::{DecisionContext, Timestamp};
use shop_core::id::{LocationId, SessionId, UserId, VariantId};
use shop_core::idempotency::{IdempotencyRecord, IdempotencyRecordKey};
use shop_core::inventory::{InventoryWrite, StockLevel};
use shop_core::money::{Amount, Currency};
use shop_core::promotions::Counter;

use super::super::stock::LARGE;
use super::*;

fn id<T: From<Uuid>>(number: u128) -> T {
    T::from(Uuid::from_u128(number))
}

fn batch(writes: impl IntoIterator<Item = Write>) -> Batch {
    static DRAWN: AtomicU8 = AtomicU8::new(0);
    let mut context = DecisionContext::new(Timestamp::UNIX_EPOCH, [DRAWN.fetch_add(1, Ordering::Relaxed); 32]);
    Batch { writes: writes.into_iter().collect(), ..Batch::new(&mut context) }
}

fn delta(level: u128, on_hand: i64, reserved: i64) -> Write {
    InventoryWrite::Delta(StockDelta { variant_id: id(level), location_id: id(1), on_hand, reserved }).into()
}

fn cart(number: u128, customer: Option<u128>, version: i64) -> Cart {
    Cart {
        id: id(number),
        customer_id: customer.map(id),
        currency: Currency::USD,
        status: CartStatus::Open,
        items: Vec::new(),
        coupons: Vec::new(),
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        version,
    }
}

fn variant(number: u128, sku: &str) -> Variant {
    Variant {
        id: id(number),
        sku: sku.to_owned(),
        price: Amount(100),
        compare_at_price: None,
        options: BTreeMap::new(),
        weight_grams: 0,
        barcode: None,
        tax_class: "standard".to_owned(),
        archived: false,
        lowest_price_30_days: None,
    }
}

fn insert(cart: Cart) -> Write {
    RowWrite::Cart(Change::Insert(cart)).into()
}

fn update(cart: Cart) -> Write {
    RowWrite::Cart(Change::Update(cart)).into()
}

fn record(key: &str) -> Write {
    let key = IdempotencyRecordKey { caller: "cart:1".to_owned(), operation: "place".to_owned(), key: key.to_owned() };
    IdempotencyRecord { key, fingerprint: [0; 32], outcome: String::new(), created_at: Timestamp::UNIX_EPOCH }.into()
}

fn requiring(require: Precondition, writes: impl IntoIterator<Item = Write>) -> Batch {
    Batch { preconditions: vec![require], ..batch(writes) }
}

fn together(first: &Batch, second: &Batch) -> bool {
    let mut touched = KeySet::default();
    touched.add(&Mergeable::of(first).unwrap());
    touched.has_room_for(&Mergeable::of(second).unwrap())
}

#[test]
fn what_is_seldom_done_is_done_alone() {
    let forget = Write::Forget { before: Timestamp::UNIX_EPOCH, given_up_before: Timestamp::UNIX_EPOCH };
    let reshape = CatalogWrite::ReshapeTree { from: 0 }.into();
    let delete = RowWrite::Session(Change::Delete { id: id(1), version: 1 }).into();
    for write in [forget, reshape, delete] {
        assert!(Mergeable::of(&batch([write])).is_none());
    }
    assert!(Mergeable::of(&requiring(Precondition::Version(Entity::Order, id(1), 1), [record("1")])).is_none());
    assert!(Mergeable::of(&requiring(Precondition::Version(Entity::Zone, id(1), 1), [record("1")])).is_some());
}

#[test]
fn what_writes_several_rows_of_a_table_is_never_done_row_by_row() {
    let product = |sku: &str, version| Product {
        id: id(1),
        slug: "tea".to_owned(),
        name: "Tea".to_owned(),
        description: String::new(),
        status: ProductStatus::Active,
        category_id: None,
        currency: Currency::USD,
        options: Vec::new(),
        images: Vec::new(),
        attributes: serde_json::Map::new(),
        variants: [(2, "POT"), (3, sku)].map(|(number, sku)| variant(number, sku)).into(),
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        version,
    };
    let change = |sku: &str| batch([RowWrite::Product(Change::Update(product(sku, 2))).into()]);
    let parts = |batch: &Batch| {
        let merged = Mergeable::of(batch).unwrap();
        merged.lines.iter().map(|(part, _)| *part).collect::<Vec<_>>()
    };
    assert_eq!(
        parts(&change("TEA")),
        [
            Operation::Insert.on(TableId::Operation),
            Operation::Put.on(TableId::Variant),
            Operation::Put.on(TableId::Variant),
            Operation::Own.on(TableId::Product),
            Operation::Update.on(TableId::Product)
        ]
    );
    assert!(Mergeable::of(&change("POT")).is_none(), "a sku is taken twice");
    assert!(!together(&change("TEA"), &change("TEE")), "one product");
    let relied_on = requiring(Precondition::Version(Entity::Product, id(1), 1), [record("1")]);
    assert!(!together(&change("TEA"), &relied_on) && !together(&relied_on, &change("TEA")));

    let placed = || RowWrite::Draft(Change::Delete { id: id(4), version: 3 }).into();
    let place = batch([placed(), delta(1, 0, 1), delta(2, 0, 1)]);
    assert_eq!(
        parts(&place),
        [
            Operation::Insert.on(TableId::Operation),
            Operation::Own.on(TableId::Draft),
            Operation::Delete.on(TableId::Draft)
        ]
    );
    assert!(!together(&place, &batch([placed()])), "a draft becomes one order");
}

#[test]
fn who_writes_one_row_twice_is_alone() {
    assert!(Mergeable::of(&batch([insert(cart(1, None, 1)), update(cart(1, None, 2))])).is_none());
    assert!(Mergeable::of(&batch([insert(cart(1, Some(7), 1)), insert(cart(2, Some(7), 1))])).is_none());
    assert!(Mergeable::of(&batch([insert(cart(1, None, 1)), insert(cart(2, None, 1))])).is_some());
    assert!(Mergeable::of(&batch([record("1"), record("1")])).is_none());
}

#[test]
fn a_requirement_of_a_row_that_is_written_is_the_guard_of_the_write() {
    let require = |version| Precondition::Version(Entity::Cart, id(1), version);
    let merged = Mergeable::of(&requiring(require(4), [update(cart(1, None, 5))])).unwrap();
    assert_eq!(merged.lines.iter().filter(|(part, _)| part.locks()).count(), 1);
    assert!(Mergeable::of(&requiring(require(3), [update(cart(1, None, 5))])).is_none());
    assert!(Mergeable::of(&requiring(require(1), [insert(cart(1, None, 1))])).is_none());
}

#[test]
fn a_batch_moves_stock_in_one_direction() {
    for (first, second, merges) in [
        ((0, 1), (0, 2), true),
        ((-1, 0), (0, 2), true),
        ((-1, -1), (-2, -2), true),
        ((1, 0), (0, -3), true),
        ((1, 0), (0, 1), false),
        ((-1, -1), (0, 1), false),
        ((-1, -1), (1, 0), false),
        // In no direction.
        ((0, 0), (1, 1), false),
        ((0, 0), (-2, -1), false),
        ((0, 0), (0, LARGE + 1), false),
    ] {
        let lines = [delta(1, first.0, first.1), delta(2, second.0, second.1)];
        assert_eq!(Mergeable::of(&batch(lines)).is_some(), merges, "{first:?} and {second:?}");
    }
}

#[test]
fn batches_that_touch_the_same_keep_apart() {
    let level = StockLevel {
        variant_id: id(1),
        product_id: id(9),
        sku: "A".to_owned(),
        location_id: id(1),
        on_hand: 0,
        reserved: 0,
        backordered: 0,
        low_stock_threshold: 0,
        tracked: true,
        backorder: false,
    };
    let add = || batch([InventoryWrite::InsertLevel(level.clone()).into()]);
    let (session, user): (SessionId, UserId) = (id(5), id(6));
    let signed_in = || requiring(Precondition::LiveSession(session, user), [record("signed in")]);
    let sign_out = batch([RowWrite::Session(Change::Update(Session {
        id: session,
        user_id: user,
        refresh_hash: [0; 32],
        rotations: Vec::new(),
        epoch: 0,
        created_at: Timestamp::UNIX_EPOCH,
        expires_at: Timestamp::UNIX_EPOCH,
        revoked_at: None,
        version: 2,
    }))
    .into()]);
    let vouched = || requiring(Precondition::ActiveUser(user), [record("vouched for")]);
    let (variant, location): (VariantId, LocationId) = (id(1), id(1));
    let untracked = || requiring(Precondition::Untracked(variant, location), [record("untracked")]);

    let apart = [
        (batch([update(cart(1, None, 2))]), batch([update(cart(1, None, 2))])),
        (batch([insert(cart(1, Some(7), 1))]), batch([insert(cart(2, Some(7), 1))])),
        (batch([record("1")]), batch([record("1")])),
        (signed_in(), sign_out),
        (add(), batch([delta(1, 0, 1)])),
        (add(), untracked()),
    ];
    for (first, second) in &apart {
        assert!(!together(first, second), "{first:?} and {second:?}");
        assert!(!together(second, first), "{second:?} and {first:?}");
    }
    let same = batch([record("1")]);
    assert!(!together(&same, &same), "one operation");

    let friends = [
        (batch([delta(1, 0, 1)]), batch([delta(1, 0, 1)])),
        (batch([delta(1, 0, 1)]), batch([delta(1, 5, 0)])),
        (signed_in(), requiring(Precondition::LiveSession(session, user), [record("too")])),
        (vouched(), signed_in()),
        (vouched(), requiring(Precondition::ActiveUser(user), [record("too")])),
        (untracked(), batch([delta(1, 1, 0)])),
        (batch([insert(cart(1, Some(7), 1))]), batch([insert(cart(2, Some(8), 1))])),
    ];
    for (first, second) in &friends {
        assert!(together(first, second), "{first:?} and {second:?}");
    }
}

#[test]
fn rows_are_sorted_and_levels_add_up() {
    let batches = [
        batch([delta(2, 0, 3), delta(1, 0, 1), insert(cart(9, None, 1)), insert(cart(3, None, 1))]),
        batch([delta(2, 4, -2), insert(cart(5, None, 1))]),
        requiring(Precondition::Version(Entity::Product, id(1), 1), [record("1")]),
        requiring(Precondition::Version(Entity::Product, id(1), 1), [record("2")]),
    ];
    let merged: Vec<_> = batches.iter().map(|batch| Mergeable::of(batch).unwrap()).collect();
    let parts = merge(&merged.iter().collect::<Vec<_>>());

    let by = |part: TableOperation| parts[&part].iter().map(|line| line.batches.clone()).collect::<Vec<_>>();
    assert_eq!(by(Operation::Insert.on(TableId::Cart)), [vec![0], vec![1], vec![0]]);
    // A row that several batches rely on is locked once.
    assert_eq!(by(Operation::Share.on(TableId::Product)), [vec![2, 3]]);
    assert_eq!(by(Operation::OwnKey.on(TableId::StockLevel)), [vec![0], vec![0, 1]]);
    let sum = Sum { on_hand: 4, reserved: 1, released: -2, shipped: 0, lowered: 0, takes: true, reserves: true };
    assert_eq!(*parts[&Operation::Add.on(TableId::StockLevel)][1].row, sum.row(id(2), id(1)));
    assert_eq!(parts[&Operation::Insert.on(TableId::Operation)].len(), 4);
}

/// Many orders that use one promotion form one group; those that give back can join those that take, but none does
/// both.
#[test]
fn uses_add_up() {
    let count = |counter: Counter, delta| Write::from(CatalogWrite::Uses(UsesDelta { counter, delta, limit: Some(9) }));
    let promotion = || Counter::Promotion(id(7));
    let orders = |customer: &str| Counter::Orders(customer.to_owned());
    let place = |customer: &str| {
        let writes = [count(orders(customer), 1), delta(1, 0, 1), count(promotion(), 1)];
        requiring(Precondition::Version(Entity::Promotion, id(7), 1), writes)
    };
    let cancel = batch([delta(1, 0, -1), count(promotion(), -1), count(orders("ann"), -1)]);
    assert!(together(&place("ann"), &place("ann")) && together(&place("bob"), &cancel));
    assert!(Mergeable::of(&batch([count(promotion(), 1), count(orders("ann"), -1)])).is_none());
    assert!(Mergeable::of(&batch([count(promotion(), 1), delta(1, 0, -1)])).is_none());

    let batches = [place("bob"), place("ann"), cancel, place("ann")];
    let merged: Vec<_> = batches.iter().map(|batch| Mergeable::of(batch).unwrap()).collect();
    let parts = merge(&merged.iter().collect::<Vec<_>>());
    let by = |part: TableOperation| parts[&part].iter().map(|line| line.batches.clone()).collect::<Vec<_>>();
    assert_eq!(by(Operation::Add.on(TableId::Uses)), [vec![1, 2, 3], vec![0], vec![0, 1, 2, 3]]);
    assert_eq!(by(Operation::Share.on(TableId::Promotion)), [vec![0, 1, 3]]);
}

/// If a sum passes, the core's rule lets its changes pass one by one: those that give, those that ship, those that
/// take.
#[test]
fn a_sum_lets_nothing_through_that_some_order_would_not() {
    let deltas: Vec<StockDelta> = [(2, 0), (0, -1), (1, -2), (-1, -1), (-2, -2), (0, 1), (0, 3), (-1, 0), (-1, 2)]
        .into_iter()
        .map(|(on_hand, reserved)| StockDelta { variant_id: id(1), location_id: id(1), on_hand, reserved })
        .collect();
    // Among those that take, those that reserve come last.
    let rank = |delta: &StockDelta| match direction(delta).unwrap() {
        Direction::Gives => (0, false),
        Direction::Ships => (1, false),
        Direction::Takes => (2, delta.reserved > 0),
    };
    let mut passed = 0;
    for level in levels() {
        for (first, second, third) in deltas.iter().flat_map(|first| {
            deltas.iter().flat_map(|second| deltas.iter().map(|third| (*first, *second, *third)).collect::<Vec<_>>())
        }) {
            let mut sum = Sum::of(&first);
            sum.add(Sum::of(&second));
            sum.add(Sum::of(&third));
            let mut one_by_one = [first, second, third];
            one_by_one.sort_by_key(rank);
            let ends = one_by_one.iter().try_fold(level.clone(), |level, delta| delta.apply(&level));
            if lets_through(&sum, &level) {
                passed += 1;
                let ends = ends.unwrap_or_else(|| panic!("{level:?} by {one_by_one:?}"));
                // A change that both removes and reserves has no place in that order; the shop makes none.
                if one_by_one.iter().all(|delta| delta.on_hand >= 0 || delta.reserved <= 0) {
                    assert_eq!(backordered(&sum, &level), ends.backordered, "{level:?} by {one_by_one:?}");
                }
            }
        }
    }
    assert!(passed > 10_000, "{passed}");
}

/// A single delta is judged as the core judges it.
#[test]
fn a_sum_of_one_is_that_one() {
    for level in levels() {
        for (on_hand, reserved) in (-3..4).flat_map(|on_hand| (-3..4).map(move |reserved| (on_hand, reserved))) {
            let delta = StockDelta { variant_id: id(1), location_id: id(1), on_hand, reserved };
            let sum = Sum::of(&delta);
            let after = delta.apply(&level).map(|level| level.backordered);
            let summed = lets_through(&sum, &level).then(|| backordered(&sum, &level));
            assert_eq!(summed, after, "{level:?} by {delta:?}");
        }
    }
}

/// Levels of a few units, with all flags, of which some or all missing units are backordered.
fn levels() -> impl Iterator<Item = StockLevel> {
    let counts = (-1..4).flat_map(|on_hand| (0..4).map(move |reserved| (on_hand, reserved)));
    let level = |on_hand, reserved, flags: u8| StockLevel {
        variant_id: id(1),
        product_id: id(1),
        sku: String::new(),
        location_id: id(1),
        on_hand,
        reserved,
        backordered: 0,
        low_stock_threshold: 0,
        tracked: flags & 1 == 1,
        backorder: flags & 2 == 2,
    };
    let levels = counts.flat_map(move |(on_hand, reserved)| (0..4).map(move |flags| level(on_hand, reserved, flags)));
    levels.flat_map(|level| {
        let open = [0, level.missing() / 2, level.missing()];
        open.map(|backordered| StockLevel { backordered, ..level.clone() })
    })
}

/// What the SQL of `add_stock` checks (except integer ranges).
fn lets_through(sum: &Sum, level: &StockLevel) -> bool {
    level.reserved + sum.released >= 0
        && (!sum.reserves || level.tracked)
        && (sum.shipped == 0 || level.on_hand + sum.on_hand + sum.lowered >= -still_backordered(sum, level))
        && (!sum.takes || level.backorder || level.reserved + sum.reserved <= level.on_hand + sum.on_hand)
}

fn still_backordered(sum: &Sum, level: &StockLevel) -> i64 {
    level.backordered.min((level.reserved + sum.released - level.on_hand - sum.on_hand - sum.lowered).max(0))
}

/// The open backorders after the sum.
fn backordered(sum: &Sum, level: &StockLevel) -> i64 {
    still_backordered(sum, level) + (level.reserved + sum.reserved - level.on_hand - sum.on_hand).max(0)
        - (level.reserved + sum.released - level.on_hand - sum.on_hand).max(0)
}
