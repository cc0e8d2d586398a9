//! The same calls in the same order give the same answers on memory, SQLite and Postgres.

use std::sync::Arc;

use shop_core::conformance::Differential;
use shop_core::memory::MemoryStore;
use shop_core::store::Store;
use shop_store_sql::testing::Cluster;
use shop_store_sql::{PostgresOptions, PostgresStore};
use shop_store_sqlite::SqliteStore;

#[tokio::test(flavor = "multi_thread")]
async fn memory_sqlite_and_postgres_answer_alike() {
    for seed in 11..=12 {
        let url = Cluster::shared().unwrap().migrated().unwrap();
        let stores = [
            ("memory", Arc::new(MemoryStore::new()) as Arc<dyn Store>),
            ("sqlite", Arc::new(SqliteStore::temporary().unwrap())),
            ("postgres", Arc::new(PostgresStore::connect(PostgresOptions::parse(&url).unwrap()).await.unwrap())),
        ];
        Differential::begin(seed, stores).await.unwrap().play(1_500).await.unwrap();
    }
}
