//! Goods that come back.

use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use shop_core::field::Checks;
use shop_core::id::{OrderId, ReturnId};
use shop_core::orders::ReturnFilter;
use uuid::Uuid;

use super::bodies::{
    ReceiptBody, ReceiveReturnRequest, RejectReturnRequest, ReturnBody, ReturnRequest, ReturnStatus, WithdrawalRequest,
};
use crate::answer::{Answer, Created, IdempotencyKey, List, Replayable, RequestUrl};
use crate::api::Context;
use crate::api::paging::{self, Text, text};
use crate::auth::{Buyer, Staff};
use crate::field::{JsonBody, Optional};
use crate::problem::Result;

/// Goods that come back.
pub struct Returns(pub(in crate::api) Context);

/// A body with nothing in it: what is sent plays no role.
#[derive(Debug, poem_openapi::Object)]
struct ReturnStepRequest {}

#[OpenApi]
impl Returns {
    /// The returns of all orders, the newest first.
    #[oai(path = "/orders/returns/", method = "get")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn list_all(
        &self,
        staff: Staff,
        url: RequestUrl,
        order_id: Query<Optional<Uuid>>,
        status: Query<Optional<ReturnStatus>>,
        page: Text,
        page_size: Text,
        cursor: Text,
        /// `created_at`, with `-` for descending.
        ordering: Text,
    ) -> Result<Answer<List<ReturnBody>>> {
        let mut checks = Checks::new();
        let filter = ReturnFilter {
            order_id: checks.optional("order_id", order_id.0.into_field(), Ok),
            status: checks.optional("status", status.0.into_field(), Ok),
        };
        checks.finish()?;
        let request = paging::page(&page, &page_size, &cursor, text(&ordering))?;
        let returns = self.0.shop.orders().list_returns(&staff, &filter, &request).await?;
        List::answer(&url, &request, returns.map(ReturnBody::from))
    }

    /// The returns of an order, the newest first, for its owner and staff.
    #[oai(path = "/orders/:id/returns/", method = "get")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn list(
        &self,
        buyer: Buyer,
        id: Path<Uuid>,
        url: RequestUrl,
        status: Query<Optional<ReturnStatus>>,
        page: Text,
        page_size: Text,
        cursor: Text,
        /// `created_at`, with `-` for descending.
        ordering: Text,
    ) -> Result<Answer<List<ReturnBody>>> {
        let mut checks = Checks::new();
        let status = checks.optional("status", status.0.into_field(), Ok);
        checks.finish()?;
        let filter = ReturnFilter { status, ..ReturnFilter::default() };
        let request = paging::page(&page, &page_size, &cursor, text(&ordering))?;
        let returns = self.0.shop.orders().returns(&buyer, OrderId(id.0), &filter, &request).await?;
        List::answer(&url, &request, returns.map(ReturnBody::from))
    }

    /// Withdraws from the contract (Directive (EU) 2023/2673), for all of the order or for some items.
    ///
    /// What has not shipped is called off and its money given back; for the rest a return is opened, approved already. Where all is
    /// withdrawn, the price of shipping is given back, but not more than the cheapest method would have cost. A receipt with
    /// the date and time is mailed at once. More than `WITHDRAWAL_DAYS` after the day of the last delivery it is 409
    /// `withdrawal_period_over`.
    #[oai(path = "/orders/:id/withdrawal/", method = "post")]
    async fn withdraw(
        &self,
        buyer: Buyer,
        id: Path<Uuid>,
        idempotency_key: IdempotencyKey,
        body: JsonBody<WithdrawalRequest>,
    ) -> Result<Replayable<Created<ReceiptBody>>> {
        let (request, key) = idempotency_key.of(body)?;
        let received = self.0.shop.orders().withdraw(&buyer, OrderId(id.0), request.into(), key.as_ref()).await?;
        Ok(received.into())
    }

    /// Asks to give goods back: never more than was shipped and is in no other return.
    #[oai(path = "/orders/:id/returns/", method = "post")]
    async fn request(
        &self,
        buyer: Buyer,
        id: Path<Uuid>,
        idempotency_key: IdempotencyKey,
        body: JsonBody<ReturnRequest>,
    ) -> Result<Replayable<Created<ReturnBody>>> {
        let (request, key) = idempotency_key.of(body)?;
        let orders = self.0.shop.orders();
        let returned = orders.request_return(&buyer, OrderId(id.0), request.into(), key.as_ref()).await?;
        Ok(returned.into())
    }

    /// One return, for the owner of its order and staff.
    #[oai(path = "/orders/:id/returns/:return_id/", method = "get")]
    async fn get(&self, buyer: Buyer, id: Path<Uuid>, return_id: Path<Uuid>) -> Result<Answer<ReturnBody>> {
        let orders = self.0.shop.orders();
        Ok(Answer(orders.get_return(&buyer, OrderId(id.0), ReturnId(return_id.0)).await?.into()))
    }

    /// Agrees to a requested return.
    #[oai(path = "/orders/:id/returns/:return_id/approve/", method = "post")]
    async fn approve(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        return_id: Path<Uuid>,
        idempotency_key: IdempotencyKey,
        body: JsonBody<ReturnStepRequest>,
    ) -> Result<Replayable<Answer<ReturnBody>>> {
        let (_, key) = idempotency_key.of(body)?;
        let (order, id) = (OrderId(id.0), ReturnId(return_id.0));
        let returned = self.0.shop.orders().approve_return(&staff, order, id, key.as_ref()).await?;
        Ok(returned.into())
    }

    /// Refuses a requested return.
    #[oai(path = "/orders/:id/returns/:return_id/reject/", method = "post")]
    async fn reject(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        return_id: Path<Uuid>,
        idempotency_key: IdempotencyKey,
        body: JsonBody<RejectReturnRequest>,
    ) -> Result<Replayable<Answer<ReturnBody>>> {
        let (request, key) = idempotency_key.of(body)?;
        let (order, id) = (OrderId(id.0), ReturnId(return_id.0));
        let returned = self.0.shop.orders().reject_return(&staff, order, id, request.into(), key.as_ref()).await?;
        Ok(returned.into())
    }

    /// Records that the goods of an approved return came back: to stock, or to be written off.
    #[oai(path = "/orders/:id/returns/:return_id/receive/", method = "post")]
    async fn receive(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        return_id: Path<Uuid>,
        idempotency_key: IdempotencyKey,
        body: JsonBody<ReceiveReturnRequest>,
    ) -> Result<Replayable<Answer<ReturnBody>>> {
        let (request, key) = idempotency_key.of(body)?;
        let (order, id) = (OrderId(id.0), ReturnId(return_id.0));
        let returned = self.0.shop.orders().receive_return(&staff, order, id, request.into(), key.as_ref()).await?;
        Ok(returned.into())
    }

    /// Gives back the money of goods that came back: what they cost, or what is left of it.
    ///
    /// Should a gateway over a network refuse the refund later, the return stays completed; the order's history tells
    /// staff, who refund it again by `POST /payments/{id}/refunds/`.
    #[oai(path = "/orders/:id/returns/:return_id/refund/", method = "post")]
    async fn refund(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        return_id: Path<Uuid>,
        idempotency_key: IdempotencyKey,
        body: JsonBody<ReturnStepRequest>,
    ) -> Result<Replayable<Answer<ReturnBody>>> {
        let (_, key) = idempotency_key.of(body)?;
        let (order, id) = (OrderId(id.0), ReturnId(return_id.0));
        let returned = self.0.shop.orders().refund_return(&staff, order, id, key.as_ref()).await?;
        Ok(returned.into())
    }

    /// Calls off a return whose goods have not come.
    #[oai(path = "/orders/:id/returns/:return_id/cancel/", method = "post")]
    async fn cancel(
        &self,
        buyer: Buyer,
        id: Path<Uuid>,
        return_id: Path<Uuid>,
        idempotency_key: IdempotencyKey,
        body: JsonBody<ReturnStepRequest>,
    ) -> Result<Replayable<Answer<ReturnBody>>> {
        let (_, key) = idempotency_key.of(body)?;
        let (order, id) = (OrderId(id.0), ReturnId(return_id.0));
        let returned = self.0.shop.orders().cancel_return(&buyer, order, id, key.as_ref()).await?;
        Ok(returned.into())
    }
}
