//! The tables, as the writes use them.

use std::sync::OnceLock;

use shop_core::batch::{Unique, Versioned};
use shop_core::row::{self, Value, When};

use super::value::{RowValues, SqlKind};

/// A description of a table. The columns of its key come first.
#[derive(Debug)]
pub(crate) struct WriteTable {
    /// The table's name.
    pub(crate) name: &'static str,
    /// Its columns, in the order of the rows.
    pub(crate) columns: Vec<(&'static str, SqlKind)>,
    /// The kinds of these columns.
    pub(crate) kinds: Vec<SqlKind>,
    /// The number of key columns.
    pub(crate) key: usize,
    /// Its other unique keys, in the order in which they are checked.
    pub(crate) uniques: Vec<UniqueColumns>,
    /// The columns by which its list is counted, at most three; empty if no counts are stored.
    pub(crate) counted: &'static [&'static str],
    /// The columns that a row must keep when it is replaced in a group.
    pub(crate) kept: &'static [&'static str],
    statements: OnceLock<Statements>,
}

impl WriteTable {
    /// The table of a kind of row, from its declaration. The parent's columns come first if the key starts with them,
    /// otherwise last.
    pub(crate) fn of<T: row::Row>() -> Self {
        let declared = T::TABLE;
        let mut columns: Vec<_> = declared.written().map(|column| (column.name, SqlKind::from(column.kind))).collect();
        if let Some(parent) = declared.parent {
            let place = if parent_comes_first(&declared) { 0 } else { columns.len() };
            columns.splice(place..place, parent.columns().map(|column| (column.name, SqlKind::from(column.kind))));
        }
        let table = Self::new(declared.name, &columns, declared.key.len());
        let uniques = declared.uniques.iter().map(|unique| table.unique_key(unique)).collect();
        Self { uniques, ..table }
    }

