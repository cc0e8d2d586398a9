//! Applies one batch write by write: slower than a group, but it names the guard that fails.
//!
//! All rows that the batch locks are locked first ([`super::lock`]), so what is read afterwards cannot change. Only new
//! keys can still be taken meanwhile: an INSERT reports this without ending the transaction (`ON CONFLICT DO NOTHING`),
//! and then its keys are checked one by one. If a check passes although the INSERT was refused (another transaction
//! committed in between), the result is [`Failure::Again`], and the next attempt finds the cause.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use shop_core::batch::{Batch, Change, Conflict, Entity, Require, RowWrite, Unique, Write};
use shop_core::error::BoxError;
use sqlx::Row as _;
use sqlx::postgres::PgArguments;
use sqlx_core::encode::Encode;
use sqlx_core::error::Error;
use sqlx_core::types::Type;
use sqlx_postgres::Postgres;
use uuid::Uuid;

use super::listed::Touched;
use super::part::Part;
use super::sql::{Meets, count, statement};
use super::table::{Record, Table, row_of};
use super::value::{Row, bind};
use super::{accounts, catalog, inventory, lock, orders, outbox};
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

/// Applies a whole batch in the open transaction. On a failure the caller rolls back to the state before.
pub(crate) async fn apply(session: Session<'_>, batch: &Batch) -> Applied {
    let mut plain = Plain { session, counts: BTreeMap::new(), touched: Touched::default() };
    lock::lock(&mut plain, batch).await?;
    plain.insert_unless(Part::InsertOperations, outbox::operation(batch), Unique::Operation).await?;
    for require in &batch.requires {
        plain.require(require).await?;
    }
    for write in &batch.writes {
        match write {
            Write::Row(write) => plain.write_row(write).await?,
            Write::Accounts(write) => accounts::apply(&mut plain, write).await?,
            Write::Catalog(write) => catalog::apply(&mut plain, write).await?,
            Write::Orders(write) => orders::apply(&mut plain, write).await?,
            Write::Inventory(write) => inventory::apply(&mut plain, write).await?,
            Write::Outbox(write) => outbox::apply(&mut plain, write).await?,
            Write::Answer(answer) => {
                plain.insert_unless(Part::InsertAnswers, row_of(answer), Unique::Answer).await?;
            }
            Write::Forget { before, given_up_before } => {
                outbox::forget(&mut plain, *before, *given_up_before).await?;
            }
        }
    }
    plain.judge_whole(batch).await?;
    plain.count().await?;
    plain.touched.refresh(&mut plain.session).await?;
    Ok(())
}

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
type Counted = (&'static str, [String; 3]);

/// The statements of a table whose key is `id`, for one row at a time.
struct Statements {
    insert: String,
    update: String,
    delete: String,
    version: String,
    counted: Option<String>,
    clash: Vec<(Unique, String)>,
    same_id: String,
}

static STATEMENTS: LazyLock<BTreeMap<&'static str, Statements>> =
    LazyLock::new(|| lock::TABLES.iter().map(|(_, table)| (table.name, Statements::new(table))).collect());

/// The statement of each part on its own.
static PARTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    // Counts are written at the end.
    let parts = Part::ALL.iter().filter(|part| **part != Part::CountLists);
    parts.map(|part| statement(&[*part], Meets::AndWaits)).collect()
});

impl Statements {
    fn new(table: &Table) -> Self {
        let Table { name, uniques, .. } = table;
        let (names, new) = (table.names(""), table.given());
        let clash = uniques.iter().map(|(unique, clash)| {
            (*unique, format!("SELECT 1 FROM {new} JOIN {name} AS old ON {clash} WHERE old.id <> new.id"))
        });
        Self {
            insert: format!("INSERT INTO {name} ({names}) SELECT {} FROM {new} ON CONFLICT DO NOTHING", table.stored()),
            update: format!(
                "UPDATE {name} AS old SET {} FROM {new} WHERE old.id = new.id AND old.version = new.version - 1",
                table.assignments("new")
            ),
            delete: format!("DELETE FROM {name} WHERE id = $1 AND version = $2"),
            version: format!("SELECT 1 FROM {name} WHERE id = $1 AND version = $2"),
            counted: table.counted_as("", "key").map(|keys| format!("SELECT {keys} FROM {name} WHERE id = $1")),
            clash: clash.collect(),
            same_id: format!("SELECT 1 FROM {name} WHERE id = $1"),
        }
    }

    fn of<T: Record>() -> Result<&'static Self, Failure> {
        // Every record's table is in the list; a test checks this.
        STATEMENTS.get(T::TABLE.name).ok_or_else(|| Failure::Fault(format!("no table {}", T::TABLE.name).into()))
    }
}

