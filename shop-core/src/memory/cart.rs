//! Carts.

use async_trait::async_trait;

use super::TableStore;
use super::engine::Engine;
use super::state::{UniqueKey, VersionedRow};
use crate::clock::Timestamp;
use crate::id::{CartId, UserId};
use crate::model::cart::{Cart, CartStatus};
use crate::store::{CartRepository, StoreResult};

impl VersionedRow for Cart {
    fn keys(&self) -> Vec<UniqueKey> {
        let open = self.customer_id.filter(|_| self.status == CartStatus::Open);
        open.map(UniqueKey::OpenCart).into_iter().collect()
    }
}

#[async_trait]
impl<E: Engine> CartRepository for TableStore<E> {
    async fn cart(&self, id: CartId) -> StoreResult<Option<Cart>> {
        self.read(|state| state.carts.get(&id.0))
    }

    async fn guest_carts_unchanged_since(&self, before: Timestamp, limit: u32) -> StoreResult<Vec<Cart>> {
        let is_left =
            |cart: &Cart| cart.customer_id.is_none() && cart.status != CartStatus::Ordered && cart.updated_at <= before;
        let mut carts = self.read(|state| state.carts.select(is_left))?;
        carts.sort_by_key(|cart| (cart.created_at, cart.id));
        carts.truncate(limit as usize);
        Ok(carts)
    }

    async fn open_cart_of(&self, customer: UserId) -> StoreResult<Option<Cart>> {
        self.read(|state| state.under(&state.carts, &UniqueKey::OpenCart(customer)))
    }
}
