//! Claims and makes deliveries.

use std::future::Future;

use chrono::TimeDelta;
use futures_util::future::{Either, select};
use futures_util::{StreamExt as _, stream};

use super::pace::CONCURRENCY;
use super::receiver::{DeliveryOutcome, Receiver};
use super::{RoundSummary, Worker};
use crate::actor::Actor;
use crate::batch::{Batch, Change, Decision};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::DeliveryId;
use crate::model::outbox::{Delivery, DeliveryStatus};

/// The maximum number of deliveries of one receiver claimed in one commit.
const CLAIM_BATCH: usize = 32;

/// The result of one delivery that a caller waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeliveryAttempt {
    /// It was delivered, or turned out to be done already.
    Delivered,
    /// Another worker is delivering it.
    Elsewhere,
    /// It failed, and will be retried later.
    Later,
}

impl Worker<'_> {
    /// Claims and makes some of a receiver's due deliveries. Each delivery fails when its `timeout` future ends.
    pub(super) async fn deliver<T, F>(&self, receiver: Receiver<'_>, timeout: T) -> Result<RoundSummary>
    where
        T: Fn() -> F,
        F: Future<Output = ()>,
    {
        let limit = match receiver {
            Receiver::Webhook(_) => CONCURRENCY,
            Receiver::Mail(_) | Receiver::Subscriber(_) | Receiver::Caller(_) | Receiver::Listener(_) => CLAIM_BATCH,
        };
        let claimed = self.claim(receiver, limit).await?;
        let results: Vec<Result<RoundSummary>> = stream::iter(claimed)
            .map(|delivery| self.deliver_claimed(receiver, delivery, timeout()))
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        let mut summary = RoundSummary::default();
        for result in results {
            summary += result?;
        }
        Ok(summary)
    }

    /// Makes a claimed delivery, and records the result.
    pub(super) async fn deliver_claimed(
        &self,
        receiver: Receiver<'_>,
        delivery: Delivery,
        timeout: impl Future<Output = ()>,
    ) -> Result<RoundSummary> {
        let outcome = match select(Box::pin(self.hand_over(receiver, &delivery)), Box::pin(timeout)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => DeliveryOutcome::failed("the receiver did not respond in time"),
        };
        self.record(delivery, outcome).await
    }

    /// Leases the oldest due deliveries. This counts as an attempt, even if the worker crashes.
    pub(super) async fn claim(&self, receiver: Receiver<'_>, limit: usize) -> Result<Vec<Delivery>> {
        let (receiver, lease) = (receiver.name(), receiver.lease());
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        self.must_commit()?;
        self.shop
            .execute(&Actor::system(), |mut context| async move {
                let now = context.now();
                let due = self.shop.store().due_deliveries(receiver, now, limit).await?;
                let mut batch = Batch::new(&mut context);
                let claimed: Vec<_> = due.into_iter().map(|delivery| leased(delivery, lease, now)).collect();
                for delivery in &claimed {
                    batch.write(Change::Update(delivery.clone()));
                }
                Ok(Decision { batch, reply: claimed })
            })
            .await
    }

    /// Refuses to claim when commits are captured: a claimed delivery is handed over, and that cannot be undone.
    fn must_commit(self) -> Result<()> {
        match self.shop.capture() {
            Some(_) => Err(Error::fault("deliveries cannot be prepared: let the worker of the shop itself run")),
            None => Ok(()),
        }
    }

    /// Makes one delivery that a caller waits for, if it is due. Earlier deliveries of its aggregate must be done.
    pub(super) async fn deliver_one(&self, id: DeliveryId) -> Result<DeliveryAttempt> {
        let Some(delivery) = self.shop.store().delivery(id).await? else { return Ok(DeliveryAttempt::Delivered) };
        let Some(receiver) = self.receivers().into_iter().find(|one| one.name() == delivery.receiver) else {
            return Ok(DeliveryAttempt::Later);
        };
        self.must_commit()?;
        let system = Actor::system();
        let claim = self.shop.execute(&system, |mut context| async move {
            let now = self.shop.store().delivery(id).await?;
            let now = match now {
                Some(now) if now.status == DeliveryStatus::Pending => now,
                _ => return Ok(Decision::unchanged(&mut context, Err(DeliveryAttempt::Delivered))),
            };
            if now.due_at > context.now() {
                // The first attempt is in progress, unless one has failed.
                let attempt =
                    if now.last_error.is_none() { DeliveryAttempt::Elsewhere } else { DeliveryAttempt::Later };
                return Ok(Decision::unchanged(&mut context, Err(attempt)));
            }
            let claimed = leased(now, receiver.lease(), context.now());
            let mut batch = Batch::new(&mut context);
            batch.write(Change::Update(claimed.clone()));
            Ok(Decision { batch, reply: Ok(claimed) })
        });
        let claimed = match claim.await? {
            Ok(claimed) => claimed,
            Err(attempt) => return Ok(attempt),
        };
        let outcome = self.hand_over(receiver, &claimed).await;
        let summary = self.record(claimed, outcome).await?;
        Ok(if summary.delivered > 0 { DeliveryAttempt::Delivered } else { DeliveryAttempt::Later })
    }
}

/// Leases a delivery and counts the attempt.
fn leased(delivery: Delivery, lease: TimeDelta, now: Timestamp) -> Delivery {
    Delivery { attempts: delivery.attempts + 1, due_at: now + lease, version: delivery.version + 1, ..delivery }
}
