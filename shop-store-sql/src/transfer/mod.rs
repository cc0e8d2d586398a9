//! Reads and writes the rows of a database unchanged, to move a shop out of it or into it.

mod schema;
mod value;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use shop_core::catalog::Product;
use shop_core::error::BoxError;
use shop_core::store::{StoreError, StoreResult};
use shop_core::transfer::{
    Cell, PROGRESS_TABLE, TableProgress, TransferProgress, TransferRow, TransferSource, TransferTable, TransferTarget,
};
use sqlx::Row as _;
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx_core::arguments::Arguments as _;
use sqlx_core::error::Error;
use sqlx_core::sql_str::AssertSqlSafe;
use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use super::catalog::search_words;
use super::error::{OpenError, is_state, store_error, unreachable};
use super::migrate::{self, SchemaState};
use super::options::PostgresOptions;
use super::pool::{self, Counter, Pool, Session};
use super::rows::{records, select};
use schema::Own;
use value::{bind, bind_column, cell};

/// The step for the search words, among those for the tables.
const INDEX: &str = "product_search";

/// A database whose rows are moved, over its own connection.
#[derive(Debug)]
pub struct PostgresRows {
    state: Mutex<State>,
    counter: Counter,
    identity: String,
    tables: Vec<TransferTable>,
    own: Vec<Own>,
    /// Whether one transaction stays open from the beginning to the end.
    one_transaction: bool,
}

#[derive(Debug)]
struct State {
    connection: PgConnection,
    in_transaction: bool,
}

impl PostgresRows {
    /// Opens the shop in this database for reading, as it is now. Until this is dropped, its tables cannot be written:
    /// running servers can only read.
    ///
    /// # Errors
    /// [`OpenError`], also if an older release created the schema, a transfer into the database is unfinished, or the
    /// database is being written to.
    pub async fn source(options: &PostgresOptions) -> Result<Self, OpenError> {
        let (mut connection, counter) = connect(options).await?;
        let state = schema_state(&mut connection, &counter).await?;
        if state.found != state.known {
            return Err(OpenError::Older { found: state.found, known: state.known });
        }
        if state.unfinished {
            return Err(OpenError::Unfinished);
        }
        let mut session = Session::new(&mut connection, &counter);
        // Locks come first: the transaction's snapshot is taken after them.
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL statement_timeout = 0;
            SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL lock_timeout = '5s'";
        session.simple(begin).await.map_err(OpenError::Postgres)?;
        let tables = migrate::tables();
        let names = tables.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        let locked = session.simple(AssertSqlSafe(format!("LOCK TABLE {names} IN SHARE MODE"))).await;
        locked.map_err(
            |error| {
                if is_state(&error, "55P03") { OpenError::Written } else { OpenError::Postgres(error) }
            },
        )?;
        Self::new(connection, counter, true).await.map_err(OpenError::Postgres)
    }

    /// Opens this database as a target, and creates the tables if there are none.
    ///
    /// # Errors
    /// [`OpenError`], also if an older release created the schema.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn target(options: &PostgresOptions) -> Result<Self, OpenError> {
        let (mut connection, counter) = connect(options).await?;
        match schema_state(&mut connection, &counter).await? {
            SchemaState { found: 0, .. } => {
                let pool = Arc::new(Pool::new(options.clone(), tokio::runtime::Handle::current()));
                migrate::migrate(&pool).await?;
                pool.close().await;
            }
            SchemaState { found, known, .. } if found != known => return Err(OpenError::Older { found, known }),
            SchemaState { .. } => {}
        }
        Self::new(connection, counter, false).await.map_err(OpenError::Postgres)
    }

    async fn new(mut connection: PgConnection, counter: Counter, one_transaction: bool) -> Result<Self, Error> {
        let mut session = Session::new(&mut connection, &counter);
        if !one_transaction {
            session.simple("BEGIN").await?;
        }
        let own = schema::tables(&mut session).await?;
        let born = "SELECT (extract(epoch FROM applied_at) * 1000000)::int8 FROM shop_migrations WHERE version = 1";
        let born = session.rows(born, PgArguments::default()).await?;
        let born: i64 = born.first().map(|row| row.try_get(0)).transpose()?.unwrap_or_default();
        if !one_transaction {
            session.simple("COMMIT").await?;
        }
        Ok(Self {
            tables: own.iter().map(|own| own.table.clone()).collect(),
            own,
            identity: format!("postgres {born}"),
            state: Mutex::new(State { connection, in_transaction: one_transaction }),
            counter,
            one_transaction,
        })
    }

    fn own(&self, name: &str) -> Result<&Own, Error> {
        let found = self.own.iter().find(|own| own.table.name == name);
        found.ok_or_else(|| fault(format!("there is no table {name} here")))
    }

    /// Begins a transaction on the connection. Uncommitted work is rolled back when the next one begins.
    async fn begin_work(&self) -> Result<Work<'_>, Error> {
        let state = self.state.lock().await;
        let left_open = state.in_transaction;
        let mut work = Work { state, rows: self };
        if !self.one_transaction {
            if left_open {
                work.session().simple("ROLLBACK").await?;
            }
            let begin = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 0";
            work.session().simple(begin).await?;
            work.state.in_transaction = true;
        }
        Ok(work)
    }
}

