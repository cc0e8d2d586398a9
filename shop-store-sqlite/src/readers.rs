//! The reading connections, and on which thread a read runs.
//!
//! A read by key takes a few microseconds, less than a hop to another thread and back: it runs on the caller's
//! thread, on a connection that this thread mostly has to itself. A list can take milliseconds, so inside a tokio
//! runtime it moves to a blocking thread (about 10 µs there and back) and delays no neighbour; without a runtime it
//! runs where it is called. There are only as many lists under way as connections for them; the others wait without
//! holding a thread.

use std::cell::Cell;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use rusqlite::Connection;
use shop_core::store::{StoreError, StoreResult};
use tokio::sync::Semaphore;

use crate::connection::open_reader;
use crate::error::store_error;
use crate::rows::prepare;

/// The connections that read.
pub(crate) struct Readers {
    points: Pool,
    lists: Arc<Pool>,
    permits: Arc<Semaphore>,
}

impl Readers {
    /// Opens them: for reads by key one per core (2 to 8), for lists half as many, at least 2.
    pub(crate) fn open(path: &Path, busy_timeout: Duration) -> rusqlite::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 8);
        let lists = (cores / 2).max(2);
        Ok(Self {
            points: Pool::open(path, busy_timeout, cores)?,
            lists: Arc::new(Pool::open(path, busy_timeout, lists)?),
            permits: Arc::new(Semaphore::new(lists)),
        })
    }

    /// One statement by key, on this thread.
    pub(crate) fn point<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> StoreResult<T> {
        read(&self.points.take()).map_err(store_error)
    }

    /// A few statements by key that see one state of the file, on this thread.
    pub(crate) fn snapshot<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> StoreResult<T> {
        snapshot(&self.points.take(), read).map_err(store_error)
    }

    /// A larger read that sees one state of the file, on a blocking thread where there is one.
    pub(crate) async fn list<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> StoreResult<T> {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return snapshot(&self.lists.take(), read).map_err(store_error);
        };
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|closed| StoreError::Unavailable(closed.into()))?;
        let pool = Arc::clone(&self.lists);
        let done = runtime.spawn_blocking(move || {
            let answer = snapshot(&pool.take(), read);
            drop(permit);
            answer
        });
        done.await.map_err(|error| StoreError::Unavailable(error.into()))?.map_err(store_error)
    }
}

fn snapshot<T>(connection: &Connection, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    prepare(connection, "BEGIN")?.execute([])?;
    let answer = read(connection);
    // Nothing was written: both ends are the same, and this one always ends it.
    prepare(connection, "ROLLBACK")?.execute([])?;
    answer
}

/// At least one connection.
struct Pool {
    first: Mutex<Connection>,
    others: Vec<Mutex<Connection>>,
}

/// A number per thread, so that threads keep to connections of their own.
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
    fn open(path: &Path, busy_timeout: Duration, size: usize) -> rusqlite::Result<Self> {
        let open = || open_reader(path, busy_timeout).map(Mutex::new);
        Ok(Self { first: open()?, others: (1..size).map(|_| open()).collect::<rusqlite::Result<_>>()? })
    }

    /// This thread's own connection, or else any that is free, or else its own when it becomes free.
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
        let guard = free.unwrap_or_else(|| nth(number).lock().unwrap_or_else(PoisonError::into_inner));
        if !guard.is_autocommit() {
            // Somebody panicked in the midst of a snapshot.
            let _ = guard.execute_batch("ROLLBACK");
        }
        guard
    }
}
