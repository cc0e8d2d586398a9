//! `/orders/`: every row of the contract, good and bad.

use std::collections::HashSet;

use serde_json::{Value, json};
use shop_core::Actor;
use shop_core::payments::AmountInput;

use crate::support::{TestProduct, TestResponse, TestShop, order};

const NOTHING: Value = Value::Null;
const UNKNOWN: &str = "01890000-0000-7000-8000-000000000001";

#[track_caller]
pub(crate) fn refused(answer: &TestResponse, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{answer:?}");
}

#[track_caller]
pub(crate) fn fields(answer: &TestResponse) -> Vec<String> {
    refused(answer, 400, "invalid");
    answer.json()["errors"].as_object().unwrap().keys().cloned().collect()
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Changes some fields of the body; null removes a field.
pub(crate) fn with(body: &Value, mut changes: Value) -> Value {
    let mut body = body.clone();
    for (name, value) in std::mem::take(changes.as_object_mut().unwrap()) {
        if value.is_null() {
            body.as_object_mut().unwrap().remove(&name);
        } else {
            body[name] = value;
        }
    }
    body
}

/// A shop with one product and one shipping method.
pub(crate) struct Store {
    pub(crate) shop: TestShop,
    pub(crate) shirt: TestProduct,
    pub(crate) order: Value,
}

impl Store {
    pub(crate) async fn open(stock: i64) -> Self {
        Self::open_with(stock, &[]).await
    }

    pub(crate) async fn open_with(stock: i64, variables: &[(&str, &str)]) -> Self {
        let shop = TestShop::start_with(variables).await;
        let shirt = shop.product("SHIRT", "19.99", stock).await;
        let method = shop.shipping_method(&["GB"], "4.50").await;
        Self { shop, shirt, order: order(&method) }
    }

    /// The total reserved quantity.
    pub(crate) async fn reserved(&self) -> i64 {
        let id = self.shirt.variant_id.parse().unwrap();
        let levels = self.shop.shop.store().stock_of(&[id]).await.unwrap();
        levels.iter().map(|level| level.reserved).sum()
    }

    pub(crate) async fn is_sound(&self) {
        assert_eq!(self.shop.shop.check().await.unwrap(), Vec::<String>::new());
    }

    /// An order of a signed-in user.
    async fn order_of(&self, access: &str, quantity: i64) -> Value {
        let item = json!({"sku": "SHIRT", "quantity": quantity});
        assert_eq!(self.shop.post("/cart/items/", Some(access), &item).await.status, 201);
        let placed = self.shop.post("/orders/", Some(access), &self.order).await;
        assert_eq!(placed.status, 201, "{placed:?}");
        placed.json()
    }
}

#[tokio::test]
async fn a_guest_orders_and_reads_the_order_by_its_token() {
    let store = Store::open(5).await;
    let shop = &store.shop;
    let cart = shop.guest_cart(&store.shirt, 2).await;
    let placed = shop.as_guest("POST", "/orders/", &cart, &with(&store.order, json!({"note": "Ring twice"}))).await;
    assert_eq!(placed.status, 201, "{placed:?}");
    let order = placed.json();
    let amounts =
        ["subtotal", "shipping_total", "discount_total", "tax_total", "total", "amount_paid", "amount_refunded"];
    let amounts = amounts.map(|name| text(&order[name]));
    assert_eq!(amounts, ["39.98", "4.50", "0.00", "0.00", "44.48", "0.00", "0.00"]);
    let states = ["status", "payment_status", "fulfillment_status", "email", "note", "currency"];
    let states = states.map(|name| text(&order[name]));
    assert_eq!(states, ["placed", "not_paid", "unfulfilled", "ada@example.com", "Ring twice", "USD"]);
    assert_eq!((&order["customer_id"], &order["canceled_at"], &order["shipments"]), (&NOTHING, &NOTHING, &json!([])));
    let line = &order["items"][0];
    assert_eq!(
        (&line["quantity"], &line["line_total"], &line["discount"], &line["tax"]),
        (&json!(2), &json!("39.98"), &json!("0.00"), &json!("0.00"))
    );
    assert_eq!((&line["sku"], &line["variant_id"]), (&json!("SHIRT"), &json!(store.shirt.variant_id)));
    assert_eq!(order["billing_address"], order["shipping_address"]);
    assert_eq!(
        (&order["shipping_method"]["name"], &order["shipping_method"]["price"]),
        (&json!("Post"), &json!("4.50"))
    );
    let payment = &order["payments"][0];
    assert_eq!(
        (&payment["gateway"], &payment["status"], &payment["amount"]),
        (&json!("manual"), &json!("pending"), &json!("44.48"))
    );
    let number = text(&order["number"]);
    assert!(number.len() <= 12 && number.bytes().all(|b| b == b'-' || b.is_ascii_uppercase() || b.is_ascii_digit()));
    assert_eq!(store.reserved().await, 2);

    let path = format!("/orders/{}/", text(&order["id"]));
    let token = text(&order["access_token"]);
    let read = shop.call_with("GET", &path, &[("X-Order-Token", &token)], &NOTHING).await;
    assert_eq!((read.status, read.json()), (200, with(&order, json!({"access_token": null}))));
    let tag = read.header("etag").unwrap();
    let again = [("X-Order-Token", token.as_str()), ("If-None-Match", tag)];
    assert_eq!(shop.call_with("GET", &path, &again, &NOTHING).await.status, 304);
    let history =
        shop.call_with("GET", &format!("{path}history/"), &[("X-Order-Token", &token)], &NOTHING).await.json();
    assert_eq!((&history[0]["event"], &history[0]["actor"]), (&json!("placed"), &json!("guest")));
    assert!(history[0]["at"].is_string() && history[0]["detail"].is_string());

    // Placing the order has closed the cart permanently.
    refused(&shop.as_guest("GET", "/cart/", &cart, &NOTHING).await, 404, "not_found");
    refused(&shop.as_guest("POST", "/orders/", &cart, &store.order).await, 404, "not_found");
    refused(&shop.post("/orders/", None, &store.order).await, 404, "not_found");
    store.is_sound().await;
}

#[tokio::test]
async fn an_order_is_nobody_elses_business() {
    let store = Store::open(9).await;
    let shop = &store.shop;
    let (ada, eve, staff) = (shop.customer("ada").await, shop.customer("eve").await, shop.staff("sam").await);
    let order = store.order_of(&ada.access, 1).await;
    assert_eq!((&order["customer_id"], order.get("access_token")), (&json!(ada.id), None));
    let cart = shop.guest_cart(&store.shirt, 1).await;
    let guests = shop.as_guest("POST", "/orders/", &cart, &store.order).await.json();
    let token = text(&guests["access_token"]);
    for (order, allowed) in [(&order, Some(&ada.access)), (&guests, None)] {
        let path = format!("/orders/{}/", text(&order["id"]));
        for (method, path) in
            [("GET", path.clone()), ("GET", format!("{path}history/")), ("POST", format!("{path}cancel/"))]
        {
            refused(&shop.call(method, &path, Some(&eve.access), &NOTHING).await, 404, "not_found");
            refused(&shop.call(method, &path, None, &NOTHING).await, 401, "not_authenticated");
            let bad = [("X-Order-Token", "made-up")];
            refused(&shop.call_with(method, &path, &bad, &NOTHING).await, 401, "not_authenticated");
            // A cart token gives no access to an order.
            refused(&shop.as_guest(method, &path, &cart, &NOTHING).await, 401, "not_authenticated");
            if method == "GET" {
                assert_eq!(shop.get(&path, Some(&staff.access)).await.status, 200);
            }
        }
        if let Some(access) = allowed {
            assert_eq!(shop.get(&path, Some(access)).await.status, 200);
            let other = [("X-Order-Token", token.as_str())];
            refused(&shop.call_with("GET", &path, &other, &NOTHING).await, 404, "not_found");
        }
    }
    for path in [format!("/orders/{UNKNOWN}/"), "/orders/nonsense/".to_owned()] {
        assert_eq!(shop.get(&path, Some(&ada.access)).await.status, 404);
    }
}

#[tokio::test]
async fn everything_wrong_is_named_at_once() {
    let store = Store::open(5).await;
    let shop = &store.shop;
    let cart = shop.guest_cart(&store.shirt, 2).await;
    let place = async |body: &Value| fields(&shop.as_guest("POST", "/orders/", &cart, body).await);
    assert_eq!(place(&json!({})).await, ["email", "payment_gateway", "shipping_address", "shipping_method_id"]);
    let wrong = json!({"shipping_address": {"first_name": 5, "country": "XX"}, "billing_address": {"city": ""},
        "shipping_method_id": "x", "payment_gateway": "magic", "email": "nobody", "expected_total": 44.48,
        "note": "x".repeat(2_001)});
    let named = place(&wrong).await;
    for name in [
        "shipping_address.first_name",
        "shipping_address.last_name",
        "shipping_address.line1",
        "shipping_address.city",
        "shipping_address.country",
        "billing_address.city",
        "billing_address.country",
        "shipping_method_id",
        "payment_gateway",
        "email",
        "expected_total",
        "note",
    ] {
        assert!(named.iter().any(|known| known == name), "{name}: {named:?}");
    }
    let one = async |changes: Value| place(&with(&store.order, changes)).await;
    assert_eq!(one(json!({"shipping_address": "London"})).await, ["shipping_address"]);
    assert_eq!(one(json!({"shipping_method_id": UNKNOWN})).await, ["shipping_method_id"]);
    assert_eq!(one(json!({"shipping_address_id": UNKNOWN})).await, ["shipping_address_id"]);
    assert_eq!(one(json!({"expected_total": "44.480"})).await, ["expected_total"]);
    let mut abroad = store.order.clone();
    abroad["shipping_address"]["country"] = json!("FR");
    assert_eq!(place(&abroad).await, ["shipping_method_id"]);
    // None of these attempts had an effect.
    assert_eq!((store.reserved().await, shop.as_guest("GET", "/cart/", &cart, &NOTHING).await.status), (0, 200));
    assert_eq!(shop.as_guest("POST", "/orders/", &cart, &store.order).await.status, 201);
}

#[tokio::test]
async fn a_customer_orders_to_an_address_of_their_own() {
    let store = Store::open(5).await;
    let shop = &store.shop;
    let (ada, eve) = (shop.customer("ada").await, shop.customer("eve").await);
    let saved = async |access: &str| {
        let actor =
            shop.shop.identify(shop_core::shop::Tokens { access: Some(access), ..Default::default() }).await.unwrap();
        let mut address = store.order["shipping_address"].clone();
        address["city"] = json!("Bath");
        let input = serde_json::from_value(address).unwrap();
        shop.shop.shipping().create_address(&actor, input).await.unwrap().id.to_string()
    };
    let (own, others) = (saved(&ada.access).await, saved(&eve.access).await);
    shop.post("/cart/items/", Some(&ada.access), &json!({"sku": "SHIRT"})).await;
    let body = |id: &str| {
        with(
            &store.order,
            json!({"shipping_address": null, "shipping_address_id": id, "email": "eve@example.com",
            "billing_address": store.order["shipping_address"]}),
        )
    };
    assert_eq!(fields(&shop.post("/orders/", Some(&ada.access), &body(&others)).await), ["shipping_address_id"]);
    let order = shop.post("/orders/", Some(&ada.access), &body(&own)).await.json();
    assert_eq!(
        (&order["shipping_address"]["city"], &order["billing_address"]["city"]),
        (&json!("Bath"), &json!("London"))
    );
    assert_eq!(order["email"], ada.email);
}

#[tokio::test]
async fn the_cart_the_stock_and_the_total_must_be_as_the_buyer_thinks() {
    let store = Store::open(5).await;
    let shop = &store.shop;
    let ada = shop.customer("ada").await;
    refused(&shop.post("/orders/", Some(&ada.access), &store.order).await, 409, "cart_empty");
    shop.post("/cart/items/", Some(&ada.access), &json!({"sku": "SHIRT", "quantity": 4})).await;

    let other = with(&store.order, json!({"expected_total": "84.45"}));
    let changed = shop.post("/orders/", Some(&ada.access), &other).await;
    refused(&changed, 409, "total_changed");
    assert!(changed.body.contains("84.46"), "{changed:?}");

    let rival = shop.guest_cart(&store.shirt, 2).await;
    assert_eq!(shop.as_guest("POST", "/orders/", &rival, &store.order).await.status, 201);
    let out = shop.post("/orders/", Some(&ada.access), &store.order).await;
    refused(&out, 409, "out_of_stock");
    assert_eq!((&out.json()["sku"], &out.json()["available"]), (&json!("SHIRT"), &json!(3)));

    let item = shop.get("/cart/", Some(&ada.access)).await.json()["items"][0]["id"].clone();
    let path = format!("/cart/items/{}/", text(&item));
    assert_eq!(shop.call("PATCH", &path, Some(&ada.access), &json!({"quantity": 3})).await.status, 200);
    let agreed = with(&store.order, json!({"expected_total": "64.47"}));
    assert_eq!(shop.post("/orders/", Some(&ada.access), &agreed).await.status, 201);
    let next = shop.get("/cart/", Some(&ada.access)).await;
    assert_eq!((next.status, &next.json()["items"]), (200, &json!([])));
    refused(&shop.post("/orders/", Some(&ada.access), &agreed).await, 409, "cart_empty");
    assert_eq!(store.reserved().await, 5);
    store.is_sound().await;
}

#[tokio::test]
async fn a_client_sets_no_price_and_a_later_change_touches_no_order() {
    let store = Store::open(5).await;
    let shop = &store.shop;
    let ada = shop.customer("ada").await;
    shop.post("/cart/items/", Some(&ada.access), &json!({"sku": "SHIRT"})).await;
    let body = with(
        &store.order,
        json!({"total": "0.01", "subtotal": "0.01", "shipping_total": "0", "status": "completed",
        "payment_status": "paid", "amount_paid": "24.49", "items": [{"sku": "SHIRT", "unit_price": "0.01"}],
        "customer_id": UNKNOWN, "number": "MINE", "id": UNKNOWN, "currency": "JPY", "discount_total": "5"}),
    );
    let order = shop.post("/orders/", Some(&ada.access), &body).await.json();
    assert_eq!(
        (&order["total"], &order["status"], &order["payment_status"]),
        (&json!("24.49"), &json!("placed"), &json!("not_paid"))
    );
    assert_eq!((&order["customer_id"], &order["currency"]), (&json!(ada.id), &json!("USD")));
    assert!(order["id"] != UNKNOWN && order["number"] != "MINE");

    let change = serde_json::from_value(json!({"name": "Blouse", "price": "99"})).unwrap();
    let id = store.shirt.product_id.parse().unwrap();
    shop.shop.catalog().update_product(&Actor::system(), id, change, None).await.unwrap();
    let path = format!("/orders/{}/", text(&order["id"]));
    assert_eq!(shop.get(&path, Some(&ada.access)).await.json(), order);
    let sam = shop.staff("sam").await.access;
    let ledger = format!("/inventory/movements/?variant_id={}", store.shirt.variant_id);
    let moved = shop.get(&ledger, Some(&sam)).await.json();
    let product = format!("/catalog/products/{}/", store.shirt.product_id);
    assert_eq!(shop.call("DELETE", &product, Some(&sam), &NOTHING).await.status, 204);
    assert_eq!(shop.get(&path, Some(&ada.access)).await.json(), order);
    assert_eq!((&moved["count"], shop.get(&ledger, Some(&sam)).await.json()), (&json!(1), moved.clone()));
    store.is_sound().await;
}

#[tokio::test]
async fn staff_see_what_is_held_for_which_order() {
    let store = Store::open(5).await;
    let shop = &store.shop;
    let sam = shop.staff("sam").await.access;
    let cart = shop.guest_cart(&store.shirt, 2).await;
    let order = shop.as_guest("POST", "/orders/", &cart, &store.order).await.json();
    let id = text(&order["id"]);
    let list = async |query: &str| shop.get(&format!("/inventory/reservations/?{query}"), Some(&sam)).await.json();
    let held = list(&format!("live=true&order_id={id}")).await;
    assert_eq!(held["count"], 1);
    let held = &held["results"][0];
    let variant = json!(store.shirt.variant_id);
    assert_eq!((&held["order_id"], &held["variant_id"]), (&order["id"], &variant));
    assert_eq!((&held["sku"], &held["quantity"], &held["status"]), (&json!("SHIRT"), &json!(2), &json!("committed")));
    for (query, count) in [
        ("live=true&sku=SHIRT".to_owned(), 1),
        (format!("sku=SHIRT&variant_id={}", store.shirt.variant_id), 1),
        (format!("sku=SHIRT&variant_id={UNKNOWN}"), 0),
        ("sku=OTHER".to_owned(), 0),
        ("sku=OTHER&cursor=".to_owned(), 0),
    ] {
        let found = list(&query).await;
        assert_eq!(found["results"].as_array().unwrap().len(), count, "{query}: {found}");
    }
    // Reservations of a variant are found by its current sku.
    let renamed = json!({"sku": "OTHER"});
    let path = format!("/catalog/products/{}/", store.shirt.product_id);
    assert_eq!(shop.call("PATCH", &path, Some(&sam), &renamed).await.status, 200);
    let found = list("sku=OTHER").await;
    assert_eq!((&found["count"], &found["results"][0]["sku"]), (&json!(1), &json!("SHIRT")));
    assert_eq!(list("sku=SHIRT").await["count"], 0);
    let canceled = shop.post(&format!("/orders/{id}/cancel/"), Some(&sam), &NOTHING).await;
    assert_eq!(canceled.status, 200, "{canceled:?}");
    assert_eq!(list(&format!("live=true&order_id={id}")).await["count"], 0);
    assert_eq!(list(&format!("order_id={id}")).await["results"][0]["status"], "released");
}

#[tokio::test]
async fn amounts_have_the_decimals_of_the_shops_currency() {
    for (currency, price, post, total, wrong) in
        [("JPY", "80", "12", "172", "80.0"), ("KWD", "1.250", "0.005", "2.505", "1.2500")]
    {
        let shop = TestShop::start_with(&[("CURRENCY", currency)]).await;
        let sam = shop.staff("sam").await.access;
        let bad = json!({"name": "x", "sku": "X", "price": wrong});
        assert_eq!(fields(&shop.post("/catalog/products/", Some(&sam), &bad).await), ["price"], "{currency}");
        let goods = shop.product("TEA", price, 5).await;
        let method = shop.shipping_method(&["GB"], post).await;
        let cart = shop.guest_cart(&goods, 2).await;
        let placed = shop.as_guest("POST", "/orders/", &cart, &order(&method)).await;
        assert_eq!(placed.status, 201, "{placed:?}");
        let placed = placed.json();
        assert_eq!((&placed["currency"], &placed["total"]), (&json!(currency), &json!(total)));
        assert_eq!((&placed["items"][0]["unit_price"], &placed["shipping_total"]), (&json!(price), &json!(post)));
        let payment = format!("/payments/{}/", text(&placed["payments"][0]["id"]));
        let paid = shop.post(&format!("{payment}capture/"), Some(&sam), &json!({})).await.json();
        assert_eq!(paid["amount_captured"], *total);
        let refunded = shop.post(&format!("{payment}refunds/"), Some(&sam), &json!({"amount": post})).await;
        assert_eq!(refunded.status, 201, "{refunded:?}");
        let order = shop.get(&format!("/orders/{}/", text(&placed["id"])), Some(&sam)).await.json();
        assert_eq!(order["amount_refunded"], *post);
        let over = shop.post(&format!("{payment}refunds/"), Some(&sam), &json!({"amount": total})).await;
        assert_eq!(fields(&over), ["amount"], "{currency}");
        assert_eq!(shop.shop.check().await.unwrap(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_list_shows_ones_own_and_staff_everything() {
    let store = Store::open(99).await;
    let shop = &store.shop;
    let (ada, eve, staff) = (shop.customer("ada").await, shop.customer("eve").await, shop.staff("sam").await);
    for _ in 0..3 {
        store.order_of(&ada.access, 1).await;
    }
    let eves = store.order_of(&eve.access, 2).await;
    shop.post(&format!("/orders/{}/cancel/", text(&eves["id"])), Some(&eve.access), &NOTHING).await;

    refused(&shop.get("/orders/", None).await, 401, "not_authenticated");
    let list = async |access: &str, query: &str| shop.get(&format!("/orders/{query}"), Some(access)).await.json();
    let count = async |access: &str, query: &str| list(access, query).await["count"].as_u64().unwrap();
    assert_eq!((count(&ada.access, "").await, count(&eve.access, "").await, count(&staff.access, "").await), (3, 1, 4));
    // A customer cannot widen the view.
    assert_eq!(count(&ada.access, &format!("?email={}", eve.email)).await, 0);
    assert_eq!(count(&staff.access, "?mine=true").await, 0);
    assert_eq!(count(&staff.access, "?mine=false").await, 4);
    assert_eq!(count(&staff.access, "?status=canceled").await, 1);
    assert_eq!(count(&staff.access, "?payment_status=voided").await, 1);
    assert_eq!(count(&staff.access, "?fulfillment_status=unfulfilled").await, 4);
    assert_eq!(count(&staff.access, "?fulfillment_status=delivered").await, 0);
    assert_eq!(
        count(&staff.access, "?email=ADA%40example.com").await,
        3,
        "though the forms of both say ada@example.com"
    );
    assert_eq!(count(&staff.access, "?placed_after=2020-01-01T00:00:00Z").await, 4);
    assert_eq!(count(&staff.access, "?placed_before=2020-01-01T00:00:00Z").await, 0);

    let by_total = list(&staff.access, "?ordering=-total&page_size=1").await;
    assert_eq!((&by_total["results"][0]["id"], by_total["next"].is_string()), (&eves["id"], true));
    let first = list(&staff.access, "?cursor=&page_size=3").await;
    assert_eq!((&first["count"], first["results"].as_array().unwrap().len()), (&NOTHING, 3));
    let next = text(&first["next"]);
    let rest = shop.get(next.split_once("shop.test").unwrap().1, Some(&staff.access)).await.json();
    let ids: HashSet<_> =
        [&first, &rest].iter().flat_map(|page| page["results"].as_array().unwrap()).map(|o| text(&o["id"])).collect();
    assert_eq!(ids.len(), 4);

    for (query, field) in [
        ("?status=lost", "status"),
        ("?payment_status=x", "payment_status"),
        ("?placed_after=x", "placed_after"),
        ("?mine=maybe", "mine"),
        ("?ordering=email", "ordering"),
        ("?page_size=101", "page_size"),
        ("?cursor=x", "cursor"),
    ] {
        assert_eq!(fields(&shop.get(&format!("/orders/{query}"), Some(&staff.access)).await), [field]);
    }
}

#[tokio::test]
async fn an_order_is_canceled_by_its_owner_or_staff() {
    let store = Store::open(9).await;
    let shop = &store.shop;
    let (ada, staff) = (shop.customer("ada").await, shop.staff("sam").await);
    let order = store.order_of(&ada.access, 3).await;
    let path = format!("/orders/{}/cancel/", text(&order["id"]));
    let canceled = shop.post(&path, Some(&ada.access), &json!({"anything": 1})).await;
    assert_eq!(canceled.status, 200, "{canceled:?}");
    let body = canceled.json();
    assert_eq!((&body["status"], &body["payment_status"]), (&json!("canceled"), &json!("voided")));
    assert_eq!((&body["payments"][0]["status"], body["canceled_at"].is_string()), (&json!("voided"), true));
    assert!(body["version"].as_i64() > order["version"].as_i64());
    assert_eq!(store.reserved().await, 0);
    refused(&shop.post(&path, Some(&ada.access), &NOTHING).await, 409, "invalid_transition");

    let second = store.order_of(&ada.access, 1).await;
    let path = format!("/orders/{}/cancel/", text(&second["id"]));
    assert_eq!(shop.post(&path, Some(&staff.access), &NOTHING).await.status, 200);
    let history = shop.get(&format!("/orders/{}/history/", text(&second["id"])), Some(&ada.access)).await.json();
    let last = history.as_array().unwrap().last().unwrap();
    assert_eq!((&last["event"], &last["actor"]), (&json!("canceled"), &json!("staff")));

    let cart = shop.guest_cart(&store.shirt, 1).await;
    let guests = shop.as_guest("POST", "/orders/", &cart, &store.order).await.json();
    let path = format!("/orders/{}/cancel/", text(&guests["id"]));
    let token = text(&guests["access_token"]);
    assert_eq!(shop.call_with("POST", &path, &[("X-Order-Token", &token)], &NOTHING).await.status, 200);
    store.is_sound().await;
}

#[tokio::test]
async fn a_paid_order_is_given_back_and_a_shipped_one_stays() {
    let store = Store::open(9).await;
    let shop = &store.shop;
    let ada = shop.customer("ada").await;
    let staff = Actor::system();
    let paid = store.order_of(&ada.access, 1).await;
    let payment = text(&paid["payments"][0]["id"]).parse().unwrap();
    shop.shop.payments().capture(&staff, payment, AmountInput::default(), None).await.unwrap();
    let read = shop.get(&format!("/orders/{}/", text(&paid["id"])), Some(&ada.access)).await.json();
    assert_eq!((&read["payment_status"], &read["amount_paid"]), (&json!("paid"), &json!("24.49")));
    let body = shop.post(&format!("/orders/{}/cancel/", text(&paid["id"])), Some(&ada.access), &NOTHING).await.json();
    assert_eq!((&body["payment_status"], &body["amount_refunded"]), (&json!("refunded"), &json!("24.49")));

    let shipped = store.order_of(&ada.access, 1).await;
    let shipment = serde_json::from_value(json!({"order_id": shipped["id"]})).unwrap();
    let shipment = shop.shop.shipping().create_shipment(&staff, shipment, None).await.unwrap().value;
    let news = serde_json::from_value(json!({"status": "shipped"})).unwrap();
    shop.shop.shipping().track_shipment(&staff, shipment.id, news, None).await.unwrap();
    let path = format!("/orders/{}/cancel/", text(&shipped["id"]));
    refused(&shop.post(&path, Some(&ada.access), &NOTHING).await, 409, "invalid_transition");
    assert_eq!(store.reserved().await, 0);
    store.is_sound().await;
}
