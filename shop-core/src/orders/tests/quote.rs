//! Tests that a quote equals the order that would be placed, for random carts and destinations.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::actor::Actor;
use crate::cart::{AddCoupon, AddItem};
use crate::error::{Error, Result};
use crate::gateway::{ChargeLimits, ManualGateway, PaymentGateway};
use crate::model::orders::Order;
use crate::model::pricing::AdjustmentKind;
use crate::money::{Amount, Currency};
use crate::orders::fixtures::{Offer, guest, offer};
use crate::orders::{OrderQuote, PlaceOrder};
use crate::payments::AmountInput;
use crate::pricing::TaxRounding;
use crate::shop::Settings;
use crate::testing::{World, block_on, world, world_with};

/// A gateway that charges only some amounts.
struct Choosy(ChargeLimits);

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
        Some(self.0)
    }
}

fn manual() -> Arc<ManualGateway> {
    Arc::new(ManualGateway::default())
}

/// A random shop, and a cart in it.
#[derive(Debug, Clone)]
struct Case {
    includes_tax: bool,
    rounds_orders: bool,
    /// Price, stock and ordered quantity.
    things: Vec<(i64, i64, i64)>,
    promotions: Vec<Value>,
    rates: Vec<Value>,
    place: (&'static str, Option<&'static str>),
    step: i64,
    minimum: i64,
    gateway: &'static str,
    is_guest: bool,
}

fn promotion() -> impl Strategy<Value = Value> {
    let kind = prop_oneof![
        (1..60_u32).prop_map(|value| json!({"kind": "percent", "value": value.to_string()})),
        (1..30_u32).prop_map(|value| json!({"kind": "fixed", "value": value.to_string()})),
        Just(json!({"kind": "free_shipping"})),
        Just(json!({"kind": "buy_x_get_y", "buy_quantity": 2, "get_quantity": 1})),
    ];
    (kind, any::<bool>(), 0..3_i64, proptest::option::of(1..40_u32)).prop_map(
        |(mut body, combinable, priority, least)| {
            body["name"] = "Off".into();
            body["combinable"] = combinable.into();
            body["priority"] = priority.into();
            if let Some(least) = least {
                body["min_subtotal"] = least.to_string().into();
            }
            body
        },
    )
}

fn case() -> impl Strategy<Value = Case> {
    let place = prop_oneof![
        Just(("GB", None)),
        Just(("US", Some("NY"))),
        Just(("US", Some("California"))),
        Just(("US", None)),
        Just(("JP", None)),
    ];
    let rates = (any::<bool>(), 1..2_500_u32, 1..2_500_u32).prop_map(|(shipping, here, there)| {
        let rate = |country: &str, region: Option<&str>, rate: u32| {
            let rate = format!("0.{rate:04}");
            json!({"name": country, "country": country, "region": region, "rate": rate, "applies_to_shipping": shipping})
        };
        vec![rate("GB", None, here), rate("US", Some("NY"), there)]
    });
    let things = proptest::collection::vec((0..6_000_i64, 1..9_i64, 1..6_i64), 1..5);
    let gateway = prop_oneof![Just("manual"), Just("choosy")];
    let shop = (any::<bool>(), any::<bool>(), 1..30_i64, 1..2_000_i64, gateway, any::<bool>());
    (shop, things, proptest::collection::vec(promotion(), 0..3), rates, place).prop_map(
        |((includes_tax, rounds_orders, step, minimum, gateway, is_guest), things, promotions, rates, place)| Case {
            includes_tax,
            rounds_orders,
            things,
            promotions,
            rates,
            place,
            step,
            minimum,
            gateway,
            is_guest,
        },
    )
}

/// The shop of a case, its buyer with a full cart, and the complete input.
fn opened(case: &Case) -> (World, Actor, Value) {
    let limits = ChargeLimits { step: Amount(case.step), minimum: Amount(case.minimum), maximum: Amount(20_000) };
    let tax_rounding = if case.rounds_orders { TaxRounding::Order } else { TaxRounding::Line };
    let settings = Settings { prices_include_tax: case.includes_tax, tax_rounding, ..Settings::default() };
    let world = world_with(|builder| builder.settings(settings).gateway(manual()).gateway(Arc::new(Choosy(limits))));
    let things: Vec<_> = case.things.iter().map(|(price, stock, _)| (*price, *stock)).collect();
    let offer = offer(&world, &things);
    let catalog = world.shop.catalog();
    for body in &case.promotions {
        block_on(catalog.create_promotion(&Actor::system(), serde_json::from_value(body.clone()).unwrap())).unwrap();
    }
    for body in &case.rates {
        block_on(catalog.create_tax_rate(&Actor::system(), serde_json::from_value(body.clone()).unwrap())).unwrap();
    }
    let buyer = if case.is_guest { guest(&world, offer.variant(0), 1) } else { world.customer("ada") };
    for (index, (_, stock, wanted)) in case.things.iter().enumerate() {
        let quantity = wanted.min(stock) - i64::from(case.is_guest && index == 0);
        if quantity > 0 {
            let variant_id = offer.variant(index).into();
            let item = AddItem { variant_id, quantity: quantity.into(), ..AddItem::default() };
            block_on(world.shop.carts().add_item(&buyer, item)).unwrap();
        }
    }
    let body = body(&offer, case.place, case.gateway);
    (world, buyer, body)
}

