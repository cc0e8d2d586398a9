//! The memory store keeps the contract of every store.

use std::sync::Arc;

use shop_core::conformance::{CASES, Suite, block_on};
use shop_core::memory::MemoryStore;

fn suite() -> Suite {
    Suite::new(|| async { Arc::new(MemoryStore::new()) })
}

shop_core::conformance_tests!(suite());

#[test]
fn one_call_runs_every_case() {
    let racing = suite().spawning(|racer| drop(std::thread::spawn(|| block_on(racer))));
    block_on(racing.run()).expect("the memory store passes");
}

#[test]
fn cases_have_names_of_their_own() {
    let mut names: Vec<_> = CASES.iter().map(|case| case.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), CASES.len());
    assert!(block_on(suite().check_named("no::such_case")).is_err());
}

/// A "new" store that was used before does not pass: the suite can fail.
#[test]
fn a_store_that_is_not_new_fails() {
    let used = Arc::new(MemoryStore::new());
    let suite = Suite::new(move || {
        let used = Arc::clone(&used);
        async move { used }
    });
    let failure = block_on(suite.run()).expect_err("the cases find each other's rows");
    assert!(failure.to_string().contains("inventory::"), "{failure}");
}
