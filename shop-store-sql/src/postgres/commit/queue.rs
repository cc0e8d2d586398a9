//! The tasks that commit, and commit in groups.
//!
//! A transaction costs almost the same for one batch as for fifty: round trips, locks on what is hot, the wait for the
//! disk. So a committer takes all that came in while it was busy, as far as it can share a transaction
//! ([`super::merge`]), and answers only after COMMIT. Nobody waits for company: a lone caller's batch is begun at once.
//!
//! What can go wrong, and what the callers hear:
//! - a guard fails: the group is rolled back; the batches that it names are committed one by one, by the path that names
//!   the conflict, and the others together again;
//! - together they ask for more of a stock level than there is, or Postgres refuses a row without saying whose: the group
//!   is halved and tried again, until it is known;
//! - transactions got in each other's way, or the connection was lost before COMMIT: nothing was written; again, after a
//!   moment, for a bounded time, then [`StoreError::Unavailable`];
//! - the connection was lost during COMMIT: everybody hears [`CommitError::OutcomeUnknown`]. Submitting the same batch
//!   again gives the answer;
//! - no connection is to be had: everybody who waits hears [`StoreError::Unavailable`] at once.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use shop_core::batch::Batch;
use shop_core::store::{CommitError, StoreError};
use tokio::sync::{Mutex, mpsc, oneshot};

use super::group::{Group, Refused};
use super::merge::{Mergeable, Touched};
use super::transaction::{End, Transactions, Work};
use crate::postgres::error::{Trouble, store_error, trouble};
use crate::postgres::pool::Pool;

/// So many tasks commit at once. One would let the database idle while it waits for the disk; many make small groups.
const COMMITTERS: usize = 2;
/// At most so many batches share a transaction: the first of them waits for the last.
const GROUP: usize = 64;
/// And so many rows, one batch excepted: it bounds memory, and the time that the locks are held.
const GROUP_ROWS: usize = 5_000;
/// So many batches wait in the queue; who comes later waits before it. Bounds the memory.
const QUEUE: usize = 1_024;
/// So long a batch is tried again when transactions get in each other's way, or connections are lost.
const PERSISTENCE: Duration = Duration::from_secs(2);
/// And so often at least, however long each attempt takes.
const ATTEMPTS: u32 = 3;

type Outcome = Result<(), CommitError>;

/// A batch on its way.
struct Job {
    batch: Arc<Batch>,
    mergeable: Option<Mergeable>,
    reply: oneshot::Sender<Outcome>,
}

impl Job {
    fn answer(self, outcome: Outcome) {
        // Whoever waited may have gone; what is done is done all the same.
        let _ = self.reply.send(outcome);
    }
}

/// The way to the committers.
pub(crate) struct Queue {
    sender: std::sync::Mutex<Option<mpsc::Sender<Job>>>,
    committers: std::sync::Mutex<Vec<tokio::task::JoinHandle<()>>>,
    counts: Arc<Counts>,
}

/// What the committers did.
#[derive(Debug, Default)]
struct Counts {
    transactions: AtomicU64,
    batches: AtomicU64,
}

impl Queue {
    /// Starts the committers, in the pool's runtime.
    pub(crate) fn start(pool: &Arc<Pool>) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let inbox = Arc::new(Mutex::new(Inbox { receiver, kept: VecDeque::new() }));
        let counts = Arc::new(Counts::default());
        let committer = |_| {
            let committer = Committer {
                inbox: Arc::clone(&inbox),
                transactions: Transactions::new(Arc::clone(pool)),
                counts: Arc::clone(&counts),
            };
            pool.runtime().spawn(Arc::new(committer).run())
        };
        let committers = (0..COMMITTERS).map(committer).collect();
        Self { sender: std::sync::Mutex::new(Some(sender)), committers: std::sync::Mutex::new(committers), counts }
    }

    /// Has a batch committed. Dropped before it is in the queue, it is not; dropped afterwards, it is or is not, whole.
    pub(crate) async fn commit(&self, batch: Arc<Batch>) -> Outcome {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(sender) = sender else { return Err(stopped().into()) };
        let (reply, answer) = oneshot::channel();
        let mergeable = Mergeable::of(&batch);
        sender.send(Job { batch, mergeable, reply }).await.map_err(|_| stopped())?;
        drop(sender);
        // No answer: the runtime ended with the batch in a committer's hands.
        answer.await.unwrap_or_else(|lost| Err(CommitError::OutcomeUnknown(lost.into())))
    }

    /// Takes nothing more, and waits until what is in the queue is done.
    pub(crate) async fn close(&self) {
        drop(self.sender.lock().unwrap_or_else(PoisonError::into_inner).take());
        let committers = std::mem::take(&mut *self.committers.lock().unwrap_or_else(PoisonError::into_inner));
        for committer in committers {
            // One that panicked is done, too.
            let _ = committer.await;
        }
    }

    /// How many transactions were begun for how many batches so far.
    pub(crate) fn transactions(&self) -> (u64, u64) {
        let Counts { transactions, batches } = &*self.counts;
        (transactions.load(Ordering::Relaxed), batches.load(Ordering::Relaxed))
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}

