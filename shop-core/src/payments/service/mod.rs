//! The calls of this domain: each loads, decides and commits.

use super::input::{AmountInput, AttemptInput, RefundInput};
use super::operations::{
    RestockContext, ask_capture, ask_confirm, ask_void, begin_attempt, capture_payment, make_room, refund_payment,
    void_payment,
};
use super::view::{GatewayView, RefundView};
use crate::actor::Actor;
use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::gateway::PaymentGateway;
use crate::id::{PaymentId, VariantId};
use crate::idempotency::{IdempotencyKey, Replayable};
use crate::lifecycle::{OrderState, identified, may_see};
use crate::model::orders::Order;
use crate::model::payments::{Payment, PaymentFilter, PaymentSort};
use crate::page::{Page, PageRequest};
use crate::secret::Secret;
use crate::shop::Shop;

/// The calls about payments and refunds; see [`Shop`].
#[derive(Debug, Clone, Copy)]
pub struct Payments<'a> {
    pub(crate) shop: &'a Shop,
}

impl Shop {
    /// Payments and refunds.
    #[must_use]
    pub fn payments(&self) -> Payments<'_> {
        Payments { shop: self }
    }
}

impl<'a> Payments<'a> {
    /// Lists the payment methods, in the order in which they were added to the shop.
    #[must_use]
    pub fn gateways(&self) -> Vec<GatewayView> {
        let view =
            |gateway: &dyn PaymentGateway| GatewayView { id: gateway.id().to_owned(), name: gateway.name().to_owned() };
        self.shop.gateways().iter().map(|gateway| view(gateway.as_ref())).collect()
    }

    /// Lists the payments, for staff.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`].
    pub async fn list(
        &self,
        actor: &Actor,
        filter: &PaymentFilter,
        page: &PageRequest<PaymentSort>,
    ) -> Result<Page<Payment>> {
        actor.require_staff()?;
        Ok(self.shop.store().list_payments(filter, page).await?)
    }

    /// Returns one payment, for callers who may see its order.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::NotFound`].
    pub async fn get(&self, actor: &Actor, id: PaymentId) -> Result<Payment> {
        identified(actor)?;
        let payment = self.shop.store().payment(id).await?.ok_or(Error::NotFound)?;
        let order = self.shop.store().order(payment.order_id).await?.ok_or(Error::NotFound)?;
        may_see(actor, &order)?;
        Ok(payment)
    }

