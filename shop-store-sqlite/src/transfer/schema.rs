//! The tables that are moved, and their columns. They are read from an empty shop in memory. So an embedding program's
//! tables are ignored, and tables of later migrations are included automatically.

use rusqlite::Connection;
use shop_core::transfer::{CellKind, TransferColumn, TransferTable, in_order};

/// Columns that this store generates: the number of a product's row in the search index.
const OWN: [(&str, &str); 1] = [("products", "row")];

/// The tables of an empty shop, except virtual tables (the search index) and the migration ledger, which are this
/// store's own.
pub(super) fn tables(empty: &Connection) -> rusqlite::Result<Vec<TransferTable>> {
    let sql = "SELECT name FROM pragma_table_list
        WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> 'schema_migrations'";
    let names: Vec<String> = strings(empty, sql, [])?;
    let tables = names.into_iter().map(|name| table(empty, name));
    Ok(in_order(tables.collect::<rusqlite::Result<_>>()?))
}

fn table(empty: &Connection, name: String) -> rusqlite::Result<TransferTable> {
    let mut columns = Vec::new();
    let mut primary: Vec<(i64, String)> = Vec::new();
    let mut statement = empty.prepare("SELECT name, type, \"notnull\", pk FROM pragma_table_info(?1) ORDER BY cid")?;
    let mut rows = statement.query([&name])?;
    while let Some(row) = rows.next()? {
        let (column, kind, filled, place): (String, String, bool, i64) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        if OWN.contains(&(name.as_str(), column.as_str())) {
            continue;
        }
        if place > 0 {
            primary.push((place, column.clone()));
        }
        columns.push(TransferColumn { kind: kind_of(&name, &column, &kind)?, name: column, optional: !filled });
    }
    primary.sort();
    let mut key: Vec<String> = primary.into_iter().map(|(_, column)| column).collect();
    if key.is_empty() {
        key = unique(empty, &name)?;
    }
    let places = key.iter().filter_map(|name| columns.iter().position(|column| column.name == *name));
    let key: Vec<usize> = places.filter(|place| columns.get(*place).is_some_and(|column| !column.optional)).collect();
    if key.is_empty() {
        return Err(refused(format!("the rows of {name} have no key")));
    }
    let needs = strings(empty, "SELECT DISTINCT \"table\" FROM pragma_foreign_key_list(?1)", [&name])?;
    let seeded = empty.query_row(&format!("SELECT EXISTS (SELECT 1 FROM \"{name}\")"), [], |row| row.get(0))?;
    Ok(TransferTable { name, columns, key, needs, seeded })
}

/// The columns of a table's unique key; the key of the id is preferred.
fn unique(empty: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let indexes = "SELECT name FROM pragma_index_list(?1) WHERE origin = 'u' AND partial = 0 ORDER BY name";
    let mut found: Vec<Vec<String>> = Vec::new();
    for index in strings(empty, indexes, [table])? {
        found.push(strings(empty, "SELECT name FROM pragma_index_info(?1) ORDER BY seqno", [&index])?);
    }
    let by_id = found.iter().position(|columns| matches!(columns.as_slice(), [only] if only == "id"));
    Ok(found.into_iter().nth(by_id.unwrap_or_default()).unwrap_or_default())
}

fn kind_of(table: &str, column: &str, kind: &str) -> rusqlite::Result<CellKind> {
    match kind {
        "INTEGER" => Ok(CellKind::Number),
        "TEXT" => Ok(CellKind::Text),
        "BLOB" => Ok(CellKind::Bytes),
        other => Err(refused(format!("{table}.{column} holds {other}, which is not moved"))),
    }
}

fn refused(why: String) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(why.into())
}

fn strings(connection: &Connection, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(sql)?;
    statement.query_map(params, |row| row.get(0))?.collect()
}
