//! The core's conformance suite: every read, every write, the named conflict of every guard, and real races.

#![expect(clippy::unwrap_used, reason = "a test: what fails here fails it")]

mod support;

use std::sync::Arc;

use custom_store::RedbStore;
use shop_core::conformance::Suite;

/// A store in an unlinked file, which disappears when the store is dropped.
fn nameless() -> Arc<RedbStore> {
    let file = support::TemporaryFile::new();
    Arc::new(custom_store::open(file.path()).unwrap())
}

shop_core::conformance_tests!(Suite::new(|| async { nameless() }));
