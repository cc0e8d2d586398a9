//! Tax rates, for staff.

mod bodies;

use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use shop_core::id::TaxRateId;
use shop_core::taxes::TaxRate;
use uuid::Uuid;

use super::Context;
use crate::auth::Staff;
use crate::field::JsonBody;
use crate::problem::Result;
use crate::response::{IfMatch, JsonResponse, List, NoContent, Paging, VersionedResponse};

use bodies::{TaxRateBody, TaxRateChange, TaxRateRequest};

/// Tax rates.
pub(in crate::api) struct TaxRates(pub(in crate::api) Context);

#[OpenApi]
impl TaxRates {
    /// Lists the tax rates, newest first.
    #[oai(path = "/catalog/tax-rates/", method = "get")]
    async fn tax_rates(
        &self,
        staff: Staff,
        /// `created_at`, with `-` for descending.
        paging: Paging,
    ) -> Result<JsonResponse<List<TaxRateBody>>> {
        let request = paging.request()?;
        let rates = self.0.shop.catalog().tax_rates(&staff, &request).await?;
        paging.answer(&request, rates, TaxRateBody::from)
    }

    /// Adds a tax rate. A tax class has at most one rate per country or region.
    #[oai(path = "/catalog/tax-rates/", method = "post")]
    async fn create_tax_rate(
        &self,
        staff: Staff,
        body: JsonBody<TaxRateRequest>,
    ) -> Result<VersionedResponse<TaxRateBody, 201>> {
        Ok(tax_rate(self.0.shop.catalog().create_tax_rate(&staff, body.into_inner().into()).await?))
    }

    /// Gets a tax rate.
    #[oai(path = "/catalog/tax-rates/:id/", method = "get")]
    async fn tax_rate(&self, staff: Staff, id: Path<Uuid>) -> Result<VersionedResponse<TaxRateBody>> {
        Ok(tax_rate(self.0.shop.catalog().tax_rate(&staff, TaxRateId(id.0)).await?))
    }

    /// Replaces a tax rate.
    #[oai(path = "/catalog/tax-rates/:id/", method = "put")]
    async fn replace_tax_rate(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        if_match: IfMatch,
        body: JsonBody<TaxRateRequest>,
    ) -> Result<VersionedResponse<TaxRateBody>> {
        let (catalog, input) = (self.0.shop.catalog(), body.into_inner().into());
        Ok(tax_rate(catalog.replace_tax_rate(&staff, TaxRateId(id.0), input, if_match.expected()).await?))
    }

    /// Changes some fields of a tax rate.
    #[oai(path = "/catalog/tax-rates/:id/", method = "patch")]
    async fn update_tax_rate(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        if_match: IfMatch,
        body: JsonBody<TaxRateChange>,
    ) -> Result<VersionedResponse<TaxRateBody>> {
        let (catalog, input) = (self.0.shop.catalog(), body.into_inner().into());
        Ok(tax_rate(catalog.change_tax_rate(&staff, TaxRateId(id.0), input, if_match.expected()).await?))
    }

    /// Deletes a tax rate; orders keep their taxes.
    #[oai(path = "/catalog/tax-rates/:id/", method = "delete")]
    async fn delete_tax_rate(&self, staff: Staff, id: Path<Uuid>, if_match: IfMatch) -> Result<NoContent> {
        self.0.shop.catalog().delete_tax_rate(&staff, TaxRateId(id.0), if_match.expected()).await?;
        Ok(NoContent)
    }
}

fn tax_rate<const STATUS: u16>(rate: TaxRate) -> VersionedResponse<TaxRateBody, STATUS> {
    let version = rate.version;
    VersionedResponse::new(rate.into(), version)
}
