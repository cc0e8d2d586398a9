//! The connection pool, and how statements run on it.
//!
//! sqlx's own pool makes a round trip whenever a connection is returned; since a read by key is one round trip, that
//! would double its cost. This pool hands out a connection as it is, and takes it back only if the user declares it
//! clean ([`Lease::release`]). A lease that fails or is cancelled is closed, together with anything that was open on
//! it. If a connection turns out to be lost, all idle connections are closed too, because the server has probably
//! changed.
//!
//! A new connection is accepted only if it leads to a primary. Behind a load balancer it may lead to a standby, whose
//! data may be older than what was committed, so that carts and orders would seem to be lost.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use shop_core::store::{StoreError, StoreResult};
use sqlx::Row as _;
use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx_core::connection::{ConnectOptions as _, Connection as _};
use sqlx_core::error::Error;
use sqlx_core::sql_str::{AssertSqlSafe, SqlSafeStr, SqlStr};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::error::{FailureKind, failure_kind, standby, store_error};
use super::options::PostgresOptions;
use super::pause::pause;

/// The connections of a store.
pub(crate) struct Pool {
    options: PostgresOptions,
    runtime: Handle,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Idle>>,
    counter: Arc<Counter>,
    size: u32,
    snapshot: Option<Snapshot>,
}

/// Marks a pool of one connection, whose transaction sees the database as it was when the connection was made.
#[derive(Debug, Default)]
struct Snapshot {
    /// The connection was made. Another one would see another state.
    is_made: AtomicBool,
}

/// The checks and settings of a new connection. With `synchronous_commit = off`, a commit would return before it is
/// durable; a stricter setting than `on` (`remote_apply`) is kept.
const CHECK: &str = "SELECT pg_is_in_recovery(), set_config('synchronous_commit', CASE current_setting('synchronous_commit') \
    WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)";

/// The same for a connection that is shared with others; there each transaction sets how it commits.
const CHECK_SHARED: &str = "SELECT pg_is_in_recovery()";

/// Begins the transaction of a snapshot. The first statement in it fixes what it sees.
const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL statement_timeout = 0; \
    SET LOCAL idle_in_transaction_session_timeout = 0; SELECT 1";

/// An idle connection.
struct Idle {
    connection: PgConnection,
    made: Instant,
    since: Instant,
}

/// Counts statements, and knows whether they are prepared.
#[derive(Debug)]
pub(crate) struct Counter {
    statements: AtomicU64,
    persistent: bool,
}

impl Counter {
    /// Starts at zero. `persistent`: statements stay prepared.
    pub(crate) fn new(persistent: bool) -> Self {
        Self { statements: AtomicU64::new(0), persistent }
    }

    /// The number of statements sent.
    pub(crate) fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }
}

/// A connection whose statements are counted. It may also be a host's connection.
pub(crate) struct Session<'c> {
    connection: &'c mut PgConnection,
    counter: &'c Counter,
}

impl<'c> Session<'c> {
    /// A session on this connection.
    pub(crate) fn new(connection: &'c mut PgConnection, counter: &'c Counter) -> Self {
        Self { connection, counter }
    }

    /// The connection itself, without counting.
    #[cfg(test)]
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        self.connection
    }

    /// Runs a statement and returns its rows: one round trip, or two the first time on a connection.
    pub(crate) async fn rows(&mut self, sql: impl SqlSafeStr, arguments: PgArguments) -> Result<Vec<PgRow>, Error> {
        self.counter.statements.fetch_add(1, Ordering::Relaxed);
        let sql = sql.into_sql_str();
        #[cfg(test)]
        super::plans::note(sql.as_str());
        let query = sqlx::query_with(sql, arguments).persistent(self.counter.persistent);
        query.fetch_all(&mut *self.connection).await
    }

    /// Runs a statement and returns the number of changed rows.
    pub(crate) async fn execute(&mut self, sql: impl SqlSafeStr, arguments: PgArguments) -> Result<u64, Error> {
        self.counter.statements.fetch_add(1, Ordering::Relaxed);
        let query = sqlx::query_with(sql, arguments).persistent(self.counter.persistent);
        Ok(query.execute(&mut *self.connection).await?.rows_affected())
    }

    /// Runs statements without arguments in the simple protocol (`BEGIN; SET LOCAL …`).
    pub(crate) async fn simple(&mut self, sql: impl SqlSafeStr) -> Result<(), Error> {
        self.counter.statements.fetch_add(1, Ordering::Relaxed);
        sqlx::raw_sql(sql).execute(&mut *self.connection).await.map(drop)
    }
}

