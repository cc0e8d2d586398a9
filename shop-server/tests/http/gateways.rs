//! Payments through a remote gateway (here a bank in this process): orders, cancellations, refunds and messages, and a
//! failing bank.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};
use shop_core::id::PaymentId;
use shop_core::payments::fake_gateway::{FailureMode, FakeGateway, SIGNATURE};

use crate::support::{TestProduct, TestResponse, TestShop, order};

/// A shop that accepts payments through a bank, with one product for 10.00 and free shipping.
pub(crate) struct GatewayTest {
    pub(crate) shop: TestShop,
    pub(crate) bank: Arc<FakeGateway>,
    pub(crate) goods: TestProduct,
    pub(crate) order: Value,
    pub(crate) staff: String,
}

pub(crate) struct Placed {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) payment: String,
    pub(crate) body: Value,
}

impl Placed {
    pub(crate) fn payment_id(&self) -> PaymentId {
        self.payment.parse().unwrap()
    }
}

#[track_caller]
pub(crate) fn refused(answer: &TestResponse, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{answer:?}");
}

impl GatewayTest {
    pub(crate) async fn open(bank: FakeGateway) -> Self {
        let bank = Arc::new(bank);
        let gateway = Arc::clone(&bank);
        let shop = TestShop::start_as(&[], |builder| builder.gateway(gateway)).await;
        let goods = shop.product("SHIRT", "10.00", 100).await;
        let mut order = order(&shop.shipping_method(&["GB"], "0").await);
        order["payment_gateway"] = json!("bank");
        let staff = shop.staff("eve").await.access;
        Self { shop, bank, goods, order, staff }
    }

    /// A guest's order of 20.00.
    pub(crate) async fn placed(&self) -> Placed {
        let cart = self.shop.guest_cart(&self.goods, 2).await;
        let answer = self.shop.as_guest("POST", "/orders/", &cart, &self.order).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let body = answer.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Placed {
            id: text(&body["id"]),
            token: text(&body["access_token"]),
            payment: text(&body["payments"][0]["id"]),
            body,
        }
    }

