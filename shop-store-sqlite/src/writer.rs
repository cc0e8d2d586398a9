//! The single writing thread, with group commit.
//!
//! A disk sync costs the same for one batch as for two hundred. So the writer applies all work that has arrived,
//! including work that arrives while it does so, in one transaction, commits once, and only then replies. It never
//! waits for a group to fill: a lone caller's work starts at once and is committed when no other work is queued.
//!
//! Savepoints cost a fifth of the writer's time (measured: SQLite copies every page before its first change in each
//! savepoint), and most groups have no failure. So the writer first applies a group without savepoints. If anything in
//! it fails, the writer applies the group again with savepoints. It also uses them for the next groups, because
//! refusals come in series (for example, when an item sells out).
//!
//! What can go wrong, and what the callers receive:
//! - A guard fails, a host refuses, or a piece of work panics: only that piece is undone and refused; the others are
//!   committed.
//! - SQLite rolls back the whole transaction while it runs (a full disk, an I/O error; `is_autocommit` shows it): no
//!   caller is answered yet, and every piece is applied again in its own transaction, so that only the culprit is
//!   refused.
//! - COMMIT fails and nothing was written: the same.
//! - COMMIT fails with an I/O error, or without a clear reason: it is unknown what reached the disk, and every caller
//!   receives [`CommitError::OutcomeUnknown`]. Submitting the same batch again gives the answer.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, ErrorCode};
use shop_core::error::BoxError;
use shop_core::store::{CommitError, StoreError};
use tokio::sync::{mpsc, oneshot};

use crate::authorizer::{HostAuthorizer, Tables};
use crate::checkpoint::Checkpointer;
use crate::commit::{ApplyError, ApplyResult};
use crate::error::store_error;
use crate::list_counts::CountChanges;
use crate::write_connection::WriteConnection;

/// The maximum number of pieces of work in one commit, because the first of them waits for the last.
const GROUP: usize = 256;
/// The capacity of the queue in pieces of work; later callers wait outside it. Bounds the memory.
const QUEUE: usize = 1024;

/// The savepoint of one piece of work. Hosts may not use this name; see [`HostAuthorizer`].
const SAVEPOINT: &str = "SAVEPOINT shop_job";
const ROLLBACK_TO: &str = "ROLLBACK TO shop_job";
const RELEASE: &str = "RELEASE shop_job";

/// The number of groups after a refusal that are applied with savepoints from the start.
const CAREFUL: u32 = 32;

/// A piece of work for the writer's transaction, applied completely or not at all. It may be called again if its
/// transaction was lost, and must then do the same.
pub(crate) type Work = Box<dyn FnMut(&WriteConnection<'_>, &mut CountChanges) -> ApplyResult + Send>;

/// The host's own writes, applied after the shop's work.
pub(crate) type HostWork = Box<dyn FnMut(&Connection) -> ApplyResult + Send>;

/// Why a piece of work was refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The store refused it.
    Commit(CommitError),
    /// The host's part refused; nothing was written.
    Host,
}

impl From<CommitError> for Refusal {
    fn from(error: CommitError) -> Self {
        Self::Commit(error)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Commit(error.into())
    }
}

type CommitOutcome = Result<(), Refusal>;

enum Message {
    Work(WriteJob),
    Close(oneshot::Sender<rusqlite::Result<()>>),
}

/// The handle to the writing thread.
pub(crate) struct Writer {
    queue: Option<mpsc::Sender<Message>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread. Only the shop's own work may write `tables`. Without a checkpointer, moving the log into the
    /// file is left to another process.
    pub(crate) fn start(
        mut connection: Connection,
        checkpointer: Option<Checkpointer>,
        tables: Tables,
    ) -> io::Result<Self> {
        let authorizer = HostAuthorizer::watch(&mut connection, tables).map_err(io::Error::other)?;
        let (queue, inbox) = mpsc::channel(QUEUE);
        let run = move || run(&WriteConnection::new(&connection), checkpointer, &authorizer, inbox);
        let thread = thread::Builder::new().name("shop-sqlite-writer".to_owned()).spawn(run)?;
        Ok(Self { queue: Some(queue), thread: Mutex::new(Some(thread)) })
    }