/// The complete input for an order.
fn body(offer: &Offer, (country, region): (&str, Option<&str>), gateway: &str) -> Value {
    json!({
        "shipping_address": {"first_name": "Ada", "last_name": "L", "line1": "1 Way", "city": "There",
            "country": country, "region": region},
        "shipping_method_id": offer.method.id, "payment_gateway": gateway, "email": "ada@example.com",
    })
}

fn asked(body: &Value) -> PlaceOrder {
    serde_json::from_value(body.clone()).unwrap()
}

/// Requests a quote and checks that it writes nothing.
fn quote(world: &World, buyer: &Actor, body: &Value) -> Result<OrderQuote> {
    let prepared = block_on(world.shop.prepare(async |shop| shop.orders().quote(buyer, asked(body)).await))?;
    assert!(prepared.batch.is_empty());
    Ok(prepared.reply)
}

fn place(world: &World, buyer: &Actor, body: &Value) -> Result<Order> {
    block_on(world.shop.orders().place(buyer, asked(body), None)).map(|placed| placed.value.view.order)
}

fn code<T>(result: &Result<T>) -> &'static str {
    result.as_ref().map_or_else(Error::code, |_| "ok")
}

/// A quote without the ids of its lines.
fn parts(quote: OrderQuote) -> OrderQuote {
    let items = quote
        .items
        .into_iter()
        .map(|item| crate::model::orders::OrderItem { id: uuid::Uuid::nil().into(), ..item })
        .collect();
    OrderQuote { items, ..quote }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn a_quote_is_what_the_order_comes_to(case in case()) {
        let (world, buyer, mut body) = opened(&case);
        // Country, region and method suffice for everything except the rounding.
        let (country, region) = case.place;
        let known = json!({
            "shipping_address": {"country": country, "region": region}, "shipping_method_id": body["shipping_method_id"],
        });
        let early = quote(&world, &buyer, &known).unwrap();
        prop_assert!(early.missing.contains(&"payment_gateway".to_owned()));
        prop_assert_eq!(early.missing.contains(&"email".to_owned()), case.is_guest);
        let quoted = quote(&world, &buyer, &body);
        match quoted {
            Ok(quoted) if quoted.missing.is_empty() => {
                body["expected_total"] = Currency::USD.format_amount(quoted.total).into();
                let order = place(&world, &buyer, &body).unwrap();
                let rounding = order.explanation.rounding();
                prop_assert_eq!(early.total, Amount(order.total.0 - rounding.0));
                let mut explanation = early.explanation.clone();
                let rounded = order.explanation.adjustments.iter();
                explanation.adjustments.extend(rounded.filter(|one| one.kind == AdjustmentKind::Rounding).cloned());
                let complete = OrderQuote { explanation, total: order.total, missing: Vec::new(), ..early };
                let order = parts(OrderQuote::of(order));
                prop_assert_eq!(parts(complete), order.clone());
                prop_assert_eq!(parts(quoted), order);
            }
            // Taxes differ by region there, and the address has none.
            Ok(quoted) => {
                prop_assert_eq!(quoted.missing, ["shipping_address.region"]);
                prop_assert_eq!(code(&place(&world, &buyer, &body)), "invalid");
            }
            Err(refusal) => prop_assert_eq!(refusal.code(), code(&place(&world, &buyer, &body))),
        }
    }
}

