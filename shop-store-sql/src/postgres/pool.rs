//! The connections, and how statements run on them.
//!
//! sqlx's own pool makes a round trip whenever a connection comes back to it; where a read by key is one round trip, that
//! doubles it. This one hands a connection out as it is, and takes it back only from somebody who says that it is clean
//! ([`Lease::release`]): whoever fails or is cancelled in the midst loses it, and with it whatever was open. When one
//! connection turns out to be lost, all that idle are dropped with it, for the server is likely to be another.
//!
//! A new connection is taken only when it leads to a primary: behind a balancer it may lead to a standby, whose reads are
//! older than what was committed, so that carts and orders seem to be lost.

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

use super::error::{Trouble, standby, store_error, trouble};
use super::options::Options;
use super::pause::pause;

/// The connections of a store.
pub(crate) struct Pool {
    options: Options,
    runtime: Handle,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Idle>>,
    counter: Arc<Counter>,
    size: u32,
    moment: Option<Moment>,
}

/// A pool of one connection, whose transaction sees the database as it was when the connection was made.
#[derive(Debug, Default)]
struct Moment {
    /// There was a connection: another one would see another moment.
    is_made: AtomicBool,
}

/// What is asked of a new connection. Off, a commit is answered before it is durable; a stricter setting than `on`
/// (`remote_apply`) stays.
const LOOK: &str = "SELECT pg_is_in_recovery(), set_config('synchronous_commit', CASE current_setting('synchronous_commit') \
    WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)";

/// The same where a connection is shared with others: there each transaction says how it commits.
const LOOK_ONLY: &str = "SELECT pg_is_in_recovery()";

/// How the transaction of a moment begins. Its first statement fixes what it sees.
const BEGIN_MOMENT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL statement_timeout = 0; \
    SET LOCAL idle_in_transaction_session_timeout = 0; SELECT 1";

/// A connection that nobody uses.
struct Idle {
    connection: PgConnection,
    made: Instant,
    since: Instant,
}

/// Counts statements, and knows how they are sent.
#[derive(Debug)]
pub(crate) struct Counter {
    statements: AtomicU64,
    persistent: bool,
}

impl Counter {
    /// None sent yet. `persistent`: statements are kept prepared.
    pub(crate) fn new(persistent: bool) -> Self {
        Self { statements: AtomicU64::new(0), persistent }
    }

    /// How many were sent.
    pub(crate) fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }
}

/// A connection on which statements are counted. Also for a connection that is a host's.
pub(crate) struct Session<'c> {
    connection: &'c mut PgConnection,
    counter: &'c Counter,
}

impl<'c> Session<'c> {
    /// On this connection.
    pub(crate) fn new(connection: &'c mut PgConnection, counter: &'c Counter) -> Self {
        Self { connection, counter }
    }

    /// The connection itself, where nothing is counted.
    #[cfg(test)]
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        self.connection
    }

    /// The rows of a statement: one round trip, two the first time on a connection.
    pub(crate) async fn rows(&mut self, sql: impl SqlSafeStr, arguments: PgArguments) -> Result<Vec<PgRow>, Error> {
        self.counter.statements.fetch_add(1, Ordering::Relaxed);
        let sql = sql.into_sql_str();
        #[cfg(test)]
        super::plans::note(sql.as_str());
        let query = sqlx::query_with(sql, arguments).persistent(self.counter.persistent);
        query.fetch_all(&mut *self.connection).await
    }

    /// Runs a statement; answers how many rows it changed.
    pub(crate) async fn execute(&mut self, sql: impl SqlSafeStr, arguments: PgArguments) -> Result<u64, Error> {
        self.counter.statements.fetch_add(1, Ordering::Relaxed);
        let query = sqlx::query_with(sql, arguments).persistent(self.counter.persistent);
        Ok(query.execute(&mut *self.connection).await?.rows_affected())
    }

    /// Runs one or several statements that take no arguments, by the simple protocol (`BEGIN; SET LOCAL …`).
    pub(crate) async fn simple(&mut self, sql: impl SqlSafeStr) -> Result<(), Error> {
        self.counter.statements.fetch_add(1, Ordering::Relaxed);
        sqlx::raw_sql(sql).execute(&mut *self.connection).await.map(drop)
    }
}

