//! Product lists without a search: pages merged from ranges of the indexes of a narrow table.
//!
//! An index starts with status and stock (preceded by the category), so each combination that a filter allows is one
//! range, sorted by the sort key. A page takes the first rows of all ranges together. Whatever the filter, it reads
//! little more than it returns.

use std::sync::Arc;

use shop_core::catalog::{FoundProduct, Product, ProductFilter, ProductSort, ProductStatus};
use shop_core::page::{Cursor, Page, PageMemo, PageRequest, PageWindow, Position};
use shop_core::row::Source as _;
use shop_core::store::StoreResult;
use shop_core::string_enum::StringEnum as _;
use sqlx_core::sql_str::AssertSqlSafe;
use uuid::Uuid;

use super::error::store_error;
use super::list_counts;
use super::paging::{
    CursorBound, Key, ListState, QueryBuilder, Value, beyond, bounds, counted, ordered, read_with_known,
};
use super::pool::Pool;
use super::rows::{ColumnReader, ReadRow as _};

/// Whether a product has an offered variant that can be sold now.
pub(crate) const IN_STOCK: &str = "EXISTS (
    SELECT 1 FROM variants JOIN stock_levels ON stock_levels.variant_id = variants.id
    WHERE variants.product_id = products.id AND NOT variants.archived AND (NOT stock_levels.tracked
        OR stock_levels.backorder OR stock_levels.on_hand > stock_levels.reserved))";

/// Up to this many matches are all found by price and sorted. With more matches, walking along the requested order soon
/// fills a page.
const FEW: u64 = 500;

/// The column of a sort key. Without a search, every product has the same relevance.
fn key(key: ProductSort) -> Option<Key> {
    match key {
        ProductSort::Name => Some(Key::Text("listed.name_key")),
        ProductSort::Price => Some(Key::Number("listed.price")),
        ProductSort::CreatedAt => Some(Key::Time("listed.created_at")),
        ProductSort::Relevance => None,
    }
}

/// A list that is being read.
pub(crate) struct ProductListRead<'a> {
    /// The connections.
    pub(crate) pool: &'a Arc<Pool>,
    /// Remembered totals and page positions.
    pub(crate) memo: &'a PageMemo,
    /// Which products to list; has no search.
    pub(crate) filter: &'a ProductFilter,
    /// Which page of them.
    pub(crate) request: &'a PageRequest<ProductSort>,
}

