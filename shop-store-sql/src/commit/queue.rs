//! The tasks that commit batches in groups.
//!
//! A transaction costs almost the same for one batch as for fifty: round trips, locks on hot rows, the wait for the
//! disk. So a committer takes all batches that arrived while it was busy and that can share a transaction
//! ([`super::merge`]), and replies only after COMMIT. It never waits for a group to fill: a lone caller's batch starts
//! at once. Only one committer fills a transaction at a time; the next starts when the first waits for the disk
//! ([`super::fill_permit`]). If both filled theirs at once, each group would be half as large, and one would wait for
//! the other's locks on hot rows anyway.
//!
//! What can go wrong, and what the callers receive:
//! - A guard fails: the group is rolled back. The batches at fault are committed one by one, on the path that names the
//!   conflict; the others are committed together again.
//! - Only together the batches exceed a stock level, or Postgres refuses a row without naming its batch: the group is
//!   halved and retried until the batch at fault is known.
//! - Transactions conflicted, or the connection was lost before COMMIT: nothing was written. The group is retried after
//!   a pause, for a bounded time, and then fails with [`StoreError::Unavailable`].
//! - Another transaction (a host's, for example) holds a lock for long: the group steps aside. A task next to the
//!   committers finds out which batches have to wait; only these wait, the others continue.
//! - The connection was lost during COMMIT: every caller receives [`CommitError::OutcomeUnknown`]. Submitting the same
//!   batch again shows whether it was committed.
//! - No connection is available: all waiting callers receive [`StoreError::Unavailable`] at once.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use shop_core::batch::{Batch, Conflict};
use shop_core::store::{CommitError, StoreError};
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::fill_permit::{FillPermit, FillPermits};
use super::group::{Group, Refused};
use super::inbox::{BatchInbox, CommitOutcome, QUEUE, QueuedBatch};
use super::merge::Mergeable;
use super::transaction::{End, LockTimeout, TransactionWork, Transactions};
use crate::error::{FailureKind, failure_kind};
use crate::pause::pause;
use crate::pool::Pool;

/// The number of committers: while one waits for the disk, the other fills its transaction.
const COMMITTERS: usize = 2;
/// How long a batch is retried if transactions conflict or connections are lost.
const RETRY_PERIOD: Duration = Duration::from_secs(2);
/// The minimum number of attempts, however long each takes.
const ATTEMPTS: u32 = 3;

/// The handle to the committers.
pub(crate) struct Queue {
    sender: std::sync::Mutex<Option<mpsc::Sender<QueuedBatch>>>,
    committers: std::sync::Mutex<Vec<tokio::task::JoinHandle<()>>>,
    counts: Arc<Counts>,
}

/// Statistics of the committers.
#[derive(Debug, Default)]
struct Counts {
    transactions: AtomicU64,
    batches: AtomicU64,
}

impl Queue {
    /// Starts the committers in the pool's runtime.
    pub(crate) fn start(pool: &Arc<Pool>) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let inbox = Arc::new(Mutex::new(BatchInbox::new(receiver)));
        let fill_permits = FillPermits::new();
        let counts = Arc::new(Counts::default());
        let aside = Arc::new(Semaphore::new((pool.options().most() as usize / 4).max(1)));
        let committer = |_| {
            let committer = Committer {
                inbox: Arc::clone(&inbox),
                fill_permits: fill_permits.clone(),
                transactions: Transactions::new(Arc::clone(pool)),
                aside: Arc::clone(&aside),
                timeout: pool.options().timeout(),
                counts: Arc::clone(&counts),
            };
            pool.runtime().spawn(Arc::new(committer).run())
        };
        let committers = (0..COMMITTERS).map(committer).collect();
        Self { sender: std::sync::Mutex::new(Some(sender)), committers: std::sync::Mutex::new(committers), counts }
    }

    /// A queue that refuses everything, for a read-only store.
    pub(crate) fn stopped() -> Self {
        Self { sender: std::sync::Mutex::default(), committers: std::sync::Mutex::default(), counts: Arc::default() }
    }

    /// Submits a batch. If the future is dropped before the batch is queued, the batch is not committed; if it is
    /// dropped later, the batch is committed completely or not at all.
    pub(crate) async fn commit(&self, batch: Arc<Batch>) -> CommitOutcome {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(sender) = sender else { return Err(stopped().into()) };
        let (reply, answer) = oneshot::channel();
        let mergeable = Mergeable::of(&batch);
        sender.send(QueuedBatch { batch, mergeable, reply }).await.map_err(|_| stopped())?;
        drop(sender);
        // No reply: the runtime ended while a committer held the batch.
        answer.await.unwrap_or_else(|lost| Err(CommitError::OutcomeUnknown(lost.into())))
    }

    /// Accepts no more batches, and waits until the queued ones are done.
    pub(crate) async fn close(&self) {
        drop(self.sender.lock().unwrap_or_else(PoisonError::into_inner).take());
        let committers = std::mem::take(&mut *self.committers.lock().unwrap_or_else(PoisonError::into_inner));
        for committer in committers {
            // A committer that panicked is done too.
            let _ = committer.await;
        }
    }

    /// The number of transactions begun so far, and the number of batches in them.
    pub(crate) fn transactions(&self) -> (u64, u64) {
        let Counts { transactions, batches } = &*self.counts;
        (transactions.load(Ordering::Relaxed), batches.load(Ordering::Relaxed))
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the store is closed".into())
}

