//! How the shop's values stand in columns: [`Columns`] reads a row column by column.
//!
//! Ids are `uuid`, times `timestamptz`, amounts `bigint`, states words, structured snapshots `json`.

use serde::de::DeserializeOwned;
use shop_core::clock::Timestamp;
use shop_core::error::BoxError;
use shop_core::money::{Amount, Currency};
use shop_core::word::Word;
use sqlx::Row as _;
use sqlx::postgres::{PgArguments, PgRow, Postgres};
use sqlx_core::arguments::Arguments as _;
use sqlx_core::decode::Decode;
use sqlx_core::encode::Encode;
use sqlx_core::error::Error;
use sqlx_core::types::{Json, Type};
use uuid::Uuid;

/// A row of a table.
pub(crate) trait Record: Sized {
    /// The table's name.
    const TABLE: &'static str;
    /// What a row is read from, child rows included, as a list of expressions over the table.
    const COLUMNS: &'static str;
    /// Reads the columns in their order.
    fn read(columns: &mut Columns<'_>) -> Result<Self, Error>;
}

/// Statement that reads records: `SELECT … FROM …` and this end (`WHERE … ORDER BY …`).
pub(crate) fn select<T: Record>(end: &str) -> String {
    format!("SELECT {} FROM {} {end}", T::COLUMNS, T::TABLE)
}

/// A condition: the column is one of the ids in the first parameter, an array.
///
/// The planner sees through a parameter, but not through a `SELECT` of one. That is meant: it believes that the few ids
/// of this time make a better plan than ten ids would, and plans every execution anew. Planning costs more than reading
/// by key.
pub(crate) fn is_one_of(column: &str) -> String {
    format!("{column} = ANY((SELECT $1::uuid[])::uuid[])")
}

/// The records of some rows.
pub(crate) fn records<T: Record>(rows: &[PgRow]) -> Result<Vec<T>, Error> {
    rows.iter().map(|row| T::read(&mut Columns::new(row))).collect()
}

/// The arguments of a statement.
#[derive(Default)]
pub(crate) struct Values {
    arguments: PgArguments,
    failure: Option<BoxError>,
}

impl Values {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The next one.
    #[must_use]
    pub(crate) fn put<'q>(mut self, value: impl Encode<'q, Postgres> + Type<Postgres>) -> Self {
        self.failure = self.arguments.add(value).err().or(self.failure);
        self
    }

    /// All of them.
    pub(crate) fn finish(self) -> Result<PgArguments, Error> {
        self.failure.map_or(Ok(self.arguments), |failure| Err(Error::Encode(failure)))
    }
}

/// Ids, to be bound as an array.
pub(crate) fn ids<T: Copy + Into<Uuid>>(ids: &[T]) -> Vec<Uuid> {
    ids.iter().map(|id| (*id).into()).collect()
}

/// False for text that cannot be stored, so that no row has it: Postgres knows no NUL character in text.
pub(crate) fn is_storable(text: &str) -> bool {
    !text.contains('\0')
}

/// A time to compare with: times before the first that Postgres knows (in 4714 BC) are taken for that one.
pub(crate) fn at(time: Timestamp) -> Timestamp {
    const FIRST: i64 = 946_684_800_000_000 - 211_813_488_000_000_000;
    match Timestamp::from_timestamp_micros(FIRST) {
        Some(first) if time < first => first,
        _ => time,
    }
}

/// Reads the columns of a row one after the other.
pub(crate) struct Columns<'r> {
    row: &'r PgRow,
    next: usize,
}

impl<'r> Columns<'r> {
    /// From the first column on.
    pub(crate) fn new(row: &'r PgRow) -> Self {
        Self { row, next: 0 }
    }

    fn wrong(&self, why: impl Into<BoxError>) -> Error {
        Error::ColumnDecode { index: self.next.saturating_sub(1).to_string(), source: why.into() }
    }

    /// The next column as it is.
    pub(crate) fn take<T: Decode<'r, Postgres> + Type<Postgres>>(&mut self) -> Result<T, Error> {
        self.next += 1;
        self.row.try_get(self.next - 1)
    }

    /// The next column, an id.
    pub(crate) fn id<T: From<Uuid>>(&mut self) -> Result<T, Error> {
        self.take::<Uuid>().map(T::from)
    }

    /// The next column, an id or nothing.
    pub(crate) fn optional_id<T: From<Uuid>>(&mut self) -> Result<Option<T>, Error> {
        Ok(self.take::<Option<Uuid>>()?.map(T::from))
    }

    /// The next column, a time.
    pub(crate) fn at(&mut self) -> Result<Timestamp, Error> {
        self.take()
    }

    /// The next column, a time or nothing.
    pub(crate) fn optional_at(&mut self) -> Result<Option<Timestamp>, Error> {
        self.take()
    }

    /// The next column, an amount.
    pub(crate) fn amount(&mut self) -> Result<Amount, Error> {
        self.take().map(Amount)
    }

    /// The next column, an amount or nothing.
    pub(crate) fn optional_amount(&mut self) -> Result<Option<Amount>, Error> {
        Ok(self.take::<Option<i64>>()?.map(Amount))
    }

    /// The next column, a currency's code.
    pub(crate) fn currency(&mut self) -> Result<Currency, Error> {
        let code: &str = self.take()?;
        code.parse().map_err(|why: String| self.wrong(why))
    }

    /// The next column, the word of a state.
    pub(crate) fn word<T: Word>(&mut self) -> Result<T, Error> {
        let word: &str = self.take()?;
        self.word_of(word)
    }

    /// The state of a word that stood in the last column.
    pub(crate) fn word_of<T: Word>(&self, word: &str) -> Result<T, Error> {
        T::of(word).ok_or_else(|| self.wrong(format!("unknown word {word:?}")))
    }

    /// The time, in microseconds since 1970, that stood in the last column.
    pub(crate) fn time(&self, micros: i64) -> Result<Timestamp, Error> {
        Timestamp::from_timestamp_micros(micros).ok_or_else(|| self.wrong("not a time"))
    }

    /// The next column, 32 bytes.
    pub(crate) fn hash(&mut self) -> Result<[u8; 32], Error> {
        let bytes: &[u8] = self.take()?;
        bytes.try_into().map_err(|error| self.wrong(BoxError::from(error)))
    }

    /// The next column, JSON.
    pub(crate) fn json<T: DeserializeOwned + 'static>(&mut self) -> Result<T, Error> {
        self.take::<Json<T>>().map(|Json(value)| value)
    }

    /// The next column, child rows as an array of JSON, or nothing when there are none.
    pub(crate) fn children<T: DeserializeOwned + 'static>(&mut self) -> Result<Vec<T>, Error> {
        Ok(self.take::<Option<Json<Vec<T>>>>()?.map_or_else(Vec::new, |Json(children)| children))
    }
}
