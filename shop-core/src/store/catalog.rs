//! Reads of the catalog.

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::id::{CategoryId, ProductId, VariantId};
use crate::model::catalog::{Category, CategorySort, CategoryTree, PricePeriod, Product, ProductFilter, ProductSort};
use crate::page::{Page, PageRequest};
use crate::store::StoreResult;

/// Reads of the catalog.
///
/// # Contract
/// Every read sees everything that was committed before it began. A product always includes all its variants, in their
/// order. Reads by several keys return each row once, in no particular order, and omit what does not exist.
#[async_trait]
pub trait CatalogRepository: Send + Sync {
    /// The product with this id.
    async fn product(&self, id: ProductId) -> StoreResult<Option<Product>>;
    /// The product with this slug.
    async fn product_by_slug(&self, slug: &str) -> StoreResult<Option<Product>>;
    /// The products with these ids.
    async fn products(&self, ids: &[ProductId]) -> StoreResult<Vec<Product>>;
    /// The products that have one of these variants, each once.
    async fn products_of_variants(&self, ids: &[VariantId]) -> StoreResult<Vec<Product>>;
    /// The product that has a variant with this SKU, archived or not.
    async fn product_by_sku(&self, sku: &str) -> StoreResult<Option<Product>>;
    /// The products that have a variant with one of these SKUs, archived or not, each once.
    async fn products_by_skus(&self, skus: &[String]) -> StoreResult<Vec<Product>>;
    /// The first two products with exactly this name: those not archived first, then by id.
    async fn products_by_name(&self, name: &str) -> StoreResult<Vec<Product>>;
    /// A page of the products that match a filter.
    async fn list_products(
        &self,
        filter: &ProductFilter,
        page: &PageRequest<ProductSort>,
    ) -> StoreResult<Page<Product>>;
    /// The price periods of these variants: those that have not ended, and those that ended after `ended_after`.
    async fn price_history(
        &self,
        variants: &[VariantId],
        ended_after: Option<Timestamp>,
    ) -> StoreResult<Vec<PricePeriod>>;
    /// The category with this id.
    async fn category(&self, id: CategoryId) -> StoreResult<Option<Category>>;
    /// The category with this slug.
    async fn category_by_slug(&self, slug: &str) -> StoreResult<Option<Category>>;
    /// The whole tree and its version, from one snapshot.
    async fn category_tree(&self) -> StoreResult<CategoryTree>;
    /// A page of all categories.
    async fn list_categories(&self, page: &PageRequest<CategorySort>) -> StoreResult<Page<Category>>;
}
