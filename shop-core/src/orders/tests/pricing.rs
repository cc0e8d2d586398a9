//! Tests orders with coupons and taxes against a store: requests to the tax provider, and counts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::json;

use super::order;
use crate::actor::Actor;
use crate::cart::operations::UNUSABLE_COUPON;
use crate::cart::{AddCoupon, AddItem};
use crate::error::{Error, Result};
use crate::id::{PromotionId, VariantId};
use crate::model::orders::Order;
use crate::model::pricing::{Customer, PriceRules, RulesQuery, UsedTaxRate};
use crate::money::{Amount, Ratio};
use crate::orders::PlaceOrder;
use crate::orders::fixtures::{guest, offer};
use crate::payments::AmountInput;
use crate::pricing::{NamedRate, TaxProvider, TaxQuote, TaxRequest};
use crate::shop::Settings;
use crate::testing::{World, block_on, world, world_with};

/// A tax provider that records its requests.
#[derive(Default)]
struct Authority {
    asked: Mutex<Vec<(Vec<i64>, i64)>>,
    is_down: Mutex<bool>,
}

#[async_trait]
impl TaxProvider for Authority {
    async fn quote(&self, request: &TaxRequest<'_>) -> Result<TaxQuote> {
        if *self.is_down.lock().unwrap() {
            return Err(Error::Unavailable { retry_after: 1, source: None });
        }
        let amounts = request.lines.iter().map(|line| line.amount.0).collect();
        self.asked.lock().unwrap().push((amounts, request.shipping.0));
        let rate = NamedRate { id: None, version: 0, name: "State and county".into(), rate: Ratio(100_000) };
        let lines: HashMap<_, _> = request.lines.iter().map(|line| (line.variant_id, rate.clone())).collect();
        Ok(TaxQuote { lines, shipping: Some(rate) })
    }
}

fn promotion(world: &World, body: serde_json::Value) -> PromotionId {
    let input = serde_json::from_value(body).unwrap();
    block_on(world.shop.catalog().create_promotion(&Actor::system(), input)).unwrap().promotion.id
}

fn uses(world: &World, id: PromotionId) -> i64 {
    block_on(world.shop.catalog().promotion(&Actor::system(), id)).unwrap().uses
}

fn rules(world: &World, buyer: &Actor) -> PriceRules {
    let customer = Customer::User(buyer.signed_in().unwrap().user_id);
    let query = RulesQuery { customer: Some(customer), ..RulesQuery::default() };
    block_on(world.shop.store().price_rules(&query)).unwrap()
}

#[test]
fn somebody_outside_is_asked_for_rates_of_what_is_left_to_tax() {
    let authority = Arc::new(Authority::default());
    let world = world_with(|builder| builder.tax_provider(Arc::clone(&authority) as _));
    let offer = offer(&world, &[(1000, 5)]);
    // With a provider, the shop's own rates do not apply, so the address needs no region.
    let own = serde_json::from_value(json!({"name": "Own", "country": "GB", "region": "ENG", "rate": "0.5"})).unwrap();
    block_on(world.shop.catalog().create_tax_rate(&Actor::system(), own)).unwrap();
    promotion(&world, json!({"name": "Half", "kind": "percent", "value": "50"}));
    let buyer = guest(&world, offer.variant(0), 2);
    let order = || block_on(world.shop.orders().place(&buyer, offer.order_input(), None));
    *authority.is_down.lock().unwrap() = true;
    assert_eq!(order().unwrap_err().code(), "unavailable");
    *authority.is_down.lock().unwrap() = false;
    let order = order().unwrap().value.view.order;
    assert_eq!(*authority.asked.lock().unwrap(), [(vec![1000], 500)]);
    // 10.00 of 20.00 plus 5.00 shipping, each plus 10 % tax.
    assert_eq!((order.items[0].tax, order.shipping_tax, order.total), (Amount(100), Amount(50), Amount(1650)));
    assert_eq!(order.explanation.taxes[0].name, "State and county");
    assert_eq!(
        (order.charged(&order.items[0]).unwrap(), order.shipping_charged().unwrap()),
        (Amount(1100), Amount(550))
    );
    assert_eq!(block_on(world.shop.check()).unwrap(), Vec::<String>::new());
}

