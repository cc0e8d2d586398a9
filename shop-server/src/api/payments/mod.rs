//! Payments: attempts to pay, money received and given back.

mod bodies;

use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use shop_core::field::Checks;
use shop_core::id::PaymentId;
use shop_core::payments::PaymentFilter;
use uuid::Uuid;

use crate::answer::{Answer, Created, IdempotencyKey, List, Replayable, RequestUrl};
use crate::api::Context;
use crate::api::paging::{self, Text, text};
use crate::auth::{Buyer, Caller, Staff};
use crate::field::{JsonBody, Optional};
use crate::problem::Result;

pub(in crate::api) use bodies::PaymentBody;
use bodies::{AmountRequest, AttemptRequest, GatewayBody, PaymentState, RefundBody, RefundRequest};

/// Payments: attempts to pay, money received and given back.
pub struct Payments(pub(in crate::api) Context);

#[OpenApi]
impl Payments {
    /// The ways to pay.
    #[oai(path = "/payments/gateways/", method = "get")]
    #[expect(clippy::unused_async, reason = "handlers are async")]
    async fn gateways(&self, _caller: Caller) -> Result<Answer<Vec<GatewayBody>>> {
        Ok(Answer(self.0.shop.payments().gateways().into_iter().map(GatewayBody::from).collect()))
    }

    /// All payments, the newest first.
    #[oai(path = "/payments/", method = "get")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn list(
        &self,
        staff: Staff,
        url: RequestUrl,
        order_id: Query<Optional<Uuid>>,
        status: Query<Optional<PaymentState>>,
        gateway: Query<Optional<String>>,
        page: Text,
        page_size: Text,
        cursor: Text,
        /// `created_at`, with `-` for descending.
        ordering: Text,
    ) -> Result<Answer<List<PaymentBody>>> {
        let mut checks = Checks::new();
        let filter = PaymentFilter {
            order_id: checks.optional("order_id", order_id.0.into_field(), Ok),
            state: checks.optional("status", status.0.into_field(), Ok),
            gateway: checks.optional("gateway", gateway.0.into(), Ok),
        };
        checks.finish()?;
        let request = paging::page(&page, &page_size, &cursor, text(&ordering))?;
        let payments = self.0.shop.payments().list(&staff, &filter, &request).await?;
        Ok(Answer(List::new(&url, &request, payments.map(PaymentBody::from))))
    }

    /// Begins another attempt to pay an order that is not paid; one that waits makes room for it.
    #[oai(path = "/payments/", method = "post")]
    async fn begin(
        &self,
        buyer: Buyer,
        idempotency_key: IdempotencyKey,
        body: JsonBody<AttemptRequest>,
    ) -> Result<Replayable<Created<PaymentBody>>> {
        let (request, raw) = body.into_parts();
        let key = idempotency_key.of(&raw)?;
        let payment = self.0.shop.payments().begin(&buyer, request.into(), key.as_ref()).await?;
        Ok(Replayable::from_outcome(payment, |payment| Answer(payment.into())))
    }

    /// One payment, for the owner of its order and staff.
    #[oai(path = "/payments/:id/", method = "get")]
    async fn get(&self, buyer: Buyer, id: Path<Uuid>) -> Result<Answer<PaymentBody>> {
        Ok(Answer(self.0.shop.payments().get(&buyer, PaymentId(id.0)).await?.into()))
    }

    /// Takes the money; for `manual` payments, records that it was received.
    #[oai(path = "/payments/:id/capture/", method = "post")]
    async fn capture(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        idempotency_key: IdempotencyKey,
        body: JsonBody<AmountRequest>,
    ) -> Result<Replayable<Answer<PaymentBody>>> {
        let (request, raw) = body.into_parts();
        let key = idempotency_key.of(&raw)?;
        let payments = self.0.shop.payments();
        let payment = payments.capture(&staff, PaymentId(id.0), request.into(), key.as_ref()).await?;
        Ok(Replayable::from_outcome(payment, |payment| Answer(payment.into())))
    }

    /// Calls off a payment that has brought no money.
    #[oai(path = "/payments/:id/void/", method = "post")]
    async fn void(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        idempotency_key: IdempotencyKey,
        body: JsonBody<AmountRequest>,
    ) -> Result<Replayable<Answer<PaymentBody>>> {
        let (request, raw) = body.into_parts();
        let key = idempotency_key.of(&raw)?;
        let payments = self.0.shop.payments();
        let payment = payments.void(&staff, PaymentId(id.0), request.into(), key.as_ref()).await?;
        Ok(Replayable::from_outcome(payment, |payment| Answer(payment.into())))
    }

    /// Gives money back.
    #[oai(path = "/payments/:id/refunds/", method = "post")]
    async fn refund(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        idempotency_key: IdempotencyKey,
        body: JsonBody<RefundRequest>,
    ) -> Result<Replayable<Created<RefundBody>>> {
        let (request, raw) = body.into_parts();
        let key = idempotency_key.of(&raw)?;
        let payments = self.0.shop.payments();
        let refund = payments.refund(&staff, PaymentId(id.0), request.into(), key.as_ref()).await?;
        Ok(Replayable::from_outcome(refund, |refund| Answer(refund.into())))
    }
}
