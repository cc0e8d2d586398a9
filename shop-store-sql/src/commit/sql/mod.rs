//! The SQL of [`TableOperation`]s.
//!
//! Several parts form one statement. Each part is a common table expression; the statement's own SELECT returns the
//! rows that a guard refused, part by part and thus in order. No rows means success.

mod special;

use super::part::TableOperation;
use super::table::WriteTable;
use super::tables::{Operation, TableId};
use super::value::SqlKind;

/// What a statement does if another transaction has locked a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnLocked {
    /// Waits for the lock.
    Wait,
    /// Treats the row as refused.
    Refuse,
}

/// The SQL of a part.
struct Sql {
    /// The body of a common table expression that does the work.
    body: String,
    /// A SELECT of the positions of refused rows; it ensures that the body runs, in this order.
    refused: String,
}

/// What the SQL of a part is made of.
struct Context<'a> {
    table: &'static WriteTable,
    /// The part's name in the statement.
    me: String,
    /// The part's number, by which it reports refused rows.
    number: usize,
    /// The arrays of its rows.
    arrays: &'a [String],
    /// These arrays as a table.
    given: String,
    /// What is done with locked rows, in a locking clause.
    locked: &'static str,
}

const BY_VERSION: &str = "old.id = new.id AND old.version = new.version";

impl Context<'_> {
    /// Reports the rows whose positions the body did not return.
    fn by_place(&self) -> String {
        let Self { me, number, arrays, .. } = self;
        let first = arrays.first().map_or("NULL", String::as_str);
        format!(
            "SELECT {number}::int8, wanted.place::int8 FROM generate_series(1, cardinality({first})) AS wanted (place)
            WHERE wanted.place::int8 NOT IN (SELECT place FROM {me})"
        )
    }

    /// Refuses nothing, but makes the body run.
    fn never(&self) -> String {
        let Self { me, number, .. } = self;
        format!("SELECT {number}::int8, place FROM {me} WHERE place < 0")
    }

    fn lock(&self, columns: &str, on: &str, order: &str, mode: &str) -> Sql {
        let Self { table: WriteTable { name, .. }, given, locked, .. } = self;
        Sql {
            body: format!(
                "SELECT new.place FROM {given} WITH ORDINALITY AS new ({columns}, place)
                JOIN {name} AS old ON {on} ORDER BY {order} FOR {mode} OF old{locked}"
            ),
            refused: self.by_place(),
        }
    }

    fn lock_by_version(&self, mode: &str) -> Sql {
        self.lock("id, version", BY_VERSION, "old.id", mode)
    }

    /// Locks rows by key, under a further condition.
    fn lock_by_key(&self, condition: &str, mode: &str) -> Sql {
        let on = format!("{}{condition}", self.table.same_key());
        self.lock(&self.table.key_names(""), &on, &self.table.key_names("old."), mode)
    }

    fn update(&self) -> Sql {
        let Self { table, given, .. } = self;
        // A row that changed meanwhile has another version, so the values read here are current.
        let counted = table.counted_as("before.", "before").zip(table.counted_as("new.", "key"));
        let (before, keys) = counted.map_or_else(Default::default, |(before, keys)| {
            (format!(" JOIN {} AS before ON before.id = new.id", table.name), format!(", {before}, {keys}"))
        });
        let body = format!(
            "UPDATE {} AS old SET {} FROM {given} WITH ORDINALITY AS new ({}, place){before}
            WHERE old.id = new.id AND old.version = new.version - 1 RETURNING new.place{keys}",
            table.name,
            table.assignments("new"),
            table.names("")
        );
        Sql { body, refused: self.by_place() }
    }

    fn delete(&self) -> Sql {
        let body = format!(
            "DELETE FROM {} AS old USING {} WITH ORDINALITY AS new (id, version, place)
            WHERE {BY_VERSION} RETURNING new.place",
            self.table.name, self.given
        );
        Sql { body, refused: self.by_place() }
    }

    /// Inserts rows. An INSERT returns only its own rows, so refused ones are identified by key.
    fn insert(&self, on_conflict: &str) -> Sql {
        let Self { table, me, number, arrays, given, .. } = self;
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
    }

    /// Inserts rows or replaces them, if they keep what they must.
    fn put(&self) -> Sql {
        let Self { table: WriteTable { name, kept, .. }, .. } = self;
        let (key, assignments) = (self.table.key_names(""), self.table.assignments("excluded"));
        let kept: Vec<_> = kept.iter().map(|column| format!("{name}.{column} = excluded.{column}")).collect();
        let only = if kept.is_empty() { String::new() } else { format!(" WHERE {}", kept.join(" AND ")) };
        self.insert(&format!("ON CONFLICT ({key}) DO UPDATE SET {assignments}{only}"))
    }
}

