//! Three servers on one database, behind a client that calls each in turn.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shop_store_sql::testing::{Cluster, execute, texts, wait_until};

use super::load::{Load, RoundRobin};
use super::{mails_of, server_beside, shop_on};
use crate::support::{Client, Folder, PASSWORD, Process, TestShop, order, text};

/// A new database of the shared cluster, and three servers on it.
fn three_servers(variables: &[(&str, &str)]) -> (String, TestShop, Vec<Process>) {
    let url = Cluster::shared().unwrap().database().unwrap();
    let shop = shop_on(&url, variables);
    let others = (1..3).map(|number| server_beside(&shop.folder, number)).collect();
    (url, shop, others)
}

fn addresses(shop: &TestShop, others: &[Process]) -> Vec<SocketAddr> {
    std::iter::once(&shop.process).chain(others).map(|process| process.address).collect()
}

/// The servers that sent each mail, by file name, which is the delivery's id.
fn mails(folder: &Folder) -> BTreeMap<String, Vec<usize>> {
    let mut mails: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for server in 0..3 {
        for entry in std::fs::read_dir(folder.file(&mails_of(server))).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "eml") {
                mails.entry(path.file_stem().unwrap().to_str().unwrap().to_owned()).or_default().push(server);
            }
        }
    }
    mails
}

/// Waits until every delivery in a database is done.
fn all_delivered(url: &str) {
    wait_until(url, "SELECT (count(*) = 0)::text FROM deliveries WHERE status <> 'done'").unwrap();
}

#[test]
fn one_of_three_is_killed_under_load_and_nothing_is_lost_or_doubled() {
    let (url, shop, others) = three_servers(&[]);
    let servers = addresses(&shop, &others);
    let load = Load::new(&shop, servers.clone());
    let killed_at = OnceLock::new();
    load.run(120, 40, || {
        others[0].kill();
        killed_at.set(texts(&url, "SELECT now()::text").unwrap().remove(0)).unwrap();
    });
    let alive = [servers[0], servers[2]];
    load.verify(&alive);
    // A new server replaces it and works like the others.
    let new = server_beside(&shop.folder, 1);
    load.verify(&[new.address]);
    // The killed server had claimed what is left. End its leases now, so that the test does not wait for minutes.
    let killed_at = killed_at.into_inner().unwrap();
    let left = format!("due_at <= now() OR due_at > timestamptz '{killed_at}' + interval '3 minutes'");
    let of_others = format!("SELECT (count(*) = 0)::text FROM deliveries WHERE status <> 'done' AND ({left})");
    wait_until(&url, &of_others).unwrap();
    execute(&url, "UPDATE deliveries SET due_at = now() WHERE status <> 'done'").unwrap();
    all_delivered(&url);
    // A mail is sent again if its sender is killed before it can record the delivery.
    let once = |senders: &Vec<usize>| senders.len() == 1 || senders.contains(&1);
    assert!(mails(&shop.folder).values().all(once), "a mail was sent by two");
}

