//! Outgoing webhooks, to real receivers on this machine.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Receiver, Reply, TestResponse, TestShop, order};

/// A shop that may send to receivers on this machine, and the access token of its staff.
struct Hooked {
    shop: TestShop,
    staff: String,
}

impl Hooked {
    async fn start() -> Self {
        let shop = TestShop::start_with(&[("WEBHOOKS_ALLOW_PRIVATE", "True")]).await;
        let staff = shop.staff("eve").await.access;
        Self { shop, staff }
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> TestResponse {
        self.shop.call(method, path, Some(&self.staff), body).await
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.call("GET", path, &Value::Null).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// Registers a receiver; returns the response with the path of the new webhook added.
    async fn register(&self, url: &str, events: &[&str]) -> Value {
        let answer = self.call("POST", "/webhooks/", &json!({"url": url, "events": events})).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let mut webhook = answer.json();
        webhook["path"] = format!("/webhooks/{}/", webhook["id"].as_str().unwrap()).into();
        webhook
    }

    /// The deliveries of a webhook, newest first, once they satisfy `wanted`.
    async fn deliveries(&self, webhook: &Value, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let path = format!("{}deliveries/", webhook["path"].as_str().unwrap());
        let started = Instant::now();
        loop {
            let found = self.get(&path).await["results"].as_array().unwrap().clone();
            if wanted(&found) {
                return found;
            }
            assert!(started.elapsed() < Duration::from_mins(1), "{found:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Triggers an event: `product.created`.
    async fn happen(&self, sku: &str) {
        self.shop.product(sku, "10.00", 5).await;
    }
}

fn fields(answer: &TestResponse) -> Vec<String> {
    assert_eq!((answer.status, answer.code().as_str()), (400, "invalid"), "{answer:?}");
    answer.json()["errors"].as_object().unwrap().keys().cloned().collect()
}

#[tokio::test]
async fn staff_register_change_and_take_out_webhooks() {
    let hooked = Hooked::start().await;
    let url = "https://hooks.example.com/shop";
    let made = hooked.register(url, &["order.*", "stock.low"]).await;
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_") && secret.len() == 50, "{secret}");
    assert_eq!(
        (&made["url"], &made["events"], &made["active"]),
        (&json!(url), &json!(["order.*", "stock.low"]), &json!(true))
    );
    assert_eq!(made["secret_rotated_at"], Value::Null);
    let path = made["path"].as_str().unwrap();

    // No other response contains the secret.
    let list = hooked.get("/webhooks/").await;
    assert_eq!((&list["count"], &list["results"][0]["id"]), (&json!(1), &made["id"]));
    let one = hooked.get(path).await;
    let changed = hooked.call("PATCH", path, &json!({"active": false, "secret": "mine"})).await;
    let replaced = hooked.call("PUT", path, &json!({"url": url, "events": ["*"]})).await;
    assert_eq!((changed.status, replaced.status), (200, 200));
    assert_eq!((&changed.json()["active"], &changed.json()["events"]), (&json!(false), &made["events"]));
    assert_eq!((&replaced.json()["active"], &replaced.json()["events"]), (&json!(true), &json!(["*"])));
    for answer in [list.to_string(), one.to_string(), changed.body.clone(), replaced.body.clone()] {
        assert!(!answer.contains("whsec_") && !answer.contains("\"secret\""), "{answer}");
    }
    let rotated = hooked.call("POST", &format!("{path}rotate-secret/"), &Value::Null).await;
    assert_eq!(rotated.status, 200);
    assert_ne!(rotated.json()["secret"].as_str().unwrap(), secret);
    assert!(rotated.json()["secret_rotated_at"].is_string());

    assert_eq!(hooked.call("DELETE", path, &Value::Null).await.status, 204);
    for (method, path) in [
        ("GET", path.to_owned()),
        ("DELETE", path.to_owned()),
        ("PATCH", path.to_owned()),
        ("POST", format!("{path}rotate-secret/")),
        ("GET", format!("{path}deliveries/")),
        ("POST", format!("{path}deliveries/{}/redeliver/", uuid::Uuid::nil())),
    ] {
        let body = if method == "PATCH" { json!({}) } else { Value::Null };
        assert_eq!(hooked.call(method, &path, &body).await.code(), "not_found", "{method} {path}");
    }
}

#[tokio::test]
async fn everything_wrong_is_named_and_nothing_near_is_called_by_default() {
    let shop = TestShop::start().await;
    let staff = shop.staff("eve").await.access;
    let post = async |body: Value| fields(&shop.post("/webhooks/", Some(&staff), &body).await);
    assert_eq!(post(json!({})).await, ["events", "url"]);
    assert_eq!(post(json!({"url": 1, "events": {}, "active": "x"})).await, ["active", "events", "url"]);
    assert_eq!(post(json!({"url": "https://a.example/", "events": ["order.*", "oder.*"]})).await, ["events.1"]);
    for url in [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://localhost:8000/",
        "https://169.254.169.254/latest",
        "https://[::1]/",
        "https://10.0.0.1/",
        "https://0x7f.1/",
        "https://user:pw@example.com/",
        "https://a.example/#x",
        "gopher://example.com/",
        "https://a.example/\r\nX-Evil: 1",
    ] {
        assert_eq!(post(json!({"url": url, "events": ["*"]})).await, ["url"], "{url}");
    }
    let webhook = json!({"url": "https://a.example/", "events": ["*"], "active": false});
    let path =
        format!("/webhooks/{}/", shop.post("/webhooks/", Some(&staff), &webhook).await.json()["id"].as_str().unwrap());
    let moved = shop.call("PATCH", &path, Some(&staff), &json!({"url": "https://127.0.0.1/"})).await;
    assert_eq!(fields(&moved), ["url"]);
    let deliveries = shop.get(&format!("{path}deliveries/?status=lost"), Some(&staff)).await;
    assert_eq!(fields(&deliveries), ["status"]);
}

#[tokio::test]
async fn a_receiver_is_told_signed_and_again_when_it_failed() {
    let hooked = Hooked::start().await;
    let receiver = Receiver::start(|number| Reply::Status(if number == 0 { 500 } else { 200 })).await;
    let webhook = hooked.register(&receiver.url, &["product.*"]).await;
    let secret = webhook["secret"].as_str().unwrap();
    hooked.happen("TEA").await;
    let calls = receiver.wait_for(2).await;
    let [first, second] = calls.as_slice() else { panic!("{calls:?}") };
    assert!(second.at - first.at < Duration::from_secs(10), "{:?}", second.at - first.at);
    assert_eq!(first.header("content-type"), "application/json");
    assert_eq!((&first.body, first.header("webhook-id")), (&second.body, second.header("webhook-id")));
    assert!(first.verifies(secret) && second.verifies(secret));
    assert!(!first.verifies("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
    let body = first.json();
    assert_eq!((&body["type"], &body["data"]["status"]), (&json!("product.created"), &json!("active")));
    assert!(body["timestamp"].as_str().unwrap().ends_with('Z') && body.as_object().unwrap().len() == 3);

    let done = hooked.deliveries(&webhook, |found| found.iter().all(|delivery| delivery["status"] == "done")).await;
    let [done] = done.as_slice() else { panic!("{done:?}") };
    assert_eq!(
        (&done["attempts"], &done["response_status"], &done["last_error"]),
        (&json!(2), &json!(200), &Value::Null)
    );
    assert_eq!(
        (&done["event_type"], done["event_id"].as_str()),
        (&json!("product.created"), Some(first.header("webhook-id")))
    );
    assert_eq!(done["due_at"], Value::Null);

    // After a rotation, the old secret keeps signing for a day. A redelivery is the same event.
    let path = webhook["path"].as_str().unwrap();
    let rotated = hooked.call("POST", &format!("{path}rotate-secret/"), &Value::Null).await.json();
    let again = format!("{path}deliveries/{}/redeliver/", done["id"].as_str().unwrap());
    let again = hooked.call("POST", &again, &Value::Null).await;
    assert_eq!((again.status, &again.json()["status"], &again.json()["attempts"]), (200, &json!("pending"), &json!(0)));
    let third = receiver.wait_for(3).await.remove(2);
    assert_eq!((third.header("webhook-id"), &third.body), (first.header("webhook-id"), &first.body));
    assert!(third.verifies(secret) && third.verifies(rotated["secret"].as_str().unwrap()));
    let by_status = format!("{path}deliveries/?status=dead");
    assert_eq!(hooked.get(&by_status).await["count"], 0);
}

#[tokio::test]
async fn who_hangs_redirects_or_closes_delays_nobody_else() {
    let hooked = Hooked::start().await;
    let good = Receiver::start(|_| Reply::Status(204)).await;
    let hanging = Receiver::start(|_| Reply::Hang).await;
    let elsewhere = good.url.clone();
    let redirecting = Receiver::start(move |_| Reply::Redirect(elsewhere.clone())).await;
    let closing = Receiver::start(|_| Reply::Close).await;
    let mut webhooks = Vec::new();
    for receiver in [&hanging, &redirecting, &closing] {
        webhooks.push(hooked.register(&receiver.url, &["*"]).await);
    }
    hooked.register(&good.url, &["*"]).await;
    for number in 0..3 {
        hooked.happen(&format!("SKU-{number}")).await;
    }
    let started = Instant::now();
    let told = good.wait_for(3).await;
    hanging.wait_for(3).await;
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    assert!(told.iter().all(|received| received.event_type() == "product.created"));

    let failed = |found: &[Value]| {
        found.len() == 3
            && found.iter().all(|delivery| !delivery["last_error"].is_null() && delivery["status"] == "pending")
    };
    for (webhook, error, status) in [
        (&webhooks[0], "no answer within 10 seconds", Value::Null),
        (&webhooks[1], "the answer was 302", json!(302)),
        (&webhooks[2], "", Value::Null),
    ] {
        for delivery in hooked.deliveries(webhook, failed).await {
            assert!(delivery["last_error"].as_str().unwrap().contains(error), "{delivery}");
            assert_eq!(delivery["response_status"], status);
            assert!(delivery["due_at"].is_string() && delivery["attempts"].as_i64().unwrap() >= 1);
        }
    }
    // The redirect was not followed.
    assert_eq!(good.received().len(), 3);
}

#[tokio::test]
async fn what_happens_to_one_order_is_told_in_order() {
    let hooked = Hooked::start().await;
    // The first attempt of the order's first event fails.
    let receiver = Receiver::start(|number| Reply::Status(if number == 0 { 503 } else { 200 })).await;
    let events = ["order.*", "payment.*", "shipment.*"];
    let webhook = hooked.register(&receiver.url, &events).await;
    let goods = hooked.shop.product("SHIRT", "10.00", 5).await;
    let method = hooked.shop.shipping_method(&["GB"], "0").await;
    let cart = hooked.shop.guest_cart(&goods, 1).await;
    let placed = hooked.shop.as_guest("POST", "/orders/", &cart, &order(&method)).await.json();
    let payment = format!("/payments/{}/capture/", placed["payments"][0]["id"].as_str().unwrap());
    assert_eq!(hooked.call("POST", &payment, &json!({})).await.status, 200);
    let shipment = hooked.call("POST", "/shipping/shipments/", &json!({"order_id": placed["id"]})).await.json();
    let news = format!("/shipping/shipments/{}/events/", shipment["id"].as_str().unwrap());
    for status in ["shipped", "delivered"] {
        assert_eq!(hooked.call("POST", &news, &json!({"status": status})).await.status, 201);
    }
    let calls = receiver.wait_for(8).await;
    let told: Vec<_> = calls.iter().map(crate::support::Received::event_type).collect();
    let expected = [
        "order.placed",
        "order.placed",
        "payment.captured",
        "order.paid",
        "shipment.created",
        "shipment.updated",
        "shipment.updated",
        "order.completed",
    ];
    assert_eq!(told, expected);
    let orders = calls.iter().map(|call| {
        let data = call.json()["data"].clone();
        if data["order_id"].is_null() { data["id"].clone() } else { data["order_id"].clone() }
    });
    assert!(orders.into_iter().all(|id| id == placed["id"]));
    assert!(calls.iter().all(|call| call.verifies(webhook["secret"].as_str().unwrap())));
}

#[tokio::test]
async fn a_paused_one_hears_nothing_and_a_resumed_one_again() {
    let hooked = Hooked::start().await;
    let paused = Receiver::start(|_| Reply::Status(200)).await;
    let other = Receiver::start(|_| Reply::Status(200)).await;
    let webhook = hooked.register(&paused.url, &["product.created"]).await;
    hooked.register(&other.url, &["product.created"]).await;
    hooked.happen("ONE").await;
    paused.wait_for(1).await;
    let path = webhook["path"].as_str().unwrap();
    assert_eq!(hooked.call("PATCH", path, &json!({"active": false})).await.status, 200);
    hooked.happen("TWO").await;
    other.wait_for(2).await;
    let done = hooked.deliveries(&webhook, |found| found.iter().all(|delivery| delivery["status"] == "done")).await;
    let again = format!("{path}deliveries/{}/redeliver/", done[0]["id"].as_str().unwrap());
    assert_eq!(hooked.call("POST", &again, &Value::Null).await.code(), "invalid_transition");
    assert_eq!(hooked.call("PATCH", path, &json!({"active": true})).await.status, 200);
    hooked.happen("THREE").await;
    let names: Vec<_> =
        paused.wait_for(2).await.iter().map(|received| received.json()["data"]["name"].clone()).collect();
    assert_eq!(names, ["Thing ONE", "Thing THREE"]);
}
