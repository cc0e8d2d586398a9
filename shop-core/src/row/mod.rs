//! Declares how each kind of row is stored, in one place: at its struct, by `#[derive(Row)]`.
//!
//! The declaration determines the names and kinds of the columns, how a row is written and read, its key, its unique
//! keys and [`Versioned`]. A store builds its own statements from it: [`Row::TABLE`] names the
//! columns in the order in which [`Columns::write`] emits and [`Columns::read`] requests their values, so no two lists
//! have to be kept in sync by hand.
//!
//! The `row` attribute of a struct:
//!
//! | attribute | meaning |
//! | --- | --- |
//! | `table = "orders"` | the table |
//! | `entity = Order` | rows have a version: [`Versioned`] with this [`Entity`] |
//! | `key(a, b)` | the columns of the key, which come first; without it, `id` |
//! | `key_name = StockLevel` | the [`Unique`] of the key; without it, `Id` of the entity, or `OtherId` without an entity |
//! | `unique(OrderNumber: number)` | a unique key; several are checked in this order. `when status in ("open")` limits it to such rows |
//! | `derived(price: Amount = lowest_price)` | a column that is only written: the result of a method, by default the one with the column's name |
//! | `deletable` | rows can be deleted |
//! | `child_of = order_id` | a child table, whose rows are found by this column |
//! | `position` | the child table is ordered by a column `position` |
//! | `constant_id` | the table has one row with the id `Self::ID`, which is not a field |
//!
//! A field is a column of the same name that holds a [`Stored`] value, unless its attribute says otherwise:
//! `column = name` (the name of the column), `json` (the field's JSON), `flat` (the columns of its type, which derives
//! [`Columns`]) or `children` (rows of a table of their own).
//!
//! A column that a later release adds needs a migration in each store with a schema. If rows are kept as JSON, by an
//! [`Engine`](crate::memory::Engine) or inside another row, the field also needs `#[serde(default)]`.

mod keys;

use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::error::BoxError;
use crate::money::{Amount, Currency, Ratio};

pub use keys::{Entity, Unique, Versioned};
pub use shop_core_derive::{Columns, Row};

/// The kind of value in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// A UUID.
    Id,
    /// A 64-bit integer.
    Int,
    /// Text.
    Text,
    /// A boolean.
    Flag,
    /// A time, with microsecond precision.
    Time,
    /// 32 bytes.
    Bytes,
    /// A JSON document.
    Json,
}

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The column's name.
    pub name: &'static str,
    /// The kind of value it holds.
    pub kind: ColumnKind,
    /// Whether it may be null.
    pub nullable: bool,
}

impl Column {
    /// A column for values of type `T`.
    #[must_use]
    pub const fn of<T: Stored>(name: &'static str) -> Self {
        Self { name, kind: T::KIND, nullable: T::NULLABLE }
    }

    /// A non-null column for JSON.
    #[must_use]
    pub const fn json(name: &'static str) -> Self {
        Self { name, kind: ColumnKind::Json, nullable: false }
    }
}

/// A unique key of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UniqueKey {
    /// The name that a [`Conflict`](crate::batch::Conflict) reports.
    pub name: Unique,
    /// The columns of the key. A row in which one of them is null is exempt.
    pub columns: &'static [&'static str],
    /// Limits the key to some rows; `None` covers all rows.
    pub when: Option<When>,
}

/// A condition on a row: a column holds one of some texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When {
    /// The name of the column.
    pub column: &'static str,
    /// The texts that satisfy the condition.
    pub words: &'static [&'static str],
}

/// A table of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// The table's name.
    pub name: &'static str,
    /// The columns that rows are read from.
    pub columns: &'static [Column],
    /// Columns that are only written, after `columns`.
    pub derived: &'static [Column],
    /// The names of the key columns.
    pub key: &'static [&'static str],
    /// The name of the key that a [`Conflict`](crate::batch::Conflict) reports.
    pub key_name: Unique,
    /// The unique keys other than the key, in the order in which they are checked.
    pub uniques: &'static [UniqueKey],
    /// Whether rows can be deleted.
    pub deletable: bool,
    /// How rows are found by their parent, for child tables.
    pub parent: Option<ParentKey>,
}

