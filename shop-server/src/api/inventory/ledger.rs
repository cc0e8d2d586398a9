//! Stock adjustments and transfers, and the ledger of all stock movements.

use poem_openapi::OpenApi;
use poem_openapi::param::Query;
use shop_core::field::Checks;
use shop_core::id::{LocationId, OrderId, VariantId};
use shop_core::inventory::{MovementFilter, ReservationFilter, ReservationQuery};
use uuid::Uuid;

use super::bodies::{AdjustmentRequest, MovementBody, ReservationBody, TransferBody, TransferRequest};
use crate::api::Context;
use crate::auth::Staff;
use crate::field::{JsonBody, Optional};
use crate::problem::Result;
use crate::response::{Created, IdempotencyKey, JsonResponse, List, Paging, ReplayableResponse};

/// Stock adjustments and transfers, and the ledger of all stock movements.
pub(in crate::api) struct Ledger(pub(in crate::api) Context);

#[OpenApi]
impl Ledger {
    /// Adjusts the stock of a variant at a location.
    #[oai(path = "/inventory/adjustments/", method = "post")]
    async fn adjust(
        &self,
        staff: Staff,
        idempotency_key: IdempotencyKey,
        body: JsonBody<AdjustmentRequest>,
    ) -> Result<ReplayableResponse<Created<MovementBody>>> {
        let (request, key) = idempotency_key.of(body)?;
        let done = self.0.shop.inventory().adjust(&staff, request.into(), key.as_ref()).await?;
        Ok(done.into())
    }

    /// Moves unreserved stock to another location.
    #[oai(path = "/inventory/transfers/", method = "post")]
    async fn transfer(
        &self,
        staff: Staff,
        idempotency_key: IdempotencyKey,
        body: JsonBody<TransferRequest>,
    ) -> Result<ReplayableResponse<Created<TransferBody>>> {
        let (request, key) = idempotency_key.of(body)?;
        let done = self.0.shop.inventory().transfer(&staff, request.into(), key.as_ref()).await?;
        Ok(done.into())
    }

    /// Lists the ledger: every stock movement, newest first.
    #[oai(path = "/inventory/movements/", method = "get")]
    async fn movements(
        &self,
        staff: Staff,
        sku: Query<Optional<String>>,
        variant_id: Query<Optional<Uuid>>,
        location_id: Query<Optional<Uuid>>,
        order_id: Query<Optional<Uuid>>,
        /// `created_at`, with `-` for descending.
        paging: Paging,
    ) -> Result<JsonResponse<List<MovementBody>>> {
        let mut checks = Checks::new();
        let filter = MovementFilter {
            sku: sku.as_str().map(str::to_owned),
            variant_id: checks.optional("variant_id", variant_id.0.0, Ok).map(VariantId),
            location_id: checks.optional("location_id", location_id.0.0, Ok).map(LocationId),
            order_id: checks.optional("order_id", order_id.0.0, Ok).map(OrderId),
        };
        checks.finish()?;
        let request = paging.request()?;
        let movements = self.0.shop.inventory().list_movements(&staff, &filter, &request).await?;
        paging.answer(&request, movements, MovementBody::from)
    }

    /// Lists current and past reservations with their orders, newest first.
    #[oai(path = "/inventory/reservations/", method = "get")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn reservations(
        &self,
        staff: Staff,
        /// Only reservations of the variant that has this SKU now.
        sku: Query<Optional<String>>,
        variant_id: Query<Optional<Uuid>>,
        location_id: Query<Optional<Uuid>>,
        order_id: Query<Optional<Uuid>>,
        /// True for reservations that still hold stock, false for those that ended.
        live: Query<Optional<bool>>,
        /// `created_at`, with `-` for descending.
        paging: Paging,
    ) -> Result<JsonResponse<List<ReservationBody>>> {
        let mut checks = Checks::new();
        let filter = ReservationFilter {
            variant_id: checks.optional("variant_id", variant_id.0.0, Ok).map(VariantId),
            location_id: checks.optional("location_id", location_id.0.0, Ok).map(LocationId),
            order_id: checks.optional("order_id", order_id.0.0, Ok).map(OrderId),
            live: checks.optional("live", live.0.0, Ok),
        };
        checks.finish()?;
        let query = ReservationQuery { sku: sku.as_str().map(str::to_owned), filter };
        let request = paging.request()?;
        let reservations = self.0.shop.inventory().list_reservations(&staff, &query, &request).await?;
        paging.answer(&request, reservations, ReservationBody::from)
    }
}
