//! Product lists without a search: a narrow table with the listed values of each product, and pages merged from ranges
//! of its indexes.
//!
//! An index starts with status and stock (preceded by the category), so each combination that a filter allows is one
//! range, sorted by the sort key. A page takes the first rows of all ranges together. Whatever the filter, it reads
//! little more than it returns.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::LazyLock;

use rusqlite::types::{Value, ValueRef};
use rusqlite::{CachedStatement, Connection, Row, params_from_iter};
use shop_core::catalog::{FoundProduct, Product, ProductFilter, ProductSort, ProductStatus};
use shop_core::id::{CategoryId, ProductId};
use shop_core::page::{Cursor, Page, PageMemo, PageRequest, Position, SortValue};
use shop_core::string_enum::StringEnum as _;
use uuid::Uuid;

use crate::commit::ApplyResult;
use crate::list_counts::{self, CountChanges, CountedList, Keys, ProductChange};
use crate::paging::{QueryBuilder, beyond, ordered, value_of};
use crate::record;
use crate::rows::{Id, id, prepare};
use crate::write_connection::WriteConnection;

/// Whether a product has an offered variant that can be sold now.
pub(crate) const IN_STOCK: &str = "EXISTS (
    SELECT 1 FROM variants JOIN stock_levels ON stock_levels.variant_id = variants.id
    WHERE variants.product_id = products.id AND variants.archived = 0 AND (stock_levels.tracked = 0
        OR stock_levels.backorder = 1 OR stock_levels.on_hand > stock_levels.reserved))";

/// Up to this many matches are all found by price and sorted. With more matches, walking along the requested order soon
/// fills a page.
const FEW: u64 = 500;

static REFRESH: LazyLock<String> = LazyLock::new(|| {
    format!(
        "INSERT INTO listed_products (id, status, category_id, in_stock, created_at, name_key, price)
            SELECT id, status, category_id, {IN_STOCK}, created_at, name_key, price FROM products WHERE id = ?1
            ON CONFLICT (id) DO UPDATE SET status = excluded.status, category_id = excluded.category_id,
                in_stock = excluded.in_stock, created_at = excluded.created_at, name_key = excluded.name_key,
                price = excluded.price
            WHERE (status, category_id, in_stock, created_at, name_key, price) IS NOT (excluded.status,
                excluded.category_id, excluded.in_stock, excluded.created_at, excluded.name_key, excluded.price)
            RETURNING status, in_stock, category_id"
    )
});

/// Recomputes the list entries of the products that a batch affected.
pub(crate) fn refresh(connection: &WriteConnection<'_>, tally: &mut CountChanges) -> ApplyResult {
    for (product, touched) in tally.take_products() {
        let before = if touched == ProductChange::Inserted { None } else { keys_of(connection, product)? };
        let changed = connection.run(&REFRESH, |statement| {
            let mut rows = statement.query([id(product)])?;
            let changed = rows.next()?.map(listed).transpose()?;
            // Run the statement to its end, so that it completes.
            if changed.is_some() {
                rows.next()?;
            }
            Ok(changed)
        })?;
        if changed.is_none() && touched == ProductChange::Stock {
            continue;
        }
        let after = changed.as_ref().or(before.as_ref());
        let of_list = |keys: &ListEntry| [keys.status.clone().into(), list_counts::flag(keys.in_stock), "".into()];
        let of_category = |keys: &ListEntry| -> Option<Keys> {
            let category = list_counts::key(keys.category?);
            Some([keys.status.clone().into(), list_counts::flag(keys.in_stock), category])
        };
        tally.changed(CountedList::Products, before.as_ref().map(of_list), after.map(of_list));
        let (before, after) = (before.as_ref().and_then(of_category), after.and_then(of_category));
        tally.changed(CountedList::ProductsOfCategory, before, after);
    }
    Ok(())
}

struct ListEntry {
    status: String,
    in_stock: bool,
    category: Option<Uuid>,
}

fn keys_of(connection: &WriteConnection<'_>, product: ProductId) -> rusqlite::Result<Option<ListEntry>> {
    connection.run("SELECT status, in_stock, category_id FROM listed_products WHERE id = ?1", |statement| {
        statement.query([id(product)])?.next()?.map(listed).transpose()
    })
}

fn listed(row: &Row<'_>) -> rusqlite::Result<ListEntry> {
    let category = row.get::<_, Option<Id>>(2)?.map(|Id(id)| id);
    Ok(ListEntry { status: row.get(0)?, in_stock: row.get(1)?, category })
}

