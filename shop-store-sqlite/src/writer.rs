//! The one thread that writes, and commits in groups.
//!
//! A sync to disk costs the same for one batch as for two hundred. So the writer applies all work that has come in, also
//! what comes while it does so, in one transaction, commits once, and answers only then. Nobody
//! waits for company: a lone caller's work is begun at once, and committed when nothing else is there.
//!
//! Savepoints cost a fifth of the writer's time (measured: SQLite copies every page before its first change in each), and
//! mostly nothing fails. So a group is tried without them first; when something in it fails, it is done again with
//! them, and so are the next groups, for a refusal seldom comes alone (something is sold out).
//!
//! What can go wrong, and what the callers hear:
//! - a guard fails, a host refuses, or a piece of work panics: it alone is taken back and refused, the others are
//!   committed;
//! - SQLite rolls the whole transaction back in the midst (a full disk, an I/O error; `is_autocommit` tells): nobody is
//!   answered, and every piece is applied again in a transaction of its own, so that only the culprit is refused;
//! - COMMIT fails and nothing was written: the same;
//! - COMMIT fails with an I/O error, or in a way that says nothing: it cannot be told what reached the disk, and
//!   everybody hears [`CommitError::OutcomeUnknown`]. Submitting the same batch again gives the answer.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, ErrorCode};
use shop_core::error::BoxError;
use shop_core::store::{CommitError, StoreError};
use tokio::sync::{mpsc, oneshot};

use crate::checkpoint::Checkpointer;
use crate::commit::{Applied, Failure};
use crate::error::store_error;
use crate::guest::{Guests, Tables};
use crate::kept::Tally;
use crate::rows::prepare;

/// At most so many pieces of work share a commit: the first of them waits for the last.
const GROUP: usize = 256;
/// So many pieces of work wait in the queue; who comes later waits before it. Bounds the memory.
const QUEUE: usize = 1024;

/// The savepoint of one piece of work. The name is the writer's own; see [`Guests`].
const SAVEPOINT: &str = "SAVEPOINT shop_job";
const ROLLBACK_TO: &str = "ROLLBACK TO shop_job";
const RELEASE: &str = "RELEASE shop_job";

/// So many groups after a refusal are applied with savepoints from the start.
const CAREFUL: u32 = 32;

/// Something to be done inside the writer's transaction, whole or not at all. It may be called again when the
/// transaction that it ran in was lost, and must then do the same.
pub(crate) type Work = Box<dyn FnMut(&Connection, &mut Tally) -> Applied + Send>;

/// What a host does after it.
pub(crate) type HostWork = Box<dyn FnMut(&Connection) -> Applied + Send>;

/// Why a piece of work was not done.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// As the store says it.
    Commit(CommitError),
    /// The host's own part of it refused; nothing was written.
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

type Outcome = Result<(), Refusal>;

enum Message {
    Work(Job),
    Close(oneshot::Sender<rusqlite::Result<()>>),
}

/// The way to the writing thread.
pub(crate) struct Writer {
    queue: Option<mpsc::Sender<Message>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread. `tables` are those that only the shop's own work may write.
    /// Without a checkpointer, moving the log into the file is left to another process.
    pub(crate) fn start(
        mut connection: Connection,
        checkpointer: Option<Checkpointer>,
        tables: Tables,
    ) -> io::Result<Self> {
        let guests = Guests::watch(&mut connection, tables).map_err(io::Error::other)?;
        let (queue, inbox) = mpsc::channel(QUEUE);
        let run = move || run(&connection, checkpointer, &guests, inbox);
        let thread = thread::Builder::new().name("shop-sqlite-writer".to_owned()).spawn(run)?;
        Ok(Self { queue: Some(queue), thread: Mutex::new(Some(thread)) })
    }

    /// One that refuses everything, for a store that only reads.
    pub(crate) fn stopped() -> Self {
        Self { queue: None, thread: Mutex::new(None) }
    }

    /// Has a piece of work done; answers when it is durable, or refused. Dropped before it is in the queue, it is not
    /// done; dropped afterwards, it is done or refused all the same.
    pub(crate) async fn submit(&self, work: Work) -> Result<(), CommitError> {
        self.submit_job(work, None).await.map_err(|refusal| match refusal {
            Refusal::Commit(error) => error,
            Refusal::Host => StoreError::Fault("a host refused that was not asked".into()).into(),
        })
    }

    /// The same, and then what the host does, as one piece of work.
    pub(crate) async fn submit_with(&self, work: Work, host: HostWork) -> Outcome {
        self.submit_job(work, Some(host)).await
    }

