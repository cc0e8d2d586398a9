//! Events, deliveries, operations, and idempotency records.

use std::sync::LazyLock;

use shop_core::accounts::DailyCount;
use shop_core::batch::{Batch, Change, Conflict, Entity, Unique};
use shop_core::clock::Timestamp;
use shop_core::id::WebhookId;
use shop_core::idempotency::Answer;
use shop_core::outbox::{Delivery, Event, OutboxWrite, Webhook};

use super::part::Part;
use super::plain::{Applied, Plain};
use super::sql::{FOLD, SLOTS};
use super::table::{Table, records, row_of};
use super::value::{Kind, Row};

records! {
    DELIVERIES: Delivery;
    WEBHOOKS: Webhook, applied by apply_webhook;
}

pub(super) static EVENTS: LazyLock<Table> = LazyLock::new(Table::of::<Event>);
pub(super) static ANSWERS: LazyLock<Table> = LazyLock::new(Table::of::<Answer>);

/// Operation ids of submitted batches; the core has no such rows.
pub(super) static OPERATIONS: LazyLock<Table> = LazyLock::new(|| Table {
    name: "operations",
    columns: vec![("id", Kind::Id), ("at", Kind::Time)],
    key: 1,
    uniques: Vec::new(),
    counted: &[],
});

/// The row of a batch's operation id.
pub(super) fn operation(batch: &Batch) -> Row {
    let mut row = Row::default();
    row.id(batch.operation).time(batch.at);
    row
}

async fn apply_webhook(plain: &mut Plain<'_>, change: &Change<Webhook>) -> Applied {
    plain.change(change).await?;
    if let Change::Delete { id, .. } = change {
        let waits = "DELETE FROM deliveries
            WHERE receiver = $1 AND receiver <> 'mail' AND status IN ('pending', 'dead')";
        plain.execute(waits, (Webhook::receiver_of(WebhookId(*id)),)).await?;
    }
    Ok(())
}

/// Applies a write of the outbox.
pub(super) async fn apply(plain: &mut Plain<'_>, write: &OutboxWrite) -> Applied {
    match write {
        OutboxWrite::Event(told) => {
            plain.insert_unless(Part::InsertEvents, row_of(told), Unique::Id(Entity::Event)).await
        }
        OutboxWrite::Relayed(event) => {
            let sql = "UPDATE events SET relayed = true WHERE id = $1 AND NOT relayed";
            match plain.execute(sql, (event.0,)).await? {
                0 => Err(Conflict::Stale(Entity::Event, event.0).into()),
                _ => Ok(()),
            }
        }
    }
}

/// Deletes rows older than these times. Rows that another transaction has locked are left for the next time, so that
/// this never waits.
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
