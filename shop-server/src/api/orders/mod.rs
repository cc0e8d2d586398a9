//! `/orders/`: placing, reading and canceling orders.

mod bodies;
mod drafts;
mod returns;

use chrono::{DateTime, Utc};
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use shop_core::field::Checks;
use shop_core::id::OrderId;
use shop_core::idempotency::Replayable as Outcome;
use shop_core::orders::{FulfillmentStatus, OrderKey, OrderQuery, OrderStatus, OrderView, PaymentStatus, PlacedOrder};
use shop_core::{Actor, Shop};
use uuid::Uuid;

use super::Context;
use super::payments::settled_order;
use crate::auth::{Caller, Staff, User};
use crate::field::{Choice, JsonBody, Optional};
use crate::limits::{Attempt, Client};
use crate::problem::Result;
use crate::response::{IdempotencyKey, JsonResponse, List, Paging, ReplayableResponse, VersionedResponse};

use bodies::{
    CancelItemsRequest, CancelOrdersBody, CancelOrdersRequest, HistoryBody, LookupBody, LookupRequest, OrderBody,
    OrderRequest,
};

pub(super) use drafts::Drafts;
pub(super) use returns::Returns;

/// Places, reads and cancels orders.
pub(in crate::api) struct Orders(pub(in crate::api) Context);

/// An empty body; its content is ignored.
#[derive(Debug, poem_openapi::Object)]
#[oai(rename = "CancelOrderRequest")]
struct CancelRequest {}

#[OpenApi]
impl Orders {
    /// Turns the caller's cart into an order and closes the cart.
    ///
    /// Reserves the stock and starts the payment. For a guest, the response has the `access_token` that opens the
    /// order. Waits up to 5 seconds for a remote gateway; if it has not answered by then, read `client_secret` later.
    #[oai(path = "/orders/", method = "post")]
    async fn place(
        &self,
        caller: Caller,
        client: Client,
        idempotency_key: IdempotencyKey,
        body: JsonBody<OrderRequest>,
    ) -> Result<ReplayableResponse<VersionedResponse<OrderBody, 201>>> {
        self.0.limits.check(Attempt::Order, client.address(), caller.caller().as_deref()).await?;
        let (request, key) = idempotency_key.of(body)?;
        let placed = self.0.shop.orders().place(&caller, request.into(), key.as_ref()).await?;
        placed_order(&self.0.shop, &caller, placed).await
    }

    /// E-mails a link to an order to the order's address, for guests who lost its token.
    ///
    /// The response is the same for every number and address. The link is `FRONTEND_URL/orders/{number}#{token}`, with
    /// the token that the guest got when the order was placed. For an account's order, the link has no token and the
    /// customer signs in.
    #[oai(path = "/orders/lookup/", method = "post")]
    async fn lookup(&self, client: Client, body: JsonBody<LookupRequest>) -> Result<JsonResponse<LookupBody, 202>> {
        self.0.limits.check(Attempt::Mail, client.address(), body.email.as_str()).await?;
        self.0.shop.orders().lookup(body.into_inner().into()).await?;
        Ok(JsonResponse(LookupBody::new()))
    }

