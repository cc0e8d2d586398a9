//! Maps the shop's values to columns: [`ColumnReader`] reads a row column by column, and a [`ReadRow`] names the
//! columns that it is read from.
//!
//! A row's columns are declared at its struct ([`shop_core::row`]). Ids are `uuid`, times `timestamptz`, amounts
//! `bigint`, states words, structured snapshots `json`.

use std::sync::LazyLock;

use serde::de::DeserializeOwned;
use shop_core::accounts::{Otp, Session, User};
use shop_core::cart::Cart;
use shop_core::catalog::{Category, PricePeriod, Product};
use shop_core::clock::Timestamp;
use shop_core::details::ShopDetails;
use shop_core::error::BoxError;
use shop_core::idempotency::IdempotencyRecord;
use shop_core::inventory::{Location, Movement, Reservation, StockLevel};
use shop_core::orders::{Draft, HistoryEntry, Order, Return};
use shop_core::outbox::{Delivery, Event};
use shop_core::payments::Payment;
use shop_core::promotions::Promotion;
use shop_core::row::{self, ColumnKind, ParentKey, Source, Value};
use shop_core::shipping::{Method, SavedAddress, Shipment, Zone};
use shop_core::taxes::TaxRate;
use shop_core::webhooks::Webhook;
use sqlx::Row as _;
use sqlx::postgres::{PgArguments, PgRow, Postgres};
use sqlx_core::arguments::Arguments as _;
use sqlx_core::decode::Decode;
use sqlx_core::encode::Encode;
use sqlx_core::error::Error;
use sqlx_core::types::{Json, Type};
use uuid::Uuid;

/// A row as it is read: with its child rows and computed counts. (A row as it is written is a `WriteRow` of `commit`:
/// there a child row is a row of its own, and columns are added that are never read.)
pub(crate) trait ReadRow: Sized {
    /// The table's name.
    const TABLE: &'static str;
    /// The columns that it is read from, as a list of expressions over the table.
    fn columns() -> &'static str;
    /// Reads these columns.
    fn read(columns: &mut ColumnReader<'_>) -> Result<Self, Error>;
}

/// Implements [`ReadRow`] by a function that names the columns and one that reads them.
macro_rules! read_rows {
    ($columns:ident, $read:path: $($row:ty),+ $(,)?) => {$(
        impl ReadRow for $row {
            const TABLE: &'static str = <Self as row::Row>::TABLE.name;

            fn columns() -> &'static str {
                static COLUMNS: LazyLock<String> = LazyLock::new($columns::<$row>);
                &COLUMNS
            }

            fn read(columns: &mut ColumnReader<'_>) -> Result<Self, Error> {
                $read(columns)
            }
        }
    )+};
}

read_rows! {
    names_of, row::Columns::read:
    User, Session, Otp, Category, PricePeriod, Promotion, TaxRate, Cart, HistoryEntry, Draft, Return, SavedAddress,
    Zone, Method, Shipment, Location, StockLevel, Movement, Reservation, Event, Delivery, Webhook, IdempotencyRecord, ShopDetails,
}
read_rows! { names_with_children, read_with_children: Product, Order, Payment }

fn names_of<T: row::Row>() -> String {
    names(&T::TABLE)
}

fn read_with_children<T: row::Parent<Child: DeserializeOwned + 'static>>(
    columns: &mut ColumnReader<'_>,
) -> Result<T, Error> {
    let mut parent = T::read(columns)?;
    parent.set_children(columns.children()?);
    Ok(parent)
}

/// The columns that a row is read from, qualified with the table's name.
fn names(table: &row::Table) -> String {
    let names = table.columns.iter().map(|column| format!("{}.{}", table.name, column.name));
    names.collect::<Vec<_>>().join(", ")
}

/// The columns of a row with child rows, which follow as one JSON array. The JSON's field names are the column names,
/// and therefore the children's field names.
fn names_with_children<T: row::Parent>() -> String {
    let (parent, child) = (T::TABLE, <T::Child as row::Row>::TABLE);
    let children = child.parent.map(|ParentKey { column, has_position }| {
        let name = child.name;
        let position = if has_position { format!("{name}.position, ") } else { String::new() };
        let order: &[&str] = if has_position { &["position"] } else { child.key };
        let order = order.iter().map(|column| format!("child.{column}")).collect::<Vec<_>>().join(", ");
        format!(
            ", (SELECT json_agg(child ORDER BY {order}) FROM (
                SELECT {position}{} FROM {name} WHERE {name}.{column} = {}.id
            ) AS child)",
            names(&child),
            parent.name
        )
    });
    names(&parent) + &children.unwrap_or_default()
}

/// A statement that reads records: `SELECT … FROM …` and this end (`WHERE … ORDER BY …`).
pub(crate) fn select<T: ReadRow>(end: &str) -> String {
    format!("SELECT {} FROM {} {end}", T::columns(), T::TABLE)
}

/// A condition: the column is one of the ids in the first parameter, an array.
///
/// The planner looks at the value of a parameter, but not into a `SELECT` of one. The `SELECT` is needed: otherwise the
/// planner assumes that the few ids of this call deserve a better plan than a generic one for ten ids, and plans every
/// execution again. Planning costs more than reading by key.
pub(crate) fn is_one_of(column: &str) -> String {
    format!("{column} = ANY((SELECT $1::uuid[])::uuid[])")
}

