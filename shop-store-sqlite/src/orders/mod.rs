//! Orders with their lines, and their timeline.

mod drafts;
mod returns;
mod search;

use async_trait::async_trait;
use rusqlite::params;
use rusqlite::types::Value;
use shop_core::batch::{Change, Entity};
use shop_core::clock::Timestamp;
use shop_core::id::{CartId, DraftId, OrderId, ReturnId};
use shop_core::orders::{
    Draft, DraftSort, HistoryEntry, Order, OrderFilter, OrderItem, OrderSort, OrdersRepository, OrdersWrite, Return,
    ReturnFilter, ReturnSort,
};
use shop_core::page::{Page, PageRequest, SortValue};
use shop_core::store::StoreResult;
use shop_core::string_enum::StringEnum as _;

use crate::SqliteStore;
use crate::commit::ApplyResult;
use crate::encoded::{EncodedRow, EncodedWrite};
use crate::list_counts::{self, CountChanges, Keys};
use crate::paging::{CoarseIndex, ListQuery, QueryBuilder};
use crate::record::{self, Changed, Put, record};
use crate::rows::{Id, at, prepare};
use crate::write_connection::WriteConnection;

pub(crate) use search::fill_search;

record!(OrderItem);
record!(HistoryEntry);
record!(Order, fixed: ["number", "cart_id", "customer_id", "email_key", "total", "placed_at", "search_text"]; children);

/// Applies a write of orders.
pub(crate) fn apply(connection: &WriteConnection<'_>, write: &OrdersWrite) -> ApplyResult {
    let OrdersWrite::History(entry) = write;
    record::add(connection, entry, EncodedRow::NOTHING)
}

impl Changed for Draft {}
impl Changed for Return {}

impl Changed for Order {
    fn apply(
        connection: &WriteConnection<'_>,
        tally: &mut CountChanges,
        change: &Change<Self>,
        encoded: &EncodedWrite,
    ) -> ApplyResult {
        match change {
            Change::Insert(order) => {
                record::insert(connection, order, &encoded.row)?;
                tally.added(list_counts::CountedList::Orders, counted(order));
                insert_items(connection, order, encoded)
            }
            Change::Update(order) => {
                let before = record::counted_before(connection, change, COUNTED)?;
                record::update(connection, order, &encoded.row)?;
                tally.changed(list_counts::CountedList::Orders, before, Some(counted(order)));
                Ok(())
            }
            Change::Delete { .. } => Err(record::never_deleted(Entity::Order)),
        }
    }

    fn encode(change: &Change<Self>) -> Option<EncodedWrite> {
        let Change::Insert(order) = change else { return record::encode(change) };
        Some(EncodedWrite::of_parent(order))
    }
}

/// Reads the values by which an order is counted.
const COUNTED: &str = "SELECT status, payment_status, fulfillment_status FROM orders WHERE id = ?1";

/// The values by which orders are counted.
fn counted(order: &Order) -> Keys {
    [order.status.as_str().into(), order.payment_status.as_str().into(), order.fulfillment_status.as_str().into()]
}

/// Inserts the lines of an order.
fn insert_items(connection: &WriteConnection<'_>, order: &Order, encoded: &EncodedWrite) -> ApplyResult {
    for (position, item) in (0_i64..).zip(&order.items) {
        record::put_child(connection, Put::Insert, order.id, position, item, encoded.child(position))?;
    }
    Ok(())
}

fn orders() -> ListQuery<OrderSort, Order> {
    ListQuery {
        columns: record::columns::<Order>().to_owned(),
        key: |key| {
            Some(match key {
                OrderSort::PlacedAt => "orders.placed_at",
                OrderSort::Total => "orders.total",
            })
        },
        id: "orders.id",
        read: record::whole,
    }
}

/// The index of orders by total: ordered by magnitude, and by time within it.
const BY_TOTAL: CoarseIndex =
    CoarseIndex { table: "orders", column: "length(orders.total) * 10 + substr(orders.total, 1, 1)", of: magnitude };

/// The number of digits of a total, and its first digit.
fn magnitude(total: &SortValue) -> Value {
    let text = match total {
        // No total is negative, but a cursor may contain a negative number.
        SortValue::Number(total) => (*total).max(0).to_string(),
        // No total is a text; such a cursor belongs to another list.
        SortValue::Text(text) => text.clone(),
    };
    let digits = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let first = text.chars().next().and_then(|first| first.to_digit(10)).unwrap_or_default();
    Value::Integer(digits.saturating_mul(10).saturating_add(first.into()))
}

/// Orders by address and search results, found in an index by time.
fn listed_orders() -> ListQuery<OrderSort, Order> {
    ListQuery {
        key: |key| {
            Some(match key {
                OrderSort::PlacedAt => "listed.placed_at",
                OrderSort::Total => "orders.total",
            })
        },
        id: "listed.id",
        ..orders()
    }
}

#[async_trait]
impl OrdersRepository for SqliteStore {
    async fn order(&self, id: OrderId) -> StoreResult<Option<Order>> {
        self.readers().snapshot(|connection| record::lookup(connection, id))
    }

    async fn order_by_number(&self, number: &str) -> StoreResult<Option<Order>> {
        self.readers().snapshot(|connection| record::find(connection, "WHERE number = ?1", [number]))
    }

    async fn order_of_cart(&self, cart: CartId) -> StoreResult<Option<Order>> {
        self.readers().snapshot(|connection| record::find(connection, "WHERE cart_id = ?1", [Id(cart.0)]))
    }

