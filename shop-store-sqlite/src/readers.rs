//! The reading connections, and which thread a read runs on.
//!
//! A read by key takes a few microseconds, less than a hop to another thread and back. So it runs on the caller's
//! thread, on a connection that this thread rarely shares. A list can take milliseconds. Inside a tokio runtime it
//! therefore moves to a blocking thread (about 10 µs there and back) and does not delay other tasks; without a runtime
//! it runs on the caller's thread.
//!
//! Lists and searches have separate queues, so lists do not wait for searches, however many run. A queue runs as many
//! reads as it has connections. Further reads wait without holding a thread; when too many wait, the next read is
//! refused. A running read is interrupted when it takes too long or when its caller is gone.

use std::cell::Cell;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use shop_core::store::{StoreError, StoreResult};
use tokio::sync::Semaphore;

use crate::connection::{Access, open_reader};
use crate::error::store_error;
use crate::rows::prepare;

/// How many lists may wait for a connection. A list takes about a millisecond, so the last one waits a quarter of a
/// second.
const WAITING_LISTS: usize = 256;
/// How many searches may wait for a connection. A search over many products takes about 100 ms, so the last one waits
/// for seconds; it is better to tell later callers to retry.
const WAITING_SEARCHES: usize = 16;
/// The number of SQLite virtual machine steps between checks whether a read should end (about 10 µs).
const STEPS: i32 = 1_000;

/// The reading connections.
pub(crate) struct Readers {
    points: Arc<Pool>,
    lists: ReadQueue,
    searches: ReadQueue,
    /// The time limit of a list or a search.
    limit: Option<Duration>,
}

impl Readers {
    /// Opens the connections: one per core for reads by key (2 to 8), half as many for lists (at least 2), and half of
    /// that for searches (at least 1), so that searches leave cores free.
    pub(crate) fn open(path: &Path, access: Access, limit: Option<Duration>) -> rusqlite::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 8);
        let lists = (cores / 2).max(2);
        let queue =
            |size, waiting| Pool::open(path, access, size).map(|pool| ReadQueue::new(Arc::new(pool), size, waiting));
        Ok(Self {
            points: Arc::new(Pool::open(path, access, cores)?),
            lists: queue(lists, WAITING_LISTS)?,
            searches: queue(lists / 2, WAITING_SEARCHES)?,
            limit,
        })
    }

    /// Opens one connection that sees the file as it is now, for as long as it is open. Its reads have no time limit.
    pub(crate) fn pinned(path: &Path, access: Access) -> rusqlite::Result<Self> {
        let connection = open_reader(path, access)?;
        connection.execute_batch("BEGIN")?;
        // A transaction's snapshot starts at its first read.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        let pool = Arc::new(Pool { first: Mutex::new(connection), others: Vec::new(), pinned: true });
        let queue = || ReadQueue::new(Arc::clone(&pool), 1, WAITING_LISTS);
        Ok(Self { lists: queue(), searches: queue(), points: pool, limit: None })
    }

    /// Runs one statement by key on this thread.
    pub(crate) fn point<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> StoreResult<T> {
        read(&self.points.take()).map_err(store_error)
    }

    /// Runs a few statements by key on this thread, in one snapshot.
    pub(crate) fn snapshot<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> StoreResult<T> {
        self.points.snapshot(None, read).map_err(store_error)
    }

    /// Runs a larger read in one snapshot, on a blocking thread if there is a runtime.
    pub(crate) async fn list<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> StoreResult<T> {
        self.lists.run(self.limit, read).await
    }

    /// Runs a read that scans many rows to find a few.
    pub(crate) async fn search<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> StoreResult<T> {
        self.searches.run(self.limit, read).await
    }

    /// Runs [`Readers::search`] if `searches` is true, otherwise [`Readers::list`].
    pub(crate) async fn list_or_search<T: Send + 'static>(
        &self,
        searches: bool,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> StoreResult<T> {
        if searches { self.search(read).await } else { self.list(read).await }
    }

    /// Runs a read without a time limit: of the whole file, or a host's own.
    pub(crate) async fn long<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> StoreResult<T> {
        self.lists.run(None, read).await
    }
}

