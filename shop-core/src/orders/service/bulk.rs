//! Bulk calls for staff.

use super::Orders;
use crate::actor::Actor;
use crate::batch::Decision;
use crate::error::{Error, Result};
use crate::id::OrderId;
use crate::idempotency::{IdempotencyKey, Replayable};
use crate::model::orders::OrderStatus;
use crate::orders::{CancelOrders, CancelOutcome, Canceled, OrderView};

impl Orders<'_> {
    /// Cancels up to 100 orders, for staff, one after the other as [`Orders::cancel`] does; a refused order does not
    /// block the others. Returns the outcomes in the order of the input.
    ///
    /// With a key, a retry skips the orders that an earlier try has canceled.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`], [`Error::Invalid`]; [`Error::IdempotencyMismatch`];
    /// [`Error::Unavailable`] if the storage failed midway: retry with the same key to continue.
    pub async fn cancel_many(
        &self,
        actor: &Actor,
        input: CancelOrders,
        key: Option<&IdempotencyKey>,
    ) -> Result<Replayable<Vec<CancelOutcome>>> {
        actor.require_staff()?;
        let input = &input.check()?;
        self.shop
            .execute_once(actor, "orders.cancel_many", key, |mut context| async move {
                let mut outcomes = Vec::with_capacity(input.ids.len());
                for order_id in &input.ids {
                    let canceled = self.cancel_because(actor, *order_id, input.reason.as_deref(), key).await;
                    outcomes.push(outcome(*order_id, canceled)?);
                }
                Ok(Decision::unchanged(&mut context, outcomes))
            })
            .await
    }
}

/// The outcome for one order. An error that does not concern this order fails the whole call.
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
