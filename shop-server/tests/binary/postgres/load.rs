//! Buyers who retry: each call goes to the next server, and is repeated with the same key until it is answered.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::crash::{STOCK, agreed, all_orders, stock_adds_up};
use crate::support::{Client, Rolls, TestProduct, TestResponse, TestShop, order, text};

/// How long a buyer retries: longer than a failover takes, but short enough to count as survived.
const TIMEOUT: Duration = Duration::from_mins(1);
/// The pause before a retry.
const PAUSE: Duration = Duration::from_millis(20);

const GUESTS: usize = 8;
const CUSTOMERS: usize = 2;

/// Calls each server in turn.
pub(crate) struct RoundRobin {
    clients: Vec<Client>,
    next: usize,
}

impl RoundRobin {
    pub(crate) fn new(servers: &[SocketAddr], first: usize) -> Self {
        Self { clients: servers.iter().map(|address| Client::new(*address)).collect(), next: first }
    }

    /// The next server's response; `None` if there is none, or if it allows a retry.
    pub(crate) fn call(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Option<TestResponse> {
        self.next += 1;
        let turn = self.next % self.clients.len();
        let answer = self.clients[turn].call(method, path, headers, body).ok()?;
        if answer.status == 503 {
            assert!(answer.header("retry-after").is_some(), "{answer:?}");
            assert_eq!(answer.code(), "unavailable");
            return None;
        }
        Some(answer)
    }

    /// Retries until a server responds.
    #[track_caller]
    pub(crate) fn insist(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> TestResponse {
        let started = Instant::now();
        loop {
            if let Some(answer) = self.call(method, path, headers, body) {
                return answer;
            }
            assert!(started.elapsed() < TIMEOUT, "nobody answers {method} {path}");
            thread::sleep(PAUSE);
        }
    }
}

/// A placed order.
pub(crate) struct Placed {
    caller: (&'static str, String),
    key: String,
    pub(crate) order: Value,
}

/// The state that buyers share.
pub(crate) struct Load<'a> {
    pub(crate) shop: &'a TestShop,
    pub(crate) servers: Vec<SocketAddr>,
    goods: Vec<TestProduct>,
    method: String,
    customers: Vec<String>,
    placed: Mutex<Vec<Placed>>,
    rounds: AtomicUsize,
}

impl<'a> Load<'a> {
    /// Creates goods, a method and customers in a new shop.
    pub(crate) fn new(shop: &'a TestShop, servers: Vec<SocketAddr>) -> Self {
        let goods = (0..4).map(|number| shop.product(&format!("SKU-{number}"), STOCK)).collect();
        let (_, method) = shop.shipping();
        let customers = (0..CUSTOMERS).map(|number| shop.customer(&format!("c{number}@example.com"))).collect();
        Self { shop, servers, goods, method, customers, placed: Mutex::default(), rounds: AtomicUsize::new(0) }
    }

    /// Buys until this number of orders is placed. After `trouble_at` of them, `trouble` runs in its own thread while
    /// the buyers continue; they do not stop before it has ended.
    pub(crate) fn run(&self, orders: usize, trouble_at: usize, trouble: impl FnOnce() + Send) {
        let round = self.rounds.fetch_add(1, Ordering::SeqCst);
        let (count, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let go_on = || count.load(Ordering::SeqCst) < orders || ended.load(Ordering::SeqCst) == 0;
        let (tell, told) = std::sync::mpsc::channel();
        thread::scope(|scope| {
            for buyer in 0..GUESTS + CUSTOMERS {
                let (tell, go_on, count) = (tell.clone(), &go_on, &count);
                let bearer = buyer.checked_sub(GUESTS).map(|customer| self.customers[customer].as_str());
                scope.spawn(move || {
                    let mut servers = RoundRobin::new(&self.servers, buyer);
                    let mut rolls = Rolls::new((round * 1000 + buyer) as u64);
                    for turn in 0.. {
                        if !go_on() {
                            return;
                        }
                        let key = format!("round-{round}-buyer-{buyer}-{turn}");
                        let placed = self.buy(&mut servers, &mut rolls, bearer, key);
                        self.placed.lock().unwrap().push(placed);
                        if count.fetch_add(1, Ordering::SeqCst) + 1 == trouble_at {
                            tell.send(()).unwrap();
                        }
                    }
                });
            }
            let ended = &ended;
            scope.spawn(move || {
                told.recv().unwrap();
                // However it ends, the buyers must stop.
                let _end = OnDrop(|| {
                    ended.store(1, Ordering::SeqCst);
                });
                trouble();
            });
        });
    }

    /// Adds two lines to a cart, and places the order.
    fn buy(&self, servers: &mut RoundRobin, rolls: &mut Rolls, bearer: Option<&str>, key: String) -> Placed {
        let mut caller = bearer.map(|token| ("Authorization", format!("Bearer {token}")));
        for _ in 0..2 {
            let item = json!({"sku": rolls.pick(&self.goods).sku, "quantity": rolls.below(3) + 1});
            let headers: Vec<_> = caller.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let cart = servers.insist("POST", "/cart/items/", &headers, &item).expect(201);
            caller.get_or_insert_with(|| ("X-Cart-Token", text(&cart["token"])));
        }
        let caller = caller.unwrap();
        let mut placed = Placed { caller, key, order: Value::Null };
        placed.order = self.place(servers, &placed).expect(201);
        placed
    }

    fn place(&self, servers: &mut RoundRobin, placed: &Placed) -> TestResponse {
        let headers = [(placed.caller.0, placed.caller.1.as_str()), ("Idempotency-Key", placed.key.as_str())];
        servers.insist("POST", "/orders/", &headers, &order(&self.method))
    }

    /// Checks on every server that exactly the acknowledged orders exist, unchanged and once, that the stock adds up,
    /// and that the data is sound. Returns the orders.
    pub(crate) fn verify(&self, servers: &[SocketAddr]) -> BTreeMap<String, Value> {
        let found = all_orders(self.shop);
        let placed = self.placed.lock().unwrap();
        let mut expected = BTreeSet::new();
        let mut servers = RoundRobin::new(servers, 0);
        for placed in &*placed {
            let id = text(&placed.order["id"]);
            let kept = found.get(&id).unwrap_or_else(|| panic!("an acknowledged order is lost: {}", placed.order));
            assert_eq!(agreed(kept), agreed(&placed.order));
            let again = self.place(&mut servers, placed);
            assert!(again.is_replayed(), "an acknowledged order was placed twice: {again:?}");
            assert_eq!(again.expect(201)["id"], placed.order["id"]);
            assert!(expected.insert(id), "two keys have one order: {}", placed.order);
        }
        assert_eq!(found.keys().cloned().collect::<BTreeSet<_>>(), expected, "somebody's order came from nowhere");
        stock_adds_up(self.shop, &self.goods, &found);
        self.shop.folder.is_sound();
        found
    }
}

/// Calls a function at the end of a scope, even after a panic.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
