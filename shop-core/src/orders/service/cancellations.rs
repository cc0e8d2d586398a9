//! Cancels items of an order.

use super::Orders;
use crate::actor::Actor;
use crate::error::Result;
use crate::id::OrderId;
use crate::idempotency::{IdempotencyKey, Replayable};
use crate::orders::operations::cancel_items;
use crate::orders::{CancelItemsInput, OrderView};

impl Orders<'_> {
    /// Cancels items that cannot be delivered, for staff: releases their stock and refunds what was paid for them,
    /// unless the input says otherwise. If nothing of the order remains, it is canceled as by [`Orders::cancel`]; else
    /// it continues with the rest.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`](crate::Error::NotAuthenticated),
    /// [`Error::PermissionDenied`](crate::Error::PermissionDenied), [`Error::NotFound`](crate::Error::NotFound);
    /// [`Error::Invalid`](crate::Error::Invalid) with every invalid field;
    /// [`Error::InvalidTransition`](crate::Error::InvalidTransition) if the order is canceled or completed, or fewer
    /// units of a line are unshipped; [`Error::RequestInProgress`](crate::Error::RequestInProgress) while a gateway
    /// processes another request; [`Error::IdempotencyMismatch`](crate::Error::IdempotencyMismatch).
    pub async fn cancel_items(
        &self,
        actor: &Actor,
        id: OrderId,
        input: CancelItemsInput,
        key: Option<&IdempotencyKey>,
    ) -> Result<Replayable<OrderView>> {
        actor.require_staff()?;
        let input = &input.check()?;
        self.shop
            .execute_once(actor, &format!("orders.cancel_items:{id}"), key, |mut context| async move {
                let state = self.shop.order_state(id, &mut context).await?;
                // Read after the order, whose version guards them.
                let returns = self.shop.store().returns_of_orders(&[id]).await?;
                let is_remote = self.is_remote();
                cancel_items(state, &returns, input, &is_remote, actor.role(), &mut context)
            })
            .await
    }
}
