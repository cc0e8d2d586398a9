//! Opens connections: the PRAGMAs of the writer and of the readers, and why.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

/// Prepared statements cached per connection: enough for every write and the usual lists of this crate.
const STATEMENTS: usize = 192;

/// Which process moves the log (WAL) into the file.
///
/// All checkpoints are `PASSIVE`: they wait for no one and take no lock that a writer needs. `TRUNCATE`, `RESTART` and
/// `FULL` take the write lock and hold it for the whole busy timeout while any reader is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogUpkeep {
    /// This process. A separate thread moves most of the log (see [`checkpoint`](crate::checkpoint)). At 16,000 pages
    /// (66 MB), the writer moves the rest and restarts the log from its beginning. A page that many orders change is
    /// moved once for all of them, so a longer log costs less; 32,000 pages showed no clear gain.
    Own,
    /// The file's server, not this tool. If no server runs, the log grows to 64,000 pages (262 MB); then the tool moves
    /// it, so that a long import does not fill the disk.
    Server,
    /// A replicator such as Litestream, which must read the log before it is moved.
    Replicator,
}

impl LogUpkeep {
    /// The log length in pages at which a commit moves it; 0 means never.
    fn pages(self) -> u32 {
        match self {
            Self::Own => 16_000,
            Self::Server => 64_000,
            Self::Replicator => 0,
        }
    }
}

/// How the connections of a store are opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Access {
    /// How long to wait for another process that is writing.
    pub(crate) busy_timeout: Duration,
    /// Which process moves the log into the file.
    pub(crate) log: LogUpkeep,
}

/// Opens the writer's connection. The file must exist.
///
/// - `journal_mode = WAL`: readers and the writer do not wait for each other, and a commit is one append and one sync.
/// - `synchronous = FULL`: the append is synced before the commit returns, so acknowledged commits survive a power
///   loss. (`NORMAL` would not sync.) `fullfsync` makes macOS really sync; elsewhere it has no effect.
/// - `wal_autocheckpoint`: see [`LogUpkeep`]. `journal_size_limit` frees the space of a log that grew beyond it in a
///   burst.
/// - `cache_size` 32 MiB, allocated as needed: keeps the pages of hot indexes in memory, even when each customer's
///   newest orders are on a separate page. 64 MiB showed no clear gain.
/// - `temp_store = MEMORY`: savepoints and sorts create no temporary files.
/// - `trusted_schema = OFF`: the schema of a foreign file cannot call functions with side effects.
pub(crate) fn open_writer(path: &Path, access: Access, durable: bool) -> rusqlite::Result<Connection> {
    let connection = open(path, access)?;
    let pages = access.log.pages();
    let synchronous = if durable { "FULL" } else { "OFF" };
    connection.execute_batch(&format!(
        "PRAGMA synchronous = {synchronous};
        PRAGMA fullfsync = ON;
        PRAGMA checkpoint_fullfsync = ON;
        PRAGMA wal_autocheckpoint = {pages};
        PRAGMA journal_size_limit = 67108864;
        PRAGMA cache_size = -32768;"
    ))?;
    Ok(connection)
}

/// Opens a reader's connection.
///
/// - `query_only = ON`: a bug in a read cannot write. (The file itself is opened for writing, because the first process
///   to open it recovers a log left by a crash.)
/// - `mmap_size` 32 MiB: SQLite drops a reader's page cache whenever another connection commits, and then reads every
///   page again. With a mapping, that needs no system call (10% more orders per second). Mapped pages count as this
///   process's memory, once per connection, so the size is limited.
/// - `cache_size` 2 MiB each: for pages that are in the log but not yet in the file.
pub(crate) fn open_reader(path: &Path, access: Access) -> rusqlite::Result<Connection> {
    let connection = open(path, access)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -2048; PRAGMA mmap_size = 33554432;")?;
    Ok(connection)
}

fn open(path: &Path, access: Access) -> rusqlite::Result<Connection> {
    // Without SQLITE_OPEN_URI: a path may contain any characters. Without CREATE: `file::create` sets the file's mode.
    // Without SQLite's own mutex: one thread at a time uses a connection.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(access.busy_timeout)?;
    if access.log == LogUpkeep::Replicator {
        // Otherwise the last connection to close moves the log and deletes it, replicated or not.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    }
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Plans must not depend on bound values. Otherwise SQLite parses and plans a statement again whenever a value that
    // might matter to a partial index changes (measured: a third of a caller's time for placing an order).
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch("PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;")?;
    Ok(connection)
}
