//! The schema: numbered migrations, each applied once, in its own transaction, with a checksum.
//!
//! Any number of servers may start at once: each step checks again under a transaction-level advisory lock (which also
//! works behind pgbouncer). A database is refused, with an explanation, if the tables belong to another program, if a
//! newer release created them, or if a table, key or index of the migrations is missing. Objects that an embedding
//! program adds are ignored.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use shop_core::transfer::PROGRESS_TABLE;
use sqlx::Row as _;
use sqlx::postgres::PgArguments;
use sqlx_core::arguments::Arguments as _;
use sqlx_core::error::Error;

use super::error::{FailureKind, OpenError, failure_kind, recognised, unreachable};
use super::orders::fill_search;
use super::pool::{Lease, Pool, Session};

/// One step of the schema. A released step never changes; a further change is a new step.
struct Migration {
    name: &'static str,
    sql: &'static str,
}

macro_rules! migrations {
    ($($name:literal)+) => {
        &[$(Migration { name: $name, sql: include_str!(concat!("../migrations/", $name, ".sql")) }),+]
    };
}

/// All steps in order. The version of a step is its position, from 1.
const MIGRATIONS: &[Migration] = migrations! {
    "0001_shop"
    "0002_limits"
    "0003_pricing"
    "0004_webhooks"
    "0005_returns"
    "0006_gateways"
    "0007_drafts"
    "0008_given_up"
    "0009_order_changes"
    "0010_mismatches"
    "0011_reservations"
    "0012_taxes_of_lines"
    "0013_order_ends"
    "0014_backorders"
    "0015_order_search"
    "0016_tracking_keys"
    "0017_buyers"
    "0018_list_counts"
    "0019_listed_products"
    "0020_carts_of_guests"
    "0021_key_fingerprint"
    "0022_session_rotations"
    "0023_registrations"
    "0024_claimed_orders"
    "0025_withdrawals"
    "0026_shop_details"
    "0027_price_history"
    "0028_lists_of_deliveries"
};

/// The step after which [`fill_search`] runs.
const ORDER_SEARCH: &str = "0015_order_search";

/// Takes the advisory lock that all shops of a database share: "SHOP" in ASCII, twice.
const LOCK: &str = "SELECT pg_advisory_xact_lock(6001514165394165584)";

const LEDGER: &str = r#"CREATE TABLE shop_migrations (
    version bigint NOT NULL CONSTRAINT shop_migrations_version PRIMARY KEY,
    name text COLLATE "C" NOT NULL,
    checksum bytea NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)"#;

/// Why a migration stopped.
enum MigrationError {
    Sql(Error),
    Open(OpenError),
}

impl From<Error> for MigrationError {
    fn from(error: Error) -> Self {
        Self::Sql(error)
    }
}

impl From<OpenError> for MigrationError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

/// Brings the schema up to date.
pub(crate) async fn migrate(pool: &Arc<Pool>) -> Result<(), OpenError> {
    let mut lease = pool.acquire().await.map_err(unreachable)?;
    // In a task: a dropped caller leaves no transaction open.
    let work = pool.runtime().spawn(async move {
        let done = steps(&mut lease, MIGRATIONS).await;
        if done.is_ok() {
            lease.release();
        }
        done
    });
    let done = work.await.map_err(|error| OpenError::Unreachable(error.into()))?;
    done.map_err(open_error)
}

fn open_error(error: MigrationError) -> OpenError {
    match error {
        MigrationError::Open(error) => error,
        MigrationError::Sql(error) if failure_kind(&error) == FailureKind::Lost => unreachable(error),
        MigrationError::Sql(error) => recognised(error).unwrap_or_else(OpenError::Postgres),
    }
}

/// The state of a database's schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SchemaState {
    /// The number of applied steps.
    pub(crate) found: i64,
    /// The number of known steps.
    pub(crate) known: i64,
    /// Whether a transfer into the database is unfinished.
    pub(crate) unfinished: bool,
}

