//! Reads of orders.

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::id::{CartId, DraftId, OrderId, ReturnId};
use crate::model::orders::{
    Draft, DraftSort, HistoryEntry, Order, OrderFilter, OrderSort, Return, ReturnFilter, ReturnSort,
};
use crate::page::{Page, PageRequest};
use crate::store::StoreResult;

/// Reads of orders.
///
/// # Contract
/// Every read sees everything that was committed before it started. An order always includes its lines, in order.
#[async_trait]
pub trait OrdersRepository: Send + Sync {
    /// The order with this id.
    async fn order(&self, id: OrderId) -> StoreResult<Option<Order>>;
    /// The order with this number.
    async fn order_by_number(&self, number: &str) -> StoreResult<Option<Order>>;
    /// The order that was placed from this cart.
    async fn order_of_cart(&self, cart: CartId) -> StoreResult<Option<Order>>;
    /// A page of orders.
    async fn list_orders(&self, filter: &OrderFilter, page: &PageRequest<OrderSort>) -> StoreResult<Page<Order>>;
    /// The timeline of an order, oldest first.
    async fn history(&self, order: OrderId) -> StoreResult<Vec<HistoryEntry>>;
    /// Placed orders whose hold ended at or before `now`: at most `limit`, the longest overdue first, then by id.
    async fn overdue_orders(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<OrderId>>;
    /// Guest orders with this normalized e-mail address: at most `limit`, by id.
    async fn guest_orders(&self, email_key: &str, limit: u32) -> StoreResult<Vec<Order>>;
    /// The draft with this id.
    async fn draft(&self, id: DraftId) -> StoreResult<Option<Draft>>;
    /// A page of drafts.
    async fn list_drafts(&self, page: &PageRequest<DraftSort>) -> StoreResult<Page<Draft>>;
    /// The return with this id.
    async fn order_return(&self, id: ReturnId) -> StoreResult<Option<Return>>;
    /// All returns of these orders, oldest first over all orders.
    async fn returns_of_orders(&self, orders: &[OrderId]) -> StoreResult<Vec<Return>>;
    /// A page of returns.
    async fn list_returns(&self, filter: &ReturnFilter, page: &PageRequest<ReturnSort>) -> StoreResult<Page<Return>>;
}
