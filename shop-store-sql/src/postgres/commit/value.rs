//! Rows on their way into the database.
//!
//! A statement writes many rows at once and takes them as one array per column (`unnest`): its text is the same for one
//! row and for a thousand, so it is prepared once.

use serde::Serialize;
use shop_core::clock::Timestamp;
use shop_core::error::BoxError;
use sqlx::Arguments as _;
use sqlx::postgres::PgArguments;
use sqlx_core::error::Error;
use uuid::Uuid;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
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

impl Kind {
    /// The type of an array of it, as it is sent.
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

    /// What turns a sent value into a stored one.
    pub(crate) fn cast(self) -> &'static str {
        match self {
            Self::Json => "::json",
            Self::Search => "::tsvector",
            _ => "",
        }
    }
}

/// One value of a row. Ordered, for rows are sorted by their key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value {
    Id(Option<Uuid>),
    Int(Option<i64>),
    Text(Option<String>),
    Flag(bool),
    Time(Option<Timestamp>),
    Bytes([u8; 32]),
}

/// The values of one row, in the order of the columns; the key comes first.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row(Vec<Value>);

impl Row {
    /// Adds an id.
    pub(crate) fn id(&mut self, id: impl Into<Uuid>) -> &mut Self {
        self.add(Value::Id(Some(id.into())))
    }

    /// Adds an id or nothing.
    pub(crate) fn optional_id(&mut self, id: Option<impl Into<Uuid>>) -> &mut Self {
        self.add(Value::Id(id.map(Into::into)))
    }

    /// Adds a whole number.
    pub(crate) fn int(&mut self, number: i64) -> &mut Self {
        self.add(Value::Int(Some(number)))
    }

    /// Adds a whole number or nothing.
    pub(crate) fn optional_int(&mut self, number: Option<i64>) -> &mut Self {
        self.add(Value::Int(number))
    }

    /// Adds text.
    pub(crate) fn text(&mut self, text: impl Into<String>) -> &mut Self {
        self.add(Value::Text(Some(text.into())))
    }

    /// Adds text or nothing.
    pub(crate) fn optional_text(&mut self, text: Option<&str>) -> &mut Self {
        self.add(Value::Text(text.map(str::to_owned)))
    }

    /// Adds a flag.
    pub(crate) fn flag(&mut self, flag: bool) -> &mut Self {
        self.add(Value::Flag(flag))
    }

    /// Adds a time.
    pub(crate) fn time(&mut self, time: Timestamp) -> &mut Self {
        self.add(Value::Time(Some(time)))
    }

    /// Adds a time or nothing.
    pub(crate) fn optional_time(&mut self, time: Option<Timestamp>) -> &mut Self {
        self.add(Value::Time(time))
    }

    /// Adds a hash.
    pub(crate) fn bytes(&mut self, bytes: [u8; 32]) -> &mut Self {
        self.add(Value::Bytes(bytes))
    }

    /// Adds a value as JSON. One that JSON cannot say becomes NULL, which the column refuses.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> &mut Self {
        self.add(Value::Text(serde_json::to_string(value).ok()))
    }

    /// The id that stands first.
    pub(crate) fn first_id(&self) -> Option<Uuid> {
        match self.0.first() {
            Some(Value::Id(id)) => *id,
            _ => None,
        }
    }

    fn add(&mut self, value: Value) -> &mut Self {
        self.0.push(value);
        self
    }
}

/// Appends rows as one array per column.
pub(crate) fn bind<'r>(
    arguments: &mut PgArguments,
    kinds: &[Kind],
    rows: &(impl Iterator<Item = &'r Row> + Clone),
) -> Result<(), Error> {
    macro_rules! column {
        ($place:expr, $variant:ident($value:ident) => $sent:expr) => {{
            let values = rows.clone().map(|row| match row.0.get($place) {
                Some(Value::$variant($value)) => Ok($sent),
                other => Err(misplaced($place, other)),
            });
            values.collect::<Result<Vec<_>, BoxError>>().and_then(|values| arguments.add(values))
        }};
    }
    for (place, kind) in kinds.iter().enumerate() {
        match kind {
            Kind::Id => column!(place, Id(id) => *id),
            Kind::Int => column!(place, Int(number) => *number),
            Kind::Text | Kind::Json | Kind::Search => column!(place, Text(text) => text.as_deref()),
            Kind::Flag => column!(place, Flag(flag) => *flag),
            Kind::Time => column!(place, Time(time) => *time),
            Kind::Bytes => column!(place, Bytes(bytes) => bytes.as_slice()),
        }
        .map_err(Error::Encode)?;
    }
    Ok(())
}

fn misplaced(place: usize, value: Option<&Value>) -> BoxError {
    // Without the value: it may be a secret's hash.
    let found = if value.is_some() { "another kind of value" } else { "nothing" };
    format!("column {place} of a row holds {found}").into()
}