/// Fills a cart with one unit and a coupon.
fn fill(world: &World, buyer: &Actor, variant: VariantId, code: &str) -> Result<()> {
    let item = AddItem { variant_id: variant.into(), quantity: 1.into(), ..AddItem::default() };
    block_on(world.shop.carts().add_item(buyer, item))?;
    block_on(world.shop.carts().add_coupon(buyer, AddCoupon { code: code.to_owned().into() }, None)).map(drop)
}

#[test]
fn an_order_counts_and_its_cancellation_gives_back_once() {
    let world = world();
    let offer = offer(&world, &[(1000, 9)]);
    let automatic = promotion(&world, json!({"name": "All", "kind": "fixed", "value": "1"}));
    let coupon = json!({"name": "One", "code": "ONE", "kind": "percent", "value": "10", "usage_limit_per_customer": 1});
    let coupon = promotion(&world, coupon);
    let buyer = world.customer("ada");
    let place = || block_on(world.shop.orders().place(&buyer, offer.order_input(), None));
    fill(&world, &buyer, offer.variant(0), "one").unwrap();
    let placed = place().unwrap().value.view.order;
    assert_eq!((placed.discount_total, placed.total), (Amount(200), Amount(1300)));
    let counted = || {
        let rules = rules(&world, &buyer);
        (rules.customer_orders, rules.promotions[0].customer_uses, rules.unpaid_orders)
    };
    assert_eq!((uses(&world, automatic), uses(&world, coupon), counted()), (1, 1, (Some(1), 1, 1)));

    // A second use by the same customer is refused with a reason.
    let refusal = fill(&world, &buyer, offer.variant(0), "ONE").unwrap_err();
    assert!(matches!(&refusal, Error::CouponNotApplicable { code, .. } if code == "ONE"), "{refusal:?}");

    for expected in ["ok", "invalid_transition"] {
        let canceled = block_on(world.shop.orders().cancel(&Actor::system(), placed.id, None));
        assert_eq!(canceled.map_or_else(|error| error.code(), |_| "ok"), expected);
    }
    assert_eq!((uses(&world, automatic), uses(&world, coupon), counted()), (0, 0, (Some(0), 0, 0)));
    fill(&world, &buyer, offer.variant(0), "one").unwrap();
    place().unwrap();
    assert_eq!(block_on(world.shop.check()).unwrap(), Vec::<String>::new());
}

#[test]
fn a_guest_uses_up_nobodys_coupon_and_learns_nothing_of_an_address() {
    let world = world();
    let offer = offer(&world, &[(1000, 99)]);
    let once = json!({"name": "Once", "code": "ONCE", "kind": "fixed", "value": "1", "usage_limit_per_customer": 1});
    let first = json!({"name": "First", "code": "FIRST", "kind": "fixed", "value": "1", "first_order_only": true});
    let (once, _) = (promotion(&world, once), promotion(&world, first));
    let by_itself =
        promotion(&world, json!({"name": "Hello", "kind": "fixed", "value": "2", "first_order_only": true}));
    let ada = world.customer("ada");
    let place = |buyer: &Actor| block_on(world.shop.orders().place(buyer, offer.order_input(), None));
    // The guests enter Ada's address, too.
    for _ in 0..2 {
        for code in ["once", "first"] {
            let guest = guest(&world, offer.variant(0), 1);
            let coupon = AddCoupon { code: code.into() };
            let refusal = block_on(world.shop.carts().add_coupon(&guest, coupon, None)).unwrap_err();
            let Error::CouponNotApplicable { reason, .. } = refusal else { panic!("{refusal:?}") };
            assert_eq!(reason, UNUSABLE_COUPON);
            assert_eq!(place(&guest).unwrap().value.view.order.discount_total, Amount::ZERO);
        }
    }
    fill(&world, &ada, offer.variant(0), "first").unwrap();
    fill(&world, &ada, offer.variant(0), "once").unwrap();
    assert_eq!(place(&ada).unwrap().value.view.order.discount_total, Amount(400));
    assert_eq!((uses(&world, once), uses(&world, by_itself)), (1, 1));
    assert_eq!(fill(&world, &ada, offer.variant(0), "first").unwrap_err().code(), "coupon_not_applicable");
    assert_eq!(block_on(world.shop.check()).unwrap(), Vec::<String>::new());
}

