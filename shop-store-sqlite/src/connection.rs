//! Opening connections: the PRAGMAs of the writer and of the readers, and why.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

/// How many statements a connection keeps prepared: every write and the usual lists of this crate.
const STATEMENTS: usize = 192;

/// The writer's connection. The file must be there.
///
/// - `journal_mode = WAL`: readers and the writer do not wait for each other, and a commit is one append and one sync.
/// - `synchronous = FULL`: the append is synced before a commit answers, so what was acknowledged survives a loss of
///   power. (`NORMAL` would not sync it.) `fullfsync` makes macOS really do it; elsewhere it does nothing.
/// - `wal_autocheckpoint = 16000` pages (66 MB): when the log is that long, the writer moves into the file what is not moved
///   yet (most of it is, see [`checkpoint`](crate::checkpoint)), and begins it anew. A page that many orders change is moved
///   once for all of them, so a longer log costs less; 32000 gained nothing certain. `journal_size_limit` gives back what a
///   burst made longer still.
/// - `cache_size` 32 MiB, as far as it is used: the pages of the hot indexes stay in memory, also where each customer's newest
///   orders stand on a page of their own. 64 MiB gained nothing certain.
/// - `temp_store = MEMORY`: savepoints and sorts make no temporary files.
/// - `trusted_schema = OFF`: a schema in a foreign file can call no function with side effects.
pub(crate) fn open_writer(path: &Path, busy_timeout: Duration, durable: bool) -> rusqlite::Result<Connection> {
    let connection = open(path, busy_timeout)?;
    let synchronous = if durable { "FULL" } else { "OFF" };
    connection.execute_batch(&format!(
        "PRAGMA synchronous = {synchronous};
        PRAGMA fullfsync = ON;
        PRAGMA checkpoint_fullfsync = ON;
        PRAGMA wal_autocheckpoint = 16000;
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
pub(crate) fn open_reader(path: &Path, busy_timeout: Duration) -> rusqlite::Result<Connection> {
    let connection = open(path, busy_timeout)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -2048; PRAGMA mmap_size = 33554432;")?;
    Ok(connection)
}

fn open(path: &Path, busy_timeout: Duration) -> rusqlite::Result<Connection> {
    // Without SQLITE_OPEN_URI: a path is a path, whatever characters it has. Without CREATE: who creates the file
    // decides its mode. Without SQLite's own mutex: a connection is used by one thread at a time.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Plans do not depend on the values that are bound: otherwise SQLite parses and plans a statement anew whenever a value
    // that might matter to a partial index changes (measured: a third of what a caller spends on placing an order).
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch("PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;")?;
    Ok(connection)
}
