//! The conformance suite that every store runs, and a guide to writing your own store in a day.
//!
//! 1. **Read** [`crate::store::Store`]: its contract is short. The rest is in the traits that it consists of (one per
//!    domain, with the reads and, as one enum, the writes), in [`crate::batch`], which defines guards and how a failed
//!    one is reported, and in [`crate::page`].
//! 2. **Does your engine store rows by key, with transactions?** Then the core already has the store:
//!    [`TableStore`](crate::memory::TableStore) on an [`Engine`](crate::memory::Engine) of about a hundred lines. The
//!    guide in `examples/custom_store` walks through one. Continue with step 6.
//! 3. **Otherwise look at [`crate::memory`]**, the reference: each domain is one file of about a hundred lines that
//!    does what the docs say and nothing else. Give your store the same files.
//! 4. **Use what the core provides**, so that your store behaves the same: the folded keys to store with the rows
//!    ([`Product::search_document`](crate::catalog::Product::search_document),
//!    [`Product::name_key`](crate::catalog::Product::name_key),
//!    [`User::search_text`](crate::accounts::User::search_text)), the rule of a stock delta
//!    ([`StockDelta::apply`](crate::inventory::StockDelta::apply)), the keys of every list
//!    ([`Sortable`](crate::page::Sortable)) and the links of its pages
//!    ([`PageRequest::page_by_cursor`](crate::page::PageRequest::page_by_cursor)).
//! 5. **Fuse each guard with its write.** Do not read, compare and then write. Use an insert whose unique violation is
//!    the answer, an update with the version in its condition, a delta with its rule in the condition. The races of
//!    this suite are real and find the difference.
//! 6. **Run the suite**, from the first repository on: a failed case says what is missing. Enable the feature
//!    `conformance` in your dev-dependencies. The whole test is this:
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
//!    It creates one `#[test]` per case, in a module per domain. Every case asks for a new, empty store. Outside of
//!    tests, [`Suite::run`] runs everything and returns all failures.
//! 7. **If your store needs a runtime**, define where racing calls run ([`Suite::spawning`]), and how a test waits with
//!    the second argument of the macro:
//!
//!    ```text
//!    fn suite() -> Suite {
//!        Suite::new(|| async { Arc::new(MyStore::connect().await) })
//!            .spawning(|racer| drop(RUNTIME.spawn(racer)))
//!    }
//!    shop_core::conformance_tests!(suite(), |case| RUNTIME.block_on(case));
//!    ```
//!
//! A store that passes keeps the shop's promises, except for durability, which the suite cannot observe: `Ok` from a
//! commit must mean that it survives a crash.

mod accounts;
mod batch;
mod cart;
mod catalog;
mod details;
mod differential;
mod drafts;
mod every_read;
mod fixtures;
mod generic;
mod inventory;
mod lab;
mod lists;
mod orders;
mod outbox;
mod paging;
mod payments;
mod pricing;
mod promotions;
mod races;
mod returns;
mod rows;
mod search;
mod shipping;
mod stock;
mod taxes;
mod webhooks;

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, LocalBoxFuture};

use crate::store::Store;

pub use differential::Differential;
pub use every_read::every_read;
use lab::Lab;
pub use lab::{CaseFailure, CaseResult, block_on};

/// The suite for one kind of store.
pub struct Suite {
    make: Box<dyn Fn() -> LocalBoxFuture<'static, Arc<dyn Store>>>,
    spawn: lab::Spawn,
}

impl Suite {
    /// The suite for the stores that `make` creates. Each must be new, empty, and independent of the others.
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

    /// Runs racing calls with `spawn`, which must start them and return at once. By default, each runs on its own
    /// thread, outside any runtime.
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
    /// What the store does wrong, or that no such case exists.
    pub async fn check_named(&self, name: &str) -> CaseResult {
        match CASES.iter().find(|case| case.name == name) {
            Some(case) => self.check(case).await,
            None => Err(CaseFailure::new(format!("there is no case {name}"))),
        }
    }

