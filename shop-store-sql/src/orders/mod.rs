//! Orders with their lines, and their timeline. Every read is one statement, or two for a page by number that needs a
//! count.

mod search;

use std::sync::Arc;

use async_trait::async_trait;

use shop_core::clock::Timestamp;
use shop_core::id::{CartId, DraftId, OrderId, ReturnId};
pub(crate) use shop_core::orders::Order;
use shop_core::orders::{
    Draft, DraftSort, HistoryEntry, OrderFilter, OrderSort, OrdersRepository, Return, ReturnFilter, ReturnSort,
};
use shop_core::page::{Page, PageRequest};
use shop_core::row::Source as _;
use shop_core::store::StoreResult;
use shop_core::string_enum::StringEnum;
use uuid::Uuid;

use super::PostgresStore;
use super::error::store_error;
use super::paging::{Key, ListQuery, QueryBuilder, by_creation};
use super::rows::{ColumnReader, ReadRow as _, StatementArguments, at, ids, is_storable};

pub(super) use search::fill_search;

fn orders() -> ListQuery<OrderSort, Order> {
    ListQuery::of("orders.id", |key| {
        Some(match key {
            OrderSort::PlacedAt => Key::Time("orders.placed_at"),
            OrderSort::Total => Key::Number("orders.total"),
        })
    })
}

#[async_trait]
impl OrdersRepository for PostgresStore {
    async fn order(&self, id: OrderId) -> StoreResult<Option<Order>> {
        Ok(self.loaders.orders.one(id).await?.map(Arc::unwrap_or_clone))
    }

    async fn order_by_number(&self, number: &str) -> StoreResult<Option<Order>> {
        self.pool.first_by_text("WHERE orders.number = $1", number).await
    }

    async fn order_of_cart(&self, cart: CartId) -> StoreResult<Option<Order>> {
        self.pool.first("WHERE orders.cart_id = $1", StatementArguments::new().put(cart.0)).await
    }

    async fn list_orders(&self, filter: &OrderFilter, page: &PageRequest<OrderSort>) -> StoreResult<Page<Order>> {
        let mut query = QueryBuilder::from(Order::TABLE);
        let keys = [
            filter.status.map(|status| status.as_str().to_owned()),
            filter.payment_status.map(|status| status.as_str().to_owned()),
            filter.fulfillment_status.map(|status| status.as_str().to_owned()),
        ];
        query.stored_count(self.stored_count(Order::TABLE, filter.is_counted().then_some(keys)));
        query.filter("orders.customer_id = ?", filter.customer_id.map(Uuid::from));
        query.filter("orders.status = ?", filter.status.map(StringEnum::as_str));
        query.filter("orders.payment_status = ?", filter.payment_status.map(StringEnum::as_str));
        query.filter("orders.fulfillment_status = ?", filter.fulfillment_status.map(StringEnum::as_str));
        query.filter("orders.email_key = ?", filter.email_key.clone());
        query.filter("orders.placed_at >= ?", filter.placed_after);
        query.filter("orders.placed_at <= ?", filter.placed_before);
        query.filter("orders.number = ?", filter.number.clone());
        for term in &filter.search {
            query.filter("strpos(orders.search_text, ?) > 0", Some(term.clone()));
        }
        orders().page(&self.pool, query, page).await
    }

    async fn history(&self, order: OrderId) -> StoreResult<Vec<HistoryEntry>> {
        let end = "WHERE order_history.order_id = $1 ORDER BY order_history.id";
        self.pool.all(end, StatementArguments::new().put(order.0)).await
    }

    async fn overdue_orders(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<OrderId>> {
        let sql = "SELECT id FROM orders WHERE status = 'placed' AND hold_until IS NOT NULL AND hold_until <= $1
            ORDER BY hold_until, id LIMIT $2";
        let rows = self.pool.rows(sql.to_owned(), StatementArguments::new().put(at(now)).put(i64::from(limit))).await?;
        rows.iter().map(|row| ColumnReader::new(row).take()).collect::<Result<_, _>>().map_err(store_error)
    }

    async fn guest_orders(&self, email_key: &str, limit: u32) -> StoreResult<Vec<Order>> {
        if !is_storable(email_key) {
            return Ok(Vec::new());
        }
        let end = "WHERE orders.customer_id IS NULL AND orders.email_key = $1 ORDER BY orders.id LIMIT $2";
        self.pool.all(end, StatementArguments::new().put(email_key).put(i64::from(limit))).await
    }

    async fn draft(&self, id: DraftId) -> StoreResult<Option<Draft>> {
        self.pool.first("WHERE draft_orders.id = $1", StatementArguments::new().put(id.0)).await
    }

    async fn list_drafts(&self, page: &PageRequest<DraftSort>) -> StoreResult<Page<Draft>> {
        by_creation!(Draft, "draft_orders").page(&self.pool, QueryBuilder::from(Draft::TABLE), page).await
    }

    async fn order_return(&self, id: ReturnId) -> StoreResult<Option<Return>> {
        self.pool.first("WHERE order_returns.id = $1", StatementArguments::new().put(id.0)).await
    }

    async fn returns_of_orders(&self, orders: &[OrderId]) -> StoreResult<Vec<Return>> {
        let end = "WHERE order_returns.order_id = ANY($1) ORDER BY order_returns.id";
        if orders.is_empty() {
            Ok(Vec::new())
        } else {
            self.pool.all(end, StatementArguments::new().put(ids(orders))).await
        }
    }

    async fn list_returns(&self, filter: &ReturnFilter, page: &PageRequest<ReturnSort>) -> StoreResult<Page<Return>> {
        let mut query = QueryBuilder::from(Return::TABLE);
        query.filter("order_returns.order_id = ?", filter.order_id.map(Uuid::from));
        query.filter("order_returns.status = ?", filter.status.map(StringEnum::as_str));
        by_creation!(Return, "order_returns").page(&self.pool, query, page).await
    }
}
