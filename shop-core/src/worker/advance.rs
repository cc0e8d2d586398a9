//! Makes the pending calls of a payment while its caller waits.

use std::future::Future;
use std::time::Duration;

use super::deliver::DeliveryAttempt;
use crate::error::{Error, Result};
use crate::id::{DeliveryId, PaymentId};
use crate::model::outbox::{Content, DeliveryStatus};
use crate::model::payments::Payment;
use crate::payments::Payments;

/// The interval at which a waiting caller checks whether another worker has finished the call: a read by key, forty
/// times a second.
const POLL_INTERVAL: Duration = Duration::from_millis(25);

impl Payments<'_> {
    /// Makes the pending calls of a payment, as the worker does, and records the responses; waits for a call that
    /// another worker is making. Returns the resulting payment. If a call fails, or is to be retried later, it is still
    /// pending ([`RemoteState::pending_call`](crate::payments::RemoteState)).
    ///
    /// There is no timeout. A caller with a time limit should let this run on in a separate task: a dropped call is
    /// only repeated when its lease expires, minutes later. `sleep` is the timer of the program's runtime.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`] when the storage cannot be reached.
    pub async fn advance<S, F>(&self, id: PaymentId, sleep: S) -> Result<Payment>
    where
        S: Fn(Duration) -> F,
        F: Future<Output = ()>,
    {
        loop {
            let payment = self.shop.store().payment(id).await?.ok_or(Error::NotFound)?;
            let Some(pending_call) = payment.remote.pending_call else { return Ok(payment) };
            let Some(first) = self.first_in_line(pending_call.intent).await? else { return Ok(payment) };
            match self.shop.worker().deliver_one(first).await? {
                DeliveryAttempt::Delivered => {}
                DeliveryAttempt::Elsewhere => sleep(POLL_INTERVAL).await,
                DeliveryAttempt::Later => return Ok(payment),
            }
        }
    }

    /// The oldest pending intent among this one and those that it waits for.
    async fn first_in_line(&self, intent: DeliveryId) -> Result<Option<DeliveryId>> {
        let mut first = None;
        let mut next = Some(intent);
        while let Some(id) = next {
            let Some(delivery) = self.shop.store().delivery(id).await? else { break };
            if delivery.status != DeliveryStatus::Pending {
                break;
            }
            first = Some(id);
            next = match &delivery.content {
                Content::GatewayCall(call) => call.after,
                _ => None,
            };
        }
        Ok(first)
    }
}
