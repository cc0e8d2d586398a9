use proptest::prelude::*;

use super::*;
use crate::batch::{CatalogWrite, OutboxWrite, Precondition, RowWrite, Write};
use crate::cart::operations::fixtures::{cart, contents};
use crate::gateway::{ChargeLimits, ManualGateway};
use crate::model::cart::CartItem;
use crate::model::outbox::Event;
use crate::model::promotions::{Counter, UsesDelta};
use crate::model::shipping::{Method, Rate, Zone};
use crate::money::Currency;
use crate::orders::tests::{address, context};
use crate::validate;

static ON_TRUST: std::sync::LazyLock<ManualGateway> = std::sync::LazyLock::new(ManualGateway::default);
static PREPAID: std::sync::LazyLock<ManualGateway> =
    std::sync::LazyLock::new(|| ManualGateway::new("bank", "Bank").prepaid());

/// A cart of (price, on hand, quantity), shipped for `shipping`.
pub(in crate::orders::operations) fn placement(lines: &[(i64, i64, i64)], shipping: i64) -> Placement<'static> {
    let mut context = crate::cart::operations::fixtures::context();
    let things: Vec<_> = lines.iter().map(|(price, on_hand, _)| (*price, *on_hand)).collect();
    let contents = contents(&things);
    let mut cart = cart();
    for (product, (.., quantity)) in contents.products.iter().zip(lines) {
        cart.items.push(CartItem { id: context.id(), variant_id: product.variants[0].id, quantity: *quantity });
    }
    let zone = Zone {
        id: context.id(),
        name: "World".into(),
        countries: vec!["*".into()],
        created_at: context.now(),
        version: 3,
    };
    let method = Method {
        id: context.id(),
        name: "Post".into(),
        zone_id: zone.id,
        carrier: Some("Royal Mail".into()),
        currency: cart.currency,
        rate: Rate::Flat { price: Amount(shipping) },
        free_over: None,
        min_days: None,
        max_days: None,
        active: true,
        created_at: context.now(),
        version: 4,
    };
    Placement {
        cart,
        contents,
        quote: Quote { method, zone, price: Amount(shipping) },
        cheapest_shipping: Amount(shipping),
        rules: PriceRules::default(),
        taxes: Taxes::default(),
        shipping_address: address(),
        billing_address: address(),
        email: validate::email("Ada@Example.com".into()).unwrap(),
        gateway: &*ON_TRUST,
        hold_until: Some(context.now() + chrono::TimeDelta::minutes(30)),
        expected_total: None,
        note: "Ring twice".into(),
        role: "guest",
        max_unpaid: None,
    }
}

fn reservations(batch: &Batch) -> Vec<(ReservationStatus, i64)> {
    let reservation = |write: &Write| match write {
        Write::Row(RowWrite::Reservation(Change::Insert(r))) => Some((r.status, r.quantity)),
        _ => None,
    };
    batch.writes.iter().filter_map(reservation).collect()
}

fn events(batch: &Batch) -> Vec<&Event> {
    let event = |write: &'_ Write| matches!(write, Write::Outbox(OutboxWrite::Event(_)));
    let events = batch.writes.iter().filter(|write| event(write));
    events
        .filter_map(|write| if let Write::Outbox(OutboxWrite::Event(event)) = write { Some(event) } else { None })
        .collect()
}

