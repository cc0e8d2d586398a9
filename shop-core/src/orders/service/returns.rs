//! Calls for returns: requested by buyers, processed by staff.

use super::Orders;
use crate::actor::Actor;
use crate::error::{Error, Result};
use crate::id::{OrderId, ReturnId, VariantId};
use crate::idempotency::{IdempotencyKey, Replayable};
use crate::lifecycle::{identified, may_see};
use crate::model::orders::{Order, Return, ReturnFilter, ReturnSort};
use crate::orders::operations::{ReturnContext, ReturnTransition, request_return, step_return};
use crate::orders::{ReceiveReturn, RejectReturn, ReturnInput};
use crate::page::{Page, PageRequest};

impl Orders<'_> {
    /// Lists the returns of one order, for callers who may see the order. `filter.order_id` is ignored.
    ///
    /// # Errors
    /// Those of [`Orders::view`].
    pub async fn returns(
        &self,
        actor: &Actor,
        id: OrderId,
        filter: &ReturnFilter,
        page: &PageRequest<ReturnSort>,
    ) -> Result<Page<Return>> {
        self.visible(actor, id).await?;
        let filter = ReturnFilter { order_id: Some(id), ..filter.clone() };
        Ok(self.shop.store().list_returns(&filter, page).await?)
    }

    /// Lists the returns of all orders, for staff.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`].
    pub async fn list_returns(
        &self,
        actor: &Actor,
        filter: &ReturnFilter,
        page: &PageRequest<ReturnSort>,
    ) -> Result<Page<Return>> {
        actor.require_staff()?;
        Ok(self.shop.store().list_returns(filter, page).await?)
    }

    /// Returns one return of an order, for callers who may see the order.
    ///
    /// # Errors
    /// Those of [`Orders::view`].
    pub async fn get_return(&self, actor: &Actor, order: OrderId, id: ReturnId) -> Result<Return> {
        self.visible(actor, order).await?;
        let found = self.shop.store().order_return(id).await?;
        found.filter(|found| found.order_id == order).ok_or(Error::NotFound)
    }

    /// Requests a return of goods, for callers who may see the order. Of each line, at most the shipped units that are
    /// in no other return.
    ///
    /// # Errors
    /// Those of [`Orders::view`]; [`Error::Invalid`] with every invalid field; [`Error::InvalidTransition`] if fewer
    /// units can be returned; [`Error::IdempotencyMismatch`].
    pub async fn request_return(
        &self,
        actor: &Actor,
        id: OrderId,
        input: ReturnInput,
        key: Option<&IdempotencyKey>,
    ) -> Result<Replayable<Return>> {
        self.visible(actor, id).await?;
        let input = &input.check()?;
        self.shop
            .execute_once(actor, &format!("orders.request_return:{id}"), key, |mut context| async move {
                let state = self.shop.order_state(id, &mut context).await?;
                may_see(actor, &state.order)?;
                let returns = self.shop.store().returns_of_orders(&[id]).await?;
                request_return(state, &returns, input.clone(), actor.role(), &mut context)
            })
            .await
    }

    /// Approves a return, for staff.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`], [`Error::NotFound`], [`Error::InvalidTransition`]
    /// unless its status is requested, [`Error::IdempotencyMismatch`].
    pub async fn approve_return(
        &self,
        actor: &Actor,
        order: OrderId,
        id: ReturnId,
        key: Option<&IdempotencyKey>,
    ) -> Result<Replayable<Return>> {
        actor.require_staff()?;
        self.step(actor, order, id, ReturnTransition::Approve, key).await
    }

    /// Rejects a return, for staff.
    ///
    /// # Errors
    /// Those of [`Orders::approve_return`]; [`Error::Invalid`].
    pub async fn reject_return(
        &self,
        actor: &Actor,
        order: OrderId,
        id: ReturnId,
        input: RejectReturn,
        key: Option<&IdempotencyKey>,
    ) -> Result<Replayable<Return>> {
        actor.require_staff()?;
        self.step(actor, order, id, ReturnTransition::Reject(input.check()?), key).await
    }

    /// Records that the goods of an approved return have arrived, for staff. They are put back into stock where they
    /// came from, or written off. If the order was never paid, this completes the return, and cancels the order if
    /// nothing of it remains.
    ///
    /// # Errors
    /// Those of [`Orders::approve_return`]; [`Error::Invalid`] for `restock`; [`Error::InvalidTransition`] also if no
    /// location takes the goods.
    pub async fn receive_return(
        &self,
        actor: &Actor,
        order: OrderId,
        id: ReturnId,
        input: ReceiveReturn,
        key: Option<&IdempotencyKey>,
    ) -> Result<Replayable<Return>> {
        actor.require_staff()?;
        self.step(actor, order, id, ReturnTransition::Receive { restock: input.check()? }, key).await
    }

    /// Refunds the goods of a received return, for staff: their price, at most the captured money that is left. The
    /// shipping price is only refunded after a withdrawal; use [`Payments::refund`](crate::payments::Payments::refund)
    /// to refund more.
    ///
    /// With a remote gateway, the refund is still pending when this returns. If the gateway refuses it, the return
    /// stays completed. Staff see this in the order's history, and [`Shop::check`](crate::Shop::check) reports the
    /// order until the money is sent again with [`Payments::refund`](crate::payments::Payments::refund).
    ///
    /// # Errors
    /// Those of [`Orders::approve_return`]; [`Error::RequestInProgress`] while a gateway processes another request.
    pub async fn refund_return(
        &self,
        actor: &Actor,
        order: OrderId,
        id: ReturnId,
        key: Option<&IdempotencyKey>,
    ) -> Result<Replayable<Return>> {
        actor.require_staff()?;
        self.step(actor, order, id, ReturnTransition::Refund, key).await
    }

    /// Cancels a return whose goods have not arrived, for callers who may see the order.
    ///
    /// # Errors
    /// Those of [`Orders::view`]; [`Error::InvalidTransition`], [`Error::IdempotencyMismatch`].
    pub async fn cancel_return(
        &self,
        actor: &Actor,
        order: OrderId,
        id: ReturnId,
        key: Option<&IdempotencyKey>,
    ) -> Result<Replayable<Return>> {
        identified(actor)?;
        self.step(actor, order, id, ReturnTransition::Cancel, key).await
    }

    async fn step(
        &self,
        actor: &Actor,
        order: OrderId,
        id: ReturnId,
        step: ReturnTransition,
        key: Option<&IdempotencyKey>,
    ) -> Result<Replayable<Return>> {
        let step = &step;
        let operation = format!("{}:{id}", step.operation());
        self.shop
            .execute_once(actor, &operation, key, |mut context| async move {
                let state = self.shop.order_state(order, &mut context).await?;
                may_see(actor, &state.order)?;
                let store = self.shop.store();
                // Read after the order, whose version guards them.
                let returns = store.returns_of_orders(&[order]).await?;
                let before = returns.iter().find(|returned| returned.id == id).ok_or(Error::NotFound)?;
                let levels = match step {
                    ReturnTransition::Receive { restock: true } => {
                        store.stock_of(&variants(before, &state.order)).await?
                    }
                    _ => Vec::new(),
                };
                let return_context = ReturnContext { returns: &returns, levels: &levels, is_remote: &self.is_remote() };
                step_return(state, return_context, before, step, actor.role(), &mut context)
            })
            .await
    }
}

fn variants(returned: &Return, order: &Order) -> Vec<VariantId> {
    let is_in = |line| returned.items.iter().any(|item| item.order_item_id == line);
    order.items.iter().filter(|line| is_in(line.id)).map(|line| line.variant_id).collect()
}
