//! Orders and their history.

use async_trait::async_trait;

use super::TableStore;
use super::engine::{Engine, WriteRows};
use super::state::{Judged, State, UniqueKey, VersionedRow, insert, write};
use crate::batch::{Change, OrdersWrite};
use crate::clock::Timestamp;
use crate::id::{CartId, DraftId, OrderId, ReturnId};
use crate::model::orders::{
    Draft, DraftSort, HistoryEntry, Order, OrderFilter, OrderSort, OrderStatus, Return, ReturnFilter, ReturnSort,
};
use crate::page::paging::page;
use crate::page::{Page, PageRequest};
use crate::store::{OrdersRepository, StoreResult};

impl VersionedRow for Order {
    fn keys(&self) -> Vec<UniqueKey> {
        vec![UniqueKey::OrderNumber(self.number.clone()), UniqueKey::OrderOfCart(self.cart_id)]
    }

    fn write<T: WriteRows>(state: &mut State<'_, T>, change: &Change<Self>) -> Judged {
        let Change::Update(order) = change else { return write(state, change) };
        let mut order = order.clone();
        if let Some(stored) = state.orders.get(&order.id.0)? {
            order.items = stored.items;
        }
        write(state, &Change::Update(order))
    }
}

impl VersionedRow for Draft {}
impl VersionedRow for Return {}

impl<T: WriteRows> State<'_, T> {
    pub(super) fn write_orders(&mut self, write: &OrdersWrite) -> Judged {
        let OrdersWrite::History(entry) = write;
        insert(&mut self.history, entry.id.0, entry.clone())
    }
}

#[async_trait]
impl<E: Engine> OrdersRepository for TableStore<E> {
    async fn order(&self, id: OrderId) -> StoreResult<Option<Order>> {
        self.read(|state| state.orders.get(&id.0))
    }

    async fn order_by_number(&self, number: &str) -> StoreResult<Option<Order>> {
        self.read(|state| state.under(&state.orders, &UniqueKey::OrderNumber(number.to_owned())))
    }

    async fn order_of_cart(&self, cart: CartId) -> StoreResult<Option<Order>> {
        self.read(|state| state.under(&state.orders, &UniqueKey::OrderOfCart(cart)))
    }

    async fn list_orders(&self, filter: &OrderFilter, request: &PageRequest<OrderSort>) -> StoreResult<Page<Order>> {
        let is_found = |order: &Order| {
            let text = order.search_text();
            filter.search.iter().all(|term| text.contains(term))
        };
        let wanted = |order: &Order| {
            filter.customer_id.is_none_or(|customer| order.customer_id == Some(customer))
                && filter.status.is_none_or(|status| order.status == status)
                && filter.payment_status.is_none_or(|status| order.payment_status == status)
                && filter.fulfillment_status.is_none_or(|status| order.fulfillment_status == status)
                && filter.email_key.as_ref().is_none_or(|email| order.email_key == *email)
                && filter.placed_after.is_none_or(|after| order.placed_at >= after)
                && filter.placed_before.is_none_or(|before| order.placed_at <= before)
                && filter.number.as_ref().is_none_or(|number| order.number == *number)
                && (filter.search.is_empty() || is_found(order))
        };
        self.read(|state| Ok(page(state.orders.select(wanted)?, request)))
    }

    async fn history(&self, order: OrderId) -> StoreResult<Vec<HistoryEntry>> {
        self.read(|state| state.history.select(|entry| entry.order_id == order))
    }

    async fn overdue_orders(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<OrderId>> {
        let overdue =
            |order: &Order| order.status == OrderStatus::Placed && order.hold_until.is_some_and(|until| until <= now);
        let orders = self.read(|state| state.orders.select(overdue))?;
        let mut overdue: Vec<_> = orders.into_iter().map(|order| (order.hold_until, order.id)).collect();
        overdue.sort_unstable();
        Ok(overdue.into_iter().take(limit as usize).map(|(_, id)| id).collect())
    }

    async fn guest_orders(&self, email_key: &str, limit: u32) -> StoreResult<Vec<Order>> {
        let of_guest = |order: &Order| order.customer_id.is_none() && order.email_key == email_key;
        let mut orders = self.read(|state| state.orders.select(of_guest))?;
        orders.sort_by_key(|order| order.id);
        orders.truncate(limit as usize);
        Ok(orders)
    }

    async fn draft(&self, id: DraftId) -> StoreResult<Option<Draft>> {
        self.read(|state| state.drafts.get(&id.0))
    }

    async fn list_drafts(&self, request: &PageRequest<DraftSort>) -> StoreResult<Page<Draft>> {
        self.read(|state| Ok(page(state.drafts.select(|_| true)?, request)))
    }

    async fn order_return(&self, id: ReturnId) -> StoreResult<Option<Return>> {
        self.read(|state| state.returns.get(&id.0))
    }

    async fn returns_of_orders(&self, orders: &[OrderId]) -> StoreResult<Vec<Return>> {
        self.read(|state| state.returns.select(|returned| orders.contains(&returned.order_id)))
    }

    async fn list_returns(
        &self,
        filter: &ReturnFilter,
        request: &PageRequest<ReturnSort>,
    ) -> StoreResult<Page<Return>> {
        let wanted = |returned: &Return| {
            filter.order_id.is_none_or(|order| returned.order_id == order)
                && filter.status.is_none_or(|status| returned.status == status)
        };
        self.read(|state| Ok(page(state.returns.select(wanted)?, request)))
    }
}
