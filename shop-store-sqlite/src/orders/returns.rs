//! Goods that come back.

use std::sync::LazyLock;

use rusqlite::Connection;
use shop_core::id::OrderId;
use shop_core::orders::{Return, ReturnFilter, ReturnSort};
use shop_core::word::Word as _;

use crate::paging::{List, Query};
use crate::record::{self, Record, Shape, Table};
use crate::rows::{Columns, Id, Values, at, id};

static RETURNS: LazyLock<Table> = LazyLock::new(|| {
    Table::new(Shape {
        name: "order_returns",
        columns: &[
            "id",
            "order_id",
            "currency",
            "items",
            "note",
            "status",
            "rejection",
            "restocked",
            "refund_amount",
            "amount_refunded",
            "created_at",
            "updated_at",
            "version",
        ],
        derived: &[],
        fixed: &["order_id", "created_at"],
        uniques: &[],
        deletable: false,
    })
});

impl Record for Return {
    fn table() -> &'static Table {
        &RETURNS
    }

    fn write(&self, values: &mut Values<'_, '_>) -> rusqlite::Result<()> {
        values.put(id(self.id))?.put(id(self.order_id))?.put(self.currency.code())?.json(&self.items)?;
        values.put(&self.note)?.put(self.status.word())?.put(&self.rejection)?.put(self.restocked)?;
        values
            .put(self.refund_amount.0)?
            .put(self.amount_refunded.0)?
            .put(at(self.created_at))?
            .put(at(self.updated_at))?
            .put(self.version)?;
        Ok(())
    }

    fn read(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Self> {
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

/// Every return of these orders, oldest first.
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
pub(super) fn query(filter: &ReturnFilter) -> Query {
    let mut query = Query::from("order_returns");
    query.filter("order_returns.order_id = ?", filter.order_id.map(|order| order.0.as_bytes().to_vec()));
    query.filter("order_returns.status = ?", filter.status.map(|status| status.word().to_owned()));
    query
}

/// The list of returns.
pub(super) fn list() -> List<ReturnSort, Return> {
    List {
        columns: RETURNS.columns().to_owned(),
        key: |key| match key {
            ReturnSort::CreatedAt => Some("order_returns.created_at"),
        },
        id: "order_returns.id",
        read: record::whole,
    }
}