/// Reads of one kind: a few run, some wait, the rest are refused.
struct ReadQueue {
    pool: Arc<Pool>,
    /// One for each running read.
    permits: Arc<Semaphore>,
    /// One for each running or waiting read.
    places: Arc<Semaphore>,
}

impl ReadQueue {
    fn new(pool: Arc<Pool>, size: usize, waiting: usize) -> Self {
        Self { pool, permits: Arc::new(Semaphore::new(size)), places: Arc::new(Semaphore::new(size + waiting)) }
    }

    async fn run<T: Send + 'static>(
        &self,
        limit: Option<Duration>,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> StoreResult<T> {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return self.pool.snapshot(Some(ReadDeadline::new(limit)), read).map_err(store_error);
        };
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| StoreError::Unavailable("too many reads of this kind wait".into()))?;
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|closed| StoreError::Unavailable(closed.into()))?;
        let pool = Arc::clone(&self.pool);
        let deadline = ReadDeadline::new(limit);
        // A blocking task does not end when the future that waits for it is dropped.
        let _caller = Caller(Arc::clone(&deadline.gone));
        let done = runtime.spawn_blocking(move || {
            let answer = pool.snapshot(Some(deadline), read);
            drop((permit, place));
            answer
        });
        done.await.map_err(|error| StoreError::Unavailable(error.into()))?.map_err(store_error)
    }
}

/// When to interrupt a read.
struct ReadDeadline {
    deadline: Option<Instant>,
    gone: Arc<AtomicBool>,
}

impl ReadDeadline {
    fn new(limit: Option<Duration>) -> Self {
        Self { deadline: limit.and_then(|limit| Instant::now().checked_add(limit)), gone: Arc::default() }
    }

    fn is_over(&self) -> bool {
        self.gone.load(Ordering::Relaxed) || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// The caller of a read; dropped when the result is there or the caller has gone.
struct Caller(Arc<AtomicBool>);

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A pool of at least one connection.
struct Pool {
    first: Mutex<Connection>,
    others: Vec<Mutex<Connection>>,
    /// Set for a single connection that always has an open transaction.
    pinned: bool,
}

/// A number per thread, so that each thread keeps using the same connection.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
    }
    NUMBER.with(|number| {
        number.get().unwrap_or_else(|| {
            let fresh = NEXT.fetch_add(1, Ordering::Relaxed);
            number.set(Some(fresh));
            fresh
        })
    })
}

impl Pool {
    fn open(path: &Path, access: Access, size: usize) -> rusqlite::Result<Self> {
        let open = || open_reader(path, access).map(Mutex::new);
        Ok(Self { first: open()?, others: (1..size).map(|_| open()).collect::<rusqlite::Result<_>>()?, pinned: false })
    }

    /// Runs statements in one snapshot until the deadline interrupts them.
    fn snapshot<T>(
        &self,
        deadline: Option<ReadDeadline>,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let mut connection = self.take();
        if self.pinned {
            return read(&connection);
        }
        prepare(&connection, "BEGIN")?.execute([])?;
        let watched = deadline.is_some();
        if let Some(deadline) = deadline {
            connection.progress_handler(STEPS, Some(move || deadline.is_over()))?;
        }
        let answer = read(&connection);
        if watched {
            connection.progress_handler(0, None::<fn() -> bool>)?;
        }
        // Nothing was written, so COMMIT and ROLLBACK are equivalent; ROLLBACK always ends the transaction.
        prepare(&connection, "ROLLBACK")?.execute([])?;
        answer
    }