/// One of the committing tasks.
struct Committer {
    inbox: Arc<Mutex<BatchInbox>>,
    fill_permits: FillPermits,
    transactions: Transactions,
    /// How many groups may wait for locks outside the committers; each takes a connection.
    aside: Arc<Semaphore>,
    /// How long such a group waits for its permit.
    timeout: Duration,
    counts: Arc<Counts>,
}

impl Committer {
    async fn run(self: Arc<Self>) {
        loop {
            // Takes the permit first, so that batches that arrive meanwhile join the group.
            let fill_permit = self.fill_permits.next().await;
            let group = self.inbox.lock().await.next().await;
            if group.is_empty() {
                return;
            }
            self.counts.batches.fetch_add(group.len() as u64, Ordering::Relaxed);
            let committer = Arc::clone(&self);
            // In a separate task: a panic ends only that group.
            if let Err(error) = tokio::spawn(committer.commit(vec![group], LockTimeout::Short, fill_permit)).await {
                tracing::error!(%error, "committing a group of batches failed");
            }
        }
    }

    /// Commits groups, split if necessary, and replies to every batch.
    fn commit(
        self: Arc<Self>,
        mut groups: Vec<Vec<QueuedBatch>>,
        lock_timeout: LockTimeout,
        mut fill_permit: FillPermit,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            while let Some(group) = groups.pop() {
                let mergeable: Option<Vec<_>> = group.iter().map(|job| job.mergeable.as_ref()).collect();
                let end = match (&mergeable, group.as_slice()) {
                    (Some(mergeable), _) => {
                        self.persist(&TransactionWork::Group(&Group::of(mergeable)), lock_timeout, &mut fill_permit)
                            .await
                    }
                    (None, [job]) => {
                        self.persist(&TransactionWork::RowByRow(&job.batch), lock_timeout, &mut fill_permit).await
                    }
                    (None, _) => {
                        halve(group, &mut groups);
                        continue;
                    }
                };
                let grouped = mergeable.is_some();
                match end {
                    Ok(()) => group.into_iter().for_each(|job| job.answer(Ok(()))),
                    Err(end) => self.after_failure(end, grouped, group, lock_timeout, &mut groups),
                }
            }
        })
    }

    /// Splits a group that failed into `groups`, puts it aside, or answers its batches. `grouped` tells that it was
    /// written as a group, not row by row.
    fn after_failure(
        self: &Arc<Self>,
        end: End,
        grouped: bool,
        group: Vec<QueuedBatch>,
        lock_timeout: LockTimeout,
        groups: &mut Vec<Vec<QueuedBatch>>,
    ) {
        match end {
            End::Refused(Refused { certain, .. }) if !certain.is_empty() => set_apart(group, &certain, groups),
            End::Refused(_) => halve(group, groups),
            End::Failed(error) if grouped && failure_kind(&error) == FailureKind::Fault => {
                tracing::debug!(%error, batches = group.len(), "a group was refused; trying parts of it");
                halve(group, groups);
            }
            End::Locked(error) if lock_timeout == LockTimeout::Short => {
                tracing::debug!(%error, batches = group.len(), "a lock is held for long; stepping aside");
                tokio::spawn(Arc::clone(self).step_aside(group));
            }
            end => {
                let failure = SharedOutcome::new(&end);
                for job in group {
                    job.answer(Err(failure.error()));
                }
                if let End::Unreachable(_) = end {
                    self.give_up(groups);
                }
            }
        }
    }

    /// Commits a group outside the committers, which others need.
    async fn step_aside(self: Arc<Self>, group: Vec<QueuedBatch>) {
        let mergeable: Option<Vec<_>> = group.iter().map(|job| job.mergeable.as_ref()).collect();
        let found = match &mergeable {
            Some(mergeable) => {
                self.persist(
                    &TransactionWork::Probe(&Group::of(mergeable)),
                    LockTimeout::Short,
                    &mut FillPermit::none(),
                )
                .await
            }
            None => Ok(()),
        };
        let everybody: Vec<_> = (0..group.len()).collect();
        let waiting = match found {
            Err(End::Refused(Refused { certain, together })) => [certain, together].concat(),
            _ => everybody.clone(),
        };
        // They may wait for a key that does not exist yet; then it is unknown which batches wait.
        let waiting = if waiting.is_empty() { everybody } else { waiting };
        let (waiting, others) = part(group, &waiting);
        if !others.is_empty() {
            tokio::spawn(Arc::clone(&self).commit(vec![others], LockTimeout::Short, FillPermit::none()));
        }
        let aside = Arc::clone(&self.aside);
        match timeout(self.timeout, aside.acquire()).await {
            Ok(Ok(_permit)) => self.commit(vec![waiting], LockTimeout::Full, FillPermit::none()).await,
            _ => {
                for job in waiting {
                    job.answer(Err(StoreError::Unavailable(
                        "too many transactions wait for the locks of others".into(),
                    )
                    .into()));
                }
            }
        }
    }

    /// Refuses all waiting batches: each next attempt would wait as long as the last.
    fn give_up(&self, groups: &mut Vec<Vec<QueuedBatch>>) {
        let mut waiting: Vec<_> = groups.drain(..).flatten().collect();
        // If another committer holds the inbox, it waits on it, so it is empty.
        if let Ok(mut inbox) = self.inbox.try_lock() {
            waiting.append(&mut inbox.drain());
        }
        for job in waiting {
            job.answer(Err(StoreError::Unavailable("no connection to the database is available".into()).into()));
        }
    }

    /// Runs a transaction, and retries it while a retry may succeed.
    async fn persist(
        &self,
        work: &TransactionWork<'_>,
        lock_timeout: LockTimeout,
        fill_permit: &mut FillPermit,
    ) -> Result<(), End> {
        let began = Instant::now();
        let mut attempt = 1;
        loop {
            self.counts.transactions.fetch_add(1, Ordering::Relaxed);
            let end = match self.transactions.run(work, lock_timeout, fill_permit).await {
                Ok(()) => return Ok(()),
                Err(end) => end,
            };
            // Everything from here on may take time.
            fill_permit.pass_on();
            let passes = match &end {
                End::Again(_) => true,
                End::Failed(error) => failure_kind(error) == FailureKind::Lost,
                _ => false,
            };
            if !passes || attempt >= ATTEMPTS && began.elapsed() > RETRY_PERIOD {
                return Err(end);
            }
            tracing::debug!(?end, attempt, "a transaction is tried again");
            tokio::time::sleep(pause(attempt)).await;
            attempt += 1;
        }
    }
}