/// Reads the records of some rows.
pub(crate) fn records<T: ReadRow>(rows: &[PgRow]) -> Result<Vec<T>, Error> {
    rows.iter().map(|row| T::read(&mut ColumnReader::new(row))).collect()
}

/// The arguments of a statement.
#[derive(Default)]
pub(crate) struct StatementArguments {
    arguments: PgArguments,
    failure: Option<BoxError>,
}

impl StatementArguments {
    /// No arguments yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds the next argument.
    #[must_use]
    pub(crate) fn put<'q>(mut self, value: impl Encode<'q, Postgres> + Type<Postgres>) -> Self {
        self.failure = self.arguments.add(value).err().or(self.failure);
        self
    }

    /// Returns the arguments, or the first failure to encode one.
    pub(crate) fn finish(self) -> Result<PgArguments, Error> {
        self.failure.map_or(Ok(self.arguments), |failure| Err(Error::Encode(failure)))
    }
}

/// Ids, to be bound as an array.
pub(crate) fn ids<T: Copy + Into<Uuid>>(ids: &[T]) -> Vec<Uuid> {
    ids.iter().map(|id| (*id).into()).collect()
}

/// False for text that Postgres cannot store, so that no row contains it: Postgres text cannot contain NUL.
pub(crate) fn is_storable(text: &str) -> bool {
    !text.contains('\0')
}

/// A time for comparisons: times before Postgres's earliest timestamp (in 4714 BC) are replaced by it.
pub(crate) fn at(time: Timestamp) -> Timestamp {
    const FIRST: i64 = 946_684_800_000_000 - 211_813_488_000_000_000;
    match Timestamp::from_timestamp_micros(FIRST) {
        Some(first) if time < first => first,
        _ => time,
    }
}

/// Reads the columns of a row in order.
pub(crate) struct ColumnReader<'r> {
    row: &'r PgRow,
    next: usize,
}

impl<'r> ColumnReader<'r> {
    /// Starts at the first column.
    pub(crate) fn new(row: &'r PgRow) -> Self {
        Self { row, next: 0 }
    }

    /// Reads the next column as child rows in a JSON array; NULL means none.
    pub(crate) fn children<T: DeserializeOwned + 'static>(&mut self) -> Result<Vec<T>, Error> {
        Ok(self.decode::<Option<Json<Vec<T>>>>()?.map_or_else(Vec::new, |Json(children)| children))
    }

    /// Decodes the next column unchanged.
    fn decode<T: Decode<'r, Postgres> + Type<Postgres>>(&mut self) -> Result<T, Error> {
        self.next += 1;
        self.row.try_get(self.next - 1)
    }
}

impl Source for ColumnReader<'_> {
    type Error = Error;

    fn value(&mut self, kind: ColumnKind) -> Result<Value<'_>, Error> {
        let value = match kind {
            ColumnKind::Id => self.decode::<Option<Uuid>>()?.map(Value::Id),
            ColumnKind::Int => self.decode::<Option<i64>>()?.map(Value::Int),
            ColumnKind::Text => self.decode::<Option<&str>>()?.map(|text| Value::Text(text.into())),
            ColumnKind::Flag => self.decode::<Option<bool>>()?.map(Value::Flag),
            ColumnKind::Time => self.decode::<Option<Timestamp>>()?.map(Value::Time),
            ColumnKind::Bytes => {
                let bytes = self.decode::<Option<&[u8]>>()?.map(<[u8; 32]>::try_from).transpose();
                bytes.map_err(|error| self.wrong(error.into()))?.map(Value::Bytes)
            }
            ColumnKind::Json => return Err(self.wrong("JSON is no plain value".into())),
        };
        Ok(value.unwrap_or(Value::Null))
    }

    fn json<T: DeserializeOwned + 'static>(&mut self) -> Result<T, Error> {
        self.decode::<Json<T>>().map(|Json(value)| value)
    }

    fn wrong(&self, why: BoxError) -> Error {
        Error::ColumnDecode { index: self.next.saturating_sub(1).to_string(), source: why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_declaration_says_what_is_read() {
        assert_eq!(Zone::columns(), "zones.id, zones.name, zones.countries, zones.created_at, zones.version");
        let details = select::<ShopDetails>("");
        assert!(details.starts_with("SELECT shop_details.id, shop_details.name, "), "{details}");
    }

    #[test]
    fn children_come_in_their_order() {
        let order = Order::columns();
        for part in [
            "orders.version, (SELECT json_agg(child ORDER BY child.position) FROM (",
            "SELECT order_items.position, order_items.id, ",
            "FROM order_items WHERE order_items.order_id = orders.id",
        ] {
            assert!(order.contains(part), "{part} is not in {order}");
        }
        let payment = Payment::columns();
        for part in [
            "(SELECT json_agg(child ORDER BY child.id) FROM (",
            "SELECT refunds.id, ",
            "FROM refunds WHERE refunds.payment_id = payments.id",
        ] {
            assert!(payment.contains(part), "{part} is not in {payment}");
        }
    }
}
