//! Spoilt books, and what is found in them.

use serde_json::json;
use uuid::Uuid;

use super::rules::{ledger_problems, order_problems, reservation_problems, return_problems};
use super::taxes::tax_problems;
use crate::batch::{Batch, CatalogWrite, Change, Decision, InventoryWrite, RowWrite, Write};
use crate::model::catalog::PricePeriod;
use crate::model::inventory::{Movement, MovementReason, Reservation, ReservationStatus, StockDelta};
use crate::model::orders::{CanceledItem, Order, OrderStatus, PaymentStatus, Return, ReturnItem, ReturnStatus};
use crate::model::payments::{Payment, PaymentState, Refund, RefundState, RefundedTax};
use crate::model::pricing::{TaxedShipping, UsedPromotion, UsedTaxRate};
use crate::model::promotions::{Counter, UsesDelta};
use crate::model::shipping::{Shipment, ShipmentStatus};
use crate::money::{Amount, Ratio};
use crate::orders::fixtures::offer;
use crate::orders::tests::{context, order, payment, shipment};
use crate::testing::{World, block_on, world};

fn spoil(world: &World, write: impl Into<Write>) {
    let write = write.into();
    let write = &write;
    block_on(world.shop.execute(&crate::Actor::system(), |mut context| async move {
        let mut batch = Batch::new(&mut context);
        batch.write(write.clone());
        Ok(Decision { batch, reply: () })
    }))
    .unwrap();
}

/// So many unpaid orders more are counted of the buyer of this one.
fn count(order: &Order, delta: i64) -> CatalogWrite {
    CatalogWrite::Uses(UsesDelta { counter: Counter::Unpaid(order.buyer().key()), delta, limit: None })
}

/// So many of the first line came back, lie in stock again and were paid back.
fn back(order: &Order, quantity: i64) -> Return {
    let amount = Amount(1000 * quantity);
    Return {
        id: context().id(),
        order_id: order.id,
        currency: order.currency,
        items: vec![ReturnItem { order_item_id: order.items[0].id, quantity, reason: String::new(), amount }],
        note: String::new(),
        status: ReturnStatus::Completed,
        rejection: String::new(),
        restocked: true,
        refund_amount: amount,
        amount_refunded: amount,
        created_at: order.placed_at,
        updated_at: order.placed_at,
        version: 1,
    }
}

#[test]
fn a_sound_shop_has_no_problems() {
    let world = world();
    offer(&world, &vec![(100, 5); 250]);
    assert_eq!(block_on(world.shop.check()).unwrap(), Vec::<String>::new());
}

#[test]
fn stock_without_a_ledger_is_found() {
    let world = world();
    let offer = offer(&world, &[(100, 5), (100, 5)]);
    let level = block_on(world.shop.store().stock_of(&[offer.variant(1)])).unwrap().remove(0);
    let delta = StockDelta { variant_id: level.variant_id, location_id: level.location_id, on_hand: 1, reserved: 2 };
    spoil(&world, InventoryWrite::Delta(delta));
    let problems = block_on(world.shop.check()).unwrap();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems.iter().all(|problem| problem.starts_with("SKU-1 at ")));
}

#[test]
fn a_price_that_the_history_does_not_know_is_found() {
    let world = world();
    let offer = offer(&world, &[(100, 5), (100, 5), (100, 5)]);
    let open = |index| {
        let variant = offer.variant(index);
        block_on(world.shop.store().price_history(&[variant], None)).unwrap().remove(0)
    };
    let (first, second, third) = (open(0), open(1), open(2));
    assert_eq!((first.price, first.ends_at), (Some(Amount(100)), None));
    spoil(&world, CatalogWrite::PricePeriod(PricePeriod { price: Some(Amount(99)), ..first }));
    spoil(&world, CatalogWrite::PricePeriod(PricePeriod { ends_at: Some(second.starts_at), ..second }));
    spoil(&world, CatalogWrite::PricePeriod(PricePeriod { version: 7, ..third }));
    let mut problems = block_on(world.shop.check()).unwrap();
    problems.sort();
    assert_eq!(
        problems,
        [
            "SKU-0: it is offered for 1.00 USD, the history of its prices ends with 0.99 USD.",
            "SKU-1: its history has 0 present prices.",
            "SKU-2: its history has 2 present prices.",
        ]
    );
}