    /// Lists the caller's own orders, or all orders for staff; newest first.
    #[oai(path = "/orders/", method = "get")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn list(
        &self,
        user: User,
        status: Query<Optional<Choice<OrderStatus>>>,
        payment_status: Query<Optional<Choice<PaymentStatus>>>,
        fulfillment_status: Query<Optional<Choice<FulfillmentStatus>>>,
        /// The complete e-mail address of the order, case-insensitive.
        email: Query<Optional<String>>,
        /// The number of the order; case, spaces and hyphens are ignored.
        number: Query<Optional<String>>,
        /// Words that must all occur in the order's number, e-mail address, names or SKUs; or a complete order number.
        search: Query<Optional<String>>,
        placed_after: Query<Optional<DateTime<Utc>>>,
        placed_before: Query<Optional<DateTime<Utc>>>,
        /// For staff: only their own orders.
        mine: Query<Optional<bool>>,
        /// `placed_at` or `total`, with `-` for descending.
        paging: Paging,
    ) -> Result<JsonResponse<List<OrderBody>>> {
        let mut checks = Checks::new();
        let query = OrderQuery {
            status: checks.optional("status", status.0.into_field(), Ok),
            payment_status: checks.optional("payment_status", payment_status.0.into_field(), Ok),
            fulfillment_status: checks.optional("fulfillment_status", fulfillment_status.0.into_field(), Ok),
            email: checks.optional("email", email.0.into(), Ok),
            number: checks.optional("number", number.0.into(), Ok),
            search: checks.optional("search", search.0.into(), Ok),
            placed_after: checks.optional("placed_after", placed_after.0.into(), Ok),
            placed_before: checks.optional("placed_before", placed_before.0.into(), Ok),
            mine: checks.optional("mine", mine.0.into(), Ok).unwrap_or_default(),
        };
        checks.finish()?;
        let request = paging.request()?;
        let orders = self.0.shop.orders().list(&user, query, &request).await?;
        paging.answer(&request, orders, |view| OrderBody::new(view, user.is_staff()))
    }

    /// Gets an order by id or number, for its owner, staff, or the holder of a guest's `X-Order-Token`.
    #[oai(path = "/orders/:id/", method = "get")]
    async fn get(&self, caller: Caller, id: Path<String>) -> Result<VersionedResponse<OrderBody>> {
        let view = self.0.shop.orders().view(&caller, OrderKey::of(&id)).await?;
        let version = view.order.version;
        Ok(VersionedResponse::new(OrderBody::seen_by(view, &caller, &self.0.shop), version))
    }

    /// Gets the history of an order by id or number, oldest entry first.
    #[oai(path = "/orders/:id/history/", method = "get")]
    async fn history(&self, caller: Caller, id: Path<String>) -> Result<JsonResponse<Vec<HistoryBody>>> {
        let history = self.0.shop.orders().history(&caller, OrderKey::of(&id)).await?;
        Ok(JsonResponse(history.into_iter().map(HistoryBody::from).collect()))
    }

    /// Cancels up to 100 orders, each as `/orders/{id}/cancel/` does, and returns the outcome of each.
    ///
    /// An order that cannot be canceled does not affect the others. If an order has an open card payment, its gateway
    /// is asked first, and the order is `pending` until the gateway has answered.
    #[oai(path = "/orders/cancel/", method = "post", operation_id = "orders_cancel_many")]
    async fn cancel_many(
        &self,
        staff: Staff,
        idempotency_key: IdempotencyKey,
        body: JsonBody<CancelOrdersRequest>,
    ) -> Result<ReplayableResponse<JsonResponse<CancelOrdersBody>>> {
        let (request, key) = idempotency_key.of(body)?;
        let outcomes = self.0.shop.orders().cancel_many(&staff, request.into(), key.as_ref()).await?;
        Ok(outcomes.into())
    }

    /// Cancels an order: releases its stock, voids or refunds its payments.
    ///
    /// If a card payment is open, its gateway is asked first. The call waits up to 5 seconds for it and returns the
    /// order as it is then: still `placed` if the gateway has not answered.
    #[oai(path = "/orders/:id/cancel/", method = "post")]
    async fn cancel(
        &self,
        caller: Caller,
        id: Path<Uuid>,
        idempotency_key: IdempotencyKey,
        body: JsonBody<CancelRequest>,
    ) -> Result<ReplayableResponse<VersionedResponse<OrderBody>>> {
        let (_, key) = idempotency_key.of(body)?;
        let canceled = self.0.shop.orders().cancel(&caller, OrderId(id.0), key.as_ref()).await?;
        changed_order(&self.0.shop, &caller, canceled).await
    }

    /// Cancels items that cannot be delivered: releases their stock and refunds what was paid for them.
    ///
    /// Only unshipped items can be canceled. Their price is no longer due (`amount_canceled`); shipping still is. If
    /// nothing is left to ship, the order continues as if the remaining items were all of it. If no item is left, it is
    /// canceled.
    #[oai(path = "/orders/:id/cancel-items/", method = "post")]
    async fn cancel_items(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        idempotency_key: IdempotencyKey,
        body: JsonBody<CancelItemsRequest>,
    ) -> Result<ReplayableResponse<VersionedResponse<OrderBody>>> {
        let (request, key) = idempotency_key.of(body)?;
        let canceled = self.0.shop.orders().cancel_items(&staff, OrderId(id.0), request.into(), key.as_ref()).await?;
        changed_order(&self.0.shop, &staff, canceled).await
    }
}

/// The response with a changed order, once its gateway has answered or the wait timed out.
async fn changed_order(
    shop: &Shop,
    caller: &Actor,
    changed: Outcome<OrderView>,
) -> Result<ReplayableResponse<VersionedResponse<OrderBody>>> {
    let (view, replayed) = (settled_order(shop, changed.value).await?, changed.replayed);
    let version = view.order.version;
    Ok(ReplayableResponse::new(VersionedResponse::new(OrderBody::new(view, caller.is_staff()), version), replayed))
}

/// The response with a new order, as the caller who placed it sees it.
async fn placed_order(
    shop: &Shop,
    caller: &Actor,
    placed: Outcome<PlacedOrder>,
) -> Result<ReplayableResponse<VersionedResponse<OrderBody, 201>>> {
    let (PlacedOrder { view, access_token }, replayed) = (placed.value, placed.replayed);
    let view = settled_order(shop, view).await?;
    let version = view.order.version;
    let body = OrderBody::seen_by(view, caller, shop).with_token(access_token);
    Ok(ReplayableResponse::new(VersionedResponse::new(body, version), replayed))
}
