//! Pages of a list, by number with a count or by cursor. A cursor enters the index right behind itself, so that page
//! 10,000 costs the same as page 1.
//!
//! A page by cursor is one statement. So is a page by number, if its count is stored ([`super::list_counts`]),
//! remembered, or implied by a page that is not full; otherwise a second statement counts. A page by number enters the
//! index at the nearest preceding position that an earlier page recorded. If the list has changed since then, which the
//! statement itself shows, the page is read again.

use std::sync::Arc;

use shop_core::clock::Timestamp;
use shop_core::page::{Cursor, Page, PageMemo, PageRequest, PageWindow, Position, SortKey, SortValue, Sortable};
use shop_core::row::Source as _;
use shop_core::store::StoreResult;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx_core::error::Error;
use sqlx_core::sql_str::AssertSqlSafe;
use uuid::Uuid;

use super::error::store_error;
use super::list_counts::StoredCount;
use super::pool::Pool;
use super::rows::{ColumnReader, ReadRow, StatementArguments, at, is_storable};

/// A value to bind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Number(i64),
    Text(String),
    Id(Uuid),
    Time(Timestamp),
    Flag(bool),
    Texts(Vec<String>),
    Flags(Vec<bool>),
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

/// A query that is built in pieces.
#[derive(Debug, Clone, Default)]
pub(crate) struct QueryBuilder {
    from: String,
    filter: String,
    values: Vec<Value>,
    stored_count: Option<StoredCount>,
}

impl QueryBuilder {
    /// Selects from a table.
    pub(crate) fn from(table: &str) -> Self {
        Self { from: table.to_owned(), ..Self::default() }
    }

    /// Adds a join, with a `?` in its text for each value.
    pub(crate) fn join(&mut self, join: &str, values: impl IntoIterator<Item = Value>) {
        self.from.push(' ');
        let join = self.bind(join, values);
        self.from.push_str(&join);
    }

    /// Sets the stored count of the list.
    pub(crate) fn stored_count(&mut self, stored_count: StoredCount) {
        self.stored_count = Some(stored_count);
    }

    /// Adds a condition without values.
    pub(crate) fn is(&mut self, condition: &str) {
        self.filter.push_str(if self.filter.is_empty() { " WHERE " } else { " AND " });
        self.filter.push_str(condition);
    }

    /// Adds a condition with one value, if there is a value.
    pub(crate) fn filter(&mut self, condition: &str, value: Option<impl Into<Value>>) {
        match value.map(Into::into) {
            Some(Value::Text(text)) if !is_storable(&text) => self.is("FALSE"),
            Some(value) => self.is_with(condition, [value]),
            None => {}
        }
    }

    /// Adds a condition with several values.
    pub(crate) fn is_with(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        let condition = self.bind(condition, values);
        self.is(&condition);
    }

