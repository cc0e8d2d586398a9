//! Events, deliveries, and idempotency records.

use async_trait::async_trait;
use rusqlite::params;
use shop_core::batch::{Change, Conflict, Entity};
use shop_core::clock::Timestamp;
use shop_core::id::DeliveryId;
use shop_core::idempotency::{IdempotencyRecord, IdempotencyRecordKey};
use shop_core::outbox::{
    Delivery, DeliveryFilter, DeliverySort, DeliveryStatus, Event, MAIL, OutboxRepository, OutboxWrite,
};
use shop_core::page::{Page, PageRequest};
use shop_core::row::Source as _;
use shop_core::store::StoreResult;
use shop_core::string_enum::StringEnum as _;

use crate::SqliteStore;
use crate::commit::ApplyResult;
use crate::encoded::{EncodedRow, EncodedWrite};
use crate::paging::{ListQuery, QueryBuilder};
use crate::record::{self, Changed, record};
use crate::rows::{ColumnReader, at, id, prepare};
use crate::write_connection::WriteConnection;

record!(Delivery, fixed: ["receiver", "thing", "created_at"]);

record!(Event);
record!(IdempotencyRecord);

/// The oldest pending delivery per receiver and subject; later ones must wait.
const FIRST_IN_LINE: &str = "status = 'pending' AND NOT EXISTS (SELECT 1 FROM deliveries AS older
    WHERE older.status = 'pending' AND older.receiver = deliveries.receiver AND older.thing = deliveries.thing
        AND older.id < deliveries.id)";

impl Changed for Delivery {
    fn encode(change: &Change<Self>) -> Option<EncodedWrite> {
        record::encode(change)
    }
}

/// Applies a write of the outbox.
pub(crate) fn apply(connection: &WriteConnection<'_>, write: &OutboxWrite, encoded: &EncodedWrite) -> ApplyResult {
    match write {
        OutboxWrite::Event(event) => record::add(connection, event, &encoded.row),
        OutboxWrite::Relayed(event) => {
            let sql = "UPDATE events SET relayed = 1 WHERE id = ?1 AND relayed = 0";
            match record::execute(connection, sql, &[&id(*event)])? {
                0 => Err(Conflict::Stale(Entity::Event, event.0).into()),
                _ => Ok(()),
            }
        }
    }
}

/// Encodes a write of the outbox.
pub(crate) fn encode(write: &OutboxWrite) -> Option<EncodedWrite> {
    match write {
        OutboxWrite::Event(event) => Some(EncodedWrite::of_row(event)),
        OutboxWrite::Relayed(_) => None,
    }
}

/// Stores an idempotency record.
pub(crate) fn insert_idempotency_record(connection: &WriteConnection<'_>, row: &IdempotencyRecord) -> ApplyResult {
    record::add(connection, row, EncodedRow::NOTHING)
}

#[async_trait]
impl OutboxRepository for SqliteStore {
    async fn unrelayed_events(&self, limit: u32) -> StoreResult<Vec<Event>> {
        self.readers()
            .list(move |connection| record::select(connection, "WHERE relayed = 0 ORDER BY id LIMIT ?1", [limit]))
            .await
    }

    async fn due_deliveries(&self, receiver: &str, now: Timestamp, limit: u32) -> StoreResult<Vec<Delivery>> {
        let receiver = receiver.to_owned();
        self.readers()
            .list(move |connection| {
                let end = format!("WHERE receiver = ?1 AND due_at <= ?2 AND {FIRST_IN_LINE} ORDER BY id LIMIT ?3");
                record::select(connection, &end, params![receiver, at(now), limit])
            })
            .await
    }

    async fn next_due(&self, receiver: &str) -> StoreResult<Option<Timestamp>> {
        let receiver = receiver.to_owned();
        self.readers()
            .list(move |connection| {
                let sql = format!(
                    "SELECT due_at FROM deliveries WHERE receiver = ?1 AND {FIRST_IN_LINE} ORDER BY due_at LIMIT 1"
                );
                let mut statement = prepare(connection, &sql)?;
                let mut rows = statement.query([receiver])?;
                rows.next()?.map(|row| ColumnReader::new(row).take()).transpose()
            })
            .await
    }

    async fn delivery(&self, id: DeliveryId) -> StoreResult<Option<Delivery>> {
        self.readers().point(|connection| record::lookup(connection, id))
    }

    async fn list_deliveries(
        &self,
        filter: &DeliveryFilter,
        page: &PageRequest<DeliverySort>,
    ) -> StoreResult<Page<Delivery>> {
        let mut query = QueryBuilder::from("deliveries");
        query.filter("deliveries.receiver = ?", Some(filter.receiver.clone()));
        // Spelled exactly as in the conditions of the partial indexes.
        if filter.receiver != MAIL {
            query.is("deliveries.receiver <> 'mail'");
        }
        match filter.status {
            Some(DeliveryStatus::Dead) => query.is("deliveries.status = 'dead'"),
            status => query.filter("deliveries.status = ?", status.map(|status| status.as_str().to_owned())),
        }
        let page = page.clone();
        self.readers()
            .list(move |connection| {
                let list: ListQuery<_, Delivery> = ListQuery {
                    columns: record::columns::<Delivery>().to_owned(),
                    key: |key| match key {
                        DeliverySort::CreatedAt => Some("deliveries.created_at"),
                    },
                    id: "deliveries.id",
                    read: record::whole,
                };
                list.page(connection, query, &page)
            })
            .await
    }

    async fn idempotency_record(&self, key: &IdempotencyRecordKey) -> StoreResult<Option<IdempotencyRecord>> {
        self.readers().point(|connection| {
            let end = "WHERE caller = ?1 AND operation = ?2 AND key = ?3";
            record::find(connection, end, [&key.caller, &key.operation, &key.key])
        })
    }
}