    /// A table that is not declared in the core.
    pub(crate) fn new(name: &'static str, columns: &[(&'static str, SqlKind)], key: usize) -> Self {
        Self {
            name,
            columns: columns.to_vec(),
            kinds: columns.iter().map(|(_, kind)| *kind).collect(),
            key,
            uniques: Vec::new(),
            counted: &[],
            kept: &[],
            statements: OnceLock::new(),
        }
    }

    /// Adds a column.
    pub(crate) fn with(mut self, name: &'static str, kind: SqlKind) -> Self {
        self.columns.push((name, kind));
        self.kinds.push(kind);
        self
    }

    /// Sets the columns that a row must keep when it is replaced in a group.
    pub(crate) fn keeping(self, kept: &'static [&'static str]) -> Self {
        Self { kept, ..self }
    }

    /// Sets the columns by which its list is counted.
    pub(crate) fn counted_by(self, counted: &'static [&'static str]) -> Self {
        Self { counted, ..self }
    }

    /// The statements of the row-by-row path.
    pub(crate) fn statements(&self) -> &Statements {
        self.statements.get_or_init(|| Statements::new(self))
    }

    /// The kinds of the key columns.
    pub(crate) fn key_kinds(&self) -> &[SqlKind] {
        self.kinds.get(..self.key).unwrap_or_default()
    }

    fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|(name, _)| *name == column)
    }

    fn unique_key(&self, unique: &row::UniqueKey) -> UniqueColumns {
        UniqueColumns {
            name: unique.name,
            places: unique.columns.iter().filter_map(|column| self.place(column)).collect(),
            when: unique.when.and_then(|When { column, words }| Some((self.place(column)?, words))),
            clash: clash(unique),
        }
    }

    /// The names of all columns, each with a prefix.
    pub(crate) fn names(&self, before: &str) -> String {
        list(self.columns.iter().map(|(name, _)| format!("{before}{name}")))
    }

    /// The names of the key columns, each with a prefix.
    pub(crate) fn key_names(&self, before: &str) -> String {
        list(self.columns.iter().take(self.key).map(|(name, _)| format!("{before}{name}")))
    }

    /// The condition under which `old` and `new` have the same key.
    pub(crate) fn same_key(&self) -> String {
        let same = self.columns.iter().take(self.key).map(|(name, _)| format!("old.{name} = new.{name}"));
        same.collect::<Vec<_>>().join(" AND ")
    }

    /// All columns of `new`, converted to what is stored.
    pub(crate) fn stored(&self) -> String {
        list(self.columns.iter().map(|(name, kind)| format!("new.{name}{}", kind.cast())))
    }

    /// The given rows, as a table named `new` with these columns: one array per column, from `$1` on.
    pub(crate) fn given(&self) -> String {
        let arrays = (1..).zip(&self.columns).map(|(number, (_, kind))| format!("${number}::{}", kind.array()));
        format!("unnest({}) AS new ({})", list(arrays), self.names(""))
    }

    /// The values by which a row is counted, as three columns named with this prefix and a number; `None` if no counts
    /// are stored.
    pub(crate) fn counted_as(&self, row: &str, name: &str) -> Option<String> {
        (!self.counted.is_empty()).then(|| {
            let column = |place: usize| self.columns.iter().find(|(name, _)| Some(name) == self.counted.get(place));
            let keys = (0..3).map(|place| {
                let key = match column(place) {
                    None => "''".to_owned(),
                    Some((name, SqlKind::Flag)) => format!("{row}{name}::int::text"),
                    Some((name, SqlKind::Id)) => format!("replace({row}{name}::text, '-', '')"),
                    Some((name, _)) => format!("{row}{name}"),
                };
                format!("{key} AS {name}_{}", place + 1)
            });
            list(keys)
        })
    }

    /// The values by which a new row is counted; `None` if no counts are stored.
    pub(crate) fn counts_of(&self, row: &RowValues) -> Option<[String; 3]> {
        let text = |column: &&str| match row.values().get(self.place(column)?)? {
            Value::Id(id) => Some(id.simple().to_string()),
            Value::Flag(flag) => Some(u8::from(*flag).to_string()),
            Value::Text(text) => Some(text.to_string()),
            _ => None,
        };
        let key = |place: usize| self.counted.get(place).and_then(text).unwrap_or_default();
        (!self.counted.is_empty()).then(|| [0, 1, 2].map(key))
    }

    /// Assignments that set every column outside the key to that of `new`.
    pub(crate) fn assignments(&self, new: &str) -> String {
        let cast = |kind: &SqlKind| if new == "new" { kind.cast() } else { "" };
        let columns = self.columns.iter().skip(self.key);
        list(columns.map(|(name, kind)| format!("{name} = {new}.{name}{}", cast(kind))))
    }
}

/// A unique key of a table, other than its key.
#[derive(Debug)]
pub(crate) struct UniqueColumns {
    /// The name that a conflict reports.
    pub(crate) name: Unique,
    /// The positions of its columns.
    places: Vec<usize>,
    /// Limits it to rows with one of these values at this position.
    when: Option<(usize, &'static [&'static str])>,
    /// The condition under which `old` and `new` clash.
    clash: String,
}

impl UniqueColumns {
    /// The values that a row takes; `None` if the row is exempt.
    pub(crate) fn of<'r>(&self, row: &'r RowValues) -> Option<impl Iterator<Item = &'r Value<'static>>> {
        let values = row.values();
        let counts = match self.when {
            Some((place, words)) => matches!(values.get(place), Some(Value::Text(word)) if words.contains(&&**word)),
            None => true,
        };
        let taken = self.places.iter().filter_map(|place| values.get(*place));
        (counts && taken.clone().all(|value| *value != Value::Null)).then_some(taken)
    }
}

