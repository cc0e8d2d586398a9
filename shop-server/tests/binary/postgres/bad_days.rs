//! The database restarts, fails over, is overloaded, or loses its clients; the server keeps running.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shop_store_sql::testing::{Bouncer, Cluster, Proxy, hold, texts, wait_until};

use super::load::Load;
use super::{server_beside, shop_on};
use crate::support::{Client, Raw, TestResponse, TestShop, order};

/// Fails if a transaction that is open at the time of the call stays open.
///
/// Running servers may open others at any moment. The limit is below the 30 s after which the database itself ends an
/// idle transaction.
fn no_transaction_is_left(url: &str) {
    let started = Instant::now();
    let now = texts(url, "SELECT clock_timestamp()::text").unwrap().remove(0);
    let ended = format!(
        "SELECT (count(*) = 0)::text FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend'
            AND pid <> pg_backend_pid() AND xact_start < '{now}'"
    );
    wait_until(url, &ended).unwrap();
    let taken = started.elapsed();
    assert!(taken < Duration::from_secs(20), "a transaction was left open for {taken:?}");
}

fn no_errors(shop: &TestShop) {
    let log = shop.process.log();
    assert!(!log.iter().any(|line| line.contains("panic")), "{log:?}");
}

#[test]
fn a_restart_of_the_database_under_load_is_survived() {
    let cluster = Cluster::start().unwrap();
    let shop = shop_on(&cluster.database().unwrap(), &[]);
    let load = Load::new(&shop, vec![shop.process.address]);
    load.run(60, 20, || cluster.restart().unwrap());
    load.run(60, 20, || {
        cluster.stop_hard().unwrap();
        cluster.start_again().unwrap();
    });
    load.verify(&load.servers);
    no_errors(&shop);
    let log = cluster.log().unwrap();
    assert!(!log.contains("deadlock detected"), "{log}");
}

#[test]
fn a_failover_to_a_synchronous_standby_loses_nothing_acknowledged() {
    let primary = Cluster::start().unwrap();
    let url = primary.database().unwrap();
    let standby = primary.standby().unwrap();
    let database = url.rsplit('/').next().unwrap();
    primary.set("synchronous_standby_names", "*").unwrap();
    wait_until(primary.admin_url(), "SELECT (sync_state = 'sync')::text FROM pg_stat_replication").unwrap();
    let address = Proxy::start(&url).unwrap();
    let shop = shop_on(&address.url(&url), &[]);
    let other = server_beside(&shop.folder, 1);
    let load = Load::new(&shop, vec![shop.process.address, other.address]);
    load.run(100, 30, || {
        primary.stop_hard().unwrap();
        standby.promote().unwrap();
        address.switch_to(&standby.url_of(database)).unwrap();
    });
    load.verify(&load.servers);
    no_errors(&shop);
}

#[test]
fn while_the_address_leads_to_a_standby_nothing_is_answered_and_no_buyers_are_sent() {
    let primary = Cluster::start().unwrap();
    let url = primary.database().unwrap();
    let address = Proxy::start(&url).unwrap();
    let shop = shop_on(&address.url(&url), &[]);
    let goods = shop.product("SHIRT", 5);
    let standby = primary.standby().unwrap();
    let follower = standby.url_of(url.rsplit('/').next().unwrap());
    wait_until(&follower, "SELECT (count(*) = 1)::text FROM products").unwrap();
    address.switch_to(&follower).unwrap();
    let path = format!("/catalog/products/{}/", goods.product_id);
    // The standby's data may be older than what was acknowledged: a cart, an order, or a session that ended.
    for (method, path, body) in [
        ("GET", path.as_str(), Value::Null),
        ("GET", "/readyz", Value::Null),
        ("POST", "/cart/items/", json!({"sku": "SHIRT"})),
        ("PATCH", &path, json!({"name": "Renamed"})),
    ] {
        let refused = shop.call(method, path, Some(&shop.staff), &body);
        assert_eq!((refused.status, refused.code().as_str()), (503, "unavailable"), "{refused:?}");
    }
    assert!(shop.process.log().iter().any(|line| line.contains("leads to a standby")), "{:?}", shop.process.log());
    let said = crate::operations::refusal(&shop.folder.run(&["serve"], &[]));
    assert!(said.contains("leads to a standby") && said.contains("load_balance_mode"), "{said}");
    standby.promote().unwrap();
    assert_eq!(shop.client().ask("GET", "/readyz", &[], &Value::Null).status, 200);
    let renamed = shop.call("PATCH", &path, Some(&shop.staff), &json!({"name": "Renamed"}));
    assert_eq!(renamed.expect(200)["name"], "Renamed");
}

