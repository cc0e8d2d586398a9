//! Returns and withdrawals.

use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use shop_core::field::Checks;
use shop_core::id::{OrderId, ReturnId};
use shop_core::orders::{ReturnFilter, ReturnStatus};
use uuid::Uuid;

use super::bodies::{
    ReceiptBody, ReceiveReturnRequest, RejectReturnRequest, ReturnBody, ReturnRequest, WithdrawalRequest,
};
use crate::api::Context;
use crate::auth::{Buyer, Staff};
use crate::field::{Choice, JsonBody, Optional};
use crate::problem::Result;
use crate::response::{Created, IdempotencyKey, JsonResponse, List, Paging, ReplayableResponse};

/// Returns and withdrawals.
pub(in crate::api) struct Returns(pub(in crate::api) Context);

/// An empty body; its content is ignored.
#[derive(Debug, poem_openapi::Object)]
struct ReturnStepRequest {}

#[OpenApi]
impl Returns {
    /// Lists the returns of all orders, newest first.
    #[oai(path = "/orders/returns/", method = "get")]
    async fn list_all(
        &self,
        staff: Staff,
        order_id: Query<Optional<Uuid>>,
        status: Query<Optional<Choice<ReturnStatus>>>,
        /// `created_at`, with `-` for descending.
        paging: Paging,
    ) -> Result<JsonResponse<List<ReturnBody>>> {
        let mut checks = Checks::new();
        let filter = ReturnFilter {
            order_id: checks.optional("order_id", order_id.0.into_field(), Ok),
            status: checks.optional("status", status.0.into_field(), Ok),
        };
        checks.finish()?;
        let request = paging.request()?;
        let returns = self.0.shop.orders().list_returns(&staff, &filter, &request).await?;
        paging.answer(&request, returns, ReturnBody::from)
    }

    /// Lists the returns of an order, newest first, for its owner and staff.
    #[oai(path = "/orders/:id/returns/", method = "get")]
    async fn list(
        &self,
        buyer: Buyer,
        id: Path<Uuid>,
        status: Query<Optional<Choice<ReturnStatus>>>,
        /// `created_at`, with `-` for descending.
        paging: Paging,
    ) -> Result<JsonResponse<List<ReturnBody>>> {
        let mut checks = Checks::new();
        let status = checks.optional("status", status.0.into_field(), Ok);
        checks.finish()?;
        let filter = ReturnFilter { status, ..ReturnFilter::default() };
        let request = paging.request()?;
        let returns = self.0.shop.orders().returns(&buyer, OrderId(id.0), &filter, &request).await?;
        paging.answer(&request, returns, ReturnBody::from)
    }

    /// Withdraws from the contract (Directive (EU) 2023/2673), for the whole order or for some items.
    ///
    /// Items that have not shipped are canceled and refunded; for the rest, an approved return is opened. If everything
    /// is withdrawn, the shipping price is refunded too, up to the price of the cheapest method. A receipt with the
    /// date and time is e-mailed at once. More than `WITHDRAWAL_DAYS` days after the day of the last delivery, the call
    /// fails with 409 `withdrawal_period_over`.
    #[oai(path = "/orders/:id/withdrawal/", method = "post")]
    async fn withdraw(
        &self,
        buyer: Buyer,
        id: Path<Uuid>,
        idempotency_key: IdempotencyKey,
        body: JsonBody<WithdrawalRequest>,
    ) -> Result<ReplayableResponse<Created<ReceiptBody>>> {
        let (request, key) = idempotency_key.of(body)?;
        let received = self.0.shop.orders().withdraw(&buyer, OrderId(id.0), request.into(), key.as_ref()).await?;
        Ok(received.into())
    }

    /// Requests a return, for at most what was shipped and is in no other return.
    #[oai(path = "/orders/:id/returns/", method = "post")]
    async fn request(
        &self,
        buyer: Buyer,
        id: Path<Uuid>,
        idempotency_key: IdempotencyKey,
        body: JsonBody<ReturnRequest>,
    ) -> Result<ReplayableResponse<Created<ReturnBody>>> {
        let (request, key) = idempotency_key.of(body)?;
        let orders = self.0.shop.orders();
        let returned = orders.request_return(&buyer, OrderId(id.0), request.into(), key.as_ref()).await?;
        Ok(returned.into())
    }

