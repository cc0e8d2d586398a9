//! How the shop's values stand in columns, in both directions.
//!
//! Ids are 16-byte blobs, times whole microseconds since 1970, amounts minor units, states words, structured
//! snapshots JSON. [`Values`] binds a row column by column and [`Columns`] reads it back in the same order.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Type, ValueRef};
use rusqlite::{CachedStatement, Connection, Row, Statement};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shop_core::clock::Timestamp;
use shop_core::error::BoxError;
use shop_core::money::{Amount, Currency};
use shop_core::word::Word;
use uuid::Uuid;

/// Prepares a statement once per connection: every statement of this crate comes through here, so that the test of
/// the query plans sees each of them.
pub(crate) fn prepare<'c>(connection: &'c Connection, sql: &str) -> rusqlite::Result<CachedStatement<'c>> {
    #[cfg(test)]
    crate::plans::note(sql);
    connection.prepare_cached(sql)
}

/// A UUID as 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id(pub(crate) Uuid);

impl ToSql for Id {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.0.as_bytes())))
    }
}

impl FromSql for Id {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Uuid::from_slice(value.as_blob()?).map(Self).map_err(FromSqlError::other)
    }
}

/// Any id, to be bound.
pub(crate) fn id(id: impl Into<Uuid>) -> Id {
    Id(id.into())
}

/// An id that may be absent, to be bound.
pub(crate) fn optional_id(id: Option<impl Into<Uuid>>) -> Option<Id> {
    id.map(|id| Id(id.into()))
}

/// A time, to be bound: microseconds since 1970.
pub(crate) fn at(time: Timestamp) -> i64 {
    time.timestamp_micros()
}

/// A time that may be absent, to be bound.
pub(crate) fn optional_at(time: Option<Timestamp>) -> Option<i64> {
    time.map(at)
}

/// A value as JSON text, to be bound.
pub(crate) struct Json<'a, T>(pub(crate) &'a T);

impl<T: Serialize> ToSql for Json<'_, T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(json(self.0)?))
    }
}

/// Binds the columns of a row one after the other.
///
/// The texts among them that take work (JSON, folded names) can be written beforehand, by whoever makes the row: the one
/// thread that binds has enough to do.
pub(crate) struct Values<'a, 'c> {
    /// `None`: only those texts are written.
    statement: Option<&'a mut Statement<'c>>,
    bound: usize,
    texts: Texts<'a>,
}

/// The texts of a row that take work, in the order of their columns.
enum Texts<'a> {
    Written(std::slice::Iter<'a, String>),
    Writing(Vec<String>),
}

impl<'a, 'c> Values<'a, 'c> {
    /// None bound yet. `texts` are those that take work, as far as they are written.
    pub(crate) fn new(statement: &'a mut Statement<'c>, texts: &'a [String]) -> Self {
        Self { statement: Some(statement), bound: 0, texts: Texts::Written(texts.iter()) }
    }

    /// Writes the texts of a row that take work, and binds nothing.
    pub(crate) fn texts(write: impl FnOnce(&mut Self) -> rusqlite::Result<()>) -> rusqlite::Result<Vec<String>> {
        let mut values = Self { statement: None, bound: 0, texts: Texts::Writing(Vec::new()) };
        write(&mut values)?;
        Ok(match values.texts {
            Texts::Writing(texts) => texts,
            Texts::Written(_) => Vec::new(),
        })
    }

    /// The next column.
    pub(crate) fn put(&mut self, value: impl ToSql) -> rusqlite::Result<&mut Self> {
        self.bound += 1;
        if let Some(statement) = &mut self.statement {
            statement.raw_bind_parameter(self.bound, value)?;
        }
        Ok(self)
    }

    /// The next column, as JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> rusqlite::Result<&mut Self> {
        self.text(|| json(value))
    }

    /// The next column, a text that takes work.
    pub(crate) fn text(&mut self, write: impl FnOnce() -> rusqlite::Result<String>) -> rusqlite::Result<&mut Self> {
        match &mut self.texts {
            Texts::Writing(texts) => {
                texts.push(write()?);
                Ok(self)
            }
            Texts::Written(texts) => match texts.next() {
                Some(text) => self.put(text),
                None => self.put(write()?),
            },
        }
    }
}

fn json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(BoxError::from(error)))
}

/// Reads the columns of a row one after the other.
pub(crate) struct Columns<'a, 'r> {
    row: &'a Row<'r>,
    next: usize,
}

impl<'a, 'r> Columns<'a, 'r> {
    /// From the first column on.
    pub(crate) fn new(row: &'a Row<'r>) -> Self {
        Self { row, next: 0 }
    }