    /// A writer that refuses everything, for a read-only store.
    pub(crate) fn stopped() -> Self {
        Self { queue: None, thread: Mutex::new(None) }
    }

    /// Submits a piece of work and returns when it is durable or refused. If the future is dropped before the work is
    /// queued, the work is not done; if it is dropped later, the work still runs.
    pub(crate) async fn submit(&self, work: Work) -> Result<(), CommitError> {
        self.submit_job(work, None).await.map_err(|refusal| match refusal {
            Refusal::Commit(error) => error,
            Refusal::Host => StoreError::Fault("a host refused that was not asked".into()).into(),
        })
    }

    /// Submits work together with the host's part, as one piece of work.
    pub(crate) async fn submit_with(&self, work: Work, host: HostWork) -> CommitOutcome {
        self.submit_job(work, Some(host)).await
    }

    async fn submit_job(&self, work: Work, host: Option<HostWork>) -> CommitOutcome {
        let Some(queue) = &self.queue else { return Err(stopped().into()) };
        let (reply, answer) = oneshot::channel();
        queue.send(Message::Work(WriteJob { work, host, reply, outcome: Ok(()) })).await.map_err(|_| stopped())?;
        match answer.await {
            Ok(done) => done.outcome,
            // The thread died while it held the work.
            Err(lost) => Err(CommitError::OutcomeUnknown(lost.into()).into()),
        }
    }

    /// Finishes the queued work, moves the log into the file, and stops.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        let Some(queue) = &self.queue else { return Ok(()) };
        let (reply, answer) = oneshot::channel();
        if queue.send(Message::Close(reply)).await.is_err() {
            return Ok(());
        }
        answer.await.unwrap_or(Ok(())).map_err(store_error)
    }

    /// True while the writer accepts work.
    pub(crate) fn is_running(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| !queue.is_closed())
    }
}

impl Drop for Writer {
    /// Blocks until the thread has finished the queued work and closed the file.
    fn drop(&mut self) {
        self.queue = None;
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}

fn run(
    connection: &WriteConnection<'_>,
    mut checkpointer: Option<Checkpointer>,
    authorizer: &HostAuthorizer,
    inbox: mpsc::Receiver<Message>,
) {
    let mut inbox = WriterInbox { inbox, closing: Vec::new() };
    let mut careful = 0;
    while let Some(job) = inbox.wait() {
        commit(connection, authorizer, vec![job], &mut careful, &mut || inbox.more());
        if let Some(checkpointer) = &mut checkpointer {
            checkpointer.committed();
        }
    }
    let moves_log = checkpointer.is_some();
    drop(checkpointer);
    let done = if moves_log { finish(connection) } else { Ok(()) };
    if let Err(error) = &done {
        tracing::warn!(%error, "the log was not moved into the database file; the next start does it");
    }
    if let Some(reply) = inbox.closing.pop() {
        let _ = reply.send(done);
    }
}

/// The receiving end of the queue, and the callers that asked the writer to stop.
struct WriterInbox {
    inbox: mpsc::Receiver<Message>,
    closing: Vec<oneshot::Sender<rusqlite::Result<()>>>,
}

impl WriterInbox {
    /// Waits for the next piece of work; `None` if no more can arrive.
    fn wait(&mut self) -> Option<WriteJob> {
        loop {
            let message = self.inbox.blocking_recv()?;
            if let Some(job) = self.job(message) {
                return Some(job);
            }
        }
    }

    /// The next piece of work if one is already queued.
    fn more(&mut self) -> Option<WriteJob> {
        loop {
            let message = self.inbox.try_recv().ok()?;
            if let Some(job) = self.job(message) {
                return Some(job);
            }
        }
    }

