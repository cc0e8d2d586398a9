//! Products and categories.

use std::collections::BTreeSet;

use async_trait::async_trait;
use uuid::Uuid;

use super::TableStore;
use super::engine::{Engine, ReadRows, WriteRows};
use super::state::{Judged, State, UniqueKey, VersionedRow, write};
use crate::batch::{CatalogWrite, Change, Conflict, Entity};
use crate::clock::Timestamp;
use crate::id::{CategoryId, ProductId, VariantId};
use crate::model::catalog::{
    Category, CategorySort, CategoryTree, FoundProduct, PricePeriod, Product, ProductFilter, ProductSort, ProductStatus,
};
use crate::model::inventory::StockLevel;
use crate::page::paging::page;
use crate::page::{Page, PageRequest};
use crate::store::{CatalogRepository, StoreResult};

impl VersionedRow for Product {
    fn keys(&self) -> Vec<UniqueKey> {
        let ids = self.variants.iter().map(|variant| UniqueKey::Variant(variant.id));
        let skus = self.variants.iter().map(|variant| UniqueKey::VariantSku(variant.sku.clone()));
        ids.chain([UniqueKey::ProductSlug(self.slug.clone())]).chain(skus).collect()
    }

    fn write<T: WriteRows>(state: &mut State<'_, T>, change: &Change<Self>) -> Judged {
        write(state, change)?;
        if let Change::Update(product) = change {
            state.rename_levels(product)?;
        }
        Ok(())
    }
}

impl VersionedRow for Category {
    fn keys(&self) -> Vec<UniqueKey> {
        vec![UniqueKey::CategorySlug(self.slug.clone())]
    }

    fn write<T: WriteRows>(state: &mut State<'_, T>, change: &Change<Self>) -> Judged {
        let parent = match change {
            Change::Delete { id, .. } => state.categories.get(id)?.and_then(|category| category.parent_id),
            _ => None,
        };
        write(state, change)?;
        if let Change::Delete { id, .. } = change {
            state.detach_from(CategoryId(*id), parent)?;
        }
        Ok(())
    }
}

impl<T: WriteRows> State<'_, T> {
    pub(super) fn write_catalog(&mut self, write: &CatalogWrite) -> Judged {
        match write {
            CatalogWrite::PricePeriod(period) => self.put_price(period),
            CatalogWrite::ForgetPrices { ended_before } => self.forget_prices(*ended_before),
            CatalogWrite::ReshapeTree { from } => {
                if self.tree_version()? != *from {
                    return Err(Conflict::Stale(Entity::CategoryTree, Uuid::nil()).into());
                }
                Ok(self.tree_version.put((), from.saturating_add(1))?)
            }
            CatalogWrite::Uses(delta) => self.count_uses(delta),
        }
    }

    fn put_price(&mut self, period: &PricePeriod) -> Judged {
        let mut periods = self.price_history.get(&period.variant_id)?.unwrap_or_default();
        periods.retain(|stored| stored.version != period.version);
        periods.push(period.clone());
        Ok(self.price_history.put(period.variant_id, periods)?)
    }

    fn forget_prices(&mut self, ended_before: Timestamp) -> Judged {
        let is_over = |period: &PricePeriod| period.ends_at.is_some_and(|end| end < ended_before);
        for variant in self.price_history.keys_where(|periods| periods.iter().any(is_over))? {
            let mut periods = self.price_history.get(&variant)?.unwrap_or_default();
            periods.retain(|period| !is_over(period));
            self.price_history.put(variant, periods)?;
        }
        Ok(())
    }

    /// Updates the SKU in the stock levels of renamed variants.
    fn rename_levels(&mut self, product: &Product) -> StoreResult<()> {
        for level in self.levels.select(|level| product.variant(level.variant_id).is_some())? {
            if let Some(variant) = product.variant(level.variant_id).filter(|variant| variant.sku != level.sku) {
                let key = (level.variant_id, level.location_id);
                self.levels.put(key, StockLevel { sku: variant.sku.clone(), ..level })?;
            }
        }
        Ok(())
    }

    /// Moves the children of a deleted category to its parent, and removes its products from it.
    fn detach_from(&mut self, deleted: CategoryId, parent: Option<CategoryId>) -> StoreResult<()> {
        for child in self.categories.select(|category| category.parent_id == Some(deleted))? {
            let version = child.version + 1;
            self.categories.put(child.id.0, Category { parent_id: parent, version, ..child })?;
        }
        for product in self.products.select(|product| product.category_id == Some(deleted))? {
            let version = product.version + 1;
            self.products.put(product.id.0, Product { category_id: None, version, ..product })?;
        }
        Ok(())
    }
}