/// Reads the state of the schema and changes nothing. If all steps are applied, this also verifies that everything they
/// created exists.
pub(crate) async fn schema_state(session: &mut Session<'_>) -> Result<SchemaState, OpenError> {
    async fn read(session: &mut Session<'_>) -> Result<SchemaState, MigrationError> {
        recognise(session).await?;
        let count = applied(session, MIGRATIONS).await?;
        if count == MIGRATIONS.len() {
            compare(session, MIGRATIONS).await?;
        }
        let unfinished = is_there(session, PROGRESS_TABLE).await?;
        Ok(SchemaState { found: version(count), known: version(MIGRATIONS.len()), unfinished })
    }
    session.simple("BEGIN").await.map_err(OpenError::Postgres)?;
    let state = read(session).await.map_err(open_error);
    session.simple(if state.is_ok() { "COMMIT" } else { "ROLLBACK" }).await.map_err(OpenError::Postgres)?;
    state
}

/// Whether a table of this name exists.
pub(crate) async fn is_there(session: &mut Session<'_>, table: &str) -> Result<bool, Error> {
    Ok(!present(session, &[table]).await?.is_empty())
}

/// The tables that the migrations create.
pub(crate) fn tables() -> Vec<&'static str> {
    named_after(&["CREATE TABLE", "CREATE UNLOGGED TABLE"])
}

/// The tables into which the migrations insert rows.
pub(crate) fn seeded() -> Vec<&'static str> {
    let is_given = |name: &&str| {
        let after = |sql: &'static str| sql.split_once(&format!("INSERT INTO {name} ")).map(|(_, rest)| rest);
        MIGRATIONS.iter().filter_map(|migration| after(migration.sql)).any(|rest| {
            let statement = rest.split(';').next().unwrap_or_default();
            statement.contains("VALUES") && !statement.contains("SELECT")
        })
    };
    named_after(&["INSERT INTO"]).into_iter().filter(is_given).collect()
}

/// The names that follow these words at the beginning of lines, each once.
fn named_after(words: &[&str]) -> Vec<&'static str> {
    let mut names = Vec::new();
    for line in MIGRATIONS.iter().flat_map(|migration| migration.sql.lines()) {
        let rest = words.iter().find_map(|words| line.strip_prefix(words));
        let name = rest.and_then(|rest| rest.split_whitespace().next());
        names.extend(name.filter(|name| !names.contains(name)));
    }
    names
}

async fn steps(lease: &mut Lease, migrations: &[Migration]) -> Result<(), MigrationError> {
    let mut session = lease.session();
    loop {
        // Indexing a large table takes time, and so may another server's step. The checks are in the transaction too:
        // behind pgbouncer, statements with arguments need one.
        session.simple("BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 0").await?;
        match check_and_step(&mut session, migrations).await {
            Ok(done) => {
                session.simple("COMMIT").await?;
                if done {
                    return Ok(());
                }
            }
            Err(stop) => {
                session.simple("ROLLBACK").await?;
                return Err(stop);
            }
        }
    }
}

/// Checks the schema and applies the next step; true if there was none.
async fn check_and_step(session: &mut Session<'_>, migrations: &[Migration]) -> Result<bool, MigrationError> {
    recognise(session).await?;
    if applied(session, migrations).await? < migrations.len() {
        step(session, migrations).await?;
        return Ok(false);
    }
    compare(session, migrations).await?;
    if is_there(session, PROGRESS_TABLE).await? {
        return Err(OpenError::Unfinished.into());
    }
    Ok(true)
}

/// Refuses a server or a database that cannot hold a shop, before changing anything in it.
async fn recognise(session: &mut Session<'_>) -> Result<(), MigrationError> {
    let sql = "SELECT current_setting('server_version_num')::bigint, current_setting('server_version'),
        current_setting('server_encoding'), current_schema()::text";
    for row in session.rows(sql, PgArguments::default()).await? {
        if row.try_get::<i64, _>(0)? < 130_000 {
            return Err(OpenError::OldPostgres(row.try_get(1)?).into());
        }
        let encoding: String = row.try_get(2)?;
        if encoding != "UTF8" {
            return Err(OpenError::Encoding(encoding).into());
        }
        if row.try_get::<Option<String>, _>(3)?.is_none() {
            return Err(OpenError::NoSchema.into());
        }
    }
    Ok(())
}

