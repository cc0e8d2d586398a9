//! Orders in process, compared with a bare loop that only executes the statements.

use std::path::Path;
use std::sync::Arc;

use shop_core::Shop;
use shop_core::store::Store;
use shop_store_sqlite::SqliteStore;

use crate::SECRET_KEY;
use crate::support::bare::Loop;
use crate::support::places::place;
use crate::support::world::{Customer, Demand, World};
use crate::support::{CALLERS, Result};
use crate::table::median;

/// Orders per second.
pub(crate) struct Rates {
    /// The bare loop, spread over a thousand variants.
    pub(crate) bare: f64,
    /// The shop, spread over a thousand variants.
    pub(crate) spread: f64,
    /// The shop, all orders of the same two variants.
    pub(crate) hot: f64,
}

/// Opens a shop on a file.
pub(crate) async fn open(path: &Path) -> Result<(Arc<SqliteStore>, Shop)> {
    let store = Arc::new(SqliteStore::open(path)?);
    let shop = Shop::builder(Arc::clone(&store) as Arc<dyn Store>, SECRET_KEY.as_bytes()).open().await?;
    Ok((store, shop))
}

/// Measures the shop and the bare loop on two copies of one file in alternating rounds.
pub(crate) async fn measure(path: &Path, world: &World, rounds: usize, groups: usize) -> Result<Rates> {
    let (store, shop) = open(path).await?;
    let copy = path.with_extension("bare");
    store.backup(&copy)?;
    let bare_store = SqliteStore::open(&copy)?;
    let mut bare = Loop::open(&copy, world)?;
    let customers: Arc<[Customer]> = world.customers.iter().take(groups * CALLERS).copied().collect();
    let order_input = world.order_input();
    let (mut bares, mut spreads, mut hots) = (Vec::new(), Vec::new(), Vec::new());
    // The first round is the warm-up.
    for round in 0..=rounds {
        let carts = world.fill_carts(&bare_store, &customers, Demand::Spread).await?;
        let took = tokio::task::block_in_place(|| bare.place(world, &carts, &mut shop.context()))?;
        let bare = rate(customers.len(), took);
        world.fill_carts(store.as_ref(), &customers, Demand::Spread).await?;
        let spread = rate(customers.len(), place(&shop, &order_input, &customers).await?);
        world.fill_carts(store.as_ref(), &customers, Demand::Hot).await?;
        let hot = rate(customers.len(), place(&shop, &order_input, &customers).await?);
        if round > 0 {
            bares.push(bare);
            spreads.push(spread);
            hots.push(hot);
        }
    }
    bare_store.close().await?;
    std::fs::remove_file(&copy)?;
    Ok(Rates { bare: median(bares), spread: median(spreads), hot: median(hots) })
}

/// Measures the shop on two files in alternating rounds, and returns the rate of each.
pub(crate) async fn compare(
    (one, world_of_one): (&Path, &World),
    (other, world_of_other): (&Path, &World),
    rounds: usize,
    groups: usize,
) -> Result<(f64, f64)> {
    let sides = [(open(one).await?, world_of_one), (open(other).await?, world_of_other)];
    let mut rates = [Vec::new(), Vec::new()];
    // The first round is the warm-up.
    for round in 0..=rounds {
        for (rates, ((store, shop), world)) in rates.iter_mut().zip(&sides) {
            let customers: Arc<[Customer]> = world.customers.iter().take(groups * CALLERS).copied().collect();
            world.fill_carts(store.as_ref(), &customers, Demand::Spread).await?;
            let took = place(shop, &world.order_input(), &customers).await?;
            rates.extend((round > 0).then_some(rate(customers.len(), took)));
        }
    }
    let [one, other] = rates.map(median);
    Ok((one, other))
}

/// The number of operations per second.
#[expect(clippy::cast_precision_loss, reason = "counts here are small")]
pub(crate) fn rate(count: usize, took: std::time::Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}
