//! The batches that wait to be committed, and which of them are next.

use std::collections::VecDeque;
use std::sync::Arc;

use shop_core::batch::Batch;
use shop_core::store::CommitError;
use tokio::sync::{mpsc, oneshot};

use super::merge::{KeySet, Mergeable};

/// The maximum number of batches in a transaction, because the first of them waits for the last.
const GROUP: usize = 64;
/// The maximum number of rows in a transaction of several batches. Bounds memory and the time that locks are held.
const GROUP_ROWS: usize = 5_000;
/// The capacity of the queue in batches; later callers wait outside it. Bounds the memory.
pub(super) const QUEUE: usize = 1_024;

/// The result that a caller receives.
pub(super) type CommitOutcome = Result<(), CommitError>;

/// A batch in the queue.
pub(super) struct QueuedBatch {
    pub(super) batch: Arc<Batch>,
    pub(super) mergeable: Option<Mergeable>,
    pub(super) reply: oneshot::Sender<CommitOutcome>,
}

impl QueuedBatch {
    /// Replies to the caller.
    pub(super) fn answer(self, outcome: CommitOutcome) {
        // The caller may be gone; that does not change the outcome.
        let _ = self.reply.send(outcome);
    }
}

/// The received batches, and those left for the next group.
pub(super) struct BatchInbox {
    receiver: mpsc::Receiver<QueuedBatch>,
    kept: VecDeque<QueuedBatch>,
}

impl BatchInbox {
    /// An inbox without batches.
    pub(super) fn new(receiver: mpsc::Receiver<QueuedBatch>) -> Self {
        Self { receiver, kept: VecDeque::new() }
    }

    /// The next group: the oldest batch, and all that can join it. Empty if the store is closed.
    pub(super) async fn next(&mut self) -> Vec<QueuedBatch> {
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
            // Drops batches whose callers went away before they started.
            self.kept.retain(|job| !job.reply.is_closed());
            let group = self.group();
            if !group.is_empty() {
                return group;
            }
        }
    }

    fn group(&mut self) -> Vec<QueuedBatch> {
        let mut group = Vec::new();
        let mut touched = KeySet::default();
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

    /// All waiting batches.
    pub(super) fn drain(&mut self) -> Vec<QueuedBatch> {
        while let Ok(job) = self.receiver.try_recv() {
            self.kept.push_back(job);
        }
        self.kept.drain(..).collect()
    }
}
