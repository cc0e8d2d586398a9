//! A buyer withdraws from the contract.

use super::Orders;
use crate::actor::Actor;
use crate::error::Result;
use crate::id::OrderId;
use crate::idempotency::{IdempotencyKey, Replayable};
use crate::orders::operations::{may_see, withdraw};
use crate::orders::{WithdrawalInput, WithdrawalReceipt};

impl Orders<'_> {
    /// Receives a withdrawal from an order, or from some of it, for those who may see the order (staff, too: a withdrawal may
    /// come by letter). What has not left is called off and its money given back, for the rest a return is opened, approved
    /// already; where all is withdrawn, the price of shipping goes back as far as the cheapest method would have cost
    /// it. A receipt with the date and time is mailed to the order's address.
    ///
    /// Buyers may withdraw until [`Settings::withdrawal_days`](crate::shop::Settings::withdrawal_days) days after the last
    /// delivery.
    ///
    /// # Errors
    /// As [`Orders::view`]; [`Error::WithdrawalPeriodOver`](crate::Error::WithdrawalPeriodOver); [`Error::Invalid`](crate::Error::Invalid) naming every wrong field;
    /// [`Error::InvalidTransition`](crate::Error::InvalidTransition) when the order is canceled, or less of a line is left to withdraw;
    /// [`Error::RequestInProgress`](crate::Error::RequestInProgress) while a gateway is asked for something else; [`Error::IdempotencyMismatch`](crate::Error::IdempotencyMismatch).
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
            .execute_once(actor, &format!("orders.withdraw:{id}"), key, |mut moment| async move {
                let state = self.state(id, &mut moment).await?;
                may_see(actor, &state.order)?;
                // Read after the order, whose version guards them.
                let returns = self.shop.store().returns_of_orders(&[id]).await?;
                withdraw(state, &returns, input, days, &self.is_remote(), actor.role(), &mut moment)
            })
            .await
    }
}