impl<T: ReadRows> State<'_, T> {
    /// A category and its descendants.
    pub(super) fn branch(&self, root: CategoryId) -> StoreResult<BTreeSet<CategoryId>> {
        let categories = self.categories.values()?;
        let mut branch = BTreeSet::from([root]);
        let mut found = vec![root];
        while let Some(parent) = found.pop() {
            let children = categories.iter().filter(|category| category.parent_id == Some(parent));
            found.extend(children.map(|category| category.id).filter(|id| branch.insert(*id)));
        }
        Ok(branch)
    }

    /// The variants that can be sold from some location.
    fn selling(&self) -> StoreResult<BTreeSet<VariantId>> {
        Ok(self.levels.select(StockLevel::sells)?.into_iter().map(|level| level.variant_id).collect())
    }

    fn find_products(&self, filter: &ProductFilter) -> StoreResult<Vec<FoundProduct>> {
        let branch = filter.category.map(|root| self.branch(root)).transpose()?;
        let in_stock = filter.in_stock.map(|wanted| Ok((self.selling()?, wanted))).transpose()?;
        let sells = |product: &Product, selling: &BTreeSet<_>| product.live_variants().any(|v| selling.contains(&v.id));
        let wanted = |product: &Product| {
            let price = product.lowest_price();
            filter.status.is_none_or(|status| product.status == status)
                && filter.min_price.is_none_or(|min| price >= min)
                && filter.max_price.is_none_or(|max| price <= max)
                && branch.as_ref().is_none_or(|branch| product.category_id.is_some_and(|id| branch.contains(&id)))
                && in_stock.as_ref().is_none_or(|(selling, wanted)| sells(product, selling) == *wanted)
        };
        let products = self.products.select(wanted)?.into_iter();
        let ranked = products.filter_map(|product| {
            let rank = if filter.search.is_empty() { 0 } else { product.search_document().rank(&filter.search)? };
            Some(FoundProduct { rank, product })
        });
        Ok(ranked.collect())
    }
}

#[async_trait]
impl<E: Engine> CatalogRepository for TableStore<E> {
    async fn product(&self, id: ProductId) -> StoreResult<Option<Product>> {
        self.read(|state| state.products.get(&id.0))
    }

    async fn product_by_slug(&self, slug: &str) -> StoreResult<Option<Product>> {
        self.read(|state| state.under(&state.products, &UniqueKey::ProductSlug(slug.to_owned())))
    }

    async fn products(&self, ids: &[ProductId]) -> StoreResult<Vec<Product>> {
        let ids: BTreeSet<_> = ids.iter().collect();
        self.read(|state| ids.into_iter().filter_map(|id| state.products.get(&id.0).transpose()).collect())
    }

    async fn products_of_variants(&self, ids: &[VariantId]) -> StoreResult<Vec<Product>> {
        self.read(|state| {
            let product = |id: &VariantId| state.uniques.get(&UniqueKey::Variant(*id)).transpose();
            let products: BTreeSet<_> = ids.iter().filter_map(product).collect::<StoreResult<_>>()?;
            products.iter().filter_map(|id| state.products.get(id).transpose()).collect()
        })
    }

    async fn product_by_sku(&self, sku: &str) -> StoreResult<Option<Product>> {
        self.read(|state| state.under(&state.products, &UniqueKey::VariantSku(sku.to_owned())))
    }

    async fn products_by_skus(&self, skus: &[String]) -> StoreResult<Vec<Product>> {
        self.read(|state| {
            let product = |sku: &String| state.uniques.get(&UniqueKey::VariantSku(sku.clone())).transpose();
            let products: BTreeSet<_> = skus.iter().filter_map(product).collect::<StoreResult<_>>()?;
            products.iter().filter_map(|id| state.products.get(id).transpose()).collect()
        })
    }

    async fn products_by_name(&self, name: &str) -> StoreResult<Vec<Product>> {
        let mut found = self.read(|state| state.products.select(|product| product.name == name))?;
        found.sort_by_key(|product| (product.status == ProductStatus::Archived, product.id));
        found.truncate(2);
        Ok(found)
    }

    async fn list_products(
        &self,
        filter: &ProductFilter,
        request: &PageRequest<ProductSort>,
    ) -> StoreResult<Page<Product>> {
        let found = self.read(|state| state.find_products(filter))?;
        Ok(page(found, request).map(|found| found.product))
    }

    async fn price_history(
        &self,
        variants: &[VariantId],
        ended_after: Option<Timestamp>,
    ) -> StoreResult<Vec<PricePeriod>> {
        let variants: BTreeSet<_> = variants.iter().collect();
        let wanted =
            |period: &PricePeriod| period.ends_at.is_none_or(|end| ended_after.is_some_and(|after| end > after));
        self.read(|state| {
            let mut found = Vec::new();
            for variant in variants {
                found.extend(state.price_history.get(variant)?.unwrap_or_default().into_iter().filter(&wanted));
            }
            Ok(found)
        })
    }

    async fn category(&self, id: CategoryId) -> StoreResult<Option<Category>> {
        self.read(|state| state.categories.get(&id.0))
    }

    async fn category_by_slug(&self, slug: &str) -> StoreResult<Option<Category>> {
        self.read(|state| state.under(&state.categories, &UniqueKey::CategorySlug(slug.to_owned())))
    }

    async fn category_tree(&self) -> StoreResult<CategoryTree> {
        self.read(|state| Ok(CategoryTree { version: state.tree_version()?, categories: state.categories.values()? }))
    }

    async fn list_categories(&self, request: &PageRequest<CategorySort>) -> StoreResult<Page<Category>> {
        self.read(|state| Ok(page(state.categories.values()?, request)))
    }
}
