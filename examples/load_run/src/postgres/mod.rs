//! The shop on Postgres, compared with `pgbench` and a bare server on a database with the same rows.

mod bare_server;

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use shop_core::Shop;
use shop_core::store::Store;
use shop_store_sql::testing::{Cluster, ClusterOptions, execute, program, texts};
use shop_store_sql::{PostgresOptions, PostgresStore};
use tokio::process::Command;

use crate::catalog::product_requests;
use crate::client::send_for;
use crate::orders::rate;
use crate::process::Server;
use crate::sign_ins::password_hash;
use crate::support::places::place_by;
use crate::support::world::{Customer, Demand, World};
use crate::support::{CALLERS, Result};
use crate::table::{Figure, median};
use crate::{SECRET_KEY, Scale, lists};

pub(crate) use bare_server::serve;

/// The number of parallel buyers.
const BUYERS: usize = 32;

/// Rates per second: baseline and shop.
pub(crate) struct Rates {
    /// Orders, spread over a thousand variants.
    pub(crate) spread: (f64, f64),
    /// Orders, all of one contended pair of variants.
    pub(crate) hot: (f64, f64),
    /// `GET /catalog/products/{id}/`.
    pub(crate) product: (f64, f64),
}

/// Starts a durable cluster, fills a shop, and measures both sides in alternating rounds, each in its own database.
pub(crate) async fn measure(
    rounds: usize,
    (groups, length): (usize, Duration),
    (products, orders): (usize, usize),
    hash: &str,
) -> Result<Rates> {
    let cluster = ClusterOptions::new().durable(true).setting("shared_buffers", "256MB").start()?;
    let url = cluster.database()?;
    let store = Arc::new(PostgresStore::connect(PostgresOptions::parse(&url)?).await?);
    let shop = Shop::builder(Arc::clone(&store) as Arc<dyn Store>, SECRET_KEY.as_bytes()).open().await?;
    let world = World::fill(store.as_ref(), products, groups * CALLERS, hash).await?;
    world.fill_orders(store.as_ref(), orders).await?;
    // Plans made for empty tables would slow everything down.
    execute(&url, "ANALYZE")?;
    let bare = bare_database(&cluster, products, orders, hash).await?;

    let customers: Arc<[Customer]> = world.customers.iter().copied().collect();
    let order_input = world.order_input();
    let mut rates = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
    // The first round is the warm-up.
    for round in 0..=rounds {
        let [bare_spread, spread, bare_hot, hot] = &mut rates;
        for (demand, bares, ours) in [(Demand::Spread, bare_spread, spread), (Demand::Hot, bare_hot, hot)] {
            let limit = pgbench(&bare, demand, length).await?;
            world.fill_carts(store.as_ref(), &customers, demand).await?;
            let took = place_by(BUYERS, &shop, &order_input, &customers).await?;
            if round > 0 {
                bares.push(limit);
                ours.push(rate(customers.len(), took));
            }
        }
    }
    let [bare_spread, spread, bare_hot, hot] = rates.map(median);
    let deadlocks = texts(&url, "SELECT sum(deadlocks)::text FROM pg_stat_database")?;
    if deadlocks.iter().any(|count| count != "0") {
        return Err(format!("there were {deadlocks:?} deadlocks").into());
    }

    let requests = product_requests(&world);
    let (bare, shop) = (Server::bare_on_postgres(&url).await?, Server::shop_on_postgres(&url).await?);
    let mut rates = [Vec::new(), Vec::new()];
    for round in 0..=rounds {
        for (rates, server) in rates.iter_mut().zip([&bare, &shop]) {
            let rate = send_for(server.address, CALLERS, &requests, length).await?;
            rates.extend((round > 0).then_some(rate));
        }
    }
    let [bare_product, product] = rates.map(median);
    store.close().await;
    Ok(Rates { spread: (bare_spread, spread), hot: (bare_hot, hot), product: (bare_product, product) })
}

/// Compares the lists of a large shop with those of a small one, each in its own database.
pub(crate) async fn lists(scale: Scale) -> Result<Vec<Figure>> {
    let cluster = ClusterOptions::new().setting("shared_buffers", "256MB").start()?;
    let hash = password_hash().await?;
    let mut shops = Vec::new();
    for (products, orders) in [(scale.products, scale.orders), (scale.large_products, scale.large_orders)] {
        let url = cluster.database()?;
        let store = Arc::new(PostgresStore::connect(PostgresOptions::parse(&url)?).await?);
        let shop = Shop::builder(Arc::clone(&store) as Arc<dyn Store>, SECRET_KEY.as_bytes()).open().await?;
        let world = World::fill(store.as_ref(), products, scale.groups * CALLERS, &hash).await?;
        world.fill_orders(store.as_ref(), orders).await?;
        lists::fill_movements(&shop, &world, orders).await?;
        execute(&url, "VACUUM ANALYZE")?;
        shops.push((store, shop));
    }
    let [(small_store, small), (large_store, large)] = shops.as_slice() else {
        return Err("two shops were made".into());
    };
    let figures = lists::measure("Postgres", (small, scale.products), (large, scale.large_products), scale).await?;
    small_store.close().await;
    large_store.close().await;
    Ok(figures)
}

/// Creates a database with the same number of rows, and the function that writes the rows of an order.
async fn bare_database(cluster: &Cluster, products: usize, orders: usize, hash: &str) -> Result<String> {
    let url = cluster.database()?;
    let store = Arc::new(PostgresStore::connect(PostgresOptions::parse(&url)?).await?);
    // Opening a new shop creates its default location.
    Shop::builder(Arc::clone(&store) as Arc<dyn Store>, SECRET_KEY.as_bytes()).open().await?;
    let world = World::fill(store.as_ref(), products, CALLERS, hash).await?;
    world.fill_orders(store.as_ref(), orders).await?;
    store.close().await;
    execute(&url, include_str!("bare.sql"))?;
    Ok(url)
}

/// The transactions per second of `pgbench` with [`BUYERS`] clients.
async fn pgbench(url: &str, demand: Demand, length: Duration) -> Result<f64> {
    let script = std::env::temp_dir().join(format!("shop-pgbench-{}.sql", std::process::id()));
    std::fs::write(&script, format!("SELECT bare_place({});\n", demand == Demand::Hot))?;
    let output = Command::new(program("pgbench")?)
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
        .arg(format!("--client={BUYERS}"))
        .arg(format!("--time={}", length.as_secs().max(1)))
        .arg(format!("--file={}", script.display()))
        .arg(url)
        .stdin(Stdio::null())
        .output()
        .await?;
    std::fs::remove_file(&script)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let rate = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    rate.ok_or_else(|| format!("pgbench said {text} {}", String::from_utf8_lossy(&output.stderr)).into())
}
