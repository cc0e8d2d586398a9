//! Orders that are sent twice or by many callers at once: races that other shops have lost.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::orders::{Store, fields, refused, text, with};

const NOTHING: Value = Value::Null;

#[tokio::test]
async fn a_key_answers_again_and_refuses_another_request() {
    let store = Store::open(9).await;
    let shop = &store.shop;
    let cart = shop.guest_cart(&store.shirt, 1).await;
    let place = async |key: &str, body: &Value| {
        shop.call_with("POST", "/orders/", &[("X-Cart-Token", &cart), ("Idempotency-Key", key)], body).await
    };
    let first = place("one", &store.order).await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (201, None), "{first:?}");
    let again = place("one", &store.order).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (201, Some("true")));
    assert_eq!((again.json(), again.json()["access_token"].is_string()), (first.json(), true));
    // The order of the fields does not matter, but their values do.
    let sorted: std::collections::BTreeMap<String, Value> = serde_json::from_value(store.order.clone()).unwrap();
    assert_eq!(place("one", &json!(sorted)).await.header("idempotency-replayed"), Some("true"));
    let other = with(&store.order, json!({"note": "else"}));
    refused(&place("one", &other).await, 422, "idempotency_mismatch");
    refused(&place("two", &store.order).await, 404, "not_found");
    assert_eq!(fields(&place(&"k".repeat(256), &store.order).await), ["Idempotency-Key"]);
    assert_eq!(store.reserved().await, 1);

    // A refused request is not stored: the same key works once the cart is filled.
    let ada = shop.customer("ada").await;
    let bearer = format!("Bearer {}", ada.access);
    let headers = [("Authorization", bearer.as_str()), ("Idempotency-Key", "one")];
    refused(&shop.call_with("POST", "/orders/", &headers, &store.order).await, 409, "cart_empty");
    shop.post("/cart/items/", Some(&ada.access), &json!({"sku": "SHIRT"})).await;
    let placed = shop.call_with("POST", "/orders/", &headers, &store.order).await;
    assert_eq!((placed.status, placed.header("idempotency-replayed")), (201, None));

    let path = format!("/orders/{}/cancel/", text(&placed.json()["id"]));
    let first = shop.call_with("POST", &path, &headers, &NOTHING).await;
    let again = shop.call_with("POST", &path, &headers, &json!({})).await;
    assert_eq!((first.status, again.status, again.header("idempotency-replayed")), (200, 200, Some("true")));
    assert_eq!(first.json(), again.json());
    store.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_buyers_of_the_last_five_units_get_five() {
    let store = Store::open(5).await;
    let shop = &store.shop;
    let mut carts = Vec::new();
    for _ in 0..50 {
        carts.push(shop.guest_cart(&store.shirt, 1).await);
    }
    let answers = join_all(carts.iter().map(|cart| shop.as_guest("POST", "/orders/", cart, &store.order))).await;
    let (sold, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!(sold.len(), 5);
    for answer in refused {
        assert_eq!((answer.status, answer.code().as_str()), (409, "out_of_stock"));
        assert_eq!(answer.json()["available"], 0);
    }
    assert_eq!(store.reserved().await, 5);
    store.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_cart_placed_twenty_times_at_once_is_one_order() {
    // The stock equals the quantity bought: late calls find the cart ordered and no stock left, and must report the
    // cart.
    let store = Store::open(2).await;
    let shop = &store.shop;
    let cart = shop.guest_cart(&store.shirt, 1).await;
    let answers = join_all((0..20).map(|_| shop.as_guest("POST", "/orders/", &cart, &store.order))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    assert!(answers.iter().all(|answer| [201, 404].contains(&answer.status)), "{answers:?}");

    let ada = shop.customer("ada").await;
    shop.post("/cart/items/", Some(&ada.access), &json!({"sku": "SHIRT"})).await;
    let answers = join_all((0..20).map(|_| shop.post("/orders/", Some(&ada.access), &store.order))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    assert!(answers.iter().filter(|answer| answer.status != 201).all(|answer| answer.code() == "cart_empty"));
    assert_eq!(store.reserved().await, 2);
    store.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_key_sent_twenty_times_at_once_has_one_effect_and_one_answer() {
    let store = Store::open(50).await;
    let shop = &store.shop;
    let cart = shop.guest_cart(&store.shirt, 1).await;
    let headers = [("X-Cart-Token", cart.as_str()), ("Idempotency-Key", "once")];
    let answers = join_all((0..20).map(|_| shop.call_with("POST", "/orders/", &headers, &store.order))).await;
    assert!(answers.iter().all(|answer| answer.status == 201), "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer.header("idempotency-replayed").is_none()).count(), 1);
    assert!(answers.iter().all(|answer| answer.json() == answers[0].json()));
    assert_eq!(store.reserved().await, 1);
    store.is_sound().await;
}