    fn job(&mut self, message: Message) -> Option<WriteJob> {
        match message {
            Message::Work(job) => Some(job),
            Message::Close(reply) => {
                // Work already in the queue is still done; the queue accepts no more.
                self.inbox.close();
                self.closing.push(reply);
                None
            }
        }
    }
}

/// Moves all log pages into the file that no reader still needs, without waiting. SQLite itself moves the rest and
/// removes the log when the last connection of all processes closes. (No ANALYZE, and no `PRAGMA optimize`, which runs
/// it: the query plans stay those that the tests check, whatever the table sizes on a given day.)
fn finish(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}

struct WriteJob {
    work: Work,
    /// The host's part, applied in the same transaction after the work. Work with a host part always gets a savepoint,
    /// so that the host can undo only its own writes and its refusal does not affect other work.
    host: Option<HostWork>,
    reply: oneshot::Sender<Done>,
    outcome: CommitOutcome,
}

/// The outcome, returned with the work so that the submitting thread frees it: the writing thread has no time for that.
struct Done {
    outcome: CommitOutcome,
    _work: (Work, Option<HostWork>),
}

impl WriteJob {
    /// Runs the work and returns its changes to the stored counts.
    fn run(
        &mut self,
        connection: &WriteConnection<'_>,
        authorizer: &HostAuthorizer,
    ) -> Result<CountChanges, ApplyError> {
        let panicked = |_| Err(ApplyError::Fault("applying a batch panicked".into()));
        let mut tally = CountChanges::default();
        catch_unwind(AssertUnwindSafe(|| (self.work)(connection, &mut tally))).unwrap_or_else(panicked)?;
        if let Some(host) = &mut self.host {
            let _scope = authorizer.enter();
            catch_unwind(AssertUnwindSafe(|| host(connection))).unwrap_or_else(panicked)?;
        }
        Ok(tally)
    }

    fn answer(self) {
        // The caller may be gone; the work is done anyway.
        let _ = self.reply.send(Done { outcome: self.outcome, _work: (self.work, self.host) });
    }
}

/// Yields more work to add to the current group.
type More<'a> = &'a mut dyn FnMut() -> Option<WriteJob>;

/// Why a whole group was not committed.
enum GroupError {
    /// The transaction could not begin. The same would happen to each piece alone.
    NotBegun(rusqlite::Error),
    /// A piece without a savepoint failed; nothing was written.
    Refused(ApplyError),
    /// The transaction was rolled back; nothing was written.
    RolledBack(rusqlite::Error),
    /// COMMIT may have been written.
    Unknown(rusqlite::Error),
}

/// Applies and commits a group, including work that arrives meanwhile, and answers every piece.
fn commit(
    connection: &WriteConnection<'_>,
    authorizer: &HostAuthorizer,
    mut group: Vec<WriteJob>,
    careful: &mut u32,
    more: More<'_>,
) {
    let mut done = attempt(connection, authorizer, &mut group, *careful > 0, more);
    *careful = careful.saturating_sub(1);
    if let Err(GroupError::Refused(_)) = done
        && group.len() > 1
    {
        *careful = CAREFUL;
        done = attempt(connection, authorizer, &mut group, true, &mut || None);
    }
    match done {
        Ok(()) => group.into_iter().for_each(WriteJob::answer),
        Err(GroupError::Refused(failure)) => {
            // The group has one piece: a larger group is retried with savepoints.
            if let Some(mut job) = group.pop() {
                job.outcome = Err(refusal(failure));
                job.answer();
            }
        }
        Err(GroupError::RolledBack(error)) if group.len() > 1 => {
            tracing::warn!(%error, batches = group.len(), "a group of batches was rolled back; trying one by one");
            for job in group {
                commit(connection, authorizer, vec![job], careful, &mut || None);
            }
        }
        Err(GroupError::NotBegun(error) | GroupError::RolledBack(error)) => {
            let error = SharedError::new(error, "nothing was written");
            for mut job in group {
                job.outcome = Err(error.store_error().into());
                job.answer();
            }
        }
        Err(GroupError::Unknown(error)) => {
            let error = SharedError::new(error, "the outcome of a commit is unknown");
            for mut job in group {
                job.outcome = Err(match job.outcome {
                    // Refused work was not written in any case, but it was judged against state that may be lost.
                    Err(_) => error.store_error().into(),
                    Ok(()) => CommitError::OutcomeUnknown(error.message()).into(),
                });
                job.answer();
            }
        }
    }
}

/// One failure that is reported to a whole group.
struct SharedError {
    text: String,
    passes: bool,
}

impl SharedError {
    fn new(error: rusqlite::Error, what: &str) -> Self {
        tracing::error!(%error, "{what}");
        let text = error.to_string();
        Self { text, passes: matches!(store_error(error), StoreError::Unavailable(_)) }
    }

