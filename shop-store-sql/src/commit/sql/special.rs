//! The SQL of the parts that only one or two tables have.

use super::super::counts;
use super::super::part::TableOperation;
use super::super::table::WriteTable;
use super::super::tables::{Operation, TableId};
use super::{Context, Sql, name};

/// Locks users that are active, and sessions that are live for these users.
pub(super) fn live(part: TableOperation, context: &Context<'_>) -> Sql {
    let Context { given, locked, .. } = context;
    let body = if part.table == TableId::Session {
        format!(
            "SELECT new.place FROM {given} WITH ORDINALITY AS new (id, user_id, place)
            JOIN sessions AS old ON old.id = new.id AND old.user_id = new.user_id AND old.revoked_at IS NULL
            JOIN {} AS person ON person.id = old.user_id AND person.session_epoch = old.epoch
            ORDER BY old.id FOR SHARE OF old{locked}",
            name(Operation::Live.on(TableId::User))
        )
    } else {
        format!(
            "SELECT new.place, old.id, old.session_epoch FROM {given} WITH ORDINALITY AS new (id, place)
            JOIN users AS old ON old.id = new.id AND old.is_active ORDER BY old.id FOR SHARE OF old{locked}"
        )
    };
    Sql { body, refused: context.by_place() }
}

/// Marks events as relayed.
pub(super) fn relay(context: &Context<'_>) -> Sql {
    let body = format!(
        "UPDATE events AS old SET relayed = true FROM {} WITH ORDINALITY AS new (id, place)
        WHERE old.id = new.id AND NOT old.relayed RETURNING new.place",
        context.given
    );
    Sql { body, refused: context.by_place() }
}

/// Changes stock levels. Levels that became sellable or unsellable are reported with the negative number of the part.
pub(super) fn add_stock(context: &Context<'_>) -> Sql {
    let Context { given, me, number, .. } = context;
    Sql {
        body: format!(
            "UPDATE stock_levels AS old
            SET on_hand = old.on_hand + new.on_hand, reserved = old.reserved + new.reserved,
                backordered = {BACKORDERED}
            FROM {given} WITH ORDINALITY AS new
                (variant_id, location_id, on_hand, reserved, released, shipped, lowered, takes, reserves, place)
            WHERE old.variant_id = new.variant_id AND old.location_id = new.location_id AND {DELTA}
            RETURNING new.place, {TURNS}"
        ),
        refused: format!("{} UNION ALL SELECT -{number}::int8, place FROM {me} WHERE turns", context.by_place()),
    }
}

/// Changes use counts. Counts beyond a limit are reported, and then undone with the transaction.
pub(super) fn add_uses(context: &Context<'_>) -> Sql {
    let Context { given, me, number, .. } = context;
    Sql {
        body: format!(
            "INSERT INTO promotion_uses AS old (promotion_id, customer, uses)
            SELECT new.promotion_id, new.customer, new.delta
            FROM {given} AS new (promotion_id, customer, delta, taken, most)
            ON CONFLICT (promotion_id, customer) DO UPDATE SET uses = old.uses + excluded.uses
            RETURNING promotion_id, customer, uses"
        ),
        refused: format!(
            "SELECT {number}::int8, new.place
            FROM {given} WITH ORDINALITY AS new (promotion_id, customer, delta, taken, most, place)
            JOIN {me} AS done ON done.promotion_id = new.promotion_id AND done.customer = new.customer
            WHERE done.uses > new.most OR done.uses < new.taken"
        ),
    }
}

/// Counts what the other parts of the statement do.
pub(super) fn count(parts: &[TableOperation], context: &Context<'_>) -> Sql {
    let deltas = parts.iter().filter(|part| part.is_counted()).flat_map(|part| {
        let WriteTable { name: list, .. } = part.table.table();
        let delta = |keys: &str, total: i8| {
            format!(
                "SELECT '{list}' AS list, {keys}_1 AS key_1, {keys}_2 AS key_2, {keys}_3 AS key_3, {total} AS total FROM {}",
                name(*part)
            )
        };
        let before = (part.operation == Operation::Update).then(|| delta("before", -1));
        before.into_iter().chain([delta("key", 1)])
    });
    let deltas: Vec<_> = deltas.collect();
    let body = format!("{} RETURNING slot AS place", counts::count(&deltas.join(" UNION ALL ")));
    Sql { body, refused: context.never() }
}

/// The number that stay backordered after the sum's given units, in a type that cannot overflow.
macro_rules! still_backordered {
    () => {
        "least(old.backordered,
            greatest(old.reserved::numeric + new.released - old.on_hand - new.on_hand - new.lowered, 0))"
    };
}

/// The open backorders after a sum of deltas: the units reserved last increase them by what is missing.
const BACKORDERED: &str = concat!(
    "(",
    still_backordered!(),
    "
        + greatest(old.reserved::numeric + new.reserved - old.on_hand - new.on_hand, 0)
        - greatest(old.reserved::numeric + new.released - old.on_hand - new.on_hand, 0))::bigint"
);

/// The rule of [`shop_core::inventory::StockDelta`] for a sum of deltas (see `stock::Sum`). The first condition keeps
/// the sums within the range of an integer; CASE keeps the order of evaluation.
const DELTA: &str = concat!(
    "CASE
        WHEN old.on_hand > 9223372036854775807 - greatest(new.on_hand, 0)
            OR old.on_hand < -9223372036854775807 - 1 - least(new.on_hand, 0)
            OR old.reserved > 9223372036854775807 - greatest(new.reserved, 0) THEN false
        WHEN old.reserved + new.released < 0 THEN false
        WHEN new.reserves AND NOT old.tracked THEN false
        WHEN new.shipped > 0 AND old.on_hand::numeric + new.on_hand + new.lowered < -",
    still_backordered!(),
    " THEN false
        ELSE NOT new.takes OR old.backorder OR old.reserved + new.reserved <= old.on_hand + new.on_hand
    END"
);

/// Whether the change made a level sellable or unsellable.
const TURNS: &str = "old.tracked AND NOT old.backorder AND (old.on_hand > old.reserved)
    <> (old.on_hand - new.on_hand > old.reserved - new.reserved) AS turns";