    /// Numbers the placeholders of a text and adds their values.
    pub(crate) fn bind(&mut self, text: &str, values: impl IntoIterator<Item = Value>) -> String {
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

    /// The condition, starting with WHERE.
    pub(crate) fn condition(&self) -> &str {
        &self.filter
    }

    /// The arguments for all values.
    pub(crate) fn arguments(&self) -> Result<PgArguments, Error> {
        let values = self.values.iter().fold(StatementArguments::new(), |values, value| match value {
            Value::Number(number) => values.put(*number),
            Value::Text(text) => values.put(text),
            Value::Id(id) => values.put(*id),
            Value::Time(time) => values.put(*time),
            Value::Flag(flag) => values.put(*flag),
            Value::Texts(texts) => values.put(texts.clone()),
            Value::Flags(flags) => values.put(flags.clone()),
        });
        values.finish()
    }
}

/// The column of a sort key, and its type.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Key {
    /// Integers.
    Number(&'static str),
    /// Text that is compared bytewise.
    Text(&'static str),
    /// Times; in cursors, microseconds since 1970.
    Time(&'static str),
}

impl Key {
    /// The column name.
    pub(crate) fn column(self) -> &'static str {
        match self {
            Self::Number(column) | Self::Text(column) | Self::Time(column) => column,
        }
    }

    /// The position of a cursor value among the key's values. Cursors come from clients, so a value may be one that no
    /// row can have.
    pub(crate) fn place(self, value: &SortValue) -> CursorBound {
        match (self, value) {
            (Self::Number(_), SortValue::Number(number)) => CursorBound::At(Value::Number(*number)),
            (Self::Time(_), SortValue::Number(number)) => match Timestamp::from_timestamp_micros(*number) {
                Some(time) => CursorBound::At(Value::from(time)),
                None if *number < 0 => CursorBound::BelowAll,
                None => CursorBound::AboveAll,
            },
            // Numbers sort before text, as in `SortValue`.
            (Self::Text(_), SortValue::Number(_)) => CursorBound::BelowAll,
            (Self::Number(_) | Self::Time(_), SortValue::Text(_)) => CursorBound::AboveAll,
            // NUL, which cannot be stored, sorts first. Replacing it with U+0001 keeps the order, and no row is equal.
            (Self::Text(_), SortValue::Text(text)) => CursorBound::At(Value::Text(text.replace('\0', "\u{1}"))),
        }
    }
}

/// The position of a cursor value among the values of a key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum CursorBound {
    At(Value),
    BelowAll,
    AboveAll,
}

/// How to read a list: its columns, order and rows.
pub(crate) struct ListQuery<K, T> {
    /// The columns of a row.
    pub(crate) columns: String,
    /// The column of a sort key; `None` for a key that is the same in every row.
    pub(crate) key: fn(K) -> Option<Key>,
    /// The column of the final tie-breaker.
    pub(crate) id: &'static str,
    /// Reads a row.
    pub(crate) read: fn(&mut ColumnReader<'_>) -> Result<T, Error>,
}

/// A list of records that is ordered only by their creation.
macro_rules! by_creation {
    ($row:ty, $table:literal) => {
        $crate::paging::ListQuery::<_, $row>::of(concat!($table, ".id"), |shop_core::page::CreationSort::CreatedAt| {
            Some($crate::paging::Key::Time(concat!($table, ".created_at")))
        })
    };
}
pub(crate) use by_creation;

impl<K, T: ReadRow> ListQuery<K, T> {
    /// A list of records: the column of the final tie-breaker, and those of the sort keys.
    pub(crate) fn of(id: &'static str, key: fn(K) -> Option<Key>) -> Self {
        Self { columns: T::columns().to_owned(), key, id, read: T::read }
    }
}

impl<K: SortKey, T: Sortable<Key = K>> ListQuery<K, T> {
    /// The requested page.
    pub(crate) async fn page(
        &self,
        pool: &Arc<Pool>,
        query: QueryBuilder,
        request: &PageRequest<K>,
    ) -> StoreResult<Page<T>> {
        let size = i64::from(request.size);
        let by_cursor = match &request.position {
            Position::Number(number) => return self.numbered(pool, query, request, *number).await,
            Position::Start => None,
            Position::Cursor(cursor) => Some(cursor),
        };
        let (rows, _) =
            self.rows(pool, QueryBuilder { stored_count: None, ..query }, request, by_cursor, (size + 1, 0)).await?;
        Ok(request.page_by_cursor(rows))
    }

    async fn numbered(
        &self,
        pool: &Arc<Pool>,
        query: QueryBuilder,
        request: &PageRequest<K>,
        number: u32,
    ) -> StoreResult<Page<T>> {
        let remembered = Remembered::of(&query, &request.order_text());
        let (mut window, generation) = match &remembered {
            Some(Remembered { memo, places, .. }) => memo.latest_window(places, number, request.size),
            None => (PageWindow::from_start(number, request.size), None),
        };
        let (mut rows, mut known) =
            self.rows(pool, query.clone(), request, window.beyond.as_ref(), bounds(&window)).await?;
        if window.beyond.is_some() && known.map(|known| known.generation) != generation {
            // The recorded position is outdated, or nothing lies behind it.
            window = PageWindow::from_start(number, request.size);
            (rows, known) = self.rows(pool, query.clone(), request, None, bounds(&window)).await?;
        }
        if let (Some(Remembered { memo, places, .. }), Some(known)) = (&remembered, known) {
            memo.keep_page(places, known.generation, request, &window, &rows);
        }
        let known_total = known.and_then(|known| known.total).or_else(|| window.total(rows.len())).or_else(|| {
            let Remembered { memo, name, .. } = remembered.as_ref()?;
            memo.total(name, known?.generation)
        });
        let total = match known_total {
            Some(total) => total,
            None => counted(count(pool, &query, remembered.as_ref()).await?),
        };
        Ok(Page { items: window.page(rows), total: Some(total), next: None, previous: None })
    }

