//! Unpaid orders cannot use up all stock: limits on their number and rate, and how staff cancel many at once.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::orders::{Store, fields, refused, text, with};

const NOTHING: Value = Value::Null;

impl Store {
    async fn guest_order_of(&self, email: &str) -> crate::support::TestResponse {
        let cart = self.shop.guest_cart(&self.shirt, 1).await;
        self.shop.as_guest("POST", "/orders/", &cart, &with(&self.order, json!({"email": email}))).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn so_many_orders_of_one_buyer_wait_for_their_payment_also_in_a_race() {
    let store = Store::open_with(99, &[("MAX_UNPAID_ORDERS", "3")]).await;
    let shop = &store.shop;
    let placed =
        join_all(
            (0..12).map(|number| {
                let store = &store;
                async move {
                    store.guest_order_of(if number % 2 == 0 { "Eve@Example.com" } else { "eve@example.com" }).await
                }
            }),
        );
    let (placed, others): (Vec<_>, Vec<_>) = placed.await.into_iter().partition(|answer| answer.status == 201);
    assert_eq!(placed.len(), 3, "{others:?}");
    for refusal in &others {
        refused(refusal, 429, "throttled");
        assert!(refusal.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    }
    assert_eq!(store.reserved().await, 3);
    // Another address has its own limit, and so has the account that verified this one.
    assert_eq!(store.guest_order_of("bob@example.com").await.status, 201);
    let eve = shop.customer("eve").await.access;
    let own = async || {
        shop.post("/cart/items/", Some(&eve), &json!({"sku": "SHIRT"})).await;
        shop.post("/orders/", Some(&eve), &store.order).await
    };
    let first = own().await;
    assert_eq!((first.status, own().await.status, own().await.status), (201, 201, 201));
    refused(&own().await, 429, "throttled");
    // The cart is kept, and can be ordered after a payment or a cancellation makes room.
    let staff = shop.staff("sam").await.access;
    let payment = text(&first.json()["payments"][0]["id"]);
    assert_eq!(shop.post(&format!("/payments/{payment}/capture/"), Some(&staff), &NOTHING).await.status, 200);
    assert_eq!(shop.post("/orders/", Some(&eve), &store.order).await.status, 201);
    let id = text(&placed[0].json()["id"]);
    assert_eq!(shop.post(&format!("/orders/{id}/cancel/"), Some(&staff), &NOTHING).await.status, 200);
    assert_eq!(store.guest_order_of("eve@example.com").await.status, 201);
    refused(&store.guest_order_of("eve@example.com").await, 429, "throttled");
    store.is_sound().await;
}

#[tokio::test]
async fn orders_are_limited_by_the_address_that_they_come_from() {
    let store = Store::open_with(999, &[("RATE_LIMIT", "on")]).await;
    let mut placed = 0;
    let refusal = loop {
        let answer = store.guest_order_of(&format!("buyer{placed}@example.com")).await;
        if answer.status != 201 {
            break answer;
        }
        placed += 1;
        assert!(placed < 131, "nobody stops it");
    };
    refused(&refusal, 429, "throttled");
    assert!(refusal.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    assert!(placed >= 60, "only {placed}");
    store.is_sound().await;
}

#[tokio::test]
async fn new_carts_and_coupons_are_limited_and_filling_a_cart_is_not() {
    let store = Store::open_with(9_999, &[("RATE_LIMIT", "on")]).await;
    let shop = &store.shop;
    let cart = shop.guest_cart(&store.shirt, 1).await;
    let item = json!({"sku": "SHIRT"});
    for _ in 0..350 {
        assert_eq!(shop.as_guest("POST", "/cart/items/", &cart, &item).await.status, 201);
    }
    let guesses = async |cart: &str| {
        for number in 0..200 {
            let answer =
                shop.as_guest("POST", "/cart/coupons/", cart, &json!({"code": format!("GUESS{number}")})).await;
            if answer.status == 429 {
                return number;
            }
            refused(&answer, 409, "coupon_not_applicable");
        }
        200
    };
    assert!((30..40).contains(&guesses(&cart).await));
    let mut made = 0;
    while shop.post("/cart/items/", None, &item).await.status == 201 {
        made += 1;
        assert!(made < 400, "nobody stops it");
    }
    assert!(made >= 250, "only {made}");
    // One more is allowed for each two seconds that pass.
    let more = join_all((0..5).map(|_| async { shop.post("/cart/", None, &json!({})).await.status })).await;
    assert!(more.contains(&429), "{more:?}");
    // A signed-in user has a cart already.
    let ada = shop.customer("ada").await.access;
    assert_eq!(shop.post("/cart/items/", Some(&ada), &item).await.status, 201);
}

#[tokio::test]
async fn staff_cancel_many_orders_at_once() {
    let store = Store::open(99).await;
    let shop = &store.shop;
    let staff = shop.staff("sam").await.access;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(text(&store.guest_order().await.0["id"]));
    }
    let news = json!({"order_id": ids[1]});
    let shipment = text(&shop.post("/shipping/shipments/", Some(&staff), &news).await.json()["id"]);
    shop.post(&format!("/shipping/shipments/{shipment}/events/"), Some(&staff), &json!({"status": "shipped"})).await;
    let unknown = "01890000-0000-7000-8000-000000000001";
    let body = json!({"ids": [ids[0], ids[1], unknown, ids[2]], "reason": "Nobody paid."});
    let bearer = format!("Bearer {staff}");
    let key = [("Idempotency-Key", "many-1"), ("Authorization", bearer.as_str())];
    let canceled = shop.call_with("POST", "/orders/cancel/", &key, &body).await;
    assert_eq!(canceled.status, 200, "{canceled:?}");
    let results = canceled.json()["results"].clone();
    let told: Vec<_> = results
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (text(&one["id"]), text(&one["outcome"]), one["code"].clone()))
        .collect();
    let wanted = [
        (ids[0].clone(), "canceled".to_owned(), NOTHING),
        (ids[1].clone(), "refused".to_owned(), json!("invalid_transition")),
        (unknown.to_owned(), "refused".to_owned(), json!("not_found")),
        (ids[2].clone(), "canceled".to_owned(), NOTHING),
    ];
    assert_eq!(told, wanted);
    assert!(results[1]["detail"].is_string());
    assert_eq!(store.reserved().await, 1);
    // The first response is replayed; another request with the same key is refused.
    let again = shop.call_with("POST", "/orders/cancel/", &key, &body).await;
    assert_eq!((again.header("idempotency-replayed"), &again.json()["results"]), (Some("true"), &results));
    let other = shop.call_with("POST", "/orders/cancel/", &key, &json!({"ids": [ids[3]]})).await;
    refused(&other, 422, "idempotency_mismatch");
    // Like a single cancellation, each has a history entry; the reason is for staff only.
    let history = shop.get(&format!("/orders/{}/history/", ids[0]), Some(&staff)).await.json();
    let entries: Vec<_> = history.as_array().unwrap().iter().map(|entry| text(&entry["event"])).collect();
    assert!(entries.contains(&"canceled".to_owned()) && entries.contains(&"cancel_reason".to_owned()), "{entries:?}");
    assert!(history.to_string().contains("Nobody paid."));
    let order = shop.get(&format!("/orders/{}/", ids[0]), Some(&staff)).await.json();
    assert_eq!((&order["status"], &order["payment_status"]), (&json!("canceled"), &json!("voided")));
    // Without a key, the request is executed and reports the current state.
    let late = shop.post("/orders/cancel/", Some(&staff), &json!({"ids": [ids[0], ids[3]]})).await.json();
    let outcomes = [&late["results"][0]["code"], &late["results"][1]["outcome"]];
    assert_eq!(outcomes, [&json!("invalid_transition"), &json!("canceled")]);
    for (wrong, named) in [
        (json!({}), vec!["ids"]),
        (json!({"ids": []}), vec!["ids"]),
        (json!({"ids": [ids[0], ids[0]]}), vec!["ids"]),
        (json!({"ids": "all", "reason": 5}), vec!["ids", "reason"]),
        (json!({"ids": vec![unknown; 101]}), vec!["ids"]),
    ] {
        assert_eq!(fields(&shop.post("/orders/cancel/", Some(&staff), &wrong).await), named, "{wrong}");
    }
    store.is_sound().await;
}

#[tokio::test]
async fn the_reason_of_a_cancellation_is_for_staff() {
    let store = Store::open(9).await;
    let staff = store.shop.staff("sam").await.access;
    let (order, token) = store.guest_order().await;
    let body = json!({"ids": [order["id"]], "reason": "Looks like fraud."});
    assert_eq!(store.shop.post("/orders/cancel/", Some(&staff), &body).await.status, 200);
    let path = format!("/orders/{}/history/", text(&order["id"]));
    let seen = store.shop.call_with("GET", &path, &[("X-Order-Token", &token)], &NOTHING).await;
    assert!(seen.status == 200 && !seen.body.contains("fraud"), "{seen:?}");
    assert!(store.shop.get(&path, Some(&staff)).await.body.contains("Looks like fraud."));
}
