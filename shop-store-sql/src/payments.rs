//! Payments and their refunds. Every read is one statement, or two for a page by number that needs a count.

use std::sync::Arc;

use async_trait::async_trait;
use shop_core::clock::Timestamp;
use shop_core::id::{OrderId, PaymentId};
use shop_core::page::{Page, PageRequest};
pub(crate) use shop_core::payments::Payment;
use shop_core::payments::{PaymentFilter, PaymentSort, PaymentsRepository};
use shop_core::store::StoreResult;
use shop_core::string_enum::StringEnum;
use uuid::Uuid;

use super::PostgresStore;
use super::paging::{QueryBuilder, by_creation};
use super::pool::Pool;
use super::read::{Loader, grouped};
use super::rows::{ReadRow as _, StatementArguments, at, ids, is_one_of, is_storable, records, select};

/// Payments by order.
pub(crate) fn payments_by_order(pool: &Arc<Pool>) -> Loader<OrderId, Vec<Payment>> {
    pool.loader(
        select::<Payment>(&format!("WHERE {}", is_one_of("payments.order_id"))),
        |asked| StatementArguments::new().put(ids(asked)),
        |rows, _| Ok(grouped(records::<Payment>(rows)?.into_iter().map(|payment| (payment.order_id, payment)))),
    )
}

#[async_trait]
impl PaymentsRepository for PostgresStore {
    async fn payment(&self, id: PaymentId) -> StoreResult<Option<Payment>> {
        self.pool.first("WHERE payments.id = $1", StatementArguments::new().put(id.0)).await
    }

    async fn payments_of_orders(&self, orders: &[OrderId]) -> StoreResult<Vec<Payment>> {
        let found = self.loaders.payments.many(orders.to_vec()).await?;
        let mut payments: Vec<Payment> = found.into_iter().flat_map(|(_, payments)| payments).collect();
        payments.sort_by_key(|payment| payment.id);
        Ok(payments)
    }

    async fn payment_by_reference(&self, gateway: &str, reference: &str) -> StoreResult<Option<Payment>> {
        if !is_storable(gateway) || !is_storable(reference) {
            return Ok(None);
        }
        let end = "WHERE payments.gateway_reference = $1 AND payments.gateway = $2 ORDER BY payments.id LIMIT 1";
        self.pool.first(end, StatementArguments::new().put(reference).put(gateway)).await
    }

    async fn payments_due_for_poll(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<Payment>> {
        let end = "WHERE payments.look_at <= $1 ORDER BY payments.look_at, payments.id LIMIT $2";
        self.pool.all(end, StatementArguments::new().put(at(now)).put(i64::from(limit))).await
    }

    async fn list_payments(
        &self,
        filter: &PaymentFilter,
        page: &PageRequest<PaymentSort>,
    ) -> StoreResult<Page<Payment>> {
        let mut query = QueryBuilder::from(Payment::TABLE);
        let keys = [filter.state.map(|state| state.as_str().to_owned()), filter.gateway.clone(), None];
        query.stored_count(self.stored_count(Payment::TABLE, filter.is_counted().then_some(keys)));
        query.filter("payments.order_id = ?", filter.order_id.map(Uuid::from));
        query.filter("payments.state = ?", filter.state.map(StringEnum::as_str));
        query.filter("payments.gateway = ?", filter.gateway.clone());
        by_creation!(Payment, "payments").page(&self.pool, query, page).await
    }
}