    async fn rows(
        &self,
        pool: &Arc<Pool>,
        mut query: QueryBuilder,
        request: &PageRequest<K>,
        cursor: Option<&Cursor>,
        (limit, skipped): (i64, i64),
    ) -> StoreResult<(Vec<T>, Option<ListState>)> {
        let backward = cursor.is_some_and(|cursor| cursor.backward);
        let keys = request.order.iter().map(|sort| ((self.key)(sort.key), sort.descending != backward));
        // Constant keys do not affect the order; the id follows the direction of the last key.
        let mut order: Vec<_> = keys.filter_map(|(key, descending)| Some((key?.column(), descending))).collect();
        order.push((self.id, request.id_descends() != backward));
        if let Some(cursor) = cursor {
            let keys = request.order.iter().zip(&cursor.keys);
            let places = keys.filter_map(|(sort, value)| Some((self.key)(sort.key)?.place(value)));
            let places: Vec<_> = places.chain([CursorBound::At(Value::Id(cursor.id))]).collect();
            beyond(&mut query, &order, &places);
        }
        let order: Vec<_> = order.into_iter().map(ordered).collect();
        // Spelled out: Postgres assumes that a limit in a parameter may be large, and sorts the whole table.
        let mut end = format!("LIMIT {limit}");
        if skipped > 0 {
            end.push_str(&query.bind(" OFFSET ?", [Value::Number(skipped)]));
        }
        let known = query.known();
        let (columns, order) = (&self.columns, order.join(", "));
        let (from, filter, id) = (&query.from, &query.filter, self.id);
        let sql = if skipped > 0 && query.stored_count.is_some() {
            // Skipped rows only need to be walked along: otherwise their columns, including child rows, would be
            // computed too.
            format!(
                "SELECT {known}{columns} FROM {from}
                    JOIN (SELECT {id} AS page_id FROM {from}{filter} ORDER BY {order} {end}) AS page ON page.page_id = {id}
                    ORDER BY {order}"
            )
        } else {
            format!("SELECT {known}{columns} FROM {from}{filter} ORDER BY {order} {end}")
        };
        let arguments = query.arguments().map_err(store_error)?;
        let rows = pool.read(AssertSqlSafe(sql), arguments).await?;
        read_with_known(&rows, query.stored_count.is_some(), self.read)
    }
}

/// What a statement reports about its list, in addition to the rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListState {
    /// A number that changes with every change of the list.
    pub(crate) generation: i64,
    /// The number of rows, if it is stored.
    pub(crate) total: Option<u64>,
}

/// Reads the rows of a page, and the [`ListState`] columns in front of each if they were requested.
pub(crate) fn read_with_known<T>(
    rows: &[PgRow],
    is_asked: bool,
    read: impl Fn(&mut ColumnReader<'_>) -> Result<T, Error>,
) -> StoreResult<(Vec<T>, Option<ListState>)> {
    let mut known = None;
    let items = rows.iter().map(|row| {
        let mut columns = ColumnReader::new(row);
        if is_asked {
            let (generation, total) = (columns.take()?, columns.take::<Option<i64>>()?);
            known = Some(ListState { generation, total: total.map(counted) });
        }
        read(&mut columns)
    });
    let items = items.collect::<Result<_, Error>>().map_err(store_error)?;
    Ok((items, known))
}

impl QueryBuilder {
    /// The columns of [`ListState`], if the list has a stored count.
    fn known(&mut self) -> String {
        let Some(stored_count) = self.stored_count.take() else { return String::new() };
        let (total, values) = stored_count.total();
        let total = self.bind(&total, values);
        let generation = stored_count.generation();
        self.stored_count = Some(stored_count);
        format!("{generation}, {total}, ")
    }
}

/// What is remembered of a list.
struct Remembered {
    memo: Arc<PageMemo>,
    name: String,
    places: String,
}

impl Remembered {
    fn of(query: &QueryBuilder, order: &str) -> Option<Self> {
        let memo = Arc::clone(&query.stored_count.as_ref()?.memo);
        let name = format!("{}{} {:?}", query.from, query.filter, query.values);
        let places = format!("{name} {order}");
        Some(Self { memo, name, places })
    }
}

/// The limit and offset of a window.
pub(crate) fn bounds(window: &PageWindow) -> (i64, i64) {
    let bound = |rows| i64::try_from(rows).unwrap_or(i64::MAX);
    (bound(window.limit), bound(window.skipped))
}

/// Converts a count that Postgres returned.
pub(crate) fn counted(total: i64) -> u64 {
    u64::try_from(total).unwrap_or_default()
}

/// The number of rows of the whole list: as stored, or counted and then remembered.
async fn count(pool: &Arc<Pool>, query: &QueryBuilder, remembered: Option<&Remembered>) -> StoreResult<i64> {
    let mut query = query.clone();
    let counted = query.stored_count.as_ref().is_none_or(|stored_count| stored_count.keys.is_none());
    let sql = if counted {
        let generation = query.stored_count.as_ref().map_or_else(|| "NULL::bigint".to_owned(), StoredCount::generation);
        format!("SELECT count(*), {generation} FROM {}{}", query.from, query.filter)
    } else {
        let (total, values) = query.stored_count.as_ref().map(StoredCount::total).unwrap_or_default();
        query = QueryBuilder::default();
        let total = query.bind(&total, values);
        format!("SELECT {total}, NULL::bigint")
    };
    let rows = pool.read(AssertSqlSafe(sql), query.arguments().map_err(store_error)?).await?;
    let read = |row: &PgRow| {
        let mut columns = ColumnReader::new(row);
        Ok::<(i64, Option<i64>), Error>((columns.take()?, columns.take()?))
    };
    let (total, generation) = rows.first().map_or(Ok((0, None)), read).map_err(store_error)?;
    if let (true, Some(remembered), Some(generation), Ok(total)) =
        (counted, remembered, generation, u64::try_from(total))
    {
        remembered.memo.keep_total(&remembered.name, generation, total);
    }
    Ok(total)
}

/// A sort key as SQL.
pub(crate) fn ordered((key, descending): (&str, bool)) -> String {
    format!("{key}{}", if descending { " DESC" } else { "" })
}

/// Adds the condition that a row lies behind a position in an order.
pub(crate) fn beyond(query: &mut QueryBuilder, order: &[(&str, bool)], places: &[CursorBound]) {
    let sign = |descending: bool| if descending { '<' } else { '>' };
    let one_way = order.iter().all(|(_, descending)| order.first().is_some_and(|(_, first)| first == descending));
    let values: Option<Vec<Value>> = places
        .iter()
        .map(|place| if let CursorBound::At(value) = place { Some(value.clone()) } else { None })
        .collect();
    if let (true, Some(values)) = (one_way, values) {
        // A row-value comparison on exactly the columns of an index enters it at exactly this position.
        let keys: Vec<_> = order.iter().map(|(key, _)| *key).collect();
        let marks = vec!["?"; places.len()].join(", ");
        let sign = order.first().map_or('>', |(_, descending)| sign(*descending));
        query.is_with(&format!("({}) {sign} ({marks})", keys.join(", ")), values);
        return;
    }
    // Spelled out from the inside out, as k1 > a AND …: the bound on the first key lets Postgres enter the index near
    // the position.
    let mut condition = String::new();
    let mut values: Vec<Value> = Vec::new();
    for ((key, descending), place) in order.iter().zip(places).rev() {
        let sign = sign(*descending);
        match place {
            // Every row is on the same side, whatever the later keys are.
            CursorBound::BelowAll | CursorBound::AboveAll => {
                let all = (*place == CursorBound::BelowAll) != *descending;
                condition = String::from(if all { "TRUE" } else { "FALSE" });
                values.clear();
            }
            CursorBound::At(value) if condition.is_empty() => {
                condition = format!("{key} {sign} ?");
                values.insert(0, value.clone());
            }
            CursorBound::At(value) => {
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

    fn condition(order: &[(&str, bool)], places: &[CursorBound]) -> (String, usize) {
        let mut query = QueryBuilder::from("t");
        query.filter("a = ?", Some(7_i64));
        beyond(&mut query, order, places);
        (query.filter.split_once(" AND ").unwrap().1.to_owned(), query.values.len() - 1)
    }

    fn places(count: i64) -> Vec<CursorBound> {
        (0..count).map(|number| CursorBound::At(Value::Number(number))).collect()
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
        let at = || CursorBound::At(Value::Number(1));
        let (text, values) =
            condition(&[("a", false), ("b", false), ("id", false)], &[at(), CursorBound::BelowAll, at()]);
        assert_eq!((text.as_str(), values), ("(a >= $2 AND (a > $3 OR TRUE))", 2));
        let (text, values) = condition(&[("a", true), ("id", true)], &[CursorBound::BelowAll, at()]);
        assert_eq!((text.as_str(), values), ("(FALSE)", 0));
        let (text, _) = condition(&[("a", true), ("id", true)], &[CursorBound::AboveAll, at()]);
        assert_eq!(text, "(TRUE)");
    }

    #[test]
    fn a_cursor_of_a_client_may_hold_anything() {
        let text = |text: &str| SortValue::Text(text.to_owned());
        assert_eq!(Key::Number("a").place(&SortValue::Number(5)), CursorBound::At(Value::Number(5)));
        assert_eq!(Key::Number("a").place(&text("x")), CursorBound::AboveAll);
        assert_eq!(Key::Text("a").place(&SortValue::Number(5)), CursorBound::BelowAll);
        assert_eq!(Key::Time("a").place(&text("x")), CursorBound::AboveAll);
        assert_eq!(Key::Time("a").place(&SortValue::Number(i64::MAX)), CursorBound::AboveAll);
        assert_eq!(Key::Time("a").place(&SortValue::Number(i64::MIN)), CursorBound::BelowAll);
    }

    #[test]
    fn what_cannot_be_stored_is_not_looked_for() {
        let mut query = QueryBuilder::from("t");
        query.filter("a = ?", Some("\0"));
        assert_eq!((query.filter.as_str(), query.values.len()), (" WHERE FALSE", 0));
    }
}