#[test]
fn an_order_freezes_what_was_agreed() {
    let placement = placement(&[(1999, 5, 2), (500, 5, 1)], 450);
    let (cart, contents) = (placement.cart.clone(), placement.contents.clone());
    let Decision { batch, reply } = place(placement, &mut context()).unwrap();
    let order = &reply.order;
    assert_eq!((order.subtotal, order.shipping_total, order.total), (Amount(4498), Amount(450), Amount(4948)));
    assert_eq!((order.items[0].line_total, order.items[1].line_total), (Amount(3998), Amount(500)));
    assert_eq!(
        (order.cart_id, order.email.as_str(), order.email_key.as_str()),
        (cart.id, "Ada@Example.com", "ada@example.com")
    );
    assert_eq!((order.items[0].name.as_str(), order.items[0].sku.as_str()), ("Thing 0", "SKU-0"));
    assert_eq!(
        (order.payment_status, order.fulfillment_status),
        (PaymentStatus::NotPaid, FulfillmentStatus::Unfulfilled)
    );
    assert_eq!((order.shipping_method.name.as_str(), order.shipping_method.price), ("Post", Amount(450)));
    assert_eq!((reply.payments[0].amount, reply.payments[0].order_id), (Amount(4948), order.id));

    // Products must not have changed since they were read; stock is guarded by its own writes.
    for product in &contents.products {
        assert!(batch.preconditions.contains(&Precondition::Version(crate::batch::Entity::Product, product.id.0, 1)));
    }
    assert_eq!(batch.preconditions.len(), contents.products.len() + 2);
    let closed = batch.writes.iter().find_map(|write| match write {
        Write::Row(crate::batch::RowWrite::Cart(Change::Update(cart))) => Some(cart),
        _ => None,
    });
    let closed = closed.unwrap();
    assert_eq!((closed.id, closed.status, closed.version), (cart.id, CartStatus::Ordered, cart.version + 1));
    assert_eq!(reservations(&batch), [(ReservationStatus::Committed, 2), (ReservationStatus::Committed, 1)]);
    let told = events(&batch);
    assert_eq!(told.iter().map(|event| event.kind).collect::<Vec<_>>(), [EventKind::OrderPlaced]);
    let data = told[0].data.to_string();
    assert!(!data.contains("Ada") && !data.contains("example.com") && data.contains("\"49.48\""), "{data}");
}

/// A gateway that charges only these amounts.
struct Choosy(Option<ChargeLimits>);

impl PaymentGateway for Choosy {
    fn id(&self) -> &'static str {
        "choosy"
    }
    fn name(&self) -> &'static str {
        "Choosy"
    }
    fn prepaid(&self) -> bool {
        true
    }
    fn charge_limits(&self, _currency: Currency) -> Option<ChargeLimits> {
        self.0
    }
}

#[test]
fn a_total_is_rounded_for_its_gateway_or_refused() {
    let place = |limits: Option<ChargeLimits>, price: i64, expected: Option<i64>| {
        let gateway = Choosy(limits);
        let placement =
            Placement { gateway: &gateway, expected_total: expected.map(Amount), ..placement(&[(price, 5, 1)], 0) };
        place(placement, &mut context()).map(|decision| {
            let OrderView { order, payments, .. } = decision.reply;
            assert_eq!(payments[0].amount, order.total);
            assert_eq!(order.total.0, order.subtotal.0 + order.explanation.rounding().0);
            let rounding =
                |one: &&crate::model::pricing::Adjustment| one.kind == crate::model::pricing::AdjustmentKind::Rounding;
            let told = order.explanation.adjustments.iter().filter(rounding).count();
            assert_eq!(told, usize::from(order.total != order.subtotal));
            order.total.0
        })
    };
    let code = |placed: Result<i64>| placed.map_or_else(|error| error.code().to_owned(), |total| total.to_string());
    let tens = Some(ChargeLimits { step: Amount(10), minimum: Amount(50), maximum: Amount(9000) });
    for (price, total) in [(1625, "1630"), (1624, "1620"), (1630, "1630"), (45, "50"), (9004, "9000"), (0, "0")] {
        assert_eq!(code(place(tens, price, None)), total, "{price}");
    }
    for price in [44, 1, 9005, 100_000] {
        assert_eq!(code(place(tens, price, None)), "total_not_chargeable", "{price}");
    }
    assert_eq!(code(place(None, 1000, None)), "total_not_chargeable");
    // The buyer must expect the total that is charged, after rounding.
    assert_eq!(code(place(tens, 1625, Some(1630))), "1630");
    assert_eq!(code(place(tens, 1625, Some(1625))), "total_changed");
}

#[test]
fn a_prepaid_order_holds_its_stock_for_a_while() {
    let placement = Placement { gateway: &*PREPAID, ..placement(&[(1999, 5, 2)], 450) };
    let until = placement.hold_until;
    let Decision { batch, reply } = place(placement, &mut context()).unwrap();
    assert_eq!((reply.order.hold_until, reply.order.ships_unpaid), (until, false));
    assert_eq!(reservations(&batch), [(ReservationStatus::Held, 2)]);
}

#[test]
fn an_order_that_ships_unpaid_waits_for_its_payment_too() {
    let placement = placement(&[(1999, 5, 2)], 450);
    let until = placement.hold_until;
    let Decision { batch, reply } = place(placement, &mut context()).unwrap();
    assert_eq!((reply.order.hold_until, reply.order.ships_unpaid), (until, true));
    assert_eq!(reservations(&batch), [(ReservationStatus::Committed, 2)]);
}