    /// Gets a return, for the owner of its order and staff.
    #[oai(path = "/orders/:id/returns/:return_id/", method = "get")]
    async fn get(&self, buyer: Buyer, id: Path<Uuid>, return_id: Path<Uuid>) -> Result<JsonResponse<ReturnBody>> {
        let orders = self.0.shop.orders();
        Ok(JsonResponse(orders.get_return(&buyer, OrderId(id.0), ReturnId(return_id.0)).await?.into()))
    }

    /// Approves a requested return.
    #[oai(path = "/orders/:id/returns/:return_id/approve/", method = "post")]
    async fn approve(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        return_id: Path<Uuid>,
        idempotency_key: IdempotencyKey,
        body: JsonBody<ReturnStepRequest>,
    ) -> Result<ReplayableResponse<JsonResponse<ReturnBody>>> {
        let (_, key) = idempotency_key.of(body)?;
        let (order, id) = (OrderId(id.0), ReturnId(return_id.0));
        let returned = self.0.shop.orders().approve_return(&staff, order, id, key.as_ref()).await?;
        Ok(returned.into())
    }

    /// Rejects a requested return.
    #[oai(path = "/orders/:id/returns/:return_id/reject/", method = "post")]
    async fn reject(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        return_id: Path<Uuid>,
        idempotency_key: IdempotencyKey,
        body: JsonBody<RejectReturnRequest>,
    ) -> Result<ReplayableResponse<JsonResponse<ReturnBody>>> {
        let (request, key) = idempotency_key.of(body)?;
        let (order, id) = (OrderId(id.0), ReturnId(return_id.0));
        let returned = self.0.shop.orders().reject_return(&staff, order, id, request.into(), key.as_ref()).await?;
        Ok(returned.into())
    }

    /// Records that the goods of an approved return arrived, to be restocked or written off.
    #[oai(path = "/orders/:id/returns/:return_id/receive/", method = "post")]
    async fn receive(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        return_id: Path<Uuid>,
        idempotency_key: IdempotencyKey,
        body: JsonBody<ReceiveReturnRequest>,
    ) -> Result<ReplayableResponse<JsonResponse<ReturnBody>>> {
        let (request, key) = idempotency_key.of(body)?;
        let (order, id) = (OrderId(id.0), ReturnId(return_id.0));
        let returned = self.0.shop.orders().receive_return(&staff, order, id, request.into(), key.as_ref()).await?;
        Ok(returned.into())
    }

    /// Refunds goods that came back: their price, or what is left of the money received for the order.
    ///
    /// If a remote gateway refuses the refund later, the return stays completed. The order's history tells staff, who
    /// can refund it again with `POST /payments/{id}/refunds/`.
    #[oai(path = "/orders/:id/returns/:return_id/refund/", method = "post")]
    async fn refund(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        return_id: Path<Uuid>,
        idempotency_key: IdempotencyKey,
        body: JsonBody<ReturnStepRequest>,
    ) -> Result<ReplayableResponse<JsonResponse<ReturnBody>>> {
        let (_, key) = idempotency_key.of(body)?;
        let (order, id) = (OrderId(id.0), ReturnId(return_id.0));
        let returned = self.0.shop.orders().refund_return(&staff, order, id, key.as_ref()).await?;
        Ok(returned.into())
    }

    /// Cancels a return whose goods have not arrived.
    #[oai(path = "/orders/:id/returns/:return_id/cancel/", method = "post")]
    async fn cancel(
        &self,
        buyer: Buyer,
        id: Path<Uuid>,
        return_id: Path<Uuid>,
        idempotency_key: IdempotencyKey,
        body: JsonBody<ReturnStepRequest>,
    ) -> Result<ReplayableResponse<JsonResponse<ReturnBody>>> {
        let (_, key) = idempotency_key.of(body)?;
        let (order, id) = (OrderId(id.0), ReturnId(return_id.0));
        let returned = self.0.shop.orders().cancel_return(&buyer, order, id, key.as_ref()).await?;
        Ok(returned.into())
    }
}
