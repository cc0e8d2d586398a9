//! The worker: relays events to their receivers (`worker/relay.rs`), delivers mails and events (`worker/deliver.rs`;
//! webhooks: `worker/webhooks.rs`), sweeps and deletes old rows, once or continuously (`worker/run.rs`).
//!
//! Any number of workers may run concurrently, in one program or in several: a delivery that one claims is not claimed
//! by another. A claim is a lease. If a worker crashes, its leases expire and the deliveries are retried: at least
//! once.

mod advance;
mod deliver;
mod mail_jobs;
mod pace;
mod receiver;
mod record;
mod relay;
mod run;
#[cfg(test)]
mod tests;
mod webhooks;

use chrono::TimeDelta;
use futures_util::future::join_all;

use crate::actor::Actor;
use crate::batch::{Batch, CatalogWrite, Decision, Write};
use crate::error::{Error, Result};
use crate::model::catalog::PRICE_MEMORY;
use crate::shop::Shop;

use receiver::{Outgoing, Receiver};

/// How long idempotency records, operations and done deliveries are kept: idempotency keys are promised for a day, and
/// Stripe resends an event for up to three days.
const MEMORY: TimeDelta = TimeDelta::days(4);
/// How long abandoned deliveries are kept, so that staff have time to inspect them.
const GIVEN_UP_MEMORY: TimeDelta = TimeDelta::days(90);
/// The number of orders canceled in one round of the sweep.
const SWEEP_BATCH: u32 = 100;
/// The number of guest carts deleted in one commit.
const CARTS_BATCH: u32 = 100;
/// The number of payments compared with their gateways in one round: as many as 4 concurrent look-ups can do between
/// two rounds.
const RECONCILE_BATCH: u32 = 50;

/// Performs background work; see [`Shop::worker`].
#[derive(Debug, Clone, Copy)]
pub struct Worker<'a> {
    shop: &'a Shop,
}

impl Shop {
    /// The worker, which delivers the contents of the outbox, cancels orders that were not paid in time, and deletes
    /// old rows. None of this happens unless the embedding program [runs it](crate#run-a-worker).
    #[must_use]
    pub fn worker(&self) -> Worker<'_> {
        Worker { shop: self }
    }
}

/// The result of one round of work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RoundSummary {
    /// The number of events relayed to their receivers.
    pub relayed: u32,
    /// The number of deliveries that succeeded, or turned out to be obsolete.
    pub delivered: u32,
    /// The number of deliveries that failed, to be retried or given up.
    pub failed: u32,
}

impl std::ops::AddAssign for RoundSummary {
    fn add_assign(&mut self, other: Self) {
        self.relayed += other.relayed;
        self.delivered += other.delivered;
        self.failed += other.failed;
    }
}

impl<'a> Worker<'a> {
    /// Relays and delivers until nothing is due: first mails and subscribers concurrently, then webhooks concurrently.
    /// Each delivery is attempted once; a failed one is due again later. There is no timeout for mailers and
    /// subscribers.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the storage cannot be reached. A failing receiver is not an error.
    pub async fn run_once(&self) -> Result<RoundSummary> {
        let mut summary = RoundSummary { relayed: self.relay().await?.events, ..RoundSummary::default() };
        summary += self.deliver_all(self.receivers()).await?;
        let webhooks = self.webhooks().await?;
        summary += self.deliver_all(webhooks.iter().map(Receiver::Webhook)).await?;
        Ok(summary)
    }

    /// Like [`Worker::run_once`], but makes one delivery at a time: randomness is then drawn in the same order on every
    /// store.
    #[cfg(feature = "conformance")]
    pub(crate) async fn run_in_turn(&self) -> Result<RoundSummary> {
        let mut summary = RoundSummary { relayed: self.relay().await?.events, ..RoundSummary::default() };
        let webhooks = self.webhooks().await?;
        for receiver in self.receivers().into_iter().chain(webhooks.iter().map(Receiver::Webhook)) {
            while let Some(delivery) = self.claim(receiver, 1).await?.pop() {
                summary += self.deliver_claimed(receiver, delivery, std::future::pending()).await?;
            }
        }
        Ok(summary)
    }

    /// The active webhooks, if the shop has a sender for them.
    async fn webhooks(self) -> Result<Vec<Outgoing<'a>>> {
        let Some(sender) = self.shop.webhook_sender() else { return Ok(Vec::new()) };
        let webhooks = self.shop.store().active_webhooks().await?;
        Ok(webhooks.iter().map(|webhook| Outgoing::new(sender, webhook.id)).collect())
    }

    /// Delivers to these receivers concurrently until nothing is due.
    async fn deliver_all<'r>(&self, receivers: impl IntoIterator<Item = Receiver<'r>>) -> Result<RoundSummary> {
        let rounds = receivers.into_iter().map(|receiver| async move {
            let mut summary = RoundSummary::default();
            loop {
                let round = self.deliver(receiver, std::future::pending::<()>).await?;
                if round == RoundSummary::default() {
                    return Ok::<_, Error>(summary);
                }
                summary += round;
            }
        });
        let mut summary = RoundSummary::default();
        for round in join_all(rounds).await {
            summary += round?;
        }
        Ok(summary)
    }

    /// Cancels orders whose payment did not arrive in time, which releases their stock.
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

    /// Compares unsettled payments with their gateways, to recover from lost replies and webhook events.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the storage cannot be reached. A gateway that does not respond is not an error.
    pub async fn reconcile(&self) -> Result<u32> {
        self.shop.payments().reconcile(RECONCILE_BATCH).await
    }

    /// Deletes accounts whose e-mail address was not verified in time
    /// ([`Settings::unverified_account_ttl`](crate::shop::Settings::unverified_account_ttl)); returns their number.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the storage cannot be reached.
    pub async fn remove_unproven_accounts(&self) -> Result<u32> {
        self.shop.accounts().remove_unproven().await
    }

    /// Deletes rows that are more than four days old: idempotency records, relayed events and done deliveries.
    /// Abandoned deliveries are deleted after 90 days, and prices 31 days after they ended
    /// ([`PricePeriod`](crate::catalog::PricePeriod)). Then deletes abandoned guest carts
    /// ([`Settings::guest_cart_ttl`](crate::shop::Settings::guest_cart_ttl)), a hundred per commit, and accounts whose
    /// address was not verified in time ([`Worker::remove_unproven_accounts`]).
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the storage cannot be reached.
    pub async fn forget(&self) -> Result<()> {
        self.shop
            .execute(&Actor::system(), |mut context| async move {
                let mut batch = Batch::new(&mut context);
                let (before, given_up_before) = (context.now() - MEMORY, context.now() - GIVEN_UP_MEMORY);
                batch.write(Write::Forget { before, given_up_before });
                batch.write(CatalogWrite::ForgetPrices { ended_before: context.now() - PRICE_MEMORY });
                Ok(Decision { batch, reply: () })
            })
            .await?;
        while self.shop.carts().remove_left(CARTS_BATCH).await? == CARTS_BATCH {}
        self.remove_unproven_accounts().await.map(drop)
    }
}
