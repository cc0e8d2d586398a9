//! Cards over HTTP: the whole server against a strict stand-in for Stripe, from the order to the refund, and on bad days.

mod journey;
mod limits;
mod notices;
mod reconciled;
mod trouble;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use shop_server::stripe::stub::{Card, SignedEvent, Stub};

use crate::support::{Answer, Forward, Goods, TestShop, order};

/// How long the worker may take: it has nothing to wait for, but a busy machine has other tests to run.
const PATIENCE: Duration = Duration::from_secs(30);

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{answer:?}");
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// A shop that takes cards, with one product for 10.00, shipped for nothing, and somebody who runs it.
struct Store {
    stripe: Stub,
    shop: TestShop,
    goods: Goods,
    order: Value,
    staff: String,
}

/// An order to be paid by card.
struct Placed {
    id: String,
    /// Opens it: a guest's.
    token: String,
    payment: String,
    /// What the browser goes on with.
    secret: String,
}

impl Placed {
    /// Stripe's name of the payment.
    fn reference(&self) -> &str {
        self.secret.split_once("_secret_").unwrap().0
    }
}

/// Secrets of webhooks: those of yesterday are still good.
fn secrets(stripe: &Stub) -> String {
    format!("whsec_of_yesterday,{}", stripe.webhook_secret())
}

/// What a server must know of Stripe.
fn keys<'a>(stripe: &Stub, base: &'a str, secrets: &'a str) -> [(&'static str, &'a str); 3] {
    [("STRIPE_SECRET_KEY", stripe.secret_key()), ("STRIPE_WEBHOOK_SECRET", secrets), ("STRIPE_API_BASE", base)]
}

impl Store {
    async fn open() -> Self {
        Self::open_with(&[]).await
    }

    /// With further variables set.
    async fn open_with(variables: &[(&str, &str)]) -> Self {
        let stripe = Stub::start().unwrap();
        let (base, secrets) = (stripe.base(), secrets(&stripe));
        let shop = TestShop::start_with(&[&keys(&stripe, &base, &secrets), variables].concat()).await;
        let goods = shop.product("SHIRT", "10", 100).await;
        let mut order = order(&shop.shipping_method(&["GB"], "0").await);
        order["payment_gateway"] = json!("stripe");
        let staff = shop.staff("eve").await.access;
        Self { stripe, shop, goods, order, staff }
    }

    /// A guest's try to order for 30.00.
    async fn try_place(&self, key: &str) -> (String, Answer) {
        let cart = self.shop.guest_cart(&self.goods, 3).await;
        let headers = [("X-Cart-Token", cart.as_str()), ("Idempotency-Key", key)];
        let answer = self.shop.call_with("POST", "/orders/", &headers, &self.order).await;
        (cart, answer)
    }

    /// A guest's order of 30.00.
    async fn placed(&self) -> Placed {
        let (_, answer) = self.try_place("place").await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let body = answer.json();
        let payment = &body["payments"][0];
        Placed {
            id: text(&body["id"]),
            token: text(&body["access_token"]),
            payment: text(&payment["id"]),
            secret: text(&payment["client_secret"]),
        }
    }

    /// The same, paid with this card, and the shop was told.
    async fn paid(&self, card: Card) -> Placed {
        let placed = self.placed().await;
        self.stripe.pay(&placed.secret, card).unwrap();
        self.deliver_all().await;
        placed
    }

    /// One event as Stripe's postman brings it.
    async fn deliver(&self, event: &SignedEvent) -> Answer {
        let headers = [("Content-Type", "application/json"), ("Stripe-Signature", event.signature.as_str())];
        self.shop.server.send("POST", "/payments/webhooks/stripe/", &headers, &event.body).await
    }

    /// Everything that happened since the last time.
    async fn deliver_all(&self) -> Vec<SignedEvent> {
        let events = self.stripe.take_events();
        for event in &events {
            let answer = self.deliver(event).await;
            assert_eq!(answer.status, 200, "{} {answer:?}", event.kind);
        }
        events
    }

    async fn act(&self, payment: &str, what: &str, body: &Value) -> Answer {
        self.shop.post(&format!("/payments/{payment}/{what}/"), Some(&self.staff), body).await
    }

    async fn order(&self, id: &str) -> Value {
        let answer = self.shop.get(&format!("/orders/{id}/"), Some(&self.staff)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// The buyer's secret of an order's payment, once it is there: staff are not shown it.
    async fn secret_of(&self, id: &str, token: &str) -> String {
        let started = tokio::time::Instant::now();
        loop {
            let headers = [("X-Order-Token", token)];
            let answer = self.shop.call_with("GET", &format!("/orders/{id}/"), &headers, &Value::Null).await;
            if let Some(secret) = answer.json()["payments"][0]["client_secret"].as_str() {
                return secret.to_owned();
            }
            assert!(started.elapsed() < PATIENCE, "not begun in time: {answer:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn payment(&self, id: &str) -> Value {
        let answer = self.shop.get(&format!("/payments/{id}/"), Some(&self.staff)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// The order, once the worker has made it so.
    async fn order_once(&self, id: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let started = tokio::time::Instant::now();
        loop {
            let order = self.order(id).await;
            if is_so(&order) {
                return order;
            }
            assert!(started.elapsed() < PATIENCE, "not {what} in time: {order:#}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn until_paid(&self, id: &str, status: &str) -> Value {
        self.order_once(id, status, |order| order["payment_status"] == status).await
    }

    /// The order after every event that was delivered has been looked into.
    async fn after_all_events(&self, placed: &Placed) -> Value {
        let started = tokio::time::Instant::now();
        while self.shop.shop.store().next_due("notices:stripe").await.unwrap().is_some() {
            assert!(started.elapsed() < PATIENCE, "events were not looked into in time");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.order(&placed.id).await
    }

    /// Another server of the shop, whose clock is ahead: its worker looks at what hangs as soon as it starts.
    async fn ahead(&self, seconds: i64) -> TestShop {
        let clock = Forward::default();
        clock.pass(seconds);
        let (base, secrets) = (self.stripe.base(), secrets(&self.stripe));
        let keys = keys(&self.stripe, &base, &secrets);
        self.shop.beside_as(&keys, |builder| builder.clock(Arc::new(clock))).await
    }

    async fn is_sound(&self) {
        assert_eq!(self.shop.shop.check().await.unwrap(), Vec::<String>::new());
    }
}
