//! Background work: sends mails, cancels overdue orders, removes old rows.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use futures_executor::block_on;
use shop_core::Shop;

/// Runs the shop's worker on its own thread. **Every program that embeds a shop must run a worker.** Without one, no
/// mail is sent, and the stock of unpaid orders is never released.
///
/// This example has no async runtime, so it runs rounds in a loop. With tokio the whole module is one line:
/// `tokio::spawn(async move { shop.worker().run(tokio::time::sleep).await })`.
pub(crate) struct Background {
    stop: Sender<()>,
    thread: JoinHandle<shop_core::Result<()>>,
}

impl Background {
    /// Starts the thread.
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

    /// Stops the thread after the current round.
    pub(crate) fn stop(self) -> shop_core::Result<()> {
        drop(self.stop);
        self.thread.join().unwrap_or_else(|_| Err(shop_core::Error::fault("the worker panicked")))
    }
}

/// Runs each task of the worker once. [`shop_core::worker::Worker::run`] removes old rows less often.
async fn round(shop: &Shop) -> shop_core::Result<()> {
    let worker = shop.worker();
    worker.run_once().await?;
    worker.sweep().await?;
    worker.reconcile().await?;
    worker.forget().await
}
