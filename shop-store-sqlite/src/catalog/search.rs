//! Search: the indexed words of products, and the list of products that match a query.

use rusqlite::types::Value;
use shop_core::catalog::{FoundProduct, Product, ProductFilter, ProductSort};
use shop_core::id::ProductId;
use shop_core::row::Source as _;
use shop_core::string_enum::StringEnum as _;

use crate::commit::ApplyResult;
use crate::paging::{ListQuery, QueryBuilder};
use crate::record;
use crate::rows::id;
use crate::write_connection::WriteConnection;

/// The search words of a product, as they are stored.
#[derive(Debug)]
pub(crate) struct SearchWords {
    name: String,
    sku: String,
    description: String,
}

impl SearchWords {
    /// Finds the words of a product.
    pub(crate) fn of(product: &Product) -> Self {
        let words = product.search_document();
        let [name, sku, description] = [words.name, words.sku, words.description].map(|words| words.join(" "));
        Self { name, sku, description }
    }

    /// Stores them.
    pub(crate) fn put(&self, connection: &WriteConnection<'_>, product: ProductId) -> ApplyResult {
        let sql = "INSERT OR REPLACE INTO product_search (rowid, name, sku, description)
            VALUES ((SELECT row FROM products WHERE id = ?1), ?2, ?3, ?4)";
        record::execute(connection, sql, &[&id(product), &self.name, &self.sku, &self.description])?;
        Ok(())
    }
}

/// The list of search results (for lists without a search, see [`listed`]). The rank is 0 unless the list is ordered by
/// it.
pub(super) fn products(ranked: bool) -> ListQuery<ProductSort, FoundProduct> {
    ListQuery {
        columns: format!("{}, {}", if ranked { "found.rank" } else { "0" }, record::columns::<Product>()),
        key: if ranked { |key| product_key(key).or(Some("found.rank")) } else { product_key },
        id: "products.id",
        read: |connection, columns| {
            Ok(FoundProduct { rank: columns.take()?, product: record::whole(connection, columns)? })
        },
    }
}

fn product_key(key: ProductSort) -> Option<&'static str> {
    match key {
        ProductSort::Name => Some("listed.name_key"),
        ProductSort::Price => Some("listed.price"),
        ProductSort::CreatedAt => Some("listed.created_at"),
        ProductSort::Relevance => None,
    }
}

/// True if no word of any product begins with this word: the core's words contain no ASCII punctuation, and the
/// tokenizer would drop it or split the word at it.
pub(super) fn is_no_word(word: &str) -> bool {
    word.is_empty() || word.bytes().any(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric())
}

/// The full-text query over some columns: every word is the prefix of a word in one of them. Words are quoted so that
/// the query language's operators count as words.
fn matching(columns: &str, words: &[String]) -> Value {
    let words: Vec<_> = words.iter().map(|word| format!("\"{word}\" *")).collect();
    Value::Text(format!("{{{columns}}} : ({})", words.join(" AND ")))
}

/// The columns by which lists are filtered and ordered.
const LISTED: &str = "CROSS JOIN listed_products AS listed ON listed.id = products.id";

/// The query of a search.
pub(super) fn product_query(filter: &ProductFilter, ranked: bool) -> QueryBuilder {
    let mut query = if filter.search.iter().any(|word| is_no_word(word)) {
        let mut nothing = QueryBuilder::from(format!("products {LISTED}"));
        nothing.is("FALSE");
        nothing
    } else {
        // The matches come first (CROSS JOIN keeps the order), so the cost depends on the number of matches.
        let mut query = QueryBuilder::from(format!("found CROSS JOIN products ON products.row = found.row {LISTED}"));
        let all = matching("name sku description", &filter.search);
        if ranked {
            let expression = "found (row, rank) AS (SELECT rowid, CASE
                WHEN rowid IN (SELECT rowid FROM product_search WHERE product_search MATCH ?) THEN 0
                WHEN rowid IN (SELECT rowid FROM product_search WHERE product_search MATCH ?) THEN 1
                ELSE 2 END FROM product_search WHERE product_search MATCH ?)";
            let name = matching("name", &filter.search);
            query.with(expression, [name, matching("name sku", &filter.search), all]);
        } else {
            query.with("found (row) AS (SELECT rowid FROM product_search WHERE product_search MATCH ?)", [all]);
        }
        query
    };
    query.filter("listed.status = ?", filter.status.map(|status| status.as_str().to_owned()));
    query.filter(
        "listed.category_id IN (WITH RECURSIVE below (id) AS (
            SELECT ? UNION SELECT categories.id FROM categories JOIN below ON categories.parent_id = below.id
        ) SELECT id FROM below)",
        filter.category.map(|category| category.0.as_bytes().to_vec()),
    );
    query.filter("listed.price >= ?", filter.min_price.map(|price| price.0));
    query.filter("listed.price <= ?", filter.max_price.map(|price| price.0));
    query.filter("listed.in_stock = ?", filter.in_stock);
    query
}
