//! The worker's endless loops.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{join_all, join3, join5};

use super::pace::{BREATH, FAULT_PAUSE, MAX_PAUSE, PATIENCE, either, said, troubled};
use super::receiver::Receiver;
use super::webhooks::Bells;
use super::{Progress, Worker};
use crate::error::Result;
use crate::shop::Wake;

/// The interval of sweeps in [`Worker::run`].
const SWEEP_EVERY: Duration = Duration::from_secs(10);
/// The interval of deleting old rows in [`Worker::run`].
const FORGET_EVERY: Duration = Duration::from_mins(10);

/// The notifiers of the loops.
#[derive(Default)]
struct LoopBells {
    relay: Wake,
    /// Events have receivers, perhaps for the first time.
    wanted: Wake,
    webhooks: Bells,
}

fn ring_all(receivers: &[(Receiver<'_>, Wake)]) {
    for (_, bell) in receivers {
        bell.ring();
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
        let bells = LoopBells::default();
        let receivers: Vec<_> = self.receivers().into_iter().map(|receiver| (receiver, Wake::default())).collect();
        let webhooks_changed = || {
            bells.wanted.ring();
            bells.relay.ring();
        };
        let deliver = join_all(receivers.iter().map(|(receiver, bell)| self.keep_delivering(*receiver, bell, sleep)));
        let webhooks = self.serve_webhooks(&bells.webhooks, webhooks_changed, sleep);
        // In separate loops, so that neither many old rows nor a slow gateway delays the sweep that releases stock.
        let house = join3(self.keep_sweeping(sleep), self.keep_forgetting(sleep), self.keep_reconciling(sleep));
        let pass_on = self.pass_on_news(&bells, &receivers);
        let relay = self.keep_relaying(&bells, &receivers, sleep);
        let _: ((), (), Vec<()>, (), ((), (), ())) = join5(pass_on, relay, deliver, webhooks, house).await;
    }

    /// Passes notifications of commits on to the relay and to all receivers.
    async fn pass_on_news(&self, bells: &LoopBells, receivers: &[(Receiver<'_>, Wake)]) {
        loop {
            self.shop.wake().wait().await;
            bells.relay.ring();
            ring_all(receivers);
        }
    }

    /// Relays events, and notifies the receivers of the new deliveries.
    async fn keep_relaying<S, F>(&self, bells: &LoopBells, receivers: &[(Receiver<'_>, Wake)], sleep: &S)
    where
        S: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        loop {
            let pause = match self.relay().await {
                Ok(relayed) => {
                    if relayed.events > 0 {
                        ring_all(receivers);
                    }
                    if !bells.webhooks.ring(relayed.webhooks) {
                        self.shop.webhooks_wake().ring();
                    }
                    if relayed.is_idle {
                        // Without receivers, no event is urgent.
                        either(bells.wanted.wait(), sleep(MAX_PAUSE)).await;
                    }
                    MAX_PAUSE
                }
                Err(error) => troubled(&error, "relay events"),
            };
            sleep(BREATH).await;
            either(bells.relay.wait(), sleep(pause)).await;
        }
    }

    /// Delivers to one receiver.
    async fn keep_delivering<S, F>(&self, receiver: Receiver<'_>, bell: &Wake, sleep: &S)
    where
        S: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        loop {
            let pause = match self.deliver_and_look_ahead(receiver, sleep).await {
                Ok(pause) => pause,
                Err(error) => troubled(&error, "deliver"),
            };
            sleep(BREATH).await;
            either(bell.wait(), sleep(pause)).await;
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
                troubled(&error, "cancel overdue orders");
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
                troubled(&error, "forget old answers and carts");
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
                troubled(&error, "compare payments with their gateways");
            }
            sleep(SWEEP_EVERY).await;
        }
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
