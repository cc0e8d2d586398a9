//! The category tree.

use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use shop_core::catalog::Category;
use shop_core::id::CategoryId;
use uuid::Uuid;

use super::bodies::{CategoryBody, CategoryPatch, CategoryRequest};
use crate::api::Context;
use crate::auth::{Caller, Staff};
use crate::field::JsonBody;
use crate::problem::Result;
use crate::response::{IfMatch, JsonResponse, List, NoContent, Paging, VersionedResponse};

/// The category tree.
pub(in crate::api) struct Categories(pub(in crate::api) Context);

#[OpenApi]
impl Categories {
    /// Lists the categories.
    #[oai(path = "/catalog/categories/", method = "get")]
    async fn list(
        &self,
        caller: Caller,
        /// `position` or `name`, with `-` for descending.
        paging: Paging,
    ) -> Result<JsonResponse<List<CategoryBody>>> {
        let request = paging.request()?;
        let categories = self.0.shop.catalog().list_categories(&caller, &request).await?;
        paging.answer(&request, categories, CategoryBody::from)
    }

    /// Creates a category.
    #[oai(path = "/catalog/categories/", method = "post")]
    async fn create(
        &self,
        staff: Staff,
        body: JsonBody<CategoryRequest>,
    ) -> Result<VersionedResponse<CategoryBody, 201>> {
        Ok(answer(self.0.shop.catalog().create_category(&staff, body.into_inner().into()).await?))
    }

    /// Gets a category by id or slug.
    #[oai(path = "/catalog/categories/:id/", method = "get")]
    async fn get(&self, caller: Caller, id: Path<String>) -> Result<VersionedResponse<CategoryBody>> {
        Ok(answer(self.0.shop.catalog().category(&caller, &id).await?))
    }

    /// Replaces a category.
    #[oai(path = "/catalog/categories/:id/", method = "put")]
    async fn replace(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        if_match: IfMatch,
        body: JsonBody<CategoryRequest>,
    ) -> Result<VersionedResponse<CategoryBody>> {
        let (catalog, input) = (self.0.shop.catalog(), body.into_inner().into());
        Ok(answer(catalog.replace_category(&staff, CategoryId(id.0), input, if_match.expected()).await?))
    }

    /// Changes a category.
    #[oai(path = "/catalog/categories/:id/", method = "patch")]
    async fn update(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        if_match: IfMatch,
        body: JsonBody<CategoryPatch>,
    ) -> Result<VersionedResponse<CategoryBody>> {
        let (catalog, input) = (self.0.shop.catalog(), body.into_inner().into());
        Ok(answer(catalog.update_category(&staff, CategoryId(id.0), input, if_match.expected()).await?))
    }

    /// Deletes a category. Its children move to its parent; its products no longer have a category.
    #[oai(path = "/catalog/categories/:id/", method = "delete")]
    async fn delete(&self, staff: Staff, id: Path<Uuid>, if_match: IfMatch) -> Result<NoContent> {
        self.0.shop.catalog().delete_category(&staff, CategoryId(id.0), if_match.expected()).await?;
        Ok(NoContent)
    }
}

fn answer<const STATUS: u16>(category: Category) -> VersionedResponse<CategoryBody, STATUS> {
    let version = category.version;
    VersionedResponse::new(category.into(), version)
}
