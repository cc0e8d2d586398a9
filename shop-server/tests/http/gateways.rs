//! Payments through a remote gateway (here a bank in this process): orders, cancellations, refunds and messages, and a
//! failing bank.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};
use shop_core::id::PaymentId;
use shop_core::payments::bank::{Bank, Mood, SIGNATURE};

use crate::support::{Answer, Goods, TestShop, order};

/// A shop that accepts payments through a bank, with one product for 10.00 and free shipping.
pub(crate) struct Till {
    pub(crate) shop: TestShop,
    pub(crate) bank: Arc<Bank>,
    pub(crate) goods: Goods,
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
pub(crate) fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{answer:?}");
}

impl Till {
    pub(crate) async fn open(bank: Bank) -> Self {
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

    pub(crate) async fn as_holder(&self, method: &str, path: &str, token: &str, body: &Value) -> Answer {
        self.shop.call_with(method, path, &[("X-Order-Token", token)], body).await
    }

    pub(crate) async fn act(&self, payment: &str, what: &str, body: &Value) -> Answer {
        self.shop.post(&format!("/payments/{payment}/{what}/"), Some(&self.staff), body).await
    }

    pub(crate) async fn order(&self, id: &str) -> Value {
        self.shop.get(&format!("/orders/{id}/"), Some(&self.staff)).await.json()
    }

    /// Delivers the bank's message about a payment.
    pub(crate) async fn tell(&self, name: &str, placed: &Placed) -> Answer {
        let now = self.shop.shop.moment().now();
        let (signature, body) = self.bank.message(name, placed.payment_id(), now);
        self.post(&signature, &String::from_utf8(body).unwrap()).await
    }

    pub(crate) async fn post(&self, signature: &str, body: &str) -> Answer {
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
        assert_eq!(self.bank.wrongs(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_order_brings_its_secret_and_is_paid_when_the_bank_tells() {
    let till = Till::open(Bank::new("bank")).await;
    let gateways = till.shop.get("/payments/gateways/", None).await.json();
    assert_eq!(gateways, json!([{"id": "bank", "name": "The bank"}]));
    let placed = till.placed().await;
    let payment = &placed.body["payments"][0];
    let secret = format!("{}_secret", till.bank.reference(placed.payment_id()));
    assert_eq!((&payment["client_secret"], &payment["status"]), (&json!(secret), &json!("pending")));
    assert_eq!(payment["gateway_reference"], json!(till.bank.reference(placed.payment_id())));
    // The buyer can read it later; staff cannot.
    let path = format!("/payments/{}/", placed.payment);
    let own = till.as_holder("GET", &path, &placed.token, &Value::Null).await.json();
    assert_eq!(own["client_secret"], json!(secret));
    assert!(till.shop.get(&path, Some(&till.staff)).await.json().get("client_secret").is_none());
    assert!(till.order(&placed.id).await["payments"][0].get("client_secret").is_none());

    assert!(till.bank.pay(placed.payment_id()));
    for _ in 0..2 {
        let answer = till.tell("e1", &placed).await;
        assert_eq!((answer.status, answer.json()), (200, json!({"received": true})));
    }
    let order = till.until(&placed, "payment_status", "paid").await;
    assert_eq!((&order["amount_paid"], &order["status"]), (&json!("20.00"), &json!("placed")));
    let own = till.as_holder("GET", &path, &placed.token, &Value::Null).await.json();
    assert!(own.get("client_secret").is_none(), "there is nothing left to go on with");
    till.is_sound().await;
}

#[tokio::test]
async fn a_repeated_order_shows_its_secret_again() {
    let till = Till::open(Bank::new("bank")).await;
    let cart = till.shop.guest_cart(&till.goods, 1).await;
    let headers = [("X-Cart-Token", cart.as_str()), ("Idempotency-Key", "once")];
    let place = async || till.shop.call_with("POST", "/orders/", &headers, &till.order).await;
    let (first, again) = (place().await, place().await);
    assert_eq!((first.status, again.status, again.header("idempotency-replayed")), (201, 201, Some("true")));
    assert!(first.json()["payments"][0]["client_secret"].is_string());
    assert_eq!(first.json(), again.json());
    till.is_sound().await;
}

#[tokio::test]
async fn an_order_is_placed_while_the_bank_is_down() {
    let till = Till::open(Bank::new("bank")).await;
    till.bank.expect_moods([Mood::Down]);
    let placed = till.placed().await;
    let payment = &placed.body["payments"][0];
    assert!(payment.get("client_secret").is_none() && payment["status"] == "pending", "{payment}");
    till.is_sound().await;
}

#[tokio::test]
async fn messages_are_judged_by_their_signature() {
    let till = Till::open(Bank::new("bank")).await;
    let placed = till.placed().await;
    let now = till.shop.shop.moment().now();
    let (signature, body) = till.bank.message("e1", placed.payment_id(), now);
    let body = String::from_utf8(body).unwrap();
    for (signature, body) in
        [("", body.as_str()), ("x", &body), (&signature, ""), (&signature, "{}"), (&signature, "not json")]
    {
        refused(&till.post(signature, body).await, 400, "invalid_signature");
    }
    refused(&till.post(&signature, &format!("{body} ")).await, 400, "invalid_signature");
    let unsigned = till.shop.post("/payments/webhooks/bank/", None, &json!({})).await;
    refused(&unsigned, 400, "invalid_signature");
    refused(&till.shop.post("/payments/webhooks/cowries/", None, &json!({})).await, 404, "not_found");
    let (signature, gossip) = till.bank.gossip("g", None, now);
    assert_eq!(till.post(&signature, &String::from_utf8(gossip).unwrap()).await.status, 200);
    assert_eq!(till.order(&placed.id).await["payment_status"], "not_paid");
}

#[tokio::test]
async fn what_is_reserved_is_captured_in_part_and_refunded_in_parts() {
    let till = Till::open(Bank::new("bank").that_reserves()).await;
    let placed = till.placed().await;
    refused(&till.act(&placed.payment, "capture", &json!({})).await, 409, "invalid_transition");
    till.bank.pay(placed.payment_id());
    assert_eq!(till.tell("e1", &placed).await.status, 200);
    till.until(&placed, "payment_status", "authorized").await;
    refused(&till.act(&placed.payment, "capture", &json!({"amount": "20.01"})).await, 400, "invalid");
    let part = till.act(&placed.payment, "capture", &json!({"amount": "15"})).await;
    assert_eq!(
        (part.status, &part.json()["status"], &part.json()["amount_captured"]),
        (200, &json!("captured"), &json!("15.00"))
    );
    refused(&till.act(&placed.payment, "void", &json!({})).await, 409, "invalid_transition");
    let back = till.act(&placed.payment, "refunds", &json!({"amount": "5"})).await;
    assert_eq!(
        (back.status, &back.json()["status"], &back.json()["amount"]),
        (201, &json!("succeeded"), &json!("5.00"))
    );
    refused(&till.act(&placed.payment, "refunds", &json!({"amount": "10.01"})).await, 400, "invalid");
    assert_eq!(till.order(&placed.id).await["payment_status"], "partially_refunded");
    till.is_sound().await;
}

#[tokio::test]
async fn a_refund_on_its_way_is_pending_and_counted() {
    let till = Till::open(Bank::new("bank")).await;
    till.bank.send_back_slowly();
    let placed = till.paid().await;
    let back = till.act(&placed.payment, "refunds", &json!({"amount": "15"})).await;
    assert_eq!((back.status, &back.json()["status"]), (201, &json!("pending")), "{back:?}");
    refused(&till.act(&placed.payment, "refunds", &json!({"amount": "5.01"})).await, 400, "invalid");
    till.is_sound().await;
}

#[tokio::test]
async fn twins_refund_once() {
    let till = Till::open(Bank::new("bank")).await;
    let placed = till.paid().await;
    let path = format!("/payments/{}/refunds/", placed.payment);
    let bearer = format!("Bearer {}", till.staff);
    let headers = [("Authorization", bearer.as_str()), ("Idempotency-Key", "twin")];
    let body = json!({"amount": "5"});
    let answers = join_all((0..8).map(|_| till.shop.call_with("POST", &path, &headers, &body))).await;
    assert!(answers.iter().all(|answer| answer.status == 201), "{answers:?}");
    // Without a key they are different requests: each is executed, or refused because the bank is being asked.
    let answers = join_all((0..8).map(|_| till.act(&placed.payment, "refunds", &body))).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    for answer in answers.iter().filter(|answer| answer.status == 409) {
        assert!(["request_in_progress", "invalid_transition"].contains(&answer.code().as_str()), "{answer:?}");
    }
    assert!((1..=3).contains(&made), "{answers:?}");
    assert_eq!(till.bank.account(placed.payment_id()).unwrap().refunds.len(), made + 1);
    till.is_sound().await;
}

#[tokio::test]
async fn a_cancel_asks_the_bank_first() {
    let till = Till::open(Bank::new("bank")).await;
    let placed = till.placed().await;
    let path = format!("/orders/{}/cancel/", placed.id);
    let canceled = till.as_holder("POST", &path, &placed.token, &Value::Null).await;
    let body = canceled.json();
    assert_eq!(
        (canceled.status, &body["status"], &body["payment_status"]),
        (200, &json!("canceled"), &json!("voided"))
    );
    // The payment came first: the order is canceled all the same, and the money is refunded.
    let placed = till.placed().await;
    till.bank.pay(placed.payment_id());
    let path = format!("/orders/{}/cancel/", placed.id);
    let canceled = till.as_holder("POST", &path, &placed.token, &Value::Null).await;
    assert_eq!((canceled.status, &canceled.json()["status"]), (200, &json!("canceled")), "{canceled:?}");
    let order = till.until(&placed, "payment_status", "refunded").await;
    assert_eq!(order["amount_refunded"], "20.00");
    till.is_sound().await;
}

#[tokio::test]
async fn another_attempt_takes_the_place_of_one_that_waits_at_the_bank() {
    let till = Till::open(Bank::new("bank")).await;
    let placed = till.placed().await;
    let attempt = json!({"order_id": placed.id, "gateway": "bank"});
    let second = till.as_holder("POST", "/payments/", &placed.token, &attempt).await;
    assert_eq!(second.status, 201, "{second:?}");
    assert!(second.json()["client_secret"].is_string());
    assert!(!till.bank.pay(placed.payment_id()), "the first is called off at the bank");
    let voided = till.act(&placed.payment, "void", &json!({})).await;
    refused(&voided, 409, "invalid_transition");
    till.is_sound().await;
}