/// A connection in use. Dropping it closes the connection; see [`Lease::release`].
pub(crate) struct Lease {
    connection: PgConnection,
    made: Instant,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    /// A session that counts its statements.
    pub(crate) fn session(&mut self) -> Session<'_> {
        Session::new(&mut self.connection, &self.pool.counter)
    }

    /// Returns the connection to the pool. No statement may be running and no transaction open on it.
    pub(crate) fn release(self) {
        let Self { connection, made, pool, _permit } = self;
        let now = Instant::now();
        let is_old = now.duration_since(made) > pool.options.longest_life();
        if pool.permits.is_closed() || (is_old && pool.snapshot.is_none()) {
            return;
        }
        let mut idle = pool.idle();
        idle.push(Idle { connection, made, since: now });
        // The connection that has been idle the longest is first.
        if pool.snapshot.is_none()
            && idle.first().is_some_and(|first| now.duration_since(first.since) > pool.options.longest_idle())
        {
            idle.remove(0);
        }
        drop(idle);
    }

    /// Closes the connection, and all idle ones, after a failure that a server restart may have caused.
    pub(crate) fn discard(self) {
        self.pool.idle().clear();
    }
}

impl Deref for Lease {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

/// Opens a usable connection: it leads to a primary, and its commits are durable.
pub(crate) async fn connect(options: &PostgresOptions) -> Result<PgConnection, Error> {
    let mut connection = options.to_connect().connect().await?;
    let check = if options.is_pgbouncer() { CHECK_SHARED } else { CHECK };
    let row = sqlx::raw_sql(check).fetch_one(&mut connection).await?;
    if row.try_get(0)? { Err(standby()) } else { Ok(connection) }
}

impl Pool {
    /// A pool without connections; they are made on demand.
    pub(crate) fn new(options: PostgresOptions, runtime: Handle) -> Self {
        let size = options.most();
        Self::of(options, runtime, size, None)
    }

    /// A pool of one connection to the same database. All its reads see one snapshot, taken at the first
    /// [`Pool::acquire`].
    pub(crate) fn read_snapshot(&self) -> Self {
        Self::of(self.options.clone(), self.runtime.clone(), 1, Some(Snapshot::default()))
    }

    fn of(options: PostgresOptions, runtime: Handle, size: u32, snapshot: Option<Snapshot>) -> Self {
        let counter = Counter::new(!options.is_pgbouncer());
        Self {
            permits: Arc::new(Semaphore::new(size as usize)),
            idle: Mutex::new(Vec::new()),
            counter: Arc::new(counter),
            runtime,
            options,
            size,
            snapshot,
        }
    }

    /// The connection options.
    pub(crate) fn options(&self) -> &PostgresOptions {
        &self.options
    }

    /// The runtime on which the store's tasks run.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// The statement counter, for a session on a connection from elsewhere.
    pub(crate) fn counter(&self) -> &Arc<Counter> {
        &self.counter
    }