/// What has come in, and what was left for the next group.
struct Inbox {
    receiver: mpsc::Receiver<Job>,
    kept: VecDeque<Job>,
}

impl Inbox {
    /// The next group: the oldest batch, and all that can join it. Empty when the store is closed.
    async fn next(&mut self) -> Vec<Job> {
        loop {
            if self.kept.is_empty() {
                match self.receiver.recv().await {
                    Some(job) => self.kept.push_back(job),
                    None => return Vec::new(),
                }
            }
            while self.kept.len() < QUEUE
                && let Ok(job) = self.receiver.try_recv()
            {
                self.kept.push_back(job);
            }
            // Whoever went away before it was begun wants it no more.
            self.kept.retain(|job| !job.reply.is_closed());
            let group = self.group();
            if !group.is_empty() {
                return group;
            }
        }
    }

    fn group(&mut self) -> Vec<Job> {
        let mut group = Vec::new();
        let mut touched = Touched::default();
        let mut rows = 0;
        let mut later = VecDeque::new();
        while let Some(job) = self.kept.pop_front() {
            let Some(mergeable) = &job.mergeable else {
                if group.is_empty() && later.is_empty() {
                    group.push(job);
                    break;
                }
                later.push_back(job);
                continue;
            };
            if group.is_empty() && later.is_empty()
                || rows + mergeable.rows() <= GROUP_ROWS && touched.has_room_for(mergeable)
            {
                rows += mergeable.rows();
                touched.add(mergeable);
                group.push(job);
                if group.len() == GROUP {
                    break;
                }
            } else {
                later.push_back(job);
            }
        }
        later.append(&mut self.kept);
        self.kept = later;
        group
    }

    /// All that waits.
    fn drain(&mut self) -> Vec<Job> {
        while let Ok(job) = self.receiver.try_recv() {
            self.kept.push_back(job);
        }
        self.kept.drain(..).collect()
    }
}

/// One of the tasks.
struct Committer {
    inbox: Arc<Mutex<Inbox>>,
    transactions: Transactions,
    counts: Arc<Counts>,
}

impl Committer {
    async fn run(self: Arc<Self>) {
        loop {
            let group = self.inbox.lock().await.next().await;
            if group.is_empty() {
                return;
            }
            self.counts.batches.fetch_add(group.len() as u64, Ordering::Relaxed);
            let committer = Arc::clone(&self);
            // In a task of its own: what panics there ends that group and no other.
            if let Err(error) = tokio::spawn(async move { committer.commit(group).await }).await {
                tracing::error!(%error, "committing a group of batches failed");
            }
        }
    }

    /// Commits a group, in parts where it must be, and answers each of it.
    async fn commit(&self, group: Vec<Job>) {
        let mut groups = vec![group];
        while let Some(group) = groups.pop() {
            let mergeable: Option<Vec<_>> = group.iter().map(|job| job.mergeable.as_ref()).collect();
            let Some(mergeable) = mergeable else {
                for job in group {
                    if self.commit_alone(job).await == Reached::Nobody {
                        self.give_up(&mut groups);
                    }
                }
                continue;
            };
            let end = self.persist(&Work::Group(&Group::of(&mergeable))).await;
            match end {
                Ok(()) => group.into_iter().for_each(|job| job.answer(Ok(()))),
                Err(End::Refused(Refused { certain, .. })) if !certain.is_empty() => {
                    let (mut refused, mut others) = (Vec::new(), Vec::new());
                    for (number, job) in group.into_iter().enumerate() {
                        if certain.contains(&number) { &mut refused } else { &mut others }.push(job);
                    }
                    // One by one, after those that may pass.
                    let alone = refused.into_iter().map(|job| vec![Job { mergeable: None, ..job }]);
                    groups.extend(alone.rev());
                    if !others.is_empty() {
                        groups.push(others);
                    }
                }
                Err(End::Refused(_) | End::Fault(_) | End::Conflict(_)) => {
                    halve(group, &mut groups);
                }
                Err(End::Failed(error)) if trouble(&error) == Trouble::Fault => {
                    tracing::debug!(%error, batches = group.len(), "a group was refused; trying parts of it");
                    halve(group, &mut groups);
                }
                Err(end) => {
                    let failure = Shared::new(&end);
                    for job in group {
                        job.answer(Err(failure.error()));
                    }
                    if let End::Unreachable(_) = end {
                        self.give_up(&mut groups);
                    }
                }
            }
        }
    }