#[test]
fn what_one_server_says_holds_at_every_other() {
    let (_, shop, others) = three_servers(&[]);
    let [mut a, mut b, mut c] =
        <[Client; 3]>::try_from(addresses(&shop, &others).into_iter().map(Client::new).collect::<Vec<_>>()).unwrap();
    let goods = shop.product("SHIRT", 100);
    let (_, method) = shop.shipping();
    shop.customer("ann@example.com");

    // Tokens: signed by one server, accepted and revoked by any.
    let body = json!({"email": "ann@example.com", "password": PASSWORD});
    let tokens = a.ask("POST", "/accounts/login/", &[], &body).expect(200);
    let bearer = format!("Bearer {}", tokens["access"].as_str().unwrap());
    let ann = [("Authorization", bearer.as_str())];
    b.ask("GET", "/accounts/user/", &ann, &Value::Null).expect(200);
    let refresh = json!({"refresh": tokens["refresh"]});
    let newer = b.ask("POST", "/accounts/token/refresh/", &[], &refresh).expect(200);
    // Used by two tabs at another server: both get the same pair.
    assert_eq!(c.ask("POST", "/accounts/token/refresh/", &[], &refresh).expect(200), newer);
    // Used again after many others: its whole family ends, on every server.
    let mut last = newer;
    for _ in 0..9 {
        last = b.ask("POST", "/accounts/token/refresh/", &[], &json!({"refresh": last["refresh"]})).expect(200);
    }
    assert_eq!(c.ask("POST", "/accounts/token/refresh/", &[], &refresh).code(), "token_not_valid");
    let last = json!({"refresh": last["refresh"]});
    assert_eq!(a.ask("POST", "/accounts/token/refresh/", &[], &last).code(), "token_not_valid");
    let item = json!({"sku": goods.sku, "quantity": 1});
    assert_eq!(b.ask("POST", "/cart/items/", &ann, &item).status, 401, "an ended session writes nothing");

    // Versions: every server sees what another has written, and refuses an outdated `If-Match`.
    let staff = format!("Bearer {}", shop.staff);
    let path = format!("/catalog/products/{}/", goods.product_id);
    let old = a.ask("GET", &path, &[], &Value::Null);
    assert_eq!(old.header("etag"), b.ask("GET", &path, &[], &Value::Null).header("etag"));
    let old = old.header("etag").unwrap().to_owned();
    let headers = [("Authorization", staff.as_str()), ("If-Match", old.as_str())];
    for turn in 0..20 {
        let renamed = json!({"name": format!("Shirt {turn}")});
        let staff = [("Authorization", staff.as_str())];
        a.ask("PATCH", &path, &staff, &renamed).expect(200);
        for other in [&mut b, &mut c] {
            assert_eq!(other.ask("GET", &path, &[], &Value::Null).expect(200)["name"], renamed["name"]);
        }
    }
    assert_eq!(b.ask("PATCH", &path, &headers, &json!({"name": "Lost"})).code(), "version_mismatch");

    // Idempotency: the same call to all three servers at once has one effect and one response.
    let servers = addresses(&shop, &others);
    for turn in 0..5 {
        let cart = shop.guest_cart(&goods.sku, 1);
        let key = format!("at-once-{turn}");
        let answers: Vec<_> = thread::scope(|scope| {
            let calls: Vec<_> = servers
                .iter()
                .map(|address| {
                    let headers = [("X-Cart-Token", cart.as_str()), ("Idempotency-Key", key.as_str())];
                    let body = order(&method);
                    scope.spawn(move || Client::new(*address).ask("POST", "/orders/", &headers, &body))
                })
                .collect();
            calls.into_iter().map(|call| call.join().unwrap()).collect()
        });
        let ids: Vec<_> = answers.iter().map(|answer| text(&answer.expect(201)["id"])).collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        assert_eq!(answers.iter().filter(|answer| !answer.is_replayed()).count(), 1, "{answers:?}");
    }
    assert_eq!(shop.orders(), 5);
    shop.folder.is_sound();
}

#[test]
fn the_last_piece_is_sold_once() {
    let (_, shop, others) = three_servers(&[]);
    let servers = addresses(&shop, &others);
    let goods = shop.product("LAST", 10);
    let (_, method) = shop.shipping();
    let carts: Vec<_> = (0..30).map(|_| shop.guest_cart(&goods.sku, 1)).collect();
    let statuses: Vec<_> = thread::scope(|scope| {
        let calls: Vec<_> = carts
            .iter()
            .zip(servers.iter().cycle())
            .map(|(cart, server)| {
                let body = order(&method);
                scope.spawn(move || Client::new(*server).ask("POST", "/orders/", &[("X-Cart-Token", cart)], &body))
            })
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).map(|answer| (answer.status, answer)).collect()
    });
    assert_eq!(statuses.iter().filter(|(status, _)| *status == 201).count(), 10);
    assert!(statuses.iter().all(|(status, answer)| *status == 201 || answer.code() == "out_of_stock"));
    assert_eq!(shop.stock(&goods), [10, 10, 0]);
    shop.folder.is_sound();
}

#[test]
fn every_mail_is_sent_by_one_of_them() {
    const PEOPLE: usize = 30;
    let (url, shop, others) = three_servers(&[]);
    let mut servers = RoundRobin::new(&addresses(&shop, &others), 0);
    for number in 0..PEOPLE {
        let body = json!({"email": format!("p{number}@example.com"), "password": PASSWORD});
        servers.insist("POST", "/accounts/register/", &[], &body).expect(201);
    }
    all_delivered(&url);
    let mails = mails(&shop.folder);
    assert_eq!(mails.len(), PEOPLE);
    assert!(mails.values().all(|senders| senders.len() == 1), "a mail was sent by two: {mails:?}");
}

