//! Orders with their lines, and their timeline. Every read is one statement; a page by number that needs a count is two.

mod drafts;
mod returns;
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
use shop_core::store::StoreResult;
use shop_core::word::Word;
use sqlx_core::error::Error;
use uuid::Uuid;

use super::PostgresStore;
use super::error::store_error;
use super::paging::{Key, List, Query};
use super::pool::Pool;
use super::read::Loader;
use super::rows::{Columns, Record, Values, at, ids, is_one_of, is_storable, records, select};

pub(super) use search::fill_search;

impl Record for Order {
    const TABLE: &'static str = "orders";
    const COLUMNS: &'static str = "orders.id, orders.number, orders.cart_id, orders.customer_id, orders.claimed_at,
        orders.email,
        orders.email_key, orders.currency, orders.subtotal, orders.discount_total, orders.shipping_total,
        orders.shipping_tax, orders.tax_total, orders.total, orders.explanation, orders.canceled_items, orders.withdrawals, orders.amount_paid,
        orders.amount_refunded,
        orders.shipping_address, orders.billing_address, orders.shipping_method, orders.status, orders.payment_status,
        orders.fulfillment_status, orders.note, orders.placed_at, orders.canceled_at, orders.hold_until, orders.ships_unpaid,
        orders.updated_at, orders.version,
        (SELECT json_agg(item ORDER BY item.position) FROM (
            SELECT position, id, product_id, variant_id, sku, name, options, unit_price, quantity, discount, tax, line_total,
                tax_class, tax_rate
            FROM order_items WHERE order_items.order_id = orders.id
        ) AS item)";

    fn read(columns: &mut Columns<'_>) -> Result<Self, Error> {
        let mut order = Self {
            id: columns.id()?,
            number: columns.take()?,
            cart_id: columns.id()?,
            customer_id: columns.optional_id()?,
            claimed_at: columns.optional_at()?,
            email: columns.take()?,
            email_key: columns.take()?,
            currency: columns.currency()?,
            items: Vec::new(),
            subtotal: columns.amount()?,
            discount_total: columns.amount()?,
            shipping_total: columns.amount()?,
            shipping_tax: columns.amount()?,
            tax_total: columns.amount()?,
            total: columns.amount()?,
            explanation: columns.json()?,
            canceled_items: columns.json()?,
            withdrawals: columns.json()?,
            amount_paid: columns.amount()?,
            amount_refunded: columns.amount()?,
            shipping_address: columns.json()?,
            billing_address: columns.json()?,
            shipping_method: columns.json()?,
            status: columns.word()?,
            payment_status: columns.word()?,
            fulfillment_status: columns.word()?,
            note: columns.take()?,
            placed_at: columns.at()?,
            canceled_at: columns.optional_at()?,
            hold_until: columns.optional_at()?,
            ships_unpaid: columns.take()?,
            updated_at: columns.at()?,
            version: columns.take()?,
        };
        // The names of its columns are those of `OrderItem`.
        order.items = columns.children()?;
        Ok(order)
    }
}

impl Record for HistoryEntry {
    const TABLE: &'static str = "order_history";
    const COLUMNS: &'static str = "order_history.id, order_history.order_id, order_history.at, order_history.event,
        order_history.actor, order_history.detail, order_history.visible";

    fn read(columns: &mut Columns<'_>) -> Result<Self, Error> {
        Ok(Self {
            id: columns.id()?,
            order_id: columns.id()?,
            at: columns.at()?,
            event: columns.take()?,
            actor: columns.take()?,
            detail: columns.take()?,
            visible: columns.take()?,
        })
    }
}

/// Orders by their ids.
pub(crate) fn orders_by_id(pool: &Arc<Pool>) -> Loader<OrderId, Arc<Order>> {
    let sql = select::<Order>(&format!("WHERE {}", is_one_of("orders.id")));
    pool.loader(
        sql,
        |asked| Values::new().put(ids(asked)),
        |rows, _| {
            let orders: Vec<Order> = records(rows)?;
            Ok(orders.into_iter().map(|order| (order.id, Arc::new(order))).collect())
        },
    )
}