/// A connection that is in use. Dropped, it is closed; see [`Lease::release`].
pub(crate) struct Lease {
    connection: PgConnection,
    made: Instant,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    /// Statements on it, counted.
    pub(crate) fn session(&mut self) -> Session<'_> {
        Session::new(&mut self.connection, &self.pool.counter)
    }

    /// Gives it back: no statement is under way on it and no transaction open.
    pub(crate) fn release(self) {
        let Self { connection, made, pool, _permit } = self;
        let now = Instant::now();
        let is_old = now.duration_since(made) > pool.options.longest_life();
        if pool.permits.is_closed() || (is_old && pool.moment.is_none()) {
            return;
        }
        let mut idle = pool.idle();
        idle.push(Idle { connection, made, since: now });
        // The least used one stands first.
        if pool.moment.is_none()
            && idle.first().is_some_and(|first| now.duration_since(first.since) > pool.options.longest_idle())
        {
            idle.remove(0);
        }
        drop(idle);
    }

    /// Closes it after a failure that a server's restart may have caused; the idle ones with it.
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

/// A connection that can be used: it leads to a primary, and what is committed on it is durable.
pub(crate) async fn connect(options: &Options) -> Result<PgConnection, Error> {
    let mut connection = options.to_connect().connect().await?;
    let look = if options.is_pgbouncer() { LOOK_ONLY } else { LOOK };
    let row = sqlx::raw_sql(look).fetch_one(&mut connection).await?;
    if row.try_get(0)? { Err(standby()) } else { Ok(connection) }
}

impl Pool {
    /// No connection is made yet.
    pub(crate) fn new(options: Options, runtime: Handle) -> Self {
        let size = options.most();
        Self::of(options, runtime, size, None)
    }

    /// One connection to the same database, all of whose reads see one moment: that of the first [`Pool::acquire`].
    pub(crate) fn at_one_moment(&self) -> Self {
        Self::of(self.options.clone(), self.runtime.clone(), 1, Some(Moment::default()))
    }

    fn of(options: Options, runtime: Handle, size: u32, moment: Option<Moment>) -> Self {
        let counter = Counter::new(!options.is_pgbouncer());
        Self {
            permits: Arc::new(Semaphore::new(size as usize)),
            idle: Mutex::new(Vec::new()),
            counter: Arc::new(counter),
            runtime,
            options,
            size,
            moment,
        }
    }

    /// How the database is reached.
    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// Where tasks of the store run.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// What counts the statements, for a session on a connection that is not from here.
    pub(crate) fn counter(&self) -> &Arc<Counter> {
        &self.counter
    }

    /// How many statements were sent.
    pub(crate) fn statements(&self) -> u64 {
        self.counter.statements()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection: one that idles, or a new one; within the options' patience.
    pub(crate) async fn acquire(self: &Arc<Self>) -> Result<Lease, Error> {
        let deadline = Instant::now() + self.options.patience();
        let permit = Arc::clone(&self.permits).acquire_owned();
        let permit = match self.moment {
            // The others read one after the other, and take as long as they take.
            Some(_) => permit.await,
            None => timeout(self.options.patience(), permit).await.map_err(|_| Error::PoolTimedOut)?,
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

    /// Too old, or so long unused that something between here and there may have forgotten it.
    fn is_stale(&self, idle: &Idle, now: Instant) -> bool {
        self.moment.is_none()
            && (now.duration_since(idle.made) > self.options.longest_life()
                || now.duration_since(idle.since) > self.options.longest_idle())
    }

    async fn connect_once(&self) -> Result<PgConnection, Error> {
        let mut connection = connect(&self.options).await?;
        if let Some(moment) = &self.moment {
            sqlx::raw_sql(BEGIN_MOMENT).execute(&mut connection).await?;
            moment.is_made.store(true, Ordering::Relaxed);
        }
        Ok(connection)
    }

    /// A new connection. While the server restarts, or the address leads to a standby, it is asked again.
    async fn connect(&self, deadline: Instant) -> Result<PgConnection, Error> {
        if self.moment.as_ref().is_some_and(|moment| moment.is_made.load(Ordering::Relaxed)) {
            return Err(Error::Io(std::io::Error::other("the connection that saw one moment was lost")));
        }
        let mut pause = Duration::from_millis(10);
        // Why no attempt succeeded so far says more than that the last one took too long.
        let mut last = Error::PoolTimedOut;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match timeout(left, self.connect_once()).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) => last = error,
                Err(_) => return Err(last),
            }
            if trouble(&last) == Trouble::Fault || Instant::now() + pause >= deadline {
                return Err(last);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(200));
        }
    }

