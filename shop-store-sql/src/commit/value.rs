//! Rows on their way into the database.
//!
//! A statement writes many rows at once and takes them as one array per column (`unnest`). Its text is the same for one
//! row and for a thousand, so it is prepared once.

use std::convert::Infallible;
use std::hash::{Hash as _, Hasher};

use serde::Serialize;
use shop_core::clock::Timestamp;
use shop_core::error::BoxError;
use shop_core::row::{self, Sink, Value};
use sqlx::Arguments as _;
use sqlx::postgres::PgArguments;
use sqlx_core::error::Error;
use uuid::Uuid;

/// What a column holds: a kind of the core, or one that only this store has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SqlKind {
    Id,
    Int,
    Text,
    Flag,
    Time,
    Bytes,
    /// Sent as text, stored as `json`.
    Json,
    /// Sent as text, stored as `tsvector`.
    Search,
}

impl From<row::ColumnKind> for SqlKind {
    fn from(kind: row::ColumnKind) -> Self {
        match kind {
            row::ColumnKind::Id => Self::Id,
            row::ColumnKind::Int => Self::Int,
            row::ColumnKind::Text => Self::Text,
            row::ColumnKind::Flag => Self::Flag,
            row::ColumnKind::Time => Self::Time,
            row::ColumnKind::Bytes => Self::Bytes,
            row::ColumnKind::Json => Self::Json,
        }
    }
}

impl SqlKind {
    /// The type of an array of this kind, as it is sent.
    pub(crate) fn array(self) -> &'static str {
        match self {
            Self::Id => "uuid[]",
            Self::Int => "int8[]",
            Self::Text | Self::Json | Self::Search => "text[]",
            Self::Flag => "bool[]",
            Self::Time => "timestamptz[]",
            Self::Bytes => "bytea[]",
        }
    }

    /// The cast from a sent value to a stored one.
    pub(crate) fn cast(self) -> &'static str {
        match self {
            Self::Json => "::json",
            Self::Search => "::tsvector",
            _ => "",
        }
    }
}

/// The values of one row, in column order, key first. JSON and search words are text. Ordered, because rows are sorted
/// by their key.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RowValues(Vec<Value<'static>>);

impl RowValues {
    /// A row of ids.
    pub(crate) fn of_ids(ids: &[Uuid]) -> Self {
        Self(ids.iter().map(|id| Value::Id(*id)).collect())
    }

    /// A row that names another by its id and version.
    pub(crate) fn at_version(id: Uuid, version: Option<i64>) -> Self {
        let mut row = Self::default();
        row.id(id).optional_int(version);
        row
    }

    /// The values.
    pub(crate) fn values(&self) -> &[Value<'static>] {
        &self.0
    }

    /// Adds the values of declared columns.
    pub(crate) fn columns(&mut self, columns: &impl row::Columns) -> &mut Self {
        let Ok(()) = columns.write(self);
        self
    }

    /// Adds an id.
    pub(crate) fn id(&mut self, id: impl Into<Uuid>) -> &mut Self {
        self.add(Value::Id(id.into()))
    }

    /// Adds an integer.
    pub(crate) fn int(&mut self, number: i64) -> &mut Self {
        self.add(Value::Int(number))
    }

    /// Adds an optional integer.
    pub(crate) fn optional_int(&mut self, number: Option<i64>) -> &mut Self {
        self.add(number.map_or(Value::Null, Value::Int))
    }

    /// Adds text.
    pub(crate) fn text(&mut self, text: impl Into<String>) -> &mut Self {
        let text: String = text.into();
        self.add(Value::Text(text.into()))
    }

    /// Adds a flag.
    pub(crate) fn flag(&mut self, flag: bool) -> &mut Self {
        self.add(Value::Flag(flag))
    }

    /// Adds a time.
    pub(crate) fn time(&mut self, time: Timestamp) -> &mut Self {
        self.add(Value::Time(time))
    }

    /// The first value, if it is an id.
    pub(crate) fn first_id(&self) -> Option<Uuid> {
        match self.0.first() {
            Some(Value::Id(id)) => Some(*id),
            _ => None,
        }
    }

    /// Adds a value.
    pub(crate) fn add(&mut self, value: Value<'static>) -> &mut Self {
        self.0.push(value);
        self
    }
}

impl Sink for RowValues {
    type Error = Infallible;

    fn value(&mut self, value: Value<'_>) -> Result<(), Infallible> {
        self.add(match value {
            Value::Null => Value::Null,
            Value::Id(id) => Value::Id(id),
            Value::Int(number) => Value::Int(number),
            Value::Text(text) => Value::Text(text.into_owned().into()),
            Value::Flag(flag) => Value::Flag(flag),
            Value::Time(time) => Value::Time(time),
            Value::Bytes(bytes) => Value::Bytes(bytes),
        });
        Ok(())
    }

    /// A value that JSON cannot represent becomes NULL, which the column refuses.
    fn json<T: Serialize>(&mut self, value: &T) -> Result<(), Infallible> {
        self.add(serde_json::to_string(value).map_or(Value::Null, |json| Value::Text(json.into())));
        Ok(())
    }
}

/// Adds the value of a key to a hash.
pub(crate) fn hash(value: &Value<'_>, hasher: &mut impl Hasher) {
    match value {
        Value::Null => {}
        Value::Id(id) => id.hash(hasher),
        Value::Int(number) => number.hash(hasher),
        Value::Text(text) => text.hash(hasher),
        Value::Flag(flag) => flag.hash(hasher),
        Value::Time(time) => time.hash(hasher),
        Value::Bytes(bytes) => bytes.hash(hasher),
    }
}

/// Appends rows as one array per column.
pub(crate) fn bind<'r>(
    arguments: &mut PgArguments,
    kinds: &[SqlKind],
    rows: &(impl Iterator<Item = &'r RowValues> + Clone),
) -> Result<(), Error> {
    macro_rules! column {
        ($place:expr, $variant:ident($value:ident) => $sent:expr) => {{
            let values = rows.clone().map(|row| match row.0.get($place) {
                Some(Value::$variant($value)) => Ok(Some($sent)),
                Some(Value::Null) => Ok(None),
                other => Err(misplaced($place, other)),
            });
            values.collect::<Result<Vec<_>, BoxError>>().and_then(|values| arguments.add(values))
        }};
    }
    for (place, kind) in kinds.iter().enumerate() {
        match kind {
            SqlKind::Id => column!(place, Id(id) => *id),
            SqlKind::Int => column!(place, Int(number) => *number),
            SqlKind::Text | SqlKind::Json | SqlKind::Search => column!(place, Text(text) => &**text),
            SqlKind::Flag => column!(place, Flag(flag) => *flag),
            SqlKind::Time => column!(place, Time(time) => *time),
            SqlKind::Bytes => column!(place, Bytes(bytes) => bytes.as_slice()),
        }
        .map_err(Error::Encode)?;
    }
    Ok(())
}

fn misplaced(place: usize, value: Option<&Value<'_>>) -> BoxError {
    // The error omits the value, which may be a secret's hash.
    let found = if value.is_some() { "another kind of value" } else { "nothing" };
    format!("column {place} of a row holds {found}").into()
}
