//! Returns of goods.

use rusqlite::Connection;
use shop_core::id::OrderId;
use shop_core::orders::{Return, ReturnFilter, ReturnSort};
use shop_core::string_enum::StringEnum as _;

use crate::paging::{ListQuery, QueryBuilder};
use crate::record::{self, record};
use crate::rows::Id;

record!(Return, fixed: ["order_id", "created_at"]);

/// All returns of these orders, oldest first.
pub(super) fn of_orders(connection: &Connection, orders: &[OrderId]) -> rusqlite::Result<Vec<Return>> {
    let mut found: Vec<Return> = Vec::new();
    for order in orders {
        found.extend(record::select::<Return>(connection, "WHERE order_id = ?1", [Id(order.0)])?);
    }
    found.sort_by_key(|returned| returned.id);
    found.dedup_by_key(|returned| returned.id);
    Ok(found)
}

/// The query of a list.
pub(super) fn query(filter: &ReturnFilter) -> QueryBuilder {
    let mut query = QueryBuilder::from("order_returns");
    query.filter("order_returns.order_id = ?", filter.order_id.map(|order| order.0.as_bytes().to_vec()));
    query.filter("order_returns.status = ?", filter.status.map(|status| status.as_str().to_owned()));
    query
}

/// The list of returns.
pub(super) fn list() -> ListQuery<ReturnSort, Return> {
    ListQuery {
        columns: record::columns::<Return>().to_owned(),
        key: |key| match key {
            ReturnSort::CreatedAt => Some("order_returns.created_at"),
        },
        id: "order_returns.id",
        read: record::whole,
    }
}
