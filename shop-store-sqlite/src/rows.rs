//! Maps the shop's values to columns and back.
//!
//! Ids are 16-byte blobs, times whole microseconds since 1970, amounts minor units, states words, structured snapshots
//! JSON. [`ColumnWriter`] binds the columns of a row and [`ColumnReader`] reads them, both in the order of their
//! declaration.

use std::borrow::Cow;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, Null, ToSql, ToSqlOutput, Type, ValueRef};
use rusqlite::{CachedStatement, Connection, Row, Statement};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shop_core::clock::Timestamp;
use shop_core::error::BoxError;
use shop_core::row::{ColumnKind, Columns, Sink, Source, Stored, Value};
use uuid::Uuid;

use crate::encoded::{EncodedRow, EncodedText};

/// Prepares a statement once per connection. Every statement of this crate goes through here, so that the test of the
/// query plans sees each of them.
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

/// Any id, as a bindable value.
pub(crate) fn id(id: impl Into<Uuid>) -> Id {
    Id(id.into())
}

/// An optional id, as a bindable value.
pub(crate) fn optional_id(id: Option<impl Into<Uuid>>) -> Option<Id> {
    id.map(|id| Id(id.into()))
}

/// A time as a bindable value: microseconds since 1970.
pub(crate) fn at(time: Timestamp) -> i64 {
    time.timestamp_micros()
}

/// An optional time, as a bindable value.
pub(crate) fn optional_at(time: Option<Timestamp>) -> Option<i64> {
    time.map(at)
}

/// Binds the columns of a row in order. Expensive texts (JSON, folded names) may be [encoded](EncodedRow) in advance.
pub(crate) struct ColumnWriter<'a, 'c> {
    /// `None` if only the expensive texts are encoded.
    statement: Option<&'a mut Statement<'c>>,
    bound: usize,
    /// How many parameters precede the row's own columns.
    before: usize,
    texts: Texts<'a>,
}

/// The expensive texts of a row, in column order.
enum Texts<'a> {
    /// What is encoded already and not bound yet.
    Encoded(&'a [EncodedText]),
    /// What was encoded so far.
    Encoding(Vec<EncodedText>),
}

impl<'a, 'c> ColumnWriter<'a, 'c> {
    /// Starts with no column bound. `encoded` are the texts that are encoded already.
    pub(crate) fn new(statement: &'a mut Statement<'c>, encoded: &'a EncodedRow) -> Self {
        Self { statement: Some(statement), bound: 0, before: 0, texts: Texts::Encoded(&encoded.0) }
    }

    /// Encodes the expensive texts of a row and binds nothing.
    pub(crate) fn encode(write: impl FnOnce(&mut Self) -> rusqlite::Result<()>) -> rusqlite::Result<EncodedRow> {
        let mut values = Self { statement: None, bound: 0, before: 0, texts: Texts::Encoding(Vec::new()) };
        write(&mut values)?;
        Ok(match values.texts {
            Texts::Encoding(encoded) => EncodedRow(encoded),
            Texts::Encoded(_) => EncodedRow::default(),
        })
    }

    /// Binds the columns of a row, after what is bound already.
    pub(crate) fn row(&mut self, row: &impl Columns) -> rusqlite::Result<()> {
        self.before = self.bound;
        row.write(self)
    }

    /// Binds the next column.
    pub(crate) fn bind(&mut self, value: impl ToSql) -> rusqlite::Result<()> {
        self.bound += 1;
        match &mut self.statement {
            Some(statement) => statement.raw_bind_parameter(self.bound, value),
            None => Ok(()),
        }
    }

    /// Binds or encodes the next column, an expensive text.
    fn text(&mut self, write: impl FnOnce() -> rusqlite::Result<String>) -> rusqlite::Result<()> {
        let column = self.bound - self.before;
        match &mut self.texts {
            Texts::Encoding(encoded) => {
                encoded.push(EncodedText { column, text: write()? });
                self.bound += 1;
                Ok(())
            }
            Texts::Encoded(encoded) => match *encoded {
                [next, rest @ ..] if next.column == column => {
                    *encoded = rest;
                    self.bind(&next.text)
                }
                _ => self.bind(write()?),
            },
        }
    }
}

impl Sink for ColumnWriter<'_, '_> {
    type Error = rusqlite::Error;

    fn value(&mut self, value: Value<'_>) -> rusqlite::Result<()> {
        match value {
            Value::Null => self.bind(Null),
            Value::Id(id) => self.bind(Id(id)),
            Value::Int(number) => self.bind(number),
            Value::Text(text) => self.bind(text.as_ref()),
            Value::Flag(flag) => self.bind(flag),
            Value::Time(time) => self.bind(at(time)),
            Value::Bytes(bytes) => self.bind(bytes),
        }
    }

    fn json<T: Serialize>(&mut self, value: &T) -> rusqlite::Result<()> {
        self.text(|| json(value))
    }

    fn derived<T: Stored>(&mut self, make: impl FnOnce() -> T) -> rusqlite::Result<()> {
        if T::KIND != ColumnKind::Text || T::NULLABLE {
            return self.put(&make());
        }
        self.text(|| match make().value() {
            Value::Text(text) => Ok(text.into_owned()),
            _ => Err(rusqlite::Error::ToSqlConversionFailure("a text that is none".into())),
        })
    }
}

fn json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(BoxError::from(error)))
}

/// Reads the columns of a row in order.
pub(crate) struct ColumnReader<'a, 'r> {
    row: &'a Row<'r>,
    next: usize,
}

impl<'a, 'r> ColumnReader<'a, 'r> {
    /// Starts at the first column.
    pub(crate) fn new(row: &'a Row<'r>) -> Self {
        Self { row, next: 0 }
    }