fn orders() -> List<OrderSort, Order> {
    List {
        columns: Order::COLUMNS.to_owned(),
        key: |key| {
            Some(match key {
                OrderSort::PlacedAt => Key::Time("orders.placed_at"),
                OrderSort::Total => Key::Number("orders.total"),
            })
        },
        id: "orders.id",
        read: Order::read,
    }
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
        self.pool.first("WHERE orders.cart_id = $1", Values::new().put(cart.0)).await
    }

    async fn list_orders(&self, filter: &OrderFilter, page: &PageRequest<OrderSort>) -> StoreResult<Page<Order>> {
        let mut query = Query::from(Order::TABLE);
        let keys = [
            filter.status.map(|status| status.word().to_owned()),
            filter.payment_status.map(|status| status.word().to_owned()),
            filter.fulfillment_status.map(|status| status.word().to_owned()),
        ];
        let by_status_alone = OrderFilter {
            status: filter.status,
            payment_status: filter.payment_status,
            fulfillment_status: filter.fulfillment_status,
            ..OrderFilter::default()
        } == *filter;
        query.kept(self.kept(Order::TABLE, by_status_alone.then_some(keys)));
        query.filter("orders.customer_id = ?", filter.customer_id.map(Uuid::from));
        query.filter("orders.status = ?", filter.status.map(Word::word));
        query.filter("orders.payment_status = ?", filter.payment_status.map(Word::word));
        query.filter("orders.fulfillment_status = ?", filter.fulfillment_status.map(Word::word));
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
        self.pool.all(end, Values::new().put(order.0)).await
    }

    async fn overdue_orders(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<OrderId>> {
        let sql = "SELECT id FROM orders WHERE status = 'placed' AND hold_until IS NOT NULL AND hold_until <= $1
            ORDER BY hold_until, id LIMIT $2";
        let rows = self.pool.rows(sql.to_owned(), Values::new().put(at(now)).put(i64::from(limit))).await?;
        rows.iter().map(|row| Columns::new(row).id()).collect::<Result<_, _>>().map_err(store_error)
    }

    async fn guest_orders(&self, email_key: &str, limit: u32) -> StoreResult<Vec<Order>> {
        if !is_storable(email_key) {
            return Ok(Vec::new());
        }
        let end = "WHERE orders.customer_id IS NULL AND orders.email_key = $1 ORDER BY orders.id LIMIT $2";
        self.pool.all(end, Values::new().put(email_key).put(i64::from(limit))).await
    }

    async fn draft(&self, id: DraftId) -> StoreResult<Option<Draft>> {
        self.pool.first("WHERE draft_orders.id = $1", Values::new().put(id.0)).await
    }

    async fn list_drafts(&self, page: &PageRequest<DraftSort>) -> StoreResult<Page<Draft>> {
        drafts::list().page(&self.pool, Query::from(Draft::TABLE), page).await
    }

    async fn order_return(&self, id: ReturnId) -> StoreResult<Option<Return>> {
        self.pool.first("WHERE order_returns.id = $1", Values::new().put(id.0)).await
    }

    async fn returns_of_orders(&self, orders: &[OrderId]) -> StoreResult<Vec<Return>> {
        let end = "WHERE order_returns.order_id = ANY($1) ORDER BY order_returns.id";
        if orders.is_empty() { Ok(Vec::new()) } else { self.pool.all(end, Values::new().put(ids(orders))).await }
    }

    async fn list_returns(&self, filter: &ReturnFilter, page: &PageRequest<ReturnSort>) -> StoreResult<Page<Return>> {
        returns::list().page(&self.pool, returns::query(filter), page).await
    }
}
