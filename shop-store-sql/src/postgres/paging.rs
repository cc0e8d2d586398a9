//! Pages of a list: by number with a count, and by cursor, where the index is entered right behind the cursor so that
//! page 10,000 costs what page 1 does.
//!
//! A page by cursor is one statement. A page by number is one or two: the second counts, unless a page that is not full
//! says how many there are.

use std::sync::Arc;

use shop_core::clock::Timestamp;
use shop_core::page::{Cursor, Listed, Page, PageRequest, Position, SortKey, SortValue};
use shop_core::store::StoreResult;
use sqlx::postgres::PgArguments;
use sqlx_core::error::Error;
use sqlx_core::sql_str::AssertSqlSafe;
use uuid::Uuid;

use super::error::store_error;
use super::pool::Pool;
use super::rows::{Columns, Values, at, is_storable};

/// The end of a subquery that is to be asked row by row, as a page needs it that ends after a few: otherwise Postgres joins
/// the whole tables first. A count, which needs all, leaves it out.
pub(crate) const ROW_BY_ROW: &str = " OFFSET 0";

/// A value that is bound.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Number(i64),
    Text(String),
    Id(Uuid),
    Time(Timestamp),
    Flag(bool),
}

macro_rules! values {
    ($($from:ty => |$value:ident| $made:expr),+ $(,)?) => {$(
        impl From<$from> for Value {
            fn from($value: $from) -> Self {
                $made
            }
        }
    )+};
}
values! {
    i64 => |number| Self::Number(number),
    String => |text| Self::Text(text),
    &str => |text| Self::Text(text.to_owned()),
    Uuid => |id| Self::Id(id),
    Timestamp => |time| Self::Time(at(time)),
    bool => |flag| Self::Flag(flag),
}

/// A query that is built piece by piece.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    from: String,
    filter: String,
    values: Vec<Value>,
}

impl Query {
    /// From a table.
    pub(crate) fn from(table: &str) -> Self {
        Self { from: table.to_owned(), ..Self::default() }
    }

    /// Joins something, in whose text a `?` stands for each value.
    pub(crate) fn join(&mut self, join: &str, values: impl IntoIterator<Item = Value>) {
        self.from.push(' ');
        let join = self.bind(join, values);
        self.from.push_str(&join);
    }

    /// A condition without values.
    pub(crate) fn is(&mut self, condition: &str) {
        self.filter.push_str(if self.filter.is_empty() { " WHERE " } else { " AND " });
        self.filter.push_str(condition);
    }

    /// A condition with one value, when there is one.
    pub(crate) fn filter(&mut self, condition: &str, value: Option<impl Into<Value>>) {
        match value.map(Into::into) {
            Some(Value::Text(text)) if !is_storable(&text) => self.is("FALSE"),
            Some(value) => self.is_with(condition, [value]),
            None => {}
        }
    }

    /// A condition with several values.
    fn is_with(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        let condition = self.bind(condition, values);
        self.is(&condition);
    }

    /// Numbers the places of a text.
    fn bind(&mut self, text: &str, values: impl IntoIterator<Item = Value>) -> String {
        let mut numbered = String::with_capacity(text.len() + 8);
        let mut pieces = text.split('?');
        numbered.push_str(pieces.next().unwrap_or_default());
        for (piece, value) in pieces.zip(values) {
            self.values.push(value);
            numbered.push('$');
            numbered.push_str(&self.values.len().to_string());
            numbered.push_str(piece);
        }
        numbered
    }

    fn arguments(&self) -> Result<PgArguments, Error> {
        let values = self.values.iter().fold(Values::new(), |values, value| match value {
            Value::Number(number) => values.put(*number),
            Value::Text(text) => values.put(text),
            Value::Id(id) => values.put(*id),
            Value::Time(time) => values.put(*time),
            Value::Flag(flag) => values.put(*flag),
        });
        values.finish()
    }
}