    async fn submit_job(&self, work: Work, host: Option<HostWork>) -> Outcome {
        let Some(queue) = &self.queue else { return Err(stopped().into()) };
        let (reply, answer) = oneshot::channel();
        queue.send(Message::Work(Job { work, host, reply, outcome: Ok(()) })).await.map_err(|_| stopped())?;
        match answer.await {
            Ok(done) => done.outcome,
            // The thread died with the work in its hands.
            Err(lost) => Err(CommitError::OutcomeUnknown(lost.into()).into()),
        }
    }

    /// Finishes what is in the queue, moves the log into the file, and stops.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        let Some(queue) = &self.queue else { return Ok(()) };
        let (reply, answer) = oneshot::channel();
        if queue.send(Message::Close(reply)).await.is_err() {
            return Ok(());
        }
        answer.await.unwrap_or(Ok(())).map_err(store_error)
    }

    /// True while work is taken.
    pub(crate) fn is_running(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| !queue.is_closed())
    }
}

impl Drop for Writer {
    /// Waits until the thread has done what is in the queue and has let go of the file.
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
    connection: &Connection,
    mut checkpointer: Option<Checkpointer>,
    guests: &Guests,
    inbox: mpsc::Receiver<Message>,
) {
    let mut inbox = Inbox { inbox, closing: Vec::new() };
    let mut careful = 0;
    while let Some(job) = inbox.wait() {
        commit(connection, guests, vec![job], &mut careful, &mut || inbox.more());
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

/// What comes in, and who asked for the end.
struct Inbox {
    inbox: mpsc::Receiver<Message>,
    closing: Vec<oneshot::Sender<rusqlite::Result<()>>>,
}

impl Inbox {
    /// The next piece of work, when it comes; `None` when there will be none.
    fn wait(&mut self) -> Option<Job> {
        loop {
            let message = self.inbox.blocking_recv()?;
            if let Some(job) = self.job(message) {
                return Some(job);
            }
        }
    }

    /// The next piece of work, if it is there already.
    fn more(&mut self) -> Option<Job> {
        loop {
            let message = self.inbox.try_recv().ok()?;
            if let Some(job) = self.job(message) {
                return Some(job);
            }
        }
    }

    fn job(&mut self, message: Message) -> Option<Job> {
        match message {
            Message::Work(job) => Some(job),
            Message::Close(reply) => {
                // What is in the queue already is still done; nothing more comes in.
                self.inbox.close();
                self.closing.push(reply);
                None
            }
        }
    }
}

/// Moves into the file what no reader still needs in the log, without waiting for anybody; SQLite itself moves the rest and
/// removes the log when the last connection of all processes is closed. (No ANALYZE, nor `PRAGMA optimize`, which runs it: the plans stay those that the tests
/// read, not those of a day on which a table was small.)
fn finish(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}

struct Job {
    work: Work,
    /// What a host does in the same transaction, when the work is done. It always gets a savepoint with the work, so
    /// that it cannot take back what is not its own, and its refusal costs the others nothing.
    host: Option<HostWork>,
    reply: oneshot::Sender<Done>,
    outcome: Outcome,
}

/// The answer, and the work with it: whoever made it also frees it, for which the one thread has no time.
struct Done {
    outcome: Outcome,
    _work: (Work, Option<HostWork>),
}

impl Job {
    /// Does it; answers what it changes of the kept counts.
    fn run(&mut self, connection: &Connection, guests: &Guests) -> Result<Tally, Failure> {
        let panicked = |_| Err(Failure::Fault("applying a batch panicked".into()));
        let mut tally = Tally::default();
        catch_unwind(AssertUnwindSafe(|| (self.work)(connection, &mut tally))).unwrap_or_else(panicked)?;
        if let Some(host) = &mut self.host {
            let _visit = guests.let_in();
            catch_unwind(AssertUnwindSafe(|| host(connection))).unwrap_or_else(panicked)?;
        }
        Ok(tally)
    }

    fn answer(self) {
        // Whoever waited may have gone; the work is done all the same.
        let _ = self.reply.send(Done { outcome: self.outcome, _work: (self.work, self.host) });
    }
}

/// Who may still join a group.
type More<'a> = &'a mut dyn FnMut() -> Option<Job>;

/// Why a group as a whole was not committed.
enum Lost {
    /// The transaction could not begin: the same will happen to each of its pieces.
    NotBegun(rusqlite::Error),
    /// A piece failed that had no savepoint; nothing was written.
    Refused(Failure),
    /// It was rolled back; nothing was written.
    RolledBack(rusqlite::Error),
    /// It may have been written.
    Unknown(rusqlite::Error),
}

/// Applies and commits a group, with whatever comes in while it is applied, and answers each of it.
fn commit(connection: &Connection, guests: &Guests, mut group: Vec<Job>, careful: &mut u32, more: More<'_>) {
    let mut done = attempt(connection, guests, &mut group, *careful > 0, more);
    *careful = careful.saturating_sub(1);
    if let Err(Lost::Refused(_)) = done
        && group.len() > 1
    {
        *careful = CAREFUL;
        done = attempt(connection, guests, &mut group, true, &mut || None);
    }
    match done {
        Ok(()) => group.into_iter().for_each(Job::answer),
        Err(Lost::Refused(failure)) => {
            // It was alone, for a group is tried again with savepoints.
            if let Some(mut job) = group.pop() {
                job.outcome = Err(refusal(failure));
                job.answer();
            }
        }
        Err(Lost::RolledBack(error)) if group.len() > 1 => {
            tracing::warn!(%error, batches = group.len(), "a group of batches was rolled back; trying one by one");
            for job in group {
                commit(connection, guests, vec![job], careful, &mut || None);
            }
        }
        Err(Lost::NotBegun(error) | Lost::RolledBack(error)) => {
            let error = SharedError::new(error, "nothing was written");
            for mut job in group {
                job.outcome = Err(error.store_error().into());
                job.answer();
            }
        }
        Err(Lost::Unknown(error)) => {
            let error = SharedError::new(error, "the outcome of a commit is unknown");
            for mut job in group {
                job.outcome = Err(match job.outcome {
                    // What was refused was written in no case; but it was judged on what may not be there.
                    Err(_) => error.store_error().into(),
                    Ok(()) => CommitError::OutcomeUnknown(error.message()).into(),
                });
                job.answer();
            }
        }
    }
}

/// One failure that is told to a whole group.
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
    connection: &Connection,
    guests: &Guests,
    group: &mut Vec<Job>,
    careful: bool,
    more: More<'_>,
) -> Result<(), Lost> {
    let run = |sql: &str| prepare(connection, sql).and_then(|mut statement| statement.execute([]));
    run("BEGIN IMMEDIATE").map_err(Lost::NotBegun)?;
    let mut applied_jobs = 0;
    let mut tally = Tally::default();
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
        let applied = job.run(connection, guests);
        if connection.is_autocommit() {
            return Err(match applied {
                Err(failure) if alone => Lost::Refused(failure),
                Err(Failure::Sql(error)) => Lost::RolledBack(error),
                _ => Lost::RolledBack(ended_from_inside()),
            });
        }
        job.outcome = match applied {
            Ok(changed) => {
                tally.merge(changed);
                Ok(())
            }
            Err(failure) if savepoint => {
                run(ROLLBACK_TO).map_err(|error| roll_back(connection, error))?;
                Err(refusal(failure))
            }
            Err(failure) => {
                return Err(match run("ROLLBACK") {
                    Ok(_) => Lost::Refused(failure),
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
                Lost::RolledBack(error) if !is_undone(&error, is_open) => Lost::Unknown(error),
                lost => lost,
            })
        }
    }
}

/// Whether a failed COMMIT has surely written nothing: it left the transaction open, or says why it was rolled back.
/// After an I/O error even an open one may have reached the disk.
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

/// Makes sure that no transaction is open.
fn roll_back(connection: &Connection, error: rusqlite::Error) -> Lost {
    if !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "a transaction was not rolled back");
    }
    Lost::RolledBack(error)
}

/// SQLite tells no reason when it rolled back and said so to somebody who kept it for themselves.
fn ended_from_inside() -> rusqlite::Error {
    let aborted = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT_ROLLBACK);
    rusqlite::Error::SqliteFailure(aborted, Some("the transaction was ended from inside".to_owned()))
}

fn refusal(failure: Failure) -> Refusal {
    match failure {
        Failure::Conflict(conflict) => CommitError::from(conflict).into(),
        Failure::Host => Refusal::Host,
        Failure::Sql(error) => {
            tracing::error!(%error, "a batch was not applied");
            store_error(error).into()
        }
        Failure::Fault(source) => {
            tracing::error!(%source, "a batch was not applied");
            StoreError::Fault(source).into()
        }
    }
}