async fn connect(options: &PostgresOptions) -> Result<(PgConnection, Counter), OpenError> {
    let connection = pool::connect(options).await.map_err(unreachable)?;
    Ok((connection, Counter::new(!options.is_pgbouncer())))
}

async fn schema_state(connection: &mut PgConnection, counter: &Counter) -> Result<SchemaState, OpenError> {
    migrate::schema_state(&mut Session::new(connection, counter)).await
}

/// A transaction on the connection.
struct Work<'a> {
    state: MutexGuard<'a, State>,
    rows: &'a PostgresRows,
}

impl Work<'_> {
    fn session(&mut self) -> Session<'_> {
        Session::new(&mut self.state.connection, &self.rows.counter)
    }

    /// Makes the work durable.
    async fn commit(mut self) -> Result<(), Error> {
        if !self.rows.one_transaction {
            self.session().simple("COMMIT").await?;
            self.state.in_transaction = false;
        }
        Ok(())
    }

    async fn progress(&mut self) -> Result<BTreeMap<String, (String, TableProgress)>, Error> {
        let sql = format!("SELECT step, source, after, rows FROM {PROGRESS_TABLE}");
        let mut steps = BTreeMap::new();
        for row in self.session().rows(AssertSqlSafe(sql), PgArguments::default()).await? {
            let after: Option<String> = row.try_get(2)?;
            let after = after.map(|after| serde_json::from_str(&after)).transpose().map_err(fault)?;
            let rows = u64::try_from(row.try_get::<i64, _>(3)?).map_err(fault)?;
            steps.insert(row.try_get(0)?, (row.try_get(1)?, TableProgress { after, rows }));
        }
        Ok(steps)
    }

    /// Records the progress of a step that was at `from` rows.
    async fn advance(&mut self, name: &str, from: u64, step: &TableProgress) -> Result<(), Error> {
        let after = step.after.as_ref().map(serde_json::to_string).transpose().map_err(fault)?;
        let number = |count: u64| i64::try_from(count).map_err(fault);
        let sql = format!("UPDATE {PROGRESS_TABLE} SET after = $2, rows = $3 WHERE step = $1 AND rows = $4");
        let mut arguments = PgArguments::default();
        let added = arguments.add(name).and_then(|()| arguments.add(after));
        added.map_err(Error::Encode)?;
        let (to, from) = (number(step.rows)?, number(from)?);
        arguments.add(to).and_then(|()| arguments.add(from)).map_err(Error::Encode)?;
        match self.session().execute(AssertSqlSafe(sql), arguments).await? {
            0 => Err(fault(format!("another program is also writing to {name}"))),
            _ => Ok(()),
        }
    }

    async fn write(&mut self, table: &TransferTable, rows: &[TransferRow]) -> Result<(), Error> {
        let own = self.rows.own(&table.name)?;
        let mut arguments = PgArguments::default();
        let (mut names, mut given, mut arrays) = (Vec::new(), Vec::new(), Vec::new());
        for (place, column) in table.columns.iter().enumerate() {
            let kind = own.type_of(&column.name);
            let kind = kind.ok_or_else(|| fault(format!("there is no column {}.{} here", table.name, column.name)))?;
            bind_column(&mut arguments, kind, place, rows)?;
            names.push(format!("\"{}\"", column.name));
            given.push(format!("new.\"{}\"{}", column.name, kind.cast(true)));
            arrays.push(format!("${}::{}[]", place + 1, kind.sent()));
        }
        let columns = names.join(", ");
        // Filled later: see `TransferTarget::index`.
        let derived: Vec<_> = own.derived.iter().map(|name| format!("\"{name}\"")).collect();
        given.extend(derived.iter().map(|_| "''::tsvector".to_owned()));
        let sql = format!(
            "INSERT INTO \"{}\" ({}) SELECT {} FROM unnest({}) AS new ({columns})",
            own.table.name,
            [names, derived].concat().join(", "),
            given.join(", "),
            arrays.join(", "),
        );
        self.session().execute(AssertSqlSafe(sql), arguments).await.map(drop)
    }

    /// Writes the search words of the products after this id. Returns the last product and their number.
    async fn index(&mut self, after: Uuid, limit: u32) -> Result<Option<(Uuid, u64)>, Error> {
        let sql = select::<Product>("WHERE products.id > $1 ORDER BY products.id LIMIT $2");
        let mut arguments = PgArguments::default();
        arguments.add(after).and_then(|()| arguments.add(i64::from(limit))).map_err(Error::Encode)?;
        let rows = self.session().rows(AssertSqlSafe(sql), arguments).await?;
        let products: Vec<Product> = records(&rows)?;
        let Some(last) = products.last() else { return Ok(None) };
        let (ids, words): (Vec<Uuid>, Vec<String>) =
            products.iter().map(|product| (product.id.0, search_words(product))).unzip();
        let sql = "UPDATE products SET search = new.words::tsvector
            FROM unnest($1::uuid[], $2::text[]) AS new (id, words) WHERE products.id = new.id";
        let mut arguments = PgArguments::default();
        arguments.add(ids).and_then(|()| arguments.add(words)).map_err(Error::Encode)?;
        self.session().execute(sql, arguments).await?;
        Ok(Some((last.id.0, products.len() as u64)))
    }
}

