//! The suite that every store runs: write your own store in a day.
//!
//! 1. **Read** [`crate::store::Store`]: its contract is short. Everything is in the traits that it is made of (one per
//!    domain, each with the reads and, as one enum, the writes), in [`crate::batch`], which says what a guard is and
//!    how a failed one is named, and in [`crate::page`].
//! 2. **Look at [`crate::memory`]**, the reference: each domain is one file of a hundred lines that does what the docs
//!    say and nothing else. Give your store the same files.
//! 3. **Use what the core gives you**, so that yours means the same: the folded keys to store beside the rows
//!    ([`Product::search_document`](crate::catalog::Product::search_document),
//!    [`Product::name_key`](crate::catalog::Product::name_key), [`User::search_text`](crate::accounts::User::search_text)),
//!    the rule of a stock delta ([`StockDelta::apply`](crate::inventory::StockDelta::apply)), the keys of every list
//!    ([`Listed`](crate::page::Listed)) and the links of its pages
//!    ([`PageRequest::page_by_cursor`](crate::page::PageRequest::page_by_cursor)).
//! 4. **Fuse each guard with its write.** Not "read, compare, write": an insert whose unique violation is the answer, an
//!    update with the version in its condition, a delta with its rule in the condition. The races of this suite are
//!    real and find the difference.
//! 5. **Run the suite**, from the first repository on: a failed case names what is missing. Turn the feature
//!    `conformance` on in your dev-dependencies, and the whole test is this:
//!
//!    ```
//!    # mod tests {
//!    use std::sync::Arc;
//!    use shop_core::conformance::Suite;
//!    use shop_core::memory::MemoryStore;
//!
//!    shop_core::conformance_tests!(Suite::new(|| async { Arc::new(MemoryStore::new()) }));
//!    # }
//!    ```
//!
//!    It makes one `#[test]` per case, in a module per domain. Every case asks for a store of its own, with nothing in
//!    it. Where tests are no good, [`Suite::run`] runs everything and answers with all failures.
//! 6. **If your store needs a runtime**, say where racing calls run ([`Suite::spawning`]) and how a test waits, as the
//!    second argument of the macro:
//!
//!    ```ignore
//!    fn suite() -> Suite {
//!        Suite::new(|| async { Arc::new(MyStore::connect().await) })
//!            .spawning(|racer| drop(RUNTIME.spawn(racer)))
//!    }
//!    shop_core::conformance_tests!(suite(), |case| RUNTIME.block_on(case));
//!    ```
//!
//! A store that passes keeps the shop's promises; what the suite cannot see is durability: `Ok` of a commit must mean
//! that it survives a crash.

mod accounts;
mod cart;
mod catalog;
mod fixtures;
mod generic;
mod lab;
mod search;

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, LocalBoxFuture};

use crate::store::Store;

pub use lab::{CaseResult, Failure, Lab, block_on};

/// The suite for one kind of store.
pub struct Suite {
    make: Box<dyn Fn() -> LocalBoxFuture<'static, Arc<dyn Store>>>,
    spawn: lab::Spawn,
}

