//! Orders that wait for a payment outside the shop expire, and so do abandoned guest carts.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::orders::text;
use crate::support::{Forward, TestShop, order};

const WEEK: i64 = 604_800;

/// A shop with 100 pieces of one product, and a clock that the test controls.
struct Shop {
    server: TestShop,
    clock: Arc<Forward>,
    goods: crate::support::TestProduct,
    order: Value,
}

impl Shop {
    async fn open(variables: &[(&str, &str)]) -> Self {
        let clock = Arc::new(Forward::default());
        let server = TestShop::start_as(variables, |builder| builder.clock(Arc::clone(&clock) as _)).await;
        let goods = server.product("SHIRT", "19.99", 100).await;
        let order = order(&server.shipping_method(&["GB"], "4.50").await);
        Self { server, clock, goods, order }
    }

    async fn place(&self) -> Value {
        let cart = self.server.guest_cart(&self.goods, 2).await;
        let placed = self.server.as_guest("POST", "/orders/", &cart, &self.order).await;
        assert_eq!(placed.status, 201, "{placed:?}");
        placed.json()
    }

    async fn sweep(&self) {
        self.server.shop.orders().cancel_overdue(1_000).await.unwrap();
    }

    async fn status(&self, order: &Value) -> String {
        let token = text(&order["access_token"]);
        let path = format!("/orders/{}/", text(&order["id"]));
        text(&self.server.call_with("GET", &path, &[("X-Order-Token", &token)], &Value::Null).await.json()["status"])
    }

    async fn available(&self) -> Value {
        let product = self.server.get(&format!("/catalog/products/{}/", self.goods.product_id), None).await;
        product.json()["variants"][0]["available"].clone()
    }
}

#[tokio::test]
async fn an_order_that_waits_for_a_manual_payment_too_long_is_canceled_and_its_stock_released() {
    let shop = Shop::open(&[]).await;
    let (waits, sent) = (shop.place().await, shop.place().await);
    let staff = shop.server.staff("sam").await.access;
    let shipment =
        shop.server.post("/shipping/shipments/", Some(&staff), &json!({"order_id": sent["id"]})).await.json();
    let events = format!("/shipping/shipments/{}/events/", text(&shipment["id"]));
    assert_eq!(shop.server.post(&events, Some(&staff), &json!({"status": "shipped"})).await.status, 201);
    shop.clock.pass(WEEK - 60);
    shop.sweep().await;
    assert_eq!((shop.status(&waits).await.as_str(), shop.available().await), ("placed", json!(96)));
    shop.clock.pass(120);
    shop.sweep().await;
    shop.sweep().await;
    assert_eq!((shop.status(&waits).await.as_str(), shop.status(&sent).await.as_str()), ("canceled", "placed"));
    assert_eq!(shop.available().await, 98);
    assert_eq!(shop.server.shop.check().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn how_long_is_for_the_operator_to_say() {
    for (ttl, seconds, status) in [("60", 61, "canceled"), ("600", 300, "placed"), ("0", 100 * WEEK, "placed")] {
        let shop = Shop::open(&[("MANUAL_PAYMENT_TTL", ttl)]).await;
        let order = shop.place().await;
        shop.clock.pass(seconds);
        shop.sweep().await;
        assert_eq!(shop.status(&order).await, status, "{ttl} {seconds}");
    }
}

#[tokio::test]
async fn a_cart_that_a_guest_left_is_removed_and_what_became_an_order_stays() {
    for (ttl, seconds, status) in [("60", 61, 404), ("600", 300, 200), ("0", 100 * WEEK, 200), ("", 31 * 86_400, 404)] {
        let shop = Shop::open(&[("GUEST_CART_TTL", ttl), ("MANUAL_PAYMENT_TTL", "0")]).await;
        let order = shop.place().await;
        let left = shop.server.guest_cart(&shop.goods, 1).await;
        shop.clock.pass(seconds);
        let active = shop.server.guest_cart(&shop.goods, 1).await;
        shop.server.shop.worker().forget().await.unwrap();
        let seen = async |token: &str| shop.server.as_guest("GET", "/cart/", token, &Value::Null).await.status;
        assert_eq!((seen(&left).await, seen(&active).await), (status, 200), "{ttl} {seconds}");
        assert_eq!(shop.status(&order).await, "placed");
        // A token whose cart has expired gets a new cart with the next item.
        let again = shop.server.as_guest("POST", "/cart/items/", &left, &json!({"sku": "SHIRT"})).await;
        assert_eq!((again.status, again.json()["token"].is_string()), (201, status == 404));
        assert_eq!(shop.server.shop.check().await.unwrap(), Vec::<String>::new());
    }
}
