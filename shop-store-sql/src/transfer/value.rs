//! Cells as this database stores them: ids are `uuid`, times `timestamptz`, flags `boolean`, snapshots `json`.

use shop_core::clock::Timestamp;
use shop_core::error::BoxError;
use shop_core::transfer::{Cell, TransferRow};
use sqlx::Row as _;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx_core::arguments::Arguments as _;
use sqlx_core::error::Error;
use uuid::Uuid;

/// The column types that are moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Id,
    Bytes,
    Int,
    Flag,
    Time,
    Text,
    Json,
}

impl Type {
    /// The type with this name in the database's catalog.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "uuid" => Self::Id,
            "bytea" => Self::Bytes,
            "int8" => Self::Int,
            "bool" => Self::Flag,
            "timestamptz" => Self::Time,
            "text" => Self::Text,
            "json" => Self::Json,
            _ => return None,
        })
    }

    /// The type in which a value is sent; JSON is sent as text, unchanged.
    pub(super) fn sent(self) -> &'static str {
        match self {
            Self::Id => "uuid",
            Self::Bytes => "bytea",
            Self::Int => "int8",
            Self::Flag => "bool",
            Self::Time => "timestamptz",
            Self::Text | Self::Json => "text",
        }
    }

    /// The cast from a sent value to a stored one (`there`), or from a stored value to a read one.
    pub(super) fn cast(self, there: bool) -> &'static str {
        match (self, there) {
            (Self::Json, true) => "::json",
            (Self::Json, false) => "::text",
            _ => "",
        }
    }
}

/// Reads a column of a row.
pub(super) fn cell(row: &PgRow, place: usize, own: Type) -> Result<Cell, Error> {
    let cell = match own {
        Type::Id => row.try_get::<Option<Uuid>, _>(place)?.map(|id| Cell::Bytes(id.as_bytes().to_vec())),
        Type::Bytes => row.try_get::<Option<Vec<u8>>, _>(place)?.map(Cell::Bytes),
        Type::Int => row.try_get::<Option<i64>, _>(place)?.map(Cell::Number),
        Type::Flag => row.try_get::<Option<bool>, _>(place)?.map(|flag| Cell::Number(i64::from(flag))),
        Type::Time => row.try_get::<Option<Timestamp>, _>(place)?.map(|time| Cell::Number(time.timestamp_micros())),
        Type::Text | Type::Json => row.try_get::<Option<String>, _>(place)?.map(Cell::Text),
    };
    Ok(cell.unwrap_or(Cell::Null))
}

/// Appends one cell.
pub(super) fn bind(arguments: &mut PgArguments, own: Type, cell: &Cell) -> Result<(), Error> {
    match own {
        Type::Id => id(cell).and_then(|value| arguments.add(value)),
        Type::Bytes => bytes(cell).and_then(|value| arguments.add(value)),
        Type::Int => int(cell).and_then(|value| arguments.add(value)),
        Type::Flag => flag(cell).and_then(|value| arguments.add(value)),
        Type::Time => time(cell).and_then(|value| arguments.add(value)),
        Type::Text | Type::Json => text(cell).and_then(|value| arguments.add(value)),
    }
    .map_err(Error::Encode)
}

/// Appends the cells of one column as an array.
pub(super) fn bind_column(
    arguments: &mut PgArguments,
    own: Type,
    place: usize,
    rows: &[TransferRow],
) -> Result<(), Error> {
    fn all<'r, T>(
        rows: &'r [TransferRow],
        place: usize,
        read: fn(&'r Cell) -> Result<Option<T>, BoxError>,
    ) -> Result<Vec<Option<T>>, BoxError> {
        rows.iter().map(|row| read(row.get(place).unwrap_or(&Cell::Null))).collect()
    }
    match own {
        Type::Id => all(rows, place, id).and_then(|values| arguments.add(values)),
        Type::Bytes => all(rows, place, bytes).and_then(|values| arguments.add(values)),
        Type::Int => all(rows, place, int).and_then(|values| arguments.add(values)),
        Type::Flag => all(rows, place, flag).and_then(|values| arguments.add(values)),
        Type::Time => all(rows, place, time).and_then(|values| arguments.add(values)),
        Type::Text | Type::Json => all(rows, place, text).and_then(|values| arguments.add(values)),
    }
    .map_err(Error::Encode)
}

type Read<T> = Result<Option<T>, BoxError>;

fn id(cell: &Cell) -> Read<Uuid> {
    match cell {
        Cell::Null => Ok(None),
        Cell::Bytes(bytes) => Ok(Some(Uuid::from_slice(bytes)?)),
        _ => Err(misplaced()),
    }
}

fn bytes(cell: &Cell) -> Read<&[u8]> {
    match cell {
        Cell::Null => Ok(None),
        Cell::Bytes(bytes) => Ok(Some(bytes)),
        _ => Err(misplaced()),
    }
}

fn int(cell: &Cell) -> Read<i64> {
    match cell {
        Cell::Null => Ok(None),
        Cell::Number(number) => Ok(Some(*number)),
        _ => Err(misplaced()),
    }
}

fn flag(cell: &Cell) -> Read<bool> {
    match int(cell)? {
        None => Ok(None),
        Some(0) => Ok(Some(false)),
        Some(1) => Ok(Some(true)),
        Some(_) => Err(misplaced()),
    }
}

fn time(cell: &Cell) -> Read<Timestamp> {
    let time = |micros| Timestamp::from_timestamp_micros(micros).ok_or_else(misplaced);
    int(cell)?.map(time).transpose()
}

fn text(cell: &Cell) -> Read<&str> {
    match cell {
        Cell::Null => Ok(None),
        Cell::Text(text) => Ok(Some(text)),
        _ => Err(misplaced()),
    }
}

fn misplaced() -> BoxError {
    // The error omits the value, which may be a secret's hash.
    "a row holds a value of another kind than its column".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_what_their_columns_hold() {
        let uuid = Uuid::from_u128(7);
        assert_eq!(id(&Cell::Bytes(uuid.as_bytes().to_vec())).unwrap(), Some(uuid));
        assert_eq!(flag(&Cell::Number(1)).unwrap(), Some(true));
        assert_eq!(time(&Cell::Number(1_000_001)).unwrap().unwrap().timestamp_micros(), 1_000_001);
        assert_eq!(text(&Cell::Null).unwrap(), None);
        for wrong in [Cell::Text("secret".into()), Cell::Number(2), Cell::Bytes(vec![1])] {
            assert!(id(&wrong).is_err());
            let told = flag(&wrong).unwrap_err().to_string();
            assert!(!told.contains("secret"), "{told}");
        }
        assert!(time(&Cell::Number(i64::MAX)).is_err());
    }
}
