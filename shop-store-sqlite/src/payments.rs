//! Payments and their refunds.

use async_trait::async_trait;
use rusqlite::types::Value;
use shop_core::batch::{Change, Conflict, Entity, Unique};
use shop_core::clock::Timestamp;
use shop_core::id::{OrderId, PaymentId};
use shop_core::page::{Page, PageRequest};
use shop_core::payments::{Payment, PaymentFilter, PaymentSort, PaymentsRepository, Refund};
use shop_core::row::Row as _;
use shop_core::store::StoreResult;
use shop_core::string_enum::StringEnum as _;

use crate::SqliteStore;
use crate::commit::{ApplyError, ApplyResult};
use crate::encoded::{EncodedRow, EncodedWrite};
use crate::list_counts::{self, CountChanges, Keys};
use crate::paging::{ListQuery, QueryBuilder};
use crate::record::{self, Changed, Put, record};
use crate::rows::{Id, at, id};
use crate::write_connection::WriteConnection;

record!(Refund);
record!(Payment, fixed: ["order_id", "gateway", "created_at"]; children);

impl Changed for Payment {
    fn apply(
        connection: &WriteConnection<'_>,
        tally: &mut CountChanges,
        change: &Change<Self>,
        encoded: &EncodedWrite,
    ) -> ApplyResult {
        let before = record::counted_before(connection, change, COUNTED)?;
        let (done, payment) = match change {
            Change::Insert(payment) => (record::insert(connection, payment, &encoded.row), payment),
            Change::Update(payment) => (record::update(connection, payment, &encoded.row), payment),
            Change::Delete { .. } => return Err(record::never_deleted(Entity::Payment)),
        };
        if let Err(ApplyError::Conflict(Conflict::Exists(Unique::LivePayment))) = done
            && others_refund(connection, payment)?
        {
            // Checked first: see the order of the unique keys of `Payment`.
            return Err(Conflict::Exists(Unique::OtherId).into());
        }
        done?;
        tally.changed(list_counts::CountedList::Payments, before, Some(counted(payment)));
        put_refunds(connection, payment)
    }
}

/// Reads the values by which a payment is counted.
const COUNTED: &str = "SELECT state, gateway, '' FROM payments WHERE id = ?1";

/// The values by which payments are counted.
fn counted(payment: &Payment) -> Keys {
    [payment.state.as_str().into(), payment.gateway.clone().into(), "".into()]
}

/// True if one of the refunds belongs to another payment.
fn others_refund(connection: &WriteConnection<'_>, payment: &Payment) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM refunds WHERE id = ?1 AND payment_id <> ?2";
    for refund in &payment.refunds {
        if record::exists(connection, sql, [id(refund.id), id(payment.id)])? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn put_refunds(connection: &WriteConnection<'_>, payment: &Payment) -> ApplyResult {
    // Refund ids are unique across payments; a refund of another payment is not overwritten.
    for refund in &payment.refunds {
        record::put_child(connection, Put::Either, payment.id, 0, refund, EncodedRow::NOTHING)?;
    }
    Ok(())
}

fn payments() -> ListQuery<PaymentSort, Payment> {
    ListQuery {
        columns: record::columns::<Payment>().to_owned(),
        key: |key| match key {
            PaymentSort::CreatedAt => Some("payments.created_at"),
        },
        id: "payments.id",
        read: record::whole,
    }
}

/// Payments of a gateway, in one state or any, found in the index by time alone.
fn listed_payments() -> ListQuery<PaymentSort, Payment> {
    ListQuery {
        key: |key| match key {
            PaymentSort::CreatedAt => Some("listed.created_at"),
        },
        id: "listed.id",
        ..payments()
    }
}

#[async_trait]
impl PaymentsRepository for SqliteStore {
    async fn payment(&self, id: PaymentId) -> StoreResult<Option<Payment>> {
        self.readers().snapshot(|connection| record::lookup(connection, id))
    }

    async fn payments_of_orders(&self, orders: &[OrderId]) -> StoreResult<Vec<Payment>> {
        self.readers().snapshot(|connection| {
            let mut found: Vec<Payment> = Vec::new();
            for order in orders {
                found.extend(record::select::<Payment>(connection, "WHERE order_id = ?1", [Id(order.0)])?);
            }
            found.sort_by_key(|payment| payment.id);
            found.dedup_by_key(|payment| payment.id);
            Ok(found)
        })
    }

    async fn payment_by_reference(&self, gateway: &str, reference: &str) -> StoreResult<Option<Payment>> {
        let sql = "WHERE gateway_reference = ?1 AND gateway = ?2 ORDER BY id LIMIT 1";
        self.readers().snapshot(|connection| Ok(record::select(connection, sql, [reference, gateway])?.pop()))
    }

    async fn payments_due_for_poll(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<Payment>> {
        let sql = "WHERE look_at <= ?1 ORDER BY look_at, id LIMIT ?2";
        self.readers().snapshot(|connection| record::select(connection, sql, [at(now), i64::from(limit)]))
    }

    async fn list_payments(
        &self,
        filter: &PaymentFilter,
        page: &PageRequest<PaymentSort>,
    ) -> StoreResult<Page<Payment>> {
        // An order has few payments; filtering by state alone has its own index.
        let by_gateway = filter.gateway.is_some() && filter.order_id.is_none();
        let (list, mut query, table) = if by_gateway {
            (listed_payments(), QueryBuilder::listed(Payment::TABLE.name), "listed")
        } else {
            (payments(), QueryBuilder::from(Payment::TABLE.name), Payment::TABLE.name)
        };
        let keys = [filter.state.map(|state| state.as_str().into()), filter.gateway.clone().map(Into::into), None];
        query.stored_count(self.stored_count(list_counts::CountedList::Payments, filter.is_counted().then_some(keys)));
        query.filter("payments.order_id = ?", filter.order_id.map(|order| order.0.as_bytes().to_vec()));
        // The sign keeps SQLite from using the index by state, which finds more rows than an order or a gateway has.
        let sign = if by_gateway || filter.order_id.is_some() { "+" } else { "" };
        query.filter(&format!("{sign}{table}.state = ?"), filter.state.map(|state| state.as_str().to_owned()));
        query.filter(&format!("{table}.gateway = ?"), filter.gateway.clone().map(Value::Text));
        let page = page.clone();
        self.readers().list(move |connection| list.page(connection, query, &page)).await
    }
}