#[test]
fn an_order_that_does_not_add_up_is_found() {
    let world = world();
    let sound = order(&[(1000, 2)], 500);
    spoil(&world, count(&sound, 1));
    spoil(&world, RowWrite::Order(Change::Insert(Order { total: Amount(2499), ..sound.clone() })));
    let problems = block_on(world.shop.check()).unwrap();
    assert_eq!(problems, [format!("Order {}: the total is not the sum of its parts.", sound.number)]);
}

#[test]
fn each_rule_of_an_order_is_judged() {
    let sound = order(&[(1000, 2)], 500);
    let pending = payment(&sound, PaymentState::Pending, 0, 0, 0);
    assert_eq!(order_problems(&sound, std::slice::from_ref(&pending), &[]), Vec::<String>::new());
    let breaks = |rule: &str, order: &Order, payments: &[Payment], shipments: &[Shipment]| {
        let problems = order_problems(order, payments, shipments);
        let expected = format!("Order {}: {rule}.", order.number);
        assert!(problems.contains(&expected), "{expected:?} is not in {problems:?}");
    };
    let breaks_alone = |rule, order: Order| breaks(rule, &order, &[], &[]);
    let mut wrong = sound.clone();
    wrong.items[0].quantity = 3;
    breaks_alone("a line is not its price times its quantity", wrong.clone());
    wrong = Order { discount_total: Amount(2001), total: Amount(499), ..sound.clone() };
    wrong.items[0].discount = Amount(2001);
    breaks_alone("a line's discount is more than the line", wrong);
    let wrong = Order { subtotal: Amount(1999), total: Amount(2499), ..sound.clone() };
    breaks_alone("the subtotal is not the sum of the lines", wrong);
    let wrong = Order { discount_total: Amount(1), total: Amount(2499), ..sound.clone() };
    breaks_alone("the discount is not the sum of the lines' discounts", wrong);
    let wrong = Order { tax_total: Amount(1), total: Amount(2501), ..sound.clone() };
    breaks_alone("the tax is not the sum of the lines' and the shipping's taxes", wrong);
    let wrong = Order { amount_paid: Amount(1), ..sound.clone() };
    breaks_alone("what was paid is not the sum of the payments", wrong);
    let wrong = Order { amount_refunded: Amount(1), ..sound.clone() };
    breaks_alone("what was refunded is not the sum of the payments", wrong);
    let wrong = Order { payment_status: PaymentStatus::Paid, ..sound.clone() };
    breaks_alone("the payment status is not that of its payments", wrong);

    breaks("more than one payment is live", &sound, &[pending.clone(), pending.clone()], &[]);
    let refunded = payment(&sound, PaymentState::Voided, 0, 0, 1);
    breaks("a payment breaks 0 ≤ refunded ≤ captured ≤ authorized", &sound, std::slice::from_ref(&refunded), &[]);
    breaks("a payment's refunds do not add up", &sound, &[refunded], &[]);
    let abroad = Payment { currency: "EUR".parse().unwrap(), ..pending };
    breaks("a payment has another currency", &sound, &[abroad], &[]);
    let mut forgotten = payment(&sound, PaymentState::Captured, 2500, 2500, 100);
    forgotten.refunds.push(Refund {
        id: context().id(),
        amount: Amount(100),
        state: RefundState::Pending,
        reason: String::new(),
        gateway_reference: None,
        created_at: sound.placed_at,
        taxes: Vec::new(),
    });
    breaks("a refund is pending and no worker will complete it", &sound, &[forgotten], &[]);
    let excess = payment(&sound, PaymentState::Captured, 2501, 2501, 0);
    let rich = Order { amount_paid: Amount(2501), ..sound.clone() };
    breaks("more was paid than the order costs, and not refunded", &rich, &[excess], &[]);

    let shipped = shipment(&sound, ShipmentStatus::Shipped, &[1]);
    breaks("the fulfillment status does not match the shipments", &sound, &[], &[shipped]);
    let packed = shipment(&sound, ShipmentStatus::Pending, &[3]);
    breaks("more of a line was packed than was bought", &sound, &[], &[packed]);

    let packed = shipment(&sound, ShipmentStatus::Pending, &[2]);
    breaks("more of a line was packed than was bought", &without(&sound, 1, 1000, false), &[], &[packed]);
    let too_much = "more of a line was canceled than was bought";
    breaks(too_much, &without(&sound, 3, 1000, false), &[], &[]);
    breaks(too_much, &without(&sound, 0, 0, false), &[], &[]);
    breaks(too_much, &without(&sound, 1, -1, false), &[], &[]);
    let mut foreign = without(&sound, 1, 1000, false);
    foreign.canceled_items[0].order_item_id = uuid::Uuid::nil().into();
    breaks(too_much, &foreign, &[], &[]);
    assert_eq!(order_problems(&without(&sound, 1, 1000, false), &[], &[]), Vec::<String>::new());
}

