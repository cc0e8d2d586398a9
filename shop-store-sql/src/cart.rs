//! Carts, with their lines in a column: a cart is read and written as a whole. Every read is one statement.

use std::sync::Arc;

use async_trait::async_trait;
pub(crate) use shop_core::cart::Cart;
use shop_core::cart::CartRepository;
use shop_core::clock::Timestamp;
use shop_core::id::{CartId, UserId};
use shop_core::store::StoreResult;

use super::PostgresStore;
use super::pool::Pool;
use super::read::Loader;
use super::rows::{StatementArguments, at, ids, is_one_of, records, select};

/// Open carts by customer; each customer has at most one.
pub(crate) fn open_carts(pool: &Arc<Pool>) -> Loader<UserId, Arc<Cart>> {
    pool.loader(
        select::<Cart>(&format!("WHERE {} AND carts.status = 'open'", is_one_of("carts.customer_id"))),
        |asked| StatementArguments::new().put(ids(asked)),
        |rows, _| {
            let carts = records::<Cart>(rows)?.into_iter();
            Ok(carts.filter_map(|cart| Some((cart.customer_id?, Arc::new(cart)))).collect())
        },
    )
}

#[async_trait]
impl CartRepository for PostgresStore {
    async fn cart(&self, id: CartId) -> StoreResult<Option<Cart>> {
        Ok(self.loaders.carts.one(id).await?.map(Arc::unwrap_or_clone))
    }

    async fn guest_carts_unchanged_since(&self, before: Timestamp, limit: u32) -> StoreResult<Vec<Cart>> {
        // A cart cannot change before it is created; this lets the index on `created_at` be used.
        let sql = "WHERE carts.customer_id IS NULL AND carts.status <> 'ordered' AND carts.created_at <= $1
            AND carts.updated_at <= $1 ORDER BY carts.created_at, carts.id LIMIT $2";
        let values = StatementArguments::new().put(at(before)).put(i64::from(limit));
        self.pool.all(sql, values).await
    }

    async fn open_cart_of(&self, customer: UserId) -> StoreResult<Option<Cart>> {
        Ok(self.loaders.open_carts.one(customer).await?.map(Arc::unwrap_or_clone))
    }
}
