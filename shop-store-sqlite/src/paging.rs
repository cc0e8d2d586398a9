//! Pages of a list, by number with a count or by cursor. A cursor enters the index right behind itself, so that page
//! 10,000 costs the same as page 1.
//!
//! For a list with stored counts ([`crate::list_counts`]), a page by number counts no rows. It enters the index at the
//! nearest preceding position that an earlier page recorded.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use shop_core::page::{Cursor, Page, PageRequest, PageWindow, Position, SortValue, Sortable};

use crate::list_counts::{self, StoredCount};
use crate::rows::{ColumnReader, prepare};

/// A query that is built in pieces. Add the pieces in the order in which they appear in the text.
#[derive(Default)]
pub(crate) struct QueryBuilder {
    with: String,
    from: String,
    look_up: String,
    filter: String,
    values: Vec<Value>,
    stored_count: Option<StoredCount>,
}

impl QueryBuilder {
    /// Selects from a table or a join.
    pub(crate) fn from(from: impl Into<String>) -> Self {
        Self { from: from.into(), ..Self::default() }
    }

    /// Selects from an index of a table alone, under the name `listed`; a join looks up the rows of a page. No filter
    /// may need that join, so that counting looks up no rows.
    pub(crate) fn listed(table: &str) -> Self {
        let look_up = format!(" CROSS JOIN {table} ON {table}.id = listed.id");
        Self { look_up, ..Self::from(format!("{table} AS listed")) }
    }

    /// Like [`QueryBuilder::listed`], for filters that need the rows.
    pub(crate) fn looked_up(table: &str) -> Self {
        let Self { from, look_up, .. } = Self::listed(table);
        Self::from(from + &look_up)
    }

    /// Sets the stored count of the list.
    pub(crate) fn stored_count(&mut self, stored_count: StoredCount) {
        self.stored_count = Some(stored_count);
    }

    /// Adds a common table expression (`found (row) AS (…)`) with its values. At most one, before any filter.
    pub(crate) fn with(&mut self, expression: &str, values: impl IntoIterator<Item = Value>) {
        self.with = format!("WITH RECURSIVE {expression} ");
        self.values.extend(values);
    }

    /// The statement that selects these columns, and its values.
    pub(crate) fn select(self, columns: &str) -> (String, Vec<Value>) {
        let Self { with, from, look_up, filter, values, .. } = self;
        (format!("{with}SELECT {columns} FROM {from}{look_up}{filter}"), values)
    }

    /// Adds a condition without values.
    pub(crate) fn is(&mut self, condition: &str) {
        self.filter.push_str(if self.filter.is_empty() { " WHERE " } else { " AND " });
        self.filter.push_str(condition);
    }

    /// Adds a condition with one value, if there is a value.
    pub(crate) fn filter(&mut self, condition: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.is(condition);
            self.values.push(value.into());
        }
    }
}

/// How to read a list: its columns, order and rows.
pub(crate) struct ListQuery<K, T> {
    /// The columns of a row.
    pub(crate) columns: String,
    /// The column of a sort key; `None` for a key that is the same in every row.
    pub(crate) key: fn(K) -> Option<&'static str>,
    /// The column of the final tie-breaker.
    pub(crate) id: &'static str,
    /// Reads a row.
    pub(crate) read: fn(&Connection, &mut ColumnReader<'_, '_>) -> rusqlite::Result<T>,
}

/// An index that orders a list by a coarser value of its first key, so that it grows in few places. Rows that share the
/// coarser value are sorted when read, using the index alone; only the rows of the page are looked up.
pub(crate) struct CoarseIndex {
    /// The table, listed without joins.
    pub(crate) table: &'static str,
    /// The coarser value, as the index spells it.
    pub(crate) column: &'static str,
    /// The coarser value of a first key. It must not decrease while the key increases.
    pub(crate) of: fn(&SortValue) -> Value,
}

impl<K: shop_core::page::SortKey, T: Sortable<Key = K>> ListQuery<K, T> {
    /// The requested page.
    pub(crate) fn page(
        &self,
        connection: &Connection,
        query: QueryBuilder,
        request: &PageRequest<K>,
    ) -> rusqlite::Result<Page<T>> {
        self.page_by(None, connection, query, request)
    }