    pub(crate) async fn paid(&self) -> Placed {
        let placed = self.placed().await;
        assert!(self.bank.pay(placed.payment_id()));
        let path = format!("/payments/{}/confirm/", placed.payment);
        let answer = self.as_holder("POST", &path, &placed.token, &Value::Null).await;
        assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("captured")), "{answer:?}");
        placed
    }

    pub(crate) async fn as_holder(&self, method: &str, path: &str, token: &str, body: &Value) -> TestResponse {
        self.shop.call_with(method, path, &[("X-Order-Token", token)], body).await
    }

    pub(crate) async fn act(&self, payment: &str, what: &str, body: &Value) -> TestResponse {
        self.shop.post(&format!("/payments/{payment}/{what}/"), Some(&self.staff), body).await
    }

    pub(crate) async fn order(&self, id: &str) -> Value {
        self.shop.get(&format!("/orders/{id}/"), Some(&self.staff)).await.json()
    }

    /// Delivers the bank's message about a payment.
    pub(crate) async fn tell(&self, name: &str, placed: &Placed) -> TestResponse {
        let now = self.shop.shop.context().now();
        let (signature, body) = self.bank.message(name, placed.payment_id(), now);
        self.post(&signature, &String::from_utf8(body).unwrap()).await
    }

    pub(crate) async fn post(&self, signature: &str, body: &str) -> TestResponse {
        let headers = [(SIGNATURE, signature), ("Content-Type", "application/json")];
        self.shop.server.send("POST", "/payments/webhooks/bank/", &headers, body).await
    }

    /// Reads the order until the field has this value: the server's worker looks up what the bank reports.
    pub(crate) async fn until(&self, placed: &Placed, field: &str, value: &str) -> Value {
        let read = async {
            loop {
                let order = self.order(&placed.id).await;
                if order[field] == value {
                    return order;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), read).await.unwrap()
    }

    pub(crate) async fn is_sound(&self) {
        assert_eq!(self.shop.shop.check().await.unwrap(), Vec::<String>::new());
        assert_eq!(self.bank.violations(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_order_brings_its_secret_and_is_paid_when_the_bank_tells() {
    let setup = GatewayTest::open(FakeGateway::new("bank")).await;
    let gateways = setup.shop.get("/payments/gateways/", None).await.json();
    assert_eq!(gateways, json!([{"id": "bank", "name": "The bank"}]));
    let placed = setup.placed().await;
    let payment = &placed.body["payments"][0];
    let secret = format!("{}_secret", setup.bank.reference(placed.payment_id()));
    assert_eq!((&payment["client_secret"], &payment["status"]), (&json!(secret), &json!("pending")));
    assert_eq!(payment["gateway_reference"], json!(setup.bank.reference(placed.payment_id())));
    // The buyer can read it later; staff cannot.
    let path = format!("/payments/{}/", placed.payment);
    let own = setup.as_holder("GET", &path, &placed.token, &Value::Null).await.json();
    assert_eq!(own["client_secret"], json!(secret));
    assert!(setup.shop.get(&path, Some(&setup.staff)).await.json().get("client_secret").is_none());
    assert!(setup.order(&placed.id).await["payments"][0].get("client_secret").is_none());

    assert!(setup.bank.pay(placed.payment_id()));
    for _ in 0..2 {
        let answer = setup.tell("e1", &placed).await;
        assert_eq!((answer.status, answer.json()), (200, json!({"received": true})));
    }
    let order = setup.until(&placed, "payment_status", "paid").await;
    assert_eq!((&order["amount_paid"], &order["status"]), (&json!("20.00"), &json!("placed")));
    let own = setup.as_holder("GET", &path, &placed.token, &Value::Null).await.json();
    assert!(own.get("client_secret").is_none(), "there is nothing left to go on with");
    setup.is_sound().await;
}

#[tokio::test]
async fn a_repeated_order_shows_its_secret_again() {
    let setup = GatewayTest::open(FakeGateway::new("bank")).await;
    let cart = setup.shop.guest_cart(&setup.goods, 1).await;
    let headers = [("X-Cart-Token", cart.as_str()), ("Idempotency-Key", "once")];
    let place = async || setup.shop.call_with("POST", "/orders/", &headers, &setup.order).await;
    let (first, again) = (place().await, place().await);
    assert_eq!((first.status, again.status, again.header("idempotency-replayed")), (201, 201, Some("true")));
    assert!(first.json()["payments"][0]["client_secret"].is_string());
    assert_eq!(first.json(), again.json());
    setup.is_sound().await;
}

#[tokio::test]
async fn an_order_is_placed_while_the_bank_is_down() {
    let setup = GatewayTest::open(FakeGateway::new("bank")).await;
    setup.bank.plan_failures([FailureMode::Down]);
    let placed = setup.placed().await;
    let payment = &placed.body["payments"][0];
    assert!(payment.get("client_secret").is_none() && payment["status"] == "pending", "{payment}");
    setup.is_sound().await;
}

#[tokio::test]
async fn messages_are_judged_by_their_signature() {
    let setup = GatewayTest::open(FakeGateway::new("bank")).await;
    let placed = setup.placed().await;
    let now = setup.shop.shop.context().now();
    let (signature, body) = setup.bank.message("e1", placed.payment_id(), now);
    let body = String::from_utf8(body).unwrap();
    for (signature, body) in
        [("", body.as_str()), ("x", &body), (&signature, ""), (&signature, "{}"), (&signature, "not json")]
    {
        refused(&setup.post(signature, body).await, 400, "invalid_signature");
    }
    refused(&setup.post(&signature, &format!("{body} ")).await, 400, "invalid_signature");
    let unsigned = setup.shop.post("/payments/webhooks/bank/", None, &json!({})).await;
    refused(&unsigned, 400, "invalid_signature");
    refused(&setup.shop.post("/payments/webhooks/cowries/", None, &json!({})).await, 404, "not_found");
    let (signature, forged) = setup.bank.forge_event("g", None, now);
    assert_eq!(setup.post(&signature, &String::from_utf8(forged).unwrap()).await.status, 200);
    assert_eq!(setup.order(&placed.id).await["payment_status"], "not_paid");
}

#[tokio::test]
async fn what_is_reserved_is_captured_in_part_and_refunded_in_parts() {
    let setup = GatewayTest::open(FakeGateway::new("bank").that_reserves()).await;
    let placed = setup.placed().await;
    refused(&setup.act(&placed.payment, "capture", &json!({})).await, 409, "invalid_transition");
    setup.bank.pay(placed.payment_id());
    assert_eq!(setup.tell("e1", &placed).await.status, 200);
    setup.until(&placed, "payment_status", "authorized").await;
    refused(&setup.act(&placed.payment, "capture", &json!({"amount": "20.01"})).await, 400, "invalid");
    let part = setup.act(&placed.payment, "capture", &json!({"amount": "15"})).await;
    assert_eq!(
        (part.status, &part.json()["status"], &part.json()["amount_captured"]),
        (200, &json!("captured"), &json!("15.00"))
    );
    refused(&setup.act(&placed.payment, "void", &json!({})).await, 409, "invalid_transition");
    let back = setup.act(&placed.payment, "refunds", &json!({"amount": "5"})).await;
    assert_eq!(
        (back.status, &back.json()["status"], &back.json()["amount"]),
        (201, &json!("succeeded"), &json!("5.00"))
    );
    refused(&setup.act(&placed.payment, "refunds", &json!({"amount": "10.01"})).await, 400, "invalid");
    assert_eq!(setup.order(&placed.id).await["payment_status"], "partially_refunded");
    setup.is_sound().await;
}

#[tokio::test]
async fn a_refund_on_its_way_is_pending_and_counted() {
    let setup = GatewayTest::open(FakeGateway::new("bank")).await;
    setup.bank.send_back_slowly();
    let placed = setup.paid().await;
    let back = setup.act(&placed.payment, "refunds", &json!({"amount": "15"})).await;
    assert_eq!((back.status, &back.json()["status"]), (201, &json!("pending")), "{back:?}");
    refused(&setup.act(&placed.payment, "refunds", &json!({"amount": "5.01"})).await, 400, "invalid");
    setup.is_sound().await;
}

#[tokio::test]
async fn twins_refund_once() {
    let setup = GatewayTest::open(FakeGateway::new("bank")).await;
    let placed = setup.paid().await;
    let path = format!("/payments/{}/refunds/", placed.payment);
    let bearer = format!("Bearer {}", setup.staff);
    let headers = [("Authorization", bearer.as_str()), ("Idempotency-Key", "twin")];
    let body = json!({"amount": "5"});
    let answers = join_all((0..8).map(|_| setup.shop.call_with("POST", &path, &headers, &body))).await;
    assert!(answers.iter().all(|answer| answer.status == 201), "{answers:?}");
    // Without a key they are different requests: each is executed, or refused because the bank is being asked.
    let answers = join_all((0..8).map(|_| setup.act(&placed.payment, "refunds", &body))).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    for answer in answers.iter().filter(|answer| answer.status == 409) {
        assert!(["request_in_progress", "invalid_transition"].contains(&answer.code().as_str()), "{answer:?}");
    }
    assert!((1..=3).contains(&made), "{answers:?}");
    assert_eq!(setup.bank.account(placed.payment_id()).unwrap().refunds.len(), made + 1);
    setup.is_sound().await;
}

#[tokio::test]
async fn a_cancel_asks_the_bank_first() {
    let setup = GatewayTest::open(FakeGateway::new("bank")).await;
    let placed = setup.placed().await;
    let path = format!("/orders/{}/cancel/", placed.id);
    let canceled = setup.as_holder("POST", &path, &placed.token, &Value::Null).await;
    let body = canceled.json();
    assert_eq!(
        (canceled.status, &body["status"], &body["payment_status"]),
        (200, &json!("canceled"), &json!("voided"))
    );
    // The payment came first: the order is canceled all the same, and the money is refunded.
    let placed = setup.placed().await;
    setup.bank.pay(placed.payment_id());
    let path = format!("/orders/{}/cancel/", placed.id);
    let canceled = setup.as_holder("POST", &path, &placed.token, &Value::Null).await;
    assert_eq!((canceled.status, &canceled.json()["status"]), (200, &json!("canceled")), "{canceled:?}");
    let order = setup.until(&placed, "payment_status", "refunded").await;
    assert_eq!(order["amount_refunded"], "20.00");
    setup.is_sound().await;
}

#[tokio::test]
async fn another_attempt_takes_the_place_of_one_that_waits_at_the_bank() {
    let setup = GatewayTest::open(FakeGateway::new("bank")).await;
    let placed = setup.placed().await;
    let attempt = json!({"order_id": placed.id, "gateway": "bank"});
    let second = setup.as_holder("POST", "/payments/", &placed.token, &attempt).await;
    assert_eq!(second.status, 201, "{second:?}");
    assert!(second.json()["client_secret"].is_string());
    assert!(!setup.bank.pay(placed.payment_id()), "the first is voided at the bank");
    let voided = setup.act(&placed.payment, "void", &json!({})).await;
    refused(&voided, 409, "invalid_transition");
    setup.is_sound().await;
}
