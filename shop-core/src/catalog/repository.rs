//! What the catalog reads and writes.

use async_trait::async_trait;

use super::model::{Category, CategorySort, CategoryTree, Product, ProductFilter, ProductSort};
use super::price_history::PricePeriod;
use super::promotions::{CountedPromotion, Promotion, PromotionFilter, PromotionSort, UsesDelta};
use super::rules::{PriceRules, RulesQuery};
use super::tax::TaxRate;
use crate::batch::Change;
use crate::clock::Timestamp;
use crate::id::{CategoryId, ProductId, PromotionId, TaxRateId, VariantId};
use crate::page::{Page, PageRequest};
use crate::store::StoreResult;

/// Reads of the catalog.
///
/// # Contract
/// Every read sees all that was committed before it began. A product always comes with all its variants, in
/// their order. Lists by several ids answer in no particular order, each row once, and leave out what is absent.
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
    /// The product that has a variant with this sku, archived or not.
    async fn product_by_sku(&self, sku: &str) -> StoreResult<Option<Product>>;
    /// The products that have a variant with one of these skus, archived or not, each once.
    async fn products_by_skus(&self, skus: &[String]) -> StoreResult<Vec<Product>>;
    /// The first two products with exactly this name: those that are not archived first, then by id.
    async fn products_by_name(&self, name: &str) -> StoreResult<Vec<Product>>;
    /// The products of a list.
    async fn list_products(
        &self,
        filter: &ProductFilter,
        page: &PageRequest<ProductSort>,
    ) -> StoreResult<Page<Product>>;
    /// The times during which these variants were offered for a price: those that have not ended, and those that ended after
    /// a time.
    async fn price_history(
        &self,
        variants: &[VariantId],
        ended_after: Option<Timestamp>,
    ) -> StoreResult<Vec<PricePeriod>>;
    /// The category with this id.
    async fn category(&self, id: CategoryId) -> StoreResult<Option<Category>>;
    /// The category with this slug.
    async fn category_by_slug(&self, slug: &str) -> StoreResult<Option<Category>>;
    /// The whole tree, and its version, from one snapshot.
    async fn category_tree(&self) -> StoreResult<CategoryTree>;
    /// The categories of a list.
    async fn list_categories(&self, page: &PageRequest<CategorySort>) -> StoreResult<Page<Category>>;
    /// The promotion with this id, with its uses.
    async fn promotion(&self, id: PromotionId) -> StoreResult<Option<CountedPromotion>>;
    /// The promotions of a list, with their uses.
    async fn list_promotions(
        &self,
        filter: &PromotionFilter,
        page: &PageRequest<PromotionSort>,
    ) -> StoreResult<Page<CountedPromotion>>;
    /// The rate of tax with this id.
    async fn tax_rate(&self, id: TaxRateId) -> StoreResult<Option<TaxRate>>;
    /// The rates of tax of a list.
    async fn list_tax_rates(&self, page: &PageRequest<PromotionSort>) -> StoreResult<Page<TaxRate>>;
    /// All that a price depends on beside the goods, from one snapshot. It is read with every cart and every order.
    async fn price_rules(&self, query: &RulesQuery) -> StoreResult<PriceRules>;
}

/// Writes of the catalog.
#[derive(Debug, Clone, PartialEq)]
pub enum CatalogWrite {
    /// A time during which a variant was offered for a price, under its variant and version: a new one, or one that ended
    /// over what was there (no guard: it is written with its product, whose version guards it).
    PricePeriod(PricePeriod),
    /// Forgets the times that ended before this one (no guard).
    ForgetPrices {
        /// Up to when.
        ended_before: Timestamp,
    },
    /// The tree's shape changes from this version to the next. Guard: it is the tree's version; else
    /// [`Conflict::Stale`](crate::batch::Conflict::Stale) of [`Entity::CategoryTree`](crate::batch::Entity::CategoryTree)
    /// with the nil id.
    ReshapeTree {
        /// The version the decision saw.
        from: i64,
    },
    /// One order more or less in a count. Guard: its rule ([`UsesDelta::apply`]), else
    /// [`Conflict::Uses`](crate::batch::Conflict::Uses). The row comes to be with the first order.
    Uses(UsesDelta),
}