#[test]
fn a_mail_that_a_killed_server_held_is_sent_by_another() {
    let url = Cluster::shared().unwrap().database().unwrap();
    let mut shop = shop_on(&url, &[]);
    // A mail server that never responds.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port().to_string();
    let smtp = [("EMAIL_BACKEND", "smtp"), ("EMAIL_HOST", "127.0.0.1"), ("EMAIL_PORT", port.as_str())];
    shop.process.stop();
    shop.process = Process::start(&shop.folder, &smtp);
    let body = json!({"email": "ann@example.com", "password": PASSWORD});
    shop.call("POST", "/accounts/register/", None, &body).expect(201);
    let claimed = "SELECT (count(*) = 1)::text FROM deliveries
        WHERE status = 'pending' AND attempts = 1 AND due_at > now() + interval '1 minute'";
    wait_until(&url, claimed).unwrap();
    shop.process.kill();
    let others: Vec<_> = (1..3).map(|number| server_beside(&shop.folder, number)).collect();
    // End the lease now, so that the test does not wait for minutes.
    execute(&url, "UPDATE deliveries SET due_at = now()").unwrap();
    all_delivered(&url);
    let mails = mails(&shop.folder);
    assert!(mails.len() == 1 && mails.values().all(|senders| senders.len() == 1), "{mails:?}");
    drop(others);
}

#[test]
fn a_server_that_slept_through_its_lease_does_not_speak_for_the_delivery() {
    let url = Cluster::shared().unwrap().database().unwrap();
    let mut shop = shop_on(&url, &[]);
    let slow = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = slow.local_addr().unwrap().port().to_string();
    let smtp = [("EMAIL_BACKEND", "smtp"), ("EMAIL_HOST", "127.0.0.1"), ("EMAIL_PORT", port.as_str())];
    shop.process.stop();
    shop.process = Process::start(&shop.folder, &smtp);
    let body = json!({"email": "ann@example.com", "password": PASSWORD});
    shop.call("POST", "/accounts/register/", None, &body).expect(201);
    // The server has claimed the mail and is sending it.
    let (connection, _) = slow.accept().unwrap();
    let other = server_beside(&shop.folder, 1);
    execute(&url, "UPDATE deliveries SET due_at = now(), version = version + 1").unwrap();
    all_delivered(&url);
    let delivered = "SELECT attempts::text || status || version::text FROM deliveries";
    let before = texts(&url, delivered).unwrap();
    // Now its attempt fails, which must not affect a delivery that it no longer owns.
    drop((connection, slow));
    let failed = || shop.process.log().iter().any(|line| line.contains("a delivery failed"));
    let started = Instant::now();
    while !failed() {
        assert!(started.elapsed() < Duration::from_mins(1), "{:?}", shop.process.log());
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(texts(&url, delivered).unwrap(), before);
    assert_eq!(mails(&shop.folder).len(), 1);
    drop(other);
}

#[test]
fn servers_start_at_once_on_an_empty_database() {
    let url = Cluster::shared().unwrap().database().unwrap();
    let folder = Folder::new();
    folder.configure(&[("DATABASE_URL", url.as_str()), ("SECRET_KEY", super::SECRET_KEY)]);
    thread::scope(|scope| {
        let folder = &folder;
        let migrating: Vec<_> = (0..3).map(|_| scope.spawn(|| folder.run(&["migrate"], &[]))).collect();
        let serving: Vec<_> = (0..3).map(|number| scope.spawn(move || server_beside(folder, number))).collect();
        for run in migrating {
            let output = run.join().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        for server in serving {
            let server = server.join().unwrap();
            assert_eq!(Client::new(server.address).ask("GET", "/readyz", &[], &Value::Null).status, 200);
        }
    });
    // One default location, whichever server created it.
    assert_eq!(texts(&url, "SELECT count(*)::text FROM locations").unwrap(), ["1"]);
    folder.is_sound();
}

#[test]
fn they_limit_tries_together() {
    let (_, shop, others) = three_servers(&[("RATE_LIMIT", "on")]);
    let mut servers = RoundRobin::new(&addresses(&shop, &others), 0);
    let body = json!({"email": "nobody@example.com", "password": "wrong"});
    let started = Instant::now();
    let answers: Vec<_> = (0..14).map(|_| servers.call("POST", "/accounts/login/", &[], &body).unwrap()).collect();
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    // Ten at once; one more is allowed every 30 seconds.
    let more = usize::try_from(started.elapsed().as_secs() / Duration::from_secs(30).as_secs()).unwrap();
    assert!(refused.len() <= 4 && refused.len() + more >= 4, "{answers:?}");
    assert!(answers[..10].iter().all(|answer| answer.code() == "invalid_credentials"), "{answers:?}");
    for answer in refused {
        assert_eq!(answer.code(), "throttled");
        assert!((1..=30).contains(&answer.header("retry-after").unwrap().parse::<u32>().unwrap()), "{answer:?}");
    }
}
