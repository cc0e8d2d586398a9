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

mod postgres;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use postgres::{OpenError, Options, PostgresStore};
