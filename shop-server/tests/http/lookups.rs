//! `/orders/lookup/`, orders by number, and guest orders that become an account's.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::orders::{Store, fields, refused, text, with};
use crate::support::PASSWORD;

const NOTHING: Value = Value::Null;

impl Store {
    /// A guest's order with this e-mail address, including its token.
    async fn of_guest(&self, email: &str) -> Value {
        let cart = self.shop.guest_cart(&self.shirt, 1).await;
        let body = with(&self.order, json!({"email": email}));
        self.shop.as_guest("POST", "/orders/", &cart, &body).await.expect(201)
    }

    async fn lookup(&self, number: &str, email: &str) -> crate::support::TestResponse {
        self.shop.post("/orders/lookup/", None, &json!({"number": number, "email": email})).await
    }
}

#[tokio::test]
async fn an_order_is_found_by_its_number_by_those_who_may_see_it() {
    let store = Store::open(9).await;
    let (shop, staff) = (&store.shop, store.shop.staff("sam").await.access);
    let (ada, bob) = (shop.customer("ada").await.access, shop.customer("bob").await.access);
    shop.post("/cart/items/", Some(&ada), &json!({"sku": "SHIRT"})).await;
    let placed = shop.post("/orders/", Some(&ada), &store.order).await.expect(201);
    let path = format!("/orders/{}/", text(&placed["number"]));
    for (access, status) in [(Some(&staff), 200), (Some(&ada), 200), (Some(&bob), 404), (None, 401)] {
        assert_eq!(shop.get(&path, access.map(String::as_str)).await.status, status);
    }
    let of_guest = store.of_guest("grace@example.com").await;
    let path = format!("/orders/{}/", text(&of_guest["number"]));
    let token = text(&of_guest["access_token"]);
    assert_eq!(shop.call_with("GET", &path, &[("X-Order-Token", &token)], &NOTHING).await.status, 200);
    assert_eq!(shop.get(&path, Some(&staff)).await.status, 200);
}

#[tokio::test]
async fn every_pair_gets_the_same_answer_and_the_right_one_a_link() {
    let store = Store::open(9).await;
    let shop = &store.shop;
    let order = store.of_guest("grace@example.com").await;
    let number = text(&order["number"]);
    let right = store.lookup(&number, "Grace@Example.com").await;
    for (other_number, email) in [
        (number.as_str(), "eve@example.com"),
        ("ABCDE-FGHJK", "grace@example.com"),
        ("not a number", "grace@example.com"),
    ] {
        let answer = store.lookup(other_number, email).await;
        assert_eq!((answer.status, &answer.body), (202, &right.body));
    }
    assert_eq!(right.status, 202);
    let page = format!("http://localhost:3000/orders/{number}#");
    let mail = shop.mail_with("grace@example.com", &page).await;
    let link = mail.split(&page).nth(1).unwrap();
    let token = link.split_whitespace().next().unwrap();
    let path = format!("/orders/{}/", text(&order["id"]));
    let seen = shop.call_with("GET", &path, &[("X-Order-Token", token)], &NOTHING).await.expect(200);
    assert_eq!(seen["number"], order["number"]);
    // The guest's original token still works.
    let first = text(&order["access_token"]);
    assert_eq!(shop.call_with("GET", &path, &[("X-Order-Token", &first)], &NOTHING).await.status, 200);
    assert_eq!(fields(&shop.post("/orders/lookup/", None, &json!({"email": "nobody"})).await), ["email", "number"]);
}

#[tokio::test]
async fn look_ups_are_limited_by_address_and_by_client() {
    let store = Store::open_with(9, &[("RATE_LIMIT", "on")]).await;
    let mut asked = 0;
    let refusal = loop {
        let answer = store.lookup("ABCDE-FGHJK", "grace@example.com").await;
        if answer.status != 202 {
            break answer;
        }
        asked += 1;
        assert!(asked < 20, "nobody stops it");
    };
    refused(&refusal, 429, "throttled");
    assert_eq!(store.lookup("ABCDE-FGHJK", "other@example.com").await.status, 202);
    let mut asked = 0;
    while store.lookup("ABCDE-FGHJK", &format!("g{asked}@example.com")).await.status == 202 {
        asked += 1;
        assert!(asked < 200, "nobody stops it");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_proven_address_brings_its_orders_also_in_a_race() {
    let store = Store::open(99).await;
    let (shop, staff) = (&store.shop, store.shop.staff("sam").await.access);
    let mut orders = Vec::new();
    for _ in 0..6 {
        orders.push(store.of_guest("ada@example.com").await);
    }
    let other = store.of_guest("bob@example.com").await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD});
    shop.post("/accounts/register/", None, &body).await.expect(201);
    let mail = shop.mail_with("ada@example.com", "your code for").await;
    let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit());
    let code = mail.lines().map(str::trim).find(is_code).unwrap();
    let body = json!({"email": "ada@example.com", "otp": code});
    let proven = join_all((0..4).map(|_| shop.post("/accounts/verify-otp/", None, &body)));
    let settled = join_all(orders.iter().enumerate().map(|(index, order)| {
        let staff = &staff;
        async move {
            let (payment, id) = (text(&order["payments"][0]["id"]), text(&order["id"]));
            let path =
                if index % 2 == 0 { format!("/payments/{payment}/capture/") } else { format!("/orders/{id}/cancel/") };
            shop.post(&path, Some(staff), &json!({})).await
        }
    }));
    let (proven, settled) = futures_util::join!(proven, settled);
    assert_eq!(proven.iter().filter(|answer| answer.status == 200).count(), 1, "{proven:?}");
    assert!(settled.iter().all(|answer| answer.status == 200), "{settled:?}");

    let ada = shop.login("ada@example.com", PASSWORD).await.access;
    let list = shop.get("/orders/", Some(&ada)).await.json();
    assert_eq!(list["count"], 6);
    for order in &orders {
        let path = format!("/orders/{}/", text(&order["id"]));
        let seen = shop.get(&path, Some(&ada)).await.expect(200);
        assert!(seen["customer_id"].is_string() && seen["access_token"].is_null(), "{seen}");
        let token = text(&order["access_token"]);
        let seen = shop.call_with("GET", &path, &[("X-Order-Token", &token)], &NOTHING).await;
        assert_eq!(seen.status, 200, "the token of the guest still works");
        let history = shop.get(&format!("{path}history/"), Some(&ada)).await.json();
        let claims = history.as_array().unwrap().iter().filter(|entry| entry["event"] == "claimed");
        assert_eq!(claims.count(), 1, "{history}");
    }
    refused(&shop.get(&format!("/orders/{}/", text(&other["id"])), Some(&ada)).await, 404, "not_found");
    let statuses = shop.get("/orders/?status=canceled", Some(&staff)).await.json();
    assert_eq!(statuses["count"], 3);
    store.is_sound().await;
}