fn fault(why: impl Into<BoxError>) -> Error {
    Error::Configuration(why.into())
}

/// Adds the table's name to an error.
fn of_table(name: &str) -> impl Fn(Error) -> StoreError {
    move |error| match store_error(error) {
        StoreError::Unavailable(why) => StoreError::Unavailable(format!("{name}: {why}").into()),
        StoreError::Fault(why) => StoreError::Fault(format!("{name}: {why}").into()),
    }
}

/// The statement that reads a number of rows after a key, or from the start.
fn reading(own: &Own, after: bool) -> String {
    let columns = own.table.columns.iter().zip(&own.types);
    let columns: Vec<_> = columns.map(|(column, kind)| format!("\"{}\"{}", column.name, kind.cast(false))).collect();
    let key = own.table.key.iter().filter_map(|place| own.table.columns.get(*place).zip(own.types.get(*place)));
    let (names, values): (Vec<_>, Vec<_>) = (1..)
        .zip(key)
        .map(|(number, (column, kind))| (format!("\"{}\"", column.name), format!("${number}::{}", kind.sent())))
        .unzip();
    let names = names.join(", ");
    let from = if after { format!("WHERE ({names}) > ({}) ", values.join(", ")) } else { String::new() };
    let limit = if after { values.len() + 1 } else { 1 };
    format!("SELECT {} FROM \"{}\" {from}ORDER BY {names} LIMIT ${limit}", columns.join(", "), own.table.name)
}

#[async_trait]
impl TransferSource for PostgresRows {
    fn identity(&self) -> &str {
        &self.identity
    }

    fn tables(&self) -> &[TransferTable] {
        &self.tables
    }

    async fn count(&self, table: &TransferTable) -> StoreResult<u64> {
        let counted = async {
            let sql = format!("SELECT count(*) FROM \"{}\"", self.own(&table.name)?.table.name);
            let mut work = self.begin_work().await?;
            let rows = work.session().rows(AssertSqlSafe(sql), PgArguments::default()).await?;
            work.commit().await?;
            let count: i64 = rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or_default();
            u64::try_from(count).map_err(fault)
        };
        counted.await.map_err(of_table(&table.name))
    }

    async fn read(&self, table: &TransferTable, after: Option<&[Cell]>, limit: u32) -> StoreResult<Vec<TransferRow>> {
        let read = async {
            let own = self.own(&table.name)?;
            let mut arguments = PgArguments::default();
            for (place, value) in own.table.key.iter().zip(after.unwrap_or_default()) {
                let kind = own.types.get(*place).copied();
                bind(&mut arguments, kind.ok_or_else(|| fault("a key has no column"))?, value)?;
            }
            arguments.add(i64::from(limit)).map_err(Error::Encode)?;
            let mut work = self.begin_work().await?;
            let rows = work.session().rows(AssertSqlSafe(reading(own, after.is_some())), arguments).await?;
            work.commit().await?;
            let cells = rows
                .iter()
                .map(|row| own.types.iter().enumerate().map(|(place, kind)| cell(row, place, *kind)).collect());
            cells.collect::<Result<Vec<TransferRow>, Error>>()
        };
        read.await.map_err(of_table(&table.name))
    }
}

