//! Carts, their lines in a column: a cart is read and written as one.

use std::sync::LazyLock;

use async_trait::async_trait;
use rusqlite::{Connection, params};
use shop_core::batch::Unique;
use shop_core::cart::{Cart, CartRepository, CartWrite};
use shop_core::clock::Timestamp;
use shop_core::id::{CartId, UserId};
use shop_core::store::StoreResult;
use shop_core::word::Word as _;

use crate::SqliteStore;
use crate::commit::Applied;
use crate::record::{self, Record, Shape, Table};
use crate::rows::{Columns, Id, Values, at, id, optional_id};

static CARTS: LazyLock<Table> = LazyLock::new(|| {
    Table::new(Shape {
        name: "carts",
        columns: &[
            "id",
            "customer_id",
            "currency",
            "status",
            "items",
            "coupons",
            "created_at",
            "updated_at",
            "version",
        ],
        derived: &[],
        fixed: &["customer_id"],
        uniques: &[(
            Unique::OpenCart,
            "old.status = 'open' AND new.status = 'open' AND old.customer_id = new.customer_id",
        )],
        deletable: true,
    })
});

impl Record for Cart {
    fn table() -> &'static Table {
        &CARTS
    }

    fn write(&self, values: &mut Values<'_, '_>) -> rusqlite::Result<()> {
        values.put(id(self.id))?.put(optional_id(self.customer_id))?.put(self.currency.code())?;
        values.put(self.status.word())?.json(&self.items)?.json(&self.coupons)?;
        values.put(at(self.created_at))?.put(at(self.updated_at))?.put(self.version)?;
        Ok(())
    }

    fn read(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: columns.id()?,
            customer_id: columns.optional_id()?,
            currency: columns.currency()?,
            status: columns.word()?,
            items: columns.json()?,
            coupons: columns.json()?,
            created_at: columns.at()?,
            updated_at: columns.at()?,
            version: columns.take()?,
        })
    }
}

/// Applies a write of carts.
pub(crate) fn apply(connection: &Connection, write: &CartWrite, texts: &[String]) -> Applied {
    match write {
        CartWrite::Cart(change) => record::change(connection, change, texts),
    }
}

/// What of a write of carts is JSON.
pub(crate) fn texts(write: &CartWrite) -> Vec<String> {
    match write {
        CartWrite::Cart(change) => record::texts(change),
    }
}

#[async_trait]
impl CartRepository for SqliteStore {
    async fn cart(&self, id: CartId) -> StoreResult<Option<Cart>> {
        self.readers().point(|connection| record::lookup(connection, id))
    }

    async fn guest_carts_unchanged_since(&self, before: Timestamp, limit: u32) -> StoreResult<Vec<Cart>> {
        self.readers().point(|connection| {
            // A cart is not changed before it is made: `created_at` is what the index has.
            let sql = "WHERE customer_id IS NULL AND status <> 'ordered' AND created_at <= ?1 AND updated_at <= ?1
                ORDER BY created_at, id LIMIT ?2";
            record::select(connection, sql, params![at(before), limit])
        })
    }

    async fn open_cart_of(&self, customer: UserId) -> StoreResult<Option<Cart>> {
        self.readers().point(|connection| {
            record::find(connection, "WHERE customer_id = ?1 AND status = 'open'", [Id(customer.0)])
        })
    }
}
