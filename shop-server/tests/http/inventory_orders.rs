//! Stock and orders together: the choice of location, backorders, and the movements of an order.

use serde_json::{Value, json};

use crate::orders::{refused, text};
use crate::support::{TestProduct, TestResponse, TestShop, order};

/// A shop with one product, its stock at the default location, and a staff user.
struct Store {
    shop: TestShop,
    goods: TestProduct,
    order: Value,
    staff: String,
}

impl Store {
    async fn open(stock: i64) -> Self {
        let shop = TestShop::start().await;
        let goods = shop.product("SHIRT", "10.00", stock).await;
        let order = order(&shop.shipping_method(&["GB"], "0").await);
        let staff = shop.staff("eve").await.access;
        Self { shop, goods, order, staff }
    }

    async fn call(&self, method: &str, path: &str, body: &Value, status: u16) -> Value {
        let answer = self.shop.call(method, path, Some(&self.staff), body).await;
        assert_eq!(answer.status, status, "{method} {path} {answer:?}");
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    async fn get(&self, path: &str) -> Value {
        self.call("GET", path, &Value::Null, 200).await
    }

    /// A location with this priority and this quantity of the product.
    async fn location(&self, name: &str, priority: i64, stock: i64) -> String {
        let body = json!({"name": name, "priority": priority});
        let id = text(&self.call("POST", "/inventory/locations/", &body, 201).await["id"]);
        let more = json!({"sku": "SHIRT", "location_id": id, "delta": stock, "reason": "received"});
        self.call("POST", "/inventory/adjustments/", &more, 201).await;
        id
    }

    async fn placed(&self, quantity: i64) -> Value {
        let cart = self.shop.guest_cart(&self.goods, quantity).await;
        let answer = self.shop.as_guest("POST", "/orders/", &cart, &self.order).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()
    }

    /// The totals of the product: on hand, reserved, available.
    async fn totals(&self) -> (i64, i64, i64) {
        let stock = self.get(&format!("/inventory/stock/{}/", self.goods.variant_id)).await;
        let number = |name: &str| stock[name].as_i64().unwrap();
        (number("on_hand"), number("reserved"), number("available"))
    }

    async fn is_sound(&self) {
        assert_eq!(self.shop.shop.check().await.unwrap(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn orders_are_served_from_locations_by_priority() {
    let store = Store::open(2).await;
    let last = store.location("Attic", 9, 5).await;
    let first = store.location("Front", 1, 3).await;
    let default = store.get("/inventory/locations/").await["results"].clone();
    let default = default.as_array().unwrap().iter().find(|row| row["is_default"] == true).unwrap();
    let path = format!("/inventory/locations/{}/", text(&default["id"]));
    store.call("PATCH", &path, &json!({"priority": 5}), 200).await;

    let order = store.placed(6).await;
    let held = store.get(&format!("/inventory/reservations/?order_id={}", text(&order["id"]))).await;
    let mut held: Vec<_> = held["results"].as_array().unwrap().iter().collect();
    held.sort_by_key(|row| row["quantity"].as_i64());
    let held: Vec<_> = held.iter().map(|row| (text(&row["location_id"]), row["quantity"].as_i64().unwrap())).collect();
    assert_eq!(held, [(last.clone(), 1), (text(&default["id"]), 2), (first.clone(), 3)]);
    // The stock of a single location can be read, including what is available there.
    let there = store.get(&format!("/inventory/stock/{}/?location_id={last}", store.goods.variant_id)).await;
    assert_eq!((&there["reserved"], &there["available"]), (&json!(1), &json!(4)));
    assert_eq!(store.totals().await, (10, 6, 4));

    // Shipping takes the stock from where it is reserved, and the movements show this for this order only.
    store.placed(1).await;
    let shipment = json!({"order_id": order["id"], "carrier": "Post", "tracking_number": "1"});
    let shipment = store.call("POST", "/shipping/shipments/", &shipment, 201).await;
    let shipped = format!("/shipping/shipments/{}/events/", text(&shipment["id"]));
    store.call("POST", &shipped, &json!({"status": "shipped"}), 201).await;
    let movements = store.get(&format!("/inventory/movements/?order_id={}", text(&order["id"]))).await;
    let mut deltas: Vec<_> = movements["results"].as_array().unwrap().iter().map(|row| row["delta"].clone()).collect();
    deltas.sort_by_key(Value::as_i64);
    assert_eq!(deltas, [json!(-3), json!(-2), json!(-1)]);
    for (query, count) in [
        (format!("variant_id={}", store.goods.variant_id), 6),
        ("sku=SHIRT".to_owned(), 6),
        (format!("variant_id={}&location_id={first}", store.goods.variant_id), 2),
        ("sku=OTHER".to_owned(), 0),
    ] {
        let found = store.get(&format!("/inventory/movements/?{query}")).await;
        assert_eq!(found["count"], count, "{query}: {found:#}");
    }
    assert_eq!(store.totals().await, (4, 1, 3));
    store.is_sound().await;
}

#[tokio::test]
async fn settings_are_changed_at_one_location_or_at_all() {
    let store = Store::open(2).await;
    let there = store.location("Attic", 9, 5).await;
    let path = format!("/inventory/stock/{}/", store.goods.variant_id);
    let change = json!({"location_id": there, "low_stock_threshold": 7, "backorder": true});
    let changed = store.call("PATCH", &path, &change, 200).await;
    assert_eq!((&changed["location_id"], &changed["low_stock_threshold"]), (&json!(there), &json!(7)), "{changed:#}");
    let all = store.get(&path).await;
    let mut settings: Vec<_> = all["locations"].as_array().unwrap().iter().collect();
    settings.sort_by_key(|row| row["low_stock_threshold"].as_i64());
    let settings: Vec<_> = settings.iter().map(|row| (&row["low_stock_threshold"], &row["backorder"])).collect();
    assert_eq!(settings[1], (&json!(7), &json!(true)), "{all:#}");
    assert_eq!((settings.len(), settings[0].1), (2, &json!(false)));
    store.call("PATCH", &path, &json!({"backorder": false}), 200).await;
    let all = store.get(&path).await;
    assert!(all["locations"].as_array().unwrap().iter().all(|row| row["backorder"] == false), "{all:#}");
    store.is_sound().await;
}

#[tokio::test]
async fn what_may_be_backordered_is_sold_before_it_is_there() {
    let store = Store::open(1).await;
    let path = format!("/inventory/stock/{}/", store.goods.variant_id);
    let body = json!({"sku": "SHIRT", "quantity": 3});
    refused(&store.shop.post("/cart/items/", None, &body).await, 409, "out_of_stock");
    store.call("PATCH", &path, &json!({"backorder": true}), 200).await;
    let order = store.placed(3).await;
    assert_eq!(store.totals().await, (1, 3, -2));
    // More than the stock on hand is reserved, and shipping takes it out.
    let shipment = store.call("POST", "/shipping/shipments/", &json!({"order_id": order["id"]}), 201).await;
    let shipped = format!("/shipping/shipments/{}/events/", text(&shipment["id"]));
    store.call("POST", &shipped, &json!({"status": "shipped"}), 201).await;
    assert_eq!(store.totals().await, (-2, 0, -2));
    store.is_sound().await;
    // New stock covers the shortage first.
    let more = json!({"sku": "SHIRT", "delta": 5, "reason": "received"});
    store.call("POST", "/inventory/adjustments/", &more, 201).await;
    store.call("PATCH", &path, &json!({"backorder": false}), 200).await;
    assert_eq!(store.totals().await, (3, 0, 3));
    let over = store.shop.post("/cart/items/", None, &json!({"sku": "SHIRT", "quantity": 4})).await;
    refused(&over, 409, "out_of_stock");
    assert_eq!((&over.json()["sku"], &over.json()["available"]), (&json!("SHIRT"), &json!(3)));
    store.placed(3).await;
    assert_eq!(store.totals().await, (3, 3, 0));
    store.is_sound().await;
}

/// A shop whose shirts may be backordered: two are on hand, and orders of two and three are open, so that three are
/// missing.
async fn backordered() -> (Store, Value, Value) {
    let store = Store::open(2).await;
    let path = format!("/inventory/stock/{}/", store.goods.variant_id);
    store.call("PATCH", &path, &json!({"backorder": true}), 200).await;
    let (covered, short) = (store.placed(2).await, store.placed(3).await);
    assert_eq!(store.totals().await, (2, 5, -3));
    (store, covered, short)
}

impl Store {
    /// Ships all of an order; returns the response.
    async fn send(&self, order: &Value) -> TestResponse {
        let shipment = self.call("POST", "/shipping/shipments/", &json!({"order_id": order["id"]}), 201).await;
        let events = format!("/shipping/shipments/{}/events/", text(&shipment["id"]));
        self.shop.post(&events, Some(&self.staff), &json!({"status": "shipped"})).await
    }
}

#[tokio::test]
async fn backorders_can_be_switched_off_while_some_are_open() {
    for first_come in [true, false] {
        let (store, covered, short) = backordered().await;
        let path = format!("/inventory/stock/{}/", store.goods.variant_id);
        let level = store.call("PATCH", &path, &json!({"backorder": false}), 200).await;
        assert_eq!((&level["backorder"], &level["backordered"]), (&json!(false), &json!(3)), "{level:#}");
        let more = store.shop.post("/cart/items/", None, &json!({"sku": "SHIRT", "quantity": 1})).await;
        refused(&more, 409, "out_of_stock");
        store.is_sound().await;
        // In either order, no more is shipped than was on hand and backordered.
        let orders = if first_come { [&covered, &short] } else { [&short, &covered] };
        for order in orders {
            assert_eq!(store.send(order).await.status, 201);
        }
        assert_eq!((store.totals().await, store.get(&path).await["backordered"].clone()), ((-3, 0, -3), json!(3)));
        store.is_sound().await;
        let came = json!({"sku": "SHIRT", "delta": 4, "reason": "received"});
        store.call("POST", "/inventory/adjustments/", &came, 201).await;
        assert_eq!((store.totals().await, store.get(&path).await["backordered"].clone()), ((1, 0, 1), json!(0)));
        store.placed(1).await;
        store.is_sound().await;
    }
}

#[tokio::test]
async fn a_shipment_goes_below_zero_only_for_what_was_backordered() {
    let (store, covered, short) = backordered().await;
    let path = format!("/inventory/stock/{}/", store.goods.variant_id);
    // Both shirts on hand get lost.
    let lost = json!({"sku": "SHIRT", "delta": -2, "reason": "lost"});
    store.call("POST", "/inventory/adjustments/", &lost, 201).await;
    let off = store.shop.call("PATCH", &path, Some(&store.staff), &json!({"backorder": false})).await;
    refused(&off, 409, "insufficient_stock");
    assert_eq!(store.send(&short).await.status, 201, "three were backordered");
    refused(&store.send(&covered).await, 409, "insufficient_stock");
    assert_eq!(store.totals().await, (-3, 2, -5));
    store.is_sound().await;
    let came = json!({"sku": "SHIRT", "delta": 2, "reason": "received"});
    store.call("POST", "/inventory/adjustments/", &came, 201).await;
    let order = store.get(&format!("/orders/{}/", text(&covered["id"]))).await;
    let events = format!("/shipping/shipments/{}/events/", text(&order["shipments"][0]["id"]));
    store.call("POST", &events, &json!({"status": "shipped"}), 201).await;
    assert_eq!(store.totals().await, (-3, 0, -3));
    store.is_sound().await;
}

#[tokio::test]
async fn what_is_canceled_or_comes_ends_backorders() {
    let (store, _, short) = backordered().await;
    let path = format!("/inventory/stock/{}/", store.goods.variant_id);
    let open = async || store.get(&path).await["backordered"].clone();
    let came = json!({"sku": "SHIRT", "delta": 1, "reason": "received"});
    store.call("POST", "/inventory/adjustments/", &came, 201).await;
    assert_eq!(open().await, 2);
    let item = json!([{"order_item_id": short["items"][0]["id"], "quantity": 1}]);
    let cancel = format!("/orders/{}/cancel-items/", text(&short["id"]));
    store.call("POST", &cancel, &json!({ "items": item }), 200).await;
    assert_eq!(open().await, 1);
    store.call("POST", &format!("/orders/{}/cancel/", text(&short["id"])), &Value::Null, 200).await;
    assert_eq!((open().await, store.totals().await), (json!(0), (3, 2, 1)));
    store.is_sound().await;
}
