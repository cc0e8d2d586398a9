//! What orders read and write.

use async_trait::async_trait;

use super::model::{Draft, DraftSort, HistoryEntry, Order, OrderFilter, OrderSort, Return, ReturnFilter, ReturnSort};
use crate::batch::Change;
use crate::clock::Timestamp;
use crate::id::{CartId, DraftId, OrderId, ReturnId};
use crate::page::{Page, PageRequest};
use crate::store::StoreResult;

/// Reads of orders.
///
/// # Contract
/// Every read sees all that was committed before it began. An order always comes with its lines, in their order.
#[async_trait]
pub trait OrdersRepository: Send + Sync {
    /// The order with this id.
    async fn order(&self, id: OrderId) -> StoreResult<Option<Order>>;
    /// The order with this number.
    async fn order_by_number(&self, number: &str) -> StoreResult<Option<Order>>;
    /// The order that a cart became.
    async fn order_of_cart(&self, cart: CartId) -> StoreResult<Option<Order>>;
    /// The orders of a list.
    async fn list_orders(&self, filter: &OrderFilter, page: &PageRequest<OrderSort>) -> StoreResult<Page<Order>>;
    /// The timeline of an order, oldest first.
    async fn history(&self, order: OrderId) -> StoreResult<Vec<HistoryEntry>>;
    /// Placed orders whose hold ended at or before `now`, the longest overdue first (then by id), at most `limit`.
    async fn overdue_orders(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<OrderId>>;
    /// Orders of guests with this folded address, by id, at most `limit`.
    async fn guest_orders(&self, email_key: &str, limit: u32) -> StoreResult<Vec<Order>>;
    /// The draft with this id.
    async fn draft(&self, id: DraftId) -> StoreResult<Option<Draft>>;
    /// The drafts of a list.
    async fn list_drafts(&self, page: &PageRequest<DraftSort>) -> StoreResult<Page<Draft>>;
    /// The return with this id.
    async fn order_return(&self, id: ReturnId) -> StoreResult<Option<Return>>;
    /// Every return of these orders, oldest first over all of them.
    async fn returns_of_orders(&self, orders: &[OrderId]) -> StoreResult<Vec<Return>>;
    /// The returns of a list.
    async fn list_returns(&self, filter: &ReturnFilter, page: &PageRequest<ReturnSort>) -> StoreResult<Page<Return>>;
}

/// Writes of orders.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a batch holds a handful of writes, each moved once or twice")]
pub enum OrdersWrite {
    /// A new entry of a timeline.
    History(HistoryEntry),
}
