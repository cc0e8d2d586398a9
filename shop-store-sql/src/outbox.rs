//! Events, deliveries, and idempotency records. Every read is one statement.

use std::sync::Arc;

use async_trait::async_trait;
use shop_core::clock::Timestamp;
use shop_core::id::DeliveryId;
pub(crate) use shop_core::idempotency::{IdempotencyRecord, IdempotencyRecordKey};
use shop_core::outbox::{Delivery, DeliveryFilter, DeliverySort, DeliveryStatus, Event, MAIL, OutboxRepository};
use shop_core::page::{Page, PageRequest};
use shop_core::store::StoreResult;
use shop_core::string_enum::StringEnum;

use super::PostgresStore;
use super::paging::{QueryBuilder, by_creation};
use super::pool::Pool;
use super::read::Loader;
use super::rows::{ReadRow as _, StatementArguments, at, is_storable, records};

/// Idempotency records by key.
pub(crate) fn idempotency_records(pool: &Arc<Pool>) -> Loader<IdempotencyRecordKey, IdempotencyRecord> {
    let sql = format!(
        "SELECT {} FROM unnest($1::text[], $2::text[], $3::text[]) AS asked (caller, operation, key)
            JOIN answers ON answers.caller = asked.caller AND answers.operation = asked.operation
                AND answers.key = asked.key",
        IdempotencyRecord::columns()
    );
    let bind = |asked: &[IdempotencyRecordKey]| {
        let column = |part: fn(&IdempotencyRecordKey) -> &String| asked.iter().map(part).collect::<Vec<_>>();
        let (callers, operations) = (column(|key| &key.caller), column(|key| &key.operation));
        StatementArguments::new().put(callers).put(operations).put(column(|key| &key.key))
    };
    pool.loader(sql, bind, |rows, _| {
        let found: Vec<IdempotencyRecord> = records(rows)?;
        Ok(found.into_iter().map(|record| (record.key.clone(), record)).collect())
    })
}

/// The oldest pending delivery per receiver and subject; later ones must wait.
const FIRST_IN_LINE: &str = "deliveries.status = 'pending' AND NOT EXISTS (SELECT 1 FROM deliveries AS older
    WHERE older.status = 'pending' AND older.receiver = deliveries.receiver AND older.thing = deliveries.thing
        AND older.id < deliveries.id)";

#[async_trait]
impl OutboxRepository for PostgresStore {
    async fn unrelayed_events(&self, limit: u32) -> StoreResult<Vec<Event>> {
        let end = "WHERE NOT events.relayed ORDER BY events.id LIMIT $1";
        self.pool.all(end, StatementArguments::new().put(i64::from(limit))).await
    }

    async fn due_deliveries(&self, receiver: &str, now: Timestamp, limit: u32) -> StoreResult<Vec<Delivery>> {
        if !is_storable(receiver) {
            return Ok(Vec::new());
        }
        let end = format!(
            "WHERE deliveries.receiver = $1 AND deliveries.due_at <= $2 AND {FIRST_IN_LINE} ORDER BY deliveries.id LIMIT $3"
        );
        self.pool.all(&end, StatementArguments::new().put(receiver).put(at(now)).put(i64::from(limit))).await
    }

    async fn next_due(&self, receiver: &str) -> StoreResult<Option<Timestamp>> {
        if !is_storable(receiver) {
            return Ok(None);
        }
        let sql = format!(
            "SELECT deliveries.due_at FROM deliveries WHERE deliveries.receiver = $1 AND {FIRST_IN_LINE}
                ORDER BY deliveries.due_at LIMIT 1"
        );
        Ok(self.pool.times(sql, StatementArguments::new().put(receiver)).await?.pop())
    }

    async fn delivery(&self, id: DeliveryId) -> StoreResult<Option<Delivery>> {
        self.pool.first("WHERE deliveries.id = $1", StatementArguments::new().put(id.0)).await
    }

    async fn list_deliveries(
        &self,
        filter: &DeliveryFilter,
        page: &PageRequest<DeliverySort>,
    ) -> StoreResult<Page<Delivery>> {
        let mut query = QueryBuilder::from("deliveries");
        query.filter("deliveries.receiver = ?", Some(filter.receiver.clone()));
        // Spelled as in the conditions of the partial indexes, so that a plan for any receiver and status uses them
        // too.
        if filter.receiver != MAIL {
            query.is("deliveries.receiver <> 'mail'");
        }
        match filter.status {
            Some(DeliveryStatus::Dead) => query.is("deliveries.status = 'dead'"),
            status => query.filter("deliveries.status = ?", status.map(StringEnum::as_str)),
        }
        by_creation!(Delivery, "deliveries").page(&self.pool, query, page).await
    }

    async fn idempotency_record(&self, key: &IdempotencyRecordKey) -> StoreResult<Option<IdempotencyRecord>> {
        let IdempotencyRecordKey { caller, operation, key: own } = key;
        if ![caller, operation, own].iter().all(|text| is_storable(text)) {
            return Ok(None);
        }
        self.loaders.idempotency_records.one(key.clone()).await
    }
}