/// The position of a product in a list: its sort keys and its id.
#[derive(Debug, Clone, PartialEq)]
struct ListPosition {
    keys: Vec<SortValue>,
    id: Uuid,
}

/// A position that is compared by the order of its list.
#[derive(Debug, Clone)]
struct Ranked<'o> {
    place: ListPosition,
    order: &'o Order,
}

impl PartialEq for Ranked<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked<'_> {}

impl Ord for Ranked<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let turned = |ordering: Ordering, descends| if descends { ordering.reverse() } else { ordering };
        let pairs = self.place.keys.iter().zip(&other.place.keys).zip(&self.order.keys);
        pairs
            .map(|((left, right), (_, descends))| turned(left.cmp(right), *descends))
            .find(|ordering| ordering.is_ne())
            .unwrap_or_else(|| turned(self.place.id.cmp(&other.place.id), self.order.id_descends))
    }
}

impl PartialOrd for Ranked<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order in which rows are read: columns, and whether they descend.
#[derive(Debug, Clone)]
struct Order {
    keys: Vec<(&'static str, bool)>,
    id_descends: bool,
}

impl Order {
    fn of(request: &PageRequest<ProductSort>, backward: bool) -> Self {
        let keys = request.order.iter();
        let keys = keys.filter_map(|sort| Some((column(sort.key)?, sort.descending != backward))).collect();
        Self { keys, id_descends: request.id_descends() != backward }
    }

    /// The columns, each prefixed with `sign`.
    fn columns(&self, sign: &str) -> Vec<(String, bool)> {
        let keys = self.keys.iter().map(|(key, descends)| (format!("{sign}{key}"), *descends));
        keys.chain([("listed.id".to_owned(), self.id_descends)]).collect()
    }
}

/// The column of a sort key. Without a search, every product has the same relevance.
fn column(key: ProductSort) -> Option<&'static str> {
    match key {
        ProductSort::Name => Some("listed.name_key"),
        ProductSort::Price => Some("listed.price"),
        ProductSort::CreatedAt => Some("listed.created_at"),
        ProductSort::Relevance => None,
    }
}

/// A list that is being read.
struct ProductListRead<'c> {
    connection: &'c Connection,
    filter: &'c ProductFilter,
    request: &'c PageRequest<ProductSort>,
    ranges: Vec<Range>,
}

/// The values that all rows of an index range share.
#[derive(Debug, Clone)]
struct Range {
    status: ProductStatus,
    in_stock: bool,
    category: Option<CategoryId>,
}

/// Which rows to read.
#[derive(Debug, Clone, Copy)]
struct RowSelection<'a> {
    /// Only rows behind this cursor.
    beyond: Option<&'a Cursor>,
    skipped: usize,
    limit: usize,
}

/// The requested page of a list without a search.
pub(crate) fn page(
    connection: &Connection,
    memo: &PageMemo,
    filter: &ProductFilter,
    request: &PageRequest<ProductSort>,
) -> rusqlite::Result<Page<FoundProduct>> {
    let reading = ProductListRead { connection, filter, request, ranges: ranges(connection, filter)? };
    let size = request.size as usize;
    match &request.position {
        Position::Number(number) => reading.numbered(memo, *number),
        Position::Start => {
            let wanted = RowSelection { beyond: None, skipped: 0, limit: size + 1 };
            Ok(request.page_by_cursor(products(connection, &reading.places(wanted, None)?)?))
        }
        Position::Cursor(cursor) => {
            let wanted = RowSelection { beyond: Some(cursor), skipped: 0, limit: size + 1 };
            Ok(request.page_by_cursor(products(connection, &reading.places(wanted, None)?)?))
        }
    }
}

fn products(connection: &Connection, places: &[ListPosition]) -> rusqlite::Result<Vec<FoundProduct>> {
    let found: Vec<Product> = record::lookup_each(connection, places.iter().map(|place| place.id))?;
    Ok(found.into_iter().map(|product| FoundProduct { rank: 0, product }).collect())
}