/// How rows are found by their parent. These columns are not among [`Table::columns`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParentKey {
    /// The column that holds the parent's id.
    pub column: &'static str,
    /// Whether a column `position` numbers the rows, from 0. Otherwise they are ordered by their key.
    pub has_position: bool,
}

impl ParentKey {
    /// Its columns.
    pub fn columns(self) -> impl Iterator<Item = Column> + Clone {
        let position = self.has_position.then(|| Column::of::<i64>("position"));
        [Column::of::<Uuid>(self.column)].into_iter().chain(position)
    }
}

impl Table {
    /// All columns that are written: those that are read, then the derived ones.
    pub fn written(&self) -> impl Iterator<Item = &'static Column> + Clone {
        self.columns.iter().chain(self.derived)
    }

    /// All unique keys, in the order in which they are checked: the key, then the others.
    pub fn unique_keys(&self) -> impl Iterator<Item = UniqueKey> + Clone {
        let key = UniqueKey { name: self.key_name, columns: self.key, when: None };
        [key].into_iter().chain(self.uniques.iter().copied())
    }
}

/// Columns of a row that are written and read in one order.
pub trait Columns: Sized {
    /// The columns that are written and read.
    const COLUMNS: &'static [Column];
    /// Columns that are only written, after `COLUMNS`.
    const DERIVED: &'static [Column];

    /// Emits the values of all columns, then those of the derived ones.
    ///
    /// # Errors
    /// The errors of the sink.
    fn write<S: Sink>(&self, sink: &mut S) -> Result<(), S::Error>;

    /// Reads the values of the columns.
    ///
    /// # Errors
    /// The errors of the source, and values that do not fit this type.
    fn read<S: Source>(source: &mut S) -> Result<Self, S::Error>;
}

/// A kind of row with its own table.
pub trait Row: Columns {
    /// The table's declaration.
    const TABLE: Table;
}

/// A row that contains rows of another table.
pub trait Parent: Row {
    /// The type of the contained rows.
    type Child: Row;

    /// The contained rows.
    fn children(&self) -> &[Self::Child];

    /// Replaces the contained rows.
    fn set_children(&mut self, children: Vec<Self::Child>);
}

/// A value of a column. JSON is handled separately: [`Sink::json`], [`Source::json`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value<'a> {
    /// Null.
    Null,
    /// A UUID.
    Id(Uuid),
    /// A 64-bit integer.
    Int(i64),
    /// Text.
    Text(Cow<'a, str>),
    /// A boolean.
    Flag(bool),
    /// A time, with microsecond precision.
    Time(Timestamp),
    /// 32 bytes.
    Bytes([u8; 32]),
}

/// Receives the values of a row, one after the other.
pub trait Sink {
    /// The error for a value that is not accepted.
    type Error;

    /// Accepts the value of the next column.
    ///
    /// # Errors
    /// The errors of the implementation.
    fn value(&mut self, value: Value<'_>) -> Result<(), Self::Error>;

    /// Accepts the next column's JSON.
    ///
    /// # Errors
    /// The errors of the implementation.
    fn json<T: Serialize>(&mut self, value: &T) -> Result<(), Self::Error>;

    /// Accepts the value of the next column.
    ///
    /// # Errors
    /// The errors of the implementation.
    fn put<T: Stored>(&mut self, value: &T) -> Result<(), Self::Error> {
        self.value(value.value())
    }

    /// Accepts the value of the next column, which is computed from the others.
    ///
    /// # Errors
    /// The errors of the implementation.
    fn derived<T: Stored>(&mut self, make: impl FnOnce() -> T) -> Result<(), Self::Error> {
        self.put(&make())
    }
}

/// Provides the values of a row, one after the other.
pub trait Source {
    /// The error for a value that cannot be read.
    type Error;

    /// Reads the value of the next column, which has this kind.
    ///
    /// # Errors
    /// The errors of the implementation.
    fn value(&mut self, kind: ColumnKind) -> Result<Value<'_>, Self::Error>;

