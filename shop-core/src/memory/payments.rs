//! Payments and refunds.

use async_trait::async_trait;

use super::TableStore;
use super::engine::Engine;
use super::state::{UniqueKey, VersionedRow};
use crate::clock::Timestamp;
use crate::id::{OrderId, PaymentId};
use crate::model::payments::{Payment, PaymentFilter, PaymentSort};
use crate::page::paging::page;
use crate::page::{Page, PageRequest};
use crate::store::{PaymentsRepository, StoreResult};

impl VersionedRow for Payment {
    fn keys(&self) -> Vec<UniqueKey> {
        let refunds = self.refunds.iter().map(|refund| UniqueKey::Refund(refund.id));
        refunds.chain(self.state.is_live().then_some(UniqueKey::LivePayment(self.order_id))).collect()
    }
}

#[async_trait]
impl<E: Engine> PaymentsRepository for TableStore<E> {
    async fn payment(&self, id: PaymentId) -> StoreResult<Option<Payment>> {
        self.read(|state| state.payments.get(&id.0))
    }

    async fn payments_of_orders(&self, orders: &[OrderId]) -> StoreResult<Vec<Payment>> {
        self.read(|state| state.payments.select(|payment| orders.contains(&payment.order_id)))
    }

    async fn payment_by_reference(&self, gateway: &str, reference: &str) -> StoreResult<Option<Payment>> {
        let is_it =
            |payment: &Payment| payment.gateway == gateway && payment.gateway_reference.as_deref() == Some(reference);
        Ok(self.read(|state| state.payments.select(is_it))?.into_iter().next())
    }

    async fn payments_due_for_poll(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<Payment>> {
        let due = |payment: &Payment| payment.remote.poll_at.is_some_and(|at| at <= now);
        let mut due = self.read(|state| state.payments.select(due))?;
        due.sort_by_key(|payment| (payment.remote.poll_at, payment.id));
        due.truncate(limit as usize);
        Ok(due)
    }

    async fn list_payments(
        &self,
        filter: &PaymentFilter,
        request: &PageRequest<PaymentSort>,
    ) -> StoreResult<Page<Payment>> {
        let wanted = |payment: &Payment| {
            filter.order_id.is_none_or(|order| payment.order_id == order)
                && filter.state.is_none_or(|state| payment.state == state)
                && filter.gateway.as_ref().is_none_or(|gateway| payment.gateway == *gateway)
        };
        self.read(|state| Ok(page(state.payments.select(wanted)?, request)))
    }
}