/// The statements of a table in the row-by-row path. Those that change rows are for tables with the key `id` and a
/// version; the others, for any table with one key column.
#[derive(Debug)]
pub(crate) struct Statements {
    /// Locks rows to change them.
    pub(crate) own: String,
    /// Locks rows to rely on them.
    pub(crate) share: String,
    pub(crate) insert: String,
    pub(crate) update: String,
    pub(crate) delete: String,
    pub(crate) version: String,
    pub(crate) counted: Option<String>,
    pub(crate) clash: Vec<(Unique, String)>,
    pub(crate) same_id: String,
}

impl Statements {
    fn new(table: &WriteTable) -> Self {
        let WriteTable { name, uniques, .. } = table;
        let (names, new, key) = (table.names(""), table.given(), table.key_names(""));
        let lock = |mode: &str| format!("SELECT 1 FROM {name} WHERE {key} = ANY ($1) ORDER BY {key} FOR {mode}");
        let clash = uniques.iter().map(|UniqueColumns { name: unique, clash, .. }| {
            (*unique, format!("SELECT 1 FROM {new} JOIN {name} AS old ON {clash} WHERE old.id <> new.id"))
        });
        Self {
            own: lock("UPDATE"),
            share: lock("SHARE"),
            insert: format!("INSERT INTO {name} ({names}) SELECT {} FROM {new} ON CONFLICT DO NOTHING", table.stored()),
            update: format!(
                "UPDATE {name} AS old SET {} FROM {new} WHERE old.id = new.id AND old.version = new.version - 1",
                table.assignments("new")
            ),
            delete: format!("DELETE FROM {name} WHERE id = $1 AND version = $2"),
            version: format!("SELECT 1 FROM {name} WHERE id = $1 AND version = $2"),
            counted: table.counted_as("", "key").map(|keys| format!("SELECT {keys} FROM {name} WHERE id = $1")),
            clash: clash.collect(),
            same_id: format!("SELECT 1 FROM {name} WHERE id = $1"),
        }
    }
}

fn list(pieces: impl Iterator<Item = String>) -> String {
    pieces.collect::<Vec<_>>().join(", ")
}

/// Whether the parent's columns precede a child's own columns.
fn parent_comes_first(child: &row::Table) -> bool {
    child.parent.is_some_and(|parent| child.key.first() == Some(&parent.column))
}

/// The row of a value, from its declaration.
pub(crate) fn row_of<T: row::Row>(value: &T) -> RowValues {
    let mut row = RowValues::default();
    row.columns(value);
    row
}

/// The rows of a row's children.
pub(crate) fn children_of<T: row::Parent + Versioned>(parent: &T) -> impl Iterator<Item = RowValues> {
    let (table, id) = (<T::Child as row::Row>::TABLE, parent.key());
    let (first, has_position) = (parent_comes_first(&table), table.parent.is_some_and(|parent| parent.has_position));
    (0_i64..).zip(parent.children()).map(move |(position, child)| {
        let mut row = RowValues::default();
        if !first {
            row.columns(child);
        }
        row.id(id);
        if has_position {
            row.int(position);
        }
        if first {
            row.columns(child);
        }
        row
    })
}

/// The condition under which the rows `old` and `new` have the same unique key.
fn clash(unique: &row::UniqueKey) -> String {
    let same = unique.columns.iter().map(|column| format!("old.{column} = new.{column}"));
    let when = unique.when.iter().flat_map(|when| {
        let words = when.words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ");
        ["old", "new"].map(|row| format!("{row}.{} IN ({words})", when.column))
    });
    same.chain(when).collect::<Vec<_>>().join(" AND ")
}

#[cfg(test)]
mod tests {
    use shop_core::accounts::Otp;
    use shop_core::catalog::{PricePeriod, Variant};
    use shop_core::clock::Timestamp;
    use shop_core::idempotency::IdempotencyRecord;
    use shop_core::inventory::{Movement, StockLevel};
    use shop_core::orders::{HistoryEntry, OrderItem};
    use shop_core::outbox::Event;
    use shop_core::payments::Refund;
    use shop_core::row::{ParentKey, Row as _};
    use sqlx::Row as _;
    use sqlx::postgres::PgArguments;
    use uuid::Uuid;

