//! Items of an order are canceled.

use super::Orders;
use crate::actor::Actor;
use crate::error::Result;
use crate::id::OrderId;
use crate::idempotency::{IdempotencyKey, Replayable};
use crate::orders::operations::cancel_items;
use crate::orders::{CancelItemsInput, OrderView};

impl Orders<'_> {
    /// Cancels items of an order that cannot be delivered, for staff: their stock is released, and what was received for
    /// them is given back unless the input says otherwise. When nothing of the order remains, it is canceled as by
    /// [`Orders::cancel`]; else it goes on as if the rest were all of it.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`](crate::Error::NotAuthenticated), [`Error::PermissionDenied`](crate::Error::PermissionDenied), [`Error::NotFound`](crate::Error::NotFound); [`Error::Invalid`](crate::Error::Invalid) naming every
    /// wrong field; [`Error::InvalidTransition`](crate::Error::InvalidTransition) when the order is over or fewer of a line have not left;
    /// [`Error::RequestInProgress`](crate::Error::RequestInProgress) while a gateway is asked for something else; [`Error::IdempotencyMismatch`](crate::Error::IdempotencyMismatch).
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
            .execute_once(actor, &format!("orders.cancel_items:{id}"), key, |mut moment| async move {
                let state = self.state(id, &mut moment).await?;
                // Read after the order, whose version guards them.
                let returns = self.shop.store().returns_of_orders(&[id]).await?;
                let is_remote = self.is_remote();
                cancel_items(state, &returns, input, &is_remote, actor.role(), &mut moment)
            })
            .await
    }
}
