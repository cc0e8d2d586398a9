//! Orders with coupons and taxes against a store: who is asked, what is counted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::json;

use super::fixtures::{guest, offer};
use crate::actor::Actor;
use crate::cart::AddCoupon;
use crate::catalog::{Customer, PriceRules, RulesQuery};
use crate::error::{Error, Result};
use crate::id::PromotionId;
use crate::money::Amount;
use crate::pricing::{NamedRate, Ratio, TaxProvider, TaxQuote, TaxRequest};
use crate::testing::{World, block_on, world, world_with};

/// Somebody outside who knows the rates, and notes what they were asked.
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

fn rules(world: &World) -> PriceRules {
    let query = RulesQuery { customer: Some(Customer::Email("ada@example.com".into())), ..RulesQuery::default() };
    block_on(world.shop.store().price_rules(&query)).unwrap()
}

#[test]
fn somebody_outside_is_asked_for_rates_of_what_is_left_to_tax() {
    let authority = Arc::new(Authority::default());
    let world = world_with(|builder| builder.tax_provider(Arc::clone(&authority) as _));
    let offer = offer(&world, &[(1000, 5)]);
    // The shop's own rates do not apply, so nobody has to know in which of their regions an address is.
    let own = serde_json::from_value(json!({"name": "Own", "country": "GB", "region": "ENG", "rate": "0.5"})).unwrap();
    block_on(world.shop.catalog().create_tax_rate(&Actor::system(), own)).unwrap();
    promotion(&world, json!({"name": "Half", "kind": "percent", "value": "50"}));
    let buyer = guest(&world, offer.variant(0), 2);
    let order = || block_on(world.shop.orders().place(&buyer, offer.wishes(), None));
    *authority.is_down.lock().unwrap() = true;
    assert_eq!(order().unwrap_err().code(), "unavailable");
    *authority.is_down.lock().unwrap() = false;
    let order = order().unwrap().value.view.order;
    assert_eq!(*authority.asked.lock().unwrap(), [(vec![1000], 500)]);
    // 10.00 of 20.00 and 5.00 for the shipping, a tenth of both on top.
    assert_eq!((order.items[0].tax, order.shipping_tax, order.total), (Amount(100), Amount(50), Amount(1650)));
    assert_eq!(order.explanation.taxes[0].name, "State and county");
    assert_eq!(
        (order.charged(&order.items[0]).unwrap(), order.shipping_charged().unwrap()),
        (Amount(1100), Amount(550))
    );
    assert_eq!(block_on(world.shop.check()).unwrap(), Vec::<String>::new());
}

#[test]
fn an_order_counts_and_its_cancellation_gives_back_once() {
    let world = world();
    let offer = offer(&world, &[(1000, 9)]);
    let automatic = promotion(&world, json!({"name": "All", "kind": "fixed", "value": "1"}));
    let coupon = json!({"name": "One", "code": "ONE", "kind": "percent", "value": "10", "usage_limit_per_customer": 1});
    let coupon = promotion(&world, coupon);
    let buyer = guest(&world, offer.variant(0), 1);
    let code = AddCoupon { code: "one".into() };
    block_on(world.shop.carts().add_coupon(&buyer, code, None)).unwrap();
    let placed = block_on(world.shop.orders().place(&buyer, offer.wishes(), None)).unwrap().value.view.order;
    assert_eq!((placed.discount_total, placed.total), (Amount(200), Amount(1300)));
    assert_eq!((uses(&world, automatic), uses(&world, coupon)), (1, 1));
    assert_eq!((rules(&world).customer_orders, rules(&world).promotions[0].customer_uses), (Some(1), 1));

    // A second time the same person may not, and is told so; who gives it up may order.
    let again = guest(&world, offer.variant(0), 1);
    let code = || AddCoupon { code: "ONE".into() };
    block_on(world.shop.carts().add_coupon(&again, code(), None)).unwrap();
    let refusal = block_on(world.shop.orders().place(&again, offer.wishes(), None)).unwrap_err();
    assert!(matches!(&refusal, Error::CouponNotApplicable { code, .. } if code == "ONE"), "{refusal:?}");

    for expected in ["ok", "invalid_transition"] {
        let canceled = block_on(world.shop.orders().cancel(&Actor::system(), placed.id, None));
        assert_eq!(canceled.map_or_else(|error| error.code(), |_| "ok"), expected);
    }
    assert_eq!((uses(&world, automatic), uses(&world, coupon)), (0, 0));
    assert_eq!((rules(&world).customer_orders, rules(&world).promotions[0].customer_uses), (Some(0), 0));
    block_on(world.shop.orders().place(&again, offer.wishes(), None)).unwrap();
    assert_eq!(block_on(world.shop.check()).unwrap(), Vec::<String>::new());
}
