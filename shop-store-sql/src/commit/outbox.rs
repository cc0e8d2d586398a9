//! Events, operations, and the deletion of old rows.

use shop_core::accounts::DailyCount;
use shop_core::batch::{Batch, Conflict, Entity};
use shop_core::clock::Timestamp;
use shop_core::outbox::OutboxWrite;

use super::counts::{FOLD, SLOTS};
use super::effects::Effects;
use super::statement_runner::{ApplyResult, StatementRunner};
use super::tables::{Operation, TableId};
use super::value::RowValues;

/// The row of a batch's operation id.
pub(super) fn operation(batch: &Batch) -> RowValues {
    let mut row = RowValues::default();
    row.id(batch.operation).time(batch.at);
    row
}

/// The effects of a write of the outbox.
pub(super) fn effects<'b, E: Effects<'b>>(write: &OutboxWrite, to: &mut E) -> Result<(), E::Stop> {
    match write {
        OutboxWrite::Event(event) => to.insert(event),
        OutboxWrite::Relayed(event) => {
            to.lock(Operation::OwnKey.on(TableId::Event), &[event.0], None)?;
            to.statement();
            to.grouped(Operation::Relay.on(TableId::Event), || [RowValues::of_ids(&[event.0])])
        }
    }
}

/// Applies a write of the outbox that is not only a row.
pub(super) async fn apply(runner: &mut StatementRunner<'_>, write: &OutboxWrite) -> ApplyResult {
    match write {
        OutboxWrite::Event(_) => Ok(()),
        OutboxWrite::Relayed(event) => {
            let sql = "UPDATE events SET relayed = true WHERE id = $1 AND NOT relayed";
            runner.guarded(sql, (event.0,), Conflict::Stale(Entity::Event, event.0)).await
        }
    }
}

/// Deletes rows older than these times. Rows that another transaction has locked are left for the next time, so that
/// this never waits.
pub(super) async fn forget(
    runner: &mut StatementRunner<'_>,
    before: Timestamp,
    given_up_before: Timestamp,
) -> ApplyResult {
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
        runner.execute(sql, (limit,)).await?;
    }
    let days = "DELETE FROM daily_counts WHERE (user_id, what) IN
        (SELECT user_id, what FROM daily_counts WHERE day < $1 FOR UPDATE SKIP LOCKED)";
    runner.execute(days, (DailyCount::day_of(before),)).await?;
    runner.execute(FOLD.as_str(), (SLOTS,)).await?;
    Ok(())
}
