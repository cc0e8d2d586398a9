//! Products with their variants and search words, and the category tree. Every read is one statement, or two for a page
//! by number that needs a count.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
pub(crate) use shop_core::catalog::Product;
use shop_core::catalog::{
    CatalogRepository, Category, CategorySort, CategoryTree, FoundProduct, PricePeriod, ProductFilter, ProductSort,
    ProductStatus, SearchDocument, name_key,
};
use shop_core::clock::Timestamp;
use shop_core::id::{CategoryId, ProductId, VariantId};
use shop_core::page::{Page, PageRequest};
use shop_core::row::Source as _;
use shop_core::store::StoreResult;
use shop_core::string_enum::StringEnum;
use uuid::Uuid;

use super::PostgresStore;
use super::error::store_error;
use super::listed::ProductListRead;
use super::paging::{Key, ListQuery, QueryBuilder, Value};
use super::pool::Pool;
use super::read::{Loader, grouped};
use super::rows::{ColumnReader, ReadRow as _, StatementArguments, ids, is_one_of, is_storable, records, select};

/// Products by any of their variants.
pub(crate) fn products_by_variant(pool: &Arc<Pool>) -> Loader<VariantId, Arc<Product>> {
    let of_variants =
        format!("WHERE products.id IN (SELECT product_id FROM variants WHERE {})", is_one_of("variants.id"));
    let sql = select::<Product>(&of_variants);
    pool.loader(
        sql,
        |asked| StatementArguments::new().put(ids(asked)),
        |rows, asked| {
            let asked: HashSet<&VariantId> = asked.iter().collect();
            let mut found = Vec::new();
            for product in records::<Product>(rows)? {
                let product = Arc::new(product);
                let variants = product.variants.iter().map(|variant| variant.id).filter(|id| asked.contains(id));
                found.extend(variants.map(|id| (id, Arc::clone(&product))));
            }
            Ok(found)
        },
    )
}

/// Products by a text other than an id. Each key in the first parameters is looked up separately; `LIMIT` forces the
/// planner to do so. (A plan made while the table was empty would scan all of it for many keys at once, and would stay
/// until the table is analyzed. The arrays are hidden as in [`is_one_of`].)
fn by_text(asked: &str, products: &str) -> String {
    format!(
        "SELECT {} FROM {asked} CROSS JOIN LATERAL (SELECT * FROM products WHERE {products}) AS products",
        Product::columns()
    )
}

/// Products by the SKU of any of their variants.
pub(crate) fn products_by_sku(pool: &Arc<Pool>) -> Loader<String, Arc<Product>> {
    let owners = "(SELECT DISTINCT (SELECT product_id FROM variants WHERE sku = asked.sku LIMIT 1) AS id
        FROM unnest((SELECT $1::text[])) AS asked (sku)) AS owners";
    pool.loader(
        by_text(owners, "id = owners.id LIMIT 1"),
        |asked| StatementArguments::new().put(asked.to_vec()),
        |rows, asked| {
            let asked: HashSet<&str> = asked.iter().map(String::as_str).collect();
            let mut found = Vec::new();
            for product in records::<Product>(rows)? {
                let product = Arc::new(product);
                let skus = product.variants.iter().map(|variant| &variant.sku);
                let skus = skus.filter(|sku| asked.contains(sku.as_str()));
                found.extend(skus.map(|sku| (sku.clone(), Arc::clone(&product))));
            }
            Ok(found)
        },
    )
}

/// Products by slug.
pub(crate) fn products_by_slug(pool: &Arc<Pool>) -> Loader<String, Arc<Product>> {
    pool.loader(
        by_text("unnest((SELECT $1::text[])) AS asked (slug)", "slug = asked.slug LIMIT 1"),
        |asked| StatementArguments::new().put(asked.to_vec()),
        |rows, _| {
            let products: Vec<Product> = records(rows)?;
            Ok(products.into_iter().map(|product| (product.slug.clone(), Arc::new(product))).collect())
        },
    )
}

/// Products by exact name: the first two of each name. The folded name has the index.
pub(crate) fn products_by_name(pool: &Arc<Pool>) -> Loader<String, Vec<Arc<Product>>> {
    let asked = "unnest((SELECT $1::text[]), (SELECT $2::text[])) AS asked (name_key, name)";
    let named = "name_key = asked.name_key AND name = asked.name ORDER BY status = 'archived', id LIMIT 2";
    pool.loader(
        by_text(asked, named),
        |asked| {
            let keys: Vec<String> = asked.iter().map(|name| name_key(name)).collect();
            StatementArguments::new().put(keys).put(asked.to_vec())
        },
        |rows, _| {
            let products = records::<Product>(rows)?.into_iter();
            Ok(grouped(products.map(|product| (product.name.clone(), Arc::new(product)))))
        },
    )
}

