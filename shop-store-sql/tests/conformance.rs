//! The suite of the core, on a real Postgres.

#![expect(clippy::unwrap_used, reason = "a test: what fails here fails it")]

use std::sync::{Arc, LazyLock};

use shop_core::conformance::Suite;
use shop_store_sql::testing::Cluster;
use shop_store_sql::{PostgresOptions, PostgresStore};
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap());

/// A store in its own database.
async fn store() -> Arc<PostgresStore> {
    let url = Cluster::shared().unwrap().migrated().unwrap();
    let options = PostgresOptions::parse(&url).unwrap().max_connections(6);
    Arc::new(PostgresStore::connect(options).await.unwrap())
}

fn suite() -> Suite {
    Suite::new(store).spawning(|racer| drop(RUNTIME.spawn(racer)))
}

shop_core::conformance_tests!(suite(), |case| RUNTIME.block_on(case));