#[test]
fn a_database_that_is_away_is_answered_with_503_in_time_and_found_again() {
    let cluster = Cluster::start().unwrap();
    let url = cluster.database().unwrap();
    let address = Proxy::start(&url).unwrap();
    let shop = shop_on(&address.url(&url), &[]);
    let goods = shop.product("SHIRT", 5);
    let path = format!("/catalog/products/{}/", goods.product_id);
    address.close();
    for (method, path, body) in [
        ("GET", path.as_str(), Value::Null),
        ("GET", "/catalog/products/", Value::Null),
        ("POST", "/cart/items/", json!({"sku": goods.sku})),
        ("GET", "/readyz", Value::Null),
    ] {
        let began = Instant::now();
        let answer = shop.client().ask(method, path, &[], &body);
        told_in_time(&answer, began.elapsed());
    }
    assert_eq!(shop.client().ask("GET", "/healthz", &[], &Value::Null).status, 200);
    address.switch_to(&url).unwrap();
    shop.client().ask("GET", &path, &[], &Value::Null).expect(200);
    shop.guest_cart(&goods.sku, 1);
}

/// Checks that the response is a 503 with `Retry-After`, after little more than two seconds.
#[track_caller]
fn told_in_time(answer: &TestResponse, took: Duration) {
    assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"), "{answer:?}");
    assert!(answer.header("retry-after").is_some() && took < Duration::from_secs(3), "{took:?}: {answer:?}");
}

#[test]
fn an_exhausted_pool_is_answered_with_503_in_time_and_recovers() {
    let url = Cluster::shared().unwrap().database().unwrap();
    let shop = shop_on(&url, &[("DB_POOL_SIZE", "2"), ("DB_STATEMENT_TIMEOUT", "20")]);
    let goods = shop.product("SHIRT", 5);
    let (_, method) = shop.shipping();
    let cart = shop.guest_cart(&goods.sku, 1);
    let lists = || shop.client().ask("GET", "/catalog/products/", &[], &Value::Null);
    lists().expect(200);
    let locked = hold(&url, "LOCK TABLE products IN ACCESS EXCLUSIVE MODE").unwrap();
    thread::scope(|scope| {
        // Two calls have the connections and wait for the lock; later ones get their 503 in time.
        let calls: Vec<_> = (0..10)
            .map(|_| {
                scope.spawn(|| {
                    let started = Instant::now();
                    (lists(), started.elapsed())
                })
            })
            .collect();
        let waiting = "SELECT (count(*) = 2)::text FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        wait_until(&url, waiting).unwrap();
        let refused =
            |calls: &[thread::ScopedJoinHandle<'_, _>]| calls.iter().filter(|call| call.is_finished()).count();
        let started = Instant::now();
        while refused(&calls) < 8 {
            assert!(started.elapsed() < Duration::from_secs(10), "{} of 8 were refused", refused(&calls));
            thread::sleep(Duration::from_millis(10));
        }
        // Writes are refused as quickly, whatever they would write.
        let item = json!({"sku": goods.sku});
        let product = format!("/catalog/products/{}/", goods.product_id);
        for (method, path, body) in [
            ("GET", product.as_str(), &Value::Null),
            ("POST", "/cart/items/", &item),
            ("POST", "/orders/", &order(&method)),
        ] {
            let started = Instant::now();
            let answer = shop.client().ask(method, path, &[("X-Cart-Token", cart.as_str())], body);
            told_in_time(&answer, started.elapsed());
        }
        drop(locked);
        let mut served = 0;
        for call in calls {
            let (answer, took) = call.join().unwrap();
            if answer.status == 200 {
                served += 1;
                continue;
            }
            told_in_time(&answer, took);
        }
        assert_eq!(served, 2, "those who had a connection are answered");
    });
    lists().expect(200);
    no_errors(&shop);
}

#[test]
fn a_statement_that_takes_too_long_is_ended() {
    let url = Cluster::shared().unwrap().database().unwrap();
    let shop = shop_on(&url, &[("DB_STATEMENT_TIMEOUT", "1")]);
    let goods = shop.product("SHIRT", 5);
    let locked = hold(&url, "LOCK TABLE products IN ACCESS EXCLUSIVE MODE").unwrap();
    let path = format!("/catalog/products/{}/", goods.product_id);
    for path in [path.as_str(), "/catalog/products/"] {
        let refused = shop.client().ask("GET", path, &[], &Value::Null);
        assert_eq!((refused.status, refused.code().as_str()), (503, "unavailable"), "{refused:?}");
    }
    drop(locked);
    shop.client().ask("GET", &path, &[], &Value::Null).expect(200);
}

#[test]
fn clients_that_go_away_leave_no_transaction_open() {
    let url = Cluster::shared().unwrap().database().unwrap();
    let shop = shop_on(&url, &[("DB_POOL_SIZE", "4")]);
    let goods = shop.product("SHIRT", 1_000_000);
    let item = json!({"sku": goods.sku, "quantity": 1}).to_string();
    let request = format!(
        "POST /cart/items/ HTTP/1.1\r\nHost: shop.test\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{item}",
        item.len()
    );
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for turn in 0..40 {
                    let mut client = Raw::open(shop.process.address).unwrap();
                    client.write(request.as_bytes()).unwrap();
                    // Some clients leave at once, some while the server works, and some wait for the response.
                    match turn % 4 {
                        0 => {}
                        1 => thread::yield_now(),
                        2 => thread::sleep(Duration::from_millis(turn / 4)),
                        _ => assert_eq!(client.answer(false).unwrap().status, 201),
                    }
                }
            });
        }
    });
    no_transaction_is_left(&url);
    shop.guest_cart(&goods.sku, 1);
    shop.folder.is_sound();
}

