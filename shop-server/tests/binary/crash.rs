//! `kill -9` during purchases, repeatedly on one file: no acknowledged order is lost, and none is partial.
//!
//! The kill is timed by the number of responses. So it hits other buyers' calls in every stage: on the wire, in the
//! writer's queue, in a transaction, or committed but not yet answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::support::{Client, Rolls, TestProduct, TestResponse, TestShop, order, text};

const ROUNDS: usize = 8;
const GUESTS: usize = 10;
const CUSTOMERS: usize = 3;
pub(crate) const STOCK: i64 = 1_000_000;

/// An attempt to place an order.
struct Attempt {
    /// The header that gives access to the cart.
    caller: (&'static str, String),
    key: String,
    body: Value,
    /// The server's response, if any.
    answer: Option<TestResponse>,
    /// Staff's capture of its payment, if attempted.
    capture: Option<Capture>,
}

struct Capture {
    path: String,
    key: String,
    answer: Option<TestResponse>,
}

impl Attempt {
    fn place(&self, client: &mut Client) -> std::io::Result<TestResponse> {
        let headers = [(self.caller.0, self.caller.1.as_str()), ("Idempotency-Key", self.key.as_str())];
        client.call("POST", "/orders/", &headers, &self.body)
    }
}

/// The state that all buyers of a round share.
struct Round<'a> {
    shop: &'a TestShop,
    method: &'a str,
    goods: &'a [TestProduct],
    number: usize,
    answers: AtomicUsize,
    /// The server is killed at this response.
    last: usize,
    attempts: Mutex<Vec<Attempt>>,
}

impl Round<'_> {
    /// Counts a response; at the last one, kills the server immediately.
    fn answered(&self) {
        if self.answers.fetch_add(1, Ordering::SeqCst) + 1 == self.last {
            self.shop.process.kill();
        }
    }

    /// Buys until the server is gone.
    fn buy(&self, buyer: usize, bearer: Option<&str>) {
        let mut client = self.shop.client();
        let mut rolls = Rolls::new((self.number * 1000 + buyer) as u64);
        for turn in 0.. {
            let Some(caller) = self.fill_cart(&mut client, &mut rolls, bearer) else { return };
            let key = format!("round-{}-buyer-{buyer}-{turn}", self.number);
            let mut attempt = Attempt { caller, key, body: order(self.method), answer: None, capture: None };
            attempt.answer = attempt.place(&mut client).ok();
            let placed = attempt.answer.is_some();
            if placed {
                self.answered();
                if turn % 3 == 0 {
                    self.capture(&mut client, &mut attempt);
                }
            }
            self.attempts.lock().unwrap().push(attempt);
            if !placed {
                return;
            }
        }
    }

    /// Adds two lines to a cart; returns the header that gives access to it.
    fn fill_cart(
        &self,
        client: &mut Client,
        rolls: &mut Rolls,
        bearer: Option<&str>,
    ) -> Option<(&'static str, String)> {
        let mut caller = bearer.map(|token| ("Authorization", format!("Bearer {token}")));
        for _ in 0..2 {
            let item = json!({"sku": rolls.pick(self.goods).sku, "quantity": rolls.below(3) + 1});
            let headers: Vec<_> = caller.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let cart = client.call("POST", "/cart/items/", &headers, &item).ok()?.expect(201);
            self.answered();
            caller.get_or_insert_with(|| ("X-Cart-Token", text(&cart["token"])));
        }
        caller
    }

    /// Staff capture the payment.
    fn capture(&self, client: &mut Client, attempt: &mut Attempt) {
        let Some(placed) = &attempt.answer else { return };
        let payment = text(&placed.expect(201)["payments"][0]["id"]);
        let path = format!("/payments/{payment}/capture/");
        let mut capture = Capture { path, key: format!("capture-{payment}"), answer: None };
        capture.answer = take_money(self.shop, client, &capture).ok();
        if capture.answer.is_some() {
            self.answered();
        }
        attempt.capture = Some(capture);
    }
}

fn take_money(shop: &TestShop, client: &mut Client, capture: &Capture) -> std::io::Result<TestResponse> {
    let bearer = format!("Bearer {}", shop.staff);
    let headers = [("Authorization", bearer.as_str()), ("Idempotency-Key", capture.key.as_str())];
    client.call("POST", &capture.path, &headers, &json!({}))
}

/// Every order of the shop by its id.
pub(crate) fn all_orders(shop: &TestShop) -> BTreeMap<String, Value> {
    let mut orders = BTreeMap::new();
    for page in 1.. {
        let list =
            shop.staff("GET", &format!("/orders/?page_size=100&ordering=placed_at&page={page}"), &Value::Null, 200);
        for order in list["results"].as_array().unwrap() {
            orders.insert(text(&order["id"]), order.clone());
        }
        if list["next"].is_null() {
            break;
        }
    }
    orders
}

