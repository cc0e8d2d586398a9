//! The worker: relays events to their receivers (`worker/relay.rs`), delivers mails and events (`worker/deliver.rs`;
//! webhooks: `worker/webhooks.rs`), sweeps and forgets, once or for ever (`worker/run.rs`).
//!
//! Any number of workers may run beside each other, in one program or in several: what one claims, no other does.
//! A claim is a lease. Whoever crashes with one loses it when it ends, and the delivery is made again: at least once.

mod deliver;
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
use crate::batch::{Batch, Write};
use crate::catalog::{CatalogWrite, PRICE_MEMORY};
use crate::error::{Error, Result};
use crate::execute::Decision;
use crate::shop::Shop;

pub(crate) use deliver::Turn;
use receiver::Receiver;
use webhooks::Outgoing;

/// How long answers, operations and done deliveries are kept: idempotency keys are promised for a day, and Stripe sends an
/// event again for up to three.
const MEMORY: TimeDelta = TimeDelta::days(4);
/// How long deliveries are kept that were given up: long enough for a person to look at them.
const GIVEN_UP_MEMORY: TimeDelta = TimeDelta::days(90);
/// Orders canceled in one round of the sweep.
const SWEEP_BATCH: u32 = 100;
/// Guests' carts removed in one commit.
const CARTS_BATCH: u32 = 100;
/// Payments compared with their gateways in one round: what 4 look-ups at once manage between two rounds.
const RECONCILE_BATCH: u32 = 50;

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
        let webhooks = self.webhooks().await?;
        progress += self.deliver_all(webhooks.iter().map(Receiver::Webhook)).await?;
        Ok(progress)
    }

    /// As [`Worker::run_once`], but one delivery after the other: on every store chance is then drawn in one order.
    #[cfg(feature = "conformance")]
    pub(crate) async fn run_in_turn(&self) -> Result<Progress> {
        let mut progress = Progress { relayed: self.relay().await?.events, ..Progress::default() };
        let webhooks = self.webhooks().await?;
        for receiver in self.receivers().into_iter().chain(webhooks.iter().map(Receiver::Webhook)) {
            while let Some(delivery) = self.claim(receiver, 1).await?.pop() {
                progress += self.deliver_claimed(receiver, delivery, std::future::pending()).await?;
            }
        }
        Ok(progress)
    }

    /// The active webhooks, if there is somebody who sends to them.
    async fn webhooks(self) -> Result<Vec<Outgoing<'a>>> {
        let Some(sender) = self.shop.webhook_sender() else { return Ok(Vec::new()) };
        let webhooks = self.shop.store().active_webhooks().await?;
        Ok(webhooks.iter().map(|webhook| Outgoing::new(sender, webhook.id)).collect())
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

    /// Removes accounts whose address was not proven in time
    /// ([`Settings::unverified_account_ttl`](crate::shop::Settings::unverified_account_ttl)); says how many.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the storage cannot be reached.
    pub async fn remove_unproven_accounts(&self) -> Result<u32> {
        self.shop.accounts().remove_unproven().await
    }

    /// Forgets what was done four days ago or earlier: kept answers, relayed events, deliveries that were taken. Those that
    /// were given up are forgotten after 90 days, and prices that ended after 31 ([`PricePeriod`](crate::catalog::PricePeriod)).
    /// Then removes the carts that guests left ([`Settings::guest_cart_ttl`](crate::shop::Settings::guest_cart_ttl)), a
    /// hundred in each commit, and accounts whose address was not proven in time ([`Worker::remove_unproven_accounts`]).
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the storage cannot be reached.
    pub async fn forget(&self) -> Result<()> {
        self.shop
            .execute(&Actor::system(), |mut moment| async move {
                let mut batch = Batch::new(&mut moment);
                let (before, given_up_before) = (moment.now() - MEMORY, moment.now() - GIVEN_UP_MEMORY);
                batch.write(Write::Forget { before, given_up_before });
                batch.write(CatalogWrite::ForgetPrices { ended_before: moment.now() - PRICE_MEMORY });
                Ok(Decision { batch, reply: () })
            })
            .await?;
        while self.shop.carts().remove_left(CARTS_BATCH).await? == CARTS_BATCH {}
        self.remove_unproven_accounts().await.map(drop)
    }
}
