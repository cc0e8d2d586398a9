//! What happens by itself: mails are sent, overdue orders canceled, old rows removed.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use futures_executor::block_on;
use shop_core::Shop;

/// The shop's worker on a thread of its own. **Every program that embeds a shop runs one**: else nothing is mailed, and the
/// stock of orders that nobody pays is never released.
///
/// This example has no async runtime, so it makes one round after the other. With tokio the whole module is one line:
/// `tokio::spawn(async move { shop.worker().run(tokio::time::sleep).await })`.
pub(crate) struct Background {
    stop: Sender<()>,
    thread: JoinHandle<shop_core::Result<()>>,
}

impl Background {
    /// Begins to work.
    pub(crate) fn start(shop: Shop) -> Self {
        let (sender, end) = mpsc::channel();
        let thread = thread::spawn(move || {
            loop {
                block_on(round(&shop))?;
                if end.recv_timeout(Duration::from_millis(20)) != Err(RecvTimeoutError::Timeout) {
                    return Ok(());
                }
            }
        });
        Self { stop: sender, thread }
    }

    /// Ends the work after the round that is under way.
    pub(crate) fn stop(self) -> shop_core::Result<()> {
        drop(self.stop);
        self.thread.join().unwrap_or_else(|_| Err(shop_core::Error::fault("the worker panicked")))
    }
}

/// One round of everything. [`shop_core::outbox::Worker::run`] looks for old rows less often.
async fn round(shop: &Shop) -> shop_core::Result<()> {
    let worker = shop.worker();
    worker.run_once().await?;
    worker.sweep().await?;
    worker.reconcile().await?;
    worker.forget().await
}
