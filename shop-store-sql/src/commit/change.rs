//! Changes of versioned rows, row by row: guarded by the version, then by the unique keys.
//!
//! All rows that the batch locks are locked before ([`super::lock`]), so what is read here cannot change. Only new keys
//! can still be taken meanwhile: an INSERT reports this without ending the transaction (`ON CONFLICT DO NOTHING`), and
//! then its keys are checked one by one. If a check passes although the INSERT was refused (another transaction
//! committed in between), the result is [`ApplyError::Again`], and the next attempt finds the cause.

use shop_core::accounts::{Session, User};
use shop_core::batch::{Change, Conflict, Versioned};
use shop_core::cart::Cart;
use shop_core::details::ShopDetails;
use shop_core::inventory::Reservation;
use shop_core::orders::{Draft, Return};
use shop_core::outbox::Delivery;
use shop_core::promotions::Promotion;
use shop_core::shipping::Shipment;
use shop_core::taxes::TaxRate;
use sqlx::Row as _;
use sqlx::postgres::PgArguments;
use sqlx_core::error::Error;
use uuid::Uuid;

use super::effects::Effects;
use super::statement_runner::{ApplyError, ApplyResult, Bind as _, Counted, StatementRunner};
use super::table::{Statements, row_of};
use super::tables::Tabled;
use super::value::{RowValues, bind};

/// A versioned row as it is written, in its own table with key `id`. (A row as it is read is a
/// [`ReadRow`](crate::rows::ReadRow).)
pub(crate) trait WriteRow: Tabled + Versioned + Sync {
    /// The row's values.
    fn row(&self) -> RowValues {
        row_of(self)
    }

    /// What a change locks, and what a group writes, in addition to the row itself.
    fn effects<'b, E: Effects<'b>>(_change: &'b Change<Self>, _to: &mut E) -> Result<(), E::Stop> {
        Ok(())
    }

    /// Applies a change row by row, with everything that depends on it.
    async fn apply(runner: &mut StatementRunner<'_>, change: &Change<Self>) -> ApplyResult {
        runner.change(change).await
    }
}

// Rows that nothing else depends on.
impl WriteRow for Cart {}
impl WriteRow for Delivery {}
impl WriteRow for Draft {}
impl WriteRow for Promotion {}
impl WriteRow for Reservation {}
impl WriteRow for Return {}
impl WriteRow for Session {}
impl WriteRow for Shipment {}
impl WriteRow for ShopDetails {}
impl WriteRow for TaxRate {}
impl WriteRow for User {}

fn statements<T: Tabled>() -> &'static Statements {
    T::TABLE_ID.table().statements()
}

impl StatementRunner<'_> {
    /// The values by which a row is currently counted, if it exists and is counted.
    async fn counted<T: WriteRow>(&mut self, id: Uuid) -> Result<Option<Counted>, ApplyError> {
        let Some(sql) = &statements::<T>().counted else { return Ok(None) };
        let rows = self.session.rows(sql.as_str(), (id,).bind()?).await?;
        let keys = rows.first().map(|row| Ok::<_, Error>([row.try_get(0)?, row.try_get(1)?, row.try_get(2)?]));
        Ok(keys.transpose()?.map(|keys| (T::TABLE.name, keys)))
    }

    async fn write_row<T: WriteRow>(&mut self, sql: &'static str, row: &T) -> Result<u64, ApplyError> {
        let mut arguments = PgArguments::default();
        bind(&mut arguments, &T::TABLE_ID.table().kinds, &std::iter::once(&row.row()))?;
        Ok(self.session.execute(sql, arguments).await?)
    }

    /// Applies a change of a versioned row, and counts it if counts are stored.
    pub(super) async fn change<T: WriteRow>(&mut self, change: &Change<T>) -> ApplyResult {
        let (id, is_new) = match change {
            Change::Insert(row) => (row.key(), true),
            Change::Update(row) => (row.key(), false),
            Change::Delete { id, .. } => (*id, false),
        };
        let before = if is_new { None } else { self.counted::<T>(id).await? };
        self.change_row(change).await?;
        let after = self.counted::<T>(id).await?;
        for ((list, keys), delta) in before.map(|keys| (keys, -1)).into_iter().chain(after.map(|keys| (keys, 1))) {
            self.counts(list, keys, delta);
        }
        Ok(())
    }

    async fn change_row<T: WriteRow>(&mut self, change: &Change<T>) -> ApplyResult {
        let statements = statements::<T>();
        match change {
            Change::Insert(row) => match self.write_row(&statements.insert, row).await? {
                // If no key is found to be taken, the row that took it is already gone.
                0 => self.judge(change).await.and(Err(ApplyError::Again)),
                _ => Ok(()),
            },
            Change::Update(row) => {
                if !statements.clash.is_empty() {
                    self.judge(change).await?;
                }
                match self.write_row(&statements.update, row).await? {
                    0 => Err(Conflict::Stale(T::ENTITY, row.key()).into()),
                    _ => Ok(()),
                }
            }
            Change::Delete { .. } if !T::TABLE.deletable => {
                Err(ApplyError::Fault(format!("a {:?} is never deleted", T::ENTITY).into()))
            }
            Change::Delete { id, version } => {
                self.guarded(&statements.delete, (*id, *version), Conflict::Stale(T::ENTITY, *id)).await
            }
        }
    }

    /// Checks a change without applying it: the id or the version, then the unique keys in order.
    pub(super) async fn judge<T: WriteRow>(&mut self, change: &Change<T>) -> ApplyResult {
        let statements = statements::<T>();
        let row = match change {
            Change::Insert(row) => {
                if self.exists(&statements.same_id, (row.key(),)).await? {
                    return Err(Conflict::Exists(T::TABLE.key_name).into());
                }
                row
            }
            Change::Update(row) => {
                if !self.exists(&statements.version, (row.key(), row.version().checked_sub(1))).await? {
                    return Err(Conflict::Stale(T::ENTITY, row.key()).into());
                }
                row
            }
            Change::Delete { id, version } => {
                let there = self.exists(&statements.version, (*id, *version)).await?;
                return if there { Ok(()) } else { Err(Conflict::Stale(T::ENTITY, *id).into()) };
            }
        };
        let values = row.row();
        for (unique, sql) in &statements.clash {
            let mut arguments = PgArguments::default();
            bind(&mut arguments, &T::TABLE_ID.table().kinds, &std::iter::once(&values))?;
            if !self.session.rows(sql.as_str(), arguments).await?.is_empty() {
                return Err(Conflict::Exists(*unique).into());
            }
        }
        Ok(())
    }

    /// True if the row exists at this version.
    pub(super) async fn has_version<T: WriteRow>(&mut self, id: Uuid, version: i64) -> Result<bool, ApplyError> {
        self.exists(&statements::<T>().version, (id, version)).await
    }
}
