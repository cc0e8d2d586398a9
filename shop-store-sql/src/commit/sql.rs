//! The SQL of [`Part`]s.
//!
//! Several parts form one statement. Each part is a common table expression; the statement's own SELECT returns the
//! rows that a guard refused, part by part and thus in order. No rows means success.

use std::sync::LazyLock;

use super::accounts::OTPS;
use super::catalog::{PRICE_HISTORY, VARIANTS};
use super::part::{Act, Part};
use super::payments::REFUNDS;
use super::table::Table;
use super::value::Kind;

/// What a statement does if another transaction has locked a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meets {
    /// Waits for the lock.
    AndWaits,
    /// Treats the row as refused.
    AndPasses,
}

/// The SQL of a part.
struct Sql {
    /// The body of a common table expression that does the work.
    body: String,
    /// A SELECT of the positions of refused rows; it ensures that the body runs in its turn.
    refused: String,
}

impl Part {
    /// The part's SQL, with arrays of these names.
    fn sql(self, arrays: &[String], meets: Meets, others: &[Self]) -> Sql {
        let given = format!("unnest({})", arrays.join(", "));
        let first = arrays.first().map_or("NULL", String::as_str);
        let (me, number) = (name(self), self as u8);
        let locked = match meets {
            Meets::AndWaits => "",
            Meets::AndPasses => " SKIP LOCKED",
        };
        // The body returns the positions of the rows it handled; missing ones were refused.
        let by_place = format!(
            "SELECT {number}::int8, wanted.place::int8 FROM generate_series(1, cardinality({first})) AS wanted (place)
            WHERE wanted.place::int8 NOT IN (SELECT place FROM {me})"
        );
        // Refuses nothing, but makes the body run.
        let never = format!("SELECT {number}::int8, place FROM {me} WHERE place < 0");
        let lock = |table: &str, columns: &str, on: &str, order: &str, mode: &str| Sql {
            body: format!(
                "SELECT new.place FROM {given} WITH ORDINALITY AS new ({columns}, place)
                JOIN {table} AS old ON {on} ORDER BY {order} FOR {mode} OF old{locked}"
            ),
            refused: by_place.clone(),
        };
        // An INSERT returns only its own rows, so refused ones are identified by key.
        let insert = |table: &Table, on_conflict: &str| {
            let names = table.names("");
            Sql {
                body: format!(
                    "INSERT INTO {} ({names}) SELECT {} FROM {given} AS new ({names}) {on_conflict} RETURNING {}{}",
                    table.name,
                    table.stored(),
                    table.key_names(""),
                    table.counted_as("", "key").map(|keys| format!(", {keys}")).unwrap_or_default()
                ),
                refused: format!(
                    "SELECT {number}::int8, new.place FROM unnest({}) WITH ORDINALITY AS new ({}, place)
                    WHERE ({}) NOT IN (SELECT {} FROM {me})",
                    arrays.iter().take(table.key).cloned().collect::<Vec<_>>().join(", "),
                    table.key_names(""),
                    table.key_names("new."),
                    table.key_names(""),
                ),
            }
        };
        let by_version = "old.id = new.id AND old.version = new.version";
        match self.act() {
            Act::Own(table) => lock(table.name, "id, version", by_version, "old.id", "NO KEY UPDATE"),
            Act::Share(table) => lock(table.name, "id, version", by_version, "old.id", "SHARE"),
            Act::Update(table) => {
                // A row that changed meanwhile has another version, so the values read here are current.
                let counted = table.counted_as("before.", "before").zip(table.counted_as("new.", "key"));
                let (before, keys) = counted.map_or_else(Default::default, |(before, keys)| {
                    (format!(" JOIN {} AS before ON before.id = new.id", table.name), format!(", {before}, {keys}"))
                });
                Sql {
                    body: format!(
                        "UPDATE {} AS old SET {} FROM {given} WITH ORDINALITY AS new ({}, place){before}
                        WHERE old.id = new.id AND old.version = new.version - 1 RETURNING new.place{keys}",
                        table.name,
                        table.assignments("new"),
                        table.names("")
                    ),
                    refused: by_place,
                }
            }
            Act::Delete(table) => Sql {
                body: format!(
                    "DELETE FROM {} AS old USING {given} WITH ORDINALITY AS new (id, version, place)
                    WHERE {by_version} RETURNING new.place",
                    table.name
                ),
                refused: by_place,
            },
            Act::Insert(table) => insert(table, "ON CONFLICT DO NOTHING"),
            Act::Append(table) => insert(table, ""),
            Act::Special => match self {
                Self::LiveUsers => Sql {
                    body: format!(
                        "SELECT new.place, old.id, old.session_epoch FROM {given} WITH ORDINALITY AS new (id, place)
                        JOIN users AS old ON old.id = new.id AND old.is_active ORDER BY old.id FOR SHARE OF old{locked}"
                    ),
                    refused: by_place,
                },
                Self::LiveSessions => Sql {
                    body: format!(
                        "SELECT new.place FROM {given} WITH ORDINALITY AS new (id, user_id, place)
                        JOIN sessions AS old ON old.id = new.id AND old.user_id = new.user_id AND old.revoked_at IS NULL
                        JOIN {} AS person ON person.id = old.user_id AND person.session_epoch = old.epoch
                        ORDER BY old.id FOR SHARE OF old{locked}",
                        name(Self::LiveUsers)
                    ),
                    refused: by_place,
                },
                // The code may not exist yet.
                Self::OwnOtps => Sql {
                    refused: never,
                    ..lock("otps", "user_id", "old.user_id = new.user_id", "old.user_id", "NO KEY UPDATE")
                },
                Self::ShareLocations => lock("locations", "id", "old.id = new.id", "old.id", "SHARE"),
                Self::OwnEvents => {
                    lock("events", "id", "old.id = new.id AND NOT old.relayed", "old.id", "NO KEY UPDATE")
                }
                Self::OwnLevels => lock("stock_levels", LEVEL, SAME_LEVEL, LEVEL_ORDER, "NO KEY UPDATE"),
                Self::UntrackedLevels => {
                    let on = format!("{SAME_LEVEL} AND NOT old.tracked");
                    lock("stock_levels", LEVEL, &on, LEVEL_ORDER, "SHARE")
                }
                Self::RelayEvents => Sql {
                    body: format!(
                        "UPDATE events AS old SET relayed = true FROM {given} WITH ORDINALITY AS new (id, place)
                        WHERE old.id = new.id AND NOT old.relayed RETURNING new.place"
                    ),
                    refused: by_place,
                },
                Self::ChangeLevels => Sql {
                    body: format!(
                        "UPDATE stock_levels AS old
                        SET on_hand = old.on_hand + new.on_hand, reserved = old.reserved + new.reserved,
                            backordered = {BACKORDERED}
                        FROM {given} WITH ORDINALITY AS new
                            (variant_id, location_id, on_hand, reserved, released, shipped, lowered, takes, reserves, place)
                        WHERE {SAME_LEVEL} AND {DELTA} RETURNING new.place, {TURNS}"
                    ),
                    // Levels that became sellable or unsellable are reported with the negative part number.
                    refused: format!("{by_place} UNION ALL SELECT -{number}::int8, place FROM {me} WHERE turns"),
                },
                Self::CountLists => Sql { body: counting(others), refused: never },
                // Counts beyond a limit are reported, and then undone with the transaction.
                Self::CountUses => Sql {
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
                },
                Self::PutOtps => {
                    insert(&OTPS, &format!("ON CONFLICT (user_id) DO UPDATE SET {}", OTPS.assignments("excluded")))
                }
                // A variant with a new SKU is refused here: its levels must be locked, in the order of levels.
                Self::PutVariants => insert(
                    &VARIANTS,
                    &format!(
                        "ON CONFLICT (id) DO UPDATE SET {}
                        WHERE variants.product_id = excluded.product_id AND variants.sku = excluded.sku",
                        VARIANTS.assignments("excluded")
                    ),
                ),
                // Its product is locked, so there is no other writer.
                Self::PutPrices => insert(
                    &PRICE_HISTORY,
                    &format!(
                        "ON CONFLICT (variant_id, version) DO UPDATE SET {}",
                        PRICE_HISTORY.assignments("excluded")
                    ),
                ),
                Self::PutRefunds => insert(
                    &REFUNDS,
                    &format!(
                        "ON CONFLICT (id) DO UPDATE SET {} WHERE refunds.payment_id = excluded.payment_id",
                        REFUNDS.assignments("excluded")
                    ),
                ),
                _ => Sql { body: String::from("SELECT NULL::int8 AS place"), refused: never },
            },
        }
    }
}

