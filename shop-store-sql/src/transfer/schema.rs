//! The tables that are moved, and their columns: those of the migrations, as the database describes them. So an
//! embedding program's tables are ignored, and tables of later migrations are included automatically.

use shop_core::transfer::{CellKind, TransferColumn, TransferTable, in_order};
use sqlx::Row as _;
use sqlx::postgres::PgArguments;
use sqlx_core::arguments::Arguments as _;
use sqlx_core::error::Error;

use super::super::migrate;
use super::super::pool::Session;
use super::value::Type;

/// Tables with short-lived rows: counted tries.
const TRANSIENT: [&str; 1] = ["limits"];

const COLUMNS: &str = "SELECT classes.relname::text, attname::text, typname::text, NOT attnotnull
    FROM pg_catalog.pg_attribute
    JOIN pg_catalog.pg_class AS classes ON classes.oid = attrelid
    JOIN pg_catalog.pg_namespace AS spaces ON spaces.oid = relnamespace
    JOIN pg_catalog.pg_type AS types ON types.oid = atttypid
    WHERE nspname = current_schema() AND relkind = 'r' AND relname::text = ANY ($1) AND attnum > 0 AND NOT attisdropped
    ORDER BY relname, attnum";

const KEYS: &str = "SELECT classes.relname::text, attname::text
    FROM pg_catalog.pg_index
    JOIN pg_catalog.pg_class AS classes ON classes.oid = indrelid
    JOIN pg_catalog.pg_namespace AS spaces ON spaces.oid = relnamespace
    CROSS JOIN LATERAL unnest(indkey) WITH ORDINALITY AS keys (number, place)
    JOIN pg_catalog.pg_attribute ON attrelid = indrelid AND attnum = keys.number
    WHERE nspname = current_schema() AND relname::text = ANY ($1) AND indisprimary ORDER BY relname, keys.place";

const NEEDS: &str = "SELECT DISTINCT classes.relname::text, others.relname::text
    FROM pg_catalog.pg_constraint
    JOIN pg_catalog.pg_class AS classes ON classes.oid = conrelid
    JOIN pg_catalog.pg_class AS others ON others.oid = confrelid
    JOIN pg_catalog.pg_namespace AS spaces ON spaces.oid = classes.relnamespace
    WHERE nspname = current_schema() AND classes.relname::text = ANY ($1) AND contype = 'f'";

/// A table, with details that only this store has.
#[derive(Debug)]
pub(super) struct Own {
    /// The table as all stores describe it.
    pub(super) table: TransferTable,
    /// The types of its columns, in order.
    pub(super) types: Vec<Type>,
    /// The columns that this store generates: the search words.
    pub(super) derived: Vec<String>,
}

impl Own {
    /// The type of a column.
    pub(super) fn type_of(&self, column: &str) -> Option<Type> {
        let place = self.table.columns.iter().position(|own| own.name == column)?;
        self.types.get(place).copied()
    }
}

/// The tables of the shop, each after those it depends on.
pub(super) async fn tables(session: &mut Session<'_>) -> Result<Vec<Own>, Error> {
    let names: Vec<&str> = migrate::tables().into_iter().filter(|name| !TRANSIENT.contains(name)).collect();
    let seeded = migrate::seeded();
    let mut all: Vec<Own> = Vec::new();
    for row in session.rows(COLUMNS, named(&names)?).await? {
        let (name, column, kind, optional): (String, String, String, bool) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        if all.last().is_none_or(|last| last.table.name != name) {
            let seeded = seeded.contains(&name.as_str());
            let table =
                TransferTable { name: name.clone(), columns: Vec::new(), key: Vec::new(), needs: Vec::new(), seeded };
            all.push(Own { table, types: Vec::new(), derived: Vec::new() });
        }
        let Some(last) = all.last_mut() else { continue };
        if kind == "tsvector" {
            last.derived.push(column);
            continue;
        }
        let Some(own) = Type::named(&kind) else {
            return Err(Error::Configuration(format!("{name}.{column} is of type {kind}, which is not moved").into()));
        };
        last.table.columns.push(TransferColumn { name: column, kind: own.kind(), optional });
        last.types.push(own);
    }
    for row in session.rows(KEYS, named(&names)?).await? {
        let (name, column): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        if let Some(own) = all.iter_mut().find(|own| own.table.name == name) {
            own.table.key.extend(own.table.columns.iter().position(|own| own.name == column));
        }
    }
    if let Some(own) = all.iter().find(|own| own.table.key.is_empty()) {
        return Err(Error::Configuration(format!("the rows of {} have no key", own.table.name).into()));
    }
    for row in session.rows(NEEDS, named(&names)?).await? {
        let (name, need): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        if let Some(own) = all.iter_mut().find(|own| own.table.name == name) {
            own.table.needs.push(need);
        }
    }
    let order: Vec<String> =
        in_order(all.iter().map(|own| own.table.clone()).collect()).into_iter().map(|table| table.name).collect();
    all.sort_by_key(|own| order.iter().position(|name| *name == own.table.name));
    Ok(all)
}

fn named(names: &[&str]) -> Result<PgArguments, Error> {
    let mut arguments = PgArguments::default();
    arguments.add(names).map_err(Error::Encode)?;
    Ok(arguments)
}

impl Type {
    /// The type's kind in the transfer format.
    fn kind(self) -> CellKind {
        match self {
            Self::Id | Self::Bytes => CellKind::Bytes,
            Self::Int | Self::Flag | Self::Time => CellKind::Number,
            Self::Text | Self::Json => CellKind::Text,
        }
    }
}
