//! The shop's storage in Postgres, for any number of servers beside each other.
//!
//! [`PostgresStore`] implements [`shop_core::store::Store`]: reads that many callers ask for at once share statements,
//! and commits are grouped into transactions. It needs Postgres 13 or later, a database in UTF-8, no extension, and a role
//! that may create tables in its schema (see [`PostgresStore::connect`]).
//!
//! ```no_run
//! use shop_core::store::Store as _;
//! use shop_store_sql::{Options, PostgresStore};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let options = Options::parse("postgres://shop:secret@localhost/shop")?.max_connections(20);
//! let store = PostgresStore::connect(options).await?;
//! store.ping().await?;
//! store.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! # The rooms
//! One file for each thing, below `postgres/`; its `mod.rs` is the map. The reads of a domain stand in the file of its
//! name, its writes in the file of the same name below `commit/`. `migrations/postgres/` holds the schema;
//! the feature `testing` gives a throw-away Postgres for tests.
//!
//! # What a read costs
//! Every read of the repository traits is one statement, also those of several rows or tables that must agree: child rows
//! (variants, lines, refunds) come as JSON in the row of their parent. The counts of lists are kept and come
//! with a page by number; what is not kept (of a search, say) is counted by a second statement, once until the list changes. Behind a pgbouncer a read is a transaction.
//!
//! A round trip costs far more than what it looks up, on both sides of it, and one for many keys hardly more than one for
//! a key. So the reads that many callers make at once share them: a session with its person, a person, products (by id, by
//! variant), a cart (by id, by customer), an order, the payments and parcels of orders, stock levels, a method with its
//! zone, the tariff, the rules of prices, and answers. One flight of a kind is under way; whoever comes meanwhile flies with
//! the next. A lone caller waits for nobody, and a read never joins a flight that began before it.
//!
//! # Adding a repository method
//! 1. Give it to the core's trait, with its contract, to the memory store, and to the conformance suite.
//! 2. Implement it in the file of its domain: `first` and `all` read records, `List` a page, `loader` what is hot. Text from
//!    outside that is compared goes through `is_storable` (the helpers do it): Postgres knows no NUL character.
//! 3. Does it filter or order by something new? Add the index, in a new file below `migrations/postgres/` that is named in
//!    `migrate`. A migration that was released is never changed. Give every table, key and index a name of its own.
//! 4. Call it in `plans.rs` with every filter, and in `tests/reads.rs`: the tests there fail when a statement reads a whole
//!    table, and when the read takes more than one.

mod postgres;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use postgres::{OpenError, Options, PostgresRows, PostgresStore, Standby};
