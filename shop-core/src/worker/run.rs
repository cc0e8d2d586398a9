//! The worker's endless loops.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{join_all, join3, join5};

use super::pace::{FAULT_PAUSE, MAX_PAUSE, MIN_INTERVAL, TIMEOUT, either, log_failure, panic_message};
use super::receiver::Receiver;
use super::webhooks::WebhookNotifiers;
use super::{RoundSummary, Worker};
use crate::error::Result;
use crate::shop::Notifier;

/// The interval of sweeps in [`Worker::run`].
const SWEEP_EVERY: Duration = Duration::from_secs(10);
/// The interval of deleting old rows in [`Worker::run`].
const FORGET_EVERY: Duration = Duration::from_mins(10);

/// The notifiers of the loops.
#[derive(Default)]
struct LoopNotifiers {
    relay: Notifier,
    /// Notified when the webhooks changed: events may have receivers for the first time.
    wanted: Notifier,
    webhooks: WebhookNotifiers,
}

fn notify_all(receivers: &[(Receiver<'_>, Notifier)]) {
    for (_, notifier) in receivers {
        notifier.notify();
    }
}

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
            tracing::error!(panic = panic_message(panic.as_ref()), "the worker panicked and restarts");
            sleep(FAULT_PAUSE).await;
        }
    }

    /// [`Worker::run`] until a panic.
    async fn work<S, F>(&self, sleep: &S)
    where
        S: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        let notifiers = LoopNotifiers::default();
        let receivers: Vec<_> = self.receivers().into_iter().map(|receiver| (receiver, Notifier::default())).collect();
        let webhooks_changed = || {
            notifiers.wanted.notify();
            notifiers.relay.notify();
        };
        let deliver =
            join_all(receivers.iter().map(|(receiver, notifier)| self.keep_delivering(*receiver, notifier, sleep)));
        let webhooks = self.serve_webhooks(&notifiers.webhooks, webhooks_changed, sleep);
        // In separate loops, so that neither many old rows nor a slow gateway delays the sweep that releases stock.
        let housekeeping = join3(self.keep_sweeping(sleep), self.keep_forgetting(sleep), self.keep_reconciling(sleep));
        let pass_on = self.pass_on_notifications(&notifiers, &receivers);
        let relay = self.keep_relaying(&notifiers, &receivers, sleep);
        let _: ((), (), Vec<()>, (), ((), (), ())) = join5(pass_on, relay, deliver, webhooks, housekeeping).await;
    }

    /// Passes notifications of commits on to the relay and to all receivers.
    async fn pass_on_notifications(&self, notifiers: &LoopNotifiers, receivers: &[(Receiver<'_>, Notifier)]) {
        loop {
            self.shop.notifier().wait().await;
            notifiers.relay.notify();
            notify_all(receivers);
        }
    }

    /// Relays events, and notifies the receivers of the new deliveries.
    async fn keep_relaying<S, F>(&self, notifiers: &LoopNotifiers, receivers: &[(Receiver<'_>, Notifier)], sleep: &S)
    where
        S: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        loop {
            let pause = match self.relay().await {
                Ok(relayed) => {
                    if relayed.events > 0 {
                        notify_all(receivers);
                    }
                    if !notifiers.webhooks.notify(relayed.webhooks) {
                        self.shop.webhooks_notifier().notify();
                    }
                    if relayed.is_idle {
                        // Without receivers, no event is urgent.
                        either(notifiers.wanted.wait(), sleep(MAX_PAUSE)).await;
                    }
                    MAX_PAUSE
                }
                Err(error) => log_failure(&error, "relay events"),
            };
            sleep(MIN_INTERVAL).await;
            either(notifiers.relay.wait(), sleep(pause)).await;
        }
    }

    /// Delivers to one receiver.
    async fn keep_delivering<S, F>(&self, receiver: Receiver<'_>, notifier: &Notifier, sleep: &S)
    where
        S: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        loop {
            let pause = match self.deliver_due(receiver, sleep).await {
                Ok(pause) => pause,
                Err(error) => log_failure(&error, "deliver"),
            };
            sleep(MIN_INTERVAL).await;
            either(notifier.wait(), sleep(pause)).await;
        }
    }

    /// Cancels overdue orders.
    async fn keep_sweeping<S, F>(&self, sleep: &S)
    where
        S: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        loop {
            if let Err(error) = self.sweep().await {
                log_failure(&error, "cancel overdue orders");
            }
            sleep(SWEEP_EVERY).await;
        }
    }

    /// Deletes old rows.
    async fn keep_forgetting<S, F>(&self, sleep: &S)
    where
        S: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        loop {
            if let Err(error) = self.forget().await {
                log_failure(&error, "delete old idempotency records and carts");
            }
            sleep(FORGET_EVERY).await;
        }
    }

    /// Compares unsettled payments with their gateways.
    async fn keep_reconciling<S, F>(&self, sleep: &S)
    where
        S: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        loop {
            if let Err(error) = self.reconcile().await {
                log_failure(&error, "compare payments with their gateways");
            }
            sleep(SWEEP_EVERY).await;
        }
    }

    /// Delivers everything that is due to a receiver, and returns how long to pause.
    async fn deliver_due<S, F>(&self, receiver: Receiver<'_>, sleep: &S) -> Result<Duration>
    where
        S: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        while self.deliver(receiver, || sleep(TIMEOUT)).await? != RoundSummary::default() {}
        self.pause_of(receiver).await
    }

    /// The time until the next delivery to a receiver is due, at most [`MAX_PAUSE`].
    pub(super) async fn pause_of(&self, receiver: Receiver<'_>) -> Result<Duration> {
        let Some(due_at) = self.shop.store().next_due(receiver.name()).await? else {
            return Ok(MAX_PAUSE);
        };
        let pause = (due_at - self.shop.context().now()).to_std().unwrap_or_default();
        Ok(pause.min(MAX_PAUSE))
    }
}