/// Returns which of these tables, indexes and constraints exist in the shop's schema.
async fn present(session: &mut Session<'_>, names: &[&str]) -> Result<Vec<String>, Error> {
    let sql = "SELECT relname::text FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace AS spaces ON spaces.oid = relnamespace
            WHERE nspname = current_schema() AND relname::text = ANY($1)
        UNION ALL
        SELECT conname::text FROM pg_catalog.pg_constraint JOIN pg_catalog.pg_namespace AS spaces ON spaces.oid = connamespace
            WHERE nspname = current_schema() AND conname::text = ANY($1)";
    let mut arguments = PgArguments::default();
    arguments.add(names).map_err(Error::Encode)?;
    session.rows(sql, arguments).await?.iter().map(|row| row.try_get(0)).collect()
}

/// The number of applied steps. Refuses a database with steps that are not ours.
async fn applied(session: &mut Session<'_>, migrations: &[Migration]) -> Result<usize, MigrationError> {
    if present(session, &["shop_migrations"]).await?.is_empty() {
        return Ok(0);
    }
    let sql = "SELECT version, name, checksum FROM shop_migrations ORDER BY version";
    let mut count = 0;
    for row in session.rows(sql, PgArguments::default()).await? {
        let (version, name, checksum): (i64, String, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let known = self::version(migrations.len());
        if version > known {
            return Err(OpenError::Newer { found: version, known }.into());
        }
        let ours = migrations.get(count).filter(|ours| number(count) == version && checksum == digest(ours.sql));
        if ours.is_none() {
            let what = format!("migration {version} ({name}) is not the one this program knows");
            return Err(OpenError::Tampered(what).into());
        }
        count += 1;
    }
    Ok(count)
}

/// Applies the next step, under the lock.
async fn step(session: &mut Session<'_>, migrations: &[Migration]) -> Result<(), MigrationError> {
    session.rows(LOCK, PgArguments::default()).await?;
    let count = applied(session, migrations).await?;
    let Some(migration) = migrations.get(count) else { return Ok(()) };
    if count == 0 {
        if let Some(name) = present(session, &objects(migration.sql)).await?.into_iter().next() {
            return Err(OpenError::NotAShop(name).into());
        }
        session.simple(LEDGER).await?;
    }
    session.simple(migration.sql).await?;
    if migration.name == ORDER_SEARCH {
        fill_search(session).await?;
    }
    let mut arguments = PgArguments::default();
    arguments.add(number(count)).map_err(Error::Encode)?;
    arguments.add(migration.name).map_err(Error::Encode)?;
    arguments.add(digest(migration.sql)).map_err(Error::Encode)?;
    session.execute("INSERT INTO shop_migrations (version, name, checksum) VALUES ($1, $2, $3)", arguments).await?;
    tracing::info!(migration = migration.name, "schema migrated");
    Ok(())
}

fn number(place: usize) -> i64 {
    version(place).saturating_add(1)
}

/// The version after this many steps.
fn version(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// SHA-256 of a step. Line endings are normalised, because a checkout may change them.
fn digest(sql: &str) -> Vec<u8> {
    Sha256::digest(sql.replace("\r\n", "\n").as_bytes()).to_vec()
}

/// The names of the tables, indexes and constraints that a step creates. The migrations name each of them.
fn objects(sql: &str) -> Vec<&str> {
    named(sql).into_iter().filter(|(dropped, _)| !dropped).map(|(_, name)| name).collect()
}

/// The names that a step creates or drops; `true` for dropped.
fn named(sql: &str) -> Vec<(bool, &str)> {
    let code = sql.lines().filter(|line| !line.trim_start().starts_with("--")).flat_map(str::split_whitespace);
    let words: Vec<&str> = std::iter::once("").chain(code).collect();
    let named = words.windows(3).filter_map(|words| match words {
        [before, "TABLE" | "INDEX" | "CONSTRAINT", name] => Some((*before == "DROP", name.trim_end_matches(';'))),
        _ => None,
    });
    named.collect()
}

/// The names that exist after all steps.
fn made(migrations: &[Migration]) -> Vec<&str> {
    let mut made = Vec::new();
    for (dropped, name) in migrations.iter().flat_map(|migration| named(migration.sql)) {
        if dropped {
            made.retain(|made| *made != name);
        } else {
            made.push(name);
        }
    }
    made
}

/// Checks that everything the migrations created still exists.
async fn compare(session: &mut Session<'_>, migrations: &[Migration]) -> Result<(), MigrationError> {
    let wanted = made(migrations);
    let found = present(session, &wanted).await?;
    match wanted.iter().find(|name| !found.iter().any(|found| found == *name)) {
        Some(missing) => Err(OpenError::Tampered(format!("{missing} is missing")).into()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;
    use crate::PostgresOptions;
    use crate::testing::{Cluster, execute, texts};

    #[test]
    fn what_a_later_step_drops_is_not_missed() {
        let third =
            Migration { name: "0003_three", sql: "-- DROP TABLE one\nDROP INDEX two_b;\nCREATE INDEX b ON one (a);" };
        let [first, second] = TWO else { panic!("two steps") };
        let steps = [first, second, &third].map(|step| Migration { name: step.name, sql: step.sql });
        assert_eq!(made(&steps), ["one", "one_a", "two", "b"]);
        assert_eq!(objects(third.sql), ["b"]);
    }

    const TWO: &[Migration] = &[
        Migration { name: "0001_one", sql: "CREATE TABLE one (a bigint CONSTRAINT one_a UNIQUE);" },
        Migration { name: "0002_two", sql: "CREATE TABLE two (b bigint);\nCREATE INDEX two_b ON two (b);" },
    ];

    fn database() -> String {
        Cluster::shared().unwrap().database().unwrap()
    }

    async fn run(url: &str, migrations: &[Migration]) -> Result<(), OpenError> {
        let pool = Arc::new(Pool::new(PostgresOptions::parse(url).unwrap(), tokio::runtime::Handle::current()));
        let mut lease = pool.acquire().await.unwrap();
        steps(&mut lease, migrations).await.map_err(|stop| match stop {
            MigrationError::Open(error) => error,
            MigrationError::Sql(error) => OpenError::Postgres(error),
        })
    }

    #[tokio::test]
    async fn steps_are_applied_once_and_in_order() {
        let url = database();
        for migrations in [&TWO[..1], TWO, TWO] {
            run(&url, migrations).await.unwrap();
        }
        let names = texts(&url, "SELECT name FROM shop_migrations ORDER BY version").unwrap();
        assert_eq!(names, ["0001_one", "0002_two"]);
    }

    #[tokio::test]
    async fn a_failing_step_leaves_nothing() {
        let url = database();
        let broken = [Migration { name: "0001_one", sql: "CREATE TABLE one (a bigint); CREATE TABLE;" }];
        assert!(matches!(run(&url, &broken).await, Err(OpenError::Postgres(_))));
        run(&url, TWO).await.unwrap();
    }

    #[tokio::test]
    async fn a_newer_database_is_refused() {
        let url = database();
        run(&url, TWO).await.unwrap();
        let error = run(&url, &TWO[..1]).await.unwrap_err();
        assert!(matches!(error, OpenError::Newer { found: 2, known: 1 }), "{error}");
        assert!(error.to_string().contains("use a newer release"), "{error}");
    }

    #[tokio::test]
    async fn a_changed_step_is_refused() {
        let url = database();
        run(&url, TWO).await.unwrap();
        execute(&url, "UPDATE shop_migrations SET checksum = '' WHERE version = 1").unwrap();
        assert!(matches!(run(&url, TWO).await, Err(OpenError::Tampered(_))));
    }

    #[tokio::test]
    async fn a_changed_schema_is_refused_and_additions_are_not() {
        let url = database();
        run(&url, TWO).await.unwrap();
        execute(&url, "CREATE TABLE mine (a bigint); CREATE INDEX mine_too ON one (a)").unwrap();
        run(&url, TWO).await.unwrap();
        execute(&url, "DROP INDEX two_b").unwrap();
        assert_eq!(
            run(&url, TWO).await.unwrap_err().to_string(),
            OpenError::Tampered("two_b is missing".into()).to_string()
        );
        execute(&url, "CREATE INDEX two_b ON two (b); ALTER TABLE one DROP CONSTRAINT one_a").unwrap();
        assert_eq!(
            run(&url, TWO).await.unwrap_err().to_string(),
            OpenError::Tampered("one_a is missing".into()).to_string()
        );
    }

    #[tokio::test]
    async fn somebody_elses_tables_are_not_touched() {
        let url = database();
        execute(&url, "CREATE TABLE two (theirs text)").unwrap();
        run(&url, &TWO[..1]).await.unwrap();
        // The second step fails on it.
        assert!(matches!(run(&url, TWO).await, Err(OpenError::Postgres(_))));
        let url = database();
        execute(&url, "CREATE TABLE one (theirs text)").unwrap();
        let error = run(&url, TWO).await.unwrap_err();
        assert!(matches!(&error, OpenError::NotAShop(name) if name == "one"), "{error}");
        assert_eq!(
            texts(&url, "SELECT count(*)::text FROM information_schema.tables WHERE table_schema = 'public'").unwrap(),
            ["1"]
        );
    }

    #[tokio::test]
    async fn a_database_of_another_encoding_is_refused() {
        let cluster = Cluster::shared().unwrap();
        let sql = "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0";
        execute(cluster.admin_url(), sql).unwrap();
        let error = run(&cluster.url_of("latin"), TWO).await.unwrap_err();
        assert!(matches!(&error, OpenError::Encoding(encoding) if encoding == "LATIN1"), "{error}");
        execute(cluster.admin_url(), "DROP DATABASE latin").unwrap();
    }

    /// A shop of an earlier release: the stored counts are computed from the existing rows.
    #[tokio::test]
    async fn lists_of_an_earlier_release_are_counted() {
        let url = database();
        let earlier = MIGRATIONS.iter().position(|migration| migration.name == "0018_list_counts").unwrap();
        run(&url, &MIGRATIONS[..earlier]).await.unwrap();
        execute(&url, crate::plans::ROWS).unwrap();
        run(&url, MIGRATIONS).await.unwrap();
        let pool = Arc::new(Pool::new(PostgresOptions::parse(&url).unwrap(), tokio::runtime::Handle::current()));
        let wrong = crate::list_counts::miscounted(&pool).await.unwrap();
        assert!(wrong.is_empty(), "{wrong:?}");
        let counts = "SELECT list || ' ' || (sum(total) > 1000)::text FROM list_counts GROUP BY list ORDER BY list";
        let lists = ["movements", "orders", "payments", "products", "products_of_category", "users"];
        assert_eq!(texts(&url, counts).unwrap(), lists.map(|list| format!("{list} true")));
        execute(&url, "UPDATE list_counts SET total = total + 1 WHERE list = 'users'").unwrap();
        execute(&url, "UPDATE listed_products SET in_stock = NOT in_stock").unwrap();
        let wrong = crate::list_counts::miscounted(&pool).await.unwrap();
        assert!(wrong.iter().any(|wrong| wrong.contains("users")), "{wrong:?}");
        assert!(wrong.iter().any(|wrong| wrong.contains("of product")), "{wrong:?}");
    }

    #[tokio::test]
    async fn the_history_of_prices_begins_with_those_of_an_earlier_release() {
        let url = database();
        let earlier = MIGRATIONS.iter().position(|migration| migration.name == "0027_price_history").unwrap();
        run(&url, &MIGRATIONS[..earlier]).await.unwrap();
        execute(&url, crate::plans::ROWS).unwrap();
        execute(&url, "UPDATE variants SET archived = true WHERE sku LIKE '%5s'").unwrap();
        run(&url, MIGRATIONS).await.unwrap();
        let wrong = "SELECT count(*)::text FROM variants JOIN products ON products.id = product_id
            LEFT JOIN price_history AS history ON history.variant_id = variants.id
            WHERE (history.version = products.version AND history.ends_at IS NULL AND history.currency = 'USD'
                AND history.starts_at = products.updated_at AND history.price IS NOT DISTINCT FROM
                    CASE WHEN status = 'active' AND NOT archived THEN variants.price END) IS NOT TRUE";
        assert_eq!(texts(&url, wrong).unwrap(), ["0"]);
        let some = "SELECT (count(price) BETWEEN 1 AND count(*) - 1)::text FROM price_history";
        assert_eq!(texts(&url, some).unwrap(), ["true"]);
    }

    #[tokio::test]
    async fn many_may_start_at_once() {
        for _ in 0..5 {
            let url = database();
            for start in join_all((0..4).map(|_| run(&url, TWO))).await {
                start.unwrap();
            }
        }
    }
}
