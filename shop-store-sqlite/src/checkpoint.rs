//! Moves the log into the file on a separate thread, so that callers rarely wait for it.
//!
//! Most of the log can be moved while it grows, but not what is written during the move. So under load, the log
//! restarts only after the writer itself has moved the rest (`wal_autocheckpoint` in
//! [`connection`](crate::connection)): a small part instead of all of it. Measured: 3% to 6% more orders per second.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;

/// The number of unmoved pages (16 MB) from which a checkpoint is worthwhile.
const WORTH: i64 = 4_000;
/// The number of commits between checks of the log's length.
const COMMITS: u32 = 8;

/// The checkpoint thread and the channel to wake it.
pub(crate) struct Checkpointer {
    commits: u32,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread, with its own connection.
    pub(crate) fn start(connection: Connection) -> io::Result<Self> {
        // One pending wake-up is enough.
        let (wake, woken) = sync_channel(1);
        let run = move || run(&connection, &woken);
        let thread = thread::Builder::new().name("shop-sqlite-checkpoint".to_owned()).spawn(run)?;
        Ok(Self { commits: 0, wake: Some(wake), thread: Some(thread) })
    }

    /// Notes a commit.
    pub(crate) fn committed(&mut self) {
        self.commits += 1;
        if self.commits >= COMMITS {
            self.commits = 0;
            self.look();
        }
    }

    fn look(&self) {
        if let Some(wake) = &self.wake {
            let _ = wake.try_send(());
        }
    }
}

impl Drop for Checkpointer {
    /// Waits for a checkpoint in progress.
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(connection: &Connection, woken: &Receiver<()>) {
    let mut failed = false;
    while woken.recv().is_ok() {
        let done = move_log(connection);
        if let (Err(error), false) = (&done, failed) {
            // The writer tries again when the log is long.
            tracing::warn!(%error, "the log was not moved into the database file");
        }
        failed = done.is_err();
    }
}

fn move_log(connection: &Connection) -> rusqlite::Result<()> {
    let left = |mode: &str| {
        let count = |row: &rusqlite::Row<'_>| Ok(row.get::<_, i64>("log")? - row.get::<_, i64>("checkpointed")?);
        connection.prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?.query_row([], count)
    };
    // NOOP only counts. (SQLite before 3.51 treats it as PASSIVE.)
    if left("NOOP")? >= WORTH {
        left("PASSIVE")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::TemporaryDirectory;

    /// Writes this many pages to the log, and returns how many of them a check moves.
    fn moved_of(pages: i64) -> i64 {
        let directory = TemporaryDirectory::new().unwrap();
        let path = directory.path().join("log.sqlite3");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 0;")
            .unwrap();
        connection.execute_batch("CREATE TABLE filling (bytes BLOB)").unwrap();
        connection.execute("INSERT INTO filling VALUES (zeroblob(?1))", [pages * 4_096]).unwrap();
        let checkpointer = Checkpointer::start(Connection::open(&path).unwrap()).unwrap();
        checkpointer.look();
        drop(checkpointer);
        connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get("checkpointed")).unwrap()
    }

    #[test]
    fn a_log_is_moved_when_it_is_worth_it() {
        assert!(moved_of(WORTH) >= WORTH);
        assert_eq!(moved_of(WORTH / 2), 0);
    }

    #[test]
    fn somebody_looks_after_some_commits() {
        let connection = Connection::open_in_memory().unwrap();
        let mut checkpointer = Checkpointer::start(connection).unwrap();
        let (wake, woken) = sync_channel(1);
        checkpointer.wake = Some(wake);
        for _ in 1..COMMITS {
            checkpointer.committed();
            assert!(woken.try_recv().is_err());
        }
        checkpointer.committed();
        assert!(woken.try_recv().is_ok());
    }
}
