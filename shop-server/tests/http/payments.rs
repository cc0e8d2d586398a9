//! `/payments/`: every row of the contract, good and bad, and races that could refund money twice.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{TestProduct, TestResponse, TestShop, order};

const UNKNOWN: &str = "01890000-0000-7000-8000-000000000001";

#[track_caller]
fn refused(answer: &TestResponse, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{answer:?}");
}

#[track_caller]
fn fields(answer: &TestResponse) -> Vec<String> {
    refused(answer, 400, "invalid");
    answer.json()["errors"].as_object().unwrap().keys().cloned().collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// A shop with one product for 10.00, free shipping, and a staff user.
struct Store {
    shop: TestShop,
    goods: TestProduct,
    order: Value,
    staff: String,
}

/// A placed order.
struct Placed {
    id: String,
    /// The order's access token, if it is a guest's.
    token: String,
    payment: String,
}

impl Store {
    async fn open() -> Self {
        let shop = TestShop::start().await;
        let goods = shop.product("SHIRT", "10.00", 100).await;
        let order = order(&shop.shipping_method(&["GB"], "0").await);
        let staff = shop.staff("eve").await.access;
        Self { shop, goods, order, staff }
    }

    /// A guest's order of 30.00.
    async fn placed(&self) -> Placed {
        let cart = self.shop.guest_cart(&self.goods, 3).await;
        let answer = self.shop.as_guest("POST", "/orders/", &cart, &self.order).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let body = answer.json();
        Placed { id: text(&body["id"]), token: text(&body["access_token"]), payment: text(&body["payments"][0]["id"]) }
    }

    async fn act(&self, payment: &str, what: &str, body: &Value) -> TestResponse {
        self.shop.post(&format!("/payments/{payment}/{what}/"), Some(&self.staff), body).await
    }

    async fn keyed(&self, path: &str, key: &str, body: &Value) -> TestResponse {
        let bearer = format!("Bearer {}", self.staff);
        let headers = [("Authorization", bearer.as_str()), ("Idempotency-Key", key)];
        self.shop.call_with("POST", path, &headers, body).await
    }

    async fn as_holder(&self, method: &str, path: &str, token: &str, body: &Value) -> TestResponse {
        self.shop.call_with(method, path, &[("X-Order-Token", token)], body).await
    }

    async fn order(&self, id: &str) -> Value {
        self.shop.get(&format!("/orders/{id}/"), Some(&self.staff)).await.json()
    }

    async fn is_sound(&self) {
        assert_eq!(self.shop.shop.check().await.unwrap(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn everybody_sees_how_to_pay() {
    let shop = TestShop::start().await;
    let answer = shop.get("/payments/gateways/", None).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json(), json!([{"id": "manual", "name": "Cash on delivery or payment in advance"}]));
}

#[tokio::test]
async fn money_is_captured_in_parts_until_the_order_is_paid() {
    let store = Store::open().await;
    let placed = store.placed().await;
    let before = store.shop.get(&format!("/payments/{}/", placed.payment), Some(&store.staff)).await.json();
    assert_eq!(
        (&before["status"], &before["amount"], &before["currency"]),
        (&json!("pending"), &json!("30.00"), &json!("USD"))
    );
    assert_eq!((&before["amount_captured"], &before["refunds"]), (&json!("0.00"), &json!([])));
    for wrong in [json!("0"), json!("30.01"), json!("-1"), json!("1.234"), json!("x"), json!(""), json!(5), json!([])] {
        let answer = store.act(&placed.payment, "capture", &json!({"amount": wrong})).await;
        assert_eq!(fields(&answer), ["amount"], "{wrong}");
    }
    let part = store.act(&placed.payment, "capture", &json!({"amount": "10.5"})).await;
    assert_eq!(
        (part.status, &part.json()["status"], &part.json()["amount_captured"]),
        (200, &json!("captured"), &json!("10.50"))
    );
    let order = store.order(&placed.id).await;
    assert_eq!((&order["payment_status"], &order["amount_paid"]), (&json!("partially_paid"), &json!("10.50")));
    refused(&store.act(&placed.payment, "void", &Value::Null).await, 409, "invalid_transition");
    let rest = store.act(&placed.payment, "capture", &Value::Null).await;
    assert_eq!((rest.status, &rest.json()["amount_captured"]), (200, &json!("30.00")));
    assert_eq!(store.order(&placed.id).await["payment_status"], "paid");
    refused(&store.act(&placed.payment, "capture", &json!({})).await, 409, "invalid_transition");
    refused(&store.act(UNKNOWN, "capture", &json!({})).await, 404, "not_found");
    refused(&store.act("no-id", "capture", &json!({})).await, 404, "not_found");
    store.is_sound().await;
}

#[tokio::test]
async fn a_voided_payment_makes_room_for_another() {
    let store = Store::open().await;
    let placed = store.placed().await;
    assert_eq!(fields(&store.act(&placed.payment, "void", &json!({"amount": "29.99"})).await), ["amount"]);
    let path = format!("/payments/{}/void/", placed.payment);
    let voided = store.keyed(&path, "off", &json!({})).await;
    assert_eq!((voided.status, &voided.json()["status"]), (200, &json!("voided")));
    let again = store.keyed(&path, "off", &json!({})).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (200, Some("true")));
    assert_eq!(again.body, voided.body);
    refused(&store.keyed(&path, "off", &json!({"amount": "30.00"})).await, 422, "idempotency_mismatch");
    for what in ["void", "capture", "refunds"] {
        refused(&store.act(&placed.payment, what, &json!({})).await, 409, "invalid_transition");
    }
    let attempt = json!({"order_id": placed.id, "gateway": "manual"});
    let second = store.as_holder("POST", "/payments/", &placed.token, &attempt).await;
    assert_eq!((second.status, &second.json()["status"]), (201, &json!("pending")), "{second:?}");
    let third = store.as_holder("POST", "/payments/", &placed.token, &attempt).await;
    assert_eq!(third.status, 201, "one that waits makes room");
    let payments = store.order(&placed.id).await["payments"].clone();
    let states: Vec<_> = payments.as_array().unwrap().iter().map(|payment| text(&payment["status"])).collect();
    assert_eq!(states, ["voided", "voided", "pending"]);
    assert_eq!(store.act(&text(&third.json()["id"]), "capture", &Value::Null).await.status, 200);
    refused(&store.as_holder("POST", "/payments/", &placed.token, &attempt).await, 409, "invalid_transition");
    store.is_sound().await;
}

#[tokio::test]
async fn an_attempt_is_the_owners() {
    let store = Store::open().await;
    let (placed, other) = (store.placed().await, store.placed().await);
    let bob = store.shop.customer("bob").await.access;
    let attempt = json!({"order_id": placed.id, "gateway": "manual"});
    refused(&store.shop.post("/payments/", None, &attempt).await, 401, "not_authenticated");
    refused(&store.shop.post("/payments/", None, &json!("x")).await, 401, "not_authenticated");
    refused(&store.shop.post("/payments/", Some(&bob), &attempt).await, 404, "not_found");
    refused(&store.as_holder("POST", "/payments/", &other.token, &attempt).await, 404, "not_found");
    let unknown = json!({"order_id": UNKNOWN, "gateway": "manual"});
    refused(&store.shop.post("/payments/", Some(&bob), &unknown).await, 404, "not_found");
    let send = async |body: Value| fields(&store.as_holder("POST", "/payments/", &placed.token, &body).await);
    assert_eq!(send(json!({})).await, ["gateway", "order_id"]);
    assert_eq!(send(json!({"order_id": "x", "gateway": 5})).await, ["gateway", "order_id"]);
    assert_eq!(send(json!({"order_id": placed.id, "gateway": "cowries"})).await, ["gateway"]);
}

#[tokio::test]
async fn payments_are_read_by_their_owner_and_listed_by_staff() {
    let store = Store::open().await;
    let (placed, other) = (store.placed().await, store.placed().await);
    let bob = store.shop.customer("bob").await.access;
    let path = format!("/payments/{}/", placed.payment);
    assert_eq!(store.as_holder("GET", &path, &placed.token, &Value::Null).await.status, 200);
    refused(&store.as_holder("GET", &path, &other.token, &Value::Null).await, 404, "not_found");
    refused(&store.shop.get(&path, Some(&bob)).await, 404, "not_found");
    refused(&store.shop.get(&path, None).await, 401, "not_authenticated");
    refused(&store.shop.get(&format!("/payments/{UNKNOWN}/"), Some(&store.staff)).await, 404, "not_found");

    refused(&store.shop.get("/payments/", None).await, 401, "not_authenticated");
    refused(&store.shop.get("/payments/?page=x", Some(&bob)).await, 403, "permission_denied");
    let list = async |query: &str| store.shop.get(&format!("/payments/{query}"), Some(&store.staff)).await;
    let all = list("").await.json();
    assert_eq!((&all["count"], all["results"].as_array().unwrap().len()), (&json!(2), 2));
    let one = list(&format!("?order_id={}&status=pending&gateway=manual", placed.id)).await.json();
    assert_eq!((&one["count"], &one["results"][0]["id"]), (&json!(1), &json!(placed.payment)));
    assert_eq!(list("?status=captured").await.json()["count"], 0);
    let first = list("?cursor=&page_size=1&ordering=created_at").await.json();
    assert_eq!((&first["count"], &first["results"][0]["id"]), (&Value::Null, &json!(placed.payment)));
    let next = text(&first["next"]);
    let second = store.shop.get(next.split_once("shop.test").unwrap().1, Some(&store.staff)).await.json();
    assert_eq!((&second["results"][0]["id"], &second["next"]), (&json!(other.payment), &Value::Null));
    assert_eq!(fields(&list("?status=lost&order_id=x").await), ["order_id", "status"]);
    assert_eq!(fields(&list("?page=0&page_size=101&ordering=amount").await), ["ordering", "page", "page_size"]);
}

#[tokio::test]
async fn only_staff_move_money_whatever_the_body() {
    let store = Store::open().await;
    let placed = store.placed().await;
    let bob = store.shop.customer("bob").await.access;
    for what in ["capture", "void", "refunds"] {
        let path = format!("/payments/{}/{what}/", placed.payment);
        for body in [json!({}), json!({"amount": []}), json!("x")] {
            refused(&store.shop.post(&path, Some(&bob), &body).await, 403, "permission_denied");
            refused(&store.shop.post(&path, None, &body).await, 401, "not_authenticated");
            refused(&store.as_holder("POST", &path, &placed.token, &body).await, 401, "not_authenticated");
        }
    }
    refused(
        &store.shop.post(&format!("/payments/{UNKNOWN}/void/"), Some(&bob), &json!({})).await,
        403,
        "permission_denied",
    );
    refused(&store.shop.post("/payments/webhooks/manual/", None, &json!({})).await, 404, "not_found");
    refused(&store.shop.post("/payments/webhooks/cowries/", None, &json!({})).await, 404, "not_found");
}

#[tokio::test]
async fn money_goes_back_in_parts_and_with_the_last_the_goods() {
    let store = Store::open().await;
    let placed = store.placed().await;
    refused(&store.act(&placed.payment, "refunds", &json!({})).await, 409, "invalid_transition");
    assert_eq!(store.act(&placed.payment, "capture", &json!({})).await.status, 200);
    let refund = async |body: Value| store.act(&placed.payment, "refunds", &body).await;
    for wrong in [json!("0"), json!("0.00"), json!("-1"), json!("1.234"), json!(""), json!([])] {
        assert_eq!(fields(&refund(json!({"amount": wrong})).await), ["amount"], "{wrong}");
    }
    assert_eq!(fields(&refund(json!({"amount": "30.01"})).await), ["amount"]);
    assert_eq!(
        fields(&refund(json!({"amount": 1, "reason": "x".repeat(501), "restock": "yes"})).await),
        ["amount", "reason", "restock"]
    );
    assert_eq!(fields(&refund(json!({"amount": "1", "restock": true})).await), ["restock"]);
    let part = refund(json!({"amount": "12", "reason": "A stain."})).await;
    assert_eq!(part.status, 201);
    let body = part.json();
    assert_eq!(
        (&body["amount"], &body["status"], &body["reason"]),
        (&json!("12.00"), &json!("succeeded"), &json!("A stain."))
    );
    assert_eq!((&body["payment_id"], &body["currency"]), (&json!(placed.payment), &json!("USD")));
    assert_eq!(store.order(&placed.id).await["payment_status"], "partially_refunded");
    let stock = async || {
        let id = store.goods.variant_id.parse().unwrap();
        let levels = store.shop.shop.store().stock_of(&[id]).await.unwrap();
        (levels[0].on_hand, levels[0].reserved)
    };
    assert_eq!(stock().await, (100, 3));
    let rest = refund(json!({"restock": true})).await;
    assert_eq!((rest.status, &rest.json()["amount"]), (201, &json!("18.00")));
    assert_eq!(stock().await, (100, 0));
    let order = store.order(&placed.id).await;
    assert_eq!((&order["payment_status"], &order["amount_refunded"]), (&json!("refunded"), &json!("30.00")));
    refused(&refund(json!({})).await, 409, "invalid_transition");
    store.is_sound().await;
}

#[tokio::test]
async fn a_canceled_order_takes_no_money() {
    let store = Store::open().await;
    let placed = store.placed().await;
    let path = format!("/orders/{}/cancel/", placed.id);
    assert_eq!(store.as_holder("POST", &path, &placed.token, &Value::Null).await.status, 200);
    refused(&store.act(&placed.payment, "capture", &json!({})).await, 409, "invalid_transition");
    let attempt = json!({"order_id": placed.id, "gateway": "manual"});
    refused(&store.as_holder("POST", "/payments/", &placed.token, &attempt).await, 409, "invalid_transition");
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_again() {
    let store = Store::open().await;
    let placed = store.placed().await;
    let capture = format!("/payments/{}/capture/", placed.payment);
    let refunds = format!("/payments/{}/refunds/", placed.payment);
    for (path, status) in [(&capture, 200), (&refunds, 201)] {
        let first = store.keyed(path, "key-1", &json!({"amount": "10"})).await;
        assert_eq!((first.status, first.header("idempotency-replayed")), (status, None), "{first:?}");
        let again = store.keyed(path, "key-1", &json!({"amount":   "10"})).await;
        assert_eq!((again.status, again.header("idempotency-replayed")), (status, Some("true")));
        assert_eq!(again.json(), first.json());
        refused(&store.keyed(path, "key-1", &json!({"amount": "11"})).await, 422, "idempotency_mismatch");
    }
    // A refused request is not stored: the same key can be used again.
    let other = store.placed().await.payment;
    let refunds = format!("/payments/{other}/refunds/");
    refused(&store.keyed(&refunds, "key-2", &json!({})).await, 409, "invalid_transition");
    assert_eq!(store.act(&other, "capture", &json!({})).await.status, 200);
    assert_eq!(store.keyed(&refunds, "key-2", &json!({})).await.status, 201);
    assert_eq!(fields(&store.keyed(&refunds, &"k".repeat(256), &json!({})).await), ["Idempotency-Key"]);

    let attempt = json!({"order_id": placed.id, "gateway": "manual"});
    let fresh = store.placed().await;
    let attempt_fresh = json!({"order_id": fresh.id, "gateway": "manual"});
    let headers = [("X-Order-Token", fresh.token.as_str()), ("Idempotency-Key", "key-3")];
    let first = store.shop.call_with("POST", "/payments/", &headers, &attempt_fresh).await;
    let again = store.shop.call_with("POST", "/payments/", &headers, &attempt_fresh).await;
    assert_eq!((first.status, again.status, again.header("idempotency-replayed")), (201, 201, Some("true")));
    assert_eq!(first.json(), again.json());
    let headers = [("X-Order-Token", placed.token.as_str()), ("Idempotency-Key", "key-3")];
    let other = store.shop.call_with("POST", "/payments/", &headers, &attempt).await;
    refused(&other, 409, "invalid_transition");
}

#[tokio::test]
async fn parallel_refunds_never_give_back_more_than_came() {
    let store = Store::open().await;
    let placed = store.placed().await;
    assert_eq!(store.act(&placed.payment, "capture", &json!({"amount": "20"})).await.status, 200);
    let body = json!({"amount": "3"});
    let answers = join_all((0..20).map(|_| store.act(&placed.payment, "refunds", &body))).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 6);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(fields(answer), ["amount"], "2.00 are left, and 3.00 wanted");
    }
    let payment = store.shop.get(&format!("/payments/{}/", placed.payment), Some(&store.staff)).await.json();
    assert_eq!((&payment["amount_refunded"], payment["refunds"].as_array().unwrap().len()), (&json!("18.00"), 6));
    assert_eq!(store.order(&placed.id).await["amount_refunded"], "18.00");
    store.is_sound().await;
}

#[tokio::test]
async fn twins_with_one_key_move_money_once() {
    let store = Store::open().await;
    let placed = store.placed().await;
    let (path, body) = (format!("/payments/{}/capture/", placed.payment), json!({"amount": "10"}));
    let answers = join_all((0..20).map(|_| store.keyed(&path, "twin", &body))).await;
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.json() == answers[0].json()), "{answers:?}");
    let replayed = answers.iter().filter(|answer| answer.header("idempotency-replayed") == Some("true")).count();
    assert_eq!(replayed, 19);
    assert_eq!(store.order(&placed.id).await["amount_paid"], "10.00");
}
