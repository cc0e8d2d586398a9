//! `kill -9` at each step between order, charge and record: in the end there is exactly one charge and one paid order,
//! or neither.
//!
//! A fake of Stripe holds the call during which the server is killed, before or after executing it. After the kill, the
//! call is either still executed (what has arrived at Stripe is executed) or lost on the way.

use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};
use shop_server::stripe::stub::{Call, Card, Gate, Point, SignedEvent, Stub};

use crate::support::{TestResponse, TestShop, order, text};

/// The timeout for the worker after a restart; other tests may load the machine.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The fate of a call in progress when the server was killed.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// Executed, but the response was not received.
    Answered,
    /// It arrives, and is executed after the server has died.
    Late,
    /// It never arrives.
    Lost,
}

const FATES: [Fate; 3] = [Fate::Answered, Fate::Late, Fate::Lost];

impl Fate {
    fn hold(self, stripe: &Stub, call: Call) -> Gate {
        stripe.hold(call, if matches!(self, Self::Answered) { Point::After } else { Point::Before })
    }

    fn fulfil(self, gate: Gate) {
        match self {
            Self::Late => gate.release(),
            Self::Answered | Self::Lost => drop(gate),
        }
    }
}

/// A shop that accepts cards, and one order of 24.49.
struct World {
    shop: TestShop,
    stripe: Stub,
    cart: String,
    method: String,
    sku: String,
}

impl World {
    fn open(capture: &str) -> Self {
        let stripe = Stub::start().unwrap();
        let base = stripe.base();
        let shop = TestShop::open_with(&[
            ("STRIPE_SECRET_KEY", stripe.secret_key()),
            ("STRIPE_WEBHOOK_SECRET", stripe.webhook_secret()),
            ("STRIPE_API_BASE", base.as_str()),
            ("STRIPE_CAPTURE", capture),
        ]);
        let sku = shop.product("SKU", 10).sku;
        let (_, method) = shop.shipping();
        let cart = shop.guest_cart(&sku, 1);
        Self { shop, stripe, cart, method, sku }
    }

    /// The buyer's request, the same each time.
    fn place(&self) -> std::io::Result<TestResponse> {
        let mut body = order(&self.method);
        body["payment_gateway"] = json!("stripe");
        let headers = [("X-Cart-Token", self.cart.as_str()), ("Idempotency-Key", "the-buyers-key")];
        self.shop.client().call("POST", "/orders/", &headers, &body)
    }

    /// Kills the server while the call that `act` triggers is at the stub.
    fn die_during(&mut self, call: Call, fate: Fate, act: impl FnOnce(&Self) + Send) {
        let mut gate = fate.hold(&self.stripe, call);
        thread::scope(|scope| {
            let world = &*self;
            let acting = scope.spawn(move || act(world));
            gate.wait();
            world.shop.process.kill();
            acting.join().unwrap();
        });
        fate.fulfil(gate);
        self.end_leases();
        self.shop.folder.is_sound();
        self.shop.restart();
    }

    /// Frees the deliveries that the dead server had claimed, as if its leases had expired.
    fn end_leases(&self) {
        let file = Connection::open(self.shop.folder.file("db.sqlite3")).unwrap();
        file.execute("UPDATE deliveries SET due_at = 0 WHERE status = 'pending'", []).unwrap();
    }