#[async_trait]
impl TransferTarget for PostgresRows {
    async fn progress(&self) -> StoreResult<Option<TransferProgress>> {
        let progress = async {
            let mut work = self.begin_work().await?;
            if !migrate::is_there(&mut work.session(), PROGRESS_TABLE).await? {
                work.commit().await?;
                return Ok(None);
            }
            let steps = work.progress().await?;
            work.commit().await?;
            let source = steps.values().next().map(|(source, _)| source.clone()).unwrap_or_default();
            let steps = steps.into_iter().map(|(name, (_, step))| (name, step)).collect();
            Ok(Some(TransferProgress { source, steps }))
        };
        progress.await.map_err(of_table(PROGRESS_TABLE))
    }

    async fn begin(&self, source: &str) -> StoreResult<()> {
        let begun = async {
            let mut work = self.begin_work().await?;
            let sql = format!(
                "CREATE TABLE {PROGRESS_TABLE} (
                    step text COLLATE \"C\" NOT NULL CONSTRAINT {PROGRESS_TABLE}_step PRIMARY KEY,
                    source text NOT NULL,
                    after text,
                    rows bigint NOT NULL
                )"
            );
            work.session().simple(AssertSqlSafe(sql)).await?;
            let steps: Vec<&str> = self.tables.iter().map(|table| table.name.as_str()).chain([INDEX]).collect();
            let mut arguments = PgArguments::default();
            arguments.add(steps).and_then(|()| arguments.add(source)).map_err(Error::Encode)?;
            let sql = format!(
                "INSERT INTO {PROGRESS_TABLE} (step, source, rows) SELECT step, $2, 0 FROM unnest($1::text[]) AS steps (step)"
            );
            work.session().execute(AssertSqlSafe(sql), arguments).await?;
            for table in self.tables.iter().rev().filter(|table| table.seeded) {
                work.session().simple(AssertSqlSafe(format!("DELETE FROM \"{}\"", table.name))).await?;
            }
            work.commit().await
        };
        begun.await.map_err(of_table(PROGRESS_TABLE))
    }

    async fn write(&self, table: &TransferTable, rows: &[TransferRow], step: &TableProgress) -> StoreResult<()> {
        let written = async {
            let mut work = self.begin_work().await?;
            work.advance(&table.name, step.rows.saturating_sub(rows.len() as u64), step).await?;
            work.write(table, rows).await?;
            work.commit().await
        };
        written.await.map_err(of_table(&table.name))
    }

    async fn index(&self, limit: u32) -> StoreResult<u64> {
        let indexed = async {
            let mut work = self.begin_work().await?;
            let before = work.progress().await?.remove(INDEX).map(|(_, step)| step).unwrap_or_default();
            let after = match before.after.as_deref() {
                Some([Cell::Bytes(id)]) => Uuid::from_slice(id).map_err(fault)?,
                _ => Uuid::nil(),
            };
            let done = match work.index(after, limit).await? {
                None => 0,
                Some((last, done)) => {
                    let after = Some(vec![Cell::Bytes(last.as_bytes().to_vec())]);
                    work.advance(INDEX, before.rows, &TableProgress { after, rows: before.rows.saturating_add(done) })
                        .await?;
                    done
                }
            };
            work.commit().await?;
            Ok(done)
        };
        indexed.await.map_err(of_table(INDEX))
    }

    async fn finish(&self) -> StoreResult<()> {
        let finished = async {
            let mut work = self.begin_work().await?;
            work.session().simple(AssertSqlSafe(format!("DROP TABLE {PROGRESS_TABLE}"))).await?;
            work.commit().await?;
            // Plans made for empty tables would make every read slow for the first hours.
            let mut work = self.begin_work().await?;
            let names: Vec<_> = self.tables.iter().map(|table| format!("\"{}\"", table.name)).collect();
            work.session().simple(AssertSqlSafe(format!("ANALYZE {}", names.join(", ")))).await?;
            work.commit().await
        };
        finished.await.map_err(of_table(PROGRESS_TABLE))
    }
}