    /// The requested page, read through a coarse index if there is one.
    pub(crate) fn page_by(
        &self,
        coarse: Option<&CoarseIndex>,
        connection: &Connection,
        query: QueryBuilder,
        request: &PageRequest<K>,
    ) -> rusqlite::Result<Page<T>> {
        let size = i64::from(request.size);
        match &request.position {
            Position::Number(number) => {
                let count = format!("{}SELECT count(*) FROM {}{}", query.with, query.from, query.filter);
                let values = query.values.clone();
                let known = ListState::of(connection, &query, &count, &request.order_text())?;
                let window = known.as_ref().map_or_else(
                    || PageWindow::from_start(*number, request.size),
                    |known| known.window(*number, request.size),
                );
                let known_total = known.as_ref().map(ListState::total).transpose()?.flatten();
                let rows = if known_total.is_some_and(|total| window.is_past(total)) {
                    Vec::new()
                } else {
                    let (limit, skipped) = (bound(window.limit), bound(window.skipped));
                    self.rows(coarse, connection, query, request, window.beyond.as_ref(), (limit, skipped))?
                };
                if let Some(known) = &known {
                    known.stored_count.memo.keep_page(&known.places, known.generation, request, &window, &rows);
                }
                let total = match known_total.or_else(|| window.total(rows.len())) {
                    Some(total) => total,
                    None => {
                        counted(prepare(connection, &count)?.query_row(params_from_iter(values), |row| row.get(0))?)
                    }
                };
                if let Some(known) = &known {
                    known.keep_total(total);
                }
                Ok(Page { items: window.page(rows), total: Some(total), next: None, previous: None })
            }
            Position::Start => {
                Ok(request.page_by_cursor(self.rows(coarse, connection, query, request, None, (size + 1, 0))?))
            }
            Position::Cursor(cursor) => {
                let rows = self.rows(coarse, connection, query, request, Some(cursor), (size + 1, 0))?;
                Ok(request.page_by_cursor(rows))
            }
        }
    }

    fn rows(
        &self,
        coarse: Option<&CoarseIndex>,
        connection: &Connection,
        mut query: QueryBuilder,
        request: &PageRequest<K>,
        cursor: Option<&Cursor>,
        (limit, skipped): (i64, i64),
    ) -> rusqlite::Result<Vec<T>> {
        let backward = cursor.is_some_and(|cursor| cursor.backward);
        let descends = request.order.first().is_some_and(|first| first.descending != backward);
        let keys = request.order.iter().map(|sort| ((self.key)(sort.key), sort.descending != backward));
        // Constant keys do not affect the order; the id follows the direction of the last key.
        let mut order: Vec<_> = keys.filter_map(|(key, descending)| Some((key?, descending))).collect();
        order.push((self.id, request.id_descends() != backward));
        if let Some(cursor) = cursor {
            let keys = request.order.iter().zip(&cursor.keys).filter(|(sort, _)| (self.key)(sort.key).is_some());
            let mut place: Vec<_> = keys.map(|(_, value)| value_of(value)).collect();
            place.push(Value::Blob(cursor.id.as_bytes().to_vec()));
            if let (Some(coarse), Some(first)) = (coarse, cursor.keys.first()) {
                let sign = if descends { "<=" } else { ">=" };
                query.filter(&format!("{} {sign} ?", coarse.column), Some((coarse.of)(first)));
            }
            beyond(&mut query, &order, &place);
        }
        let order: Vec<_> = order.into_iter().map(ordered).collect();
        let order = order.join(", ");
        let QueryBuilder { with, from, look_up, filter, mut values, .. } = query;
        let columns = &self.columns;
        let sql = match coarse {
            None => format!("{with}SELECT {columns} FROM {from}{look_up}{filter} ORDER BY {order} LIMIT ? OFFSET ?"),
            Some(CoarseIndex { table, column, .. }) => format!(
                "{with}SELECT {columns} FROM
                    (SELECT {table}.id AS id FROM {from}{filter} ORDER BY {}, {order} LIMIT ? OFFSET ?) AS page
                    CROSS JOIN {table} ON {table}.id = page.id ORDER BY {order}",
                ordered((column, descends))
            ),
        };
        values.extend([Value::Integer(limit), Value::Integer(skipped)]);
        let mut statement = prepare(connection, &sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut items = Vec::new();
        while let Some(row) = rows.next()? {
            items.push((self.read)(connection, &mut ColumnReader::new(row))?);
        }
        Ok(items)
    }
}

/// What is known about a list in the current snapshot.
struct ListState<'c> {
    connection: &'c Connection,
    stored_count: StoredCount,
    /// The list with its filter.
    name: String,
    /// The list with its filter and order.
    places: String,
    generation: i64,
}