/// Products found by several keys, each once.
fn each_once(found: impl Iterator<Item = Arc<Product>>) -> Vec<Product> {
    let mut products: Vec<Arc<Product>> = found.collect();
    products.sort_unstable_by_key(|product| product.id);
    products.dedup_by_key(|product| product.id);
    products.into_iter().map(Arc::unwrap_or_clone).collect()
}

/// The content of the column `search`, as text: the core's words unchanged, with a weight per field. (A word needs a
/// position to carry a weight; the positions have no other meaning.)
fn search_vector(words: &SearchDocument) -> String {
    let fields = [(&words.name, ":1A "), (&words.sku, ":2B "), (&words.description, ":3C ")];
    let mut text = String::new();
    for (words, place) in fields {
        for word in words {
            quote(&mut text, word);
            text.push_str(place);
        }
    }
    text
}

/// The maximum length of a word in a `tsvector`, in bytes. Longer words are truncated; a search finds only their
/// beginning.
const LONGEST_WORD: usize = 2_046;

/// The search words of a product.
pub(crate) fn search_words(product: &Product) -> String {
    let mut words = product.search_document();
    for word in [&mut words.name, &mut words.sku, &mut words.description].into_iter().flatten() {
        word.truncate(word.floor_char_boundary(LONGEST_WORD));
    }
    search_vector(&words)
}

/// A query of words: each is the prefix of a word in one of the fields with these weights.
fn search_query(words: &[String], weights: &str) -> Value {
    let mut text = String::new();
    for word in words {
        text.push_str(if text.is_empty() { "" } else { " & " });
        quote(&mut text, word);
        text.push_str(":*");
        text.push_str(weights);
    }
    Value::Text(text)
}

/// Quotes a word for `tsvector` and `tsquery`.
fn quote(text: &mut String, word: &str) {
    text.push('\'');
    for letter in word.chars() {
        if matches!(letter, '\'' | '\\') {
            text.push(letter);
        }
        text.push(letter);
    }
    text.push('\'');
}

/// True if no word of any product begins with this word: the core's words are never empty and contain no NUL.
fn is_no_word(word: &str) -> bool {
    word.is_empty() || word.contains('\0')
}

fn categories() -> ListQuery<CategorySort, Category> {
    ListQuery::of("categories.id", |key| {
        Some(match key {
            CategorySort::Position => Key::Number("categories.position"),
            CategorySort::Name => Key::Text("categories.name_key"),
        })
    })
}

/// The list of search results (for lists without a search, see [`super::listed`]). The rank is 0 unless the list is
/// ordered by it.
fn products(ranked: bool) -> ListQuery<ProductSort, FoundProduct> {
    ListQuery {
        columns: format!("{}, {}", if ranked { "found.rank" } else { "0::bigint" }, Product::columns()),
        key: if ranked { |key| product_key(key).or(Some(Key::Number("found.rank"))) } else { product_key },
        id: "products.id",
        read: |columns| Ok(FoundProduct { rank: columns.take()?, product: Product::read(columns)? }),
    }
}

fn product_key(key: ProductSort) -> Option<Key> {
    match key {
        ProductSort::Name => Some(Key::Text("products.name_key")),
        ProductSort::Price => Some(Key::Number("products.price")),
        ProductSort::CreatedAt => Some(Key::Time("products.created_at")),
        ProductSort::Relevance => None,
    }
}

/// The query of a search.
fn product_query(filter: &ProductFilter, ranked: bool) -> QueryBuilder {
    let mut query = QueryBuilder::from("products");
    if filter.search.iter().any(|word| is_no_word(word)) {
        query.is("FALSE");
        return query;
    }
    if ranked {
        let rank = "CROSS JOIN LATERAL (SELECT CASE WHEN products.search @@ ?::text::tsquery THEN 0::bigint
            WHEN products.search @@ ?::text::tsquery THEN 1 ELSE 2 END AS rank) AS found";
        query.join(rank, [search_query(&filter.search, "A"), search_query(&filter.search, "AB")]);
    }
    if !filter.search.is_empty() {
        query.filter("products.search @@ ?::text::tsquery", Some(search_query(&filter.search, "")));
    }
    query.filter("products.status = ?", filter.status.map(StringEnum::as_str));
    query.filter(
        "products.category_id IN (WITH RECURSIVE below (id) AS (
            SELECT ?::uuid UNION SELECT categories.id FROM categories JOIN below ON categories.parent_id = below.id
        ) SELECT id FROM below)",
        filter.category.map(Uuid::from),
    );
    query.filter("products.price >= ?", filter.min_price.map(|price| price.0));
    query.filter("products.price <= ?", filter.max_price.map(|price| price.0));
    let in_stock = "(SELECT listed.in_stock FROM listed_products AS listed WHERE listed.id = products.id) = ?";
    query.filter(in_stock, filter.in_stock);
    query
}

#[async_trait]
impl CatalogRepository for PostgresStore {
    async fn product(&self, id: ProductId) -> StoreResult<Option<Product>> {
        Ok(self.loaders.products.one(id).await?.map(Arc::unwrap_or_clone))
    }

