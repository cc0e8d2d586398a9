//! Opening connections: the PRAGMAs of the writer and of the readers, and why.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

/// How many statements a connection keeps prepared: every write and the usual lists of this crate.
const STATEMENTS: usize = 192;

/// Who moves the log (WAL) into the file.
///
/// All of it is done with `PASSIVE` checkpoints: they wait for nobody and take no lock that a writer needs. `TRUNCATE`,
/// `RESTART` and `FULL` take the write lock, and keep it for the whole busy timeout while anybody reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogUpkeep {
    /// This process: a thread of its own moves most of it (see [`checkpoint`](crate::checkpoint)). When the log is 16,000
    /// pages (66 MB) long, the writer moves the rest, and starts the log from its beginning. A page that many orders
    /// change is moved once for all of them, so a longer log costs less; 32,000 gained nothing certain.
    Own,
    /// The server of the file, not this tool. Only where there is no server does the log become 64,000 pages (262 MB)
    /// long; then the tool moves it, so that a long import does not fill the disk.
    Server,
    /// A replicator such as Litestream, which must have read the log before it is moved.
    Replicator,
}

impl LogUpkeep {
    /// The length of the log, in pages, at which a commit moves it; 0 means never.
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
    /// Who moves the log into the file.
    pub(crate) log: LogUpkeep,
}

/// The writer's connection. The file must be there.
///
/// - `journal_mode = WAL`: readers and the writer do not wait for each other, and a commit is one append and one sync.
/// - `synchronous = FULL`: the append is synced before a commit answers, so what was acknowledged survives a loss of
///   power. (`NORMAL` would not sync it.) `fullfsync` makes macOS really do it; elsewhere it does nothing.
/// - `wal_autocheckpoint`: see [`LogUpkeep`]. `journal_size_limit` gives back what a burst made longer still.
/// - `cache_size` 32 MiB, as far as it is used: the pages of the hot indexes stay in memory, also where each customer's newest
///   orders stand on a page of their own. 64 MiB gained nothing certain.
/// - `temp_store = MEMORY`: savepoints and sorts make no temporary files.
/// - `trusted_schema = OFF`: a schema in a foreign file can call no function with side effects.
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

/// A reader's connection.
///
/// - `query_only = ON`: a mistake here cannot write. (The file itself is opened for writing: a log that a crash left
///   behind is recovered by whoever comes first.)
/// - `mmap_size` 32 MiB: SQLite drops a reader's page cache whenever somebody else has committed, and then reads every
///   page anew; from a mapping that is no system call (a tenth more orders per second). Mapped pages count as this
///   process's memory, once per connection, which is why it is no more.
/// - `cache_size` 2 MiB each: for what is in the log and not in the file yet.
pub(crate) fn open_reader(path: &Path, access: Access) -> rusqlite::Result<Connection> {
    let connection = open(path, access)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -2048; PRAGMA mmap_size = 33554432;")?;
    Ok(connection)
}

fn open(path: &Path, access: Access) -> rusqlite::Result<Connection> {
    // Without SQLITE_OPEN_URI: a path is a path, whatever characters it has. Without CREATE: who creates the file
    // decides its mode. Without SQLite's own mutex: a connection is used by one thread at a time.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(access.busy_timeout)?;
    if access.log == LogUpkeep::Replicator {
        // Else the last connection that closes moves the log and deletes it, replicated or not.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    }
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Plans do not depend on the values that are bound: otherwise SQLite parses and plans a statement anew whenever a value
    // that might matter to a partial index changes (measured: a third of what a caller spends on placing an order).
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch("PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;")?;
    Ok(connection)
}
