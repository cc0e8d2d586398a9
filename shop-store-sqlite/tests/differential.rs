//! The same calls in the same order give the same answers as on the memory store.

use std::sync::Arc;

use shop_core::conformance::{Differential, block_on};
use shop_core::memory::MemoryStore;
use shop_core::store::Store;
use shop_store_sqlite::SqliteStore;

#[test]
fn memory_and_sqlite_answer_alike() {
    for seed in 1..=4 {
        let stores = [
            ("memory", Arc::new(MemoryStore::new()) as Arc<dyn Store>),
            ("sqlite", Arc::new(SqliteStore::temporary().unwrap())),
        ];
        block_on(async { Differential::begin(seed, stores).await.unwrap().play(2_500).await }).unwrap();
    }
}