    /// The order, once it is in this state.
    fn once(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        let placed = self.place().unwrap().expect(201);
        let path = format!("/orders/{}/", text(&placed["id"]));
        let token = text(&placed["access_token"]);
        loop {
            let order =
                self.shop.client().ask("GET", &path, &[("X-Order-Token", token.as_str())], &Value::Null).expect(200);
            if is_so(&order) {
                return order;
            }
            assert!(started.elapsed() < TIMEOUT, "not {what} in time: {order:#}\n{:?}", self.shop.process.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The buyer pays as soon as there is something to pay.
    fn pay(&self) {
        let order = self.once("begun", |order| order["payments"][0]["client_secret"].is_string());
        self.stripe.pay(&text(&order["payments"][0]["client_secret"]), Card::Visa).unwrap();
    }

    fn deliver(&self, event: &SignedEvent) -> std::io::Result<TestResponse> {
        let headers = [("Content-Type", "application/json"), ("Stripe-Signature", event.signature.as_str())];
        self.shop.client().send("POST", "/payments/webhooks/stripe/", &headers, event.body.as_bytes())
    }

    fn deliver_all(&self) {
        for event in self.stripe.take_events() {
            self.deliver(&event).unwrap().expect(200);
        }
    }

    fn until(&self, status: &str) -> Value {
        self.once(status, |order| order["payment_status"] == status)
    }

    /// Checks that there is one order, and one payment at Stripe with this status.
    fn ends_with(self, charges: usize, status: &str, balance: i64) {
        assert_eq!(self.shop.orders(), 1);
        let payments = self.stripe.payments();
        let live: Vec<_> = payments.iter().filter(|payment| payment["status"] == status).collect();
        assert_eq!((live.len(), payments.len()), (charges, 1), "{payments:#?}");
        assert_eq!(self.stripe.balance(), balance);
        self.shop.folder.is_sound();
    }

    fn act(&self, what: &str, body: &Value) {
        let order = self.once("there", |_| true);
        let path = format!("/payments/{}/{what}/", text(&order["payments"][0]["id"]));
        let bearer = format!("Bearer {}", self.shop.staff);
        let headers = [("Authorization", bearer.as_str()), ("Idempotency-Key", what)];
        // The server may die before it responds.
        let _ = self.shop.client().call("POST", &path, &headers, body);
    }
}

#[test]
fn killed_while_the_payment_is_begun() {
    for fate in FATES {
        let mut world = World::open("automatic");
        world.die_during(Call::Create, fate, |world| {
            let _ = world.place();
        });
        world.pay();
        world.deliver_all();
        world.until("paid");
        world.ends_with(1, "succeeded", 2449);
    }
}

#[test]
fn killed_while_the_news_of_the_money_are_applied() {
    for fate in FATES {
        let mut world = World::open("automatic");
        world.pay();
        let events = world.stripe.take_events();
        world.die_during(Call::Retrieve, fate, |world| {
            for event in &events {
                let _ = world.deliver(event);
            }
        });
        // Acknowledged events are kept; Stripe resends the others, and these too.
        for event in &events {
            world.deliver(event).unwrap().expect(200);
        }
        let order = world.until("paid");
        assert_eq!(order["amount_paid"], "24.49");
        world.ends_with(1, "succeeded", 2449);
    }
}

#[test]
fn killed_while_money_is_taken() {
    for fate in FATES {
        let mut world = World::open("manual");
        world.pay();
        world.deliver_all();
        world.until("authorized");
        world.die_during(Call::Capture, fate, |world| world.act("capture", &json!({})));
        world.act("capture", &json!({}));
        world.until("paid");
        assert_eq!(world.stripe.payments()[0]["amount_received"], 2449);
        world.ends_with(1, "succeeded", 2449);
    }
}

#[test]
fn killed_while_money_goes_back() {
    for fate in FATES {
        let mut world = World::open("automatic");
        world.pay();
        world.deliver_all();
        world.until("paid");
        world.die_during(Call::Refund, fate, |world| world.act("refunds", &json!({"amount": "10"})));
        world.act("refunds", &json!({"amount": "10"}));
        let settled = |order: &Value| order["payments"][0]["refunds"][0]["status"] == "succeeded";
        let order = world.once("refunded", settled);
        assert_eq!(
            (&order["amount_refunded"], &order["payment_status"]),
            (&json!("10.00"), &json!("partially_refunded"))
        );
        assert_eq!(order["payments"][0]["refunds"].as_array().unwrap().len(), 1);
        world.ends_with(1, "succeeded", 1449);
    }
}

/// The refund is executed, and the server dies while it reads the result.
#[test]
fn killed_while_refunds_are_looked_up() {
    for fate in [Fate::Answered, Fate::Lost] {
        let mut world = World::open("automatic");
        world.pay();
        // Only one event, so that what looks up the payment later finds the refund.
        let events = world.stripe.take_events();
        world
            .deliver(events.iter().find(|event| event.kind == "payment_intent.succeeded").unwrap())
            .unwrap()
            .expect(200);
        world.until("paid");
        world.die_during(Call::ListRefunds, fate, |world| world.act("refunds", &json!({"amount": "10"})));
        let settled = |order: &Value| order["payments"][0]["refunds"][0]["status"] == "succeeded";
        let order = world.once("refunded", settled);
        assert_eq!(order["payments"][0]["refunds"].as_array().unwrap().len(), 1);
        world.deliver_all();
        world.ends_with(1, "succeeded", 1449);
    }
}

#[test]
fn killed_while_a_payment_is_called_off() {
    for fate in FATES {
        let mut world = World::open("automatic");
        let order = world.once("begun", |order| order["payments"][0]["client_secret"].is_string());
        let path = format!("/orders/{}/cancel/", text(&order["id"]));
        world.die_during(Call::Cancel, fate, |world| {
            let bearer = format!("Bearer {}", world.shop.staff);
            let _ = world.shop.client().call("POST", &path, &[("Authorization", bearer.as_str())], &json!({}));
        });
        let off = |order: &Value| order["status"] == "canceled" && order["payments"][0]["status"] == "voided";
        world.once("called off", off);
        let stock = world.shop.staff("GET", &format!("/inventory/stock/?sku={}", world.sku), &Value::Null, 200);
        assert_eq!(stock["results"][0]["reserved"], 0, "{stock}");
        world.ends_with(1, "canceled", 0);
    }
}