    /// The number of statements sent.
    pub(crate) fn statements(&self) -> u64 {
        self.counter.statements()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an idle connection or makes a new one, within the acquire timeout.
    pub(crate) async fn acquire(self: &Arc<Self>) -> Result<Lease, Error> {
        let deadline = Instant::now() + self.options.timeout();
        let permit = Arc::clone(&self.permits).acquire_owned();
        let permit = match self.snapshot {
            // Reads of a snapshot run one after another, without a time limit.
            Some(_) => permit.await,
            None => timeout(self.options.timeout(), permit).await.map_err(|_| Error::PoolTimedOut)?,
        };
        let permit = permit.map_err(|_| Error::PoolClosed)?;
        let now = Instant::now();
        let found = loop {
            match self.idle().pop() {
                Some(idle) if self.is_stale(&idle, now) => {}
                found => break found,
            }
        };
        let (connection, made) = match found {
            Some(idle) => (idle.connection, idle.made),
            None => (self.connect(deadline).await?, now),
        };
        Ok(Lease { connection, made, pool: Arc::clone(self), _permit: permit })
    }

    /// True if the connection is too old, or idle for so long that a device on the way may have dropped it.
    fn is_stale(&self, idle: &Idle, now: Instant) -> bool {
        self.snapshot.is_none()
            && (now.duration_since(idle.made) > self.options.longest_life()
                || now.duration_since(idle.since) > self.options.longest_idle())
    }

    async fn connect_once(&self) -> Result<PgConnection, Error> {
        let mut connection = connect(&self.options).await?;
        if let Some(snapshot) = &self.snapshot {
            sqlx::raw_sql(BEGIN_SNAPSHOT).execute(&mut connection).await?;
            snapshot.is_made.store(true, Ordering::Relaxed);
        }
        Ok(connection)
    }

    /// Makes a new connection. Retries while the server restarts or the address leads to a standby.
    async fn connect(&self, deadline: Instant) -> Result<PgConnection, Error> {
        if self.snapshot.as_ref().is_some_and(|snapshot| snapshot.is_made.load(Ordering::Relaxed)) {
            return Err(Error::Io(std::io::Error::other("the connection of the snapshot was lost")));
        }
        let mut pause = Duration::from_millis(10);
        // Why earlier attempts failed is more informative than that the last one timed out.
        let mut last = Error::PoolTimedOut;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match timeout(left, self.connect_once()).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) => last = error,
                Err(_) => return Err(last),
            }
            if failure_kind(&last) == FailureKind::Fault || Instant::now() + pause >= deadline {
                return Err(last);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(200));
        }
    }

    /// Runs one reading statement in its own task.
    pub(crate) async fn read(
        self: &Arc<Self>,
        sql: impl SqlSafeStr,
        arguments: PgArguments,
    ) -> StoreResult<Vec<PgRow>> {
        let (pool, sql) = (Arc::clone(self), sql.into_sql_str());
        self.run(async move { pool.read_here(sql, arguments).await }).await
    }

    /// Runs a future to its end as a task of the store, even if the caller goes away.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = StoreResult<T>> + Send + 'static,
    ) -> StoreResult<T> {
        self.runtime.spawn(work).await.unwrap_or_else(|error| Err(StoreError::Unavailable(error.into())))
    }

    /// Runs one reading statement in this task, which must not be dropped before it ends.
    async fn read_here(self: &Arc<Self>, sql: SqlStr, arguments: PgArguments) -> StoreResult<Vec<PgRow>> {
        let lease = self.acquire().await.map_err(store_error)?;
        self.read_with(lease, sql, arguments).await
    }

    /// As `read_here`, on a given connection. Retries on another connection if this one was lost, and after a pause if
    /// other transactions interfered, within the acquire timeout.
    pub(crate) async fn read_with(
        self: &Arc<Self>,
        mut lease: Lease,
        sql: SqlStr,
        arguments: PgArguments,
    ) -> StoreResult<Vec<PgRow>> {
        let deadline = Instant::now() + self.options.timeout();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let error = match self.read_on(&mut lease, sql.clone(), arguments.clone()).await {
                Ok(rows) => {
                    lease.release();
                    return Ok(rows);
                }
                Err(error) => error,
            };
            let again = Instant::now() < deadline;
            match failure_kind(&error) {
                FailureKind::Lost if again => lease.discard(),
                FailureKind::Clash if again => {
                    lease.release();
                    tracing::debug!(%error, attempt, "a read is tried again");
                    tokio::time::sleep(pause(attempt)).await;
                }
                FailureKind::Lost => {
                    lease.discard();
                    return Err(store_error(error));
                }
                FailureKind::Clash | FailureKind::Fault => {
                    lease.release();
                    return Err(store_error(error));
                }
                // The timeout may be on this side: a response may still arrive on the connection.
                FailureKind::Busy => return Err(store_error(error)),
            }
            lease = self.acquire().await.map_err(store_error)?;
        }
    }

    async fn read_on(&self, lease: &mut Lease, sql: SqlStr, arguments: PgArguments) -> Result<Vec<PgRow>, Error> {
        let mut session = lease.session();
        if self.snapshot.is_some() {
            return session.rows(sql, arguments).await;
        }
        // The database enforces the timeout itself; this one covers a database that disappears silently.
        let longest = self.options.longest_statement() + self.options.timeout();
        let rows = async {
            if self.options.is_pgbouncer() {
                self.read_in_transaction(&mut session, sql, arguments).await
            } else {
                session.rows(sql, arguments).await
            }
        };
        timeout(longest, rows).await.unwrap_or_else(|_| {
            // The idle connections may be dead too.
            self.idle().clear();
            Err(Error::PoolTimedOut)
        })
    }

    /// Reads behind a pgbouncer in transaction mode. sqlx prepares a statement in one round trip and runs it in the
    /// next. Outside a transaction, the second could reach another connection of the database, which does not know the
    /// statement.
    async fn read_in_transaction(
        &self,
        session: &mut Session<'_>,
        sql: SqlStr,
        arguments: PgArguments,
    ) -> Result<Vec<PgRow>, Error> {
        // As without pgbouncer, whatever the server's default is: a stricter level would only refuse more.
        let begin = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = {}",
            self.options.longest_statement().as_millis()
        );
        session.simple(AssertSqlSafe(begin)).await?;
        match session.rows(sql, arguments).await {
            Ok(rows) => {
                session.simple("COMMIT").await?;
                Ok(rows)
            }
            Err(error) => {
                session.simple("ROLLBACK").await?;
                Err(error)
            }
        }
    }

    /// Refuses new users, waits for current ones, and closes all connections.
    pub(crate) async fn close(&self) {
        let everybody_is_out = self.permits.acquire_many(self.size).await;
        self.permits.close();
        drop(everybody_is_out);
        let idle = std::mem::take(&mut *self.idle());
        for Idle { connection, .. } in idle {
            // The server notices in any case.
            let _ = connection.close().await;
        }
    }
}
