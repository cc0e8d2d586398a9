//! Opens the storage that the configuration names.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use shop_core::Shop;
use shop_core::error::BoxError;
use shop_core::store::{Store, StoreResult};
use shop_store_sql::{OpenError, PostgresStore};
use shop_store_sqlite::SqliteStore;

use crate::config::{Config, ConfigError, Database};
use crate::limits::{Limits, SharedCounters};

/// The purpose of opening a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To serve requests: only one server can open an SQLite file.
    Serve,
    /// To work with or without a running server.
    Tool,
    /// To inspect existing data: does not create a file.
    Look,
}

/// An opened SQLite or Postgres store.
#[derive(Debug)]
pub(crate) enum Storage {
    Sqlite(Arc<SqliteStore>),
    Postgres(Arc<PostgresStore>),
}

impl Storage {
    /// Opens the configured storage and migrates its schema.
    pub(crate) async fn open(config: &Config, purpose: Purpose) -> Result<Self, BoxError> {
        match &config.database {
            Database::Sqlite(path) => {
                let options = shop_store_sqlite::SqliteOptions::new(path)
                    .server(purpose == Purpose::Serve)
                    .tool(purpose != Purpose::Serve)
                    .checkpoints(config.checkpoints)
                    .read_limit(config.statement_timeout)
                    .create(purpose != Purpose::Look);
                let store = options.open()?;
                if purpose == Purpose::Serve {
                    warn_of_readers(path);
                }
                Ok(Self::Sqlite(Arc::new(store)))
            }
            Database::Postgres(postgres) => {
                let store = PostgresStore::connect(postgres.options()?).await.map_err(explain)?;
                Ok(Self::Postgres(Arc::new(store)))
            }
        }
    }

    /// Returns the store as the shop uses it.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(store) => Arc::clone(store) as _,
            Self::Postgres(store) => Arc::clone(store) as _,
        }
    }

    /// Returns the rate limits of a server on this storage. Servers that share a Postgres database also share the
    /// counters.
    pub(crate) fn limits(&self, config: &Config, shop: &Shop) -> Limits {
        let limits = Limits::new(config.rate_limit);
        match self {
            Self::Sqlite(_) => limits,
            Self::Postgres(store) => limits.shared(shop, Arc::new(Counters(Arc::clone(store)))),
        }
    }

    /// Lists damage in the storage itself. Postgres checks its own files (`pg_amcheck`, checksums).
    pub(crate) async fn damage(&self) -> Result<Vec<String>, BoxError> {
        match self {
            Self::Sqlite(store) => Ok(store.integrity_check().await?),
            Self::Postgres(_) => Ok(Vec::new()),
        }
    }

    /// Finishes the work in progress and closes the storage.
    pub(crate) async fn close(&self) -> Result<(), BoxError> {
        match self {
            Self::Sqlite(store) => Ok(store.close().await?),
            Self::Postgres(store) => {
                store.close().await;
                Ok(())
            }
        }
    }
}

/// Explains why Postgres cannot be used, and names the variable if one is the remedy.
pub(crate) fn explain(error: OpenError) -> BoxError {
    match error {
        OpenError::Pgbouncer(why) => {
            let reason = format!("set DB_PGBOUNCER=True: there is a pgbouncer in front of the database ({why})");
            ConfigError::new("DB_PGBOUNCER", reason).into()
        }
        error => error.into(),
    }
}

/// Warns when other users of the machine can read the database, which holds addresses and password hashes.
#[cfg(unix)]
fn warn_of_readers(database: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    for suffix in ["", "-wal", "-shm"] {
        let mut name = database.as_os_str().to_owned();
        name.push(suffix);
        let path = Path::new(&name);
        let Ok(file) = std::fs::metadata(path) else { continue };
        let mode = file.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            tracing::warn!(
                "{} can be read by other users of this machine (mode {mode:04o}): chmod 600 {}",
                path.display(),
                path.display()
            );
        }
    }
}

#[cfg(not(unix))]
fn warn_of_readers(_database: &Path) {}

/// Rate limit counters that all servers of a Postgres database share.
struct Counters(Arc<PostgresStore>);

#[async_trait]
impl SharedCounters for Counters {
    async fn count(&self, key: &[u8], burst: u32, period: Duration) -> StoreResult<Option<Duration>> {
        self.0.try_limited(key, burst, period).await
    }

    async fn give_back(&self, key: &[u8], burst: u32, period: Duration) -> StoreResult<()> {
        self.0.give_back_limited(key, burst, period).await
    }

    async fn forget(&self) -> StoreResult<()> {
        self.0.forget_limits().await
    }
}

/// Copies the storage to a new file while it is in use.
pub(crate) fn backup(config: &Config, target: &Path) -> Result<(), BoxError> {
    match &config.database {
        Database::Sqlite(path) => Ok(shop_store_sqlite::backup(path, target)?),
        Database::Postgres(_) => {
            let why = "backup copies an SQLite file; a Postgres database is backed up with pg_dump or pg_basebackup";
            Err(ConfigError::new("DB_ENGINE", why).into())
        }
    }
}
