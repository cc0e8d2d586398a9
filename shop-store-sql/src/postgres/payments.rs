//! Payments and their refunds. Every read is one statement; a page by number that needs a count is two.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use shop_core::clock::Timestamp;
use shop_core::id::{OrderId, PaymentId};
use shop_core::page::{Page, PageRequest};
pub(crate) use shop_core::payments::Payment;
use shop_core::payments::{Asking, PaymentFilter, PaymentSort, PaymentsRepository, Refund, RefundedTax, RemoteState};
use shop_core::secret::Sealed;
use shop_core::store::StoreResult;
use shop_core::word::Word;
use sqlx_core::error::Error;
use uuid::Uuid;

use super::PostgresStore;
use super::paging::{Key, List, Query};
use super::pool::Pool;
use super::read::Loader;
use super::rows::{Columns, Record, Values, at, ids, is_one_of, is_storable, records, select};

impl Record for Payment {
    const TABLE: &'static str = "payments";
    const COLUMNS: &'static str =
        "payments.id, payments.order_id, payments.gateway, payments.amount, payments.currency,
        payments.state, payments.amount_authorized, payments.amount_captured, payments.amount_refunded,
        payments.gateway_reference, payments.failure, payments.created_at, payments.updated_at, payments.version,
        payments.asking, payments.asking_step, payments.look_at, payments.client_secret,
        payments.mismatch, payments.confirmed_at,
        (SELECT json_agg(json_build_array(refunds.id, refunds.amount, refunds.state, refunds.reason,
            (extract(epoch FROM refunds.created_at) * 1000000)::bigint, refunds.gateway_reference, refunds.taxes)
            ORDER BY refunds.id)
            FROM refunds WHERE refunds.payment_id = payments.id)";

    fn read(columns: &mut Columns<'_>) -> Result<Self, Error> {
        let mut payment = Self {
            id: columns.id()?,
            order_id: columns.id()?,
            gateway: columns.take()?,
            amount: columns.amount()?,
            currency: columns.currency()?,
            state: columns.word()?,
            amount_authorized: columns.amount()?,
            amount_captured: columns.amount()?,
            amount_refunded: columns.amount()?,
            gateway_reference: columns.take()?,
            failure: columns.take()?,
            remote: RemoteState::default(),
            refunds: Vec::new(),
            created_at: columns.at()?,
            updated_at: columns.at()?,
            version: columns.take()?,
        };
        let asking = match columns.optional_id()? {
            Some(intent) => Some(Asking { intent, step: columns.word()? }),
            None => columns.take::<Option<String>>()?.and(None),
        };
        payment.remote = RemoteState {
            asking,
            look_at: columns.optional_at()?,
            client_secret: columns.take::<Option<String>>()?.map(Sealed::from_stored),
            mismatch: columns.take()?,
            confirmed_at: columns.optional_at()?,
        };
        for child in columns.children::<(Uuid, i64, String, String, i64, Option<String>, Vec<RefundedTax>)>()? {
            let (id, amount, state, reason, micros, gateway_reference, taxes) = child;
            let state = columns.word_of(&state)?;
            let (id, amount, created_at) = (id.into(), shop_core::money::Amount(amount), columns.time(micros)?);
            payment.refunds.push(Refund { id, amount, state, reason, gateway_reference, created_at, taxes });
        }
        Ok(payment)
    }
}

/// Payments by their orders.
pub(crate) fn payments_by_order(pool: &Arc<Pool>) -> Loader<OrderId, Vec<Payment>> {
    let sql = select::<Payment>(&format!("WHERE {}", is_one_of("payments.order_id")));
    pool.loader(
        sql,
        |asked| Values::new().put(ids(asked)),
        |rows, _| {
            let mut found: HashMap<OrderId, Vec<Payment>> = HashMap::new();
            for payment in records::<Payment>(rows)? {
                found.entry(payment.order_id).or_default().push(payment);
            }
            Ok(found.into_iter().collect())
        },
    )
}

fn payments() -> List<PaymentSort, Payment> {
    List {
        columns: Payment::COLUMNS.to_owned(),
        key: |key| match key {
            PaymentSort::CreatedAt => Some(Key::Time("payments.created_at")),
        },
        id: "payments.id",
        read: Payment::read,
    }
}

#[async_trait]
impl PaymentsRepository for PostgresStore {
    async fn payment(&self, id: PaymentId) -> StoreResult<Option<Payment>> {
        self.pool.first("WHERE payments.id = $1", Values::new().put(id.0)).await
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
        self.pool.first(end, Values::new().put(reference).put(gateway)).await
    }

    async fn payments_to_look_at(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<Payment>> {
        let end = "WHERE payments.look_at <= $1 ORDER BY payments.look_at, payments.id LIMIT $2";
        self.pool.all(end, Values::new().put(at(now)).put(i64::from(limit))).await
    }

    async fn list_payments(
        &self,
        filter: &PaymentFilter,
        page: &PageRequest<PaymentSort>,
    ) -> StoreResult<Page<Payment>> {
        let mut query = Query::from(Payment::TABLE);
        let keys = [filter.state.map(|state| state.word().to_owned()), filter.gateway.clone(), None];
        query.kept(self.kept(Payment::TABLE, filter.order_id.is_none().then_some(keys)));
        query.filter("payments.order_id = ?", filter.order_id.map(Uuid::from));
        query.filter("payments.state = ?", filter.state.map(Word::word));
        query.filter("payments.gateway = ?", filter.gateway.clone());
        payments().page(&self.pool, query, page).await
    }
}