    fn message(&self) -> BoxError {
        self.text.clone().into()
    }

    fn store_error(&self) -> StoreError {
        if self.passes { StoreError::Unavailable(self.message()) } else { StoreError::Fault(self.message()) }
    }
}

fn attempt(
    connection: &WriteConnection<'_>,
    authorizer: &HostAuthorizer,
    group: &mut Vec<WriteJob>,
    careful: bool,
    more: More<'_>,
) -> Result<(), GroupError> {
    let run = |sql: &'static str| connection.run(sql, |statement| statement.execute([]));
    run("BEGIN IMMEDIATE").map_err(GroupError::NotBegun)?;
    connection.forget_versions();
    let mut applied_jobs = 0;
    let mut tally = CountChanges::default();
    loop {
        if applied_jobs == group.len() && group.len() < GROUP {
            group.extend(more());
        }
        let alone = group.len() == 1;
        let Some(job) = group.get_mut(applied_jobs) else { break };
        applied_jobs += 1;
        let savepoint = careful || job.host.is_some();
        if savepoint {
            run(SAVEPOINT).map_err(|error| roll_back(connection, error))?;
        }
        let applied = job.run(connection, authorizer);
        if connection.is_autocommit() {
            return Err(match applied {
                Err(failure) if alone => GroupError::Refused(failure),
                Err(ApplyError::Sql(error)) => GroupError::RolledBack(error),
                _ => GroupError::RolledBack(ended_from_inside()),
            });
        }
        job.outcome = match applied {
            Ok(changed) => {
                tally.merge(changed);
                Ok(())
            }
            Err(failure) if savepoint => {
                run(ROLLBACK_TO).map_err(|error| roll_back(connection, error))?;
                connection.forget_versions();
                Err(refusal(failure))
            }
            Err(failure) => {
                return Err(match run("ROLLBACK") {
                    Ok(_) => GroupError::Refused(failure),
                    Err(error) => roll_back(connection, error),
                });
            }
        };
        if savepoint {
            run(RELEASE).map_err(|error| roll_back(connection, error))?;
        }
    }
    tally.write(connection).map_err(|error| roll_back(connection, error))?;
    match run("COMMIT") {
        Ok(_) => Ok(()),
        Err(error) => {
            let is_open = !connection.is_autocommit();
            Err(match roll_back(connection, error) {
                GroupError::RolledBack(error) if !is_undone(&error, is_open) => GroupError::Unknown(error),
                lost => lost,
            })
        }
    }
}

/// Whether a failed COMMIT certainly wrote nothing: it left the transaction open, or its error says that it was rolled
/// back. After an I/O error even an open transaction may have reached the disk.
fn is_undone(error: &rusqlite::Error, is_open: bool) -> bool {
    match error.sqlite_error_code() {
        Some(ErrorCode::SystemIoFailure) => false,
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::ConstraintViolation
            | ErrorCode::DiskFull
            | ErrorCode::OutOfMemory
            | ErrorCode::OperationInterrupted
            | ErrorCode::OperationAborted,
        ) => true,
        _ => is_open,
    }
}

/// Ensures that no transaction is open.
fn roll_back(connection: &Connection, error: rusqlite::Error) -> GroupError {
    if !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "a transaction was not rolled back");
    }
    GroupError::RolledBack(error)
}

/// The error for a transaction that ended inside a piece of work that did not report why. SQLite does not report it
/// again.
fn ended_from_inside() -> rusqlite::Error {
    let aborted = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT_ROLLBACK);
    rusqlite::Error::SqliteFailure(aborted, Some("the transaction was ended from inside".to_owned()))
}

fn refusal(failure: ApplyError) -> Refusal {
    match failure {
        ApplyError::Conflict(conflict) => CommitError::from(conflict).into(),
        ApplyError::Host => Refusal::Host,
        ApplyError::Sql(error) => {
            tracing::error!(%error, "a batch was not applied");
            store_error(error).into()
        }
        ApplyError::Fault(source) => {
            tracing::error!(%source, "a batch was not applied");
            StoreError::Fault(source).into()
        }
    }
}
