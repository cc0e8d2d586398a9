//! Products and categories.

use std::collections::BTreeSet;

use async_trait::async_trait;
use uuid::Uuid;

use super::MemoryStore;
use super::paging::page;
use super::state::{Judged, State, UniqueKey, change, never_deleted};
use crate::batch::{Change, Conflict, Entity};
use crate::catalog::{
    CatalogRepository, CatalogWrite, Category, CategorySort, CategoryTree, FoundProduct, Product, ProductFilter,
    ProductSort,
};
use crate::id::{CategoryId, ProductId, VariantId};
use crate::inventory::StockLevel;
use crate::page::{Page, PageRequest};
use crate::store::StoreResult;

fn product_keys(product: &Product) -> Vec<UniqueKey> {
    let of_variants = product
        .variants
        .iter()
        .flat_map(|variant| [UniqueKey::Variant(variant.id), UniqueKey::VariantSku(variant.sku.clone())]);
    [UniqueKey::ProductSlug(product.slug.clone())].into_iter().chain(of_variants).collect()
}

fn category_keys(category: &Category) -> Vec<UniqueKey> {
    vec![UniqueKey::CategorySlug(category.slug.clone())]
}

impl State {
    pub(super) fn write_catalog(&mut self, write: &CatalogWrite) -> Judged {
        match write {
            CatalogWrite::Product(product) => {
                never_deleted(product)?;
                change(&mut self.products, &mut self.uniques, product, product_keys)?;
                if let Change::Update(product) = product {
                    self.rename_levels(product);
                }
                Ok(())
            }
            CatalogWrite::Category(category) => {
                let parent = match category {
                    Change::Delete { id, .. } => self.categories.get(id).and_then(|category| category.parent_id),
                    _ => None,
                };
                change(&mut self.categories, &mut self.uniques, category, category_keys)?;
                if let Change::Delete { id, .. } = category {
                    self.detach_from(CategoryId(*id), parent);
                }
                Ok(())
            }
            CatalogWrite::ReshapeTree { from } => {
                if self.tree_version() != *from {
                    return Err(Conflict::Stale(Entity::CategoryTree, Uuid::nil()).into());
                }
                self.tree_version.put((), from.saturating_add(1));
                Ok(())
            }
        }
    }

    /// The levels of renamed variants take over the new sku.
    fn rename_levels(&mut self, product: &Product) {
        let sku_of = |id| product.variant(id).map(|variant| variant.sku.as_str());
        let stale = self.levels.keys_where(|level| sku_of(level.variant_id).is_some_and(|sku| sku != level.sku));
        for key in stale {
            if let (Some(level), Some(sku)) = (self.levels.get(&key).cloned(), sku_of(key.0)) {
                self.levels.put(key, StockLevel { sku: sku.to_owned(), ..level });
            }
        }
    }

    /// Hands the children of a deleted category to its parent, and takes its products out of any.
    fn detach_from(&mut self, deleted: CategoryId, parent: Option<CategoryId>) {
        for id in self.categories.keys_where(|category| category.parent_id == Some(deleted)) {
            if let Some(child) = self.categories.get(&id).cloned() {
                self.categories.put(id, Category { parent_id: parent, version: child.version + 1, ..child });
            }
        }
        for id in self.products.keys_where(|product| product.category_id == Some(deleted)) {
            if let Some(product) = self.products.get(&id).cloned() {
                self.products.put(id, Product { category_id: None, version: product.version + 1, ..product });
            }
        }
    }

    fn product_with(&self, key: &UniqueKey) -> Option<Product> {
        self.uniques.get(key).and_then(|id| self.products.get(id)).cloned()
    }

    /// A category and all below it.
    fn branch(&self, root: CategoryId) -> BTreeSet<CategoryId> {
        let mut branch = BTreeSet::from([root]);
        let mut found = vec![root];
        while let Some(parent) = found.pop() {
            let children = self.categories.values().filter(|category| category.parent_id == Some(parent));
            found.extend(children.map(|category| category.id).filter(|id| branch.insert(*id)));
        }
        branch
    }

    fn sells(&self, variant: VariantId) -> bool {
        self.levels.values().any(|level| level.variant_id == variant && level.sells())
    }

    fn find_products(&self, filter: &ProductFilter) -> Vec<FoundProduct> {
        let branch = filter.category.map(|root| self.branch(root));
        let wanted = |product: &&Product| {
            let price = product.lowest_price();
            filter.status.is_none_or(|status| product.status == status)
                && filter.min_price.is_none_or(|min| price >= min)
                && filter.max_price.is_none_or(|max| price <= max)
                && branch.as_ref().is_none_or(|branch| product.category_id.is_some_and(|id| branch.contains(&id)))
                && filter.in_stock.is_none_or(|wanted| product.live_variants().any(|v| self.sells(v.id)) == wanted)
        };
        let products = self.products.values().filter(wanted);
        let ranked = products.filter_map(|product| {
            let rank = if filter.search.is_empty() { 0 } else { product.search_document().rank(&filter.search)? };
            Some(FoundProduct { rank, product: product.clone() })
        });
        ranked.collect()
    }
}

#[async_trait]
impl CatalogRepository for MemoryStore {
    async fn product(&self, id: ProductId) -> StoreResult<Option<Product>> {
        Ok(self.read().products.get(&id.0).cloned())
    }

    async fn product_by_slug(&self, slug: &str) -> StoreResult<Option<Product>> {
        Ok(self.read().product_with(&UniqueKey::ProductSlug(slug.to_owned())))
    }

    async fn products(&self, ids: &[ProductId]) -> StoreResult<Vec<Product>> {
        let state = self.read();
        let ids: BTreeSet<_> = ids.iter().collect();
        Ok(ids.into_iter().filter_map(|id| state.products.get(&id.0)).cloned().collect())
    }

    async fn products_of_variants(&self, ids: &[VariantId]) -> StoreResult<Vec<Product>> {
        let state = self.read();
        let products: BTreeSet<_> = ids.iter().filter_map(|id| state.uniques.get(&UniqueKey::Variant(*id))).collect();
        Ok(products.into_iter().filter_map(|id| state.products.get(id)).cloned().collect())
    }

    async fn product_by_sku(&self, sku: &str) -> StoreResult<Option<Product>> {
        Ok(self.read().product_with(&UniqueKey::VariantSku(sku.to_owned())))
    }

    async fn list_products(
        &self,
        filter: &ProductFilter,
        request: &PageRequest<ProductSort>,
    ) -> StoreResult<Page<Product>> {
        let found = self.read().find_products(filter);
        Ok(page(found.into_iter(), request).map(|found| found.product))
    }

    async fn category(&self, id: CategoryId) -> StoreResult<Option<Category>> {
        Ok(self.read().categories.get(&id.0).cloned())
    }

    async fn category_by_slug(&self, slug: &str) -> StoreResult<Option<Category>> {
        let state = self.read();
        let id = state.uniques.get(&UniqueKey::CategorySlug(slug.to_owned()));
        Ok(id.and_then(|id| state.categories.get(id)).cloned())
    }

    async fn category_tree(&self) -> StoreResult<CategoryTree> {
        let state = self.read();
        Ok(CategoryTree { version: state.tree_version(), categories: state.categories.values().cloned().collect() })
    }

    async fn list_categories(&self, request: &PageRequest<CategorySort>) -> StoreResult<Page<Category>> {
        Ok(page(self.read().categories.values().cloned(), request))
    }
}