/// The column of a sort key, and what stands in it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Key {
    /// Whole numbers.
    Number(&'static str),
    /// Text that is compared bytewise.
    Text(&'static str),
    /// Times; in cursors microseconds since 1970.
    Time(&'static str),
}

impl Key {
    fn column(self) -> &'static str {
        match self {
            Self::Number(column) | Self::Text(column) | Self::Time(column) => column,
        }
    }

    /// Where a value of a cursor stands. Cursors come from clients: one may hold what no row can have.
    fn place(self, value: &SortValue) -> Place {
        match (self, value) {
            (Self::Number(_), SortValue::Number(number)) => Place::At(Value::Number(*number)),
            (Self::Time(_), SortValue::Number(number)) => match Timestamp::from_timestamp_micros(*number) {
                Some(time) => Place::At(Value::from(time)),
                None if *number < 0 => Place::BelowAll,
                None => Place::AboveAll,
            },
            // Numbers come before text, as in `SortValue`.
            (Self::Text(_), SortValue::Number(_)) => Place::BelowAll,
            (Self::Number(_) | Self::Time(_), SortValue::Text(_)) => Place::AboveAll,
            // The character that cannot be stored is the first of all: what begins alike is below, and nothing equal.
            (Self::Text(_), SortValue::Text(text)) => Place::At(Value::Text(text.replace('\0', "\u{1}"))),
        }
    }
}

/// Where a cursor stands among the values of a key.
#[derive(Debug, Clone, PartialEq)]
enum Place {
    At(Value),
    BelowAll,
    AboveAll,
}

/// How a list is read: its columns, its order, its rows.
pub(crate) struct List<K, T> {
    /// The columns of a row.
    pub(crate) columns: String,
    /// The column of a sort key; `None` for one that is the same in every row.
    pub(crate) key: fn(K) -> Option<Key>,
    /// The column of the last tie-breaker.
    pub(crate) id: &'static str,
    /// Reads a row.
    pub(crate) read: fn(&mut Columns<'_>) -> Result<T, Error>,
}

impl<K: SortKey, T: Listed<Key = K>> List<K, T> {
    /// The page that is asked for.
    pub(crate) async fn page(&self, pool: &Arc<Pool>, query: Query, request: &PageRequest<K>) -> StoreResult<Page<T>> {
        let size = i64::from(request.size);
        match &request.position {
            Position::Number(number) => {
                let skipped = i64::from(number.saturating_sub(1)) * size;
                let items = self.rows(pool, query.clone(), request, None, size, skipped).await?;
                let seen = i64::try_from(items.len()).unwrap_or(i64::MAX);
                let total = if seen < size && (seen > 0 || skipped == 0) {
                    skipped + seen
                } else {
                    count(pool, &query).await?
                };
                Ok(Page { items, total: u64::try_from(total).ok(), next: None, previous: None })
            }
            Position::Start => Ok(request.page_by_cursor(self.rows(pool, query, request, None, size + 1, 0).await?)),
            Position::Cursor(cursor) => {
                Ok(request.page_by_cursor(self.rows(pool, query, request, Some(cursor), size + 1, 0).await?))
            }
        }
    }

    async fn rows(
        &self,
        pool: &Arc<Pool>,
        mut query: Query,
        request: &PageRequest<K>,
        cursor: Option<&Cursor>,
        limit: i64,
        skipped: i64,
    ) -> StoreResult<Vec<T>> {
        let backward = cursor.is_some_and(|cursor| cursor.backward);
        let keys = request.order.iter().map(|sort| ((self.key)(sort.key), sort.descending != backward));
        // The constant keys say nothing; the id goes the way of the last key.
        let mut order: Vec<_> = keys.filter_map(|(key, descending)| Some((key?.column(), descending))).collect();
        order.push((self.id, request.id_descends() != backward));
        if let Some(cursor) = cursor {
            let keys = request.order.iter().zip(&cursor.keys);
            let places = keys.filter_map(|(sort, value)| Some((self.key)(sort.key)?.place(value)));
            let places: Vec<_> = places.chain([Place::At(Value::Id(cursor.id))]).collect();
            beyond(&mut query, &order, &places);
        }
        let order: Vec<_> =
            order.iter().map(|(key, descending)| format!("{key}{}", if *descending { " DESC" } else { "" })).collect();
        // Spelled out: of a number that comes later Postgres knows only that it could be large, and sorts the whole table.
        let mut end = format!("LIMIT {limit}");
        if skipped > 0 {
            end.push_str(&query.bind(" OFFSET ?", [Value::Number(skipped)]));
        }
        let (columns, order) = (&self.columns, order.join(", "));
        let sql = format!("SELECT {columns} FROM {}{} ORDER BY {order} {end}", query.from, query.filter);
        let arguments = query.arguments().map_err(store_error)?;
        let rows = pool.read(AssertSqlSafe(sql), arguments).await?;
        let items = rows.iter().map(|row| (self.read)(&mut Columns::new(row)));
        items.collect::<Result<_, _>>().map_err(store_error)
    }
}

async fn count(pool: &Arc<Pool>, query: &Query) -> StoreResult<i64> {
    let sql = format!("SELECT count(*) FROM {}{}", query.from, query.filter).replace(ROW_BY_ROW, "");
    let rows = pool.read(AssertSqlSafe(sql), query.arguments().map_err(store_error)?).await?;
    rows.first().map_or(Ok(0), |row| Columns::new(row).take()).map_err(store_error)
}

/// Adds the condition that a row lies beyond a place in an order.
fn beyond(query: &mut Query, order: &[(&str, bool)], places: &[Place]) {
    let sign = |descending: bool| if descending { '<' } else { '>' };
    let one_way = order.iter().all(|(_, descending)| order.first().is_some_and(|(_, first)| first == descending));
    let values: Option<Vec<Value>> =
        places.iter().map(|place| if let Place::At(value) = place { Some(value.clone()) } else { None }).collect();
    if let (true, Some(values)) = (one_way, values) {
        // A comparison of row values enters an index of just these columns at just this place.
        let keys: Vec<_> = order.iter().map(|(key, _)| *key).collect();
        let marks = vec!["?"; places.len()].join(", ");
        let sign = order.first().map_or('>', |(_, descending)| sign(*descending));
        query.is_with(&format!("({}) {sign} ({marks})", keys.join(", ")), values);
        return;
    }
    // k1 > a AND …, spelled out from the inside: the first key's own bound lets the index be entered near the place.
    let mut condition = String::new();
    let mut values: Vec<Value> = Vec::new();
    for ((key, descending), place) in order.iter().zip(places).rev() {
        let sign = sign(*descending);
        match place {
            // Every row is on the same side, whatever the keys behind this one say.
            Place::BelowAll | Place::AboveAll => {
                let all = (*place == Place::BelowAll) != *descending;
                condition = String::from(if all { "TRUE" } else { "FALSE" });
                values.clear();
            }
            Place::At(value) if condition.is_empty() => {
                condition = format!("{key} {sign} ?");
                values.insert(0, value.clone());
            }
            Place::At(value) => {
                condition = format!("{key} {sign}= ? AND ({key} {sign} ? OR {condition})");
                values.splice(0..0, [value.clone(), value.clone()]);
            }
        }
    }
    query.is_with(&format!("({condition})"), values);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(order: &[(&str, bool)], places: &[Place]) -> (String, usize) {
        let mut query = Query::from("t");
        query.filter("a = ?", Some(7_i64));
        beyond(&mut query, order, places);
        (query.filter.split_once(" AND ").unwrap().1.to_owned(), query.values.len() - 1)
    }

    fn places(count: i64) -> Vec<Place> {
        (0..count).map(|number| Place::At(Value::Number(number))).collect()
    }

    #[test]
    fn one_direction_compares_row_values() {
        let (text, values) = condition(&[("a", true), ("id", true)], &places(2));
        assert_eq!((text.as_str(), values), ("(a, id) < ($2, $3)", 2));
        let (text, values) = condition(&[("a", false), ("id", false)], &places(2));
        assert_eq!((text.as_str(), values), ("(a, id) > ($2, $3)", 2));
    }

    #[test]
    fn mixed_directions_are_spelled_out() {
        let (text, values) = condition(&[("a", true), ("b", false), ("id", false)], &places(3));
        assert_eq!(text, "(a <= $2 AND (a < $3 OR b >= $4 AND (b > $5 OR id > $6)))");
        assert_eq!(values, 5);
    }

    #[test]
    fn a_cursor_beside_all_rows_compares_nothing_behind_it() {
        let at = || Place::At(Value::Number(1));
        let (text, values) = condition(&[("a", false), ("b", false), ("id", false)], &[at(), Place::BelowAll, at()]);
        assert_eq!((text.as_str(), values), ("(a >= $2 AND (a > $3 OR TRUE))", 2));
        let (text, values) = condition(&[("a", true), ("id", true)], &[Place::BelowAll, at()]);
        assert_eq!((text.as_str(), values), ("(FALSE)", 0));
        let (text, _) = condition(&[("a", true), ("id", true)], &[Place::AboveAll, at()]);
        assert_eq!(text, "(TRUE)");
    }

    #[test]
    fn a_cursor_of_a_client_may_hold_anything() {
        let text = |text: &str| SortValue::Text(text.to_owned());
        assert_eq!(Key::Number("a").place(&SortValue::Number(5)), Place::At(Value::Number(5)));
        assert_eq!(Key::Number("a").place(&text("x")), Place::AboveAll);
        assert_eq!(Key::Text("a").place(&SortValue::Number(5)), Place::BelowAll);
        assert_eq!(Key::Time("a").place(&text("x")), Place::AboveAll);
        assert_eq!(Key::Time("a").place(&SortValue::Number(i64::MAX)), Place::AboveAll);
        assert_eq!(Key::Time("a").place(&SortValue::Number(i64::MIN)), Place::BelowAll);
    }

    #[test]
    fn what_cannot_be_stored_is_not_looked_for() {
        let mut query = Query::from("t");
        query.filter("a = ?", Some("\0"));
        assert_eq!((query.filter.as_str(), query.values.len()), (" WHERE FALSE", 0));
    }
}
