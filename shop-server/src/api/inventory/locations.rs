//! Locations that hold stock.

use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use shop_core::id::LocationId;
use uuid::Uuid;

use super::bodies::{LocationBody, LocationPatch, LocationRequest};
use crate::api::Context;
use crate::auth::Staff;
use crate::field::JsonBody;
use crate::problem::Result;
use crate::response::{Created, JsonResponse, List, NoContent, Paging};

/// Locations that hold stock.
pub(in crate::api) struct Locations(pub(in crate::api) Context);

#[OpenApi]
impl Locations {
    /// Lists the locations.
    #[oai(path = "/inventory/locations/", method = "get")]
    async fn list(
        &self,
        staff: Staff,
        /// `created_at`, with `-` for descending (the newest first).
        paging: Paging,
    ) -> Result<JsonResponse<List<LocationBody>>> {
        let request = paging.request()?;
        let locations = self.0.shop.inventory().list_locations(&staff, &request).await?;
        paging.answer(&request, locations, LocationBody::from)
    }

    /// Creates a location.
    #[oai(path = "/inventory/locations/", method = "post")]
    async fn create(&self, staff: Staff, body: JsonBody<LocationRequest>) -> Result<Created<LocationBody>> {
        let location = self.0.shop.inventory().create_location(&staff, body.into_inner().into()).await?;
        Ok(JsonResponse(location.into()))
    }

    /// Gets a location.
    #[oai(path = "/inventory/locations/:id/", method = "get")]
    async fn get(&self, staff: Staff, id: Path<Uuid>) -> Result<JsonResponse<LocationBody>> {
        Ok(JsonResponse(self.0.shop.inventory().location(&staff, LocationId(id.0)).await?.into()))
    }

    /// Replaces a location.
    #[oai(path = "/inventory/locations/:id/", method = "put")]
    async fn replace(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        body: JsonBody<LocationRequest>,
    ) -> Result<JsonResponse<LocationBody>> {
        let (inventory, input) = (self.0.shop.inventory(), body.into_inner().into());
        Ok(JsonResponse(inventory.change_location(&staff, LocationId(id.0), input, true).await?.into()))
    }

    /// Changes a location.
    #[oai(path = "/inventory/locations/:id/", method = "patch")]
    async fn update(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        body: JsonBody<LocationPatch>,
    ) -> Result<JsonResponse<LocationBody>> {
        let (inventory, input) = (self.0.shop.inventory(), body.into_inner().into());
        Ok(JsonResponse(inventory.change_location(&staff, LocationId(id.0), input, false).await?.into()))
    }

    /// Deletes a location that holds no stock.
    #[oai(path = "/inventory/locations/:id/", method = "delete")]
    async fn delete(&self, staff: Staff, id: Path<Uuid>) -> Result<NoContent> {
        self.0.shop.inventory().delete_location(&staff, LocationId(id.0)).await?;
        Ok(NoContent)
    }
}
