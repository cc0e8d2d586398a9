//! Card payments over HTTP: the whole server against a strict fake of Stripe, from order to refund, and with failures.

mod journey;
mod limits;
mod reconciled;
mod trouble;
mod webhook_events;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use shop_server::stripe::stub::{Card, SignedEvent, Stub};

use crate::support::{Forward, TestProduct, TestResponse, TestShop, order};

/// The timeout for the worker, which needs little time itself, but other tests may load the machine.
const TIMEOUT: Duration = Duration::from_secs(30);

#[track_caller]
fn refused(answer: &TestResponse, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{answer:?}");
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// A shop that accepts cards, with one product for 10.00, free shipping, and a staff user.
struct Store {
    stripe: Stub,
    shop: TestShop,
    goods: TestProduct,
    order: Value,
    staff: String,
}

/// An order to be paid by card.
struct Placed {
    id: String,
    /// The guest's access token.
    token: String,
    payment: String,
    /// The client secret that the browser continues with.
    secret: String,
}

impl Placed {
    /// Stripe's id of the payment.
    fn reference(&self) -> &str {
        self.secret.split_once("_secret_").unwrap().0
    }
}

/// The webhook secrets, including an older one that is still valid.
fn secrets(stripe: &Stub) -> String {
    format!("whsec_of_yesterday,{}", stripe.webhook_secret())
}

/// The settings that a server needs for Stripe.
fn keys<'a>(stripe: &Stub, base: &'a str, secrets: &'a str) -> [(&'static str, &'a str); 3] {
    [("STRIPE_SECRET_KEY", stripe.secret_key()), ("STRIPE_WEBHOOK_SECRET", secrets), ("STRIPE_API_BASE", base)]
}

impl Store {
    async fn open() -> Self {
        Self::open_with(&[]).await
    }

    /// Starts the shop with further variables set.
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

    /// A guest's attempt to order for 30.00.
    async fn try_place(&self, key: &str) -> (String, TestResponse) {
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

    /// An order of 30.00 paid with this card, with its events delivered.
    async fn paid(&self, card: Card) -> Placed {
        let placed = self.placed().await;
        self.stripe.pay(&placed.secret, card).unwrap();
        self.deliver_all().await;
        placed
    }

    /// Delivers one event as Stripe does.
    async fn deliver(&self, event: &SignedEvent) -> TestResponse {
        let headers = [("Content-Type", "application/json"), ("Stripe-Signature", event.signature.as_str())];
        self.shop.server.send("POST", "/payments/webhooks/stripe/", &headers, &event.body).await
    }

    /// Delivers all events since the last time.
    async fn deliver_all(&self) -> Vec<SignedEvent> {
        let events = self.stripe.take_events();
        for event in &events {
            let answer = self.deliver(event).await;
            assert_eq!(answer.status, 200, "{} {answer:?}", event.kind);
        }
        events
    }

    async fn act(&self, payment: &str, what: &str, body: &Value) -> TestResponse {
        self.shop.post(&format!("/payments/{payment}/{what}/"), Some(&self.staff), body).await
    }

    async fn order(&self, id: &str) -> Value {
        let answer = self.shop.get(&format!("/orders/{id}/"), Some(&self.staff)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// The client secret of an order's payment, once it exists; staff do not see it.
    async fn secret_of(&self, id: &str, token: &str) -> String {
        let started = tokio::time::Instant::now();
        loop {
            let headers = [("X-Order-Token", token)];
            let answer = self.shop.call_with("GET", &format!("/orders/{id}/"), &headers, &Value::Null).await;
            if let Some(secret) = answer.json()["payments"][0]["client_secret"].as_str() {
                return secret.to_owned();
            }
            assert!(started.elapsed() < TIMEOUT, "not begun in time: {answer:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn payment(&self, id: &str) -> Value {
        let answer = self.shop.get(&format!("/payments/{id}/"), Some(&self.staff)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// The order, once the worker has brought it into this state.
    async fn order_once(&self, id: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let started = tokio::time::Instant::now();
        loop {
            let order = self.order(id).await;
            if is_so(&order) {
                return order;
            }
            assert!(started.elapsed() < TIMEOUT, "not {what} in time: {order:#}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn until_paid(&self, id: &str, status: &str) -> Value {
        self.order_once(id, status, |order| order["payment_status"] == status).await
    }

    /// The order after the worker has processed every delivered event.
    async fn after_all_events(&self, placed: &Placed) -> Value {
        let started = tokio::time::Instant::now();
        while self.shop.shop.store().next_due("notices:stripe").await.unwrap().is_some() {
            assert!(started.elapsed() < TIMEOUT, "the events were not processed in time");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.order(&placed.id).await
    }

    /// Another server of the shop with its clock ahead: its worker looks up stuck payments as soon as it starts.
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