#[test]
fn an_order_that_costs_nothing_waits_for_nothing() {
    let placement = Placement { gateway: &*PREPAID, ..placement(&[(0, 5, 2)], 0) };
    let Decision { batch, reply } = place(placement, &mut context()).unwrap();
    assert_eq!((reply.order.payment_status, reply.order.hold_until), (PaymentStatus::Paid, None));
    assert_eq!(reservations(&batch), [(ReservationStatus::Committed, 2)]);
    let kinds: Vec<_> = events(&batch).iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::OrderPlaced, EventKind::OrderPaid]);
}

#[test]
fn what_cannot_be_served_is_named() {
    let refused = place(placement(&[(1999, 5, 2), (500, 3, 4)], 0), &mut context()).unwrap_err();
    assert!(matches!(refused, Error::OutOfStock { sku, available: 3 } if sku == "SKU-1"));

    let mut gone = placement(&[(1999, 5, 2)], 0);
    gone.contents.products[0].variants[0].archived = true;
    let refused = place(gone, &mut context()).unwrap_err();
    assert!(matches!(refused, Error::OutOfStock { sku, available: 0 } if sku == "SKU-0"));

    let refused = place(placement(&[], 0), &mut context()).unwrap_err();
    assert!(matches!(refused, Error::CartEmpty));
}

#[test]
fn two_lines_of_one_variant_share_its_stock() {
    let mut twice = placement(&[(100, 5, 3)], 0);
    let second = CartItem { id: context().id(), quantity: 3, ..twice.cart.items[0].clone() };
    twice.cart.items.push(second);
    let refused = place(twice, &mut context()).unwrap_err();
    assert!(matches!(refused, Error::OutOfStock { available: 2, .. }));
}

#[test]
fn the_buyer_agrees_to_a_total() {
    let with = |total| Placement { expected_total: Some(Amount(total)), ..placement(&[(1999, 5, 1)], 450) };
    assert!(place(with(2449), &mut context()).is_ok());
    for other in [2448, 2450, 0] {
        let refused = place(with(other), &mut context()).unwrap_err();
        assert!(matches!(refused, Error::TotalChanged { total } if total == "24.49"));
    }
}

#[test]
fn a_total_beyond_all_bounds_is_refused_in_words() {
    for lines in [[(Amount::MAX.0, 9_999, 9_999)], [(Amount::MAX.0, 9, 1)]] {
        assert_eq!(place(placement(&lines, 1), &mut context()).unwrap_err().code(), "invalid");
    }
}

proptest! {
    #[test]
    fn an_order_always_adds_up(
        lines in proptest::collection::vec((0_i64..1_000_000_000, 1_i64..10_000), 1..20), shipping in 0_i64..100_000,
    ) {
        let lines: Vec<_> = lines.into_iter().map(|(price, quantity)| (price, quantity, quantity)).collect();
        let order = place(placement(&lines, shipping), &mut context()).unwrap().reply.order;
        for item in &order.items {
            prop_assert_eq!(item.line_total.0, item.unit_price.0 * item.quantity);
        }
        let sum = Amount::sum(order.items.iter().map(|item| item.line_total)).unwrap();
        prop_assert_eq!(sum, order.subtotal);
        prop_assert_eq!(order.total.0, order.subtotal.0 + order.shipping_total.0 + order.tax_total.0 - order.discount_total.0);
    }
}

#[test]
fn a_buyer_has_so_many_orders_that_wait_for_their_payment() {
    let with = |unpaid_orders, price| {
        let mut placement = Placement { max_unpaid: Some(2), ..placement(&[(price, 5, 1)], 0) };
        placement.rules.unpaid_orders = unpaid_orders;
        place(placement, &mut context())
    };
    let counted = |batch: &Batch| {
        batch.writes.iter().find_map(|write| match write {
            Write::Catalog(CatalogWrite::Uses(delta)) => Some(delta.clone()),
            _ => None,
        })
    };
    let delta = UsesDelta { counter: Counter::Unpaid("ada@example.com".into()), delta: 1, limit: Some(2) };
    assert_eq!(counted(&with(1, 1999).unwrap().batch), Some(delta));
    for unpaid in [2, 3] {
        let refused = with(unpaid, 1999).unwrap_err();
        assert!(matches!(refused, Error::TooManyUnpaidOrders { limit: 2, retry_after: 1.. }), "{refused:?}");
        // A free order does not wait for a payment.
        assert_eq!(counted(&with(unpaid, 0).unwrap().batch), None);
    }
}
