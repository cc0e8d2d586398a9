//! The worker: relays events to their receivers (`worker/relay.rs`), delivers mails and events (webhooks:
//! `worker/webhooks.rs`), sweeps and forgets.
//!
//! Any number of workers may run beside each other, in one program or in several: what one claims, no other does.
//! A claim is a lease. Whoever crashes with one loses it when it ends, and the delivery is made again: at least once.

mod relay;
mod webhooks;

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::{Either, join, join_all, join5, select};
use futures_util::{FutureExt as _, StreamExt as _, stream};

use super::model::{Content, Delivery, DeliveryStatus, MAIL};
use super::repository::OutboxWrite;
use super::subscriber::Subscriber;
use crate::accounts::mail_jobs::{self, Outcome};
use crate::accounts::{MailJob, Mailer};
use crate::actor::Actor;
use crate::batch::{Batch, Change, Write};
use crate::clock::Timestamp;
use crate::error::{BoxError, Error, Result};
use crate::execute::Decision;
use crate::id::DeliveryId;
use crate::payments::remote::{Answer, Look};
use crate::shop::{Remote, Shop};
use crate::wake::Wake;

use webhooks::{Bells, Outgoing};

/// Deliveries of one receiver claimed in one commit.
const CLAIM_BATCH: usize = 32;
/// Deliveries of one receiver that are under way at once.
const CONCURRENCY: usize = 8;
/// How long a claim holds: longer than all that is claimed at once takes when every delivery takes [`PATIENCE`].
const LEASE: TimeDelta = TimeDelta::seconds(180);
/// The same for webhooks, whose tries end sooner, and begin when they are claimed: what a crash has left is soon tried
/// again.
const WEBHOOK_LEASE: TimeDelta = TimeDelta::seconds(30);
/// How long [`Worker::run`] waits for a receiver before it counts a delivery as failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// Tries before a delivery is given up: some six hours with [`backoff`].
const MAX_ATTEMPTS: i64 = 15;
/// The longest error that is kept, in characters.
const MAX_ERROR_LENGTH: usize = 500;
/// How long answers, operations and done deliveries are kept: idempotency keys are promised for a day.
const MEMORY: TimeDelta = TimeDelta::hours(48);
/// How long deliveries are kept that were given up: long enough for a person to look at them.
const GIVEN_UP_MEMORY: TimeDelta = TimeDelta::days(90);
/// Orders canceled in one round of the sweep.
const SWEEP_BATCH: u32 = 100;
/// Payments compared with their gateways in one round: what 4 look-ups at once manage between two rounds.
const RECONCILE_BATCH: u32 = 50;
/// How often [`Worker::run`] sweeps.
const SWEEP_EVERY: Duration = Duration::from_secs(10);
/// Sweeps between two rounds of forgetting: ten minutes.
const SWEEPS_PER_FORGET: u32 = 60;
/// The longest pause: another program may have written to the same storage without ringing our bell.
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// The shortest pause between two rounds: a busy shop rings with every order, and one look finds many.
const BREATH: Duration = Duration::from_millis(20);
/// The pause after the storage failed.
const FAULT_PAUSE: Duration = Duration::from_secs(2);

/// Does what waits to be done; see [`Shop::worker`].
#[derive(Debug, Clone, Copy)]
pub struct Worker<'a> {
    shop: &'a Shop,
}

/// What one round of work did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Events fanned out to their receivers.
    pub relayed: u32,
    /// Deliveries that were taken, or turned out to be about nothing any more.
    pub delivered: u32,
    /// Deliveries that failed and will be tried again, or were given up.
    pub failed: u32,
}

impl std::ops::AddAssign for Progress {
    fn add_assign(&mut self, other: Self) {
        self.relayed += other.relayed;
        self.delivered += other.delivered;
        self.failed += other.failed;
    }
}

