//! The suite of the core: every read, every write, every guard's named conflict, and real races.

#![expect(clippy::unwrap_used, reason = "a test: what fails here fails it")]

mod support;

use std::sync::Arc;

use custom_store::RedbStore;
use shop_core::conformance::Suite;

/// A store in a file that has lost its name: it goes away with the store.
fn nameless() -> Arc<RedbStore> {
    let file = support::TemporaryFile::new();
    Arc::new(custom_store::open(file.path()).unwrap())
}

shop_core::conformance_tests!(Suite::new(|| async { nameless() }));
