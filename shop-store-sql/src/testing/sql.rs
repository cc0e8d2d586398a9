//! SQL for tests that have no runtime, or must not block the one they have.

use std::thread;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use super::{Result, TestingError};
use crate::{PostgresOptions, PostgresStore};

/// How long [`wait_until`] waits; nothing it waits for takes that long by design.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Runs one or more statements on a new connection.
///
/// # Errors
/// If Postgres refuses.
pub fn execute(url: &str, sql: &str) -> Result {
    on_a_connection(url, async |connection| {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await?;
        Ok(())
    })
}

/// The first column, which must be text, of every row of a statement on a new connection. NULLs are left out.
///
/// # Errors
/// If Postgres refuses.
pub fn texts(url: &str, sql: &str) -> Result<Vec<String>> {
    on_a_connection(url, async |connection| {
        let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(connection).await?;
        let texts: std::result::Result<Vec<Option<String>>, _> = rows.iter().map(|row| row.try_get(0)).collect();
        Ok(texts?.into_iter().flatten().collect())
    })
}

/// Waits until the first column of a statement's first row is the text `true`.
///
/// # Errors
/// If Postgres refuses, or if this does not happen within a minute.
pub fn wait_until(url: &str, sql: &str) -> Result {
    let started = Instant::now();
    loop {
        let last = texts(url, sql)?;
        if last.first().is_some_and(|text| text == "true") {
            return Ok(());
        }
        if started.elapsed() > TIMEOUT {
            return Err(TestingError::because(sql, format!("did not become true: {last:?}")));
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Connects on a new thread: the caller may be inside a runtime.
fn on_a_connection<T: Send>(
    url: &str,
    work: impl AsyncFnOnce(&mut PgConnection) -> std::result::Result<T, sqlx::Error> + Send,
) -> Result<T> {
    thread::scope(|scope| match scope.spawn(|| on_this_thread(url, work)).join() {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// Connects in a new runtime.
fn on_this_thread<T>(
    url: &str,
    work: impl AsyncFnOnce(&mut PgConnection) -> std::result::Result<T, sqlx::Error>,
) -> Result<T> {
    let failed = |why: &dyn std::fmt::Display| TestingError::because("a statement of the test", why);
    let options: PgConnectOptions = url.parse().map_err(|why: sqlx::Error| failed(&why))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|why| failed(&why))?;
    let done = runtime.block_on(async {
        let mut connection = PgConnection::connect_with(&options).await?;
        let done = work(&mut connection).await;
        connection.close().await?;
        done
    });
    done.map_err(|why: sqlx::Error| failed(&why))
}

/// Creates a shop's tables in a database.
pub(super) fn migrate(url: &str) -> Result {
    let failed = |why: &dyn std::fmt::Display| TestingError::because("the tables of the test", why);
    // On a new thread: the caller may be inside a runtime.
    let migrated = thread::scope(|scope| {
        let work = scope.spawn(|| {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|why| failed(&why))?;
            runtime.block_on(async {
                let options = PostgresOptions::parse(url).map_err(|why| failed(&why))?;
                let store = PostgresStore::connect(options).await.map_err(|why| failed(&why))?;
                store.close().await;
                Ok(())
            })
        });
        work.join()
    });
    migrated.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The same URL with another server in it.
pub(super) fn redirected(url: &str, to: std::net::SocketAddr) -> String {
    let start = url.find('@').or_else(|| url.find("://").map(|at| at + 2)).map_or(0, |at| at + 1);
    let (before, rest) = url.split_at(start);
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    format!("{before}{to}{}", rest.get(end..).unwrap_or_default())
}

/// The address of a URL's server.
pub(super) fn address(url: &str) -> Result<std::net::SocketAddr> {
    let failed = |why: &dyn std::fmt::Display| TestingError::because("the server of the test", why);
    let options: PgConnectOptions = url.parse().map_err(|why: sqlx::Error| failed(&why))?;
    let found = std::net::ToSocketAddrs::to_socket_addrs(&(options.get_host(), options.get_port()));
    let mut found = found.map_err(|why| failed(&why))?;
    found.next().ok_or_else(|| failed(&"it has no address"))
}

/// A transaction that stays open until it is committed; dropping this rolls it back.
#[derive(Debug)]
pub struct Held {
    end: Option<std::sync::mpsc::Sender<Commit>>,
    done: std::sync::mpsc::Receiver<Result>,
    worker: Option<thread::JoinHandle<()>>,
}

/// The request to commit a transaction.
#[derive(Debug)]
struct Commit;

/// Runs statements in a transaction on a new connection, and keeps the transaction and its locks open.
///
/// # Errors
/// If Postgres refuses.
pub fn hold(url: &str, sql: &str) -> Result<Held> {
    let (url, sql) = (url.to_owned(), format!("BEGIN; {sql}"));
    let (tell, done) = std::sync::mpsc::channel();
    let (end, ended) = std::sync::mpsc::channel::<Commit>();
    let worker = thread::spawn(move || {
        let held = on_this_thread(&url, async |connection| {
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await?;
            // The caller may be gone; then the sender of `end` is gone too.
            let _ = tell.send(Ok(()));
            let end = if ended.recv().is_ok() { "COMMIT" } else { "ROLLBACK" };
            sqlx::raw_sql(end).execute(connection).await.map(drop)
        });
        let _ = tell.send(held);
    });
    match done.recv() {
        Ok(Ok(())) => Ok(Held { end: Some(end), done, worker: Some(worker) }),
        Ok(Err(why)) => Err(why),
        Err(why) => Err(TestingError::because("a transaction of the test", why)),
    }
}

impl Held {
    /// Commits the transaction.
    ///
    /// # Errors
    /// If Postgres refuses.
    pub fn commit(self) -> Result {
        if let Some(end) = &self.end {
            // The holding thread may have failed; its error is the result then.
            let _ = end.send(Commit);
        }
        self.done.recv().map_err(|why| TestingError::because("a transaction of the test", why))?
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}
