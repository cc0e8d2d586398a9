//! `cargo bench -p shop-store-sqlite`: orders of two lines, placed in process by 64 concurrent callers in a file with
//! `synchronous=FULL`, next to a bare loop that writes the same rows with the same grouping.
//!
//! Each benchmark measures one side only. For the ratio use `examples/load_run`, which alternates between the sides.

use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use shop_core::Shop;
use shop_store_sqlite::SqliteStore;
use tokio::runtime::Runtime;

use support::bare::Loop;
use support::places::place;
use support::world::{Demand, World};
use support::{CALLERS, Result};

mod support;

/// The number of orders in a round.
const ROUND: usize = CALLERS * 16;

struct Bench {
    runtime: Runtime,
    store: Arc<SqliteStore>,
    shop: Shop,
    world: World,
    bare: Loop,
    _directory: Directory,
}

/// A folder that is removed after the benchmark.
struct Directory(std::path::PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Bench {
    fn new() -> Result<Self> {
        let directory = std::env::temp_dir().join(format!("shop-bench-{}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        let runtime = Runtime::new()?;
        let path = directory.join("shop.sqlite3");
        let store = Arc::new(SqliteStore::open(&path)?);
        let open = Shop::builder(Arc::clone(&store) as Arc<dyn shop_core::store::Store>, &[7; 32]).open();
        let shop = runtime.block_on(open)?;
        let world = runtime.block_on(World::fill(store.as_ref(), 1_000, ROUND, "no password"))?;
        runtime.block_on(world.fill_orders(store.as_ref(), 1_000))?;
        let bare = Loop::open(&path, &world)?;
        Ok(Self { runtime, store, shop, world, bare, _directory: Directory(directory) })
    }

    /// One round of the shop.
    fn shop(&mut self, demand: Demand) -> Result<Duration> {
        let customers: Arc<[_]> = self.world.customers.as_slice().into();
        let order_input = self.world.order_input();
        self.runtime.block_on(async {
            self.world.fill_carts(self.store.as_ref(), &customers, demand).await?;
            place(&self.shop, &order_input, &customers).await
        })
    }

    /// One round of the bare loop.
    fn bare(&mut self, demand: Demand) -> Result<Duration> {
        let filling = self.world.fill_carts(self.store.as_ref(), &self.world.customers, demand);
        let carts = self.runtime.block_on(filling)?;
        self.bare.place(&self.world, &carts, &mut self.shop.context())
    }
}

fn measure(
    group: &mut BenchmarkGroup<'_, criterion::measurement::WallTime>,
    name: &str,
    mut round: impl FnMut() -> Result<Duration>,
) {
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|rounds| {
            let rounds = (0..rounds).map(|_| round().unwrap_or_else(|why| stop(&*why)));
            rounds.sum()
        });
    });
}

#[expect(clippy::panic, reason = "a benchmark that cannot run has nothing to measure")]
fn stop(why: &(dyn std::error::Error + Send + Sync)) -> Duration {
    panic!("{why}")
}

fn orders(criterion: &mut Criterion) {
    let mut bench = match Bench::new() {
        Ok(bench) => bench,
        Err(why) => {
            stop(&*why);
            return;
        }
    };
    let mut group = criterion.benchmark_group("orders");
    group.sampling_mode(SamplingMode::Flat).sample_size(10).throughput(Throughput::Elements(ROUND as u64));
    measure(&mut group, "bare, spread", || bench.bare(Demand::Spread));
    measure(&mut group, "shop, spread", || bench.shop(Demand::Spread));
    measure(&mut group, "shop, one hot pair", || bench.shop(Demand::Hot));
    group.finish();
}

criterion_group!(benches, orders);
criterion_main!(benches);