/// The ranges that contain a filter's products.
fn ranges(connection: &Connection, filter: &ProductFilter) -> rusqlite::Result<Vec<Range>> {
    let categories = match filter.category {
        None => vec![None],
        Some(category) => below(connection, category)?.into_iter().map(Some).collect(),
    };
    let statuses = filter.status.map_or_else(|| ProductStatus::ALL.to_vec(), |status| vec![status]);
    let stock = filter.in_stock.map_or_else(|| vec![true, false], |in_stock| vec![in_stock]);
    let mut ranges = Vec::with_capacity(categories.len() * statuses.len() * stock.len());
    for category in categories {
        for status in &statuses {
            ranges.extend(stock.iter().map(|in_stock| Range { status: *status, in_stock: *in_stock, category }));
        }
    }
    Ok(ranges)
}

/// A category and its descendants.
fn below(connection: &Connection, category: CategoryId) -> rusqlite::Result<Vec<CategoryId>> {
    let sql = "WITH RECURSIVE below (id) AS (
            SELECT ?1 UNION SELECT categories.id FROM categories JOIN below ON categories.parent_id = below.id
        ) SELECT id FROM below";
    let mut statement = prepare(connection, sql)?;
    statement.query_map([id(category)], |row| Ok(CategoryId(row.get::<_, Id>(0)?.0)))?.collect()
}

impl Range {
    fn query(&self) -> QueryBuilder {
        let mut query = QueryBuilder::from("listed_products AS listed");
        query.filter("listed.status = ?", Some(self.status.as_str().to_owned()));
        query.filter("listed.in_stock = ?", Some(self.in_stock));
        query.filter("listed.category_id = ?", self.category.map(|category| category.0.as_bytes().to_vec()));
        query
    }

    fn stored_count(&self, connection: &Connection) -> rusqlite::Result<i64> {
        let list = if self.category.is_some() { CountedList::ProductsOfCategory } else { CountedList::Products };
        let keys = [
            Some(self.status.as_str().into()),
            Some(list_counts::flag(self.in_stock)),
            self.category.map(list_counts::key),
        ];
        list_counts::total(connection, list, &keys)
    }
}