/// The order without some of its first line.
fn without(order: &Order, quantity: i64, amount: i64, returned: bool) -> Order {
    let canceled = CanceledItem { order_item_id: order.items[0].id, quantity, amount: Amount(amount), returned };
    Order { canceled_items: vec![canceled], ..order.clone() }
}

#[test]
fn each_rule_of_taxes_is_judged() {
    let mut sound = order(&[(1190, 1)], 119);
    sound.explanation.prices_include_tax = true;
    (sound.items[0].tax, sound.shipping_tax, sound.tax_total) = (Amount(190), Amount(19), Amount(209));
    (sound.items[0].tax_class, sound.items[0].tax_rate) = (Some("standard".into()), Some(Ratio(190_000)));
    sound.explanation.taxes = vec![UsedTaxRate {
        tax_rate_id: None,
        version: 0,
        name: "MwSt".into(),
        rate: Ratio(190_000),
        base: Amount(1309),
        amount: Amount(209),
        others: Vec::new(),
        shipping: Some(TaxedShipping { base: Amount(119), amount: Amount(19) }),
    }];
    let refund = Refund {
        id: Uuid::from_u128(1).into(),
        amount: Amount(119),
        state: RefundState::Succeeded,
        reason: String::new(),
        gateway_reference: None,
        created_at: sound.placed_at,
        taxes: vec![RefundedTax { rate: Some(Ratio(190_000)), total: Amount(119), tax: Amount(19) }],
    };
    let paid = Payment { refunds: vec![refund], ..payment(&sound, PaymentState::Captured, 1309, 1309, 119) };
    assert_eq!(tax_problems(&sound, std::slice::from_ref(&paid)), Vec::<&str>::new());
    let finds = |rule: &str, change: fn(&mut Order, &mut Payment)| {
        let (mut order, mut payment) = (sound.clone(), paid.clone());
        change(&mut order, &mut payment);
        let problems = order_problems(&order, &[payment], &[]);
        assert!(problems.iter().any(|problem| problem.contains(rule)), "{rule:?} is not in {problems:?}");
    };
    finds("the tax is not the sum of its percentages", |order, _| order.explanation.taxes[0].amount = Amount(208));
    finds("the shipping is not the sum of its parts", |order, _| order.shipping_total = Amount(120));
    finds("the shipping is not the sum of its parts", |order, _| order.shipping_tax = Amount(18));
    let rule = "what is taxed at a percentage is not the sum of its lines and its shipping";
    finds(rule, |order, _| order.explanation.taxes[0].base = Amount(1308));
    finds(rule, |order, _| order.items[0].tax_rate = None);
    finds("a line is taxed at a percentage that the order has not", |order, _| order.items[0].tax_rate = None);
    let rule = "a refund is not the sum of its parts by percentage";
    finds(rule, |_, payment| payment.refunds[0].amount = Amount(118));
    finds(rule, |_, payment| payment.refunds[0].taxes[0].tax = Amount(120));
    // Of an earlier release: nothing is known of the line and of the refund.
    let (mut old, mut before) = (sound.clone(), paid.clone());
    (old.items[0].tax_class, old.items[0].tax_rate) = (None, None);
    old.explanation.taxes[0].shipping = None;
    before.refunds[0].taxes.clear();
    assert_eq!(tax_problems(&old, &[before]), Vec::<&str>::new());
}

