//! A notification for the single worker, sent after a commit that leaves something to deliver.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use futures_util::task::AtomicWaker;

/// Notifies one waiter; a notification without a waiter is kept.
#[derive(Debug, Default)]
pub(crate) struct Notifier {
    notified: AtomicBool,
    waker: AtomicWaker,
}

impl Notifier {
    /// Wakes the waiter, now or at its next wait.
    pub(crate) fn notify(&self) {
        self.notified.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Waits for a notification since the last wait.
    pub(crate) async fn wait(&self) {
        poll_fn(|context| {
            self.waker.register(context.waker());
            if self.notified.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}
