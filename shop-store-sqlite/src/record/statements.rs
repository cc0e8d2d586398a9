//! The statements of a table, generated from its declaration.

use shop_core::batch::Unique;
use shop_core::row::{self, ParentKey};

use super::unique::clash;

/// The statements of a table, generated once from its declaration.
pub(crate) struct Statements {
    pub(super) table: &'static row::Table,
    pub(super) columns: String,
    pub(super) select: String,
    pub(super) find: String,
    pub(super) of_parent: String,
    pub(super) version: String,
    pub(super) insert: String,
    /// Inserts a row, or replaces the one with its key.
    pub(super) put: String,
    pub(super) update: String,
    pub(super) update_unfixed: Option<String>,
    pub(super) delete: String,
    /// The columns that are written, those of the parent first.
    pub(super) written: Vec<&'static str>,
    /// Its unique keys, in the order in which they are checked, with the condition under which `old` and `new` clash.
    pub(super) clashes: Vec<(Unique, String)>,
}

impl Statements {
    /// Generates the statements. `fixed` names indexed columns that updates rarely change. An update first tries to
    /// leave them out, because SQLite rewrites every index of a column that an UPDATE names, changed or not.
    pub(crate) fn new(table: &'static row::Table, fixed: &[&str]) -> Self {
        let name = table.name;
        let read: Vec<_> = table.columns.iter().map(|column| column.name).collect();
        // A child row starts with its parent's id and its position.
        let of_parent = table.parent.into_iter().flat_map(ParentKey::columns);
        let written: Vec<_> = of_parent.chain(table.written().copied()).map(|column| column.name).collect();
        let place = |column: &str| written.iter().position(|name| *name == column).map_or(0, |index| index + 1);
        let places: Vec<_> = (1..=written.len()).map(|place| format!("?{place}")).collect();
        let key: Vec<_> = match table.parent {
            Some(parent) if !table.key.contains(&parent.column) => [&[parent.column], table.key].concat(),
            _ => table.key.to_vec(),
        };
        let assign = |left_out: &[&str], value: &dyn Fn(&str) -> String| {
            let columns = written.iter().filter(|column| !key.contains(column) && !left_out.contains(column));
            columns.map(|column| format!("{column} = {}", value(column))).collect::<Vec<_>>().join(", ")
        };
        let bound = |column: &str| format!("?{}", place(column));
        let found: Vec<_> = key.iter().map(|column| format!("{column} = {}", bound(column))).collect();
        let counts = read.contains(&"version") && table.parent.is_none();
        let before = if counts { format!(" AND version = {} - 1", bound("version")) } else { String::new() };
        let guard = format!("{}{before}", found.join(" AND "));
        let same: Vec<_> = fixed.iter().map(|column| format!(" AND {column} IS {}", bound(column))).collect();
        let qualified = read.iter().map(|column| format!("{name}.{column}")).collect::<Vec<_>>().join(", ");
        let select = format!("SELECT {qualified} FROM {name}");
        let insert = format!("INSERT INTO {name} ({}) VALUES ({})", written.join(", "), places.join(", "));
        let position = table.parent.map_or("0", |parent| if parent.has_position { "position" } else { "0" });
        let parent = table.parent.map_or("", |parent| parent.column);
        Self {
            find: format!("{select} WHERE id = ?1"),
            of_parent: format!("SELECT {position}, {qualified} FROM {name} WHERE {parent} = ?1"),
            version: format!("SELECT version FROM {name} WHERE id = ?1"),
            put: format!(
                "{insert} ON CONFLICT ({}) DO UPDATE SET {}",
                key.join(", "),
                assign(&[], &|column| format!("excluded.{column}"))
            ),
            insert,
            update: format!("UPDATE {name} SET {} WHERE {guard}", assign(&[], &bound)),
            update_unfixed: (!fixed.is_empty())
                .then(|| format!("UPDATE {name} SET {} WHERE {guard}{}", assign(fixed, &bound), same.concat())),
            delete: format!("DELETE FROM {name} WHERE id = ?1 AND version = ?2"),
            clashes: table.unique_keys().map(|unique| (unique.name, clash(&unique))).collect(),
            columns: qualified,
            written,
            select,
            table,
        }
    }
}