    /// Deserializes the JSON of the next column.
    ///
    /// # Errors
    /// The errors of the implementation.
    fn json<T: DeserializeOwned + 'static>(&mut self) -> Result<T, Self::Error>;

    /// The error for the last column, whose value does not fit its type.
    fn wrong(&self, why: BoxError) -> Self::Error;

    /// Reads and converts the value of the next column.
    ///
    /// # Errors
    /// The errors of the implementation, and [`Source::wrong`].
    fn take<T: Stored>(&mut self) -> Result<T, Self::Error> {
        let taken = self.value(T::KIND).map(T::from_value)?;
        taken.map_err(|why| self.wrong(why))
    }
}

/// A type that one column can hold.
pub trait Stored: Sized {
    /// The kind of the column.
    const KIND: ColumnKind;
    /// Whether the column may be null.
    const NULLABLE: bool = false;

    /// The value as it is stored.
    fn value(&self) -> Value<'_>;

    /// Converts a stored value back.
    ///
    /// # Errors
    /// Describes why the value does not fit.
    fn from_value(value: Value<'_>) -> Result<Self, BoxError>;
}

fn unexpected(expected: ColumnKind, found: &Value<'_>) -> BoxError {
    // The message omits the value: it may be a secret.
    let found = if *found == Value::Null { "nothing" } else { "another kind of value" };
    format!("expected {expected:?}, found {found}").into()
}

macro_rules! stored {
    ($($ty:ty: $kind:ident, |$value:ident| $stored:expr, |$read:ident| $made:expr;)+) => {$(
        impl Stored for $ty {
            const KIND: ColumnKind = ColumnKind::$kind;

            fn value(&self) -> Value<'_> {
                let $value = self;
                Value::$kind($stored)
            }

            fn from_value(value: Value<'_>) -> Result<Self, BoxError> {
                match value {
                    Value::$kind($read) => $made,
                    other => Err(unexpected(ColumnKind::$kind, &other)),
                }
            }
        }
    )+};
}

stored! {
    Uuid: Id, |id| *id, |id| Ok(id);
    i64: Int, |number| *number, |number| Ok(number);
    Amount: Int, |amount| amount.0, |number| Ok(Self(number));
    Ratio: Int, |ratio| ratio.0, |number| Ok(Self(number));
    String: Text, |text| Cow::Borrowed(text), |text| Ok(text.into_owned());
    Currency: Text, |currency| Cow::Borrowed(currency.code()), |code| code.parse().map_err(BoxError::from);
    bool: Flag, |flag| *flag, |flag| Ok(flag);
    Timestamp: Time, |time| *time, |time| Ok(time);
    [u8; 32]: Bytes, |bytes| *bytes, |bytes| Ok(bytes);
}

impl<T: Stored> Stored for Option<T> {
    const KIND: ColumnKind = T::KIND;
    const NULLABLE: bool = true;

    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, T::value)
    }

    fn from_value(value: Value<'_>) -> Result<Self, BoxError> {
        if value == Value::Null { Ok(None) } else { T::from_value(value).map(Some) }
    }
}

/// The number of columns in all parts.
#[doc(hidden)]
#[must_use]
pub const fn count(mut parts: &[&[Column]]) -> usize {
    let mut columns = 0;
    while let Some((part, rest)) = parts.split_first() {
        columns += part.len();
        parts = rest;
    }
    columns
}

/// Concatenates the parts.
///
/// # Panics
/// Unless there are `N` columns in total; at compile time, since it is only called for constants.
#[doc(hidden)]
#[must_use]
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which refuses a wrong index")]
pub const fn concat<const N: usize>(mut parts: &[&[Column]]) -> [Column; N] {
    let mut all = [Column::json(""); N];
    let mut next = 0;
    while let Some((part, rest)) = parts.split_first() {
        let mut columns = *part;
        while let Some((column, others)) = columns.split_first() {
            all[next] = *column;
            next += 1;
            columns = others;
        }
        parts = rest;
    }
    all
}

#[cfg(test)]
mod tests;