#[test]
fn counts_that_are_not_those_of_the_orders_are_found() {
    let world = world();
    let input = json!({"name": "Ten", "code": "TEN", "kind": "percent", "value": "10"});
    let input = serde_json::from_value(input).unwrap();
    let promotion = block_on(world.shop.catalog().create_promotion(&crate::Actor::system(), input)).unwrap().promotion;
    let mut order = order(&[(1000, 2)], 500);
    order.explanation.promotions = vec![UsedPromotion {
        promotion_id: promotion.id,
        name: promotion.name.clone(),
        code: promotion.code.clone(),
        free_shipping: false,
        amount: Amount::ZERO,
    }];
    order.customer_id = Some(uuid::Uuid::from_u128(7).into());
    let of_customer = Counter::Customer(promotion.id, order.buyer().key());
    let uses = |counter, delta| CatalogWrite::Uses(UsesDelta { counter, delta, limit: None });
    spoil(&world, RowWrite::Order(Change::Insert(order.clone())));
    spoil(&world, uses(Counter::Promotion(promotion.id), 1));
    let (number, id) = (&order.number, promotion.id);
    let of_orders = format!("Order {number}: 0 orders of its customer are counted, there are 1.");
    let of_unpaid = format!("Order {number}: 0 unpaid orders of its buyer are counted, there are 1.");
    let of_uses = format!("Order {number}: 0 uses of promotion {id} by its customer are counted, 1 orders carry it.");
    assert_eq!(block_on(world.shop.check()).unwrap(), [of_orders.clone(), of_unpaid, of_uses.clone()]);
    spoil(&world, count(&order, 1));
    assert_eq!(block_on(world.shop.check()).unwrap(), [of_orders, of_uses.clone()]);
    spoil(&world, uses(Counter::Orders(order.buyer().key()), 1));
    assert_eq!(block_on(world.shop.check()).unwrap(), [of_uses]);
    spoil(&world, uses(of_customer, 1));
    assert_eq!(block_on(world.shop.check()).unwrap(), Vec::<String>::new());
}

#[test]
fn each_rule_of_reservations_is_judged() {
    let order = order(&[(1000, 3), (1000, 1)], 500);
    let held = |quantity, remaining, status| Reservation {
        id: context().id(),
        order_id: order.id,
        order_item_id: order.items[0].id,
        variant_id: order.items[0].variant_id,
        sku: order.items[0].sku.clone(),
        location_id: uuid::Uuid::nil().into(),
        quantity,
        remaining,
        status,
        created_at: order.placed_at,
        version: 1,
    };
    let committed = ReservationStatus::Committed;
    let shipped = [shipment(&order, ShipmentStatus::Shipped, &[1])];
    let sound = |shipments: &[Shipment], reservations: &[Reservation]| {
        assert_eq!(reservation_problems(&order, shipments, reservations), Vec::<String>::new());
    };
    // The second line is not counted.
    sound(&[], &[held(3, 3, committed)]);
    sound(&shipped, &[held(1, 0, ReservationStatus::Consumed), held(2, 2, ReservationStatus::Held)]);
    let breaks = |rule: &str, shipments: &[Shipment], reservations: &[Reservation]| {
        let problems = reservation_problems(&order, shipments, reservations);
        assert_eq!(problems, [format!("Order {}: {rule}.", order.number)]);
    };
    let fewer = "another quantity of a line is reserved than has yet to leave";
    breaks(fewer, &shipped, &[held(3, 3, committed)]);
    breaks(fewer, &[], &[held(3, 2, committed)]);
    breaks(fewer, &[], &[held(3, 0, ReservationStatus::Consumed)]);
    // A refund may have given back what had not left, but nothing is held twice.
    sound(&shipped, &[held(3, 0, ReservationStatus::Released)]);
    breaks(fewer, &shipped, &[held(1, 0, ReservationStatus::Released), held(2, 3, committed)]);
    let another = "another quantity of a line was reserved than was bought";
    breaks(another, &[], &[held(2, 3, committed)]);
    // What was canceled has not yet to leave.
    let fewer_bought = without(&order, 1, 1000, false);
    let part = |remaining| reservation_problems(&fewer_bought, &shipped, &[held(3, remaining, committed)]);
    assert_eq!((part(1).len(), part(2).len()), (0, 1));
    // Whoever called it off gave everything back.
    let canceled = Order { status: OrderStatus::Canceled, ..order.clone() };
    assert_eq!(reservation_problems(&canceled, &[], &[held(3, 0, ReservationStatus::Released)]), Vec::<String>::new());
}

