//! The worker's endless loops.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{join_all, join3, join5, select};

use super::receiver::Receiver;
use super::webhooks::Bells;
use super::{Progress, Worker};
use crate::error::{Error, Result};
use crate::wake::Wake;

/// The timeout of [`Worker::run`] for one delivery.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// The interval of sweeps in [`Worker::run`].
const SWEEP_EVERY: Duration = Duration::from_secs(10);
/// The interval of deleting old rows in [`Worker::run`].
const FORGET_EVERY: Duration = Duration::from_mins(10);
/// The maximum pause: another program may have written to the same storage without notifying this worker.
pub(super) const MAX_PAUSE: Duration = Duration::from_secs(5);
/// The minimum pause between two rounds: a busy shop notifies with every order, and one round handles many.
pub(super) const BREATH: Duration = Duration::from_millis(20);
/// The pause after a storage failure.
pub(super) const FAULT_PAUSE: Duration = Duration::from_secs(2);

impl Worker<'_> {
    /// Runs forever: relays and delivers as soon as something is committed or due, and periodically sweeps and deletes
    /// old rows. Drop the future to stop it; deliveries in progress are retried once their leases expire.
    ///
    /// `sleep` is the timer of the program's runtime. One task per shop and program is enough, and only one receives
    /// the notifications that make delivery immediate.
    ///
    /// A panic (for example, in a component of the embedding program) is logged, and the work restarts after a pause.
    pub async fn run<S, F>(&self, sleep: S)
    where
        S: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        // Only stored data outlives an attempt, and it is consistent after every commit.
        while let Err(panic) = AssertUnwindSafe(self.work(&sleep)).catch_unwind().await {
            tracing::error!(panic = said(panic.as_ref()), "the worker panicked and begins again");
            sleep(FAULT_PAUSE).await;
        }
    }

    /// [`Worker::run`] until a panic.
    async fn work<S, F>(&self, sleep: &S)
    where
        S: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        let receivers: Vec<_> = self.receivers().into_iter().map(|receiver| (receiver, Wake::default())).collect();
        let ring_all = || receivers.iter().for_each(|(_, bell)| bell.ring());
        let (relay_bell, wanted) = (Wake::default(), Wake::default());
        let bells = Bells::default();
        let pass_on = async {
            loop {
                self.shop.wake().wait().await;
                relay_bell.ring();
                ring_all();
            }
        };
        let relay = async {
            loop {
                let pause = match self.relay().await {
                    Ok(relayed) => {
                        if relayed.events > 0 {
                            ring_all();
                        }
                        if !bells.ring(relayed.webhooks) {
                            self.shop.webhooks_wake().ring();
                        }
                        if relayed.is_idle {
                            // Without receivers, no event is urgent.
                            either(wanted.wait(), sleep(MAX_PAUSE)).await;
                        }
                        MAX_PAUSE
                    }
                    Err(error) => troubled(&error, "relay events"),
                };
                sleep(BREATH).await;
                either(relay_bell.wait(), sleep(pause)).await;
            }
        };
        let webhooks_changed = || {
            wanted.ring();
            relay_bell.ring();
        };
        let webhooks = self.serve_webhooks(&bells, webhooks_changed, sleep);
        let deliver = join_all(receivers.iter().map(|(receiver, bell)| async move {
            loop {
                let pause = match self.deliver_and_look_ahead(*receiver, sleep).await {
                    Ok(pause) => pause,
                    Err(error) => troubled(&error, "deliver"),
                };
                sleep(BREATH).await;
                either(bell.wait(), sleep(pause)).await;
            }
        }));
        let release = async {
            loop {
                if let Err(error) = self.sweep().await {
                    troubled(&error, "cancel overdue orders");
                }
                sleep(SWEEP_EVERY).await;
            }
        };
        // In separate loops, so that neither many old rows nor a slow gateway delays the sweep that releases stock.
        let forget = async {
            loop {
                if let Err(error) = self.forget().await {
                    troubled(&error, "forget old answers and carts");
                }
                sleep(FORGET_EVERY).await;
            }
        };
        let reconcile = async {
            loop {
                if let Err(error) = self.reconcile().await {
                    troubled(&error, "compare payments with their gateways");
                }
                sleep(SWEEP_EVERY).await;
            }
        };
        let house = join3(release, forget, reconcile);
        let _: ((), (), Vec<()>, (), ((), (), ())) = join5(pass_on, relay, deliver, webhooks, house).await;
    }

    /// Delivers everything that is due to a receiver, and returns how long to pause.
    async fn deliver_and_look_ahead<S, F>(&self, receiver: Receiver<'_>, sleep: &S) -> Result<Duration>
    where
        S: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        while self.deliver(receiver, || sleep(PATIENCE)).await? != Progress::default() {}
        self.pause_of(receiver).await
    }

    /// The time until the next delivery to a receiver is due, at most [`MAX_PAUSE`].
    pub(super) async fn pause_of(&self, receiver: Receiver<'_>) -> Result<Duration> {
        let Some(due_at) = self.shop.store().next_due(receiver.name()).await? else {
            return Ok(MAX_PAUSE);
        };
        let pause = (due_at - self.shop.moment().now()).to_std().unwrap_or_default();
        Ok(pause.min(MAX_PAUSE))
    }
}

/// The message of a panic.
pub(super) fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("nothing that can be shown")
}

/// Logs a failure of the worker; returns the pause before the retry.
pub(super) fn troubled(error: &Error, what: &str) -> Duration {
    tracing::error!(%error, source = ?std::error::Error::source(error), "cannot {what}");
    FAULT_PAUSE
}

/// Waits for the first of two futures.
pub(super) async fn either(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    let (one, other) = (std::pin::pin!(one), std::pin::pin!(other));
    select(one, other).await;
}