impl<'c> ListState<'c> {
    fn of(
        connection: &'c Connection,
        query: &QueryBuilder,
        count: &str,
        order: &str,
    ) -> rusqlite::Result<Option<Self>> {
        let Some(stored_count) = query.stored_count.clone() else { return Ok(None) };
        let generation = list_counts::generation(connection, stored_count.list)?;
        let name = format!("{count} {:?}", query.values);
        let places = format!("{name} {order}");
        Ok(Some(Self { connection, stored_count, name, places, generation }))
    }

    fn window(&self, number: u32, size: u32) -> PageWindow {
        self.stored_count.memo.window(&self.places, self.generation, number, size)
    }

    fn total(&self) -> rusqlite::Result<Option<u64>> {
        if let Some(keys) = &self.stored_count.keys {
            return list_counts::total(self.connection, self.stored_count.list, keys).map(|total| Some(counted(total)));
        }
        Ok(self.stored_count.memo.total(&self.name, self.generation))
    }

    fn keep_total(&self, total: u64) {
        if self.stored_count.keys.is_none() {
            self.stored_count.memo.keep_total(&self.name, self.generation, total);
        }
    }
}

/// Converts a count that SQLite returned.
fn counted(total: i64) -> u64 {
    u64::try_from(total).unwrap_or_default()
}

/// A row count as a bindable value.
fn bound(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// A sort key as SQL.
pub(crate) fn ordered((key, descending): (&str, bool)) -> String {
    format!("{key}{}", if descending { " DESC" } else { "" })
}

/// A cursor value as a bindable value.
pub(crate) fn value_of(value: &SortValue) -> Value {
    match value {
        SortValue::Number(number) => Value::Integer(*number),
        SortValue::Text(text) => Value::Text(text.clone()),
    }
}

/// Adds the condition that a row lies behind a position in an order.
pub(crate) fn beyond(query: &mut QueryBuilder, order: &[(&str, bool)], place: &[Value]) {
    let sign = |descending: bool| if descending { '<' } else { '>' };
    let one_way = order.iter().all(|(_, descending)| order.first().is_some_and(|(_, first)| first == descending));
    if one_way {
        // A row-value comparison on exactly the columns of an index enters it at exactly this position.
        let keys: Vec<_> = order.iter().map(|(key, _)| *key).collect();
        let marks = vec!["?"; place.len()].join(", ");
        let sign = order.first().map_or('>', |(_, descending)| sign(*descending));
        query.is(&format!("({}) {sign} ({marks})", keys.join(", ")));
        query.values.extend_from_slice(place);
        return;
    }
    // Spelled out from the inside out, as k1 > a AND …: the bound on the first key lets SQLite enter the index near the
    // position.
    let mut condition = String::new();
    let mut values: Vec<Value> = Vec::new();
    for ((key, descending), value) in order.iter().zip(place).rev() {
        let sign = sign(*descending);
        if condition.is_empty() {
            condition = format!("{key} {sign} ?");
            values.insert(0, value.clone());
        } else {
            condition = format!("{key} {sign}= ? AND ({key} {sign} ? OR {condition})");
            values.splice(0..0, [value.clone(), value.clone()]);
        }
    }
    query.is(&format!("({condition})"));
    query.values.extend(values);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(order: &[(&str, bool)]) -> (String, usize) {
        let mut query = QueryBuilder::from("t");
        let place: Vec<_> = (0_i64..).take(order.len()).map(Value::Integer).collect();
        beyond(&mut query, order, &place);
        (query.filter, query.values.len())
    }

    #[test]
    fn one_direction_compares_row_values() {
        assert_eq!(condition(&[("a", true), ("id", true)]), (" WHERE (a, id) < (?, ?)".to_owned(), 2));
        assert_eq!(condition(&[("a", false), ("id", false)]), (" WHERE (a, id) > (?, ?)".to_owned(), 2));
    }

    #[test]
    fn mixed_directions_are_spelled_out() {
        let (text, values) = condition(&[("a", true), ("b", false), ("id", false)]);
        assert_eq!(text, " WHERE (a <= ? AND (a < ? OR b >= ? AND (b > ? OR id > ?)))");
        assert_eq!(values, 5);
    }
}
