//! The memory store keeps the contract of every store.

use std::sync::Arc;

use shop_core::conformance::Suite;
use shop_core::memory::MemoryStore;

shop_core::conformance_tests!(Suite::new(|| async { Arc::new(MemoryStore::new()) }));