impl Suite {
    /// The suite for the stores that `make` makes: each new, with nothing in it, and no other's.
    pub fn new<F, S>(make: impl Fn() -> F + 'static) -> Self
    where
        F: Future<Output = Arc<S>> + 'static,
        S: Store,
    {
        Self {
            make: Box::new(move || make().map(|store| store as Arc<dyn Store>).boxed_local()),
            spawn: Arc::new(|racer| drop(std::thread::spawn(|| block_on(racer)))),
        }
    }

    /// Runs the racing calls with `spawn`, which must begin them and return at once. Unless it is called, each runs on
    /// a thread of its own, outside of any runtime.
    #[must_use]
    pub fn spawning(self, spawn: impl Fn(BoxFuture<'static, ()>) + Send + Sync + 'static) -> Self {
        Self { spawn: Arc::new(spawn), ..self }
    }

    /// Runs one case on a new store.
    ///
    /// # Errors
    /// What the store does wrong.
    pub async fn check(&self, case: &Case) -> CaseResult {
        let store = (self.make)().await;
        (case.run)(Lab::new(store, Arc::clone(&self.spawn))).await
    }

    /// Runs the case with this name ([`Case::name`]).
    ///
    /// # Errors
    /// What the store does wrong, or that there is no such case.
    pub async fn check_named(&self, name: &str) -> CaseResult {
        match CASES.iter().find(|case| case.name == name) {
            Some(case) => self.check(case).await,
            None => Err(Failure::new(format!("there is no case {name}"))),
        }
    }

    /// Runs every case, each on a new store.
    ///
    /// # Errors
    /// All that the store does wrong, by case.
    pub async fn run(&self) -> CaseResult {
        let mut failures = String::new();
        for case in CASES {
            if let Err(failure) = self.check(case).await {
                failures = format!("{failures}{}: {failure}\n", case.name);
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(Failure::new(failures)) }
    }
}

/// One thing that every store must do.
pub struct Case {
    /// Its domain and what it is about: `accounts::people_live`.
    pub name: &'static str,
    run: fn(Lab) -> LocalBoxFuture<'static, CaseResult>,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Names every case once, for what is made of the list.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_cases {
    ($($then:tt)+) => {
        $($then)+! {
            accounts: [
                people_live,
                people_are_found_by_their_keys,
                people_have_keys_of_their_own,
                people_are_filtered,
                people_are_paged,
                sessions_live,
                a_session_comes_with_its_person,
                a_live_session_can_be_required,
                codes_are_spent,
            ]
            catalog: [
                products_live,
                products_are_found,
                slugs_and_skus_are_taken_once,
                categories_live,
                categories_are_found_by_slug,
                a_deleted_category_hands_on_its_children,
                the_tree_changes_from_version_to_version,
                products_are_filtered,
                products_are_filtered_by_stock,
                products_are_paged,
                categories_are_paged,
            ]
            search: [
                all_words_match_as_prefixes,
                words_are_words_and_no_syntax,
                skus_are_found,
                the_field_that_matched_decides_the_rank,
                a_changed_product_is_found_by_its_new_words,
                what_is_found_is_paged,
            ]
            cart: [
                carts_live,
                a_cart_can_be_emptied,
                a_customer_has_one_open_cart,
            ]
        }
    };
}

macro_rules! cases {
    ($($domain:ident: [$($case:ident),+ $(,)?])+) => {
        /// Every case of the suite.
        pub const CASES: &[Case] = &[$($(
            Case {
                name: concat!(stringify!($domain), "::", stringify!($case)),
                run: |lab| $domain::$case(lab).boxed_local(),
            },
        )+)+];
    };
}

crate::__conformance_cases!(cases);

/// Emits one `#[test]` per case, in a module per domain, for a [`Suite`](crate::conformance::Suite). The second
/// argument, if there is one, runs a future to its end (see [the guide](crate::conformance)).
#[macro_export]
macro_rules! conformance_tests {
    ($suite:expr) => {
        $crate::conformance_tests!($suite, $crate::conformance::block_on);
    };
    ($suite:expr, $block_on:expr) => {
        fn __conformance_check(name: &str) -> $crate::conformance::CaseResult {
            let suite: $crate::conformance::Suite = $suite;
            ($block_on)(suite.check_named(name))
        }
        $crate::__conformance_cases!($crate::__conformance_modules);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_modules {
    ($($domain:ident: [$($case:ident),+ $(,)?])+) => {$(
        mod $domain {
            $(
                #[test]
                fn $case() -> $crate::conformance::CaseResult {
                    super::__conformance_check(concat!(stringify!($domain), "::", stringify!($case)))
                }
            )+
        }
    )+};
}
