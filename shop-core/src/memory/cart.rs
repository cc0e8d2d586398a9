//! Carts.

use async_trait::async_trait;

use super::MemoryStore;
use super::state::{Judged, State, UniqueKey, change, never_deleted};
use crate::cart::{Cart, CartRepository, CartStatus, CartWrite};
use crate::id::{CartId, UserId};
use crate::store::StoreResult;

fn keys(cart: &Cart) -> Vec<UniqueKey> {
    let open = cart.customer_id.filter(|_| cart.status == CartStatus::Open);
    open.map(UniqueKey::OpenCart).into_iter().collect()
}

impl State {
    pub(super) fn write_cart(&mut self, write: &CartWrite) -> Judged {
        let CartWrite::Cart(cart) = write;
        never_deleted(cart)?;
        change(&mut self.carts, &mut self.uniques, cart, keys)
    }
}

#[async_trait]
impl CartRepository for MemoryStore {
    async fn cart(&self, id: CartId) -> StoreResult<Option<Cart>> {
        Ok(self.read().carts.get(&id.0).cloned())
    }

    async fn open_cart_of(&self, customer: UserId) -> StoreResult<Option<Cart>> {
        let state = self.read();
        let id = state.uniques.get(&UniqueKey::OpenCart(customer));
        Ok(id.and_then(|id| state.carts.get(id)).cloned())
    }
}
