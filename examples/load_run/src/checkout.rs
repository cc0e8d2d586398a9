//! Carts and orders over HTTP, compared with the same calls in process.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use serde_json::json;
use shop_core::Shop;
use shop_core::accounts::TokenSigner as _;
use shop_core::accounts::token::{Claims, JwtSigner, TokenKind};
use shop_core::cart::AddItem;
use shop_core::clock::{Clock as _, SystemClock};
use shop_core::secret::Keys;
use shop_store_sqlite::SqliteStore;

use crate::SECRET_KEY;
use crate::client::{Bytes, request, send_all};
use crate::orders::{self, rate};
use crate::process::Server;
use crate::support::places::place;
use crate::support::world::{Customer, Demand, World};
use crate::support::{CALLERS, Result};
use crate::table::median;

/// Requests per second in process and over HTTP, and the server's memory.
pub(crate) struct Rates {
    /// `POST /cart/items/`.
    pub(crate) items: (f64, f64),
    /// `POST /orders/`.
    pub(crate) orders: (f64, f64),
    /// The server's peak resident memory in MiB.
    pub(crate) memory: f64,
}

/// Measures both ways on two copies of one file in alternating rounds.
pub(crate) async fn measure(file: &Path, world: &World, rounds: usize, groups: usize) -> Result<Rates> {
    let (store, shop) = orders::open(file).await?;
    let copy = file.with_extension("served");
    store.backup(&copy)?;
    let server = Server::shop(&copy).await?;
    let own_store = SqliteStore::open(&copy)?;
    let customers: Arc<[Customer]> = world.customers.iter().take(groups * CALLERS).copied().collect();
    let sku = world.variants.first().ok_or("nothing is sold")?.sku.clone();
    let tokens = tokens(&customers)?;
    let post = |path: &str, body: serde_json::Value| -> Arc<[Bytes]> {
        let body = body.to_string();
        tokens.iter().map(|token| request("POST", path, Some(token), &body)).collect()
    };
    let items = post("/cart/items/", json!({"sku": sku, "quantity": 1}));
    let placements = post("/orders/", order(world, "manual"));
    let order_input = world.order_input();
    let mut rates = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
    // The first round is the warm-up.
    for round in 0..=rounds {
        world.fill_carts(store.as_ref(), &customers, Demand::Spread).await?;
        let added = add(&shop, &sku, &customers).await?;
        let placed = place(&shop, &order_input, &customers).await?;
        world.fill_carts(&own_store, &customers, Demand::Spread).await?;
        let times = [
            added,
            send_all(server.address, CALLERS, &items).await?,
            placed,
            send_all(server.address, CALLERS, &placements).await?,
        ];
        for (rates, took) in rates.iter_mut().zip(times) {
            rates.extend((round > 0).then_some(rate(customers.len(), took)));
        }
    }
    let [added, posted, placed, ordered] = rates.map(median);
    let memory = server.peak_memory()?;
    drop(server);
    own_store.close().await?;
    std::fs::remove_file(&copy)?;
    Ok(Rates { items: (added, posted), orders: (placed, ordered), memory })
}

/// Adds one item to each customer's cart, [`CALLERS`] customers at a time.
async fn add(shop: &Shop, sku: &str, customers: &Arc<[Customer]>) -> Result<Duration> {
    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (shop, sku) = (shop.clone(), sku.to_owned());
            let (customers, next) = (Arc::clone(customers), Arc::clone(&next));
            tokio::spawn(async move {
                while let Some(customer) = customers.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let item = AddItem { sku: sku.clone().into(), quantity: 1.into(), ..AddItem::default() };
                    shop.carts().add_item(&customer.actor(), item).await?;
                }
                Ok::<_, shop_core::Error>(())
            })
        })
        .collect();
    for caller in callers {
        caller.await??;
    }
    Ok(started.elapsed())
}

/// An access token for each customer, like that of a sign-in.
pub(crate) fn tokens(customers: &[Customer]) -> Result<Vec<String>> {
    let signer = JwtSigner::new(&Keys::new(SECRET_KEY.as_bytes()));
    let now = SystemClock.now();
    let token = |customer: &Customer| {
        let claims = Claims {
            kind: TokenKind::Access,
            user: customer.user,
            session: customer.session,
            id: customer.session.0,
            issued_at: now,
            expires_at: now + TimeDelta::hours(12),
        };
        Ok(signer.sign(&claims)?.expose().to_owned())
    };
    customers.iter().map(token).collect()
}

/// The body of a request that orders the cart.
pub(crate) fn order(world: &World, gateway: &str) -> serde_json::Value {
    json!({
        "shipping_method_id": world.method,
        "payment_gateway": gateway,
        "shipping_address": {"first_name": "Ada", "last_name": "Lovelace", "line1": "12 St James's Square",
            "city": "New York", "region": "NY", "postal_code": "10001", "country": "US"},
    })
}