/// The parts of an order that no later event changes, without the secret of a guest's order.
pub(crate) fn agreed(order: &Value) -> Value {
    let mut order = order.clone();
    let fields = order.as_object_mut().unwrap();
    for changing in ["access_token", "amount_due", "amount_paid", "payment_status", "payments", "version"] {
        fields.remove(changing);
    }
    order
}

/// After a restart: acknowledged orders exist, others can be retried, and there are no further ones.
fn verify(shop: &TestShop, attempts: &[Attempt], known: &mut BTreeMap<String, Value>) {
    let mut client = shop.client();
    let found = all_orders(shop);
    let mut expected: BTreeSet<String> = known.keys().cloned().collect();
    for (id, order) in known.iter() {
        assert_eq!(found.get(id).map(agreed).as_ref(), Some(order), "an order of an earlier round has changed");
    }
    for attempt in attempts {
        let again = attempt.place(&mut client).unwrap();
        let order = again.expect(201);
        let id = text(&order["id"]);
        match &attempt.answer {
            Some(answer) => {
                let acknowledged = answer.expect(201);
                assert!(again.is_replayed(), "an acknowledged order was placed twice: {again:?}");
                assert_eq!(order["id"], acknowledged["id"]);
                assert_eq!(order.get("access_token"), acknowledged.get("access_token"), "the secret is shown again");
                let kept = found.get(&id).unwrap_or_else(|| panic!("an acknowledged order is lost: {acknowledged}"));
                assert_eq!(agreed(kept), agreed(&acknowledged));
            }
            // It was committed but not answered, or never executed.
            None => assert_eq!(again.is_replayed(), found.contains_key(&id), "{again:?}"),
        }
        assert!(expected.insert(id.clone()), "two keys have one order: {id}");
        known.insert(id.clone(), agreed(&order));
        if let Some(capture) = &attempt.capture {
            let again = take_money(shop, &mut client, capture).unwrap();
            let payment = again.expect(200);
            assert_eq!(payment["amount_captured"], order["total"], "money is taken once");
            assert!(capture.answer.is_none() || again.is_replayed(), "an acknowledged capture was lost");
        }
    }
    let after = all_orders(shop);
    assert_eq!(after.keys().cloned().collect::<BTreeSet<_>>(), expected, "somebody's order came from nowhere");
}

/// Checks that exactly the sold pieces are reserved.
pub(crate) fn stock_adds_up(shop: &TestShop, goods: &[TestProduct], orders: &BTreeMap<String, Value>) {
    for goods in goods {
        let lines = orders.values().flat_map(|order| order["items"].as_array().unwrap());
        let sold: i64 =
            lines.filter(|line| line["sku"] == *goods.sku).map(|line| line["quantity"].as_i64().unwrap()).sum();
        assert_eq!(shop.stock(goods), [STOCK, sold, STOCK - sold], "{}", goods.sku);
    }
}

#[test]
fn a_killed_server_loses_no_acknowledged_order_and_leaves_no_half_one() {
    let mut shop = TestShop::open();
    let goods: Vec<_> = (0..4).map(|number| shop.product(&format!("SKU-{number}"), STOCK)).collect();
    let (_, method) = shop.shipping();
    let customers: Vec<_> = (0..CUSTOMERS).map(|number| shop.customer(&format!("c{number}@example.com"))).collect();
    let mut known = BTreeMap::new();
    let mut rolls = Rolls::new(0x5EED);
    let mut unanswered = 0;
    for number in 0..ROUNDS {
        let round = Round {
            shop: &shop,
            method: &method,
            goods: &goods,
            number,
            answers: AtomicUsize::new(0),
            last: 30 + rolls.below(400),
            attempts: Mutex::new(Vec::new()),
        };
        thread::scope(|scope| {
            let round = &round;
            for buyer in 0..GUESTS {
                scope.spawn(move || round.buy(buyer, None));
            }
            for (buyer, token) in customers.iter().enumerate() {
                scope.spawn(move || round.buy(GUESTS + buyer, Some(token)));
            }
        });
        let attempts = round.attempts.into_inner().unwrap();
        unanswered += attempts.iter().filter(|attempt| attempt.answer.is_none()).count();
        // The file as the crash left it, first read either by `check` before a server has recovered it, or by a server.
        if number % 2 == 0 {
            shop.folder.is_sound();
        } else {
            shop.restart();
            shop.process.kill();
        }
        shop.restart();
        verify(&shop, &attempts, &mut known);
        stock_adds_up(&shop, &goods, &known);
        shop.folder.is_sound();
    }
    assert!(unanswered > 0, "every kill fell into a pause: this test proved nothing");
}
