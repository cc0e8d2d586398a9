//! Shipments and their tracking.

use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use shop_core::field::Checks;
use shop_core::id::ShipmentId;
use shop_core::shipping::{ShipmentFilter, ShipmentStatus};
use uuid::Uuid;

use super::bodies::{ShipmentBody, ShipmentChangeRequest, ShipmentRequest, TrackingBody, TrackingRequest};
use crate::api::Context;
use crate::auth::{Caller, Staff};
use crate::field::{Choice, JsonBody, Optional};
use crate::problem::Result;
use crate::response::{Created, IdempotencyKey, JsonResponse, List, Paging, ReplayableResponse};

/// Shipments and their tracking.
pub(in crate::api) struct Shipments(pub(in crate::api) Context);

#[OpenApi]
impl Shipments {
    /// Lists all shipments, newest first.
    #[oai(path = "/shipping/shipments/", method = "get")]
    async fn list(
        &self,
        staff: Staff,
        order_id: Query<Optional<Uuid>>,
        status: Query<Optional<Choice<ShipmentStatus>>>,
        /// `created_at`, with `-` for descending.
        paging: Paging,
    ) -> Result<JsonResponse<List<ShipmentBody>>> {
        let mut checks = Checks::new();
        let filter = ShipmentFilter {
            order_id: checks.optional("order_id", order_id.0.into_field(), Ok),
            status: checks.optional("status", status.0.into_field(), Ok),
        };
        checks.finish()?;
        let request = paging.request()?;
        let shipments = self.0.shop.shipping().shipments(&staff, &filter, &request).await?;
        paging.answer(&request, shipments, ShipmentBody::from)
    }

    /// Creates a shipment of an order, with the given items or with all that are left.
    #[oai(path = "/shipping/shipments/", method = "post")]
    async fn create(
        &self,
        staff: Staff,
        idempotency_key: IdempotencyKey,
        body: JsonBody<ShipmentRequest>,
    ) -> Result<ReplayableResponse<Created<ShipmentBody>>> {
        let (request, key) = idempotency_key.of(body)?;
        let shipment = self.0.shop.shipping().create_shipment(&staff, request.into(), key.as_ref()).await?;
        Ok(shipment.into())
    }

    /// Gets a shipment.
    #[oai(path = "/shipping/shipments/:id/", method = "get")]
    async fn get(&self, staff: Staff, id: Path<Uuid>) -> Result<JsonResponse<ShipmentBody>> {
        Ok(JsonResponse(self.0.shop.shipping().shipment(&staff, ShipmentId(id.0)).await?.into()))
    }

    /// Changes the carrier or the tracking number of a shipment.
    #[oai(path = "/shipping/shipments/:id/", method = "patch")]
    async fn update(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        body: JsonBody<ShipmentChangeRequest>,
    ) -> Result<JsonResponse<ShipmentBody>> {
        let shipping = self.0.shop.shipping();
        Ok(JsonResponse(shipping.change_shipment(&staff, ShipmentId(id.0), body.into_inner().into()).await?.into()))
    }

    /// Adds a tracking event to a shipment: it left, is in transit, arrived, or was canceled.
    #[oai(path = "/shipping/shipments/:id/events/", method = "post")]
    async fn track(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        idempotency_key: IdempotencyKey,
        body: JsonBody<TrackingRequest>,
    ) -> Result<ReplayableResponse<Created<ShipmentBody>>> {
        let (request, key) = idempotency_key.of(body)?;
        let shipping = self.0.shop.shipping();
        let shipment = shipping.track_shipment(&staff, ShipmentId(id.0), request.into(), key.as_ref()).await?;
        Ok(shipment.into())
    }

    /// Tracks shipments by tracking number; shows no name and no address.
    ///
    /// Spaces and case of the number are ignored. If several shipments have the number, `results` lists all of them.
    #[oai(path = "/shipping/track/:tracking_number/", method = "get")]
    async fn tracking(&self, _caller: Caller, tracking_number: Path<String>) -> Result<JsonResponse<TrackingBody>> {
        Ok(JsonResponse(self.0.shop.shipping().tracking(&tracking_number.0).await?.into()))
    }
}
