//! Shipping zones and methods.

use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use shop_core::field::Checks;
use shop_core::id::{MethodId, ZoneId};
use uuid::Uuid;

use super::bodies::{MethodBody, MethodChange, MethodRequest, ZoneBody, ZoneChange, ZoneRequest};
use crate::api::Context;
use crate::auth::{Caller, Staff};
use crate::field::{JsonBody, Optional};
use crate::problem::Result;
use crate::response::{Created, JsonResponse, List, NoContent, Paging};

/// Shipping zones and methods.
pub(in crate::api) struct ShippingRates(pub(in crate::api) Context);

#[OpenApi]
impl ShippingRates {
    /// Lists all zones, newest first.
    #[oai(path = "/shipping/zones/", method = "get")]
    async fn zones(
        &self,
        staff: Staff,
        /// `created_at`, with `-` for descending.
        paging: Paging,
    ) -> Result<JsonResponse<List<ZoneBody>>> {
        let request = paging.request()?;
        let zones = self.0.shop.shipping().zones(&staff, &request).await?;
        paging.answer(&request, zones, ZoneBody::from)
    }

    /// Adds a zone.
    #[oai(path = "/shipping/zones/", method = "post")]
    async fn create_zone(&self, staff: Staff, body: JsonBody<ZoneRequest>) -> Result<Created<ZoneBody>> {
        Ok(JsonResponse(self.0.shop.shipping().create_zone(&staff, body.into_inner().into()).await?.into()))
    }

    /// Gets a zone.
    #[oai(path = "/shipping/zones/:id/", method = "get")]
    async fn zone(&self, staff: Staff, id: Path<Uuid>) -> Result<JsonResponse<ZoneBody>> {
        Ok(JsonResponse(self.0.shop.shipping().zone(&staff, ZoneId(id.0)).await?.into()))
    }

    /// Replaces a zone.
    #[oai(path = "/shipping/zones/:id/", method = "put")]
    async fn replace_zone(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        body: JsonBody<ZoneRequest>,
    ) -> Result<JsonResponse<ZoneBody>> {
        let shipping = self.0.shop.shipping();
        Ok(JsonResponse(shipping.replace_zone(&staff, ZoneId(id.0), body.into_inner().into()).await?.into()))
    }

    /// Changes some fields of a zone.
    #[oai(path = "/shipping/zones/:id/", method = "patch")]
    async fn update_zone(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        body: JsonBody<ZoneChange>,
    ) -> Result<JsonResponse<ZoneBody>> {
        let shipping = self.0.shop.shipping();
        Ok(JsonResponse(shipping.change_zone(&staff, ZoneId(id.0), body.into_inner().into()).await?.into()))
    }

    /// Deletes a zone that no method uses.
    #[oai(path = "/shipping/zones/:id/", method = "delete")]
    async fn delete_zone(&self, staff: Staff, id: Path<Uuid>) -> Result<NoContent> {
        self.0.shop.shipping().delete_zone(&staff, ZoneId(id.0)).await?;
        Ok(NoContent)
    }

    /// Lists the shipping methods, newest first; inactive ones only for staff.
    #[oai(path = "/shipping/methods/", method = "get")]
    async fn methods(
        &self,
        caller: Caller,
        /// Only methods that serve this country (ISO 3166-1 alpha-2).
        country: Query<Optional<String>>,
        /// `created_at`, with `-` for descending.
        paging: Paging,
    ) -> Result<JsonResponse<List<MethodBody>>> {
        let mut checks = Checks::new();
        let country = checks.optional("country", country.0.into(), Ok::<String, String>);
        checks.finish()?;
        let request = paging.request()?;
        let methods = self.0.shop.shipping().methods(&caller, country.as_deref(), &request).await?;
        paging.answer(&request, methods, MethodBody::from)
    }

    /// Adds a method, priced in the shop's currency.
    #[oai(path = "/shipping/methods/", method = "post")]
    async fn create_method(&self, staff: Staff, body: JsonBody<MethodRequest>) -> Result<Created<MethodBody>> {
        Ok(JsonResponse(self.0.shop.shipping().create_method(&staff, body.into_inner().into()).await?.into()))
    }

    /// Gets a shipping method; an inactive one only for staff.
    #[oai(path = "/shipping/methods/:id/", method = "get")]
    async fn method(&self, caller: Caller, id: Path<Uuid>) -> Result<JsonResponse<MethodBody>> {
        Ok(JsonResponse(self.0.shop.shipping().method(&caller, MethodId(id.0)).await?.into()))
    }

    /// Replaces a method.
    #[oai(path = "/shipping/methods/:id/", method = "put")]
    async fn replace_method(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        body: JsonBody<MethodRequest>,
    ) -> Result<JsonResponse<MethodBody>> {
        let shipping = self.0.shop.shipping();
        Ok(JsonResponse(shipping.replace_method(&staff, MethodId(id.0), body.into_inner().into()).await?.into()))
    }

    /// Changes some fields of a method.
    #[oai(path = "/shipping/methods/:id/", method = "patch")]
    async fn update_method(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        body: JsonBody<MethodChange>,
    ) -> Result<JsonResponse<MethodBody>> {
        let shipping = self.0.shop.shipping();
        Ok(JsonResponse(shipping.change_method(&staff, MethodId(id.0), body.into_inner().into()).await?.into()))
    }

    /// Deletes a method; orders keep its name and price.
    #[oai(path = "/shipping/methods/:id/", method = "delete")]
    async fn delete_method(&self, staff: Staff, id: Path<Uuid>) -> Result<NoContent> {
        self.0.shop.shipping().delete_method(&staff, MethodId(id.0)).await?;
        Ok(NoContent)
    }
}
