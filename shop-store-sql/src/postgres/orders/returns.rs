//! Goods that come back.

use shop_core::orders::{Return, ReturnFilter, ReturnSort};
use shop_core::word::Word;
use sqlx_core::error::Error;
use uuid::Uuid;

use crate::postgres::paging::{Key, List, Query};
use crate::postgres::rows::{Columns, Record};

impl Record for Return {
    const TABLE: &'static str = "order_returns";
    const COLUMNS: &'static str =
        "order_returns.id, order_returns.order_id, order_returns.currency, order_returns.items, order_returns.note,
        order_returns.status, order_returns.rejection, order_returns.restocked, order_returns.refund_amount,
        order_returns.amount_refunded, order_returns.created_at, order_returns.updated_at, order_returns.version";

    fn read(columns: &mut Columns<'_>) -> Result<Self, Error> {
        Ok(Self {
            id: columns.id()?,
            order_id: columns.id()?,
            currency: columns.currency()?,
            items: columns.json()?,
            note: columns.take()?,
            status: columns.word()?,
            rejection: columns.take()?,
            restocked: columns.take()?,
            refund_amount: columns.amount()?,
            amount_refunded: columns.amount()?,
            created_at: columns.at()?,
            updated_at: columns.at()?,
            version: columns.take()?,
        })
    }
}

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
        columns: Return::COLUMNS.to_owned(),
        key: |key| match key {
            ReturnSort::CreatedAt => Some(Key::Time("order_returns.created_at")),
        },
        id: "order_returns.id",
        read: Return::read,
    }
}