    fn next(&mut self) -> rusqlite::Result<ValueRef<'a>> {
        self.next += 1;
        self.row.get_ref(self.next - 1)
    }
}

impl Source for ColumnReader<'_, '_> {
    type Error = rusqlite::Error;

    fn value(&mut self, kind: ColumnKind) -> rusqlite::Result<Value<'_>> {
        Ok(match (kind, self.next()?) {
            (_, ValueRef::Null) => Value::Null,
            (ColumnKind::Id, ValueRef::Blob(id)) => {
                Value::Id(Uuid::from_slice(id).map_err(|why| self.wrong(why.into()))?)
            }
            (ColumnKind::Int, ValueRef::Integer(number)) => Value::Int(number),
            (ColumnKind::Flag, ValueRef::Integer(flag)) => Value::Flag(flag != 0),
            (ColumnKind::Time, ValueRef::Integer(micros)) => {
                let time = Timestamp::from_timestamp_micros(micros);
                Value::Time(time.ok_or_else(|| self.wrong("not a time".into()))?)
            }
            (ColumnKind::Bytes, ValueRef::Blob(bytes)) => {
                Value::Bytes(bytes.try_into().map_err(|_| self.wrong("not 32 bytes".into()))?)
            }
            (ColumnKind::Text | ColumnKind::Json, text @ ValueRef::Text(_)) => {
                Value::Text(Cow::Borrowed(text.as_str()?))
            }
            // The error omits the value, which may be a secret.
            (kind, other) => return Err(self.wrong(format!("{} is no {kind:?}", other.data_type()).into())),
        })
    }

    fn json<T: DeserializeOwned + 'static>(&mut self) -> rusqlite::Result<T> {
        let text = self.next()?.as_str()?;
        serde_json::from_str(text).map_err(|error| self.wrong(error.into()))
    }

    fn wrong(&self, why: BoxError) -> rusqlite::Error {
        rusqlite::Error::FromSqlConversionFailure(self.next.saturating_sub(1), Type::Null, why)
    }
}

#[cfg(test)]
mod tests {
    use shop_core::money::Currency;

    use super::*;

    #[test]
    fn values_come_back_as_they_went_in() {
        let connection = Connection::open_in_memory().unwrap();
        let uuid = Uuid::from_u128(7);
        let time = Timestamp::from_timestamp_micros(1_700_000_000_123_456).unwrap();
        let mut statement = prepare(&connection, "SELECT ?1, ?2, ?3, ?4, ?5").unwrap();
        let mut values = ColumnWriter::new(&mut statement, EncodedRow::NOTHING);
        values.put(&uuid).unwrap();
        values.put(&time).unwrap();
        values.put(&None::<Timestamp>).unwrap();
        values.json(&["M", "L"]).unwrap();
        values.put(&Currency::USD).unwrap();
        let mut rows = statement.raw_query();
        let mut columns = ColumnReader::new(rows.next().unwrap().unwrap());
        assert_eq!(columns.take::<Uuid>().unwrap(), uuid);
        assert_eq!(columns.take::<Timestamp>().unwrap(), time);
        assert_eq!(columns.take::<Option<Timestamp>>().unwrap(), None);
        assert_eq!(columns.json::<Vec<String>>().unwrap(), ["M", "L"]);
        assert_eq!(columns.take::<Currency>().unwrap(), Currency::USD);
    }

    #[test]
    fn json_that_was_written_beforehand_is_bound_in_its_place() {
        fn write(values: &mut ColumnWriter<'_, '_>) -> rusqlite::Result<()> {
            values.bind("USD")?;
            values.json(&["M"])?;
            values.bind(7)?;
            values.json(&["L"])
        }
        let encoded = ColumnWriter::encode(write).unwrap();
        let texts: Vec<_> = encoded.0.iter().map(|text| (text.column, text.text.as_str())).collect();
        assert_eq!(texts, [(1, r#"["M"]"#), (3, r#"["L"]"#)]);

        let connection = Connection::open_in_memory().unwrap();
        let bound = |encoded: &EncodedRow| -> [String; 4] {
            let mut statement = prepare(&connection, "SELECT ?1, ?2, CAST(?3 AS TEXT), ?4").unwrap();
            write(&mut ColumnWriter::new(&mut statement, encoded)).unwrap();
            let mut rows = statement.raw_query();
            let row = rows.next().unwrap().unwrap();
            [0, 1, 2, 3].map(|column| row.get(column).unwrap())
        };
        assert_eq!(bound(&encoded), ["USD", r#"["M"]"#, "7", r#"["L"]"#]);
        // Encoded texts are bound to their own columns; the others are encoded here.
        let given = |column| EncodedRow(vec![EncodedText { column, text: "given".to_owned() }]);
        assert_eq!(bound(&given(1)), ["USD", "given", "7", r#"["L"]"#]);
        assert_eq!(bound(&given(3)), ["USD", r#"["M"]"#, "7", "given"]);
        assert_eq!(bound(EncodedRow::NOTHING), ["USD", r#"["M"]"#, "7", r#"["L"]"#]);
    }

    #[test]
    fn a_wrong_value_is_an_error_and_no_panic() {
        let connection = Connection::open_in_memory().unwrap();
        let mut statement = prepare(&connection, "SELECT x'00', 9223372036854775807, 'XXX', '{'").unwrap();
        let mut rows = statement.query([]).unwrap();
        let mut columns = ColumnReader::new(rows.next().unwrap().unwrap());
        assert!(columns.take::<Uuid>().is_err());
        assert!(columns.take::<Timestamp>().is_err());
        assert!(columns.take::<Currency>().is_err());
        assert!(columns.json::<Vec<String>>().is_err());
        assert!(columns.take::<i64>().is_err());
    }
}