    /// Answers all that waits: whoever went on would wait as long as the one before, and so on.
    fn give_up(&self, groups: &mut Vec<Vec<Job>>) {
        let mut waiting: Vec<_> = groups.drain(..).flatten().collect();
        // Held by another, it is waited on: then it is empty.
        if let Ok(mut inbox) = self.inbox.try_lock() {
            waiting.append(&mut inbox.drain());
        }
        for job in waiting {
            job.answer(Err(StoreError::Unavailable("no connection to the database is to be had".into()).into()));
        }
    }

    async fn commit_alone(&self, job: Job) -> Reached {
        let mut reached = Reached::Database;
        let outcome = match self.persist(&Work::Plain(&job.batch)).await {
            Ok(()) => Ok(()),
            Err(End::Conflict(conflict)) => Err(conflict.into()),
            Err(End::Unknown(error)) => {
                tracing::error!(%error, "the outcome of a commit is unknown");
                Err(CommitError::OutcomeUnknown(error))
            }
            Err(End::Again(error)) => Err(StoreError::Unavailable(error).into()),
            Err(End::Unreachable(error)) => {
                tracing::error!(%error, "the database is out of reach");
                reached = Reached::Nobody;
                Err(store_error(error).into())
            }
            Err(End::Failed(error)) => {
                tracing::error!(%error, "a batch was not applied");
                Err(store_error(error).into())
            }
            Err(End::Fault(error)) => {
                tracing::error!(%error, "a batch was not applied");
                Err(StoreError::Fault(error).into())
            }
            Err(End::Refused(_)) => Err(StoreError::Fault("a batch without a group was refused as one".into()).into()),
        };
        job.answer(outcome);
        reached
    }

    /// Runs a transaction, again and again while it may pass the next time.
    async fn persist(&self, work: &Work<'_>) -> Result<(), End> {
        let began = Instant::now();
        let mut attempt = 1;
        loop {
            self.counts.transactions.fetch_add(1, Ordering::Relaxed);
            let end = match self.transactions.run(work).await {
                Ok(()) => return Ok(()),
                Err(end) => end,
            };
            let passes = match &end {
                End::Again(_) => true,
                End::Failed(error) => trouble(error) == Trouble::Lost,
                _ => false,
            };
            if !passes || attempt >= ATTEMPTS && began.elapsed() > PERSISTENCE {
                return Err(end);
            }
            tracing::debug!(?end, attempt, "a transaction is tried again");
            tokio::time::sleep(pause(attempt)).await;
            attempt += 1;
        }
    }
}

/// Whether there was a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    Database,
    Nobody,
}

/// Two halves, the first to be tried next; a group of one goes the way that names what is wrong.
fn halve(mut group: Vec<Job>, groups: &mut Vec<Vec<Job>>) {
    if let [job] = group.as_mut_slice() {
        job.mergeable = None;
        groups.push(group);
        return;
    }
    let second = group.split_off(group.len() / 2);
    groups.push(second);
    groups.push(group);
}

/// Doubles from a few milliseconds on, and is never the same for two.
fn pause(attempt: u32) -> Duration {
    let most = 4_u64 << attempt.min(5);
    // The standard library's own keys are random, and it need not be more than that.
    let chance = RandomState::new().hash_one(attempt) % most;
    Duration::from_millis(most / 2 + chance)
}

/// One failure that is told to many.
struct Shared {
    text: String,
    kind: Kind,
}

enum Kind {
    Unavailable,
    Fault,
    Unknown,
}

impl Shared {
    fn new(end: &End) -> Self {
        let (text, kind) = match end {
            End::Unknown(error) => (error.to_string(), Kind::Unknown),
            End::Again(error) => (error.to_string(), Kind::Unavailable),
            End::Unreachable(error) | End::Failed(error) if trouble(error) == Trouble::Fault => {
                (error.to_string(), Kind::Fault)
            }
            End::Unreachable(error) | End::Failed(error) => (error.to_string(), Kind::Unavailable),
            End::Refused(_) | End::Conflict(_) | End::Fault(_) => (format!("{end:?}"), Kind::Fault),
        };
        tracing::error!(error = text, "a group of batches was not committed, or it is unknown");
        Self { text, kind }
    }

    fn error(&self) -> CommitError {
        let text = self.text.clone().into();
        match self.kind {
            Kind::Unavailable => StoreError::Unavailable(text).into(),
            Kind::Fault => StoreError::Fault(text).into(),
            Kind::Unknown => CommitError::OutcomeUnknown(text),
        }
    }
}