/// Who is delivered to.
#[derive(Clone, Copy)]
enum Receiver<'a> {
    Mail(&'a dyn Mailer),
    Subscriber(&'a dyn Subscriber),
    Webhook(&'a Outgoing<'a>),
    /// Calls of a gateway.
    Caller(&'a Remote),
    /// What a gateway told.
    Listener(&'a Remote),
}

/// What became of one delivery that somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It was made, or turned out to be over.
    Delivered,
    /// Somebody else is making it.
    Elsewhere,
    /// It failed, and is made again later.
    Later,
}

/// What a receiver made of a delivery.
enum Given {
    /// It took it; the batch goes together with the end of the delivery.
    Taken { also: Option<Batch>, response_status: Option<u16> },
    /// It is a gateway, and answered.
    Answered(Answer),
    /// It looked at a payment; `None` when there was nothing to look at.
    Looked(Option<Look>),
    /// It did not.
    Failed { why: BoxError, response_status: Option<u16> },
    /// It was not tried after all: the receiver was paused meanwhile.
    Withdrawn,
}

impl Given {
    fn failed(why: impl Into<BoxError>) -> Self {
        Self::Failed { why: why.into(), response_status: None }
    }
}

impl From<Result<Option<Batch>, BoxError>> for Given {
    fn from(given: Result<Option<Batch>, BoxError>) -> Self {
        match given {
            Ok(also) => Self::Taken { also, response_status: None },
            Err(why) => Self::failed(why),
        }
    }
}

impl Receiver<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Mail(_) => MAIL,
            Self::Subscriber(subscriber) => subscriber.name(),
            Self::Webhook(outgoing) => &outgoing.name,
            Self::Caller(remote) => &remote.caller,
            Self::Listener(remote) => &remote.listener,
        }
    }

    /// How long a claim holds.
    fn lease(&self) -> TimeDelta {
        match self {
            Self::Mail(_) | Self::Subscriber(_) | Self::Caller(_) | Self::Listener(_) => LEASE,
            Self::Webhook(_) => WEBHOOK_LEASE,
        }
    }
}

impl<'a> Worker<'a> {
    pub(crate) fn new(shop: &'a Shop) -> Self {
        Self { shop }
    }

    /// Relays and delivers until nothing is due any more: mails and subscribers beside each other, then webhooks
    /// beside each other. Each delivery is tried once, and one that fails is due again later. Nothing limits how long a
    /// mailer or subscriber takes.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the storage cannot be reached. A receiver that fails is not an error.
    pub async fn run_once(&self) -> Result<Progress> {
        let mut progress = Progress { relayed: self.relay().await?.events, ..Progress::default() };
        progress += self.deliver_all(self.receivers()).await?;
        if let Some(sender) = self.shop.webhook_sender() {
            let webhooks = self.shop.store().active_webhooks().await?;
            let webhooks: Vec<_> = webhooks.iter().map(|webhook| Outgoing::new(sender, webhook.id)).collect();
            progress += self.deliver_all(webhooks.iter().map(Receiver::Webhook)).await?;
        }
        Ok(progress)
    }

    /// As [`Worker::run_once`], but one delivery after the other: on every store chance is then drawn in one order.
    #[cfg(feature = "conformance")]
    pub(crate) async fn run_in_turn(&self) -> Result<Progress> {
        let mut progress = Progress { relayed: self.relay().await?.events, ..Progress::default() };
        let webhooks: Vec<_> = match self.shop.webhook_sender() {
            Some(sender) => {
                let webhooks = self.shop.store().active_webhooks().await?;
                webhooks.iter().map(|webhook| Outgoing::new(sender, webhook.id)).collect()
            }
            None => Vec::new(),
        };
        for receiver in self.receivers().into_iter().chain(webhooks.iter().map(Receiver::Webhook)) {
            while let Some(delivery) = self.claim(receiver, 1).await?.pop() {
                progress += self.deliver_claimed(receiver, delivery, std::future::pending()).await?;
            }
        }
        Ok(progress)
    }