/// Applies writes one after another.
pub(crate) struct Plain<'c> {
    session: Session<'c>,
    /// Changes of the stored counts. They are written at the end, because every transaction writes them in one order.
    counts: BTreeMap<Counted, i64>,
    /// The products whose list entries may have changed.
    pub(super) touched: Touched,
}

macro_rules! write_row {
    ([] $($entity:ident: $row:ty => $table:ident;)+) => {
        impl Plain<'_> {
            /// Applies a change of a row that has a version.
            async fn write_row(&mut self, write: &RowWrite) -> Applied {
                match write {
                    $(RowWrite::$entity(change) => <$row as Record>::apply(self, change).await,)+
                }
            }
        }
    };
}

shop_core::versioned_rows!(write_row []);

impl Plain<'_> {
    /// Runs a statement and returns the number of changed rows.
    pub(super) async fn execute(&mut self, sql: &'static str, values: impl Bind) -> Result<u64, Failure> {
        Ok(self.session.execute(sql, values.bind()?).await?)
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
        let sql = PARTS.get(part as usize).map_or("", String::as_str);
        let mut arguments = PgArguments::default();
        bind(&mut arguments, &part.kinds(), &rows.iter())?;
        let (refused, turned): (Vec<i64>, Vec<i64>) = {
            let found = self.session.rows(sql, arguments).await?;
            let parts = found.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, Error>>()?;
            parts.into_iter().partition(|part| *part >= 0)
        };
        if !turned.is_empty() {
            self.touched.variants.extend(rows.iter().filter_map(Row::first_id));
        }
        Ok(refused.len())
    }

    /// Changes the count of a list's rows with these values.
    pub(super) fn counts(&mut self, list: &'static str, keys: [String; 3], delta: i64) {
        *self.counts.entry((list, keys)).or_default() += delta;
    }

    /// The values by which a row is currently counted, if it exists and is counted.
    async fn counted<T: Record>(&mut self, id: Uuid) -> Result<Option<Counted>, Failure> {
        let Some(sql) = &Statements::of::<T>()?.counted else { return Ok(None) };
        let rows = self.session.rows(sql.as_str(), (id,).bind()?).await?;
        let keys = rows.first().map(|row| Ok::<_, Error>([row.try_get(0)?, row.try_get(1)?, row.try_get(2)?]));
        Ok(keys.transpose()?.map(|keys| (T::TABLE.name, keys)))
    }

    /// Writes the counts.
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

    /// Inserts a row with only one key.
    pub(super) async fn insert_unless(&mut self, part: Part, row: Row, unique: Unique) -> Applied {
        match self.run(part, vec![row]).await? {
            0 => Ok(()),
            _ => Err(Conflict::Exists(unique).into()),
        }
    }

    async fn write<T: Record>(&mut self, sql: &'static str, row: &T) -> Result<u64, Failure> {
        let mut arguments = PgArguments::default();
        bind(&mut arguments, &T::table().kinds(), &std::iter::once(&row.row()))?;
        Ok(self.session.execute(sql, arguments).await?)
    }

    /// Applies a change of a versioned row, and counts it if counts are stored.
    pub(super) async fn change<T: Record>(&mut self, change: &Change<T>) -> Applied {
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

    async fn change_row<T: Record>(&mut self, change: &Change<T>) -> Applied {
        let statements = Statements::of::<T>()?;
        match change {
            Change::Insert(row) => match self.write(&statements.insert, row).await? {
                // If no key is found to be taken, the row that took it is already gone.
                0 => self.judge(change).await.and(Err(Failure::Again)),
                _ => Ok(()),
            },
            Change::Update(row) => {
                if !statements.clash.is_empty() {
                    self.judge(change).await?;
                }
                match self.write(&statements.update, row).await? {
                    0 => Err(Conflict::Stale(T::ENTITY, row.key()).into()),
                    _ => Ok(()),
                }
            }
            Change::Delete { .. } if !T::TABLE.deletable => {
                Err(Failure::Fault(format!("a {:?} is never deleted", T::ENTITY).into()))
            }
            Change::Delete { id, version } => match self.execute(&statements.delete, (*id, *version)).await? {
                0 => Err(Conflict::Stale(T::ENTITY, *id).into()),
                _ => Ok(()),
            },
        }
    }

    /// Checks a change without applying it: the id or the version, then the unique keys in order.
    pub(super) async fn judge<T: Record>(&mut self, change: &Change<T>) -> Applied {
        let statements = Statements::of::<T>()?;
        let row = match change {
            Change::Insert(row) => {
                if self.exists(&statements.same_id, (row.key(),)).await? {
                    return Err(Conflict::Exists(Unique::Id(T::ENTITY)).into());
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
            bind(&mut arguments, &T::table().kinds(), &std::iter::once(&values))?;
            if !self.session.rows(sql.as_str(), arguments).await?.is_empty() {
                return Err(Conflict::Exists(*unique).into());
            }
        }
        Ok(())
    }

    /// True if the row exists at this version.
    pub(super) async fn has_version<T: Record>(&mut self, id: Uuid, version: i64) -> Result<bool, Failure> {
        self.exists(&Statements::of::<T>()?.version, (id, version)).await
    }

    /// Inserts variants and updates existing ones.
    pub(super) async fn put_variants(&mut self, rows: Vec<Row>) -> Applied {
        static SQL: LazyLock<String> = LazyLock::new(|| {
            let table = &catalog::VARIANTS;
            format!(
                "INSERT INTO variants ({}) SELECT {} FROM {} ON CONFLICT (id) DO UPDATE SET {}",
                table.names(""),
                table.stored(),
                table.given(),
                table.assignments("excluded")
            )
        });
        let mut arguments = PgArguments::default();
        bind(&mut arguments, &catalog::VARIANTS.kinds(), &rows.iter())?;
        self.session.execute(SQL.as_str(), arguments).await?;
        Ok(())
    }

    async fn require(&mut self, require: &Require) -> Applied {
        let (holds, conflict) = match *require {
            Require::Version(entity, id, version) => {
                (self.is_at(entity, id, version).await?, Conflict::Stale(entity, id))
            }
            Require::LiveSession(session, user) => {
                let live = "SELECT 1 FROM sessions JOIN users ON users.id = sessions.user_id
                    WHERE sessions.id = $1 AND users.id = $2 AND sessions.revoked_at IS NULL AND users.is_active
                        AND sessions.epoch = users.session_epoch";
                (self.exists(live, (session.0, user.0)).await?, Conflict::Revoked(session))
            }
            Require::ActiveUser(user) => {
                let active = "SELECT 1 FROM users WHERE id = $1 AND is_active";
                (self.exists(active, (user.0,)).await?, Conflict::Inactive(user))
            }
            Require::AddressesBelow(user, limit) => {
                let full = "SELECT 1 FROM addresses WHERE user_id = $1 LIMIT 1 OFFSET $2";
                let below = i64::from(limit) - 1;
                let holds = below >= 0 && !self.exists(full, (user.0, below)).await?;
                (holds, Conflict::AddressBookFull(user))
            }
            Require::Untracked(variant, location) => {
                let untracked = "SELECT 1 FROM stock_levels WHERE variant_id = $1 AND location_id = $2 AND NOT tracked";
                let holds = self.exists(untracked, (variant.0, location.0)).await?;
                (holds, Conflict::Stock(variant, Some(location)))
            }
        };
        if holds { Ok(()) } else { Err(conflict.into()) }
    }

    async fn is_at(&mut self, entity: Entity, id: Uuid, version: i64) -> Result<bool, Failure> {
        match lock::table_of(entity).and_then(|table| STATEMENTS.get(table.name)) {
            Some(statements) => self.exists(&statements.version, (id, version)).await,
            None if entity == Entity::CategoryTree => {
                self.exists("SELECT 1 FROM category_tree WHERE one AND version = $1", (version,)).await
            }
            // An event has no version.
            None => Ok(false),
        }
    }

    /// Checks conditions that may be violated within a batch but must hold at its end: moving the default flag from one
    /// row to another takes two writes. Only one transaction at a time can do this (see [`super::lock`]).
    async fn judge_whole(&mut self, batch: &Batch) -> Applied {
        let owner = |write: &Write| match write {
            Write::Row(RowWrite::Address(Change::Insert(address) | Change::Update(address))) => Some(address.user_id),
            _ => None,
        };
        let owners: std::collections::BTreeSet<_> = batch.writes.iter().filter_map(owner).collect();
        for user in owners {
            let two = "SELECT 1 FROM addresses WHERE user_id = $1 AND is_default OFFSET 1";
            if self.exists(two, (user.0,)).await? {
                return Err(Conflict::Exists(Unique::DefaultAddress).into());
            }
        }
        if batch.writes.iter().any(|write| matches!(write, Write::Row(RowWrite::Location(_)))) {
            let rows = self.session.rows("SELECT 1 FROM locations WHERE is_default LIMIT 2", PgArguments::default());
            if rows.await?.len() != 1 {
                return Err(Conflict::Exists(Unique::DefaultLocation).into());
            }
        }
        Ok(())
    }
}
