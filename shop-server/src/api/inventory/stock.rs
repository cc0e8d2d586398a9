//! Stock levels.

use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use shop_core::field::Checks;
use shop_core::id::{LocationId, ProductId, VariantId};
use shop_core::inventory::StockFilter;
use uuid::Uuid;

use super::bodies::{LevelBody, StockBody, StockPatch};
use crate::api::Context;
use crate::auth::Staff;
use crate::field::{JsonBody, Optional};
use crate::problem::Result;
use crate::response::{JsonResponse, List, Paging};

/// Stock levels.
pub(in crate::api) struct Stock(pub(in crate::api) Context);

#[OpenApi]
impl Stock {
    /// Lists the stock levels, one per variant and location.
    #[oai(path = "/inventory/stock/", method = "get")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn list(
        &self,
        staff: Staff,
        sku: Query<Optional<String>>,
        variant_id: Query<Optional<Uuid>>,
        product_id: Query<Optional<Uuid>>,
        location_id: Query<Optional<Uuid>>,
        /// Only tracked stock that is low.
        low: Query<Optional<bool>>,
        /// `sku`, with `-` for descending.
        paging: Paging,
    ) -> Result<JsonResponse<List<LevelBody>>> {
        let mut checks = Checks::new();
        let filter = StockFilter {
            sku: sku.as_str().map(str::to_owned),
            variant_id: checks.optional("variant_id", variant_id.0.0, Ok).map(VariantId),
            product_id: checks.optional("product_id", product_id.0.0, Ok).map(ProductId),
            location_id: checks.optional("location_id", location_id.0.0, Ok).map(LocationId),
            low: checks.optional("low", low.0.0, Ok).unwrap_or_default(),
        };
        checks.finish()?;
        let request = paging.request()?;
        let levels = self.0.shop.inventory().list_stock(&staff, &filter, &request).await?;
        paging.answer(&request, levels, LevelBody::from)
    }

    /// Gets the stock of a variant: the totals over all locations, or the stock at one location.
    #[oai(path = "/inventory/stock/:variant_id/", method = "get")]
    async fn get(
        &self,
        staff: Staff,
        variant_id: Path<Uuid>,
        location_id: Query<Optional<Uuid>>,
    ) -> Result<JsonResponse<StockBody>> {
        let mut checks = Checks::new();
        let location = checks.optional("location_id", location_id.0.0, Ok).map(LocationId);
        checks.finish()?;
        Ok(JsonResponse(self.0.shop.inventory().stock(&staff, VariantId(variant_id.0), location).await?.into()))
    }

    /// Changes the stock settings of a variant, at one location or at all locations.
    #[oai(path = "/inventory/stock/:variant_id/", method = "patch")]
    async fn update(
        &self,
        staff: Staff,
        variant_id: Path<Uuid>,
        body: JsonBody<StockPatch>,
    ) -> Result<JsonResponse<StockBody>> {
        let (inventory, input) = (self.0.shop.inventory(), body.into_inner().into());
        Ok(JsonResponse(inventory.change_stock(&staff, VariantId(variant_id.0), input).await?.into()))
    }
}