impl TableOperation {
    /// The part's SQL, in a statement with these parts.
    fn sql(self, context: &Context<'_>, all: &[Self]) -> Sql {
        const CHANGE: &str = "NO KEY UPDATE";
        const RELY: &str = "SHARE";
        match self.operation {
            Operation::Own => context.lock_by_version(CHANGE),
            Operation::Share => context.lock_by_version(RELY),
            Operation::OwnKey if self.table == TableId::Event => context.lock_by_key(" AND NOT old.relayed", CHANGE),
            // The code may not exist yet.
            Operation::OwnKey if self.table == TableId::Otp => {
                Sql { refused: context.never(), ..context.lock_by_key("", CHANGE) }
            }
            Operation::OwnKey => context.lock_by_key("", CHANGE),
            // A batch that relies on a level relies on its being untracked.
            Operation::ShareKey if self.table == TableId::StockLevel => {
                context.lock_by_key(" AND NOT old.tracked", RELY)
            }
            Operation::ShareKey => context.lock_by_key("", RELY),
            Operation::Live => special::live(self, context),
            Operation::Update => context.update(),
            Operation::Delete => context.delete(),
            Operation::Insert => context.insert("ON CONFLICT DO NOTHING"),
            Operation::Append => context.insert(""),
            Operation::Put | Operation::PutNew => context.put(),
            Operation::Relay => special::relay(context),
            Operation::Add if self.table == TableId::StockLevel => special::add_stock(context),
            Operation::Add => special::add_uses(context),
            Operation::Count => special::count(all, context),
        }
    }
}

fn name(part: TableOperation) -> String {
    format!("part_{}", number(part))
}

/// The part's number. Every part of a statement has one, because its table lists it.
fn number(part: TableOperation) -> usize {
    part.number().unwrap_or(usize::MAX)
}

/// The SQL of one statement that runs these parts in order. It takes the arrays of the first part, then those of the
/// second, and so on. It returns a row `(part, place)` for each refused row; places count from 1. (Changes of stock
/// levels return other rows too: see [`special::add_stock`].)
pub(crate) fn statement(parts: &[TableOperation], on_locked: OnLocked) -> String {
    let locked = match on_locked {
        OnLocked::Wait => "",
        OnLocked::Refuse => " SKIP LOCKED",
    };
    let mut bound = 0;
    let mut bodies = Vec::with_capacity(parts.len());
    let mut refusals = Vec::with_capacity(parts.len());
    for part in parts {
        let array = |kind: &SqlKind| {
            bound += 1;
            format!("${bound}::{}", kind.array())
        };
        let arrays: Vec<_> = part.kinds().iter().map(array).collect();
        let context = Context {
            table: part.table.table(),
            me: name(*part),
            number: number(*part),
            given: format!("unnest({})", arrays.join(", ")),
            arrays: &arrays,
            locked,
        };
        let Sql { body, refused } = part.sql(&context, parts);
        let kept = if part.locks() { "MATERIALIZED " } else { "" };
        bodies.push(format!("{} AS {kept}({body})", context.me));
        refusals.push(refused);
    }
    format!("WITH {}\n{}", bodies.join(",\n"), refusals.join("\nUNION ALL\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_counts_its_arrays_on() {
        let parts = [Operation::Own.on(TableId::Cart), Operation::ShareKey.on(TableId::StockLevel)];
        let sql = statement(&parts, OnLocked::Wait);
        for array in ["$1::uuid[]", "$2::int8[]", "$3::uuid[]", "$4::uuid[]"] {
            assert!(sql.contains(array), "{array} is not in {sql}");
        }
        assert!(!sql.contains("$5"), "{sql}");
    }
}