    async fn product_by_slug(&self, slug: &str) -> StoreResult<Option<Product>> {
        if !is_storable(slug) {
            return Ok(None);
        }
        Ok(self.loaders.products_of_slug.one(slug.to_owned()).await?.map(Arc::unwrap_or_clone))
    }

    async fn products(&self, ids: &[ProductId]) -> StoreResult<Vec<Product>> {
        let found = self.loaders.products.many(ids.to_vec()).await?;
        Ok(found.into_iter().map(|(_, product)| Arc::unwrap_or_clone(product)).collect())
    }

    async fn products_of_variants(&self, ids: &[VariantId]) -> StoreResult<Vec<Product>> {
        let found = self.loaders.products_of_variants.many(ids.to_vec()).await?;
        Ok(each_once(found.into_iter().map(|(_, product)| product)))
    }

    async fn product_by_sku(&self, sku: &str) -> StoreResult<Option<Product>> {
        let end = "WHERE products.id = (SELECT product_id FROM variants WHERE sku = $1)";
        self.pool.first_by_text(end, sku).await
    }

    async fn products_by_skus(&self, skus: &[String]) -> StoreResult<Vec<Product>> {
        let skus = skus.iter().filter(|sku| is_storable(sku)).cloned().collect();
        let found = self.loaders.products_of_skus.many(skus).await?;
        Ok(each_once(found.into_iter().map(|(_, product)| product)))
    }

    async fn products_by_name(&self, name: &str) -> StoreResult<Vec<Product>> {
        if !is_storable(name) {
            return Ok(Vec::new());
        }
        let mut found = self.loaders.products_of_name.one(name.to_owned()).await?.unwrap_or_default();
        found.sort_unstable_by_key(|product| (product.status == ProductStatus::Archived, product.id));
        Ok(found.into_iter().map(Arc::unwrap_or_clone).collect())
    }

    async fn list_products(
        &self,
        filter: &ProductFilter,
        page: &PageRequest<ProductSort>,
    ) -> StoreResult<Page<Product>> {
        let ranked = page.order.iter().any(|sort| sort.key == ProductSort::Relevance)
            && !filter.search.is_empty()
            && !filter.search.iter().any(|word| is_no_word(word));
        if filter.search.is_empty() {
            let reading = ProductListRead { pool: &self.pool, memo: &self.memo, filter, request: page };
            return Ok(reading.page().await?.map(|found| found.product));
        }
        let mut query = product_query(filter, ranked);
        query.stored_count(self.stored_count(Product::TABLE, None));
        let found = products(ranked).page(&self.pool, query, page).await?;
        Ok(found.map(|found| found.product))
    }

    async fn price_history(
        &self,
        variants: &[VariantId],
        ended_after: Option<Timestamp>,
    ) -> StoreResult<Vec<PricePeriod>> {
        if variants.is_empty() {
            return Ok(Vec::new());
        }
        let end = format!(
            "WHERE {} AND (price_history.ends_at IS NULL OR price_history.ends_at > $2)",
            is_one_of("price_history.variant_id")
        );
        let values = StatementArguments::new().put(ids(variants)).put(ended_after);
        self.pool.all(&end, values).await
    }

    async fn category(&self, id: CategoryId) -> StoreResult<Option<Category>> {
        self.pool.first("WHERE categories.id = $1", StatementArguments::new().put(id.0)).await
    }

    async fn category_by_slug(&self, slug: &str) -> StoreResult<Option<Category>> {
        self.pool.first_by_text("WHERE categories.slug = $1", slug).await
    }

    async fn category_tree(&self) -> StoreResult<CategoryTree> {
        // In one statement, and therefore in one snapshot; an empty tree has a version too.
        let columns = Category::columns();
        let sql = format!(
            "SELECT category_tree.version, categories.id IS NOT NULL, {columns} FROM category_tree LEFT JOIN categories ON true"
        );
        let rows = self.pool.rows(sql, StatementArguments::new()).await?;
        let mut tree = CategoryTree::default();
        for row in &rows {
            let mut columns = ColumnReader::new(row);
            tree.version = columns.take().map_err(store_error)?;
            if columns.take().map_err(store_error)? {
                tree.categories.push(Category::read(&mut columns).map_err(store_error)?);
            }
        }
        Ok(tree)
    }

    async fn list_categories(&self, page: &PageRequest<CategorySort>) -> StoreResult<Page<Category>> {
        categories().page(&self.pool, QueryBuilder::from("categories"), page).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let document =
            SearchDocument { name: words(&["tea", "it's"]), sku: words(&["tea"]), description: words(&["a\\b"]) };
        assert_eq!(search_vector(&document), r"'tea':1A 'it''s':1A 'tea':2B 'a\\b':3C ");
        let query = search_query(&words(&["te", "x'y"]), "AB");
        assert_eq!(query, Value::Text("'te':*AB & 'x''y':*AB".to_owned()));
    }
}
