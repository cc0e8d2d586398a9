//! Errors: of connecting the store, and as the core's store errors.

use std::sync::Arc;

use shop_core::error::BoxError;
use shop_core::store::StoreError;
use sqlx_core::error::{DatabaseError, Error};

use super::tls;

/// Why the store cannot be connected.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is invalid.
    #[error("the address of the database is not valid: {0}")]
    Address(#[source] Error),
    /// The address leads to a server that takes no writes.
    #[error("{0}")]
    Standby(Standby),
    /// There is a pgbouncer, but [`PostgresOptions::pgbouncer`](super::PostgresOptions::pgbouncer) is not set.
    #[error("there is a pgbouncer in front of the database, but the store is not configured for it: {0}")]
    Pgbouncer(#[source] BoxError),
    /// The server's certificate cannot be accepted.
    #[error("cannot connect to the database: {reason} ({source})")]
    Certificate {
        /// What is wrong with the certificate, as a sentence.
        reason: String,
        /// The TLS library's error.
        source: BoxError,
    },
    /// The server does not answer or refuses the connection.
    #[error("cannot connect to the database: {0}")]
    Unreachable(#[source] BoxError),
    /// The server is too old for this crate's SQL.
    #[error("Postgres {0} is too old; 13 or later is needed")]
    OldPostgres(String),
    /// The database's encoding cannot store text of all languages.
    #[error("the encoding of the database is {0}; the shop needs UTF8")]
    Encoding(String),
    /// The role has no schema to create tables in.
    #[error("no schema of the role's search_path exists")]
    NoSchema,
    /// The schema contains another program's table of the same name.
    #[error(
        "there is a table {0} already that is not a shop's: it will not be touched; give the shop a schema of its own"
    )]
    NotAShop(String),
    /// A newer release created the schema.
    #[error("the database has schema version {found}, this program knows up to {known}: use a newer release")]
    Newer {
        /// The schema version of the database.
        found: i64,
        /// The highest version known to this program.
        known: i64,
    },
    /// An older release created the schema, and this call must not change it.
    #[error("the database has schema version {found}, this program has {known}: run `migrate` on it first")]
    Older {
        /// The schema version of the database.
        found: i64,
        /// This program's schema version.
        known: i64,
    },
    /// A shop is being moved into the database, and the transfer is not finished.
    #[error("a transfer into the database is not finished: run it again, and it continues where it stopped")]
    Unfinished,
    /// A shop cannot be moved out of a database that is being written to.
    #[error("another program is writing to the database: stop its servers first")]
    Written,
    /// The schema differs from what the migrations created.
    #[error("the schema of the database was changed by hand: {0}")]
    Tampered(String),
    /// Postgres refused.
    #[error("cannot prepare the database: {0}")]
    Postgres(#[source] Error),
}

/// The connection leads to a standby. Its data may be older than what was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the connection leads to a standby, which takes no writes and is behind the primary: the address must lead to the \
     primary (for pgpool-II: load_balance_mode = off)"
)]
pub struct Standby;

/// The error for a connection to a standby; a new connection may lead to the primary.
pub(crate) fn standby() -> Error {
    Error::Io(std::io::Error::other(Standby))
}

/// Why no connection could be made when the store was opened.
pub(crate) fn unreachable(error: Error) -> OpenError {
    recognised(error).unwrap_or_else(|error| OpenError::Unreachable(error.into()))
}

/// Explains failures that an operator can fix; returns any other failure unchanged.
pub(crate) fn recognised(error: Error) -> Result<OpenError, Error> {
    let is_standby = |why: &(dyn std::error::Error + Send + Sync + 'static)| why.downcast_ref::<Standby>().is_some();
    if let Error::Io(io) = &error
        && io.get_ref().is_some_and(is_standby)
    {
        return Ok(OpenError::Standby(Standby));
    }
    if is_undeclared_pgbouncer(&error) {
        return Ok(OpenError::Pgbouncer(error.into()));
    }
    match tls::reason(&error) {
        Some(reason) => Ok(OpenError::Certificate { reason, source: error.into() }),
        None => Err(error),
    }
}

/// Recognises pgbouncer's errors if the store treats it as the server itself. It refuses startup parameters (in every
/// mode). If it is configured to ignore them, it does not know statements that were prepared on another connection.
fn is_undeclared_pgbouncer(error: &Error) -> bool {
    let Some(error) = error.as_database_error() else { return false };
    let code = error.code();
    // invalid_sql_statement_name, duplicate_prepared_statement.
    error.message().contains("unsupported startup parameter") || matches!(code.as_deref(), Some("26000" | "42P05"))
}

/// What a failed statement implies for a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// Two transactions conflicted: the same transaction may succeed at once.
    Clash,
    /// The connection is gone, or must be closed; another one may work at once.
    Lost,
    /// The database is too busy or cannot write now; a later retry may work.
    Busy,
    /// A retry cannot work.
    Fault,
}

/// Classifies a failure by its SQLSTATE (PostgreSQL's documentation, appendix A).
pub(crate) fn failure_kind(error: &Error) -> FailureKind {
    match error {
        Error::Database(error) => {
            let code = error.code();
            let code = code.as_deref().unwrap_or_default();
            match code {
                // serialization_failure, deadlock_detected, lock_not_available.
                "40001" | "40P01" | "55P03" => FailureKind::Clash,
                // admin_shutdown, crash_shutdown, cannot_connect_now, database_dropped, idle_session_timeout,
                // idle_in_transaction_session_timeout.
                "57P01" | "57P02" | "57P03" | "57P04" | "57P05" | "25P03" => FailureKind::Lost,
                // "cached plan must not change result type": another server migrated the schema.
                "0A000" if error.message().contains("cached plan") => FailureKind::Lost,
                // query_canceled (by the timeout), read_only_sql_transaction (a standby), io_error.
                "57014" | "25006" | "58030" => FailureKind::Busy,
                _ if code.starts_with("08") => FailureKind::Lost,
                // insufficient_resources: disk full, out of memory, too many connections.
                _ if code.starts_with("53") => FailureKind::Busy,
                _ => FailureKind::Fault,
            }
        }
        Error::Io(_) | Error::Protocol(_) | Error::WorkerCrashed | Error::BeginFailed => FailureKind::Lost,
        Error::PoolTimedOut | Error::PoolClosed | Error::Tls(_) => FailureKind::Busy,
        _ => FailureKind::Fault,
    }
}

/// Classifies a failure for the caller: a retry may succeed, or never will.
pub(crate) fn store_error(error: Error) -> StoreError {
    match failure_kind(&error) {
        FailureKind::Fault => StoreError::Fault(error.into()),
        FailureKind::Clash | FailureKind::Lost | FailureKind::Busy => StoreError::Unavailable(error.into()),
    }
}

/// True if the database reported this SQLSTATE.
pub(crate) fn is_state(error: &Error, state: &str) -> bool {
    error.as_database_error().and_then(DatabaseError::code).is_some_and(|code| code == state)
}

/// A failure that is reported to several callers.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub(crate) struct SharedError(Arc<StoreError>);

impl From<StoreError> for SharedError {
    fn from(error: StoreError) -> Self {
        Self(Arc::new(error))
    }
}

impl From<SharedError> for StoreError {
    fn from(shared: SharedError) -> Self {
        match Arc::try_unwrap(shared.0) {
            Ok(error) => error,
            Err(shared) => match &*shared {
                Self::Unavailable(_) => Self::Unavailable(Box::new(SharedError(shared))),
                Self::Fault(_) => Self::Fault(Box::new(SharedError(shared))),
            },
        }
    }
}
