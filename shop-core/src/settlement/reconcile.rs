//! Compares unsettled payments with their gateways, to recover from lost responses and webhook events.

use futures_util::{StreamExt as _, stream};

use super::call_result::SealedSnapshot;
use crate::actor::Actor;
use crate::batch::{Batch, Change, Decision};
use crate::error::{Error, Result};
use crate::model::payments::Payment;
use crate::payments::Payments;
use crate::payments::remote::{is_unsettled, next_poll};

/// The number of concurrent look-ups.
const CONCURRENCY: usize = 4;

impl Payments<'_> {
    /// Looks up at most `limit` payments at their gateways, longest overdue first, and settles what it finds. Returns
    /// the number of payments. Workers call this periodically, and may do so concurrently. A gateway that does not
    /// respond is asked again later, and does not delay the others.
    ///
    /// # Errors
    /// When the payments cannot be listed.
    pub async fn reconcile(&self, limit: u32) -> Result<u32> {
        let due = self.shop.store().payments_due_for_poll(self.shop.context().now(), limit).await?;
        let polls = stream::iter(due).map(|payment| async move {
            if let Err(error) = self.compare(&payment).await {
                tracing::warn!(%error, payment = %payment.id, "a payment could not be compared with its gateway");
            }
        });
        Ok(u32::try_from(polls.buffer_unordered(CONCURRENCY).count().await).unwrap_or(limit))
    }

    async fn compare(&self, payment: &Payment) -> Result<()> {
        let remote = self.shop.gateway(&payment.gateway).and_then(|gateway| gateway.remote());
        let (Some(remote), None) = (remote, payment.remote.pending_call) else {
            // A pending call will bring a response; a gateway that was removed cannot be asked.
            return self.poll_later(payment).await;
        };
        let sealed = match self.poll(remote, payment, None).await {
            Ok(sealed) => sealed,
            Err(error) => {
                self.poll_later(payment).await?;
                return Err(Error::Fault(error.into()));
            }
        };
        if !self.settle_poll(payment, sealed.as_deref()).await? {
            self.poll_later(payment).await?;
        }
        Ok(())
    }

    async fn settle_poll(&self, payment: &Payment, sealed: Option<&SealedSnapshot>) -> Result<bool> {
        self.shop
            .execute(&Actor::system(), |mut context| async move {
                match self.polled(payment, sealed, &mut context).await? {
                    Some(batch) => Ok(Decision { batch, reply: true }),
                    None => Ok(Decision::unchanged(&mut context, false)),
                }
            })
            .await
    }

    /// Changes only the time of the next look-up.
    async fn poll_later(&self, payment: &Payment) -> Result<()> {
        self.shop
            .execute(&Actor::system(), |mut context| async move {
                let now = self.shop.store().payment(payment.id).await?;
                let Some(mut now) = now.filter(|now| now.version == payment.version) else {
                    return Ok(Decision::unchanged(&mut context, ()));
                };
                now.version += 1;
                now.remote.poll_at = is_unsettled(&now).then(|| next_poll(&now, &context));
                let mut batch = Batch::new(&mut context);
                batch.write(Change::Update(now));
                Ok(Decision { batch, reply: () })
            })
            .await
    }
}