    /// Delivers to these, beside each other, until nothing is due any more.
    async fn deliver_all<'r>(&self, receivers: impl IntoIterator<Item = Receiver<'r>>) -> Result<Progress> {
        let rounds = receivers.into_iter().map(|receiver| async move {
            let mut progress = Progress::default();
            loop {
                let round = self.deliver(receiver, std::future::pending::<()>).await?;
                if round == Progress::default() {
                    return Ok::<_, Error>(progress);
                }
                progress += round;
            }
        });
        let mut progress = Progress::default();
        for round in join_all(rounds).await {
            progress += round?;
        }
        Ok(progress)
    }

    /// Cancels orders whose payment did not come in time, and so lets go of their stock.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the storage cannot be reached.
    pub async fn sweep(&self) -> Result<u32> {
        let mut canceled = 0;
        loop {
            let round = self.shop.orders().cancel_overdue(SWEEP_BATCH).await?;
            canceled += round;
            if round < SWEEP_BATCH {
                return Ok(canceled);
            }
        }
    }

    /// Compares payments that hang with their gateways, so that a reply or a message that was lost is made up for.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the storage cannot be reached. A gateway that does not answer is not an error.
    pub async fn reconcile(&self) -> Result<u32> {
        self.shop.payments().reconcile(RECONCILE_BATCH).await
    }

    /// Forgets what was done two days ago or earlier: kept answers, relayed events, deliveries that were taken. Those that
    /// were given up are forgotten after 90 days.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the storage cannot be reached.
    pub async fn forget(&self) -> Result<()> {
        self.shop
            .execute(&Actor::system(), |mut moment| async move {
                let mut batch = Batch::new(&mut moment);
                let (before, given_up_before) = (moment.now() - MEMORY, moment.now() - GIVEN_UP_MEMORY);
                batch.write(Write::Forget { before, given_up_before });
                Ok(Decision { batch, reply: () })
            })
            .await
    }

    /// Works for ever: relays and delivers as soon as something is committed or due, sweeps every few seconds and
    /// forgets now and then. Drop it to stop it; what was under way is delivered again once its lease has ended.
    ///
    /// `sleep` is the timer of the program's runtime. One task per shop and program is enough, and only
    /// one hears the bell that makes delivery immediate.
    ///
    /// Whatever panics on the way (a part that the embedding program gave the shop, say) is logged, and the work begins
    /// again after a pause.
    pub async fn run<S, F>(&self, sleep: S)
    where
        S: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        // Nothing of an attempt outlives it but what is stored, and that is right after every commit.
        while let Err(panic) = AssertUnwindSafe(self.work(&sleep)).catch_unwind().await {
            tracing::error!(panic = said(panic.as_ref()), "the worker panicked and begins again");
            sleep(FAULT_PAUSE).await;
        }
    }

    /// [`Worker::run`] until something panics.
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
                            // Nobody waits for what has no receiver.
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
        let keep_house = async {
            loop {
                if let Err(error) = self.forget().await {
                    troubled(&error, "forget old answers");
                }
                for _ in 0..SWEEPS_PER_FORGET {
                    if let Err(error) = self.sweep().await {
                        troubled(&error, "cancel overdue orders");
                    }
                    sleep(SWEEP_EVERY).await;
                }
            }
        };
        // Beside the house: a gateway that is slow keeps nobody's stock.
        let reconcile = async {
            loop {
                if let Err(error) = self.reconcile().await {
                    troubled(&error, "compare payments with their gateways");
                }
                sleep(SWEEP_EVERY).await;
            }
        };
        let house = join(keep_house, reconcile);
        let _: ((), (), Vec<()>, (), ((), ())) = join5(pass_on, relay, deliver, webhooks, house).await;
    }

    fn receivers(self) -> Vec<Receiver<'a>> {
        let mail = self.shop.mailer().map(Receiver::Mail);
        let subscribers = self.shop.subscribers().iter().map(|subscriber| Receiver::Subscriber(subscriber.as_ref()));
        let remotes = self.shop.remotes().iter();
        let gateways = remotes.flat_map(|remote| [Receiver::Caller(remote), Receiver::Listener(remote)]);
        mail.into_iter().chain(subscribers).chain(gateways).collect()
    }

    /// Delivers all that is due to a receiver, and says how long there is nothing more to do.
    async fn deliver_and_look_ahead<S, F>(&self, receiver: Receiver<'_>, sleep: &S) -> Result<Duration>
    where
        S: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        while self.deliver(receiver, || sleep(PATIENCE)).await? != Progress::default() {}
        self.pause_of(receiver).await
    }

    /// How long nothing more will be due to a receiver.
    async fn pause_of(&self, receiver: Receiver<'_>) -> Result<Duration> {
        let Some(due_at) = self.shop.store().next_due(receiver.name()).await? else {
            return Ok(MAX_PAUSE);
        };
        let pause = (due_at - self.shop.moment().now()).to_std().unwrap_or_default();
        Ok(pause.min(MAX_PAUSE))
    }

    /// Claims some of what is due to a receiver and delivers it; `patience` ends when a delivery has failed.
    async fn deliver<P, F>(&self, receiver: Receiver<'_>, patience: P) -> Result<Progress>
    where
        P: Fn() -> F,
        F: Future<Output = ()>,
    {
        let limit = match receiver {
            Receiver::Webhook(_) => CONCURRENCY,
            Receiver::Mail(_) | Receiver::Subscriber(_) | Receiver::Caller(_) | Receiver::Listener(_) => CLAIM_BATCH,
        };
        let claimed = self.claim(receiver, limit).await?;
        let results: Vec<Result<Progress>> = stream::iter(claimed)
            .map(|delivery| self.deliver_claimed(receiver, delivery, patience()))
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        let mut progress = Progress::default();
        for result in results {
            progress += result?;
        }
        Ok(progress)
    }

    /// Makes a claimed delivery, and notes what became of it.
    async fn deliver_claimed(
        &self,
        receiver: Receiver<'_>,
        delivery: Delivery,
        patience: impl Future<Output = ()>,
    ) -> Result<Progress> {
        let given = match select(Box::pin(self.hand_over(receiver, &delivery)), Box::pin(patience)).await {
            Either::Left((given, _)) => given,
            Either::Right(_) => Given::failed("the receiver did not answer in time"),
        };
        self.record(delivery, given).await
    }

    /// Takes a lease on the oldest of what is due. A try counts from here on, whatever becomes of us.
    async fn claim(&self, receiver: Receiver<'_>, limit: usize) -> Result<Vec<Delivery>> {
        let (receiver, lease) = (receiver.name(), receiver.lease());
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        // What is claimed is handed over, and that cannot be taken back: the claim must be durable before.
        if self.shop.capture().is_some() {
            return Err(Error::fault("deliveries cannot be prepared: let the worker of the shop itself run"));
        }
        self.shop
            .execute(&Actor::system(), |mut moment| async move {
                let now = moment.now();
                let due = self.shop.store().due_deliveries(receiver, now, limit).await?;
                let mut batch = Batch::new(&mut moment);
                let claimed: Vec<_> = due.into_iter().map(|delivery| leased(delivery, lease, now)).collect();
                for delivery in &claimed {
                    batch.write(OutboxWrite::Delivery(Change::Update(delivery.clone())));
                }
                Ok(Decision { batch, reply: claimed })
            })
            .await
    }

    /// Makes one delivery that somebody waits for, if it is due. Those before it in its line must have been made.
    pub(crate) async fn deliver_one(&self, id: DeliveryId) -> Result<Turn> {
        let Some(delivery) = self.shop.store().delivery(id).await? else { return Ok(Turn::Delivered) };
        let Some(receiver) = self.receivers().into_iter().find(|one| one.name() == delivery.receiver) else {
            return Ok(Turn::Later);
        };
        if self.shop.capture().is_some() {
            return Err(Error::fault("deliveries cannot be prepared: let the worker of the shop itself run"));
        }
        let system = Actor::system();
        let claim = self.shop.execute(&system, |mut moment| async move {
            let now = self.shop.store().delivery(id).await?;
            let now = match now {
                Some(now) if now.status == DeliveryStatus::Pending => now,
                _ => return Ok(Decision::unchanged(&mut moment, Err(Turn::Delivered))),
            };
            if now.due_at > moment.now() {
                // Its first try is under way, unless one has failed.
                let turn = if now.last_error.is_none() { Turn::Elsewhere } else { Turn::Later };
                return Ok(Decision::unchanged(&mut moment, Err(turn)));
            }
            let claimed = leased(now, receiver.lease(), moment.now());
            let mut batch = Batch::new(&mut moment);
            batch.write(OutboxWrite::Delivery(Change::Update(claimed.clone())));
            Ok(Decision { batch, reply: Ok(claimed) })
        });
        let claimed = match claim.await? {
            Ok(claimed) => claimed,
            Err(turn) => return Ok(turn),
        };
        let given = self.hand_over(receiver, &claimed).await;
        let progress = self.record(claimed, given).await?;
        Ok(if progress.delivered > 0 { Turn::Delivered } else { Turn::Later })
    }

    /// Gives a delivery to its receiver. When that panics, it failed: its other deliveries, and those of others, go on.
    async fn hand_over(&self, receiver: Receiver<'_>, delivery: &Delivery) -> Given {
        match AssertUnwindSafe(self.give(receiver, delivery)).catch_unwind().await {
            Ok(given) => given,
            Err(panic) => Given::failed(format!("the receiver panicked: {}", said(panic.as_ref()))),
        }
    }

    async fn give(&self, receiver: Receiver<'_>, delivery: &Delivery) -> Given {
        match (receiver, &delivery.content) {
            (Receiver::Mail(mailer), Content::Mail(job)) => self.mail(mailer, delivery, job).await.into(),
            (Receiver::Subscriber(subscriber), Content::Event(event)) => {
                subscriber.receive(event).await.map(|()| None).into()
            }
            (Receiver::Webhook(outgoing), Content::Event(event)) => self.tell(outgoing, event).await,
            (Receiver::Caller(remote), Content::GatewayCall(call)) => match remote.gateway.remote() {
                Some(gateway) => match self.shop.payments().perform(gateway, delivery, call).await {
                    Ok(answer) => Given::Answered(answer),
                    Err(why) => Given::failed(why),
                },
                None => Given::failed("the gateway is not asked over a network any more"),
            },
            (Receiver::Listener(remote), Content::GatewayNotice(notice)) => match remote.gateway.remote() {
                Some(gateway) => {
                    let id = remote.gateway.id();
                    match self.shop.payments().look_into(id, gateway, delivery, notice).await {
                        Ok(look) => Given::Looked(look),
                        Err(why) => Given::failed(why),
                    }
                }
                None => Given::failed("the gateway is not asked over a network any more"),
            },
            _ => Given::failed("this receiver does not take such deliveries"),
        }
    }

    async fn mail(&self, mailer: &dyn Mailer, delivery: &Delivery, job: &MailJob) -> Result<Option<Batch>, BoxError> {
        match mail_jobs::compose(self.shop, job, &mut self.shop.moment()).await? {
            Outcome::Nothing => Ok(None),
            Outcome::Change(batch) => Ok(Some(batch)),
            Outcome::Send { to, mail } => {
                let message = self.shop.templates().render(delivery.id, &to, &mail)?;
                mailer.send(&message).await.map(|()| None)
            }
        }
    }

    /// Writes down what became of a delivery, unless the lease was lost meanwhile: then it is somebody else's.
    async fn record(&self, claimed: Delivery, given: Given) -> Result<Progress> {
        match self.write_down(&claimed, &given).await {
            // What a gateway gave makes no sense: as good as a failure.
            Err(error @ (Error::Fault(_) | Error::NotFound))
                if matches!(given, Given::Answered(_) | Given::Looked(_)) =>
            {
                tracing::error!(%error, source = ?std::error::Error::source(&error), id = %claimed.id, "cannot record");
                self.write_down(&claimed, &Given::failed(error)).await
            }
            recorded => recorded,
        }
    }

    async fn write_down(&self, claimed: &Delivery, given: &Given) -> Result<Progress> {
        self.shop
            .execute(&Actor::system(), |mut moment| async move {
                let current = self.shop.store().delivery(claimed.id).await?;
                if current.is_none_or(|current| current.version != claimed.version) {
                    return Ok(Decision::unchanged(&mut moment, ()));
                }
                let mut batch = Batch::new(&mut moment);
                let delivery = settled(claimed.clone(), given, moment.now());
                batch.write(OutboxWrite::Delivery(Change::Update(delivery)));
                let payments = self.shop.payments();
                let also = match (given, &claimed.content) {
                    (Given::Taken { also, .. }, _) => also.clone(),
                    (Given::Answered(answer), Content::GatewayCall(call)) => {
                        Some(payments.answered(claimed, call, answer, &mut moment).await?)
                    }
                    (Given::Failed { .. }, Content::GatewayCall(call)) if claimed.attempts >= MAX_ATTEMPTS => {
                        Some(payments.answered(claimed, call, &Answer::GaveUp, &mut moment).await?)
                    }
                    (Given::Looked(Some(look)), _) => {
                        payments.looked_at(&look.payment, Some(&look.seen), &mut moment).await?
                    }
                    _ => None,
                };
                if let Some(also) = also {
                    batch.requires.extend(also.requires);
                    batch.writes.extend(also.writes);
                }
                Ok(Decision { batch, reply: () })
            })
            .await?;
        let why = match given {
            Given::Taken { .. } | Given::Answered(_) | Given::Looked(_) => {
                return Ok(Progress { delivered: 1, ..Progress::default() });
            }
            Given::Withdrawn => return Ok(Progress::default()),
            Given::Failed { why, .. } => shortened(why),
        };
        let (id, receiver, attempts) = (claimed.id, &claimed.receiver, claimed.attempts);
        if attempts >= MAX_ATTEMPTS {
            tracing::error!(%id, receiver, attempts, error = why, "gave up a delivery");
        } else {
            tracing::warn!(%id, receiver, attempts, error = why, "a delivery failed and will be tried again");
        }
        Ok(Progress { failed: 1, ..Progress::default() })
    }
}

