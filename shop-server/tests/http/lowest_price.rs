//! The lowest price of the 30 days before a reduction, as buyers see it.

use std::sync::Arc;

use serde_json::{Value, json};
use shop_core::catalog::PricePeriod;
use shop_core::id::VariantId;

use crate::support::{Forward, PASSWORD, TestShop};

const DAY: i64 = 24 * 60 * 60;
const BOSS: &str = "boss@example.com";

/// A shop with a clock that the test controls, and its staff.
struct Shop {
    shop: TestShop,
    clock: Arc<Forward>,
}

impl Shop {
    async fn start() -> Self {
        let clock = Arc::new(Forward::default());
        let shop = TestShop::start_as(&[], |builder| builder.clock(Arc::clone(&clock) as _)).await;
        shop.staff("boss").await;
        Self { shop, clock }
    }

    /// Sends a request as staff, who sign in again because days may have passed.
    async fn staff(&self, method: &str, path: &str, body: &Value) -> Value {
        let access = self.shop.login(BOSS, PASSWORD).await.access;
        let answer = self.shop.call(method, path, Some(&access), body).await;
        assert!((200..300).contains(&answer.status), "{answer:?}");
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    /// The lowest prices of the only product's variants, as the public list shows them.
    async fn listed(&self) -> Value {
        let list = self.shop.get("/catalog/products/", None).await.expect(200);
        let variants = list["results"][0]["variants"].as_array().unwrap();
        variants.iter().map(|variant| variant["lowest_price_30_days"].clone()).collect()
    }

    async fn history(&self, variant: &Value) -> Vec<PricePeriod> {
        let id: VariantId = variant["id"].as_str().unwrap().parse().unwrap();
        let mut history =
            self.shop.shop.store().price_history(&[id], Some(chrono::DateTime::UNIX_EPOCH)).await.unwrap();
        history.sort_by_key(|period| period.version);
        history
    }
}

#[tokio::test]
async fn a_reduced_price_comes_with_the_lowest_of_the_thirty_days_before() {
    let shop = Shop::start().await;
    let made = shop.staff("POST", "/catalog/products/", &json!({"name": "Tea", "price": "10", "sku": "TEA"})).await;
    assert_eq!(made["variants"][0]["lowest_price_30_days"], Value::Null);
    let place = format!("/catalog/products/{}/", made["id"].as_str().unwrap());
    shop.clock.pass(DAY);
    // Cheaper for a day, then more expensive, so that a reduction looks larger.
    shop.staff("PATCH", &place, &json!({"price": "7"})).await;
    shop.clock.pass(DAY);
    shop.staff("PATCH", &place, &json!({"price": "12"})).await;
    shop.clock.pass(20 * DAY);
    let reduced = shop.staff("PATCH", &place, &json!({"price": "8", "compare_at_price": "12"})).await;
    assert_eq!(reduced["variants"][0]["lowest_price_30_days"], "7.00");
    assert_eq!(shop.listed().await, json!(["7.00"]));
    assert_eq!(shop.shop.get("/catalog/products/tea/", None).await.expect(200), reduced);

    // The lowest price stays during the reduction, even when the response is sent back, and disappears afterwards.
    shop.clock.pass(40 * DAY);
    let renamed = shop.staff("PUT", &place, &reduced).await;
    assert_eq!((&renamed["version"], &renamed["variants"]), (&reduced["version"], &reduced["variants"]));
    shop.staff("PATCH", &place, &json!({"compare_at_price": null})).await;
    assert_eq!(shop.listed().await, json!([null]));
    // 8 is the only price of the last 30 days.
    let again = shop.staff("PATCH", &place, &json!({"price": "6", "compare_at_price": "12"})).await;
    assert_eq!(again["variants"][0]["lowest_price_30_days"], "8.00");
    // A lowest price sent by a client is ignored.
    let forged = json!({"variants": [{"sku": "TEA", "lowest_price_30_days": "99.00"}]});
    assert_eq!(shop.staff("PATCH", &place, &forged).await["variants"][0]["lowest_price_30_days"], "8.00");
    assert_eq!(shop.shop.shop.check().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn each_variant_has_its_own_and_what_is_not_offered_has_none() {
    let shop = Shop::start().await;
    let variants = json!([{"sku": "S", "price": "10", "options": {"Size": "S"}}, {"sku": "M", "price": "20", "options": {"Size": "M"}}]);
    let made = shop
        .staff("POST", "/catalog/products/", &json!({"name": "Shirt", "options": ["Size"], "variants": variants}))
        .await;
    let place = format!("/catalog/products/{}/", made["id"].as_str().unwrap());
    shop.clock.pass(DAY);
    let reduced = json!({"variants": [{"sku": "S", "price": "9", "compare_at_price": "10"}, {"sku": "M"},
        {"sku": "L", "price": "5", "compare_at_price": "30", "options": {"Size": "L"}}]});
    shop.staff("PATCH", &place, &reduced).await;
    assert_eq!(shop.listed().await, json!(["10.00", null, null]), "a new variant has no earlier price");

    shop.clock.pass(DAY);
    let draft = shop.staff("PATCH", &place, &json!({"status": "draft"})).await;
    assert_eq!(draft["variants"][0]["lowest_price_30_days"], Value::Null);
    shop.staff("PATCH", &place, &json!({"status": "active"})).await;
    assert_eq!(shop.listed().await, json!(["9.00", null, "5.00"]), "it is applied again when it is offered again");
    shop.staff("DELETE", &place, &Value::Null).await;
    let gone = shop.staff("GET", &place, &Value::Null).await;
    assert_eq!(gone["variants"][0]["lowest_price_30_days"], Value::Null);
    let history = shop.history(&gone["variants"][0]).await;
    assert_eq!(history.last().map(|period| (period.price, period.ends_at)), Some((None, None)));
    assert_eq!(shop.shop.shop.check().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn prices_that_nobody_needs_any_more_are_forgotten() {
    let shop = Shop::start().await;
    let made = shop.staff("POST", "/catalog/products/", &json!({"name": "Tea", "price": "10", "sku": "TEA"})).await;
    let place = format!("/catalog/products/{}/", made["id"].as_str().unwrap());
    for price in ["11", "12", "13"] {
        shop.clock.pass(10 * DAY);
        shop.staff("PATCH", &place, &json!({"price": price})).await;
    }
    // Days 0, 10, 20 and 30; the first price ended on day 10.
    shop.clock.pass(12 * DAY);
    shop.shop.shop.worker().forget().await.unwrap();
    let kept: Vec<_> = shop.history(&made["variants"][0]).await.iter().map(|period| period.price.unwrap().0).collect();
    assert_eq!(kept, [1100, 1200, 1300]);
    let reduced = shop.staff("PATCH", &place, &json!({"price": "5", "compare_at_price": "13"})).await;
    assert_eq!(reduced["variants"][0]["lowest_price_30_days"], "11.00", "the one that held when the window began");
    // The current price is kept, however old it is.
    shop.clock.pass(1000 * DAY);
    shop.shop.shop.worker().forget().await.unwrap();
    let kept: Vec<_> = shop.history(&made["variants"][0]).await.iter().map(|period| period.price.unwrap().0).collect();
    assert_eq!(kept, [500]);
    assert_eq!(shop.shop.shop.check().await.unwrap(), Vec::<String>::new());
}