    /// Runs every case, each on a new store.
    ///
    /// # Errors
    /// Everything that the store does wrong, by case.
    pub async fn run(&self) -> CaseResult {
        let mut failures = String::new();
        for case in CASES {
            if let Err(failure) = self.check(case).await {
                failures = format!("{failures}{}: {failure}\n", case.name);
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(CaseFailure::new(failures)) }
    }
}

/// One requirement that every store must meet.
pub struct Case {
    /// The domain and the topic, such as `accounts::people_live`.
    pub name: &'static str,
    run: fn(Lab) -> LocalBoxFuture<'static, CaseResult>,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Lists every case once, for the macros that use the list.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_cases {
    ($($then:tt)+) => {
        $($then)+! {
            batch: [
                an_empty_store_answers,
                a_snapshot_stays_as_it_was,
                the_fingerprint_of_the_key_is_kept,
                a_batch_is_applied_whole_or_not_at_all,
                a_batch_happens_once,
                a_refused_batch_leaves_no_trace,
                the_first_failed_guard_is_named,
                the_first_unique_key_is_named,
                a_requirement_holds_before_the_writes,
                a_write_sees_those_before_it,
                a_large_batch_passes,
            ]
            accounts: [
                people_live,
                people_are_found_by_their_keys,
                people_have_keys_of_their_own,
                people_are_filtered,
                people_are_paged,
                sessions_live,
                a_session_comes_with_its_person,
                a_live_session_can_be_required,
                an_active_person_can_be_required,
                unproven_people_are_found_by_when_they_joined,
                days_have_counts,
                codes_are_spent,
            ]
            catalog: [
                products_live,
                products_are_found,
                products_are_found_by_their_exact_names,
                prices_are_kept_by_variant,
                prices_that_ended_are_forgotten,
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
            promotions: [
                promotions_live,
                a_code_is_taken_once,
                uses_are_counted_under_their_limit,
                promotions_are_listed,
            ]
            taxes: [
                tax_rates_live,
                a_class_has_one_rate_at_a_place,
            ]
            pricing: [
                the_rules_of_a_price_are_read_at_once,
            ]
            cart: [
                carts_live,
                a_cart_can_be_emptied,
                a_customer_has_one_open_cart,
                carts_that_guests_left_are_found,
            ]
            orders: [
                orders_live,
                lines_never_change,
                a_cart_becomes_one_order,
                history_is_a_timeline,
                overdue_orders_come_in_their_order,
                orders_of_guests_are_found_and_claimed,
                orders_are_filtered,
                orders_are_searched,
                orders_are_paged,
            ]
            drafts: [
                drafts_live,
                drafts_are_paged,
                a_draft_ends_once,
            ]
            returns: [
                returns_live,
                returns_are_found,
                returns_are_paged,
                goods_are_returned_once,
            ]
            payments: [
                payments_live,
                an_order_has_one_live_payment,
                refunds_have_ids_of_their_own,
                payments_are_found_by_order,
                payments_are_found_by_reference,
                payments_due_for_poll_come_in_order,
                payments_are_filtered,
                payments_are_paged,
            ]
            shipping: [
                addresses_live,
                a_person_has_one_default_address,
                an_address_book_has_a_limit,
                address_books_are_paged,
                zones_live,
                methods_live,
                a_method_needs_its_zone,
                shipping_rates_are_read_whole,
                zones_and_methods_are_paged,
                parcels_live,
                shipments_are_found,
                shipments_are_paged,
            ]
            inventory: [
                locations_live,
                a_location_has_a_code_of_its_own,
                exactly_one_location_is_the_default,
                a_location_with_stock_stays,
                locations_are_listed,
                stock_comes_by_priority,
                stock_is_listed,
                the_ledger_is_listed,
                reservations_live,
                reservations_are_listed,
            ]
            stock: [
                levels_are_added_once,
                levels_follow_a_new_sku,
                a_delta_is_judged_where_it_is_written,
                backorders_are_counted,
                backorders_can_be_switched_off,
                a_delta_needs_its_level,
                settings_keep_the_counts,
                an_untracked_level_can_be_required,
            ]
            outbox: [
                events_wait_until_they_are_relayed,
                deliveries_live,
                every_mail_comes_back,
                deliveries_of_one_thing_wait_in_line,
                idempotency_records_are_found_by_their_key,
                what_is_done_is_forgotten,
                what_was_given_up_is_forgotten_later,
                sessions_that_are_over_are_forgotten,
            ]
            webhooks: [
                webhooks_live,
                active_webhooks_are_told,
                webhooks_are_paged,
                deliveries_are_listed_by_receiver,
                a_webhook_takes_along_what_waits_for_it,
                nothing_waits_for_a_deleted_webhook,
            ]
            details: [
                shop_details_live,
                there_is_one_row_of_details,
            ]
            paging: [
                an_empty_list_has_one_empty_page,
                a_cursor_stands_between_results,
                nothing_lies_beyond_the_end,
                a_made_up_cursor_does_no_harm,
            ]
            lists: [
                products_come_into_stock_and_go_out_of_it,
                products_move_between_lists,
                counts_follow_orders_and_payments,
                counts_follow_people_and_the_ledger,
                pages_by_number_are_those_of_the_moment,
                a_product_is_out_of_stock_when_all_have_taken_the_last,
            ]
            races: [
                the_last_unit_is_sold_once,
                a_limit_of_uses_is_reached_and_not_passed,
                uses_that_come_and_go_add_up,
                a_cart_becomes_one_order,
                a_key_has_one_record,
                one_submission_happens_once,
                a_name_is_taken_once,
                an_address_book_is_filled_up_to_its_limit,
                opposite_orders_do_not_deadlock,
                no_more_is_refunded_than_was_captured,
                a_delivery_is_claimed_once,
                a_code_is_tried_as_often_as_allowed,
                a_day_counts_as_often_as_allowed,
                a_read_sees_a_batch_whole,
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

/// Generates one `#[test]` per case, in a module per domain, for a [`Suite`](crate::conformance::Suite). The optional
/// second argument runs a future to its end (see [the guide](crate::conformance)).
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
