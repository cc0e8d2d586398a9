//! Products with their variants and search words, and the category tree.

mod search;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, params};
use shop_core::batch::{Change, Conflict, Entity, Unique};
use shop_core::catalog::{
    CatalogRepository, CatalogWrite, Category, CategorySort, CategoryTree, PricePeriod, Product, ProductFilter,
    ProductSort, Variant, name_key,
};
use shop_core::clock::Timestamp;
use shop_core::id::{CategoryId, ProductId, VariantId};
use shop_core::page::{Page, PageRequest};
use shop_core::store::StoreResult;
use uuid::Uuid;

use crate::SqliteStore;
use crate::commit::{ApplyError, ApplyResult};
use crate::encoded::{EncodedRow, EncodedWrite};
use crate::list_counts::{self, CountChanges};
use crate::listed;
use crate::paging::{ListQuery, QueryBuilder};
use crate::promotions;
use crate::record::{self, Changed, Put, record};
use crate::rows::{Id, at, id, optional_at, optional_id, prepare};
use crate::write_connection::WriteConnection;

pub(crate) use search::SearchWords;
use search::{is_no_word, product_query, products};

record!(Product, fixed: ["slug", "status", "category_id"]; children);

record!(Variant);

record!(Category);
record!(PricePeriod);

/// The version of the category tree; it increases whenever the tree changes its shape.
pub(crate) fn tree_version(connection: &Connection) -> rusqlite::Result<i64> {
    prepare(connection, "SELECT version FROM category_tree WHERE one = 1")?.query_row([], |row| row.get(0))
}

impl Changed for Product {
    fn apply(
        connection: &WriteConnection<'_>,
        tally: &mut CountChanges,
        change: &Change<Self>,
        encoded: &EncodedWrite,
    ) -> ApplyResult {
        apply_product(connection, tally, change, encoded)
    }

    fn encode(change: &Change<Self>) -> Option<EncodedWrite> {
        match change {
            Change::Insert(product) | Change::Update(product) => {
                Some(EncodedWrite { search_words: Some(SearchWords::of(product)), ..EncodedWrite::of_row(product) })
            }
            Change::Delete { .. } => None,
        }
    }
}

impl Changed for Category {
    fn apply(
        connection: &WriteConnection<'_>,
        tally: &mut CountChanges,
        change: &Change<Self>,
        encoded: &EncodedWrite,
    ) -> ApplyResult {
        match change {
            Change::Delete { id, version } => delete_category(connection, tally, *id, *version),
            _ => record::change(connection, change, encoded),
        }
    }
}

/// Applies a write of the catalog.
pub(crate) fn apply(connection: &WriteConnection<'_>, tally: &mut CountChanges, write: &CatalogWrite) -> ApplyResult {
    match write {
        CatalogWrite::PricePeriod(period) => {
            record::put(connection, period)?;
            Ok(())
        }
        CatalogWrite::ForgetPrices { ended_before } => {
            record::execute(connection, "DELETE FROM price_history WHERE ends_at < ?1", &[&at(*ended_before)])?;
            Ok(())
        }
        CatalogWrite::Uses(delta) => promotions::count_uses(connection, delta),
        CatalogWrite::ReshapeTree { from } => {
            let sql = "UPDATE category_tree SET version = version + 1 WHERE one = 1 AND version = ?1";
            if record::execute(connection, sql, &[from])? == 0 {
                return Err(Conflict::Stale(Entity::CategoryTree, Uuid::nil()).into());
            }
            tally.touched(list_counts::CountedList::Products);
            Ok(())
        }
    }
}

fn apply_product(
    connection: &WriteConnection<'_>,
    tally: &mut CountChanges,
    change: &Change<Product>,
    encoded: &EncodedWrite,
) -> ApplyResult {
    let (done, product, is_new) = match change {
        Change::Insert(product) => (record::insert(connection, product, &encoded.row), product, true),
        Change::Update(product) => (record::update(connection, product, &encoded.row), product, false),
        Change::Delete { .. } => return Err(record::never_deleted(Entity::Product)),
    };
    match done.and_then(|()| put_variants(connection, product, is_new)) {
        Err(ApplyError::Conflict(Conflict::Exists(Unique::ProductSlug | Unique::VariantSku)))
            if others_variant(connection, product)? =>
        {
            // Checked first: see the order of the unique keys of `Product`.
            return Err(Conflict::Exists(Unique::OtherId).into());
        }
        done => done?,
    }
    if is_new {
        tally.product_inserted(product.id);
    } else {
        tally.product_updated(product.id);
    }
    match &encoded.search_words {
        Some(words) => words.put(connection, product.id),
        None => SearchWords::of(product).put(connection, product.id),
    }
}