impl ProductListRead<'_> {
    fn numbered(&self, memo: &PageMemo, number: u32) -> rusqlite::Result<Page<FoundProduct>> {
        let generation = list_counts::generation(self.connection, CountedList::Products)?;
        let name = format!("products {:?}", self.filter);
        let total = self.total(memo, &name, generation)?;
        let places = format!("{name} {}", self.request.order_text());
        let window = memo.window(&places, generation, number, self.request.size);
        let wanted = RowSelection {
            beyond: window.beyond.as_ref(),
            skipped: usize::try_from(window.skipped).unwrap_or(usize::MAX),
            limit: usize::try_from(window.limit).unwrap_or(usize::MAX),
        };
        let found = if window.is_past(total) { Vec::new() } else { self.places(wanted, Some(total))? };
        let rows = products(self.connection, &found)?;
        memo.keep_page(&places, generation, self.request, &window, &rows);
        Ok(Page { items: window.page(rows), total: Some(total), next: None, previous: None })
    }

    /// The number of matches: from the stored counts, or counted if the filter has prices. Added up once per
    /// generation.
    fn total(&self, memo: &PageMemo, name: &str, generation: i64) -> rusqlite::Result<u64> {
        if let Some(total) = memo.total(name, generation) {
            return Ok(total);
        }
        let mut total = 0_i64;
        for range in &self.ranges {
            total += if self.has_prices() { self.count(range, -1)? } else { range.stored_count(self.connection)? };
        }
        let total = u64::try_from(total).unwrap_or_default();
        memo.keep_total(name, generation, total);
        Ok(total)
    }

    fn has_prices(&self) -> bool {
        self.filter.min_price.is_some() || self.filter.max_price.is_some()
    }

    /// Adds the price condition. The sign keeps SQLite from using the index by price.
    fn prices(&self, query: &mut QueryBuilder, sign: &str) {
        query.filter(&format!("{sign}listed.price >= ?"), self.filter.min_price.map(|price| price.0));
        query.filter(&format!("{sign}listed.price <= ?"), self.filter.max_price.map(|price| price.0));
    }

    /// Counts the rows of a range, up to `most`.
    fn count(&self, range: &Range, most: i64) -> rusqlite::Result<i64> {
        let mut query = range.query();
        self.prices(&mut query, "");
        let (rows, mut values) = query.select("1");
        values.push(Value::Integer(most));
        let sql = format!("SELECT count(*) FROM ({rows} LIMIT ?) AS page");
        prepare(self.connection, &sql)?.query_row(params_from_iter(values), |row| row.get(0))
    }

    /// Whether the matches are few enough to find them by price and sort them.
    fn are_few(&self, total: Option<u64>) -> rusqlite::Result<bool> {
        let by_price = self.request.order.first().is_some_and(|sort| sort.key == ProductSort::Price);
        if !self.has_prices() || by_price {
            return Ok(false);
        }
        if let Some(total) = total {
            return Ok(total <= FEW);
        }
        let most = i64::try_from(FEW).unwrap_or(i64::MAX);
        let mut found = 0_i64;
        for range in &self.ranges {
            found += self.count(range, most + 1)?;
            if found > most {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The wanted rows of all ranges, in order. `total` is the number of matches, if known.
    fn places(&self, wanted: RowSelection<'_>, total: Option<u64>) -> rusqlite::Result<Vec<ListPosition>> {
        let order = Order::of(self.request, wanted.beyond.is_some_and(|cursor| cursor.backward));
        let few = self.are_few(total)?;
        // SQLite itself skips rows of a single range. With several ranges, any of them may hold all the skipped rows.
        let alone = self.ranges.len() == 1 && !few;
        let limit = if alone { wanted.limit } else { wanted.skipped.saturating_add(wanted.limit) };
        let mut found: BinaryHeap<Ranked<'_>> = BinaryHeap::new();
        for range in &self.ranges {
            let mut statement =
                self.statement(range, &order, wanted, few, (limit, if alone { wanted.skipped } else { 0 }))?;
            let mut rows = statement.raw_query();
            while let Some(row) = rows.next()? {
                let next = Ranked { place: place(row, order.keys.len())?, order: &order };
                if found.len() < limit {
                    found.push(next);
                    continue;
                }
                match found.peek_mut() {
                    Some(mut last) if next < *last => *last = next,
                    // Later rows of this range sort even later, unless all of them are read.
                    _ if few => {}
                    _ => break,
                }
            }
        }
        let skipped = if alone { 0 } else { wanted.skipped };
        Ok(found.into_sorted_vec().into_iter().skip(skipped).map(|ranked| ranked.place).collect())
    }

    /// Prepares the query of a range, starting at the wanted position.
    fn statement(
        &self,
        range: &Range,
        order: &Order,
        wanted: RowSelection<'_>,
        few: bool,
        (limit, skipped): (usize, usize),
    ) -> rusqlite::Result<CachedStatement<'_>> {
        let by_price = self.request.order.first().is_some_and(|sort| sort.key == ProductSort::Price);
        let mut query = range.query();
        self.prices(&mut query, if few || by_price { "" } else { "+" });
        if let Some(cursor) = wanted.beyond {
            // The constant key does not affect the position.
            let keys = self.request.order.iter().zip(&cursor.keys).filter(|(sort, _)| column(sort.key).is_some());
            let place: Vec<_> =
                keys.map(|(_, value)| value_of(value)).chain([Value::Blob(cursor.id.as_bytes().to_vec())]).collect();
            let columns = order.columns(if few { "+" } else { "" });
            let columns: Vec<_> = columns.iter().map(|(column, descends)| (column.as_str(), *descends)).collect();
            beyond(&mut query, &columns, &place);
        }
        let columns: Vec<_> = order.keys.iter().map(|(key, _)| *key).chain(["listed.id"]).collect();
        let (mut sql, mut values) = query.select(&columns.join(", "));
        if !few {
            let columns = order.columns("");
            let columns = columns.iter().map(|(column, descends)| ordered((column, *descends)));
            sql = format!("{sql} ORDER BY {} LIMIT ? OFFSET ?", columns.collect::<Vec<_>>().join(", "));
            let number = |number: usize| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
            values.extend([number(limit), number(skipped)]);
        }
        let mut statement = prepare(self.connection, &sql)?;
        for (place, value) in (1..).zip(values) {
            statement.raw_bind_parameter(place, value)?;
        }
        Ok(statement)
    }
}

/// Reads the sort keys and the id that follows them.
fn place(row: &Row<'_>, keys: usize) -> rusqlite::Result<ListPosition> {
    let key = |place| {
        Ok(match row.get_ref(place)? {
            ValueRef::Integer(number) => SortValue::Number(number),
            other => SortValue::Text(other.as_str()?.to_owned()),
        })
    };
    Ok(ListPosition { keys: (0..keys).map(key).collect::<rusqlite::Result<_>>()?, id: row.get::<_, Id>(keys)?.0 })
}
