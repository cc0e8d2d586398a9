//! Connection options.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx_core::connection::ConnectOptions as _;

use super::error::OpenError;

/// The database address, and the store's limits and timeouts.
#[derive(Clone)]
pub struct PostgresOptions {
    connect: PgConnectOptions,
    max_connections: u32,
    acquire_timeout: Duration,
    statement_timeout: Duration,
    idle_in_transaction_timeout: Duration,
    idle_timeout: Duration,
    max_lifetime: Duration,
    pgbouncer: bool,
}

impl std::fmt::Debug for PostgresOptions {
    /// Formats everything but the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("host", &self.connect.get_host())
            .field("port", &self.connect.get_port())
            .field("user", &self.connect.get_username())
            .field("database", &self.connect.get_database())
            .field("max_connections", &self.max_connections)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .field("pgbouncer", &self.pgbouncer)
            .finish_non_exhaustive()
    }
}

impl PostgresOptions {
    /// The database at an address such as `postgres://user:password@host:port/database?sslmode=verify-full`. Missing
    /// parts come from libpq's environment variables (`PGHOST`, `PGPASSWORD`, …).
    ///
    /// # Errors
    /// [`OpenError::Address`] if the address is invalid.
    pub fn parse(url: &str) -> Result<Self, OpenError> {
        PgConnectOptions::from_str(url).map(Self::new).map_err(OpenError::Address)
    }

    /// The database of these connect options, for settings that an address cannot express.
    #[must_use]
    pub fn new(connect: PgConnectOptions) -> Self {
        Self {
            connect,
            max_connections: 16,
            acquire_timeout: Duration::from_millis(1500),
            statement_timeout: Duration::from_secs(10),
            idle_in_transaction_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_mins(10),
            max_lifetime: Duration::from_mins(30),
            pgbouncer: false,
        }
    }

    /// The maximum number of connections of this store (default: 16, at least 2). Reads and commits share them.
    ///
    /// More than two or three per core of the database rarely help. All servers together must stay below the database's
    /// `max_connections`.
    #[must_use]
    pub fn max_connections(mut self, most: u32) -> Self {
        self.max_connections = most.max(2);
        self
    }

    /// How long a read or a group of commits waits for a connection (default: 1.5 seconds). After that it fails with
    /// [`StoreError::Unavailable`](shop_core::store::StoreError::Unavailable).
    #[must_use]
    pub fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.acquire_timeout = timeout;
        self
    }

    /// How long one statement may take (default: 10 seconds). After that the database cancels it, and the call fails
    /// with [`StoreError::Unavailable`](shop_core::store::StoreError::Unavailable).
    #[must_use]
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = timeout.max(Duration::from_millis(1));
        self
    }

    /// How long the database keeps the locks of an idle transaction (default: 30 seconds). The store's own transactions
    /// never idle; this frees the locks of a server that was disconnected or stopped in the middle of one.
    #[must_use]
    pub fn idle_in_transaction_timeout(mut self, timeout: Duration) -> Self {
        self.idle_in_transaction_timeout = timeout.max(Duration::from_millis(1));
        self
    }

    /// How long a connection may idle before it is closed (default: 10 minutes).
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// The maximum age of a connection (default: 30 minutes). Behind a load balancer, new connections can reach new
    /// servers.
    #[must_use]
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.max_lifetime = lifetime;
        self
    }

    /// Whether the address is that of a pgbouncer in transaction mode (default: no).
    ///
    /// If so, the store keeps no prepared statements, sends no startup parameters, sets the timeouts in each
    /// transaction, and wraps even a single read in a transaction. That costs planning time for each statement and two
    /// round trips for each read.
    #[must_use]
    pub fn pgbouncer(mut self, pgbouncer: bool) -> Self {
        self.pgbouncer = pgbouncer;
        self
    }

    pub(crate) fn most(&self) -> u32 {
        self.max_connections
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.acquire_timeout
    }

    pub(crate) fn longest_statement(&self) -> Duration {
        self.statement_timeout
    }

    pub(crate) fn longest_idle_in_transaction(&self) -> Duration {
        self.idle_in_transaction_timeout
    }

    pub(crate) fn longest_idle(&self) -> Duration {
        self.idle_timeout
    }

    pub(crate) fn longest_life(&self) -> Duration {
        self.max_lifetime
    }

    pub(crate) fn is_pgbouncer(&self) -> bool {
        self.pgbouncer
    }

    /// The options for opening a connection.
    pub(crate) fn to_connect(&self) -> PgConnectOptions {
        // Slow statements are covered by the statement timeout; a log line per statement would double its cost.
        let connect = self.connect.clone().disable_statement_logging();
        if self.pgbouncer {
            return connect.statement_cache_capacity(0).extra_float_digits(None);
        }
        let connect = if connect.get_application_name().is_none() { connect.application_name("shop") } else { connect };
        let statement = self.statement_timeout.as_millis().to_string();
        let idle = self.idle_in_transaction_timeout.as_millis().to_string();
        // Lists are composed of pieces: several hundred different statements, most of them rare.
        connect.statement_cache_capacity(512).options([
            ("statement_timeout", statement.as_str()),
            ("idle_in_transaction_session_timeout", idle.as_str()),
            // The guards require this level, whatever the server's default is.
            ("default_transaction_isolation", "read committed"),
            // JIT pays off for reports, never here.
            ("jit", "off"),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_not_told() {
        let options = PostgresOptions::parse("postgres://shop:very-secret@db.example:5433/shop").unwrap();
        let told = format!("{options:?}");
        assert!(told.contains("db.example") && told.contains("5433"), "{told}");
        assert!(!told.contains("very-secret"), "{told}");
    }

    #[test]
    fn an_address_that_is_none_is_refused_without_repeating_it() {
        let error = PostgresOptions::parse("mysql://shop:very-secret@db.example:x/shop").unwrap_err();
        assert!(matches!(error, OpenError::Address(_)));
        assert!(!format!("{error} {error:?}").contains("very-secret"), "{error:?}");
    }

    #[test]
    fn behind_pgbouncer_nothing_is_sent_at_the_start() {
        let options = PostgresOptions::parse("postgres://shop@db.example/shop").unwrap();
        let told = options.to_connect().get_options().unwrap_or_default().to_owned();
        assert!(told.contains("statement_timeout=10000"), "{told}");
        assert_eq!(options.pgbouncer(true).to_connect().get_options(), None);
    }
}
