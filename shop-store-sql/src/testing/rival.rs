//! A client that is always slightly faster.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{Held, Result, TestingError, hold, texts, wait_until};

/// Whether another client waits for a lock.
const THEY_WAIT: &str = "SELECT EXISTS (SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name <> 'rival')::text";

/// Whether the next rival transaction waits.
const NEXT_WAITS: &str = "SELECT EXISTS (SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = 'rival')::text";

/// A client that changes rows whenever the store is about to. A transaction that needs one snapshot from beginning to
/// end (REPEATABLE READ and above; see [`Proxy::isolate`](super::Proxy::isolate)) cannot succeed; it ends with SQLSTATE
/// 40001.
///
/// It holds a lock on the table under which others can only read. When a client waits for the table, the rival's next
/// transaction queues behind it, and then the current one commits. Postgres serves such waits in order. So the waiting
/// client finds rows that changed since it began, and its next attempt waits for the rival's next transaction.
#[derive(Debug)]
pub struct Rival {
    stop: Arc<AtomicBool>,
    worker: Option<JoinHandle<Result<u32>>>,
}

impl Rival {
    /// Locks the table and changes its rows with this statement. Dropping it releases the table.
    ///
    /// # Errors
    /// If Postgres refuses.
    pub fn start(url: &str, table: &str, change: &str) -> Result<Self> {
        let url = url.to_owned();
        let sql = format!("SET LOCAL application_name = 'rival'; LOCK TABLE {table} IN EXCLUSIVE MODE; {change}");
        let first = hold(&url, &sql)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let worker = thread::spawn(move || compete(&url, &sql, first, &stopped));
        Ok(Self { stop, worker: Some(worker) })
    }

    /// Lets all clients pass, and returns how often one was overtaken.
    ///
    /// # Errors
    /// If Postgres refused anything in the meantime.
    pub fn stop(mut self) -> Result<u32> {
        self.end()
    }

    fn end(&mut self) -> Result<u32> {
        self.stop.store(true, Ordering::SeqCst);
        let Some(worker) = self.worker.take() else { return Ok(0) };
        worker.join().map_err(|_| TestingError::new("the rival panicked"))?
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        // A caller that needs the result calls `stop`.
        let _ = self.end();
    }
}

fn compete(url: &str, sql: &str, mut held: Held, stopped: &AtomicBool) -> Result<u32> {
    let mut overtaken = 0;
    while !stopped.load(Ordering::SeqCst) {
        if texts(url, THEY_WAIT)?.first().is_none_or(|waits| waits != "true") {
            thread::sleep(Duration::from_millis(5));
            continue;
        }
        let next = thread::spawn({
            let (url, sql) = (url.to_owned(), sql.to_owned());
            move || hold(&url, &sql)
        });
        wait_until(url, NEXT_WAITS)?;
        held.commit()?;
        overtaken += 1;
        held = next.join().map_err(|_| TestingError::new("the rival panicked"))??;
    }
    Ok(overtaken)
}
