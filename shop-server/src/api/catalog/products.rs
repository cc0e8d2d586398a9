//! Products.

use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use shop_core::catalog::{ProductQuery, ProductStatus, ProductView};
use shop_core::id::ProductId;
use uuid::Uuid;

use super::bodies::{ProductBody, ProductPatch, ProductRequest, product_input};
use crate::api::Context;
use crate::auth::{Caller, Staff};
use crate::field::{Choice, JsonBody, Money, Optional};
use crate::problem::Result;
use crate::response::{IfMatch, JsonResponse, List, NoContent, Paging, RequestUrl, VersionedResponse};

/// Products.
pub(in crate::api) struct Products(pub(in crate::api) Context);

#[OpenApi]
impl Products {
    /// Lists the products. Customers see active products, staff see all.
    #[oai(path = "/catalog/products/", method = "get")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn list(
        &self,
        caller: Caller,
        /// Word prefixes that must all occur in the name, SKU or description.
        search: Query<Optional<String>>,
        /// Id or slug of a category; includes its subcategories.
        category: Query<Optional<String>>,
        /// Only for staff.
        status: Query<Optional<Choice<ProductStatus>>>,
        min_price: Query<Optional<Money>>,
        max_price: Query<Optional<Money>>,
        /// Whether at least one variant can be sold now.
        in_stock: Query<Optional<bool>>,
        /// `name`, `price`, `created_at` or `relevance`, with `-` for descending. Defaults to relevance for a search,
        /// otherwise to newest first.
        paging: Paging,
    ) -> Result<JsonResponse<List<ProductBody>>> {
        let query = ProductQuery {
            search: search.0.into(),
            category: category.0.into(),
            status: status.0.into_field(),
            min_price: min_price.0.into_field(),
            max_price: max_price.0.into_field(),
            in_stock: in_stock.0.into(),
        };
        let request = paging.ordered_by(query.ordering(paging.ordering()))?;
        let products = self.0.shop.catalog().list_products(&caller, query, &request).await?;
        paging.answer(&request, products, |view| ProductBody::new(view, paging.url()))
    }

    /// Creates a product.
    #[oai(path = "/catalog/products/", method = "post")]
    async fn create(
        &self,
        staff: Staff,
        url: RequestUrl,
        body: JsonBody<ProductRequest>,
    ) -> Result<VersionedResponse<ProductBody, 201>> {
        let input = product_input(body.into_inner(), &url);
        let view = self.0.shop.catalog().create_product(&staff, input).await?;
        Ok(answer(view, &url))
    }

    /// Gets a product by id or slug.
    #[oai(path = "/catalog/products/:id/", method = "get")]
    async fn get(&self, caller: Caller, id: Path<String>, url: RequestUrl) -> Result<VersionedResponse<ProductBody>> {
        Ok(answer(self.0.shop.catalog().product(&caller, &id).await?, &url))
    }

    /// Replaces a product; its stock does not change.
    #[oai(path = "/catalog/products/:id/", method = "put")]
    async fn replace(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        if_match: IfMatch,
        url: RequestUrl,
        body: JsonBody<ProductRequest>,
    ) -> Result<VersionedResponse<ProductBody>> {
        let (catalog, input) = (self.0.shop.catalog(), product_input(body.into_inner(), &url));
        let view = catalog.replace_product(&staff, ProductId(id.0), input, if_match.expected()).await?;
        Ok(answer(view, &url))
    }

    /// Changes a product; its stock does not change.
    #[oai(path = "/catalog/products/:id/", method = "patch")]
    async fn update(
        &self,
        staff: Staff,
        id: Path<Uuid>,
        if_match: IfMatch,
        url: RequestUrl,
        body: JsonBody<ProductPatch>,
    ) -> Result<VersionedResponse<ProductBody>> {
        let (catalog, input) = (self.0.shop.catalog(), product_input(body.into_inner(), &url));
        let view = catalog.update_product(&staff, ProductId(id.0), input, if_match.expected()).await?;
        Ok(answer(view, &url))
    }

    /// Takes a product out of the catalog; its orders, stock movements and SKUs stay.
    #[oai(path = "/catalog/products/:id/", method = "delete")]
    async fn delete(&self, staff: Staff, id: Path<Uuid>, if_match: IfMatch) -> Result<NoContent> {
        self.0.shop.catalog().delete_product(&staff, ProductId(id.0), if_match.expected()).await?;
        Ok(NoContent)
    }
}

fn answer<const STATUS: u16>(view: ProductView, url: &RequestUrl) -> VersionedResponse<ProductBody, STATUS> {
    let version = view.product.version;
    VersionedResponse::new(ProductBody::new(view, url), version)
}
