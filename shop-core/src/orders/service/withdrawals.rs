//! A buyer's withdrawal from the contract.

use super::Orders;
use crate::actor::Actor;
use crate::error::Result;
use crate::id::OrderId;
use crate::idempotency::{IdempotencyKey, Replayable};
use crate::lifecycle::may_see;
use crate::model::orders::WithdrawalReceipt;
use crate::orders::WithdrawalInput;
use crate::orders::operations::withdraw;

impl Orders<'_> {
    /// Records a withdrawal from an order or a part of it, for callers who may see the order (also staff, since a
    /// withdrawal may come by letter). Unshipped units are canceled and refunded; for shipped units, an approved return
    /// is opened. If the whole order is withdrawn, shipping is refunded up to the price of the cheapest method. A
    /// receipt with date and time is mailed to the order's address.
    ///
    /// Buyers may withdraw until [`Settings::withdrawal_days`](crate::shop::Settings::withdrawal_days) days after the
    /// last delivery.
    ///
    /// # Errors
    /// Those of [`Orders::view`]; [`Error::WithdrawalPeriodOver`](crate::Error::WithdrawalPeriodOver);
    /// [`Error::Invalid`](crate::Error::Invalid) with every invalid field;
    /// [`Error::InvalidTransition`](crate::Error::InvalidTransition) if the order is canceled, or fewer units of a line
    /// are left to withdraw; [`Error::RequestInProgress`](crate::Error::RequestInProgress) while a gateway processes
    /// another request; [`Error::IdempotencyMismatch`](crate::Error::IdempotencyMismatch).
    pub async fn withdraw(
        &self,
        actor: &Actor,
        id: OrderId,
        input: WithdrawalInput,
        key: Option<&IdempotencyKey>,
    ) -> Result<Replayable<WithdrawalReceipt>> {
        self.visible(actor, id).await?;
        let input = &input.check()?;
        let days = self.shop.settings().withdrawal_days;
        self.shop
            .execute_once(actor, &format!("orders.withdraw:{id}"), key, |mut context| async move {
                let state = self.shop.order_state(id, &mut context).await?;
                may_see(actor, &state.order)?;
                // Read after the order, whose version guards them.
                let returns = self.shop.store().returns_of_orders(&[id]).await?;
                withdraw(state, &returns, input, days, &self.is_remote(), actor.role(), &mut context)
            })
            .await
    }
}
