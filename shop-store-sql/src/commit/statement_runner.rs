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
use super::listed::AffectedProducts;
use super::part::{PARTS, TableOperation};
use super::sql::{OnLocked, statement};
use super::tables::Operation;
use super::value::{RowValues, bind};
use crate::error::is_state;
use crate::pool::Session;
use crate::rows::StatementArguments;

/// Why a batch was not applied.
#[derive(Debug)]
pub(crate) enum ApplyError {
    /// A guard failed.
    Conflict(Conflict),
    /// Postgres failed.
    Sql(Error),
    /// The batch is invalid.
    Fault(BoxError),
    /// Another transaction interfered; the next attempt will show the cause.
    Again,
}

impl From<Conflict> for ApplyError {
    fn from(conflict: Conflict) -> Self {
        Self::Conflict(conflict)
    }
}

impl From<Error> for ApplyError {
    fn from(error: Error) -> Self {
        // A unique key that was free when it was checked.
        if is_state(&error, "23505") { Self::Again } else { Self::Sql(error) }
    }
}

/// The result of applying a write.
pub(crate) type ApplyResult = Result<(), ApplyError>;

/// Arguments of a statement.
pub(crate) trait Bind {
    /// Binds them.
    fn bind(self) -> Result<PgArguments, Error>;
}

macro_rules! bind_tuples {
    ($(($($name:ident: $place:tt),+))+) => {$(
        impl<$($name: Encode<'static, Postgres> + Type<Postgres>),+> Bind for ($($name,)+) {
            fn bind(self) -> Result<PgArguments, Error> {
                StatementArguments::new()$(.put(self.$place))+.finish()
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
    parts.map(|part| statement(&[*part], OnLocked::Wait)).collect()
});

/// Applies writes one after another.
pub(crate) struct StatementRunner<'c> {
    pub(super) session: Session<'c>,
    /// Changes of the stored counts. They are written at the end, because every transaction writes them in one order.
    counts: BTreeMap<Counted, i64>,
    /// The products whose list entries may have changed.
    pub(super) touched: AffectedProducts,
}

impl<'c> StatementRunner<'c> {
    /// Begins with the first write.
    pub(super) fn new(session: Session<'c>) -> Self {
        Self { session, counts: BTreeMap::new(), touched: AffectedProducts::default() }
    }

    /// Runs a statement and returns the number of changed rows.
    pub(super) async fn execute(&mut self, sql: &'static str, values: impl Bind) -> Result<u64, ApplyError> {
        Ok(self.session.execute(sql, values.bind()?).await?)
    }

    /// Runs a statement that changes a row, if its guard holds; otherwise the result is this conflict.
    pub(super) async fn guarded(&mut self, sql: &'static str, values: impl Bind, otherwise: Conflict) -> ApplyResult {
        match self.execute(sql, values).await? {
            0 => Err(otherwise.into()),
            _ => Ok(()),
        }
    }

    /// True if the statement finds any row.
    pub(super) async fn exists(&mut self, sql: &'static str, values: impl Bind) -> Result<bool, ApplyError> {
        Ok(!self.session.rows(sql, values.bind()?).await?.is_empty())
    }

    /// The ids that a statement returns.
    pub(super) async fn ids(&mut self, sql: &'static str, values: impl Bind) -> Result<Vec<Uuid>, ApplyError> {
        let rows = self.session.rows(sql, values.bind()?).await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, Error>>()?)
    }

    /// Runs a part with these rows and returns how many were refused.
    pub(super) async fn run(&mut self, part: TableOperation, rows: Vec<RowValues>) -> Result<usize, ApplyError> {
        let Some(sql) = part.number().and_then(|number| STATEMENTS.get(number)) else {
            return Err(ApplyError::Fault(format!("no statement for {part:?}").into()));
        };
        let mut arguments = PgArguments::default();
        bind(&mut arguments, part.kinds(), &rows.iter())?;
        let (refused, turned): (Vec<i64>, Vec<i64>) = {
            let found = self.session.rows(sql.as_str(), arguments).await?;
            let parts = found.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, Error>>()?;
            parts.into_iter().partition(|part| *part >= 0)
        };
        if !turned.is_empty() {
            self.touched.variants.extend(rows.iter().filter_map(RowValues::first_id));
        }
        Ok(refused.len())
    }

    /// Writes a row by this part. A refusal is this conflict; without one, another transaction interfered.
    pub(super) async fn write(
        &mut self,
        part: TableOperation,
        row: RowValues,
        refused: Option<Conflict>,
    ) -> ApplyResult {
        let table = part.table.table();
        let counted = if part.is_counted() { table.counts_of(&row) } else { None };
        if self.run(part, vec![row]).await? > 0 {
            return Err(refused.map_or(ApplyError::Again, ApplyError::Conflict));
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
    pub(super) async fn finish(mut self) -> ApplyResult {
        self.count().await?;
        Ok(self.touched.refresh(&mut self.session).await?)
    }

    async fn count(&mut self) -> ApplyResult {
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
