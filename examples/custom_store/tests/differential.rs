//! The same calls in the same order give the same results as on the memory store.

mod support;

use std::sync::Arc;

use shop_core::conformance::{Differential, block_on};
use shop_core::memory::MemoryStore;
use shop_core::store::Store;

#[test]
fn memory_and_redb_answer_alike() {
    for seed in 1..=2 {
        let file = support::TemporaryFile::new();
        let stores = [
            ("memory", Arc::new(MemoryStore::new()) as Arc<dyn Store>),
            ("redb", Arc::new(custom_store::open(file.path()).unwrap())),
        ];
        block_on(async { Differential::begin(seed, stores).await.unwrap().play(800).await }).unwrap();
    }
}
