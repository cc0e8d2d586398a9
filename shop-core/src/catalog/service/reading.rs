//! The calls that read products.

use super::{Catalog, id_or_slug};
use crate::actor::Actor;
use crate::catalog::{ProductQuery, ProductView};
use crate::error::{Error, Result};
use crate::field::Checks;
use crate::id::{CategoryId, ProductId};
use crate::model::catalog::{Product, ProductFilter, ProductSort, ProductStatus};
use crate::page::{Page, PageRequest, Position};
use crate::text::query_tokens;

impl Catalog<'_> {
    /// Returns one product, by id or slug. Callers other than staff see only active products.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn product(&self, actor: &Actor, name: &str) -> Result<ProductView> {
        let store = self.shop.store();
        let product = match id_or_slug(name) {
            Ok(id) => store.product(ProductId(id)).await?,
            Err(slug) => store.product_by_slug(slug).await?,
        };
        let seen = |product: &Product| product.status == ProductStatus::Active || actor.is_staff();
        let product = product.filter(seen).ok_or(Error::NotFound)?;
        let variants: Vec<_> = product.live_variants().map(|variant| variant.id).collect();
        let levels = store.stock_of(&variants).await?;
        Ok(ProductView::new(product, &levels))
    }

    /// Lists products. Callers other than staff see only active products. An unknown category yields an empty list.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub async fn list_products(
        &self,
        actor: &Actor,
        query: ProductQuery,
        page: &PageRequest<ProductSort>,
    ) -> Result<Page<ProductView>> {
        let store = self.shop.store();
        let Some(filter) = self.filter(actor, query).await? else {
            let total = matches!(page.position, Position::Number(_)).then_some(0);
            return Ok(Page { items: Vec::new(), total, next: None, previous: None });
        };
        let Page { items, total, next, previous } = store.list_products(&filter, page).await?;
        let variants: Vec<_> = items.iter().flat_map(Product::live_variants).map(|variant| variant.id).collect();
        let levels = store.stock_of(&variants).await?;
        Ok(Page { items: ProductView::all(items, levels), total, next, previous })
    }

    /// Checks the query and returns its filter; `None` when nothing can match.
    async fn filter(&self, actor: &Actor, query: ProductQuery) -> Result<Option<ProductFilter>> {
        let currency = self.shop.settings().currency;
        let mut checks = Checks::new();
        let amount = |text: String| currency.parse_amount(&text);
        let search = checks.optional("search", query.search, Ok).unwrap_or_default();
        let category = checks.optional("category", query.category, Ok).filter(|name| !name.is_empty());
        let status = checks.optional("status", query.status, Ok);
        let min_price = checks.optional("min_price", query.min_price, amount);
        let max_price = checks.optional("max_price", query.max_price, amount);
        let in_stock = checks.optional("in_stock", query.in_stock, Ok);
        checks.finish()?;
        let words = query_tokens(&search);
        if words.is_empty() && !search.trim().is_empty() {
            return Ok(None);
        }
        let category = match category {
            None => None,
            Some(name) => match self.category_named(&name).await? {
                Some(id) => Some(id),
                None => return Ok(None),
            },
        };
        let status = if actor.is_staff() { status } else { Some(ProductStatus::Active) };
        Ok(Some(ProductFilter { search: words, category, status, min_price, max_price, in_stock }))
    }

    async fn category_named(&self, name: &str) -> Result<Option<CategoryId>> {
        let store = self.shop.store();
        let category = match id_or_slug(name) {
            Ok(id) => store.category(CategoryId(id)).await?,
            Err(slug) => store.category_by_slug(slug).await?,
        };
        Ok(category.map(|category| category.id))
    }
}