/// A delivery with a lease on it.
fn leased(delivery: Delivery, lease: TimeDelta, now: Timestamp) -> Delivery {
    Delivery { attempts: delivery.attempts + 1, due_at: now + lease, version: delivery.version + 1, ..delivery }
}

/// A claimed delivery after its try.
fn settled(claimed: Delivery, given: &Given, now: Timestamp) -> Delivery {
    let version = claimed.version + 1;
    match given {
        Given::Withdrawn => {
            // As if it had not been claimed.
            Delivery { attempts: (claimed.attempts - 1).max(0), due_at: now, version, ..claimed }
        }
        Given::Taken { response_status, .. } => {
            let response_status = response_status.map(i64::from);
            Delivery { status: DeliveryStatus::Done, last_error: None, response_status, version, ..claimed }
        }
        Given::Answered(_) | Given::Looked(_) => {
            Delivery { status: DeliveryStatus::Done, last_error: None, version, ..claimed }
        }
        Given::Failed { why, response_status } => {
            let (status, due_at) = if claimed.attempts >= MAX_ATTEMPTS {
                (DeliveryStatus::Dead, claimed.due_at)
            } else {
                (DeliveryStatus::Pending, now + backoff(claimed.attempts))
            };
            let response_status = response_status.map(i64::from);
            Delivery { status, due_at, last_error: Some(shortened(why)), response_status, version, ..claimed }
        }
    }
}

/// The pause after this many tries: 5 seconds, then twice as long each time, at most an hour.
fn backoff(attempts: i64) -> TimeDelta {
    // Ten doublings are more than an hour.
    let doublings = (attempts - 1).clamp(0, 10);
    TimeDelta::seconds((5_i64 << doublings).min(3_600))
}

fn shortened(error: &BoxError) -> String {
    error.to_string().chars().take(MAX_ERROR_LENGTH).collect()
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("nothing that can be shown")
}

/// Logs why a part of the work could not be done; it is tried again after the pause.
fn troubled(error: &Error, what: &str) -> Duration {
    tracing::error!(%error, source = ?std::error::Error::source(error), "cannot {what}");
    FAULT_PAUSE
}

/// Waits for the first of two futures.
async fn either(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    let (one, other) = (std::pin::pin!(one), std::pin::pin!(other));
    select(one, other).await;
}

#[cfg(test)]
mod tests;
