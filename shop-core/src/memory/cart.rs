//! Carts.

use async_trait::async_trait;

use super::TableStore;
use super::engine::{Engine, WriteRows};
use super::state::{Judged, State, UniqueKey, change};
use crate::cart::{Cart, CartRepository, CartStatus, CartWrite};
use crate::clock::Timestamp;
use crate::id::{CartId, UserId};
use crate::store::StoreResult;

fn keys(cart: &Cart) -> Vec<UniqueKey> {
    let open = cart.customer_id.filter(|_| cart.status == CartStatus::Open);
    open.map(UniqueKey::OpenCart).into_iter().collect()
}

impl<T: WriteRows> State<'_, T> {
    pub(super) fn write_cart(&mut self, write: &CartWrite) -> Judged {
        let CartWrite::Cart(cart) = write;
        change(&mut self.carts, &mut self.uniques, cart, keys)
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
