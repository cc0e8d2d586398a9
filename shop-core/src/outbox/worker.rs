//! The worker: relays events to their receivers, delivers mails and events, sweeps and forgets.
//!
//! Any number of workers may run beside each other, in one program or in several: what one claims, no other does.
//! A claim is a lease. Whoever crashes with one loses it when it ends, and the delivery is made again: at least once.

use std::future::Future;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::{Either, join_all, join4, select};
use futures_util::{StreamExt as _, stream};

use super::model::{Content, Delivery, DeliveryStatus, Event, MAIL};
use super::repository::OutboxWrite;
use super::subscriber::Subscriber;
use crate::accounts::mail_jobs::{self, Outcome};
use crate::accounts::{MailJob, Mailer};
use crate::actor::Actor;
use crate::batch::{Batch, Change, Write};
use crate::clock::Timestamp;
use crate::error::{BoxError, Error, Result};
use crate::execute::Decision;
use crate::shop::Shop;
use crate::wake::Wake;

/// Events relayed in one commit: many enough to keep up with a busy shop, few enough to hold up nobody's order.
const RELAY_BATCH: u32 = 500;
/// Deliveries of one receiver claimed in one commit.
const CLAIM_BATCH: u32 = 32;
/// Deliveries of one receiver that are under way at once.
const CONCURRENCY: usize = 8;
/// How long a claim holds: longer than all that is claimed at once takes when every delivery takes [`PATIENCE`].
const LEASE: TimeDelta = TimeDelta::seconds(180);
/// How long [`Worker::run`] waits for a receiver before it counts a delivery as failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// Tries before a delivery is given up: some six hours with [`backoff`].
const MAX_ATTEMPTS: i64 = 15;
/// The longest error that is kept, in characters.
const MAX_ERROR_LENGTH: usize = 500;
/// How long answers, operations and done deliveries are kept: idempotency keys are promised for a day.
const MEMORY: TimeDelta = TimeDelta::hours(48);
/// Orders canceled in one round of the sweep.
const SWEEP_BATCH: u32 = 100;
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
}

impl Receiver<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Mail(_) => MAIL,
            Self::Subscriber(subscriber) => subscriber.name(),
        }
    }
}

impl<'a> Worker<'a> {
    pub(crate) fn new(shop: &'a Shop) -> Self {
        Self { shop }
    }

    /// Relays and delivers until nothing is due any more. Receivers are served beside each other; each delivery is
    /// tried once, and one that fails is due again later. Nothing limits how long a receiver takes.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the storage cannot be reached. A receiver that fails is not an error.
    pub async fn run_once(&self) -> Result<Progress> {
        let mut progress = Progress { relayed: self.relay().await?, ..Progress::default() };
        let rounds = self.receivers().into_iter().map(|receiver| async move {
            let mut progress = Progress::default();
            loop {
                let round = self.deliver(receiver, std::future::pending::<()>).await?;
                if round == Progress::default() {
                    return Ok::<_, Error>(progress);
                }
                progress += round;
            }
        });
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

    /// Forgets what was done two days ago or earlier: kept answers, relayed events, deliveries that were taken.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the storage cannot be reached.
    pub async fn forget(&self) -> Result<()> {
        self.shop
            .execute(&Actor::system(), |mut moment| async move {
                let mut batch = Batch::new(&mut moment);
                batch.write(Write::Forget { before: moment.now() - MEMORY });
                Ok(Decision { batch, reply: () })
            })
            .await
    }

    /// Works for ever: relays and delivers as soon as something is committed or due, sweeps every few seconds and
    /// forgets now and then. Drop it to stop it; what was under way is delivered again once its lease has ended.
    ///
    /// `sleep` is the timer of the program's runtime. One task per shop and program is enough, and only
    /// one hears the bell that makes delivery immediate.
    pub async fn run<S, F>(&self, sleep: S)
    where
        S: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        let sleep = &sleep;
        let receivers: Vec<_> = self.receivers().into_iter().map(|receiver| (receiver, Wake::default())).collect();
        let ring_all = || receivers.iter().for_each(|(_, bell)| bell.ring());
        let relay_bell = Wake::default();
        let pass_on = async {
            loop {
                self.shop.wake().wait().await;
                relay_bell.ring();
                ring_all();
            }
        };
        // Nobody waits for what has no receiver.
        let relay_breath = if self.shop.subscribers().is_empty() { MAX_PAUSE } else { BREATH };
        let relay = async {
            loop {
                let pause = match self.relay().await {
                    Ok(relayed) => {
                        if relayed > 0 {
                            ring_all();
                        }
                        MAX_PAUSE
                    }
                    Err(error) => troubled(&error, "relay events"),
                };
                sleep(relay_breath).await;
                either(relay_bell.wait(), sleep(pause)).await;
            }
        };
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
        let _: ((), (), Vec<()>, ()) = join4(pass_on, relay, deliver, keep_house).await;
    }