    /// Takes this thread's own connection, else any free one, else waits for its own.
    fn take(&self) -> MutexGuard<'_, Connection> {
        let size = self.others.len() + 1;
        let number = thread_number();
        let nth = |place: usize| match place % size {
            0 => &self.first,
            place => self.others.get(place - 1).unwrap_or(&self.first),
        };
        let free = (0..size).find_map(|step| match nth(number.wrapping_add(step)).try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        });
        let mut guard = free.unwrap_or_else(|| nth(number).lock().unwrap_or_else(PoisonError::into_inner));
        if !self.pinned && !guard.is_autocommit() {
            // A previous read panicked inside its transaction.
            let _ = guard.progress_handler(0, None::<fn() -> bool>);
            let _ = guard.execute_batch("ROLLBACK");
        }
        guard
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::LogUpkeep;
    use crate::file::TemporaryDirectory;

    const ACCESS: Access = Access { busy_timeout: Duration::from_secs(5), log: LogUpkeep::Own };
    /// Counts without end.
    const ENDLESS: &str = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n) SELECT count(*) FROM n";

    fn readers(limit: Option<Duration>) -> (TemporaryDirectory, Readers) {
        let directory = TemporaryDirectory::new().unwrap();
        let path = directory.path().join("read.sqlite3");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE one (a INTEGER)").unwrap();
        let readers = Readers::open(&path, ACCESS, limit).unwrap();
        (directory, readers)
    }

    fn endless(connection: &Connection) -> rusqlite::Result<i64> {
        connection.query_row(ENDLESS, [], |row| row.get(0))
    }

    fn quick(connection: &Connection) -> rusqlite::Result<i64> {
        connection.query_row("SELECT count(*) FROM one", [], |row| row.get(0))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_read_that_takes_too_long_is_interrupted_and_its_connection_goes_on() {
        let (_directory, readers) = readers(Some(Duration::from_millis(50)));
        for _ in 0..5 {
            let refused = readers.list(endless).await;
            assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
            assert!(matches!(readers.search(endless).await, Err(StoreError::Unavailable(_))));
            assert_eq!(readers.list(quick).await.unwrap(), 0);
            assert_eq!(readers.search(quick).await.unwrap(), 0);
        }
    }

    #[test]
    fn the_limit_holds_without_a_runtime() {
        let (_directory, readers) = readers(Some(Duration::from_millis(50)));
        let refused = shop_core::conformance::block_on(readers.list(endless));
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_read_whose_caller_has_gone_is_interrupted() {
        let (_directory, readers) = readers(None);
        let readers = Arc::new(readers);
        let (tell, started) = std::sync::mpsc::channel();
        let calls: Vec<_> = (0..8)
            .map(|_| {
                let (readers, tell) = (Arc::clone(&readers), tell.clone());
                tokio::spawn(async move {
                    let read = move |connection: &Connection| {
                        let _ = tell.send(());
                        endless(connection)
                    };
                    readers.list(read).await
                })
            })
            .collect();
        started.recv().unwrap();
        calls.iter().for_each(tokio::task::JoinHandle::abort);
        // If the aborted reads kept running, this one would never get a connection.
        assert_eq!(readers.list(quick).await.unwrap(), 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn searches_wait_in_a_bounded_queue_and_lists_do_not_wait_for_them() {
        let (_directory, readers) = readers(None);
        let readers = Arc::new(readers);
        let running = readers.searches.permits.available_permits();
        let calls: Vec<_> = (0..running + WAITING_SEARCHES)
            .map(|_| {
                let readers = Arc::clone(&readers);
                tokio::spawn(async move { readers.search(endless).await })
            })
            .collect();
        while readers.searches.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = readers.search(quick).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
        assert_eq!(readers.list(quick).await.unwrap(), 0);
        assert_eq!(readers.point(quick).unwrap(), 0);
        calls.iter().for_each(tokio::task::JoinHandle::abort);
        for call in calls {
            assert!(call.await.unwrap_err().is_cancelled());
        }
        while readers.searches.places.available_permits() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(readers.search(quick).await.unwrap(), 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_pinned_reader_stays_at_its_moment() {
        let (directory, _readers) = readers(None);
        let path = directory.path().join("read.sqlite3");
        let pinned = Readers::pinned(&path, ACCESS).unwrap();
        Connection::open(&path).unwrap().execute_batch("INSERT INTO one VALUES (1)").unwrap();
        for _ in 0..2 {
            assert_eq!(pinned.point(quick).unwrap(), 0);
            assert_eq!(pinned.snapshot(quick).unwrap(), 0);
            assert_eq!(pinned.list(quick).await.unwrap(), 0);
            assert_eq!(pinned.search(quick).await.unwrap(), 0);
        }
    }
}
