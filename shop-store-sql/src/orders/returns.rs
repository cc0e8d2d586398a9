//! Returns of goods.

use shop_core::orders::{Return, ReturnFilter, ReturnSort};
use shop_core::word::Word;
use uuid::Uuid;

use crate::paging::{Key, List, Query};
use crate::rows::ReadRow as _;

/// The query of a list.
pub(super) fn query(filter: &ReturnFilter) -> Query {
    let mut query = Query::from(Return::TABLE);
    query.filter("order_returns.order_id = ?", filter.order_id.map(Uuid::from));
    query.filter("order_returns.status = ?", filter.status.map(Word::word));
    query
}

/// The list of returns.
pub(super) fn list() -> List<ReturnSort, Return> {
    List {
        columns: Return::columns().to_owned(),
        key: |key| match key {
            ReturnSort::CreatedAt => Some(Key::Time("order_returns.created_at")),
        },
        id: "order_returns.id",
        read: Return::read,
    }
}
