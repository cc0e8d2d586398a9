//! The row-by-row path: runs one statement at a time, and collects what is written at the end of the transaction.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use shop_core::batch::Conflict;
use shop_core::error::BoxError;
use sqlx::Row as _;
use sqlx::postgres::PgArguments;
use sqlx_core::encode::Encode;
use sqlx_core::error::Error;
use sqlx_core::types::Type;
use sqlx_postgres::Postgres;
use uuid::Uuid;

use super::counts::count;
use super::listed::Touched;
use super::part::{PARTS, Part};
use super::sql::{Meets, statement};
use super::tables::Operation;
use super::value::{Row, bind};
use crate::error::is_state;
use crate::pool::Session;
use crate::rows::Values;

/// Why a batch was not applied.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A guard failed.
    Conflict(Conflict),
    /// Postgres failed.
    Sql(Error),
    /// The batch is invalid.
    Fault(BoxError),
    /// Another transaction interfered; the next attempt will show the cause.
    Again,
}

impl From<Conflict> for Failure {
    fn from(conflict: Conflict) -> Self {
        Self::Conflict(conflict)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        // A unique key that was free when it was checked.
        if is_state(&error, "23505") { Self::Again } else { Self::Sql(error) }
    }
}

/// The result of applying a write.
pub(crate) type Applied = Result<(), Failure>;

/// Arguments of a statement.
pub(crate) trait Bind {
    /// Binds them.
    fn bind(self) -> Result<PgArguments, Error>;
}

macro_rules! bind_tuples {
    ($(($($name:ident: $place:tt),+))+) => {$(
        impl<$($name: Encode<'static, Postgres> + Type<Postgres>),+> Bind for ($($name,)+) {
            fn bind(self) -> Result<PgArguments, Error> {
                Values::new()$(.put(self.$place))+.finish()
            }
        }
    )+};
}

bind_tuples! {
    (A: 0)
    (A: 0, B: 1)
    (A: 0, B: 1, C: 2)
    (A: 0, B: 1, C: 2, D: 3)
    (A: 0, B: 1, C: 2, D: 3, E: 4)
    (A: 0, B: 1, C: 2, D: 3, E: 4, F: 5)
}

/// The list, and the values by which a row of it is counted.
pub(super) type Counted = (&'static str, [String; 3]);

/// The statement of each part on its own.
static STATEMENTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    // Counts are written at the end.
    let parts = PARTS.iter().filter(|part| part.operation != Operation::Count);
    parts.map(|part| statement(&[*part], Meets::AndWaits)).collect()
});

/// Applies writes one after another.
pub(crate) struct Plain<'c> {
    pub(super) session: Session<'c>,
    /// Changes of the stored counts. They are written at the end, because every transaction writes them in one order.
    counts: BTreeMap<Counted, i64>,
    /// The products whose list entries may have changed.
    pub(super) touched: Touched,
}

impl<'c> Plain<'c> {
    /// Begins with the first write.
    pub(super) fn new(session: Session<'c>) -> Self {
        Self { session, counts: BTreeMap::new(), touched: Touched::default() }
    }

    /// Runs a statement and returns the number of changed rows.
    pub(super) async fn execute(&mut self, sql: &'static str, values: impl Bind) -> Result<u64, Failure> {
        Ok(self.session.execute(sql, values.bind()?).await?)
    }

    /// Runs a statement that changes a row, if its guard holds; otherwise the result is this conflict.
    pub(super) async fn guarded(&mut self, sql: &'static str, values: impl Bind, otherwise: Conflict) -> Applied {
        match self.execute(sql, values).await? {
            0 => Err(otherwise.into()),
            _ => Ok(()),
        }
    }

    /// True if the statement finds any row.
    pub(super) async fn exists(&mut self, sql: &'static str, values: impl Bind) -> Result<bool, Failure> {
        Ok(!self.session.rows(sql, values.bind()?).await?.is_empty())
    }

    /// The ids that a statement returns.
    pub(super) async fn ids(&mut self, sql: &'static str, values: impl Bind) -> Result<Vec<Uuid>, Failure> {
        let rows = self.session.rows(sql, values.bind()?).await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, Error>>()?)
    }

    /// Runs a part with these rows and returns how many were refused.
    pub(super) async fn run(&mut self, part: Part, rows: Vec<Row>) -> Result<usize, Failure> {
        let Some(sql) = part.number().and_then(|number| STATEMENTS.get(number)) else {
            return Err(Failure::Fault(format!("no statement for {part:?}").into()));
        };
        let mut arguments = PgArguments::default();
        bind(&mut arguments, part.kinds(), &rows.iter())?;
        let (refused, turned): (Vec<i64>, Vec<i64>) = {
            let found = self.session.rows(sql.as_str(), arguments).await?;
            let parts = found.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, Error>>()?;
            parts.into_iter().partition(|part| *part >= 0)
        };
        if !turned.is_empty() {
            self.touched.variants.extend(rows.iter().filter_map(Row::first_id));
        }
        Ok(refused.len())
    }

    /// Writes a row by this part. A refusal is this conflict; without one, another transaction interfered.
    pub(super) async fn write(&mut self, part: Part, row: Row, refused: Option<Conflict>) -> Applied {
        let table = part.table.table();
        let counted = if part.is_counted() { table.counts_of(&row) } else { None };
        if self.run(part, vec![row]).await? > 0 {
            return Err(refused.map_or(Failure::Again, Failure::Conflict));
        }
        if let Some(keys) = counted {
            self.counts(table.name, keys, 1);
        }
        Ok(())
    }

    /// Changes the count of a list's rows with these values.
    pub(super) fn counts(&mut self, list: &'static str, keys: [String; 3], delta: i64) {
        *self.counts.entry((list, keys)).or_default() += delta;
    }

    /// Writes what is written at the end: the counts, and the products' list entries.
    pub(super) async fn finish(mut self) -> Applied {
        self.count().await?;
        Ok(self.touched.refresh(&mut self.session).await?)
    }

    async fn count(&mut self) -> Applied {
        static SQL: LazyLock<String> = LazyLock::new(|| {
            count(
                "SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int8[])
                AS new (list, key_1, key_2, key_3, total)",
            )
        });
        let counts = std::mem::take(&mut self.counts);
        if counts.is_empty() {
            return Ok(());
        }
        let (mut lists, mut totals, mut keys) = (Vec::new(), Vec::new(), [Vec::new(), Vec::new(), Vec::new()]);
        for ((list, values), total) in counts {
            lists.push(list.to_owned());
            keys.iter_mut().zip(values).for_each(|(keys, value)| keys.push(value));
            totals.push(total);
        }
        let [one, two, three] = keys;
        self.execute(&SQL, (lists, one, two, three, totals)).await?;
        Ok(())
    }
}
