//! Postgres, through sqlx.
//!
//! - `options`, `pool`, `migrate`, `error`: the way to the database, and what can go wrong on it.
//! - `read`, `rows`, `paging`, `coalesce`: what all reads share: statements, values in columns, pages, and flights of many
//!   keys.
//! - `accounts`, `catalog`, `cart`, `orders`, `payments`, `shipping`, `inventory`, `outbox`: the reads of each domain of
//!   the core, under the core's names.
//! - `commit`: the writes.
//! - `limits`: what servers count together.

mod accounts;
mod cart;
mod catalog;
mod coalesce;
mod error;
mod inventory;
mod limits;
mod migrate;
mod options;
mod orders;
mod outbox;
mod paging;
mod payments;
mod pool;
mod read;
mod rows;
mod shipping;

use std::sync::Arc;

pub use error::OpenError;
pub use options::Options;

use pool::Pool;
use read::Loaders;

/// A shop's storage in Postgres. See the [crate's front page](crate).
///
/// Everything that talks to the database runs in tasks of the runtime in which the store was connected, to its end: a
/// caller that goes away leaves no transaction open, and callers may run on any other executor.
pub struct PostgresStore {
    pool: Arc<Pool>,
    loaders: Loaders,
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore").field("options", self.pool.options()).finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Connects, and brings the schema up to date: any number of servers may do so at once. Tables go into the first
    /// schema of the role's `search_path`.
    ///
    /// # Errors
    /// See [`OpenError`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn connect(options: Options) -> Result<Self, OpenError> {
        let pool = Arc::new(Pool::new(options, tokio::runtime::Handle::current()));
        migrate::migrate(&pool).await?;
        Ok(Self { loaders: Loaders::new(&pool), pool })
    }

    /// How many statements the store has sent so far. Each is one round trip.
    pub fn statements(&self) -> u64 {
        self.pool.statements()
    }

    /// Refuses every later call with [`StoreError::Unavailable`](shop_core::store::StoreError::Unavailable), waits
    /// for those under way, and closes the connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
