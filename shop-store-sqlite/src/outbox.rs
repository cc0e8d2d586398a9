//! Events, deliveries, and the answers kept under idempotency keys.

use std::sync::LazyLock;

use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{Connection, params};
use shop_core::batch::{Change, Conflict, Entity, Unique};
use shop_core::clock::Timestamp;
use shop_core::id::{DeliveryId, WebhookId};
use shop_core::idempotency::{Answer, AnswerKey};
use shop_core::outbox::{
    Delivery, DeliveryFilter, DeliverySort, DeliveryStatus, Event, MAIL, OutboxRepository, OutboxWrite, Webhook,
    WebhookSort,
};
use shop_core::page::{Page, PageRequest};
use shop_core::store::StoreResult;
use shop_core::word::Word as _;

use crate::SqliteStore;
use crate::commit::{Applied, unless_taken};
use crate::paging::{List, Query};
use crate::record::{self, Record, Shape, Table};
use crate::rows::{Columns, Values, at, id, optional_at, prepare};

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
            "response_status",
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
        values.put(id(self.id))?.put(&self.receiver)?.put(id(self.thing))?.json(&self.content)?;
        values.put(self.status.word())?.put(self.attempts)?.put(at(self.due_at))?.put(&self.last_error)?;
        values.put(at(self.created_at))?.put(self.version)?.put(self.response_status)?;
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
            response_status: columns.take()?,
        })
    }
}

static WEBHOOKS: LazyLock<Table> = LazyLock::new(|| {
    Table::new(Shape {
        name: "webhooks",
        columns: &["id", "url", "events", "active", "rotation", "rotated_at", "created_at", "updated_at", "version"],
        derived: &[],
        fixed: &[],
        uniques: &[],
        deletable: true,
    })
});

impl Record for Webhook {
    fn table() -> &'static Table {
        &WEBHOOKS
    }

    fn write(&self, values: &mut Values<'_, '_>) -> rusqlite::Result<()> {
        values.put(id(self.id))?.put(&self.url)?.json(&self.events)?.put(self.active)?.put(self.rotation)?;
        values.put(optional_at(self.rotated_at))?.put(at(self.created_at))?.put(at(self.updated_at))?;
        values.put(self.version)?;
        Ok(())
    }

    fn read(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: columns.id()?,
            url: columns.take()?,
            events: columns.json()?,
            active: columns.take()?,
            rotation: columns.take()?,
            rotated_at: columns.optional_at()?,
            created_at: columns.at()?,
            updated_at: columns.at()?,
            version: columns.take()?,
        })
    }
}

/// The oldest pending delivery per receiver and thing; the others wait their turn.
const FIRST_IN_LINE: &str = "status = 'pending' AND NOT EXISTS (SELECT 1 FROM deliveries AS older
    WHERE older.status = 'pending' AND older.receiver = deliveries.receiver AND older.thing = deliveries.thing
        AND older.id < deliveries.id)";

/// Applies a write of the outbox.
pub(crate) fn apply(connection: &Connection, write: &OutboxWrite, texts: &[String]) -> Applied {
    match write {
        OutboxWrite::Event(event) => {
            let sql = "INSERT INTO events (id, kind, thing, data, at) VALUES (?1, ?2, ?3, ?4, ?5)";
            let (key, thing) = (id(event.id), id(event.thing));
            let mut statement = prepare(connection, sql)?;
            let mut values = Values::new(&mut statement, texts);
            values.put(key)?.put(event.kind.word())?.put(thing)?.json(&event.data)?.put(at(event.at))?;
            unless_taken(statement.raw_execute(), Unique::Id(Entity::Event))?;
            Ok(())
        }
        OutboxWrite::Relayed(event) => {
            let sql = "UPDATE events SET relayed = 1 WHERE id = ?1 AND relayed = 0";
            match record::execute(connection, sql, &[&id(*event)])? {
                0 => Err(Conflict::Stale(Entity::Event, event.0).into()),
                _ => Ok(()),
            }
        }
        OutboxWrite::Delivery(change) => record::change(connection, change, texts),
        OutboxWrite::Webhook(change) => {
            record::change(connection, change, &[])?;
            if let Change::Delete { id, .. } = change {
                let waits = "DELETE FROM deliveries
                    WHERE receiver = ?1 AND receiver <> 'mail' AND status IN ('pending', 'dead')";
                record::execute(connection, waits, &[&Webhook::receiver_of(WebhookId(*id))])?;
            }
            Ok(())
        }
    }
}

/// What of a write of the outbox is JSON.
pub(crate) fn texts(write: &OutboxWrite) -> Vec<String> {
    match write {
        OutboxWrite::Event(event) => Values::texts(|values| values.json(&event.data).map(drop)).unwrap_or_default(),
        OutboxWrite::Delivery(change) => record::texts(change),
        _ => Vec::new(),
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

    async fn list_deliveries(
        &self,
        filter: &DeliveryFilter,
        page: &PageRequest<DeliverySort>,
    ) -> StoreResult<Page<Delivery>> {
        let mut query = Query::from("deliveries");
        query.filter("deliveries.receiver = ?", Some(filter.receiver.clone()));
        // Word by word as in the conditions of the indexes.
        if filter.receiver != MAIL {
            query.is("deliveries.receiver <> 'mail'");
        }
        match filter.status {
            Some(DeliveryStatus::Dead) => query.is("deliveries.status = 'dead'"),
            status => query.filter("deliveries.status = ?", status.map(|status| status.word().to_owned())),
        }
        let page = page.clone();
        self.readers()
            .list(move |connection| {
                let list: List<_, Delivery> = List {
                    columns: DELIVERIES.columns().to_owned(),
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

    async fn webhook(&self, id: WebhookId) -> StoreResult<Option<Webhook>> {
        self.readers().point(|connection| record::lookup(connection, id))
    }

    async fn active_webhooks(&self) -> StoreResult<Vec<Webhook>> {
        // On the caller's thread: a handful of rows.
        self.readers().point(|connection| record::select(connection, "WHERE active = 1 ORDER BY id", []))
    }

    async fn list_webhooks(&self, page: &PageRequest<WebhookSort>) -> StoreResult<Page<Webhook>> {
        let page = page.clone();
        self.readers()
            .list(move |connection| {
                let list: List<_, Webhook> = List {
                    columns: WEBHOOKS.columns().to_owned(),
                    key: |key| match key {
                        WebhookSort::CreatedAt => Some("webhooks.created_at"),
                    },
                    id: "webhooks.id",
                    read: record::whole,
                };
                list.page(connection, Query::from("webhooks"), &page)
            })
            .await
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
