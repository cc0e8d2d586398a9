//! The stored counts of lists: how a transaction changes them.

use std::sync::LazyLock;

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