    /// Runs one reading statement, in a task of its own.
    pub(crate) async fn read(
        self: &Arc<Self>,
        sql: impl SqlSafeStr,
        arguments: PgArguments,
    ) -> StoreResult<Vec<PgRow>> {
        let (pool, sql) = (Arc::clone(self), sql.into_sql_str());
        self.run(async move { pool.read_here(sql, arguments).await }).await
    }

    /// Runs a future as a task of the store: to its end, whatever becomes of the caller.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = StoreResult<T>> + Send + 'static,
    ) -> StoreResult<T> {
        self.runtime.spawn(work).await.unwrap_or_else(|error| Err(StoreError::Unavailable(error.into())))
    }

    /// Runs one reading statement in this task, which must not be dropped before its end.
    async fn read_here(self: &Arc<Self>, sql: SqlStr, arguments: PgArguments) -> StoreResult<Vec<PgRow>> {
        let lease = self.acquire().await.map_err(store_error)?;
        self.read_with(lease, sql, arguments).await
    }

    /// As `read_here`, on a connection that is at hand. Again on another one when it was lost, and after a pause when
    /// others got in its way, within the options' patience.
    pub(crate) async fn read_with(
        self: &Arc<Self>,
        mut lease: Lease,
        sql: SqlStr,
        arguments: PgArguments,
    ) -> StoreResult<Vec<PgRow>> {
        let deadline = Instant::now() + self.options.patience();
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
            match trouble(&error) {
                Trouble::Lost if again => lease.discard(),
                Trouble::Clash if again => {
                    lease.release();
                    tracing::debug!(%error, attempt, "a read is tried again");
                    tokio::time::sleep(pause(attempt)).await;
                }
                Trouble::Lost => {
                    lease.discard();
                    return Err(store_error(error));
                }
                Trouble::Clash | Trouble::Fault => {
                    lease.release();
                    return Err(store_error(error));
                }
                // Perhaps given up on this side: an answer may still come on it.
                Trouble::Busy => return Err(store_error(error)),
            }
            lease = self.acquire().await.map_err(store_error)?;
        }
    }

    async fn read_on(&self, lease: &mut Lease, sql: SqlStr, arguments: PgArguments) -> Result<Vec<PgRow>, Error> {
        let mut session = lease.session();
        if self.moment.is_some() {
            return session.rows(sql, arguments).await;
        }
        // The database keeps the time itself; here it is kept for the case that it went away without a word.
        let longest = self.options.longest_statement() + self.options.patience();
        let rows = async {
            if self.options.is_pgbouncer() {
                self.read_in_transaction(&mut session, sql, arguments).await
            } else {
                session.rows(sql, arguments).await
            }
        };
        timeout(longest, rows).await.unwrap_or_else(|_| {
            // Those that idle may lead to where nobody answers, too.
            self.idle().clear();
            Err(Error::PoolTimedOut)
        })
    }

    /// Behind a pgbouncer in transaction mode. sqlx prepares a statement in one round trip and runs it in the next; outside
    /// of a transaction the second may come to another connection of the database, which knows nothing of the first.
    async fn read_in_transaction(
        &self,
        session: &mut Session<'_>,
        sql: SqlStr,
        arguments: PgArguments,
    ) -> Result<Vec<PgRow>, Error> {
        // As without a pgbouncer, whatever the server's default is: a stricter level would only refuse more.
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

    /// Lets nobody in any more, waits for those that are in, and closes all connections.
    pub(crate) async fn close(&self) {
        let everybody_is_out = self.permits.acquire_many(self.size).await;
        self.permits.close();
        drop(everybody_is_out);
        let idle = std::mem::take(&mut *self.idle());
        for Idle { connection, .. } in idle {
            // The server notices either way.
            let _ = connection.close().await;
        }
    }
}
