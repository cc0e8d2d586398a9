//! Payments: attempts to pay, captures and refunds.

mod bodies;
mod wait;

use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use shop_core::field::{Checks, Field};
use shop_core::id::PaymentId;
use shop_core::idempotency::Replayable as Outcome;
use shop_core::payments::{AttemptInput, GatewayEventHeaders, Payment, PaymentFilter, PaymentState};
use shop_core::{Actor, Error};
use uuid::Uuid;

use crate::api::Context;
use crate::auth::{Buyer, Caller, Staff};
use crate::field::{Choice, JsonBody, Optional, SignedBody};
use crate::problem::Result;
use crate::response::{Created, IdempotencyKey, JsonResponse, List, Paging, ReplayableResponse};

pub(in crate::api) use bodies::PaymentBody;
use bodies::{AmountRequest, AttemptRequest, GatewayBody, GatewayEventBody, RefundBody, RefundRequest};
pub(in crate::api) use wait::settled_order;
use wait::{asked, settled_payment, settled_refund, wait_for};

/// Payments: attempts to pay, captures and refunds.
pub(in crate::api) struct Payments(pub(in crate::api) Context);

#[OpenApi]
impl Payments {
    /// Lists the payment gateways.
    #[oai(path = "/payments/gateways/", method = "get")]
    #[expect(clippy::unused_async, reason = "handlers are async")]
    async fn gateways(&self, _caller: Caller) -> Result<JsonResponse<Vec<GatewayBody>>> {
        Ok(JsonResponse(self.0.shop.payments().gateways().into_iter().map(GatewayBody::from).collect()))
    }

    /// Lists all payments, newest first.
    #[oai(path = "/payments/", method = "get")]
    async fn list(
        &self,
        staff: Staff,
        order_id: Query<Optional<Uuid>>,
        status: Query<Optional<Choice<PaymentState>>>,
        gateway: Query<Optional<String>>,
        /// `created_at`, with `-` for descending.
        paging: Paging,
    ) -> Result<JsonResponse<List<PaymentBody>>> {
        let mut checks = Checks::new();
        let filter = PaymentFilter {
            order_id: checks.optional("order_id", order_id.0.into_field(), Ok),
            state: checks.optional("status", status.0.into_field(), Ok),
            gateway: checks.optional("gateway", gateway.0.into(), Ok),
        };
        checks.finish()?;
        let request = paging.request()?;
        let payments = self.0.shop.payments().list(&staff, &filter, &request).await?;
        paging.answer(&request, payments, PaymentBody::for_staff)
    }

    /// Starts another attempt to pay an unpaid order; an attempt that is still waiting is voided.
    ///
    /// An order has at most 20 attempts. Waits up to 5 seconds for the gateway; if it has not answered by then, read
    /// `client_secret` later.
    #[oai(path = "/payments/", method = "post")]
    async fn begin(
        &self,
        buyer: Buyer,
        idempotency_key: IdempotencyKey,
        body: JsonBody<AttemptRequest>,
    ) -> Result<ReplayableResponse<Created<PaymentBody>>> {
        let (request, key) = idempotency_key.of(body)?;
        let (shop, input) = (&self.0.shop, AttemptInput::from(request));
        let mut begun = shop.payments().begin(&buyer, input.clone(), key.as_ref()).await;
        if let (Err(Error::RequestInProgress), Field::Given(order)) = (&begun, &input.order_id) {
            // The previous attempt is being voided at its gateway.
            let order = shop.orders().view(&buyer, *order).await?;
            wait_for(shop, asked(&order.payments)).await;
            begun = shop.payments().begin(&buyer, input, key.as_ref()).await;
        }
        let payment = settled_payment(shop, begun?).await?;
        let body = self.seen_by(&buyer, payment.value).await?;
        Ok(ReplayableResponse::new(JsonResponse(body), payment.replayed))
    }

    /// Gets a payment, for the owner of its order and for staff.
    #[oai(path = "/payments/:id/", method = "get")]
    async fn get(&self, buyer: Buyer, id: Path<Uuid>) -> Result<JsonResponse<PaymentBody>> {
        let payment = self.0.shop.payments().get(&buyer, PaymentId(id.0)).await?;
        Ok(JsonResponse(self.seen_by(&buyer, payment).await?))
    }