const LEVEL: &str = "variant_id, location_id";
const SAME_LEVEL: &str = "old.variant_id = new.variant_id AND old.location_id = new.location_id";
const LEVEL_ORDER: &str = "old.variant_id, old.location_id";

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

/// The number of rows that a count is spread over.
pub(super) const SLOTS: i64 = 8;

/// Adds deltas (`list, key_1, key_2, key_3, total`) to the stored counts, in the order that every transaction follows.
/// Each connection has its own slot, as far as there are enough. A host's transaction ([`super::commit_in`]) may take
/// long, so it gets separate rows that no other transaction waits for, until they are folded ([`FOLD`]).
pub(super) fn count(deltas: &str) -> String {
    format!(
        "INSERT INTO list_counts AS old (list, key_1, key_2, key_3, slot, total, changes)
        SELECT list, key_1, key_2, key_3, {slot}, sum(total), count(*)
        FROM ({deltas}) AS delta GROUP BY list, key_1, key_2, key_3 ORDER BY list, key_1, key_2, key_3
        {ADD}",
        slot = format_args!(
            "CASE WHEN current_setting('shop.slots', true) = 'own' THEN pg_backend_pid() % {SLOTS}
                ELSE {SLOTS} + txid_current() END"
        )
    )
}

const ADD: &str = "ON CONFLICT (list, key_1, key_2, key_3, slot) DO UPDATE
    SET total = old.total + excluded.total, changes = old.changes + excluded.changes";