    fn value(&mut self) -> rusqlite::Result<ValueRef<'a>> {
        self.next += 1;
        self.row.get_ref(self.next - 1)
    }

    fn wrong(&self, expected: Type, why: impl Into<BoxError>) -> rusqlite::Error {
        rusqlite::Error::FromSqlConversionFailure(self.next.saturating_sub(1), expected, why.into())
    }

    /// The next column as it is.
    pub(crate) fn take<T: FromSql>(&mut self) -> rusqlite::Result<T> {
        self.next += 1;
        self.row.get(self.next - 1)
    }

    /// The next column, an id.
    pub(crate) fn id<T: From<Uuid>>(&mut self) -> rusqlite::Result<T> {
        Ok(T::from(self.take::<Id>()?.0))
    }

    /// The next column, an id or nothing.
    pub(crate) fn optional_id<T: From<Uuid>>(&mut self) -> rusqlite::Result<Option<T>> {
        Ok(self.take::<Option<Id>>()?.map(|id| T::from(id.0)))
    }

    /// The next column, a time.
    pub(crate) fn at(&mut self) -> rusqlite::Result<Timestamp> {
        let micros = self.take()?;
        self.time(micros)
    }

    /// The next column, a time or nothing.
    pub(crate) fn optional_at(&mut self) -> rusqlite::Result<Option<Timestamp>> {
        match self.take::<Option<i64>>()? {
            Some(micros) => self.time(micros).map(Some),
            None => Ok(None),
        }
    }

    fn time(&self, micros: i64) -> rusqlite::Result<Timestamp> {
        Timestamp::from_timestamp_micros(micros).ok_or_else(|| self.wrong(Type::Integer, "not a time"))
    }

    /// The next column, an amount.
    pub(crate) fn amount(&mut self) -> rusqlite::Result<Amount> {
        self.take().map(Amount)
    }

    /// The next column, an amount or nothing.
    pub(crate) fn optional_amount(&mut self) -> rusqlite::Result<Option<Amount>> {
        Ok(self.take::<Option<i64>>()?.map(Amount))
    }

    /// The next column, a currency's code.
    pub(crate) fn currency(&mut self) -> rusqlite::Result<Currency> {
        let code = self.value()?.as_str()?;
        code.parse().map_err(|why: String| self.wrong(Type::Text, why))
    }

    /// The next column, the word of a state.
    pub(crate) fn word<T: Word>(&mut self) -> rusqlite::Result<T> {
        let word = self.value()?.as_str()?;
        T::of(word).ok_or_else(|| self.wrong(Type::Text, format!("unknown word {word:?}")))
    }

    /// The next column, JSON.
    pub(crate) fn json<T: DeserializeOwned>(&mut self) -> rusqlite::Result<T> {
        let text = self.value()?.as_str()?;
        serde_json::from_str(text).map_err(|error| self.wrong(Type::Text, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_went_in() {
        let connection = Connection::open_in_memory().unwrap();
        let uuid = Uuid::from_u128(7);
        let time = Timestamp::from_timestamp_micros(1_700_000_000_123_456).unwrap();
        let mut statement = prepare(&connection, "SELECT ?1, ?2, ?3, ?4, ?5").unwrap();
        let mut values = Values::new(&mut statement, &[]);
        values.put(Id(uuid)).unwrap().put(at(time)).unwrap().put(None::<i64>).unwrap();
        values.json(&["M", "L"]).unwrap().put("USD").unwrap();
        let mut rows = statement.raw_query();
        let mut columns = Columns::new(rows.next().unwrap().unwrap());
        assert_eq!(columns.id::<Uuid>().unwrap(), uuid);
        assert_eq!(columns.at().unwrap(), time);
        assert_eq!(columns.optional_at().unwrap(), None);
        assert_eq!(columns.json::<Vec<String>>().unwrap(), ["M", "L"]);
        assert_eq!(columns.currency().unwrap(), Currency::USD);
    }

    #[test]
    fn json_that_was_written_beforehand_is_bound_in_its_place() {
        fn write(values: &mut Values<'_, '_>) -> rusqlite::Result<()> {
            values.put("USD")?.json(&["M"])?.put(7)?.json(&["L"]).map(drop)
        }
        let texts = Values::texts(write).unwrap();
        assert_eq!(texts, [r#"["M"]"#, r#"["L"]"#]);

        let connection = Connection::open_in_memory().unwrap();
        let bound = |texts: &[String]| -> [String; 4] {
            let mut statement = prepare(&connection, "SELECT ?1, ?2, CAST(?3 AS TEXT), ?4").unwrap();
            write(&mut Values::new(&mut statement, texts)).unwrap();
            let mut rows = statement.raw_query();
            let row = rows.next().unwrap().unwrap();
            [0, 1, 2, 3].map(|column| row.get(column).unwrap())
        };
        assert_eq!(bound(&texts), ["USD", r#"["M"]"#, "7", r#"["L"]"#]);
        // As it was written, and here what was not.
        assert_eq!(bound(&["first".to_owned()]), ["USD", "first", "7", r#"["L"]"#]);
        assert_eq!(bound(&[]), ["USD", r#"["M"]"#, "7", r#"["L"]"#]);
    }

    #[test]
    fn a_wrong_value_is_an_error_and_no_panic() {
        let connection = Connection::open_in_memory().unwrap();
        let mut statement = prepare(&connection, "SELECT x'00', 9223372036854775807, 'XXX', '{'").unwrap();
        let mut rows = statement.query([]).unwrap();
        let mut columns = Columns::new(rows.next().unwrap().unwrap());
        assert!(columns.id::<Uuid>().is_err());
        assert!(columns.at().is_err());
        assert!(columns.currency().is_err());
        assert!(columns.json::<Vec<String>>().is_err());
        assert!(columns.take::<i64>().is_err());
    }
}
