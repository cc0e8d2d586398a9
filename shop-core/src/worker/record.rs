//! Records the outcomes of deliveries.

use chrono::TimeDelta;

use super::receiver::DeliveryOutcome;
use super::{RoundSummary, Worker};
use crate::actor::Actor;
use crate::batch::{Batch, Change, Decision};
use crate::clock::{DecisionContext, Timestamp};
use crate::error::{BoxError, Error, Result};
use crate::lifecycle::record_for_staff;
use crate::model::orders::OrderMail;
use crate::model::outbox::{Content, Delivery, DeliveryStatus};
use crate::settlement::CallResult;

/// The number of attempts before a delivery is given up: about six hours with [`backoff`].
pub(super) const MAX_ATTEMPTS: i64 = 15;
/// The maximum length of a saved error, in characters.
const MAX_ERROR_LENGTH: usize = 500;

impl Worker<'_> {
    /// Records the outcome of a delivery, unless the lease was lost in the meantime: another worker owns it then.
    pub(super) async fn record(&self, claimed: Delivery, outcome: DeliveryOutcome) -> Result<RoundSummary> {
        match self.record_outcome(&claimed, &outcome).await {
            // A gateway's response that makes no sense counts as a failure.
            Err(error @ (Error::Fault(_) | Error::NotFound))
                if matches!(outcome, DeliveryOutcome::Answered(_) | DeliveryOutcome::Polled(_)) =>
            {
                tracing::error!(%error, source = ?std::error::Error::source(&error), id = %claimed.id, "cannot record");
                self.record_outcome(&claimed, &DeliveryOutcome::failed(error)).await
            }
            recorded => recorded,
        }
    }

    async fn record_outcome(&self, claimed: &Delivery, outcome: &DeliveryOutcome) -> Result<RoundSummary> {
        self.shop
            .execute(&Actor::system(), |mut context| async move {
                let current = self.shop.store().delivery(claimed.id).await?;
                if current.is_none_or(|current| current.version != claimed.version) {
                    return Ok(Decision::unchanged(&mut context, ()));
                }
                let mut batch = Batch::new(&mut context);
                let delivery = settled(claimed.clone(), outcome, context.now());
                batch.write(Change::Update(delivery));
                let payments = self.shop.payments();
                let also = match (outcome, &claimed.content) {
                    (DeliveryOutcome::Accepted { also, .. }, _) => also.clone(),
                    (DeliveryOutcome::Answered(result), Content::GatewayCall(call)) => {
                        Some(payments.answered(claimed, call, result, &mut context).await?)
                    }
                    (DeliveryOutcome::Failed { .. }, Content::GatewayCall(call))
                        if claimed.attempts >= MAX_ATTEMPTS =>
                    {
                        Some(payments.answered(claimed, call, &CallResult::GaveUp, &mut context).await?)
                    }
                    (DeliveryOutcome::Failed { why, is_final, .. }, Content::OrderMail(mail))
                        if gives_up(claimed, *is_final) =>
                    {
                        Some(not_mailed(mail, why, &mut context))
                    }
                    (DeliveryOutcome::Polled(Some(poll)), _) => {
                        payments.polled(&poll.payment, Some(&poll.sealed), &mut context).await?
                    }
                    _ => None,
                };
                if let Some(also) = also {
                    batch.preconditions.extend(also.preconditions);
                    batch.writes.extend(also.writes);
                }
                Ok(Decision { batch, reply: () })
            })
            .await?;
        let (why, is_given_up) = match outcome {
            DeliveryOutcome::Accepted { .. } | DeliveryOutcome::Answered(_) | DeliveryOutcome::Polled(_) => {
                return Ok(RoundSummary { delivered: 1, ..RoundSummary::default() });
            }
            DeliveryOutcome::Withdrawn => return Ok(RoundSummary::default()),
            DeliveryOutcome::Failed { why, is_final, .. } => (shortened(why), gives_up(claimed, *is_final)),
        };
        let (id, receiver, attempts) = (claimed.id, &claimed.receiver, claimed.attempts);
        if is_given_up {
            tracing::error!(%id, receiver, attempts, error = why, "gave up a delivery");
        } else {
            tracing::warn!(%id, receiver, attempts, error = why, "a delivery failed and will be tried again");
        }
        Ok(RoundSummary { failed: 1, ..RoundSummary::default() })
    }
}

/// Whether a failed delivery is not retried.
fn gives_up(claimed: &Delivery, is_final: bool) -> bool {
    is_final || claimed.attempts >= MAX_ATTEMPTS
}

/// Records in the order's history that a mail did not reach the buyer.
fn not_mailed(mail: &OrderMail, why: &BoxError, context: &mut DecisionContext) -> Batch {
    let mut batch = Batch::new(context);
    let detail = format!("The mail {:?} did not reach the buyer: {}", mail.news.template(), shortened(why));
    record_for_staff(&mut batch, context, mail.order_id, "mail_failed", "system", detail);
    batch
}

/// The delivery after its attempt.
fn settled(claimed: Delivery, outcome: &DeliveryOutcome, now: Timestamp) -> Delivery {
    let version = claimed.version + 1;
    match outcome {
        DeliveryOutcome::Withdrawn => {
            // Restored to the state before the claim.
            Delivery { attempts: (claimed.attempts - 1).max(0), due_at: now, version, ..claimed }
        }
        DeliveryOutcome::Accepted { response_status, .. } => {
            let response_status = response_status.map(i64::from);
            Delivery { status: DeliveryStatus::Done, last_error: None, response_status, version, ..claimed }
        }
        DeliveryOutcome::Answered(_) | DeliveryOutcome::Polled(_) => {
            Delivery { status: DeliveryStatus::Done, last_error: None, version, ..claimed }
        }
        DeliveryOutcome::Failed { why, response_status, is_final } => {
            let (status, due_at) = if gives_up(&claimed, *is_final) {
                (DeliveryStatus::Dead, claimed.due_at)
            } else {
                (DeliveryStatus::Pending, now + backoff(claimed.attempts))
            };
            let response_status = response_status.map(i64::from);
            Delivery { status, due_at, last_error: Some(shortened(why)), response_status, version, ..claimed }
        }
    }
}

/// The pause after this many attempts: 5 seconds, doubled each time, at most an hour.
pub(super) fn backoff(attempts: i64) -> TimeDelta {
    // Ten doublings exceed an hour.
    let doublings = (attempts - 1).clamp(0, 10);
    TimeDelta::seconds((5_i64 << doublings).min(3_600))
}

fn shortened(error: &BoxError) -> String {
    error.to_string().chars().take(MAX_ERROR_LENGTH).collect()
}