#[test]
fn whatever_refuses_an_order_refuses_its_quote() {
    let settings = Settings { max_unpaid_orders: Some(1), ..Settings::default() };
    let limits = ChargeLimits { step: Amount(1), minimum: Amount(5_000), maximum: Amount::MAX };
    let world = world_with(|builder| builder.settings(settings).gateway(manual()).gateway(Arc::new(Choosy(limits))));
    let offer = offer(&world, &[(1000, 9), (1000, 9)]);
    let said = body(&offer, ("GB", None), "manual");
    let both = |buyer: &Actor, body: &Value| {
        let refused = [code(&quote(&world, buyer, body)), code(&place(&world, buyer, body))];
        assert_eq!(refused[0], refused[1], "{body}");
        refused[0]
    };
    assert_eq!(both(&Actor::anonymous(), &said), "not_found");
    assert_eq!(both(&world.customer("bob"), &said), "cart_empty");
    let buyer = guest(&world, offer.variant(0), 2);
    assert_eq!(code(&quote(&world, &Actor::anonymous(), &json!({}))), "not_found");
    let with = |field: &str, value: Value| {
        let mut body = said.clone();
        body[field] = value;
        body
    };
    for (field, value) in [
        ("payment_gateway", json!("magic")),
        ("shipping_method_id", json!(uuid::Uuid::from_u128(77))),
        ("shipping_address", json!({"country": "XX"})),
        ("billing_address", json!({"country": "GB", "phone": "x"})),
        ("email", json!("nobody")),
        ("expected_total", json!("x")),
    ] {
        assert_eq!(both(&buyer, &with(field, value)), "invalid", "{field}");
    }
    assert_eq!(both(&buyer, &with("payment_gateway", json!("choosy"))), "total_not_chargeable");
    // Only the expected total is ignored, because the quote returns the total.
    let quoted = quote(&world, &buyer, &with("expected_total", json!("1.00"))).unwrap();
    assert_eq!(
        (quoted.total, code(&place(&world, &buyer, &with("expected_total", json!("1.00"))))),
        (Amount(2500), "total_changed")
    );

    // Stock that sells out, a coupon that is used up, and too many unpaid orders.
    let first = guest(&world, offer.variant(1), 9);
    let other = guest(&world, offer.variant(1), 9);
    let placed = place(&world, &first, &said).unwrap();
    assert_eq!(both(&other, &said), "out_of_stock");
    assert_eq!(both(&buyer, &said), "throttled");
    let elsewhere = with("email", json!("bob@example.com"));
    assert_eq!(code(&quote(&world, &buyer, &elsewhere)), "ok");
    let payment = block_on(world.shop.store().payments_of_orders(&[placed.id])).unwrap()[0].id;
    block_on(world.shop.payments().capture(&Actor::system(), payment, AmountInput::default(), None)).unwrap();
    let coupon = json!({"name": "Off", "code": "OFF", "kind": "fixed", "value": "1", "usage_limit": 1});
    let coupon = serde_json::from_value(coupon).unwrap();
    block_on(world.shop.catalog().create_promotion(&Actor::system(), coupon)).unwrap();
    let late = guest(&world, offer.variant(0), 1);
    for holder in [&buyer, &late] {
        block_on(world.shop.carts().add_coupon(holder, AddCoupon { code: "off".into() }, None)).unwrap();
    }
    place(&world, &buyer, &said).unwrap();
    assert_eq!(both(&late, &elsewhere), "coupon_not_applicable");
    assert_eq!(block_on(world.shop.check()).unwrap(), Vec::<String>::new());
}

#[test]
fn a_quote_says_what_it_can() {
    let world = world();
    let offer = offer(&world, &[(1000, 9)]);
    let rate = json!({"name": "VAT", "country": "GB", "rate": "0.2", "applies_to_shipping": true});
    block_on(world.shop.catalog().create_tax_rate(&Actor::system(), serde_json::from_value(rate).unwrap())).unwrap();
    let buyer = guest(&world, offer.variant(0), 2);
    let sums = |body: &Value| {
        let OrderQuote { subtotal, shipping_total, tax_total, total, missing, .. } =
            quote(&world, &buyer, body).unwrap();
        ([subtotal, shipping_total, tax_total, total].map(|amount| amount.0), missing)
    };
    let all = ["shipping_address", "shipping_method_id", "payment_gateway", "email"].map(str::to_owned);
    assert_eq!(sums(&json!({})), ([2000, 0, 0, 2000], all.to_vec()));
    let method = json!({"shipping_method_id": offer.method.id});
    assert_eq!(sums(&method).0, [2000, 0, 0, 2000], "nobody knows whether it ships there");
    assert_eq!(sums(&json!({"shipping_address": {"country": "GB"}})).0, [2000, 0, 400, 2400]);
    let mut known = body(&offer, ("GB", None), "manual");
    assert_eq!(sums(&known), ([2000, 500, 500, 3000], Vec::new()));
    known["shipping_address"]["city"] = " ".into();
    known["billing_address"] = json!({"country": "GB"});
    let (sums, missing) = sums(&known);
    assert_eq!(sums, [2000, 500, 500, 3000]);
    let expected = [
        "shipping_address.city",
        "billing_address.first_name",
        "billing_address.last_name",
        "billing_address.line1",
        "billing_address.city",
    ];
    assert_eq!(missing, expected);
    // The cart is unchanged and can be ordered.
    place(&world, &buyer, &body(&offer, ("GB", None), "manual")).unwrap();
}
