//! Webhook events from a payment provider, acknowledged while buyers use the shop.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use serde_json::Value;
use shop_server::stripe::stub::{Card, SignedEvent, Stub};
use shop_store_sqlite::SqliteStore;

use crate::catalog::product_requests;
use crate::checkout;
use crate::client::{Bytes, Connection, pace, request};
use crate::orders;
use crate::process::Server;
use crate::support::Result;
use crate::support::world::{Customer, Demand, World};
use crate::table::{median, percentile};

/// The target: acknowledged events per second.
pub(crate) const TARGET: u32 = 1_000;
/// Events sent per second. It is above the target because a round ends only with the last acknowledgement.
const SENT: u32 = 1_100;
/// Connections that send events.
const SENDERS: u32 = 32;
/// Connections for each of the catalog and the cart requests.
const BROWSERS: u32 = 8;
/// Cart items added per second.
const ADDED: f64 = 200.0;
/// Orders paid by card before the measurement. Every event is about one of them.
const ORDERS: usize = 64;

/// The medians of all rounds.
pub(crate) struct Measured {
    /// Acknowledged events per second.
    pub(crate) rate: f64,
    /// The 99th percentile of their response time in milliseconds.
    pub(crate) tail: f64,
}

/// Sends [`SENT`] events per second, together with catalog requests at a fifth of `capacity` and cart requests.
pub(crate) async fn measure(
    file: &Path,
    world: &World,
    capacity: f64,
    rounds: usize,
    length: Duration,
) -> Result<Measured> {
    let (store, _shop) = orders::open(file).await?;
    let copy = file.with_extension("cards");
    store.backup(&copy)?;
    let stripe = Stub::start()?;
    let server = Server::shop_with_cards(&copy, &stripe).await?;
    let own_store = SqliteStore::open(&copy)?;
    let customers: Arc<[Customer]> = world.customers.iter().take(ORDERS).copied().collect();
    let tokens = checkout::tokens(&customers)?;
    world.fill_carts(&own_store, &customers, Demand::Spread).await?;
    own_store.close().await?;
    place(&server, &stripe, world, &tokens).await?;

    let products = product_requests(world);
    let sku = world.variants.first().ok_or("nothing is sold")?.sku.clone();
    let item = serde_json::json!({"sku": sku, "quantity": 1}).to_string();
    let items: Arc<[Bytes]> = tokens.iter().map(|token| request("POST", "/cart/items/", Some(token), &item)).collect();
    let (mut rates, mut tails) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let events = events(&stripe, length)?;
        let sending = async {
            let each = f64::from(SENT) / f64::from(SENDERS);
            let started = Instant::now();
            let times = try_join_all(events.iter().map(|own| pace(server.address, 1, own, each, length))).await?;
            // A server that cannot keep up finishes late, which lowers the rate.
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>((times.concat(), started.elapsed()))
        };
        let browsing = pace(server.address, BROWSERS, &products, capacity / 5.0, length);
        let adding = pace(server.address, BROWSERS, &items, ADDED, length);
        let ((times, took), _, _) = tokio::try_join!(sending, browsing, adding)?;
        rates.push(orders::rate(times.len(), took));
        tails.push(percentile(times, 99));
    }
    drop(server);
    std::fs::remove_file(&copy)?;
    Ok(Measured { rate: median(rates), tail: median(tails) })
}

/// Orders the carts of all customers and pays by card.
async fn place(server: &Server, stripe: &Stub, world: &World, tokens: &[String]) -> Result<()> {
    let mut connection = Connection::open(server.address).await?;
    let body = checkout::order(world, "stripe").to_string();
    for token in tokens {
        let (status, answer) = connection.call(&request("POST", "/orders/", Some(token), &body)).await?;
        let order: Value = serde_json::from_slice(answer)?;
        let secret = order.pointer("/payments/0/client_secret").and_then(Value::as_str);
        let secret = secret.ok_or_else(|| format!("{status}: no payment by card in {order}"))?;
        stripe.pay(secret, Card::Visa)?;
    }
    Ok(())
}

/// The distinct events of a round, divided among the connections.
fn events(stripe: &Stub, length: Duration) -> Result<Vec<Arc<[Bytes]>>> {
    let payments = stripe.payments();
    // Two extra, because a round may take slightly longer.
    let each = usize::try_from(length.as_millis() * u128::from(SENT) / 1_000 / u128::from(SENDERS))? + 2;
    let mut payments = payments.iter().cycle();
    let mut share = || -> Result<Arc<[Bytes]>> {
        let mut own = Vec::with_capacity(each);
        for payment in payments.by_ref().take(each) {
            own.push(event_request(&stripe.event("payment_intent.succeeded", payment)));
        }
        if own.is_empty() { Err("nothing was paid".into()) } else { Ok(own.into()) }
    };
    (0..SENDERS).map(|_| share()).collect()
}

fn event_request(event: &SignedEvent) -> Bytes {
    let mut text = String::from("POST /payments/webhooks/stripe/ HTTP/1.1\r\nHost: shop.test\r\n");
    let _ = write!(text, "Content-Type: application/json\r\nStripe-Signature: {}\r\n", event.signature);
    let _ = write!(text, "Content-Length: {}\r\n\r\n{}", event.body.len(), event.body);
    text.into_bytes().into()
}
