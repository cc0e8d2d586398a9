//! The calls of this domain: each loads, decides and commits.

mod bulk;
mod cancellations;
mod checkout;
mod claims;
mod drafts;
mod returns;
mod withdrawals;

use std::collections::HashMap;

use super::input::{OrderKey, OrderQuery, PlaceOrder};
use super::operations::{self, Reason};
use super::view::{OrderView, PlacedOrder};
use crate::actor::Actor;
use crate::batch::{Batch, Decision};
use crate::error::{Error, Result};
use crate::id::OrderId;
use crate::idempotency::{IdempotencyKey, Replayable};
use crate::lifecycle::{OrderState, identified, may_see};
use crate::model::orders::{HistoryEntry, Order, OrderSort, OrderStatus};
use crate::model::payments::Payment;
use crate::page::{Page, PageRequest};
use crate::payments::remote::{hold_again, may_void};
use crate::shop::Shop;

/// The order calls; see [`Shop`].
#[derive(Debug, Clone, Copy)]
pub struct Orders<'a> {
    pub(super) shop: &'a Shop,
}

impl Shop {
    /// Orders, drafts, returns and withdrawals.
    #[must_use]
    pub fn orders(&self) -> Orders<'_> {
        Orders { shop: self }
    }
}

impl Orders<'_> {
    /// Turns the caller's cart into an order and closes the cart, in one batch with the reservations, the payment and
    /// the idempotency record. A guest gets the token that opens the order.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a guest without an open cart; [`Error::Invalid`] with every invalid field;
    /// [`Error::CartEmpty`], [`Error::OutOfStock`], [`Error::CouponNotApplicable`], [`Error::TotalNotChargeable`],
    /// [`Error::TotalChanged`], [`Error::TooManyUnpaidOrders`]; [`Error::IdempotencyMismatch`].
    pub async fn place(
        &self,
        actor: &Actor,
        input: PlaceOrder,
        key: Option<&IdempotencyKey>,
    ) -> Result<Replayable<PlacedOrder>> {
        let gateways: Vec<_> = self.shop.gateways().iter().map(|gateway| gateway.id()).collect();
        let checked_order = &input.check(actor.signed_in().is_none(), &gateways, self.shop.settings().currency);
        let Replayable { value: view, replayed } = self
            .shop
            .execute_once(actor, "orders.place", key, |mut context| async move {
                self.decided(actor, checked_order, &mut context, |checkout, context| match checkout.complete() {
                    Ok(placement) => operations::place(placement, context),
                    // `check` has already refused missing fields.
                    Err(_) => Err(Error::Invalid(checked_order.invalid.clone())),
                })
                .await
            })
            .await?;
        Ok(Replayable { value: self.placed(view), replayed })
    }

    /// The response to the caller who placed the order; includes the token of a guest's order.
    fn placed(self, view: OrderView) -> PlacedOrder {
        let is_guests = view.order.customer_id.is_none();
        let access_token = is_guests.then(|| self.shop.keys().order_token(view.order.id));
        PlacedOrder { view, access_token }
    }

    /// Lists orders: customers see their own, staff see all.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] for a guest.
    pub async fn list(
        &self,
        actor: &Actor,
        query: OrderQuery,
        page: &PageRequest<OrderSort>,
    ) -> Result<Page<OrderView>> {
        let only_own = query.mine || !actor.is_staff();
        let customer_id = if only_own { Some(actor.require_user()?.user_id) } else { None };
        let searched = query.search.as_deref().and_then(operations::parse_number);
        let mut filter = query.filter();
        filter.customer_id = customer_id;
        // A complete order number is looked up by its index. If there is no such order, it may be a SKU that looks like
        // one.
        if let Some(number) = searched.filter(|number| filter.number.as_ref().is_none_or(|wanted| wanted == number))
            && self.shop.store().order_by_number(&number).await?.is_some()
        {
            filter.number = Some(number);
            filter.search.clear();
        }
        let page = self.shop.store().list_orders(&filter, page).await?;
        let ids: Vec<_> = page.items.iter().map(|order| order.id).collect();
        let (mut payments, mut shipments) = (HashMap::new(), HashMap::new());
        if !ids.is_empty() {
            for payment in self.shop.store().payments_of_orders(&ids).await? {
                payments.entry(payment.order_id).or_insert_with(Vec::new).push(payment);
            }
            for shipment in self.shop.store().shipments_of_orders(&ids).await? {
                shipments.entry(shipment.order_id).or_insert_with(Vec::new).push(shipment);
            }
        }
        Ok(page.map(|order| OrderView {
            payments: payments.remove(&order.id).unwrap_or_default(),
            shipments: shipments.remove(&order.id).unwrap_or_default(),
            order,
        }))
    }

    /// Returns an order with its payments and shipments, to its owner, to staff, or to the holder of a guest's order
    /// token.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] for an unknown caller; [`Error::NotFound`] if it does not exist or is another
    /// customer's.
    pub async fn view(&self, actor: &Actor, order: impl Into<OrderKey>) -> Result<OrderView> {
        let order = self.visible(actor, order).await?;
        let ids = [order.id];
        let store = self.shop.store();
        let (payments, shipments) =
            futures_util::future::try_join(store.payments_of_orders(&ids), store.shipments_of_orders(&ids)).await?;
        Ok(OrderView { order, payments, shipments })
    }

    /// The timeline of an order, oldest first, for callers who may see the order. Only staff see their own notes and
    /// entries that need their attention.
    ///
    /// # Errors
    /// Those of [`Orders::view`].
    pub async fn history(&self, actor: &Actor, order: impl Into<OrderKey>) -> Result<Vec<HistoryEntry>> {
        let order = self.visible(actor, order).await?;
        let mut history = self.shop.store().history(order.id).await?;
        history.retain(|entry| entry.visible || actor.is_staff());
        Ok(history)
    }

    /// Cancels an order: releases its stock and voids or refunds its payments.
    ///
    /// If a payment is open at a remote gateway, the gateway is asked first, and the order is canceled when it responds
    /// ([`Payments::advance`](crate::payments::Payments::advance) waits for that). Until then, the call returns the
    /// order with its status unchanged. Money that arrives before the gateway has responded is refunded.
    ///
    /// # Errors
    /// Those of [`Orders::view`]; [`Error::InvalidTransition`] if the order is canceled or completed, if any of it has
    /// shipped, or if the gateway of a payment shows a state that was not requested, so that staff must void the
    /// payment first; [`Error::RequestInProgress`] while a gateway processes another request;
    /// [`Error::IdempotencyMismatch`].
    pub async fn cancel(
        &self,
        actor: &Actor,
        id: OrderId,
        key: Option<&IdempotencyKey>,
    ) -> Result<Replayable<OrderView>> {
        self.cancel_because(actor, id, None, key).await
    }

    /// As [`Orders::cancel`]; also records the reason in the history, for staff.
    async fn cancel_because(
        &self,
        actor: &Actor,
        id: OrderId,
        reason: Option<&str>,
        key: Option<&IdempotencyKey>,
    ) -> Result<Replayable<OrderView>> {
        identified(actor)?;
        self.shop
            .execute_once(actor, &format!("orders.cancel:{id}"), key, |mut context| async move {
                let OrderState { order, payments, shipments, reservations, .. } =
                    self.shop.order_state(id, &mut context).await?;
                may_see(actor, &order)?;
                let view = OrderView { order, payments, shipments };
                let asked = Reason::Asked(actor.role());
                let mut decision = operations::cancel(view, &reservations, asked, &self.is_remote(), &mut context)?;
                if let Some(reason) = reason {
                    let batch = &mut decision.batch;
                    operations::record_for_staff(batch, &mut context, id, "cancel_reason", actor.role(), reason);
                }
                Ok(decision)
            })
            .await
    }

    pub(super) fn is_remote(&self) -> impl Fn(&Payment) -> bool {
        |payment| self.shop.is_remote(&payment.gateway)
    }

    /// Cancels up to `limit` orders whose payment is overdue, the longest overdue first, and releases their stock.
    /// Returns the number of canceled orders. Meant to be called repeatedly by any number of workers; each order is
    /// canceled once. An order that cannot be canceled now does not block the others.
    ///
    /// # Errors
    /// If the overdue orders cannot be listed.
    pub async fn cancel_overdue(&self, limit: u32) -> Result<u32> {
        let mut canceled = 0;
        for id in self.shop.store().overdue_orders(self.shop.context().now(), limit).await? {
            match self.cancel_if_overdue(id).await {
                Ok(true) => canceled += 1,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, order = %id, "an overdue order could not be canceled"),
            }
        }
        Ok(canceled)
    }

    async fn cancel_if_overdue(&self, id: OrderId) -> Result<bool> {
        self.shop
            .execute(&Actor::system(), |mut context| async move {
                let OrderState { mut order, payments, shipments, reservations, .. } =
                    self.shop.order_state(id, &mut context).await?;
                let overdue = order.hold_until.is_some_and(|until| until <= context.now());
                // Paid, canceled or extended since it was listed.
                if order.status != OrderStatus::Placed || !overdue {
                    return Ok(Decision::unchanged(&mut context, false));
                }
                if payments.iter().any(|payment| payment.state.is_open() && may_void(payment).is_err()) {
                    // The gateway is already processing a request: wait for its response.
                    let mut batch = Batch::new(&mut context);
                    hold_again(&mut order, &context);
                    operations::settle(order, &payments, &shipments, &mut context, &mut batch);
                    return Ok(Decision { batch, reply: false });
                }
                let view = OrderView { order, payments, shipments };
                let decision =
                    operations::cancel(view, &reservations, Reason::Overdue, &self.is_remote(), &mut context)?;
                Ok(decision.map(|view| view.order.status == OrderStatus::Canceled))
            })
            .await
    }

    async fn visible(&self, actor: &Actor, order: impl Into<OrderKey>) -> Result<Order> {
        identified(actor)?;
        let order = match order.into() {
            OrderKey::Id(id) => self.shop.store().order(id).await?,
            OrderKey::Number(written) => match operations::parse_number(&written) {
                Some(number) => self.shop.store().order_by_number(&number).await?,
                None => None,
            },
        };
        let order = order.ok_or(Error::NotFound)?;
        may_see(actor, &order)?;
        Ok(order)
    }
}
