//! Orders and their history.

use async_trait::async_trait;

use super::MemoryStore;
use super::paging::page;
use super::state::{Judged, State, UniqueKey, change, insert, never_deleted};
use crate::batch::Change;
use crate::clock::Timestamp;
use crate::id::{CartId, OrderId};
use crate::orders::{HistoryEntry, Order, OrderFilter, OrderSort, OrderStatus, OrdersRepository, OrdersWrite};
use crate::page::{Page, PageRequest};
use crate::store::StoreResult;

fn keys(order: &Order) -> Vec<UniqueKey> {
    vec![UniqueKey::OrderNumber(order.number.clone()), UniqueKey::OrderOfCart(order.cart_id)]
}

impl State {
    pub(super) fn write_orders(&mut self, write: &OrdersWrite) -> Judged {
        match write {
            OrdersWrite::Order(Change::Update(order)) => {
                let mut order = order.clone();
                if let Some(stored) = self.orders.get(&order.id.0) {
                    order.items.clone_from(&stored.items);
                }
                change(&mut self.orders, &mut self.uniques, &Change::Update(order), keys)
            }
            OrdersWrite::Order(order) => {
                never_deleted(order)?;
                change(&mut self.orders, &mut self.uniques, order, keys)
            }
            OrdersWrite::History(entry) => insert(&mut self.history, entry.id.0, entry.clone()),
        }
    }
}

#[async_trait]
impl OrdersRepository for MemoryStore {
    async fn order(&self, id: OrderId) -> StoreResult<Option<Order>> {
        Ok(self.read().orders.get(&id.0).cloned())
    }

    async fn order_of_cart(&self, cart: CartId) -> StoreResult<Option<Order>> {
        let state = self.read();
        let id = state.uniques.get(&UniqueKey::OrderOfCart(cart));
        Ok(id.and_then(|id| state.orders.get(id)).cloned())
    }

    async fn list_orders(&self, filter: &OrderFilter, request: &PageRequest<OrderSort>) -> StoreResult<Page<Order>> {
        let wanted = |order: &&Order| {
            filter.customer_id.is_none_or(|customer| order.customer_id == Some(customer))
                && filter.status.is_none_or(|status| order.status == status)
                && filter.payment_status.is_none_or(|status| order.payment_status == status)
                && filter.fulfillment_status.is_none_or(|status| order.fulfillment_status == status)
                && filter.email_key.as_ref().is_none_or(|email| order.email_key == *email)
                && filter.placed_after.is_none_or(|after| order.placed_at >= after)
                && filter.placed_before.is_none_or(|before| order.placed_at <= before)
        };
        Ok(page(self.read().orders.values().filter(wanted).cloned(), request))
    }

    async fn history(&self, order: OrderId) -> StoreResult<Vec<HistoryEntry>> {
        Ok(self.read().history.values().filter(|entry| entry.order_id == order).cloned().collect())
    }

    async fn overdue_orders(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<OrderId>> {
        let state = self.read();
        let placed = state.orders.values().filter(|order| order.status == OrderStatus::Placed);
        let mut overdue: Vec<_> = placed
            .filter_map(|order| order.hold_until.map(|until| (until, order.id)))
            .filter(|(until, _)| *until <= now)
            .collect();
        overdue.sort_unstable();
        Ok(overdue.into_iter().take(limit as usize).map(|(_, id)| id).collect())
    }
}
