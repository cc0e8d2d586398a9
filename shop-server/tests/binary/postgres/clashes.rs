//! The database aborts transactions because of others: a buyer gets one order, or is told that the shop is busy and has
//! none.

use std::thread;

use serde_json::Value;
use shop_store_sql::testing::{Cluster, Proxy, Rival, hold, texts, wait_until};

use super::shop_on;
use crate::support::{TestResponse, TestShop, order};

const TOUCH: &str = "UPDATE stock_levels SET low_stock_threshold = low_stock_threshold + 1";

/// A shop whose transactions run at the serializable isolation level.
fn shop() -> (String, Proxy, TestShop) {
    let url = Cluster::shared().unwrap().database().unwrap();
    let proxy = Proxy::start(&url).unwrap();
    proxy.isolate("serializable");
    let shop = shop_on(&proxy.url(&url), &[]);
    (url, proxy, shop)
}

fn buy(shop: &TestShop, cart: &str, method: &str) -> TestResponse {
    let headers = [("X-Cart-Token", cart), ("Idempotency-Key", "once")];
    shop.client().ask("POST", "/orders/", &headers, &order(method))
}

fn not_serialized(url: &str) -> usize {
    let database = format!(" {} ", url.rsplit('/').next().unwrap());
    let log = Cluster::shared().unwrap().log().unwrap();
    log.lines().filter(|line| line.contains(&database) && line.contains("could not serialize access")).count()
}

#[test]
fn a_buyer_who_is_overtaken_once_has_one_order() {
    let (url, _proxy, shop) = shop();
    let goods = shop.product("SHIRT", 5);
    let (_, method) = shop.shipping();
    let cart = shop.guest_cart(&goods.sku, 2);
    let held = hold(&url, &format!("LOCK TABLE stock_levels IN EXCLUSIVE MODE; {TOUCH}")).unwrap();
    thread::scope(|scope| {
        let bought = scope.spawn(|| buy(&shop, &cart, &method));
        let waits = "SELECT (count(*) > 0)::text FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        wait_until(&url, waits).unwrap();
        held.commit().unwrap();
        bought.join().unwrap().expect(201);
    });
    assert!(not_serialized(&url) >= 1);
    assert!(buy(&shop, &cart, &method).is_replayed());
    assert_eq!((shop.orders(), shop.stock(&goods)), (1, [5, 2, 3]));
    shop.folder.is_sound();
}

#[test]
fn a_buyer_who_never_gets_through_hears_503_and_has_none() {
    let (url, _proxy, shop) = shop();
    let goods = shop.product("SHIRT", 5);
    let (_, method) = shop.shipping();
    let cart = shop.guest_cart(&goods.sku, 2);
    let rival = Rival::start(&url, "stock_levels", TOUCH).unwrap();
    let refused = buy(&shop, &cart, &method);
    assert_eq!((refused.status, refused.code().as_str()), (503, "unavailable"), "{refused:?}");
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    assert!(rival.stop().unwrap() >= 3);
    assert!(not_serialized(&url) >= 3);
    assert_eq!((shop.orders(), shop.stock(&goods)), (0, [5, 0, 5]));
    assert_eq!(texts(&url, "SELECT key FROM answers").unwrap(), [""; 0]);
    let read = shop.client().ask("GET", "/cart/", &[("X-Cart-Token", &cart)], &Value::Null).expect(200);
    assert_eq!(read["items"][0]["quantity"], 2);
    // The same call again.
    buy(&shop, &cart, &method).expect(201);
    assert_eq!((shop.orders(), shop.stock(&goods)), (1, [5, 2, 3]));
    shop.folder.is_sound();
}