/// Splits a group into the batches with these numbers and the others.
fn part(group: Vec<QueuedBatch>, numbers: &[usize]) -> (Vec<QueuedBatch>, Vec<QueuedBatch>) {
    let (mut these, mut others) = (Vec::new(), Vec::new());
    for (number, job) in group.into_iter().enumerate() {
        if numbers.contains(&number) { &mut these } else { &mut others }.push(job);
    }
    (these, others)
}

/// Queues the refused batches one by one, for the path that names the reason, after the others.
fn set_apart(group: Vec<QueuedBatch>, certain: &[usize], groups: &mut Vec<Vec<QueuedBatch>>) {
    let (refused, others) = part(group, certain);
    groups.extend(refused.into_iter().map(|job| vec![QueuedBatch { mergeable: None, ..job }]).rev());
    if !others.is_empty() {
        groups.push(others);
    }
}

/// Queues two halves, the first to be tried next. A group of one takes the path that names what is wrong.
fn halve(mut group: Vec<QueuedBatch>, groups: &mut Vec<Vec<QueuedBatch>>) {
    if let [job] = group.as_mut_slice() {
        job.mergeable = None;
        groups.push(group);
        return;
    }
    let second = group.split_off(group.len() / 2);
    groups.push(second);
    groups.push(group);
}

/// One ending that is reported to many callers.
struct SharedOutcome {
    text: String,
    kind: OutcomeKind,
}

enum OutcomeKind {
    Conflict(Conflict),
    Unavailable,
    Fault,
    Unknown,
}

impl SharedOutcome {
    fn new(end: &End) -> Self {
        let (text, kind) = match end {
            // A conflict is a regular answer, so there is no message.
            End::Conflict(conflict) => return Self { text: String::new(), kind: OutcomeKind::Conflict(*conflict) },
            End::Again(error) => (error.to_string(), OutcomeKind::Unavailable),
            End::Unknown(error) => (error.to_string(), OutcomeKind::Unknown),
            End::Fault(error) => (error.to_string(), OutcomeKind::Fault),
            End::Refused(_) => ("a batch without a group was refused as one".to_owned(), OutcomeKind::Fault),
            End::Unreachable(error) | End::Failed(error) | End::Locked(error) => {
                let kind = if failure_kind(error) == FailureKind::Fault {
                    OutcomeKind::Fault
                } else {
                    OutcomeKind::Unavailable
                };
                (error.to_string(), kind)
            }
        };
        let unknown = matches!(kind, OutcomeKind::Unknown);
        tracing::error!(error = text, unknown, "a batch was not committed, or it is unknown whether it was");
        Self { text, kind }
    }

    fn error(&self) -> CommitError {
        let text = self.text.clone().into();
        match self.kind {
            OutcomeKind::Conflict(conflict) => conflict.into(),
            OutcomeKind::Unavailable => StoreError::Unavailable(text).into(),
            OutcomeKind::Fault => StoreError::Fault(text).into(),
            OutcomeKind::Unknown => CommitError::OutcomeUnknown(text),
        }
    }
}