/// True if one of the variants belongs to another product.
fn others_variant(connection: &WriteConnection<'_>, product: &Product) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM variants WHERE id = ?1 AND product_id <> ?2";
    for variant in &product.variants {
        if record::exists(connection, sql, [id(variant.id), id(product.id)])? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn put_variants(connection: &WriteConnection<'_>, product: &Product, is_new: bool) -> ApplyResult {
    let mut known: BTreeMap<Uuid, String> = BTreeMap::new();
    if !is_new {
        connection.run("SELECT id, sku FROM variants WHERE product_id = ?1", |statement| {
            let mut rows = statement.query([id(product.id)])?;
            while let Some(row) = rows.next()? {
                known.insert(row.get::<_, Id>(0)?.0, row.get(1)?);
            }
            Ok(())
        })?;
    }
    // Two variants may swap their SKUs. So every variant whose SKU changes first gets a temporary SKU that no variant
    // can have.
    for variant in &product.variants {
        if known.get(&variant.id.0).is_some_and(|sku| *sku != variant.sku) {
            let sql = "UPDATE variants SET sku = char(1) || hex(id) WHERE product_id = ?1 AND id = ?2";
            record::execute(connection, sql, &[&id(product.id), &id(variant.id)])?;
        }
    }
    for (position, variant) in (0_i64..).zip(&product.variants) {
        let put = if known.contains_key(&variant.id.0) { Put::Update } else { Put::Insert };
        record::put_child(connection, put, product.id, position, variant, EncodedRow::NOTHING)?;
        if known.get(&variant.id.0).is_some_and(|sku| *sku != variant.sku) {
            // Its stock levels must be found by the new SKU.
            let sql = "UPDATE stock_levels SET sku = ?2 WHERE variant_id = ?1";
            record::execute(connection, sql, &[&id(variant.id), &variant.sku])?;
        }
    }
    Ok(())
}

/// The price periods of each variant, with one lookup per variant.
fn price_history(
    connection: &Connection,
    mut variants: Vec<VariantId>,
    ended_after: Option<Timestamp>,
) -> rusqlite::Result<Vec<PricePeriod>> {
    variants.sort_unstable();
    variants.dedup();
    let end = "WHERE variant_id = ?1 AND (ends_at IS NULL OR ends_at > ?2)";
    let mut periods = Vec::new();
    for variant in variants {
        periods.append(&mut record::select(connection, end, params![Id(variant.0), optional_at(ended_after)])?);
    }
    Ok(periods)
}

fn delete_category(
    connection: &WriteConnection<'_>,
    tally: &mut CountChanges,
    category: Uuid,
    version: i64,
) -> ApplyResult {
    let parent = record::lookup::<Category>(connection, category)?.and_then(|category| category.parent_id);
    record::delete::<Category>(connection, category, version)?;
    let children = "UPDATE categories SET parent_id = ?2, version = version + 1 WHERE parent_id = ?1";
    record::execute(connection, children, &[&Id(category), &optional_id(parent)])?;
    let products = "UPDATE products SET category_id = NULL, version = version + 1 WHERE category_id = ?1 RETURNING id";
    connection.run(products, |statement| {
        let mut rows = statement.query([Id(category)])?;
        while let Some(row) = rows.next()? {
            tally.product_updated(ProductId(row.get::<_, Id>(0)?.0));
        }
        Ok(())
    })?;
    tally.touched(list_counts::CountedList::Products);
    Ok(())
}

fn categories() -> ListQuery<CategorySort, Category> {
    ListQuery {
        columns: record::columns::<Category>().to_owned(),
        key: |key| {
            Some(match key {
                CategorySort::Position => "categories.position",
                CategorySort::Name => "categories.name_key",
            })
        },
        id: "categories.id",
        read: record::whole,
    }
}

#[async_trait]
impl CatalogRepository for SqliteStore {
    async fn product(&self, id: ProductId) -> StoreResult<Option<Product>> {
        self.readers().snapshot(|connection| record::lookup(connection, id))
    }

    async fn product_by_slug(&self, slug: &str) -> StoreResult<Option<Product>> {
        self.readers().snapshot(|connection| record::find(connection, "WHERE slug = ?1", [slug]))
    }

    async fn products(&self, ids: &[ProductId]) -> StoreResult<Vec<Product>> {
        self.readers().snapshot(|connection| products_by_id(connection, ids.to_vec()))
    }

    async fn products_of_variants(&self, ids: &[VariantId]) -> StoreResult<Vec<Product>> {
        self.readers().snapshot(|connection| {
            let mut products = Vec::new();
            for variant in ids {
                let mut statement = prepare(connection, "SELECT product_id FROM variants WHERE id = ?1")?;
                let mut rows = statement.query([Id(variant.0)])?;
                if let Some(row) = rows.next()? {
                    products.push(ProductId(row.get::<_, Id>(0)?.0));
                }
            }
            products_by_id(connection, products)
        })
    }

    async fn product_by_sku(&self, sku: &str) -> StoreResult<Option<Product>> {
        self.readers().snapshot(|connection| {
            record::find(connection, "WHERE id = (SELECT product_id FROM variants WHERE sku = ?1)", [sku])
        })
    }

    async fn products_by_skus(&self, skus: &[String]) -> StoreResult<Vec<Product>> {
        self.readers().snapshot(|connection| {
            let mut products = Vec::new();
            for sku in skus {
                let mut statement = prepare(connection, "SELECT product_id FROM variants WHERE sku = ?1")?;
                let mut rows = statement.query([sku])?;
                if let Some(row) = rows.next()? {
                    products.push(ProductId(row.get::<_, Id>(0)?.0));
                }
            }
            products_by_id(connection, products)
        })
    }

    async fn products_by_name(&self, name: &str) -> StoreResult<Vec<Product>> {
        // The folded name has the index.
        let end = "WHERE name_key = ?1 AND name = ?2 ORDER BY status = 'archived', id LIMIT 2";
        self.readers().snapshot(|connection| record::select(connection, end, [name_key(name).as_str(), name]))
    }

    async fn list_products(
        &self,
        filter: &ProductFilter,
        page: &PageRequest<ProductSort>,
    ) -> StoreResult<Page<Product>> {
        let ranked = page.order.iter().any(|sort| sort.key == ProductSort::Relevance)
            && !filter.search.is_empty()
            && !filter.search.iter().any(|word| is_no_word(word));
        let page = page.clone();
        if filter.search.is_empty() {
            let (memo, filter) = (Arc::clone(&self.memo), filter.clone());
            let read = move |connection: &Connection| listed::page(connection, &memo, &filter, &page);
            return Ok(self.readers().list(read).await?.map(|found| found.product));
        }
        let mut query = product_query(filter, ranked);
        query.stored_count(self.stored_count(list_counts::CountedList::Products, None));
        let found = self.readers().search(move |connection| products(ranked).page(connection, query, &page)).await?;
        Ok(found.map(|found| found.product))
    }

    async fn price_history(
        &self,
        variants: &[VariantId],
        ended_after: Option<Timestamp>,
    ) -> StoreResult<Vec<PricePeriod>> {
        self.readers().snapshot(|connection| price_history(connection, variants.to_vec(), ended_after))
    }

    async fn category(&self, id: CategoryId) -> StoreResult<Option<Category>> {
        self.readers().point(|connection| record::lookup(connection, id))
    }

    async fn category_by_slug(&self, slug: &str) -> StoreResult<Option<Category>> {
        self.readers().point(|connection| record::find(connection, "WHERE slug = ?1", [slug]))
    }

    async fn category_tree(&self) -> StoreResult<CategoryTree> {
        self.readers()
            .list(|connection| {
                Ok(CategoryTree { version: tree_version(connection)?, categories: record::select(connection, "", [])? })
            })
            .await
    }

    async fn list_categories(&self, page: &PageRequest<CategorySort>) -> StoreResult<Page<Category>> {
        let page = page.clone();
        self.readers()
            .list(move |connection| categories().page(connection, QueryBuilder::from("categories"), &page))
            .await
    }
}

fn products_by_id(connection: &Connection, mut ids: Vec<ProductId>) -> rusqlite::Result<Vec<Product>> {
    ids.sort_unstable();
    ids.dedup();
    // One lookup per id, all in one snapshot: a few microseconds each.
    ids.into_iter().filter_map(|id| record::lookup(connection, id).transpose()).collect()
}
