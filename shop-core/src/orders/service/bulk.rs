//! Many orders at once, for staff.

use super::Orders;
use crate::actor::Actor;
use crate::error::{Error, Result};
use crate::execute::Decision;
use crate::id::OrderId;
use crate::idempotency::{IdempotencyKey, Replayable};
use crate::orders::{CancelOrders, CancelOutcome, Canceled, OrderStatus, OrderView};

impl Orders<'_> {
    /// Calls off up to a hundred orders, for staff: each as [`Orders::cancel`] does, one after the other, so that one that
    /// cannot be canceled keeps no other from it. Says of each what became of it, in the order in which they were named.
    ///
    /// With a key, an order that was canceled by an earlier try of the same call is not tried again.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`], [`Error::Invalid`]; [`Error::IdempotencyMismatch`];
    /// [`Error::Unavailable`] when the storage failed on the way: the same call with the same key goes on.
    pub async fn cancel_many(
        &self,
        actor: &Actor,
        input: CancelOrders,
        key: Option<&IdempotencyKey>,
    ) -> Result<Replayable<Vec<CancelOutcome>>> {
        actor.require_staff()?;
        let input = &input.check()?;
        self.shop
            .execute_once(actor, "orders.cancel_many", key, |mut moment| async move {
                let mut outcomes = Vec::with_capacity(input.ids.len());
                for order_id in &input.ids {
                    let canceled = self.cancel_because(actor, *order_id, input.reason.as_deref(), key).await;
                    outcomes.push(outcome(*order_id, canceled)?);
                }
                Ok(Decision::unchanged(&mut moment, outcomes))
            })
            .await
    }
}

/// What became of an order; an error that is not about this order is one of the whole call.
fn outcome(order_id: OrderId, canceled: Result<Replayable<OrderView>>) -> Result<CancelOutcome> {
    let outcome = match canceled {
        Ok(canceled) if canceled.value.order.status == OrderStatus::Canceled => Canceled::Done,
        Ok(_) => Canceled::Pending,
        Err(refusal @ (Error::NotFound | Error::InvalidTransition { .. } | Error::RequestInProgress)) => {
            Canceled::Refused { code: refusal.code().to_owned(), detail: refusal.to_string() }
        }
        Err(error) => return Err(error),
    };
    Ok(CancelOutcome { order_id, outcome })
}
