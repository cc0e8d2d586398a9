//! Three servers deliver to one receiver, and one of them is killed while sending.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use shop_store_sql::testing::{Cluster, execute, texts, wait_until};

use super::load::RoundRobin;
use super::{server_beside, shop_on};
use crate::support::TestShop;

const NEAR: [(&str, &str); 1] = [("WEBHOOKS_ALLOW_PRIVATE", "True")];

/// What a receiver recorded, by `webhook-id`.
#[derive(Debug, Default)]
struct Notes {
    arrived: BTreeMap<String, u32>,
    /// Requests that have arrived but are not answered.
    under_way: BTreeSet<String>,
    /// Requests that arrived while the same one was unanswered.
    twice_at_once: Vec<String>,
}

/// A receiver that accepts everything, but never answers the first `hangs` requests.
struct Receiver {
    url: String,
    notes: Arc<Mutex<Notes>>,
}

impl Receiver {
    fn start(hangs: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let notes = Arc::<Mutex<Notes>>::default();
        let (all, mut left) = (Arc::clone(&notes), hangs);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (notes, hang) = (Arc::clone(&all), left > 0);
                left = left.saturating_sub(1);
                thread::spawn(move || serve(stream.unwrap(), &notes, hang));
            }
        });
        Self { url, notes }
    }

    fn notes(&self) -> std::sync::MutexGuard<'_, Notes> {
        self.notes.lock().unwrap()
    }
}

fn serve(mut stream: TcpStream, notes: &Mutex<Notes>, hang: bool) {
    while let Some(id) = read(&mut stream) {
        {
            let mut notes = notes.lock().unwrap();
            *notes.arrived.entry(id.clone()).or_default() += 1;
            if !notes.under_way.insert(id.clone()) {
                notes.twice_at_once.push(id.clone());
            }
        }
        if hang {
            // Until the sender is gone.
            let _ = stream.read(&mut [0; 1]);
        }
        notes.lock().unwrap().under_way.remove(&id);
        if hang || stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}

/// The `webhook-id` of the next request.
fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some((head, body)) = String::from_utf8_lossy(&bytes).to_ascii_lowercase().split_once("\r\n\r\n") {
            let value =
                |name: &str| head.split("\r\n").find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()));
            if body.len() >= value("content-length:")?.parse::<usize>().unwrap() {
                return value("webhook-id:");
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

fn register(shop: &TestShop, receiver: &Receiver) {
    shop.staff("POST", "/webhooks/", &json!({"url": receiver.url, "events": ["product.*"]}), 201);
}

/// Waits until a database has this number of webhook deliveries, all done.
fn all_told(url: &str, count: usize) {
    let done = format!(
        "SELECT (count(*) FILTER (WHERE status = 'done') = {count} AND count(*) = {count})::text FROM deliveries
            WHERE receiver LIKE 'webhook:%'"
    );
    wait_until(url, &done).unwrap();
}

#[test]
fn what_three_servers_know_is_told_once() {
    const PRODUCTS: usize = 60;
    let url = Cluster::shared().unwrap().database().unwrap();
    let shop = shop_on(&url, &NEAR);
    let others: Vec<_> = (1..3).map(|number| server_beside(&shop.folder, number)).collect();
    let addresses: Vec<_> = std::iter::once(&shop.process).chain(&others).map(|process| process.address).collect();
    let receiver = Receiver::start(0);
    register(&shop, &receiver);
    let mut servers = RoundRobin::new(&addresses, 0);
    let staff = format!("Bearer {}", shop.staff);
    for number in 0..PRODUCTS {
        let body = json!({"name": format!("Thing {number}"), "price": "1.00"});
        servers.insist("POST", "/catalog/products/", &[("Authorization", staff.as_str())], &body).expect(201);
    }
    all_told(&url, PRODUCTS);
    let notes = receiver.notes();
    assert_eq!(notes.arrived.len(), PRODUCTS);
    assert!(notes.arrived.values().all(|count| *count == 1), "{notes:?}");
    let tried = texts(&url, "SELECT DISTINCT attempts::text FROM deliveries WHERE receiver LIKE 'webhook:%'").unwrap();
    assert_eq!(tried, ["1"]);
}

#[test]
fn what_a_killed_server_was_telling_is_told_by_another() {
    let url = Cluster::shared().unwrap().database().unwrap();
    let shop = shop_on(&url, &NEAR);
    let receiver = Receiver::start(3);
    register(&shop, &receiver);
    for sku in ["ONE", "TWO", "THREE"] {
        shop.product(sku, 1);
    }
    let started = Instant::now();
    while receiver.notes().under_way.len() < 3 {
        assert!(started.elapsed() < Duration::from_mins(1), "{:?}", receiver.notes());
        thread::sleep(Duration::from_millis(5));
    }
    shop.process.kill();
    // End the leases now, so that the test does not wait for minutes.
    execute(&url, "UPDATE deliveries SET due_at = now() WHERE receiver LIKE 'webhook:%'").unwrap();
    let others: Vec<_> = (1..3).map(|number| server_beside(&shop.folder, number)).collect();
    all_told(&url, 3);
    let notes = receiver.notes();
    assert_eq!(notes.arrived.values().copied().collect::<Vec<_>>(), [2, 2, 2]);
    assert_eq!(notes.twice_at_once, Vec::<String>::new());
    drop(others);
}
