//! `/cart/quote/`: what the buyer will pay, before they order.

use serde_json::{Value, json};
use shop_core::Actor;

use crate::orders::{Store, fields, refused, text, with};
use crate::support::{TestResponse, TestShop, order};

const NOTHING: Value = Value::Null;

async fn as_guest(shop: &TestShop, cart: &str, body: &Value) -> TestResponse {
    shop.as_guest("POST", "/cart/quote/", cart, body).await
}

/// The fields that a quote and an order have in common.
fn parts(answer: &Value) -> Value {
    let mut parts = json!({});
    for part in [
        "currency",
        "subtotal",
        "discount_total",
        "shipping_total",
        "shipping_tax",
        "tax_total",
        "total",
        "taxes",
        "adjustments",
        "prices_include_tax",
        "items",
    ] {
        parts[part] = answer[part].clone();
    }
    for item in parts["items"].as_array_mut().unwrap() {
        let fields = item.as_object_mut().unwrap();
        fields.remove("id");
        fields.remove("canceled_quantity");
    }
    parts
}

#[tokio::test]
async fn a_quote_grows_with_what_is_known_and_is_what_the_order_comes_to() {
    let store = Store::open(9).await;
    let (shop, staff) = (&store.shop, store.shop.staff("sam").await.access);
    shop.promotion(json!({"name": "Ten off", "code": "TEN", "kind": "percent", "value": "10"})).await;
    shop.tax_rate(json!({"name": "VAT", "country": "GB", "rate": "0.2", "applies_to_shipping": true})).await;
    let cart = shop.cart_with(&store.shirt, "ten").await;
    let before = shop.as_guest("GET", "/cart/", &cart, &NOTHING).await.json();

    let nothing = as_guest(shop, &cart, &json!({})).await.expect(200);
    assert_eq!(nothing["missing"], json!(["shipping_address", "shipping_method_id", "payment_gateway", "email"]));
    assert_eq!((&nothing["total"], &nothing["tax_total"]), (&json!("17.99"), &json!("0.00")));
    let place = json!({"shipping_address": {"country": "GB"}});
    let here = as_guest(shop, &cart, &place).await.expect(200);
    assert_eq!((&here["total"], &here["tax_total"]), (&json!("21.59"), &json!("3.60")));
    let shipped = with(&place, json!({"shipping_method_id": store.order["shipping_method_id"]}));
    let shipped = as_guest(shop, &cart, &shipped).await.expect(200);
    let whole = as_guest(shop, &cart, &store.order).await.expect(200);
    assert_eq!(whole["missing"], json!([]));
    assert_eq!(parts(&shipped), parts(&whole), "the country and the method are enough for every amount");

    // Nothing was written: no order, payment, reservation or idempotency record; and the cart is unchanged.
    assert_eq!(shop.as_guest("GET", "/cart/", &cart, &NOTHING).await.json(), before);
    for list in ["/orders/", "/payments/", "/inventory/reservations/"] {
        assert_eq!(shop.get(list, Some(&staff)).await.json()["count"], 0, "{list}");
    }
    let keyed = [("X-Cart-Token", cart.as_str()), ("Idempotency-Key", "one")];
    let quoted = shop.call_with("POST", "/cart/quote/", &keyed, &store.order).await;
    assert_eq!((quoted.status, quoted.header("idempotency-replayed")), (200, None));
    let body = with(&store.order, json!({"expected_total": whole["total"]}));
    let placed = shop.call_with("POST", "/orders/", &keyed, &body).await;
    assert_eq!(placed.status, 201, "{placed:?}");
    assert_eq!(parts(&placed.json()), parts(&whole));
    refused(&as_guest(shop, &cart, &store.order).await, 404, "not_found");
    store.is_sound().await;
}

#[tokio::test]
async fn everybody_is_quoted_their_own_cart() {
    let store = Store::open(9).await;
    let shop = &store.shop;
    let (ada, bob) = (shop.customer("ada").await.access, shop.customer("bob").await.access);
    let cart = shop.guest_cart(&store.shirt, 1).await;
    refused(&shop.post("/cart/quote/", None, &store.order).await, 404, "not_found");
    refused(&as_guest(shop, "wrong", &store.order).await, 404, "not_found");
    refused(&shop.post("/cart/quote/", Some(&ada), &store.order).await, 409, "cart_empty");
    // An access token takes precedence over a cart token.
    let bearer = format!("Bearer {ada}");
    let headers = [("Authorization", bearer.as_str()), ("X-Cart-Token", cart.as_str())];
    refused(&shop.call_with("POST", "/cart/quote/", &headers, &store.order).await, 409, "cart_empty");
    shop.post("/cart/items/", Some(&ada), &json!({"sku": "SHIRT", "quantity": 2})).await;
    let quoted = shop.post("/cart/quote/", Some(&ada), &with(&store.order, json!({"email": null}))).await.expect(200);
    assert_eq!((&quoted["total"], &quoted["missing"]), (&json!("44.48"), &json!([])));
    // Another customer's address is not accessible.
    let saved = shop.post("/shipping/addresses/", Some(&bob), &store.order["shipping_address"]).await.expect(201);
    let stolen = json!({"shipping_address_id": saved["id"]});
    assert_eq!(fields(&shop.post("/cart/quote/", Some(&ada), &stolen).await), ["shipping_address_id"]);
    assert_eq!(fields(&as_guest(shop, &cart, &stolen).await), ["shipping_address_id"]);
    shop.post("/cart/items/", Some(&bob), &json!({"sku": "SHIRT"})).await;
    let own = shop.post("/cart/quote/", Some(&bob), &stolen).await.expect(200);
    assert_eq!(own["missing"], json!(["shipping_method_id", "payment_gateway"]));
    store.is_sound().await;
}