/// Adds the counts of hosts' transactions, from this slot on, to the others.
pub(super) static FOLD: LazyLock<String> = LazyLock::new(|| {
    format!(
        "WITH gone AS (
            DELETE FROM list_counts WHERE slot >= $1 RETURNING list, key_1, key_2, key_3, total, changes
        )
        INSERT INTO list_counts AS old (list, key_1, key_2, key_3, slot, total, changes)
        SELECT list, key_1, key_2, key_3, pg_backend_pid() % {SLOTS}, sum(total), sum(changes)
        FROM gone GROUP BY list, key_1, key_2, key_3 ORDER BY list, key_1, key_2, key_3 {ADD}"
    )
});

/// Counts what the other parts of the statement do.
fn counting(parts: &[Part]) -> String {
    let deltas = parts.iter().filter(|part| part.is_counted()).flat_map(|part| {
        let delta = |table: &Table, keys: &str, total: i8| {
            format!(
                "SELECT '{}' AS list, {keys}_1 AS key_1, {keys}_2 AS key_2, {keys}_3 AS key_3, {total} AS total FROM {}",
                table.name,
                name(*part)
            )
        };
        match part.act() {
            Act::Insert(table) => vec![delta(table, "key", 1)],
            Act::Update(table) => vec![delta(table, "before", -1), delta(table, "key", 1)],
            _ => Vec::new(),
        }
    });
    let deltas: Vec<_> = deltas.collect();
    format!("{} RETURNING slot AS place", count(&deltas.join(" UNION ALL ")))
}

fn name(part: Part) -> String {
    format!("part_{}", part as u8)
}

/// The SQL of one statement that runs these parts in order. It takes the arrays of the first part, then those of the
/// second, and so on. It returns a row `(part, place)` for each refused row; places count from 1. (See
/// [`Part::ChangeLevels`] for other rows that it returns.)
pub(crate) fn statement(parts: &[Part], meets: Meets) -> String {
    let mut bound = 0;
    let mut bodies = Vec::with_capacity(parts.len());
    let mut refusals = Vec::with_capacity(parts.len());
    for part in parts {
        let kinds = part.kinds();
        let array = |kind: &Kind| {
            bound += 1;
            format!("${bound}::{}", kind.array())
        };
        let arrays: Vec<_> = kinds.iter().map(array).collect();
        let Sql { body, refused } = part.sql(&arrays, meets, parts);
        let kept = if part.locks() { "MATERIALIZED " } else { "" };
        bodies.push(format!("{} AS {kept}({body})", name(*part)));
        refusals.push(refused);
    }
    format!("WITH {}\n{}", bodies.join(",\n"), refusals.join("\nUNION ALL\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_counts_its_arrays_on() {
        let sql = statement(&[Part::OwnCarts, Part::UntrackedLevels], Meets::AndWaits);
        for array in ["$1::uuid[]", "$2::int8[]", "$3::uuid[]", "$4::uuid[]"] {
            assert!(sql.contains(array), "{array} is not in {sql}");
        }
        assert!(!sql.contains("$5"), "{sql}");
    }
}