    async fn list_orders(&self, filter: &OrderFilter, page: &PageRequest<OrderSort>) -> StoreResult<Page<Order>> {
        let by_total = page.order.first().is_some_and(|first| first.key == OrderSort::Total);
        let by_status =
            filter.status.is_some() || filter.payment_status.is_some() || filter.fulfillment_status.is_some();
        // One customer has few orders, and an order number matches one order.
        let narrow = filter.customer_id.is_none() && filter.number.is_none();
        let of_address = narrow && (filter.email_key.is_some() || !filter.search.is_empty());
        let (list, mut query, coarse, table) = match (of_address, by_status) {
            (false, _) => (orders(), QueryBuilder::from("orders"), by_total.then_some(&BY_TOTAL), "orders"),
            (true, false) => (listed_orders(), QueryBuilder::listed("orders"), None, "listed"),
            (true, true) => (listed_orders(), QueryBuilder::looked_up("orders"), None, "listed"),
        };
        let keys = [
            filter.status.map(|status| status.as_str().into()),
            filter.payment_status.map(|status| status.as_str().into()),
            filter.fulfillment_status.map(|status| status.as_str().into()),
        ];
        query.stored_count(self.stored_count(list_counts::CountedList::Orders, filter.is_counted().then_some(keys)));
        query.filter(&format!("{table}.email_key = ?"), filter.email_key.clone());
        query.filter("orders.number = ?", filter.number.clone());
        query.filter("orders.customer_id = ?", filter.customer_id.map(|user| user.0.as_bytes().to_vec()));
        query.filter("orders.status = ?", filter.status.map(|status| status.as_str().to_owned()));
        query.filter("orders.payment_status = ?", filter.payment_status.map(|status| status.as_str().to_owned()));
        query.filter("orders.fulfillment_status = ?", filter.fulfillment_status.map(|s| s.as_str().to_owned()));
        query.filter(&format!("{table}.placed_at >= ?"), filter.placed_after.map(at));
        query.filter(&format!("{table}.placed_at <= ?"), filter.placed_before.map(at));
        for term in &filter.search {
            query.filter(&format!("instr({table}.search_text, ?) > 0"), Some(term.clone()));
        }
        let (page, searches) = (page.clone(), !filter.search.is_empty());
        self.readers().list_or_search(searches, move |connection| list.page_by(coarse, connection, query, &page)).await
    }

    async fn history(&self, order: OrderId) -> StoreResult<Vec<HistoryEntry>> {
        self.readers().point(|connection| record::select(connection, "WHERE order_id = ?1 ORDER BY id", [Id(order.0)]))
    }

    async fn overdue_orders(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<OrderId>> {
        self.readers().point(|connection| {
            let sql = "SELECT id FROM orders WHERE status = 'placed' AND hold_until IS NOT NULL AND hold_until <= ?1
                ORDER BY hold_until, id LIMIT ?2";
            let mut statement = prepare(connection, sql)?;
            let ids = statement.query_map(params![at(now), limit], |row| Ok(OrderId(row.get::<_, Id>(0)?.0)))?;
            ids.collect()
        })
    }

    async fn guest_orders(&self, email_key: &str, limit: u32) -> StoreResult<Vec<Order>> {
        // Searches the address in an index by time; orders have no index by address.
        let end = "WHERE orders.customer_id IS NULL
                AND orders.id IN (SELECT listed.id FROM orders AS listed WHERE listed.email_key = ?1)
            ORDER BY orders.id LIMIT ?2";
        let email_key = email_key.to_owned();
        self.readers().list(move |connection| record::select(connection, end, params![email_key, limit])).await
    }

    async fn draft(&self, id: DraftId) -> StoreResult<Option<Draft>> {
        self.readers().point(|connection| record::lookup(connection, id))
    }

    async fn list_drafts(&self, page: &PageRequest<DraftSort>) -> StoreResult<Page<Draft>> {
        let (query, page) = (QueryBuilder::from("draft_orders"), page.clone());
        self.readers().list(move |connection| drafts::list().page(connection, query, &page)).await
    }

    async fn order_return(&self, id: ReturnId) -> StoreResult<Option<Return>> {
        self.readers().point(|connection| record::lookup(connection, id))
    }

    async fn returns_of_orders(&self, orders: &[OrderId]) -> StoreResult<Vec<Return>> {
        self.readers().snapshot(|connection| returns::of_orders(connection, orders))
    }

    async fn list_returns(&self, filter: &ReturnFilter, page: &PageRequest<ReturnSort>) -> StoreResult<Page<Return>> {
        let (query, page) = (returns::query(filter), page.clone());
        self.readers().list(move |connection| returns::list().page(connection, query, &page)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_is_looked_for_where_it_stands_in_the_index() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let sql = format!("WITH orders (total) AS (VALUES (?1)) SELECT {} FROM orders", BY_TOTAL.column);
        let mut last = Value::Null;
        for total in [0, 1, 9, 10, 19, 20, 99, 100, 4_497, 9_999, 10_000, i64::MAX] {
            let stored: Value = connection.query_row(&sql, [total], |row| row.get(0)).unwrap();
            assert_eq!(magnitude(&SortValue::Number(total)), stored);
            let number = |value: &Value| if let Value::Integer(number) = value { *number } else { i64::MIN };
            assert!(number(&last) <= number(&stored), "{total}");
            last = stored;
        }
        assert_eq!(magnitude(&SortValue::Number(-5)), magnitude(&SortValue::Number(0)));
    }
}