#[test]
fn so_many_orders_of_one_buyer_wait_for_their_payment() {
    let limited = Settings { max_unpaid_orders: Some(2), ..Settings::default() };
    let world = world_with(|builder| builder.settings(limited));
    let offer = offer(&world, &[(1000, 99)]);
    let place = |buyer: &Actor, email: &str| {
        let order_input = PlaceOrder { email: email.to_owned().into(), ..offer.order_input() };
        block_on(world.shop.orders().place(buyer, order_input, None)).map(|placed| placed.value.view)
    };
    let order = |email: &str| place(&guest(&world, offer.variant(0), 1), email);
    let first = order("ada@example.com").unwrap();
    let second = order("Ada@Example.com").unwrap();
    let refused = order("ada@example.com").unwrap_err();
    assert!(matches!(refused, Error::TooManyUnpaidOrders { limit: 2, .. }), "{refused:?}");
    assert_eq!(refused.code(), "throttled");
    // Another address, and the account with this address, are counted separately.
    order("bob@example.com").unwrap();
    let ada = world.customer("ada");
    let own = || {
        let item = AddItem { variant_id: offer.variant(0).into(), quantity: 1.into(), ..AddItem::default() };
        block_on(world.shop.carts().add_item(&ada, item)).unwrap();
        place(&ada, "ada@example.com")
    };
    own().unwrap();
    own().unwrap();
    assert_eq!(own().unwrap_err().code(), "throttled");
    // A canceled or paid order makes room for another.
    block_on(world.shop.orders().cancel(&Actor::system(), first.order.id, None)).unwrap();
    order("ada@example.com").unwrap();
    assert_eq!(order("ada@example.com").unwrap_err().code(), "throttled");
    let payment = second.payments[0].id;
    block_on(world.shop.payments().capture(&Actor::system(), payment, AmountInput::default(), None)).unwrap();
    order("ada@example.com").unwrap();
    assert_eq!(order("ada@example.com").unwrap_err().code(), "throttled");
    assert_eq!(block_on(world.shop.check()).unwrap(), Vec::<String>::new());
}

#[test]
fn an_order_of_an_earlier_release_says_only_what_is_certain() {
    let mut order = order(&[(1190, 1), (500, 1)], 119);
    order.explanation.prices_include_tax = true;
    (order.items[0].tax, order.shipping_tax) = (Amount(190), Amount(19));
    let tax = json!({"tax_rate_id": null, "version": 1, "name": "MwSt", "rate": 190_000, "base": 1309, "amount": 209});
    order.explanation.taxes = serde_json::from_value(json!([tax])).unwrap();
    // The format of earlier releases.
    let mut written = serde_json::to_value(&order).unwrap();
    for item in written["items"].as_array_mut().unwrap() {
        let fields = item.as_object_mut().unwrap();
        fields.remove("tax_class");
        fields.remove("tax_rate");
    }
    let read: Order = serde_json::from_value(written).unwrap();
    let rate = Some(Ratio(190_000));
    assert_eq!((read.tax_rate(&read.items[0]), read.tax_rate(&read.items[1])), (rate, None));
    assert_eq!((read.shipping_tax_rate(), read.net(&read.items[0])), (rate, Amount(1000)));
    // With two percentages, the rate of a line is unknown.
    let mut mixed = read;
    mixed.explanation.taxes.push(UsedTaxRate { rate: Ratio(70_000), ..mixed.explanation.taxes[0].clone() });
    assert_eq!((mixed.tax_rate(&mixed.items[0]), mixed.shipping_tax_rate()), (None, None));
}
