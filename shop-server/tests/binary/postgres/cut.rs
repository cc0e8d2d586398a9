//! The connection to the database is cut at every message of an order in turn: a buyer who retries has one order, and a
//! buyer without a response has one or none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use shop_store_sql::testing::{Cluster, Direction, Message, Proxy, Verdict};

use super::shop_on;
use crate::support::{Client, TestProduct, TestShop, order};

/// More messages than an order takes in each direction.
const MOST: usize = 400;

struct Cut {
    shop: TestShop,
    proxy: Proxy,
    goods: TestProduct,
    method: String,
    orders: u64,
}

impl Cut {
    fn new() -> Self {
        let url = Cluster::shared().unwrap().database().unwrap();
        let proxy = Proxy::start(&url).unwrap();
        let shop = shop_on(&proxy.url(&url), &[]);
        let goods = shop.product("SHIRT", 1_000_000);
        let (_, method) = shop.shipping();
        Self { shop, proxy, goods, method, orders: 0 }
    }

    /// Buys while the connection is cut at the first message for which `here` is true; returns whether there was one.
    fn buy(&mut self, verdict: Verdict, here: impl Fn(&Message<'_>) -> bool + Send + Sync + 'static) -> bool {
        let cart = self.shop.guest_cart(&self.goods.sku, 1);
        let key = format!("order-{}", self.orders);
        let headers = [("X-Cart-Token", cart.as_str()), ("Idempotency-Key", key.as_str())];
        let mut client = Client::new(self.shop.process.address);
        let was_cut = Arc::new(AtomicBool::new(false));
        self.proxy.judge({
            let was_cut = Arc::clone(&was_cut);
            move |message| {
                let cut = here(message) && !was_cut.swap(true, Ordering::SeqCst);
                if cut { verdict } else { Verdict::Pass }
            }
        });
        let first = client.ask("POST", "/orders/", &headers, &order(&self.method));
        self.proxy.pass();
        let was_cut = was_cut.load(Ordering::SeqCst);
        let known = self.shop.orders();
        if first.status == 201 {
            assert_eq!(known, self.orders + 1, "an acknowledged order is not there: {first:?}");
        } else {
            assert!(was_cut, "{first:?}");
            assert_eq!((first.status, first.code().as_str()), (503, "unavailable"), "{first:?}");
            assert!(first.header("retry-after").is_some(), "{first:?}");
        }
        let again = client.ask("POST", "/orders/", &headers, &order(&self.method));
        assert_eq!(again.is_replayed(), known == self.orders + 1, "{again:?} after {first:?}");
        let order = again.expect(201);
        if first.status == 201 {
            assert_eq!(order["id"], first.json()["id"]);
        }
        self.orders += 1;
        assert_eq!(self.shop.orders(), self.orders, "one order each");
        was_cut
    }

    fn is_sound(&self) {
        let sold = i64::try_from(self.orders).unwrap();
        assert_eq!(self.shop.stock(&self.goods), [1_000_000, sold, 1_000_000 - sold]);
        self.shop.folder.is_sound();
    }
}

fn asks_to_commit(message: &Message<'_>) -> bool {
    message.is_commit()
}

fn has_committed(message: &Message<'_>) -> bool {
    message.is_committed()
}

#[test]
fn before_within_and_after_the_commit() {
    let mut cut = Cut::new();
    for _ in 0..3 {
        for verdict in [Verdict::CutBefore, Verdict::CutWithin, Verdict::CutAfter] {
            assert!(cut.buy(verdict, asks_to_commit), "no COMMIT was seen");
            assert!(cut.buy(verdict, has_committed), "no answer to a COMMIT was seen");
        }
    }
    cut.is_sound();
}

/// Cuts at the first message, then at the second, and so on, until an order is placed without a cut.
fn at_every_message(direction: Direction, verdict: Verdict) {
    let mut cut = Cut::new();
    for place in 0.. {
        assert!(place < MOST, "an order has no end");
        let seen = AtomicUsize::new(0);
        let here =
            move |message: &Message<'_>| message.direction == direction && seen.fetch_add(1, Ordering::SeqCst) == place;
        if !cut.buy(verdict, here) {
            assert!(place > 5, "an order takes more than {place} messages");
            break;
        }
    }
    cut.is_sound();
}

#[test]
fn before_every_message_to_the_database() {
    at_every_message(Direction::FromClient, Verdict::CutBefore);
}

#[test]
fn after_every_message_to_the_database() {
    at_every_message(Direction::FromClient, Verdict::CutAfter);
}

#[test]
fn before_every_message_from_the_database() {
    at_every_message(Direction::FromServer, Verdict::CutBefore);
}
