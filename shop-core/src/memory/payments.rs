//! Payments and refunds.

use async_trait::async_trait;

use super::MemoryStore;
use super::paging::page;
use super::state::{Judged, State, UniqueKey, change, never_deleted};
use crate::id::{OrderId, PaymentId};
use crate::page::{Page, PageRequest};
use crate::payments::{Payment, PaymentFilter, PaymentSort, PaymentsRepository, PaymentsWrite};
use crate::store::StoreResult;

fn keys(payment: &Payment) -> Vec<UniqueKey> {
    let live = payment.state.is_live().then_some(UniqueKey::LivePayment(payment.order_id));
    live.into_iter().chain(payment.refunds.iter().map(|refund| UniqueKey::Refund(refund.id))).collect()
}

impl State {
    pub(super) fn write_payments(&mut self, write: &PaymentsWrite) -> Judged {
        let PaymentsWrite::Payment(payment) = write;
        never_deleted(payment)?;
        change(&mut self.payments, &mut self.uniques, payment, keys)
    }
}

#[async_trait]
impl PaymentsRepository for MemoryStore {
    async fn payment(&self, id: PaymentId) -> StoreResult<Option<Payment>> {
        Ok(self.read().payments.get(&id.0).cloned())
    }

    async fn payments_of_orders(&self, orders: &[OrderId]) -> StoreResult<Vec<Payment>> {
        let state = self.read();
        Ok(state.payments.values().filter(|payment| orders.contains(&payment.order_id)).cloned().collect())
    }

    async fn list_payments(
        &self,
        filter: &PaymentFilter,
        request: &PageRequest<PaymentSort>,
    ) -> StoreResult<Page<Payment>> {
        let wanted = |payment: &&Payment| {
            filter.order_id.is_none_or(|order| payment.order_id == order)
                && filter.state.is_none_or(|state| payment.state == state)
                && filter.gateway.as_ref().is_none_or(|gateway| payment.gateway == *gateway)
        };
        Ok(page(self.read().payments.values().filter(wanted).cloned(), request))
    }
}
