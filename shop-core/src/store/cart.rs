//! Reads of carts.

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::id::{CartId, UserId};
use crate::model::cart::Cart;
use crate::store::StoreResult;

/// Reads of carts.
///
/// # Contract
/// Every read sees everything that was committed before it began.
#[async_trait]
pub trait CartRepository: Send + Sync {
    /// The cart with this id, whatever its status.
    async fn cart(&self, id: CartId) -> StoreResult<Option<Cart>>;
    /// Guest carts that are not ordered and were last changed at `before` or earlier, oldest created first, at most
    /// `limit`.
    async fn guest_carts_unchanged_since(&self, before: Timestamp, limit: u32) -> StoreResult<Vec<Cart>>;
    /// The open cart of a customer.
    async fn open_cart_of(&self, customer: UserId) -> StoreResult<Option<Cart>>;
}
