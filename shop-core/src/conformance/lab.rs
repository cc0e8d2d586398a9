//! The tools of a case: an empty store, a source of ids and times, and real concurrency.

use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use chrono::TimeDelta;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use uuid::Uuid;

use crate::batch::{Batch, Conflict, Precondition, Write};
use crate::clock::{DecisionContext, Timestamp};
use crate::store::{CommitError, Store, StoreError};

/// What the store does wrong, as text, and where in the suite it was found.
#[derive(Clone, PartialEq, Eq)]
pub struct CaseFailure(String);

/// The result of a case.
pub type CaseResult<T = ()> = Result<T, CaseFailure>;

impl CaseFailure {
    #[track_caller]
    pub(super) fn new(what: impl std::fmt::Display) -> Self {
        Self(format!("{what}\n  at {}", Location::caller()))
    }
}

impl std::fmt::Display for CaseFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Formatted as for display, because a failed `#[test]` prints this.
impl std::fmt::Debug for CaseFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CaseFailure {}

impl From<StoreError> for CaseFailure {
    #[track_caller]
    fn from(error: StoreError) -> Self {
        Self::new(format!("a read failed: {error:?}"))
    }
}

/// Fails unless the two are equal.
#[track_caller]
pub(super) fn same<T: PartialEq + std::fmt::Debug>(got: &T, wanted: &T) -> CaseResult {
    if got == wanted { Ok(()) } else { Err(CaseFailure::new(format!("wanted {wanted:?}\n  got    {got:?}"))) }
}

/// Fails unless the condition is true.
#[track_caller]
pub(super) fn check(truth: bool, otherwise: impl std::fmt::Display) -> CaseResult {
    if truth { Ok(()) } else { Err(CaseFailure::new(otherwise)) }
}

/// Fails unless the batch was applied.
#[track_caller]
pub(super) fn accepted(committed: Result<(), CommitError>) -> CaseResult {
    committed.map_err(|error| CaseFailure::new(format!("a batch that must pass was refused: {error:?}")))
}

/// Fails unless the batch was refused by exactly this guard.
#[track_caller]
pub(super) fn refused(committed: Result<(), CommitError>, wanted: Conflict) -> CaseResult {
    match committed {
        Err(CommitError::Conflict(conflict)) if conflict == wanted => Ok(()),
        other => Err(CaseFailure::new(format!("wanted a refusal by {wanted:?}\n  got    {other:?}"))),
    }
}

/// Fails unless the batch was refused as a mistake of the caller.
#[track_caller]
pub(super) fn faulted(committed: Result<(), CommitError>) -> CaseResult {
    match committed {
        Err(CommitError::Store(StoreError::Fault(_))) => Ok(()),
        other => Err(CaseFailure::new(format!("wanted a fault\n  got    {other:?}"))),
    }
}

pub(super) type Spawn = Arc<dyn Fn(BoxFuture<'static, ()>) + Send + Sync>;

/// The tools of a case.
pub(super) struct Lab {
    pub(super) store: Arc<dyn Store>,
    spawn: Spawn,
    context: DecisionContext,
    drawn: u32,
}

impl Lab {
    pub(super) fn new(store: Arc<dyn Store>, spawn: Spawn) -> Self {
        // Any time would do; this one has microseconds.
        let start = Timestamp::from_timestamp_micros(1_767_323_045_678_901).unwrap_or_default();
        Self { store, spawn, context: DecisionContext::new(start, [7; 32]), drawn: 0 }
    }

    /// A new id, greater than all before.
    pub(super) fn id<T: From<Uuid>>(&mut self) -> T {
        self.context.id()
    }

    /// A new number, for names.
    pub(super) fn number(&mut self) -> u32 {
        self.drawn += 1;
        self.drawn
    }

    pub(super) fn now(&self) -> Timestamp {
        self.context.now()
    }

    /// Advances the clock by one second.
    pub(super) fn tick(&mut self) -> Timestamp {
        let seed = self.context.secret();
        self.context = DecisionContext::new(self.now() + TimeDelta::seconds(1), seed);
        self.now()
    }

    /// The time that is some seconds from now.
    pub(super) fn after(&self, seconds: i64) -> Timestamp {
        self.now() + TimeDelta::seconds(seconds)
    }

    pub(super) fn batch(&mut self, writes: impl IntoIterator<Item = Write>) -> Batch {
        Batch { writes: writes.into_iter().collect(), ..Batch::new(&mut self.context) }
    }

    pub(super) async fn commit(&mut self, writes: impl IntoIterator<Item = Write>) -> Result<(), CommitError> {
        let batch = self.batch(writes);
        self.submit(batch).await
    }

    /// Commits with preconditions.
    pub(super) async fn commit_if(
        &mut self,
        preconditions: impl IntoIterator<Item = Precondition>,
        writes: impl IntoIterator<Item = Write>,
    ) -> Result<(), CommitError> {
        let batch = Batch { preconditions: preconditions.into_iter().collect(), ..self.batch(writes) };
        self.submit(batch).await
    }

    pub(super) async fn submit(&self, batch: Batch) -> Result<(), CommitError> {
        self.store.commit(Arc::new(batch)).await
    }

    /// Runs all at once, as concurrently as the spawner allows.
    pub(super) async fn race<T: Send + 'static>(
        &self,
        racers: impl IntoIterator<Item = BoxFuture<'static, T>>,
    ) -> Vec<T> {
        let spawned = racers.into_iter().map(|racer| {
            let (running, outcome) = racer.remote_handle();
            (self.spawn)(running.boxed());
            outcome
        });
        // Collected first, so that every racer runs before the first is awaited.
        let outcomes: Vec<_> = spawned.collect();
        join_all(outcomes).await
    }

    /// Commits all batches at once.
    pub(super) async fn race_batches(&self, batches: impl IntoIterator<Item = Batch>) -> Vec<Result<(), CommitError>> {
        let racers = batches.into_iter().map(|batch| {
            let store = Arc::clone(&self.store);
            async move { store.commit(Arc::new(batch)).await }.boxed()
        });
        self.race(racers).await
    }
}

/// Runs a future to its end on this thread: enough for a store that needs no particular runtime.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        thread::park();
    }
}