impl ProductListRead<'_> {
    /// The requested page.
    pub(crate) async fn page(&self) -> StoreResult<Page<FoundProduct>> {
        let size = i64::from(self.request.size);
        let cursor = match &self.request.position {
            Position::Number(number) => return self.numbered(*number).await,
            Position::Start => None,
            Position::Cursor(cursor) => Some(cursor),
        };
        let few = self.are_few().await?;
        let (rows, _) = self.rows(cursor, few, (size + 1, 0), false).await?;
        Ok(self.request.page_by_cursor(rows))
    }

    async fn numbered(&self, number: u32) -> StoreResult<Page<FoundProduct>> {
        let name = self.name();
        let places = format!("{name} {}", self.request.order_text());
        let few = self.are_few().await?;
        let (mut window, generation) = self.memo.latest_window(&places, number, self.request.size);
        let (mut rows, mut known) = self.rows(window.beyond.as_ref(), few, bounds(&window), true).await?;
        if window.beyond.is_some() && known.map(|known| known.generation) != generation {
            // The recorded position is outdated, or nothing lies behind it.
            window = PageWindow::from_start(number, self.request.size);
            (rows, known) = self.rows(None, few, bounds(&window), true).await?;
        }
        if let Some(known) = known {
            self.memo.keep_page(&places, known.generation, self.request, &window, &rows);
        }
        let known_total = known
            .and_then(|known| known.total)
            .or_else(|| window.total(rows.len()))
            .or_else(|| self.memo.total(&name, known?.generation));
        let total = match known_total {
            Some(total) => total,
            None => counted(self.count().await?),
        };
        Ok(Page { items: window.page(rows), total: Some(total), next: None, previous: None })
    }

    /// The list with its filter, as a key for remembered values.
    fn name(&self) -> String {
        format!("products {:?}", self.filter)
    }

    fn has_prices(&self) -> bool {
        self.filter.min_price.is_some() || self.filter.max_price.is_some()
    }

    fn is_by_price(&self) -> bool {
        self.request.order.first().is_some_and(|sort| sort.key == ProductSort::Price)
    }

    /// Whether the matches are few enough to find them by price and sort them. A slightly outdated number
    /// suffices.
    async fn are_few(&self) -> StoreResult<bool> {
        if !self.has_prices() || self.is_by_price() {
            return Ok(false);
        }
        let name = self.name();
        let known = self.memo.generation(&name).and_then(|generation| self.memo.total(&name, generation));
        let total = match known {
            Some(total) => total,
            None => u64::try_from(self.count().await?).unwrap_or_default(),
        };
        Ok(total <= FEW)
    }

    /// The ranges that contain the products, as a table `range (status, in_stock)`, or with `category_id`.
    fn ranges(&self, query: &mut QueryBuilder) -> String {
        let statuses = self.filter.status.map_or_else(|| ProductStatus::ALL.to_vec(), |status| vec![status]);
        let stock = self.filter.in_stock.map_or_else(|| vec![true, false], |in_stock| vec![in_stock]);
        let pairs =
            statuses.iter().flat_map(|status| stock.iter().map(|in_stock| (status.as_str().to_owned(), *in_stock)));
        let (statuses, stock) = pairs.unzip();
        // A SELECT hides the arrays from the planner, see `is_one_of`.
        let ranges = query.bind(
            "unnest((SELECT ?::text[]), (SELECT ?::bool[])) AS range (status, in_stock)",
            [Value::Texts(statuses), Value::Flags(stock)],
        );
        match self.filter.category {
            None => ranges,
            Some(category) => {
                let below = query.bind(
                    "(WITH RECURSIVE below (id) AS (
                        SELECT ?::uuid UNION SELECT categories.id FROM categories JOIN below ON categories.parent_id = below.id
                    ) SELECT id FROM below) AS below (category_id)",
                    [Value::Id(Uuid::from(category))],
                );
                format!("{below} CROSS JOIN {ranges}")
            }
        }
    }

    /// Adds the condition that a row is in a range and has a requested price.
    fn condition(&self, query: &mut QueryBuilder, price: &str) {
        query.is("listed.status = range.status AND listed.in_stock = range.in_stock");
        if self.filter.category.is_some() {
            query.is("listed.category_id = below.category_id");
        }
        query.filter(&format!("{price} >= ?"), self.filter.min_price.map(|price| price.0));
        query.filter(&format!("{price} <= ?"), self.filter.max_price.map(|price| price.0));
    }

    /// The stored count, as an expression; NULL if the filter has prices.
    fn total(&self, query: &mut QueryBuilder) -> String {
        if self.has_prices() {
            return "NULL::bigint".to_owned();
        }
        let ranges = self.ranges(query);
        let (list, category) = match self.filter.category {
            None => ("products", ""),
            Some(_) => ("products_of_category", " AND key_3 = replace(below.category_id::text, '-', '')"),
        };
        format!(
            "(SELECT coalesce(sum(total), 0)::bigint FROM {ranges} JOIN list_counts ON list = '{list}'
                AND key_1 = range.status AND key_2 = range.in_stock::int::text{category})"
        )
    }

    async fn count(&self) -> StoreResult<i64> {
        let mut query = QueryBuilder::default();
        let generation = list_counts::generation("products");
        let sql = if self.has_prices() {
            let ranges = self.ranges(&mut query);
            self.condition(&mut query, "listed.price");
            // Counts range by range: in a plain join, Postgres would scan the whole table.
            format!(
                "SELECT coalesce(sum(found.count), 0)::bigint, {generation} FROM {ranges} CROSS JOIN LATERAL (
                    SELECT count(*) FROM listed_products AS listed{}) AS found",
                query.condition()
            )
        } else {
            format!("SELECT {}, {generation}", self.total(&mut query))
        };
        let rows = self.pool.read(AssertSqlSafe(sql), query.arguments().map_err(store_error)?).await?;
        let Some(row) = rows.first() else { return Ok(0) };
        let mut columns = ColumnReader::new(row);
        let (total, generation): (i64, i64) =
            (columns.take().map_err(store_error)?, columns.take().map_err(store_error)?);
        if let (true, Ok(total)) = (self.has_prices(), u64::try_from(total)) {
            self.memo.keep_total(&self.name(), generation, total);
        }
        Ok(total)
    }

    async fn rows(
        &self,
        cursor: Option<&Cursor>,
        few: bool,
        (limit, skipped): (i64, i64),
        with_known: bool,
    ) -> StoreResult<(Vec<FoundProduct>, Option<ListState>)> {
        let backward = cursor.is_some_and(|cursor| cursor.backward);
        // Without a search, every product has the same relevance.
        let keys = self.request.order.iter();
        let keys: Vec<_> =
            keys.filter_map(|sort| Some((key(sort.key)?.column(), sort.descending != backward))).collect();
        let order: Vec<_> =
            keys.iter().copied().chain([("listed.id", self.request.id_descends() != backward)]).collect();
        let mut query = QueryBuilder::default();
        let known = if with_known {
            format!("{}, {}, ", list_counts::generation("products"), self.total(&mut query))
        } else {
            String::new()
        };
        let ranges = self.ranges(&mut query);
        // The addition keeps Postgres from using the index by price.
        self.condition(&mut query, if few || self.is_by_price() { "listed.price" } else { "(listed.price + 0)" });
        if let Some(cursor) = cursor {
            let places = self.request.order.iter().zip(&cursor.keys);
            let places = places.filter_map(|(sort, value)| Some(key(sort.key)?.place(value)));
            let places: Vec<_> = places.chain([CursorBound::At(Value::Id(cursor.id))]).collect();
            beyond(&mut query, &order, &places);
        }
        let condition = query.condition().to_owned();
        let columns: Vec<_> = keys.iter().map(|(key, _)| *key).chain(["listed.id"]).collect();
        let (columns, order) = (columns.join(", "), order.into_iter().map(ordered).collect::<Vec<_>>().join(", "));
        // Spelled out if possible: Postgres assumes that a limit in a parameter may be large.
        let (all, offset) = if skipped > 0 {
            let number = |number| [Value::Number(number)];
            (query.bind("?", number(limit.saturating_add(skipped))), query.bind(" OFFSET ?", number(skipped)))
        } else {
            (limit.to_string(), String::new())
        };
        let sql = format!(
            "SELECT {known}0::bigint, {} FROM (
                SELECT listed.* FROM {ranges} CROSS JOIN LATERAL (
                    SELECT {columns} FROM listed_products AS listed{condition} ORDER BY {order} LIMIT {all}
                ) AS listed ORDER BY {order} LIMIT {limit}{offset}
            ) AS listed JOIN products ON products.id = listed.id ORDER BY {order}",
            Product::columns()
        );
        let rows = self.pool.read(AssertSqlSafe(sql), query.arguments().map_err(store_error)?).await?;
        read_with_known(&rows, with_known, |columns| {
            Ok(FoundProduct { rank: columns.take()?, product: Product::read(columns)? })
        })
    }
}
