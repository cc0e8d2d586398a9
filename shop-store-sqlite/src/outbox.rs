//! Events, deliveries, and the answers kept under idempotency keys.

use std::sync::LazyLock;

use async_trait::async_trait;
use rusqlite::{Connection, params};
use shop_core::batch::{Conflict, Entity, Unique};
use shop_core::clock::Timestamp;
use shop_core::id::DeliveryId;
use shop_core::idempotency::{Answer, AnswerKey};
use shop_core::outbox::{Delivery, Event, OutboxRepository, OutboxWrite};
use shop_core::store::StoreResult;
use shop_core::word::Word as _;

use crate::SqliteStore;
use crate::commit::{Applied, unless_taken};
use crate::record::{self, Record, Shape, Table};
use crate::rows::{Columns, Json, Values, at, id, prepare};

static DELIVERIES: LazyLock<Table> = LazyLock::new(|| {
    Table::new(Shape {
        name: "deliveries",
        columns: &[
            "id",
            "receiver",
            "thing",
            "content",
            "status",
            "attempts",
            "due_at",
            "last_error",
            "created_at",
            "version",
        ],
        derived: &[],
        fixed: &["receiver", "thing", "created_at"],
        uniques: &[],
        deletable: true,
    })
});

impl Record for Delivery {
    fn table() -> &'static Table {
        &DELIVERIES
    }

    fn write(&self, values: &mut Values<'_, '_>) -> rusqlite::Result<()> {
        values.put(id(self.id))?.put(&self.receiver)?.put(id(self.thing))?.put(Json(&self.content))?;
        values.put(self.status.word())?.put(self.attempts)?.put(at(self.due_at))?.put(&self.last_error)?;
        values.put(at(self.created_at))?.put(self.version)?;
        Ok(())
    }

    fn read(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: columns.id()?,
            receiver: columns.take()?,
            thing: columns.id()?,
            content: columns.json()?,
            status: columns.word()?,
            attempts: columns.take()?,
            due_at: columns.at()?,
            last_error: columns.take()?,
            created_at: columns.at()?,
            version: columns.take()?,
        })
    }
}

/// The oldest pending delivery per receiver and thing; the others wait their turn.
const FIRST_IN_LINE: &str = "status = 'pending' AND NOT EXISTS (SELECT 1 FROM deliveries AS older
    WHERE older.status = 'pending' AND older.receiver = deliveries.receiver AND older.thing = deliveries.thing
        AND older.id < deliveries.id)";

/// Applies a write of the outbox.
pub(crate) fn apply(connection: &Connection, write: &OutboxWrite) -> Applied {
    match write {
        OutboxWrite::Event(event) => {
            let sql = "INSERT INTO events (id, kind, thing, data, at) VALUES (?1, ?2, ?3, ?4, ?5)";
            let (key, thing) = (id(event.id), id(event.thing));
            let done = record::execute(
                connection,
                sql,
                &[&key, &event.kind.word(), &thing, &Json(&event.data), &at(event.at)],
            );
            unless_taken(done, Unique::Id(Entity::Event))?;
            Ok(())
        }
        OutboxWrite::Relayed(event) => {
            let sql = "UPDATE events SET relayed = 1 WHERE id = ?1 AND relayed = 0";
            match record::execute(connection, sql, &[&id(*event)])? {
                0 => Err(Conflict::Stale(Entity::Event, event.0).into()),
                _ => Ok(()),
            }
        }
        OutboxWrite::Delivery(change) => record::change(connection, change),
    }
}

/// Keeps the answer to an idempotent call.
pub(crate) fn insert_answer(connection: &Connection, answer: &Answer) -> Applied {
    let sql = "INSERT INTO answers (caller, operation, key, fingerprint, outcome, created_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let AnswerKey { caller, operation, key } = &answer.key;
    let done = record::execute(
        connection,
        sql,
        &[caller, operation, key, &answer.fingerprint, &answer.outcome, &at(answer.created_at)],
    );
    unless_taken(done, Unique::Answer)?;
    Ok(())
}

#[async_trait]
impl OutboxRepository for SqliteStore {
    async fn unrelayed_events(&self, limit: u32) -> StoreResult<Vec<Event>> {
        self.readers()
            .list(move |connection| {
                let sql = "SELECT id, kind, thing, data, at FROM events WHERE relayed = 0 ORDER BY id LIMIT ?1";
                let mut statement = prepare(connection, sql)?;
                let mut rows = statement.query([limit])?;
                let mut events = Vec::new();
                while let Some(row) = rows.next()? {
                    let mut columns = Columns::new(row);
                    events.push(Event {
                        id: columns.id()?,
                        kind: columns.word()?,
                        thing: columns.id()?,
                        data: columns.json()?,
                        at: columns.at()?,
                    });
                }
                Ok(events)
            })
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
                rows.next()?.map(|row| Columns::new(row).at()).transpose()
            })
            .await
    }

    async fn delivery(&self, id: DeliveryId) -> StoreResult<Option<Delivery>> {
        self.readers().point(|connection| record::lookup(connection, id))
    }

    async fn answer(&self, key: &AnswerKey) -> StoreResult<Option<Answer>> {
        self.readers().point(|connection| {
            let sql = "SELECT fingerprint, outcome, created_at FROM answers
                WHERE caller = ?1 AND operation = ?2 AND key = ?3";
            let mut statement = prepare(connection, sql)?;
            let mut rows = statement.query([&key.caller, &key.operation, &key.key])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            let mut columns = Columns::new(row);
            Ok(Some(Answer {
                key: key.clone(),
                fingerprint: columns.take()?,
                outcome: columns.take()?,
                created_at: columns.at()?,
            }))
        })
    }
}