#[tokio::test]
async fn what_is_wrong_is_named_and_what_is_absent_is_not_wrong() {
    let store = Store::open(9).await;
    let shop = &store.shop;
    let cart = shop.guest_cart(&store.shirt, 1).await;
    // An order with this total as `expected_total` would be refused as well.
    let foreign = as_guest(shop, &cart, &with(&store.order, json!({"currency": "EUR"}))).await;
    assert_eq!(fields(&foreign), ["currency"]);
    assert_eq!(as_guest(shop, &cart, &with(&store.order, json!({"currency": "usd"}))).await.status, 200);
    let bad = json!({
        "shipping_address": {"country": "XX", "phone": 5}, "shipping_method_id": "x", "payment_gateway": "magic",
        "email": "nobody", "expected_total": 4.5, "note": 1,
    });
    let expected = [
        "email",
        "expected_total",
        "note",
        "payment_gateway",
        "shipping_address.country",
        "shipping_address.phone",
        "shipping_method_id",
    ];
    assert_eq!(fields(&as_guest(shop, &cart, &bad).await), expected);
    let abroad =
        json!({"shipping_address": {"country": "DE"}, "shipping_method_id": store.order["shipping_method_id"]});
    assert_eq!(fields(&as_guest(shop, &cart, &abroad).await), ["shipping_method_id"]);
    for empty in [json!({"shipping_address": null, "email": null, "shipping_method_id": null}), json!({"email": ""})] {
        assert_eq!(as_guest(shop, &cart, &empty).await.expect(200)["total"], "19.99", "{empty}");
    }
    // Where taxes differ by region, the region is reported as missing until it is given.
    shop.tax_rate(json!({"name": "NY", "country": "US", "region": "NY", "rate": "0.1"})).await;
    let states = |region: Value| json!({"shipping_address": {"country": "US", "region": region}});
    let unknown = as_guest(shop, &cart, &states(NOTHING)).await.expect(200);
    assert!(unknown["missing"].as_array().unwrap().contains(&json!("shipping_address.region")), "{unknown}");
    let known = as_guest(shop, &cart, &states(json!("new york"))).await.expect(200);
    assert_eq!(known["tax_total"], "2.00");
    assert!(!known["missing"].as_array().unwrap().contains(&json!("shipping_address.region")), "{known}");
    assert_eq!(fields(&as_guest(shop, &cart, &states(json!("Nowhere"))).await), ["shipping_address.region"]);
    // Stock that is gone.
    let rival = shop.guest_cart(&store.shirt, 9).await;
    assert_eq!(shop.as_guest("POST", "/orders/", &rival, &store.order).await.status, 201);
    refused(&as_guest(shop, &cart, &json!({})).await, 409, "out_of_stock");
}

#[tokio::test]
async fn quotes_are_limited_and_use_up_no_orders() {
    let store = Store::open_with(9, &[("RATE_LIMIT", "on")]).await;
    let shop = &store.shop;
    let cart = shop.guest_cart(&store.shirt, 1).await;
    let mut quoted = 0;
    let refusal = loop {
        let answer = as_guest(shop, &cart, &store.order).await;
        if answer.status != 200 {
            break answer;
        }
        quoted += 1;
        assert!(quoted < 400, "nobody stops it");
    };
    refused(&refusal, 429, "throttled");
    assert!(quoted >= 120, "only {quoted}");
    assert_eq!(shop.as_guest("POST", "/orders/", &cart, &store.order).await.status, 201);
}

#[tokio::test]
async fn a_total_is_rounded_once_the_gateway_is_known() {
    let dinars =
        TestShop::start_with(&[("CURRENCY", "KWD"), ("STRIPE_SECRET_KEY", "sk_test_x"), ("MANUAL_PAYMENTS", "True")])
            .await;
    let shirt = dinars.product("SHIRT", "1.234", 9).await;
    let body = order(&dinars.shipping_method(&["GB"], "1").await);
    let cart = dinars.guest_cart(&shirt, 1).await;
    let total = async |gateway: Value| {
        let quoted = as_guest(&dinars, &cart, &with(&body, json!({"payment_gateway": gateway}))).await.expect(200);
        let rounding = quoted["adjustments"].as_array().unwrap().iter().find(|one| one["kind"] == "rounding").cloned();
        (text(&quoted["total"]), rounding.map(|one| text(&one["amount"])))
    };
    assert_eq!(total(NOTHING).await, ("2.234".to_owned(), None));
    assert_eq!(total(json!("manual")).await, ("2.234".to_owned(), None));
    assert_eq!(total(json!("stripe")).await, ("2.230".to_owned(), Some("-0.004".to_owned())));
    let tiny = dinars.product("PIN", "0.001", 9).await;
    let free = json!({"name": "Free", "kind": "free_shipping"});
    dinars.shop.catalog().create_promotion(&Actor::system(), serde_json::from_value(free).unwrap()).await.unwrap();
    let cart = dinars.guest_cart(&tiny, 1).await;
    let by_card = with(&body, json!({"payment_gateway": "stripe"}));
    // Before the shipping is known, the total is not the amount that will be charged.
    assert_eq!(as_guest(&dinars, &cart, &json!({"payment_gateway": "stripe"})).await.expect(200)["total"], "0.001");
    refused(&as_guest(&dinars, &cart, &by_card).await, 409, "total_not_chargeable");
}