    use super::super::tables::TableId;
    use super::super::value::bind;
    use super::*;
    use crate::rows::StatementArguments;
    use crate::testing::Cluster;
    use crate::{PostgresOptions, PostgresStore};

    macro_rules! tables {
        ([$($other:ty),+] $($entity:ident: $row:ty => $table:ident;)+) => {
            [$(<$row>::TABLE,)+ $(<$other>::TABLE),+]
        };
    }

    fn declared_tables() -> impl Iterator<Item = row::Table> {
        let all = shop_core::versioned_rows!(tables [
            Otp, PricePeriod, Variant, IdempotencyRecord, Movement, StockLevel, HistoryEntry, OrderItem, Event, Refund
        ]);
        all.into_iter()
    }

    /// The columns that a declaration asks for: name, type, and whether they are NOT NULL.
    fn declared(table: &row::Table) -> Vec<(String, String, bool)> {
        let kind = |kind| match kind {
            row::ColumnKind::Id => "uuid",
            row::ColumnKind::Int => "int8",
            row::ColumnKind::Text => "text",
            row::ColumnKind::Flag => "bool",
            row::ColumnKind::Time => "timestamptz",
            row::ColumnKind::Bytes => "bytea",
            row::ColumnKind::Json => "json",
        };
        let of_parent = table.parent.into_iter().flat_map(ParentKey::columns);
        let declared = table.written().copied().chain(of_parent);
        let declared = declared.map(|column| (column.name, kind(column.kind), !column.nullable));
        // Columns that only this store has.
        let extra = match table.name {
            "events" => Some(("relayed", "bool", true)),
            "products" => Some(("search", "tsvector", true)),
            _ => None,
        };
        let all = declared.chain(extra).map(|(name, kind, filled)| (name.to_owned(), kind.to_owned(), filled));
        let mut all: Vec<_> = all.collect();
        all.sort();
        all
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_migrations_make_the_declared_columns() {
        let url = Cluster::shared().unwrap().database().unwrap();
        let store = PostgresStore::connect(PostgresOptions::parse(&url).unwrap()).await.unwrap();
        let mut lease = store.pool.acquire().await.unwrap();
        let mut session = lease.session();
        let sql = "SELECT column_name::text, udt_name::text, is_nullable = 'NO' FROM information_schema.columns
            WHERE table_name = $1";
        for table in declared_tables() {
            let rows = session.rows(sql, StatementArguments::new().put(table.name).finish().unwrap()).await.unwrap();
            let mut found: Vec<(String, String, bool)> =
                rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
            found.sort();
            assert_eq!(found, declared(&table), "{}", table.name);
        }
    }

    /// A row of any table. The columns of a key have values made of `same`, the others of `other`; the condition of the
    /// key holds.
    fn sample(table: &WriteTable, unique: &row::UniqueKey, (same, other): (u32, u32)) -> RowValues {
        let mut row = RowValues::default();
        for (place, (name, kind)) in (0..).zip(&table.columns) {
            let number = place + 1_000 * if unique.columns.contains(name) { same } else { other };
            let word = unique.when.filter(|when| when.column == *name).map(|when| when.words[0]);
            match (word, kind) {
                (Some(word), _) => row.text(word),
                (None, SqlKind::Id) => row.id(Uuid::from_u128(number.into())),
                (None, SqlKind::Int) => row.int(number.into()),
                (None, SqlKind::Text | SqlKind::Json | SqlKind::Search) => row.text(number.to_string()),
                (None, SqlKind::Flag) => row.flag(number % 2 == 0),
                (None, SqlKind::Time) => row.time(Timestamp::from_timestamp_micros(number.into()).unwrap()),
                (None, SqlKind::Bytes) => row.add(Value::Bytes([0; 32])),
            };
        }
        row
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_declared_key_is_in_the_schema_and_is_named_when_it_refuses_a_row() {
        // The sample rows fit nothing but the types of the columns.
        const FREE: &str = "DO $$ DECLARE found record; BEGIN
            FOR found IN SELECT conrelid::regclass AS place, conname AS name FROM pg_constraint
                WHERE contype IN ('c', 'f') AND conrelid <> 0 AND connamespace = current_schema()::regnamespace
            LOOP
                EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', found.place, found.name);
            END LOOP;
        END $$";
        let url = Cluster::shared().unwrap().database().unwrap();
        let store = PostgresStore::connect(PostgresOptions::parse(&url).unwrap()).await.unwrap();
        let mut lease = store.pool.acquire().await.unwrap();
        let mut session = lease.session();
        session.simple(FREE).await.unwrap();
        for declared in declared_tables() {
            let table = TableId::ALL.iter().map(|id| id.table()).find(|table| table.name == declared.name).unwrap();
            let statements = table.statements();
            for (number, unique) in (0_u32..).zip(declared.unique_keys()) {
                let arguments = |unique, same, other| {
                    let mut arguments = PgArguments::default();
                    let row = sample(table, &unique, (10 * number + same, 10 * number + other));
                    bind(&mut arguments, &table.kinds, &std::iter::once(&row)).unwrap();
                    arguments
                };
                let insert = statements.insert.as_str();
                let mut inserted = Vec::new();
                for (same, other) in [(1, 1), (1, 2), (3, 3)] {
                    inserted.push(session.execute(insert, arguments(unique, same, other)).await.unwrap());
                }
                assert_eq!(inserted, [1, 0, 1], "{}: {unique:?}", table.name);
                let mut found = None;
                for (name, sql) in &statements.clash {
                    if !session.rows(sql.as_str(), arguments(unique, 1, 2)).await.unwrap().is_empty() {
                        found = found.or(Some(*name));
                    }
                }
                if unique.when.is_some() {
                    // These rows are outside of the condition.
                    let outside = row::UniqueKey { when: None, ..unique };
                    assert_eq!(session.execute(insert, arguments(outside, 5, 5)).await.unwrap(), 1, "{}", table.name);
                    for (name, sql) in &statements.clash {
                        let clashing = session.rows(sql.as_str(), arguments(outside, 5, 6)).await.unwrap();
                        assert!(clashing.is_empty(), "{}: {name:?}", table.name);
                    }
                    assert_eq!(session.execute(insert, arguments(outside, 5, 6)).await.unwrap(), 1, "{}", table.name);
                }
                // The key is judged before these, where it is the id, and else by the number of inserted rows.
                assert_eq!(found.unwrap_or(declared.key_name), unique.name, "{}", table.name);
            }
        }
    }

    #[test]
    fn the_columns_of_a_parent_come_first_where_the_key_begins_with_them() {
        let names = |table: WriteTable| table.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        assert_eq!(names(WriteTable::of::<OrderItem>())[..3], ["order_id", "position", "id"]);
        let variant = names(WriteTable::of::<Variant>());
        assert_eq!((variant[0], &variant[variant.len() - 2..]), ("id", &["product_id", "position"][..]));
        let refund = names(WriteTable::of::<Refund>());
        assert_eq!((refund[0], refund[refund.len() - 1]), ("id", "payment_id"));
    }

    #[test]
    fn the_columns_of_a_key_come_first() {
        for (table, key) in [
            (WriteTable::of::<OrderItem>(), OrderItem::TABLE.key),
            (WriteTable::of::<Variant>(), Variant::TABLE.key),
            (WriteTable::of::<Refund>(), Refund::TABLE.key),
        ] {
            assert_eq!(table.key_names(""), key.join(", "));
        }
    }
}