#[test]
fn what_left_and_came_back_is_compared_with_the_ledger() {
    let order = order(&[(1000, 3), (1000, 1)], 500);
    let line = order.items[0].clone();
    let reservation = Reservation {
        id: context().id(),
        order_id: order.id,
        order_item_id: line.id,
        variant_id: line.variant_id,
        sku: line.sku.clone(),
        location_id: uuid::Uuid::nil().into(),
        quantity: 3,
        remaining: 1,
        status: ReservationStatus::Committed,
        created_at: order.placed_at,
        version: 2,
    };
    let moved = |delta, reason| Movement {
        id: context().id(),
        variant_id: line.variant_id,
        sku: line.sku.clone(),
        location_id: reservation.location_id,
        delta,
        reason,
        note: String::new(),
        order_id: Some(order.id),
        created_at: order.placed_at,
    };
    let back = back(&order, 1);
    let judged = |reservations: &[Reservation], returned: &Return, movements: &[&Movement]| {
        let movements: Vec<_> = movements.iter().copied().cloned().collect();
        // The second line is not counted, and left, too.
        let shipments = [shipment(&order, ShipmentStatus::Shipped, &[2, 1])];
        ledger_problems(&order, &shipments, std::slice::from_ref(returned), reservations, &movements)
    };
    let held = std::slice::from_ref(&reservation);
    let (left, came) = (moved(-2, MovementReason::Shipped), moved(1, MovementReason::Returned));
    let none: [String; 0] = [];
    assert_eq!(judged(held, &back, &[&left, &came]), none);
    assert_eq!(judged(&[], &back, &[]), none);
    let written_off = Return { restocked: false, ..back.clone() };
    assert_eq!(judged(held, &written_off, &[&left]), none);
    let of_shipments = format!("Order {}: another quantity left than the ledger says.", order.number);
    let of_returns = format!("Order {}: the returned quantity differs from the stock ledger.", order.number);
    assert_eq!(judged(held, &back, &[&came]), [of_shipments]);
    assert_eq!(judged(held, &back, &[&left]), std::slice::from_ref(&of_returns));
    assert_eq!(judged(held, &written_off, &[&left, &came]), [of_returns]);
}

#[test]
fn each_rule_of_a_return_is_judged() {
    let order = Order { amount_refunded: Amount(1000), ..order(&[(1000, 2)], 500) };
    let shipped = [shipment(&order, ShipmentStatus::Shipped, &[1])];
    let sound = back(&order, 1);
    let item = sound.items[0].clone();
    assert_eq!(return_problems(&order, &shipped, std::slice::from_ref(&sound)), Vec::<String>::new());
    let breaks = |rule: &str, shipments: &[Shipment], returned: Return| {
        let problems = return_problems(&order, shipments, &[returned]);
        let expected = format!("Order {}: {rule}.", order.number);
        assert!(problems.contains(&expected), "{expected:?} is not in {problems:?}");
    };
    breaks("more of a line is returned than was shipped", &[], sound.clone());
    let dear = Return { items: vec![ReturnItem { amount: Amount(2001), ..item.clone() }], ..sound.clone() };
    breaks("the refunds of a line exceed its price", &shipped, dear);
    let wrong = Return { refund_amount: Amount(1001), ..sound.clone() };
    breaks("the amount of a return is not the sum of its lines", &shipped, wrong);
    let wrong = Return { amount_refunded: Amount(1001), ..sound.clone() };
    breaks("the refunds of a return exceed the price of its goods", &shipped, wrong);
    let strange =
        Return { items: vec![ReturnItem { order_item_id: uuid::Uuid::nil().into(), ..item }], ..sound.clone() };
    breaks("a return has a line that the order has not", &shipped, strange);
    let canceled = without(&order, 1, 1001, false);
    let told = |order: &Order| return_problems(order, &shipped, std::slice::from_ref(&sound));
    let dear = format!("Order {}: the refunds of a line exceed its price.", order.number);
    assert_eq!(told(&canceled), [dear]);
    assert_eq!(told(&without(&order, 1, 1000, false)), Vec::<String>::new());
    assert_eq!(told(&without(&order, 1, 1000, true)), Vec::<String>::new());
    let back =
        format!("Order {}: more units of a line are marked as returned unpaid than were returned.", order.number);
    assert_eq!(told(&without(&order, 2, 1000, true)), [back]);
    let wrong = Return { status: ReturnStatus::Approved, ..sound };
    breaks("goods of a return were restocked that were not received", &shipped, wrong);
}
