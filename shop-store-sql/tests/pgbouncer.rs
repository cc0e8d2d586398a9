//! The suite of the core behind a pgbouncer in transaction mode, with fewer connections than the store assumes.

#![expect(clippy::unwrap_used, reason = "a test: what fails here fails it")]

use std::sync::{Arc, LazyLock};

use shop_core::conformance::Suite;
use shop_store_sql::testing::{Bouncer, Cluster};
use shop_store_sql::{PostgresOptions, PostgresStore};
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap());

static SERVERS: LazyLock<(Cluster, Bouncer)> = LazyLock::new(|| {
    let cluster = Cluster::start().unwrap();
    let bouncer = Bouncer::start(&cluster, 3).unwrap();
    (cluster, bouncer)
});

/// A store in its own database.
async fn store() -> Arc<PostgresStore> {
    let (cluster, bouncer) = &*SERVERS;
    let url = bouncer.url(&cluster.database().unwrap());
    let options = PostgresOptions::parse(&url).unwrap().max_connections(6).pgbouncer(true);
    Arc::new(PostgresStore::connect(options).await.unwrap())
}

fn suite() -> Suite {
    Suite::new(store).spawning(|racer| drop(RUNTIME.spawn(racer)))
}

shop_core::conformance_tests!(suite(), |case| RUNTIME.block_on(case));