#[test]
fn a_server_killed_in_the_midst_leaves_no_lock_behind() {
    let url = Cluster::shared().unwrap().database().unwrap();
    let shop = shop_on(&url, &[]);
    let victim = server_beside(&shop.folder, 1);
    let goods = shop.product("SHIRT", 5);
    let path = format!("/catalog/products/{}/", goods.product_id);
    let locked = hold(&url, "SELECT FROM products FOR UPDATE").unwrap();
    thread::scope(|scope| {
        let call = scope.spawn(|| {
            let bearer = format!("Bearer {}", shop.staff);
            let headers = [("Authorization", bearer.as_str())];
            Client::new(victim.address).call("PATCH", &path, &headers, &json!({"name": "Never"}))
        });
        let waiting = "SELECT (count(*) > 0)::text FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        wait_until(&url, waiting).unwrap();
        victim.kill();
        assert!(call.join().unwrap().is_err());
        drop(locked);
    });
    no_transaction_is_left(&url);
    let renamed = shop.call("PATCH", &path, Some(&shop.staff), &json!({"name": "Renamed"}));
    assert_eq!(renamed.expect(200)["name"], "Renamed");
}

#[test]
fn behind_a_pgbouncer_in_transaction_mode_all_goes_on() {
    let cluster = Cluster::start().unwrap();
    let url = cluster.database().unwrap();
    // Fewer connections than the servers hold together, so that they must share them.
    let bouncer = Bouncer::start(&cluster, 4).unwrap();
    let shop = shop_on(&bouncer.url(&url), &[("DB_PGBOUNCER", "True")]);
    let other = server_beside(&shop.folder, 1);
    let load = Load::new(&shop, vec![shop.process.address, other.address]);
    load.run(80, 20, || other.kill());
    load.verify(&[shop.process.address]);
    no_errors(&shop);
    no_transaction_is_left(&url);
    let log = cluster.log().unwrap();
    assert!(!log.contains("prepared statement") && !log.contains("deadlock detected"), "{log}");
}