    fn receivers(self) -> Vec<Receiver<'a>> {
        let mail = self.shop.mailer().map(Receiver::Mail);
        let subscribers = self.shop.subscribers().iter().map(|subscriber| Receiver::Subscriber(subscriber.as_ref()));
        mail.into_iter().chain(subscribers).collect()
    }

    /// Fans new events out, one delivery to each subscriber; without any they are only marked.
    async fn relay(&self) -> Result<u32> {
        let mut relayed = 0;
        loop {
            let round = self
                .shop
                .execute(&Actor::system(), |mut moment| async move {
                    let events = self.shop.store().unrelayed_events(RELAY_BATCH).await?;
                    let mut batch = Batch::new(&mut moment);
                    for event in &events {
                        batch.write(OutboxWrite::Relayed(event.id));
                        for subscriber in self.shop.subscribers() {
                            let delivery = addressed(event, subscriber.name(), moment.id(), moment.now());
                            batch.write(OutboxWrite::Delivery(Change::Insert(delivery)));
                        }
                    }
                    Ok(Decision { batch, reply: u32::try_from(events.len()).unwrap_or(RELAY_BATCH) })
                })
                .await?;
            relayed += round;
            if round < RELAY_BATCH {
                return Ok(relayed);
            }
        }
    }

    /// Delivers all that is due to a receiver, and says how long there is nothing more to do.
    async fn deliver_and_look_ahead<S, F>(&self, receiver: Receiver<'_>, sleep: &S) -> Result<Duration>
    where
        S: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        while self.deliver(receiver, || sleep(PATIENCE)).await? != Progress::default() {}
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
        let claimed = self.claim(receiver.name()).await?;
        let patience = &patience;
        let results: Vec<Result<Progress>> = stream::iter(claimed)
            .map(|delivery| async move {
                let given = match select(Box::pin(self.hand_over(receiver, &delivery)), Box::pin(patience())).await {
                    Either::Left((given, _)) => given,
                    Either::Right(_) => Err("the receiver did not answer in time".into()),
                };
                self.record(delivery, given).await
            })
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        let mut progress = Progress::default();
        for result in results {
            progress += result?;
        }
        Ok(progress)
    }

    /// Takes a lease on the oldest of what is due. A try counts from here on, whatever becomes of us.
    async fn claim(&self, receiver: &str) -> Result<Vec<Delivery>> {
        // What is claimed is handed over, and that cannot be taken back: the claim must be durable before.
        if self.shop.capture().is_some() {
            return Err(Error::fault("deliveries cannot be prepared: let the worker of the shop itself run"));
        }
        self.shop
            .execute(&Actor::system(), |mut moment| async move {
                let now = moment.now();
                let due = self.shop.store().due_deliveries(receiver, now, CLAIM_BATCH).await?;
                let mut batch = Batch::new(&mut moment);
                let claim = |delivery: Delivery| Delivery {
                    attempts: delivery.attempts + 1,
                    due_at: now + LEASE,
                    version: delivery.version + 1,
                    ..delivery
                };
                let claimed: Vec<_> = due.into_iter().map(claim).collect();
                for delivery in &claimed {
                    batch.write(OutboxWrite::Delivery(Change::Update(delivery.clone())));
                }
                Ok(Decision { batch, reply: claimed })
            })
            .await
    }

    /// Gives a delivery to its receiver. The batch goes together with the end of the delivery.
    async fn hand_over(&self, receiver: Receiver<'_>, delivery: &Delivery) -> Result<Option<Batch>, BoxError> {
        match (receiver, &delivery.content) {
            (Receiver::Mail(mailer), Content::Mail(job)) => self.mail(mailer, delivery, job).await,
            (Receiver::Subscriber(subscriber), Content::Event(event)) => subscriber.receive(event).await.map(|()| None),
            _ => Err("this receiver does not take such deliveries".into()),
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
    async fn record(&self, claimed: Delivery, given: Result<Option<Batch>, BoxError>) -> Result<Progress> {
        let (also, failure) = match given {
            Ok(also) => (also, None),
            Err(error) => (None, Some(shortened(&error))),
        };
        let delivered = failure.is_none();
        let (claimed, also, failure) = (&claimed, &also, &failure);
        self.shop
            .execute(&Actor::system(), |mut moment| async move {
                let current = self.shop.store().delivery(claimed.id).await?;
                if current.is_none_or(|current| current.version != claimed.version) {
                    return Ok(Decision::unchanged(&mut moment, ()));
                }
                let mut batch = Batch::new(&mut moment);
                let delivery = settled(claimed.clone(), failure.clone(), moment.now());
                batch.write(OutboxWrite::Delivery(Change::Update(delivery)));
                if let Some(also) = also {
                    batch.requires.extend(also.requires.iter().copied());
                    batch.writes.extend(also.writes.iter().cloned());
                }
                Ok(Decision { batch, reply: () })
            })
            .await?;
        if let Some(error) = failure {
            let (id, receiver, attempts) = (claimed.id, &claimed.receiver, claimed.attempts);
            if attempts >= MAX_ATTEMPTS {
                tracing::error!(%id, receiver, attempts, error, "gave up a delivery");
            } else {
                tracing::warn!(%id, receiver, attempts, error, "a delivery failed and will be tried again");
            }
        }
        Ok(Progress { delivered: u32::from(delivered), failed: u32::from(!delivered), relayed: 0 })
    }
}

/// An event on its way to a subscriber.
fn addressed(event: &Event, receiver: &str, id: crate::id::DeliveryId, now: Timestamp) -> Delivery {
    Delivery {
        id,
        receiver: receiver.to_owned(),
        thing: event.thing,
        content: Content::Event(event.clone()),
        status: DeliveryStatus::Pending,
        attempts: 0,
        due_at: now,
        last_error: None,
        created_at: now,
        version: 1,
    }
}

/// A claimed delivery after its try.
fn settled(claimed: Delivery, failure: Option<String>, now: Timestamp) -> Delivery {
    let (status, due_at) = match &failure {
        None => (DeliveryStatus::Done, claimed.due_at),
        Some(_) if claimed.attempts >= MAX_ATTEMPTS => (DeliveryStatus::Dead, claimed.due_at),
        Some(_) => (DeliveryStatus::Pending, now + backoff(claimed.attempts)),
    };
    Delivery { status, due_at, last_error: failure, version: claimed.version + 1, ..claimed }
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
