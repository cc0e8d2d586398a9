//! Carts, with their lines in a column: a cart is read and written as a whole.

use async_trait::async_trait;
use rusqlite::params;
use shop_core::batch::Change;
use shop_core::cart::{Cart, CartRepository};
use shop_core::clock::Timestamp;
use shop_core::id::{CartId, UserId};
use shop_core::store::StoreResult;

use crate::SqliteStore;
use crate::encoded::EncodedWrite;
use crate::record::{self, Changed, record};
use crate::rows::{Id, at};

record!(Cart, fixed: ["customer_id"]);

impl Changed for Cart {
    fn encode(change: &Change<Self>) -> Option<EncodedWrite> {
        record::encode(change)
    }
}

#[async_trait]
impl CartRepository for SqliteStore {
    async fn cart(&self, id: CartId) -> StoreResult<Option<Cart>> {
        self.readers().point(|connection| record::lookup(connection, id))
    }

    async fn guest_carts_unchanged_since(&self, before: Timestamp, limit: u32) -> StoreResult<Vec<Cart>> {
        self.readers().point(|connection| {
            // A cart cannot change before it is created; this lets the index on `created_at` be used.
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
