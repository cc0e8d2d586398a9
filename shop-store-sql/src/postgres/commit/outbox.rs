//! Events, deliveries, operations, and the answers kept under idempotency keys.

use shop_core::accounts::DailyCount;
use shop_core::batch::{Batch, Change, Conflict, Entity, Unique};
use shop_core::clock::Timestamp;
use shop_core::id::WebhookId;
use shop_core::idempotency::Answer;
use shop_core::outbox::{Delivery, Event, OutboxWrite, Webhook};

use super::part::Part;
use super::plain::{Applied, Plain};
use super::sql::{FOLD, SLOTS};
use super::table::{Record, Table};
use super::value::{Kind, Row};
use shop_core::word::Word as _;

pub(super) static OPERATIONS: Table =
    Table { name: "operations", columns: &[("id", Kind::Id), ("at", Kind::Time)], key: 1, uniques: &[], counted: &[] };

/// The row of a submission.
pub(super) fn operation(batch: &Batch) -> Row {
    let mut row = Row::default();
    row.id(batch.operation).time(batch.at);
    row
}

pub(super) static ANSWERS: Table = Table {
    name: "answers",
    columns: &[
        ("caller", Kind::Text),
        ("operation", Kind::Text),
        ("key", Kind::Text),
        ("fingerprint", Kind::Bytes),
        ("outcome", Kind::Text),
        ("created_at", Kind::Time),
    ],
    key: 3,
    uniques: &[],
    counted: &[],
};

/// The row of a kept answer.
pub(super) fn answer(answer: &Answer) -> Row {
    let mut row = Row::default();
    row.text(&answer.key.caller).text(&answer.key.operation).text(&answer.key.key).bytes(answer.fingerprint);
    row.text(&answer.outcome).time(answer.created_at);
    row
}

pub(super) static EVENTS: Table = Table {
    name: "events",
    columns: &[("id", Kind::Id), ("kind", Kind::Text), ("thing", Kind::Id), ("data", Kind::Json), ("at", Kind::Time)],
    key: 1,
    uniques: &[],
    counted: &[],
};

/// The row of an event.
pub(super) fn event(event: &Event) -> Row {
    let mut row = Row::default();
    row.id(event.id).text(event.kind.word()).id(event.thing).json(&event.data).time(event.at);
    row
}

pub(super) static DELIVERIES: Table = Table {
    name: "deliveries",
    columns: &[
        ("id", Kind::Id),
        ("receiver", Kind::Text),
        ("thing", Kind::Id),
        ("content", Kind::Json),
        ("status", Kind::Text),
        ("attempts", Kind::Int),
        ("due_at", Kind::Time),
        ("last_error", Kind::Text),
        ("created_at", Kind::Time),
        ("version", Kind::Int),
        ("response_status", Kind::Int),
    ],
    key: 1,
    uniques: &[],
    counted: &[],
};

impl Record for Delivery {
    const TABLE: &'static Table = &DELIVERIES;

    fn put(&self, row: &mut Row) {
        row.id(self.id).text(&self.receiver).id(self.thing).json(&self.content).text(self.status.word());
        row.int(self.attempts).time(self.due_at).optional_text(self.last_error.as_deref()).time(self.created_at);
        row.int(self.version).optional_int(self.response_status);
    }
}

pub(super) static WEBHOOKS: Table = Table {
    name: "webhooks",
    columns: &[
        ("id", Kind::Id),
        ("url", Kind::Text),
        ("events", Kind::Json),
        ("active", Kind::Flag),
        ("rotation", Kind::Int),
        ("rotated_at", Kind::Time),
        ("created_at", Kind::Time),
        ("updated_at", Kind::Time),
        ("version", Kind::Int),
    ],
    key: 1,
    uniques: &[],
    counted: &[],
};

impl Record for Webhook {
    const TABLE: &'static Table = &WEBHOOKS;

    fn put(&self, row: &mut Row) {
        row.id(self.id).text(&self.url).json(&self.events).flag(self.active).int(self.rotation);
        row.optional_time(self.rotated_at).time(self.created_at).time(self.updated_at).int(self.version);
    }
}

/// Applies a write of the outbox.
pub(super) async fn apply(plain: &mut Plain<'_>, write: &OutboxWrite) -> Applied {
    match write {
        OutboxWrite::Event(told) => {
            plain.insert_unless(Part::InsertEvents, event(told), Unique::Id(Entity::Event)).await
        }
        OutboxWrite::Relayed(event) => {
            let sql = "UPDATE events SET relayed = true WHERE id = $1 AND NOT relayed";
            match plain.execute(sql, (event.0,)).await? {
                0 => Err(Conflict::Stale(Entity::Event, event.0).into()),
                _ => Ok(()),
            }
        }
        OutboxWrite::Delivery(change) => plain.change(change, true).await,
        OutboxWrite::Webhook(change) => {
            plain.change(change, true).await?;
            if let Change::Delete { id, .. } = change {
                let waits = "DELETE FROM deliveries
                    WHERE receiver = $1 AND receiver <> 'mail' AND status IN ('pending', 'dead')";
                plain.execute(waits, (Webhook::receiver_of(WebhookId(*id)),)).await?;
            }
            Ok(())
        }
    }
}

/// Forgets what is older than these times. Rows that somebody else has locked are left for the next time, so that it waits
/// for nobody.
pub(super) async fn forget(plain: &mut Plain<'_>, before: Timestamp, given_up_before: Timestamp) -> Applied {
    for (sql, limit) in [
        (
            "DELETE FROM operations WHERE id IN
                (SELECT id FROM operations WHERE at < $1 FOR UPDATE SKIP LOCKED)",
            before,
        ),
        (
            "DELETE FROM answers WHERE (caller, operation, key) IN
                (SELECT caller, operation, key FROM answers WHERE created_at < $1 FOR UPDATE SKIP LOCKED)",
            before,
        ),
        (
            "DELETE FROM events WHERE id IN
                (SELECT id FROM events WHERE relayed AND at < $1 FOR UPDATE SKIP LOCKED)",
            before,
        ),
        (
            "DELETE FROM deliveries WHERE id IN
                (SELECT id FROM deliveries WHERE status = 'done' AND created_at < $1 FOR UPDATE SKIP LOCKED)",
            before,
        ),
        (
            "DELETE FROM deliveries WHERE id IN
                (SELECT id FROM deliveries WHERE status = 'dead' AND due_at < $1 FOR UPDATE SKIP LOCKED)",
            given_up_before,
        ),
        (
            "DELETE FROM sessions WHERE id IN
                (SELECT id FROM sessions WHERE expires_at < $1 FOR UPDATE SKIP LOCKED)",
            before,
        ),
    ] {
        plain.execute(sql, (limit,)).await?;
    }
    let days = "DELETE FROM daily_counts WHERE (user_id, what) IN
        (SELECT user_id, what FROM daily_counts WHERE day < $1 FOR UPDATE SKIP LOCKED)";
    plain.execute(days, (DailyCount::day_of(before),)).await?;
    plain.execute(FOLD.as_str(), (SLOTS,)).await?;
    Ok(())
}
