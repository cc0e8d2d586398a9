//! The suite of the core, once without a runtime around it and once inside one.

#![expect(clippy::unwrap_used, reason = "a test: what fails here fails it")]

use std::sync::{Arc, LazyLock};

use shop_core::conformance::Suite;
use shop_store_sqlite::SqliteStore;
use tokio::runtime::{Builder, Runtime};

mod without_a_runtime {
    use super::*;

    shop_core::conformance_tests!(Suite::new(|| async { Arc::new(SqliteStore::temporary().unwrap()) }));
}

mod inside_tokio {
    use super::*;

    static RUNTIME: LazyLock<Runtime> =
        LazyLock::new(|| Builder::new_multi_thread().worker_threads(4).build().unwrap());

    fn suite() -> Suite {
        Suite::new(|| async { Arc::new(SqliteStore::temporary().unwrap()) })
            .spawning(|racer| drop(RUNTIME.spawn(racer)))
    }

    shop_core::conformance_tests!(suite(), |case| RUNTIME.block_on(case));
}
