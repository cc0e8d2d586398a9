//! Promotions, for staff.

mod bodies;

use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use shop_core::id::PromotionId;
use shop_core::promotions::CountedPromotion;
use uuid::Uuid;

use super::Context;
use crate::auth::Staff;
use crate::field::{JsonBody, Optional};
use crate::problem::Result;
use crate::response::{IfMatch, JsonResponse, List, NoContent, Paging, VersionedResponse};

use bodies::{PromotionBody, PromotionChange, PromotionRequest};

/// Promotions.
pub(in crate::api) struct Promotions(pub(in crate::api) Context);

#[OpenApi]
impl Promotions {
    /// Lists the promotions, newest first.
    #[oai(path = "/catalog/promotions/", method = "get")]
    async fn promotions(
        &self,
        staff: Staff,
        /// Only the promotion with this code, case-insensitive.
        code: Query<Optional<String>>,
        /// True for active promotions only, false for inactive ones only.
        active: Query<Optional<bool>>,
        /// `created_at`, with `-` for descending.
        paging: Paging,
    ) -> Result<JsonResponse<List<PromotionBody>>> {
        let request = paging.request()?;
        let catalog = self.0.shop.catalog();
        let promotions = catalog.promotions(&staff, code.0.into(), active.0.into(), &request).await?;
        paging.answer(&request, promotions, PromotionBody::from)
    }

    /// Adds a promotion: a coupon or, without a code, a promotion that applies automatically.
    #[oai(path = "/catalog/promotions/", method = "post")]
    async fn create_promotion(
        &self,
        staff: Staff,
        body: JsonBody<PromotionRequest>,
    ) -> Result<VersionedResponse<PromotionBody, 201>> {
        Ok(promotion(self.0.shop.catalog().create_promotion(&staff, body.into_inner().into()).await?))
    }

    /// Gets a promotion.
    #[oai(path = "/catalog/promotions/:id/", method = "get")]
    async fn promotion(&self, staff: Staff, id: Path<Uuid>) -> Result<VersionedResponse<PromotionBody>> {
        Ok(promotion(self.0.shop.catalog().promotion(&staff, PromotionId(id.0)).await?))
    }

    /// Replaces a promotion; its number of uses is kept.
    #[oai(path = "/catalog/promotions/:id/", method = "put")]
    async fn replace_promotion(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        if_match: IfMatch,
        body: JsonBody<PromotionRequest>,
    ) -> Result<VersionedResponse<PromotionBody>> {
        let (catalog, input) = (self.0.shop.catalog(), body.into_inner().into());
        Ok(promotion(catalog.replace_promotion(&staff, PromotionId(id.0), input, if_match.expected()).await?))
    }

    /// Changes some fields of a promotion.
    #[oai(path = "/catalog/promotions/:id/", method = "patch")]
    async fn update_promotion(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        if_match: IfMatch,
        body: JsonBody<PromotionChange>,
    ) -> Result<VersionedResponse<PromotionBody>> {
        let (catalog, input) = (self.0.shop.catalog(), body.into_inner().into());
        Ok(promotion(catalog.change_promotion(&staff, PromotionId(id.0), input, if_match.expected()).await?))
    }

    /// Deletes a promotion; orders keep their discount.
    #[oai(path = "/catalog/promotions/:id/", method = "delete")]
    async fn delete_promotion(&self, staff: Staff, id: Path<Uuid>, if_match: IfMatch) -> Result<NoContent> {
        self.0.shop.catalog().delete_promotion(&staff, PromotionId(id.0), if_match.expected()).await?;
        Ok(NoContent)
    }
}

fn promotion<const STATUS: u16>(counted: CountedPromotion) -> VersionedResponse<PromotionBody, STATUS> {
    let version = counted.promotion.version;
    VersionedResponse::new(counted.into(), version)
}