    /// Asks the gateway for the state of the payment after the buyer has acted there, so that nobody has to wait for
    /// the gateway's webhook. Further calls within 3 seconds get the same response.
    #[oai(path = "/payments/:id/confirm/", method = "post")]
    async fn confirm(&self, buyer: Buyer, id: Path<Uuid>) -> Result<JsonResponse<PaymentBody>> {
        let shop = &self.0.shop;
        let payment = shop.payments().confirm(&buyer, PaymentId(id.0)).await?;
        let payment = settled_payment(shop, Outcome { value: payment, replayed: false }).await?.value;
        Ok(JsonResponse(self.seen_by(&buyer, payment).await?))
    }

    /// Receives a webhook event, signed by its gateway. Each event is stored once and processed right afterwards.
    #[oai(path = "/payments/webhooks/:gateway/", method = "post")]
    async fn event(&self, gateway: Path<String>, body: SignedBody) -> Result<JsonResponse<GatewayEventBody>> {
        let headers: Vec<_> = body.headers().collect();
        self.0.shop.payments().receive_event(&gateway.0, &GatewayEventHeaders::new(&headers), body.bytes()).await?;
        Ok(JsonResponse(GatewayEventBody { received: true }))
    }

    /// Captures the money; for `manual` payments, records that it was received.
    ///
    /// Waits up to 5 seconds for a remote gateway, and returns the payment as it is then.
    #[oai(path = "/payments/:id/capture/", method = "post")]
    async fn capture(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        idempotency_key: IdempotencyKey,
        body: JsonBody<AmountRequest>,
    ) -> Result<ReplayableResponse<JsonResponse<PaymentBody>>> {
        let (request, key) = idempotency_key.of(body)?;
        let payments = self.0.shop.payments();
        let payment = payments.capture(&staff, PaymentId(id.0), request.into(), key.as_ref()).await?;
        let payment = settled_payment(&self.0.shop, payment).await?;
        Ok(ReplayableResponse::from_outcome(payment, |payment| JsonResponse(PaymentBody::for_staff(payment))))
    }

    /// Voids a payment that has brought no money.
    ///
    /// This also ends a payment whose gateway reports something that was not requested (its `failure` says so): check
    /// the gateway for money first.
    #[oai(path = "/payments/:id/void/", method = "post")]
    async fn void(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        idempotency_key: IdempotencyKey,
        body: JsonBody<AmountRequest>,
    ) -> Result<ReplayableResponse<JsonResponse<PaymentBody>>> {
        let (request, key) = idempotency_key.of(body)?;
        let payments = self.0.shop.payments();
        let payment = payments.void(&staff, PaymentId(id.0), request.into(), key.as_ref()).await?;
        let payment = settled_payment(&self.0.shop, payment).await?;
        Ok(ReplayableResponse::from_outcome(payment, |payment| JsonResponse(PaymentBody::for_staff(payment))))
    }

    /// Refunds all or part of a payment.
    #[oai(path = "/payments/:id/refunds/", method = "post")]
    async fn refund(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        idempotency_key: IdempotencyKey,
        body: JsonBody<RefundRequest>,
    ) -> Result<ReplayableResponse<Created<RefundBody>>> {
        let (request, key) = idempotency_key.of(body)?;
        let payments = self.0.shop.payments();
        let refund = payments.refund(&staff, PaymentId(id.0), request.into(), key.as_ref()).await?;
        let refund = settled_refund(&self.0.shop, refund).await?;
        Ok(ReplayableResponse::from_outcome(refund, |refund| JsonResponse(RefundBody::for_staff(refund))))
    }
}

impl Payments {
    /// A payment as this caller may see it.
    async fn seen_by(&self, caller: &Actor, payment: Payment) -> Result<PaymentBody> {
        let shop = &self.0.shop;
        let secret = shop.payments().secret_for(caller, &payment).await?;
        Ok(PaymentBody::new(payment, caller.is_staff()).with_secret(secret))
    }
}
