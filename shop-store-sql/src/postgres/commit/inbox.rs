//! Batches that wait to be committed, and which of them go next.

use std::collections::VecDeque;
use std::sync::Arc;

use shop_core::batch::Batch;
use shop_core::store::CommitError;
use tokio::sync::{mpsc, oneshot};

use super::merge::{Mergeable, Touched};

/// At most so many batches share a transaction: the first of them waits for the last.
const GROUP: usize = 64;
/// And so many rows, one batch excepted: it bounds memory, and the time that the locks are held.
const GROUP_ROWS: usize = 5_000;
/// So many batches wait in the queue; who comes later waits before it. Bounds the memory.
pub(super) const QUEUE: usize = 1_024;

/// What a caller hears.
pub(super) type Outcome = Result<(), CommitError>;

/// A batch on its way.
pub(super) struct Job {
    pub(super) batch: Arc<Batch>,
    pub(super) mergeable: Option<Mergeable>,
    pub(super) reply: oneshot::Sender<Outcome>,
}

impl Job {
    /// Tells the caller.
    pub(super) fn answer(self, outcome: Outcome) {
        // Whoever waited may have gone; what is done is done all the same.
        let _ = self.reply.send(outcome);
    }
}

/// What has come in, and what was left for the next group.
pub(super) struct Inbox {
    receiver: mpsc::Receiver<Job>,
    kept: VecDeque<Job>,
}

impl Inbox {
    /// Nothing has come in yet.
    pub(super) fn new(receiver: mpsc::Receiver<Job>) -> Self {
        Self { receiver, kept: VecDeque::new() }
    }

    /// The next group: the oldest batch, and all that can join it. Empty when the store is closed.
    pub(super) async fn next(&mut self) -> Vec<Job> {
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
    pub(super) fn drain(&mut self) -> Vec<Job> {
        while let Ok(job) = self.receiver.try_recv() {
            self.kept.push_back(job);
        }
        self.kept.drain(..).collect()
    }
}
