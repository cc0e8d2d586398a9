//! A store for the shop in Postgres, for any number of servers at once.
//!
//! [`PostgresStore`] implements [`shop_core::store::Store`]. Concurrent reads share statements, and commits are grouped
//! into transactions. It needs Postgres 13 or later, a database in UTF-8, no extension, and a role that may create
//! tables in its schema (see [`PostgresStore::connect`]).
//!
//! ```no_run
//! use shop_core::store::Store as _;
//! use shop_store_sql::{PostgresOptions, PostgresStore};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let options = PostgresOptions::parse("postgres://shop:secret@localhost/shop")?.max_connections(20);
//! let store = PostgresStore::connect(options).await?;
//! store.ping().await?;
//! store.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Modules
//! - `store`: [`PostgresStore`].
//! - `options`, `pool`, `migrate`, `error`, `tls`, `pause`: connections, their errors, and when to retry. The schema is
//!   in `migrations/`.
//! - `read`, `rows`, `paging`, `batching`: shared by all reads: statements, values in columns, pages, and request
//!   batches of many keys.
//! - `accounts`, `catalog`, `promotions`, `taxes`, `cart`, `orders`, `payments`, `shipping`, `inventory`, `outbox`,
//!   `webhooks`, `details`: the reads of each domain, under the core's names. `pricing`: the read that prices are
//!   computed from.
//! - `list_counts`: counts that are stored with the rows. `listed`: product lists.
//! - `commit`: the writes, with a file per domain too.
//! - `limits`: rate limits shared by all servers.
//! - `transfer`: reads and writes rows unchanged, to move a shop to or from this store.
//! - `testing` (feature): a temporary Postgres for tests.
//!
//! # What a read costs
//! Every read of the repository traits is one statement, even if it reads several rows or tables that must agree: child
//! rows (variants, lines, refunds) arrive as JSON in their parent's row. List counts are stored and come with a page by
//! number. A count that is not stored (of a search, for example) takes a second statement, whose result is remembered
//! until the list changes. Behind pgbouncer, a read is a transaction.
//!
//! A round trip costs both sides far more than the lookup itself, and a lookup of many keys costs hardly more than one
//! of a single key. So concurrent reads of the same kind share statements: a session with its user, users, products (by
//! id, by variant), carts (by id, by customer), orders, the payments and shipments of orders, stock levels, a method
//! with its zone, shipping rates, price rules, and idempotency records. One request batch of a kind runs at a time;
//! reads that arrive meanwhile join the next one. A lone caller does not wait, and a read never joins a batch that
//! started before it.
//!
//! # Adding a repository method
//! 1. Add it to the core's trait with its contract, to the memory store, and to the conformance suite.
//! 2. Implement it in the file of its domain. `first` and `all` read records, `ListQuery` reads a page, and `loader`
//!    serves hot reads. Text from outside that is compared must pass `is_storable` (the helpers do this), because
//!    Postgres text cannot contain NUL.
//! 3. If it filters or orders by something new, add an index in a new file in `migrations/` and name that file in
//!    `migrate`. Never change a released migration. Name every table, key and index explicitly.
//! 4. Call it in `plans.rs` with every filter, and in `tests/reads.rs`. The tests there fail if a statement scans a
//!    whole table or if the read takes more than one statement.

mod accounts;
mod batching;
mod cart;
mod catalog;
mod commit;
mod details;
mod error;
mod inventory;
mod limits;
mod list_counts;
mod listed;
mod migrate;
mod options;
mod orders;
mod outbox;
mod paging;
mod pause;
mod payments;
#[cfg(test)]
mod plans;
mod pool;
mod pricing;
mod promotions;
mod read;
mod rows;
mod shipping;
mod store;
mod taxes;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod tls;
mod transfer;
mod webhooks;

pub use error::{OpenError, Standby};
pub use options::PostgresOptions;
pub use store::PostgresStore;
pub use transfer::PostgresRows;
