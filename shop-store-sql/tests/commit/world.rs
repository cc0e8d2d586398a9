//! A database with a store, and batches to commit to it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use futures_util::future::join_all;
use shop_core::batch::{Batch, Change, RowWrite, Write};
use shop_core::clock::{Clock as _, DecisionContext, SystemClock};
use shop_core::id::{LocationId, OrderId, VariantId};
use shop_core::idempotency::{IdempotencyRecord, IdempotencyRecordKey};
use shop_core::inventory::{InventoryWrite, Location, StockDelta, StockLevel};
use shop_core::orders::{HistoryEntry, OrdersWrite};
use shop_core::store::{CommitError, Store as _};
use shop_store_sql::testing::Cluster;
use shop_store_sql::{PostgresOptions, PostgresStore};
use tokio::runtime::{Builder, Runtime};

pub(crate) static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap());

/// Runs a test to its end.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    RUNTIME.block_on(test)
}

/// A new database.
pub(crate) fn database() -> String {
    Cluster::shared().unwrap().migrated().unwrap()
}

/// A store of this database.
pub(crate) async fn connect(url: &str) -> Arc<PostgresStore> {
    let options = PostgresOptions::parse(url).unwrap().max_connections(6);
    Arc::new(PostgresStore::connect(options).await.unwrap())
}

/// A decision context with its own seed, for all ids and times of a test.
pub(crate) fn context() -> DecisionContext {
    static DRAWN: AtomicU64 = AtomicU64::new(1);
    let mut seed = [3; 32];
    let number = DRAWN.fetch_add(1, Ordering::Relaxed).to_le_bytes();
    seed.iter_mut().zip(number).for_each(|(to, from)| *to = from);
    DecisionContext::new(SystemClock.now(), seed)
}

/// A batch of these writes.
pub(crate) fn batch(writes: impl IntoIterator<Item = Write>) -> Batch {
    Batch { writes: writes.into_iter().collect(), ..Batch::new(&mut context()) }
}

/// Creates a location with this many levels, each with `on_hand` units.
pub(crate) async fn stock(store: &PostgresStore, levels: usize, on_hand: i64) -> Vec<StockLevel> {
    let mut context = context();
    let location = Location {
        id: context.id(),
        name: "Home".to_owned(),
        code: "home".to_owned(),
        country: None,
        priority: 0,
        is_default: true,
        created_at: context.now(),
        version: 1,
    };
    let level = |number| StockLevel {
        variant_id: context.id(),
        product_id: context.id(),
        sku: format!("SKU-{number}"),
        location_id: location.id,
        on_hand,
        reserved: 0,
        backordered: 0,
        low_stock_threshold: 0,
        tracked: true,
        backorder: false,
    };
    let levels: Vec<_> = (0..levels).map(level).collect();
    store.commit(Arc::new(batch([RowWrite::Location(Change::Insert(location)).into()]))).await.unwrap();
    let add = levels.iter().cloned().map(|level| InventoryWrite::InsertLevel(level).into());
    store.commit(Arc::new(batch(add))).await.unwrap();
    levels
}

/// Reserves units of a level.
pub(crate) fn take(level: &StockLevel, quantity: i64) -> Write {
    let (variant_id, location_id): (VariantId, LocationId) = (level.variant_id, level.location_id);
    InventoryWrite::Delta(StockDelta { variant_id, location_id, on_hand: 0, reserved: quantity }).into()
}

/// An entry in the history of an order (which need not exist).
pub(crate) fn entry(order: OrderId) -> Write {
    let mut context = context();
    let (event, actor, detail) = ("placed".to_owned(), "guest".to_owned(), "It was placed.".to_owned());
    OrdersWrite::History(HistoryEntry {
        id: context.id(),
        order_id: order,
        at: context.now(),
        event,
        actor,
        detail,
        visible: true,
    })
    .into()
}

/// An idempotency record under this key.
pub(crate) fn idempotency_record(key: &str) -> Write {
    let key = IdempotencyRecordKey { caller: "cart:1".to_owned(), operation: "test".to_owned(), key: key.to_owned() };
    IdempotencyRecord { key, fingerprint: [1; 32], outcome: "{}".to_owned(), created_at: SystemClock.now() }.into()
}

/// Commits all batches concurrently. The results have the order of the batches.
pub(crate) async fn commit_all(store: &Arc<PostgresStore>, batches: Vec<Batch>) -> Vec<Result<(), CommitError>> {
    let commits = batches.into_iter().map(|batch| {
        let store = Arc::clone(store);
        tokio::spawn(async move { store.commit(Arc::new(batch)).await })
    });
    let commits: Vec<_> = commits.collect();
    join_all(commits).await.into_iter().map(Result::unwrap).collect()
}

/// The number of reserved units of a level.
pub(crate) async fn reserved(store: &PostgresStore, level: &StockLevel) -> i64 {
    use shop_core::inventory::InventoryRepository as _;
    store.stock_of(&[level.variant_id]).await.unwrap().first().unwrap().reserved
}

/// The number of entries in the history of an order.
pub(crate) async fn entries(store: &PostgresStore, order: OrderId) -> usize {
    use shop_core::orders::OrdersRepository as _;
    store.history(order).await.unwrap().len()
}