    /// Begins another attempt to pay an order that is not paid, for callers who may see the order: twenty at most. At
    /// most one attempt is live; a pending one without money is voided. If that takes a call to a remote gateway, the
    /// void is requested and this call is refused; it can be repeated once the gateway has responded
    /// ([`Payments::advance`]).
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::Invalid`], [`Error::NotFound`] (the order), [`Error::InvalidTransition`]
    /// when the order takes no payment, [`Error::TotalNotChargeable`] when the gateway cannot charge its total,
    /// [`Error::RequestInProgress`].
    pub async fn begin(
        &self,
        actor: &Actor,
        input: AttemptInput,
        key: Option<&IdempotencyKey>,
    ) -> Result<Replayable<Payment>> {
        identified(actor)?;
        let (order_id, gateway) = input.check(|id| self.shop.gateway(id).is_some())?;
        let gateway = self.shop.gateway(&gateway).ok_or_else(|| Error::fault("a gateway vanished"))?.as_ref();
        let hold = self.shop.settings().hold(gateway);
        // Checked before the idempotency key is looked up, too: a replay needs the same permission.
        let order = self.shop.store().order(order_id).await?.ok_or(Error::NotFound)?;
        may_see(actor, &order)?;
        let is_remote = &self.is_remote();
        let begun = self
            .shop
            .execute_once(actor, "payments.begin", key, |mut context| async move {
                let state = self.shop.order_state(order_id, &mut context).await?;
                begin_attempt(state, gateway, is_remote, hold, actor.role(), &mut context)
            })
            .await;
        if matches!(begun, Err(Error::RequestInProgress)) {
            self.shop
                .execute(actor, |mut context| async move {
                    let state = self.shop.order_state(order_id, &mut context).await?;
                    make_room(state, is_remote, actor.role(), &mut context)
                })
                .await?;
        }
        begun
    }

    /// Continues a payment after its buyer has done their part at the gateway, for callers who may see the order. If
    /// the payment waits for its buyer, the gateway is called ([`Payments::advance`] waits for the response).
    /// Otherwise, and within seconds of the last response, nothing happens.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::NotFound`]; [`Error::InvalidTransition`] when its gateway is not remote.
    pub async fn confirm(&self, actor: &Actor, id: PaymentId) -> Result<Payment> {
        let payment = self.get(actor, id).await?;
        if !self.shop.is_remote(&payment.gateway) {
            return Err(Error::transition("There is no gateway to ask: staff record the money."));
        }
        self.shop
            .execute(actor, |mut context| async move {
                let (state, _) = self.load(id, &mut context).await?;
                ask_confirm(state, id, &mut context)
            })
            .await
    }

    /// Returns a predicate that tells whether a payment uses a remote gateway.
    pub fn is_remote(&self) -> impl Fn(&Payment) -> bool + use<'a> {
        let shop = self.shop;
        move |payment| shop.is_remote(&payment.gateway)
    }

    /// The secret with which the buyer's browser continues an open payment. Only for its buyer.
    #[must_use]
    pub fn client_secret(&self, payment: &Payment) -> Option<Secret> {
        let sealed = payment.remote.client_secret.as_ref().filter(|_| payment.state.is_open())?;
        self.shop.keys().open_client_secret(payment.id, sealed)
    }

    /// Like [`Payments::client_secret`], for any caller who may see the payment: `None` unless they are its buyer.
    ///
    /// # Errors
    /// [`Error::NotFound`] when its order is missing.
    pub async fn secret_for(&self, actor: &Actor, payment: &Payment) -> Result<Option<Secret>> {
        let Some(secret) = self.client_secret(payment) else { return Ok(None) };
        if !actor.is_staff() {
            return Ok(Some(secret));
        }
        let order = self.shop.store().order(payment.order_id).await?.ok_or(Error::NotFound)?;
        Ok(order.is_bought_by(actor).then_some(secret))
    }

    /// Records money received outside the shop: the given amount, or everything that is open. A remote gateway is asked
    /// to capture what is authorized ([`Payments::advance`] waits for the response).
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`], [`Error::NotFound`], [`Error::Invalid`] naming
    /// `amount`, [`Error::InvalidTransition`] when the payment takes no money, [`Error::RequestInProgress`] while
    /// another call to its gateway is pending.
    pub async fn capture(
        &self,
        actor: &Actor,
        id: PaymentId,
        input: AmountInput,
        key: Option<&IdempotencyKey>,
    ) -> Result<Replayable<Payment>> {
        actor.require_staff()?;
        let input = &input;
        self.shop
            .execute_once(actor, &format!("payments.capture:{id}"), key, |mut context| async move {
                let (state, payment) = self.load(id, &mut context).await?;
                // The payment's currency determines how the amount is parsed.
                let amount = input.clone().check(&payment)?;
                if self.shop.is_remote(&payment.gateway) {
                    return ask_capture(state, id, amount, actor.role(), &mut context);
                }
                capture_payment(state, id, amount, actor.role(), &mut context)
            })
            .await
    }

    /// Voids a whole payment that has brought no money. A remote gateway is asked to void it ([`Payments::advance`]
    /// waits for the response). If the gateway's state does not match the request, the payment ends with any response.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`], [`Error::NotFound`], [`Error::Invalid`] naming
    /// `amount` when it is not the whole amount, [`Error::InvalidTransition`], [`Error::RequestInProgress`].
    pub async fn void(
        &self,
        actor: &Actor,
        id: PaymentId,
        input: AmountInput,
        key: Option<&IdempotencyKey>,
    ) -> Result<Replayable<Payment>> {
        actor.require_staff()?;
        let input = &input;
        self.shop
            .execute_once(actor, &format!("payments.void:{id}"), key, |mut context| async move {
                let (state, payment) = self.load(id, &mut context).await?;
                if input.clone().check(&payment)?.is_some_and(|amount| amount != payment.amount) {
                    return Err(Error::invalid("amount", "Only all of a payment can be voided."));
                }
                if self.shop.is_remote(&payment.gateway) {
                    return ask_void(state, id, actor.role(), &mut context);
                }
                void_payment(state, id, actor.role(), &mut context)
            })
            .await
    }

    /// Records money refunded outside the shop: the given amount, or everything that is left. With `restock`, the goods
    /// of the order go back to stock. A remote gateway is asked for the refund, which is pending until it responds
    /// ([`Payments::advance`] waits for that).
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::PermissionDenied`], [`Error::NotFound`], [`Error::Invalid`],
    /// [`Error::InvalidTransition`] when there is no money to refund, [`Error::RequestInProgress`] while another call
    /// to the gateway is pending.
    pub async fn refund(
        &self,
        actor: &Actor,
        id: PaymentId,
        input: RefundInput,
        key: Option<&IdempotencyKey>,
    ) -> Result<Replayable<RefundView>> {
        actor.require_staff()?;
        let input = &input;
        self.shop
            .execute_once(actor, &format!("payments.refund:{id}"), key, |mut context| async move {
                let (state, payment) = self.load(id, &mut context).await?;
                let input = input.clone().check(&payment)?;
                let restock =
                    if input.restock { self.restock_context(&state.order).await? } else { RestockContext::default() };
                refund_payment(state, id, &input, &restock, actor.role(), &mut context)
            })
            .await
    }

    /// The returns of an order and the stock levels of its variants. Read after the order, whose version guards them.
    async fn restock_context(&self, order: &Order) -> Result<RestockContext> {
        let variants: Vec<VariantId> = order.items.iter().map(|item| item.variant_id).collect();
        let store = self.shop.store();
        let (ids, levels) = ([order.id], store.stock_of(&variants));
        let (returns, levels) = futures_util::future::try_join(store.returns_of_orders(&ids), levels).await?;
        Ok(RestockContext { returns, levels })
    }

    /// A payment with the state of its order, consistent with one version of the order.
    async fn load(&self, id: PaymentId, context: &mut DecisionContext) -> Result<(OrderState, Payment)> {
        let payment = self.shop.store().payment(id).await?.ok_or(Error::NotFound)?;
        let state = self.shop.order_state(payment.order_id, context).await?;
        // Read again with the order, whose version guards it.
        let payment = state.payments.iter().find(|stored| stored.id == id).cloned().unwrap_or(payment);
        Ok((state, payment))
    }
}

#[cfg(test)]
mod tests;
