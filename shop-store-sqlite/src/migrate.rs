//! The schema: numbered migrations, each applied once, in its own transaction, with a checksum.
//!
//! A file is refused, with an explanation, if it belongs to another program, if a newer release wrote it, or if its
//! schema differs from what the migrations create. Tables, indexes and views that an embedding program adds are
//! ignored; no migration creates a name that begins with `app_`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use sha2::{Digest, Sha256};
use shop_core::transfer::PROGRESS_TABLE;

use crate::authorizer::Tables;
use crate::error::OpenError;
use crate::orders::fill_search;

/// One step of the schema. A released step never changes; a further change is a new step.
struct Migration {
    name: &'static str,
    sql: &'static str,
}

/// All steps in order. The version of a step is its position, from 1.
const MIGRATIONS: &[Migration] = &[
    Migration { name: "0001_shop", sql: include_str!("../migrations/0001_shop.sql") },
    Migration { name: "0002_pricing", sql: include_str!("../migrations/0002_pricing.sql") },
    Migration { name: "0003_webhooks", sql: include_str!("../migrations/0003_webhooks.sql") },
    Migration { name: "0004_returns", sql: include_str!("../migrations/0004_returns.sql") },
    Migration { name: "0005_gateways", sql: include_str!("../migrations/0005_gateways.sql") },
    Migration { name: "0006_drafts", sql: include_str!("../migrations/0006_drafts.sql") },
    Migration { name: "0007_given_up", sql: include_str!("../migrations/0007_given_up.sql") },
    Migration { name: "0008_order_changes", sql: include_str!("../migrations/0008_order_changes.sql") },
    Migration { name: "0009_mismatches", sql: include_str!("../migrations/0009_mismatches.sql") },
    Migration { name: "0010_reservations", sql: include_str!("../migrations/0010_reservations.sql") },
    Migration {
        name: "0011_reservations_of_a_variant",
        sql: include_str!("../migrations/0011_reservations_of_a_variant.sql"),
    },
    Migration { name: "0012_fewer_pages", sql: include_str!("../migrations/0012_fewer_pages.sql") },
    Migration { name: "0013_taxes_of_lines", sql: include_str!("../migrations/0013_taxes_of_lines.sql") },
    Migration { name: "0014_order_ends", sql: include_str!("../migrations/0014_order_ends.sql") },
    Migration { name: "0015_backorders", sql: include_str!("../migrations/0015_backorders.sql") },
    Migration { name: ORDER_SEARCH, sql: include_str!("../migrations/0016_order_search.sql") },
    Migration { name: "0017_tracking_keys", sql: include_str!("../migrations/0017_tracking_keys.sql") },
    Migration { name: "0018_buyers", sql: include_str!("../migrations/0018_buyers.sql") },
    Migration { name: "0019_list_counts", sql: include_str!("../migrations/0019_list_counts.sql") },
    Migration { name: "0020_listed_products", sql: include_str!("../migrations/0020_listed_products.sql") },
    Migration { name: "0021_carts_of_guests", sql: include_str!("../migrations/0021_carts_of_guests.sql") },
    Migration { name: "0022_key_fingerprint", sql: include_str!("../migrations/0022_key_fingerprint.sql") },
    Migration { name: "0023_session_rotations", sql: include_str!("../migrations/0023_session_rotations.sql") },
    Migration { name: "0024_registrations", sql: include_str!("../migrations/0024_registrations.sql") },
    Migration { name: "0025_claimed_orders", sql: include_str!("../migrations/0025_claimed_orders.sql") },
    Migration { name: "0026_withdrawals", sql: include_str!("../migrations/0026_withdrawals.sql") },
    Migration { name: "0027_shop_details", sql: include_str!("../migrations/0027_shop_details.sql") },
    Migration { name: "0028_price_history", sql: include_str!("../migrations/0028_price_history.sql") },
    Migration { name: "0029_lists_of_deliveries", sql: include_str!("../migrations/0029_lists_of_deliveries.sql") },
    Migration { name: "0030_uses_by_customer", sql: include_str!("../migrations/0030_uses_by_customer.sql") },
];

/// The step after which [`fill_search`] runs.
const ORDER_SEARCH: &str = "0016_order_search";

/// Marks the file as a shop's (`PRAGMA application_id`): "SHOP" in ASCII.
pub(crate) const APPLICATION: i64 = 0x5348_4f50;

const LEDGER: &str = "CREATE TABLE schema_migrations (
    version INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    checksum BLOB NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT";

/// Why a migration stopped.
enum MigrationError {
    Sqlite(rusqlite::Error),
    Open(OpenError),
}

impl From<rusqlite::Error> for MigrationError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<OpenError> for MigrationError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

/// Brings the file's schema up to date and returns the names of the shop's tables and indexes. Safe if several
/// processes do it at once: each step checks again under the write lock.
pub(crate) fn migrate(connection: &Connection, path: &Path) -> Result<Tables, OpenError> {
    steps(connection, path, MIGRATIONS).map_err(|error| open_error(path, error))
}

/// The number of steps applied to a file, and the number of known steps. Changes nothing. If all steps are applied,
/// this also verifies that the schema is what they create.
pub(crate) fn schema_state(connection: &Connection, path: &Path) -> Result<(i64, i64), OpenError> {
    let read = || {
        recognise(connection, path)?;
        let count = applied(connection, path, MIGRATIONS)?;
        if count == MIGRATIONS.len() {
            compare(connection, path, MIGRATIONS)?;
        }
        Ok((version(count), version(MIGRATIONS.len())))
    };
    read().map_err(|error| open_error(path, error))
}

/// An in-memory database with the tables, indexes and initial rows of an empty shop.
pub(crate) fn empty_shop() -> rusqlite::Result<Connection> {
    fresh(MIGRATIONS)
}

fn open_error(path: &Path, error: MigrationError) -> OpenError {
    match error {
        MigrationError::Open(error) => error,
        MigrationError::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            OpenError::NotADatabase(path.to_owned())
        }
        MigrationError::Sqlite(source) => OpenError::Sqlite { path: path.to_owned(), source },
    }
}

fn steps(connection: &Connection, path: &Path, migrations: &[Migration]) -> Result<Tables, MigrationError> {
    recognise(connection, path)?;
    use_wal(connection)?;
    while applied(connection, path, migrations)? < migrations.len() {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let done = step(connection, path, migrations);
        connection.execute_batch(if done.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
        done?;
    }
    let tables = compare(connection, path, migrations)?;
    if is_there(connection, PROGRESS_TABLE)? {
        return Err(OpenError::Unfinished(path.to_owned()).into());
    }
    Ok(tables)
}

/// Refuses a file with other contents before changing anything in it.
fn recognise(connection: &Connection, path: &Path) -> Result<(), MigrationError> {
    // In one snapshot: another process may be creating the schema right now.
    let snapshot = connection.unchecked_transaction()?;
    let tables: i64 = snapshot.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let application: i64 = snapshot.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let is_ours = is_there(&snapshot, "schema_migrations")? && is_first_step(&snapshot)?;
    snapshot.finish()?;
    match application {
        APPLICATION => Ok(()),
        0 if tables == 0 => Ok(()),
        0 if is_ours => Err(OpenError::Unmarked(path.to_owned()).into()),
        _ => Err(OpenError::NotAShop(path.to_owned()).into()),
    }
}

/// Whether the first migration of the file is the first migration of every shop. Other programs have tables of this
/// name too.
fn is_first_step(connection: &Connection) -> Result<bool, MigrationError> {
    let columns: i64 = connection.query_row(
        "SELECT count(*) FROM pragma_table_info('schema_migrations') WHERE name IN ('version', 'name', 'checksum')",
        [],
        |row| row.get(0),
    )?;
    if columns < 3 {
        return Ok(false);
    }
    let sql = "SELECT name, checksum FROM schema_migrations WHERE version = 1";
    let first = connection.query_row(sql, [], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?)));
    let ours = MIGRATIONS.first().map(|ours| (ours.name.to_owned(), digest(ours.sql)));
    match first {
        Ok(first) => Ok(Some(first) == ours),
        // No such row, or one with other types.
        Err(rusqlite::Error::QueryReturnedNoRows | rusqlite::Error::InvalidColumnType(..)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Turns on WAL mode. Two processes may do this at once, and SQLite does not wait in that case.
fn use_wal(connection: &Connection) -> Result<(), MigrationError> {
    let mut tries = 0;
    loop {
        match connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0)) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && tries < 100 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            Ok(mode) if mode != "wal" => {
                // A file system without shared memory.
                return Err(rusqlite::Error::InvalidColumnName(format!("journal_mode is {mode}, not wal")).into());
            }
            done => return Ok(done.map(|_| ())?),
        }
    }
}

/// The number of applied steps. Refuses a file with steps that are not ours.
fn applied(connection: &Connection, path: &Path, migrations: &[Migration]) -> Result<usize, MigrationError> {
    if !is_there(connection, "schema_migrations")? {
        return Ok(0);
    }
    let mut statement = connection.prepare("SELECT version, name, checksum FROM schema_migrations ORDER BY version")?;
    let mut rows = statement.query([])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let (version, name, checksum): (i64, String, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let known = self::version(migrations.len());
        if version > known {
            return Err(OpenError::Newer { path: path.to_owned(), found: version, known }.into());
        }
        let ours = migrations.get(count).filter(|ours| number(count) == version && checksum == digest(ours.sql));
        if ours.is_none() {
            let what = format!("migration {version} ({name}) is not the one this program knows");
            return Err(OpenError::Tampered { path: path.to_owned(), what }.into());
        }
        count += 1;
    }
    Ok(count)
}

/// Whether a table of this name exists.
pub(crate) fn is_there(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    Ok(connection.query_row(sql, [table], |_| Ok(())).optional()?.is_some())
}

/// Applies the next step, under the write lock.
fn step(connection: &Connection, path: &Path, migrations: &[Migration]) -> Result<(), MigrationError> {
    let count = applied(connection, path, migrations)?;
    let Some(migration) = migrations.get(count) else { return Ok(()) };
    if count == 0 {
        connection.execute_batch(LEDGER)?;
        connection.execute_batch(&format!("PRAGMA application_id = {APPLICATION}"))?;
    }
    connection.execute_batch(migration.sql)?;
    if migration.name == ORDER_SEARCH {
        fill_search(connection)?;
    }
    connection.execute(
        "INSERT INTO schema_migrations (version, name, checksum, applied_at)
            VALUES (?1, ?2, ?3, CAST(unixepoch('subsec') * 1000000 AS INTEGER))",
        params![number(count), migration.name, digest(migration.sql)],
    )?;
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

/// Compares the schema with what the migrations create in an empty database, and returns the names in it.
fn compare(connection: &Connection, path: &Path, migrations: &[Migration]) -> Result<Tables, MigrationError> {
    let found = objects(connection)?;
    let ours = objects(&fresh(migrations)?)?;
    for (name, wanted) in &ours {
        let what = match found.get(name) {
            None => format!("{name} is missing"),
            Some(sql) if sql != wanted => format!("{name} is different"),
            Some(_) => continue,
        };
        return Err(OpenError::Tampered { path: path.to_owned(), what }.into());
    }
    Ok(ours.into_keys().filter_map(|key| Some(key.split_once(' ')?.1.to_owned())).collect())
}

fn fresh(migrations: &[Migration]) -> rusqlite::Result<Connection> {
    let fresh = Connection::open_in_memory()?;
    fresh.execute_batch(LEDGER)?;
    for migration in migrations {
        fresh.execute_batch(migration.sql)?;
    }
    Ok(fresh)
}

fn objects(connection: &Connection) -> rusqlite::Result<BTreeMap<String, String>> {
    let mut statement = connection.prepare("SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_schema")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[Migration] = &[
        Migration { name: "0001_one", sql: "CREATE TABLE one (a INTEGER) STRICT;" },
        Migration { name: "0002_two", sql: "CREATE TABLE two (b INTEGER) STRICT; CREATE INDEX two_b ON two (b);" },
    ];

    fn file() -> (crate::file::TemporaryDirectory, std::path::PathBuf) {
        let directory = crate::file::TemporaryDirectory::new().unwrap();
        let path = directory.path().join("shop.sqlite3");
        (directory, path)
    }

    fn run(path: &Path, migrations: &[Migration]) -> Result<Tables, OpenError> {
        let connection = Connection::open(path).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        steps(&connection, path, migrations).map_err(|stop| match stop {
            MigrationError::Open(error) => error,
            MigrationError::Sqlite(source) => OpenError::Sqlite { path: path.to_owned(), source },
        })
    }

    #[test]
    fn steps_are_applied_once_and_in_order() {
        let (_directory, path) = file();
        run(&path, &TWO[..1]).unwrap();
        run(&path, TWO).unwrap();
        run(&path, TWO).unwrap();
        let connection = Connection::open(&path).unwrap();
        let count: i64 = connection.query_row("SELECT count(*) FROM schema_migrations", [], |row| row.get(0)).unwrap();
        assert_eq!(count, 2);
        connection.execute_batch("INSERT INTO two (b) VALUES (1)").unwrap();
    }

    #[test]
    fn a_failing_step_leaves_nothing() {
        let (_directory, path) = file();
        let broken = [Migration { name: "0001_one", sql: "CREATE TABLE one (a INTEGER) STRICT; CREATE TABLE;" }];
        assert!(run(&path, &broken).is_err());
        run(&path, TWO).unwrap();
    }

    #[test]
    fn a_newer_file_is_refused() {
        let (_directory, path) = file();
        run(&path, TWO).unwrap();
        let error = run(&path, &TWO[..1]).unwrap_err();
        assert!(matches!(error, OpenError::Newer { found: 2, known: 1, .. }), "{error}");
        assert!(error.to_string().contains("use a newer release"), "{error}");
    }

    #[test]
    fn a_changed_step_is_refused() {
        let (_directory, path) = file();
        run(&path, TWO).unwrap();
        let connection = Connection::open(&path).unwrap();
        connection.execute("UPDATE schema_migrations SET checksum = x'00' WHERE version = 1", []).unwrap();
        assert!(matches!(run(&path, TWO), Err(OpenError::Tampered { .. })));
    }

    #[test]
    fn a_changed_schema_is_refused_and_additions_are_not() {
        let (_directory, path) = file();
        run(&path, TWO).unwrap();
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("CREATE TABLE mine (a); CREATE INDEX mine_too ON one (a);").unwrap();
        run(&path, TWO).unwrap();
        connection.execute_batch("DROP INDEX two_b").unwrap();
        let error = run(&path, TWO).unwrap_err();
        assert!(error.to_string().contains("index two_b is missing"), "{error}");
        connection.execute_batch("CREATE INDEX two_b ON two (b, b + 1)").unwrap();
        let error = run(&path, TWO).unwrap_err();
        assert!(error.to_string().contains("index two_b is different"), "{error}");
    }

    /// A shop of an earlier release: the stored counts are computed from the existing rows.
    #[test]
    fn lists_of_an_earlier_release_are_counted() {
        let (_directory, path) = file();
        let earlier = MIGRATIONS.iter().position(|migration| migration.name == "0019_list_counts").unwrap();
        run(&path, &MIGRATIONS[..earlier]).unwrap();
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(
                "INSERT INTO locations VALUES (x'0000000000000000000000000000000a', 'l', 'l', NULL, 1, 1, 1, 1);
                WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 60)
                INSERT INTO products (id, slug, name, description, status, category_id, currency, options, images, attributes,
                    created_at, updated_at, version, name_key, price)
                SELECT randomblob(16), 'p' || n, 'p', '', iif(n % 3, 'active', 'draft'),
                    iif(n % 2, x'0000000000000000000000000000000b', NULL), 'USD', '[]', '[]', '{}', n, n, 1, 'p', n FROM n;
                INSERT INTO variants (product_id, id, position, sku, price, options, weight_grams, tax_class, archived)
                SELECT id, randomblob(16), 0, slug, 1, '{}', 1, '', price % 5 = 0 FROM products;
                INSERT INTO stock_levels (variant_id, product_id, sku, location_id, on_hand, reserved, low_stock_threshold,
                    tracked, backorder)
                SELECT id, product_id, sku, x'0000000000000000000000000000000a', 1, length(sku) % 2, 1, 1, 0 FROM variants;
                INSERT INTO movements SELECT randomblob(16), variant_id, sku, location_id, 1, 'received', '', NULL, 1 FROM stock_levels;
                INSERT INTO users SELECT randomblob(16), slug, slug, NULL, NULL, '', '', '', '', 1, price % 2, price % 9 = 0, 0, 1, 1,
                    NULL, 1, slug FROM products;
                INSERT INTO orders (id, number, cart_id, email, email_key, currency, subtotal, discount_total, shipping_total,
                    shipping_tax, tax_total, total, amount_paid, amount_refunded, shipping_address, billing_address,
                    shipping_method, status, payment_status, fulfillment_status, note, placed_at, version)
                SELECT randomblob(16), slug, randomblob(16), '', '', 'USD', 1, 0, 0, 0, 0, 1, 0, 0, '{}', '{}', '{}',
                    iif(price % 2, 'placed', 'completed'), iif(price % 3, 'not_paid', 'paid'), 'unfulfilled', '', 1, 1 FROM products;
                INSERT INTO payments (id, order_id, gateway, amount, currency, state, amount_authorized, amount_captured,
                    amount_refunded, created_at, updated_at, version)
                SELECT randomblob(16), id, 'manual', 1, 'USD', iif(status = 'placed', 'pending', 'voided'), 0, 0, 0, 1, 1, 1 FROM orders;",
            )
            .unwrap();
        run(&path, MIGRATIONS).unwrap();
        assert_eq!(crate::list_counts::miscounted(&connection).unwrap(), Vec::<String>::new());
        let mut statement = connection.prepare("SELECT list, sum(total) FROM list_counts GROUP BY list").unwrap();
        let counts = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        let counts: BTreeMap<String, i64> = counts.unwrap().collect::<rusqlite::Result<_>>().unwrap();
        let wanted = [
            ("movements", 60),
            ("orders", 60),
            ("payments", 60),
            ("products", 60),
            ("products_of_category", 30),
            ("users", 60),
        ];
        assert_eq!(counts, wanted.map(|(list, count)| (list.to_owned(), count)).into());
        connection.execute_batch("UPDATE list_counts SET total = total + 1 WHERE list = 'users'").unwrap();
        connection.execute_batch("UPDATE listed_products SET in_stock = 1 - in_stock").unwrap();
        let wrong = crate::list_counts::miscounted(&connection).unwrap();
        assert!(wrong.iter().any(|wrong| wrong.contains("users")), "{wrong:?}");
        assert!(wrong.iter().any(|wrong| wrong.contains("of product")), "{wrong:?}");
    }

    #[test]
    fn the_history_of_prices_begins_with_those_of_an_earlier_release() {
        let (_directory, path) = file();
        let earlier = MIGRATIONS.iter().position(|migration| migration.name == "0028_price_history").unwrap();
        run(&path, &MIGRATIONS[..earlier]).unwrap();
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(
                "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 60)
                INSERT INTO products (id, slug, name, description, status, currency, options, images, attributes,
                    created_at, updated_at, version, name_key, price)
                SELECT randomblob(16), 'p' || n, 'p', '', iif(n % 3, 'active', 'draft'), 'USD', '[]', '[]', '{}',
                    n, n + 1, n, 'p', n FROM n;
                INSERT INTO variants (product_id, id, position, sku, price, options, weight_grams, tax_class, archived)
                SELECT id, randomblob(16), 0, slug, price, '{}', 1, '', price % 5 = 0 FROM products;",
            )
            .unwrap();
        run(&path, MIGRATIONS).unwrap();
        let right = "SELECT count(*), count(history.price) FROM variants JOIN products ON products.id = product_id
            JOIN price_history AS history ON history.variant_id = variants.id
            WHERE history.version = products.version AND history.ends_at IS NULL AND history.currency = 'USD'
                AND history.starts_at = products.updated_at AND history.price IS
                    iif(status = 'active' AND archived = 0, variants.price, NULL)";
        let counts: (i64, i64) = connection.query_row(right, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        // A third are drafts; a fifth of the others are archived.
        assert_eq!(counts, (60, 32));
    }

    #[test]
    fn the_hosts_names_are_the_hosts() {
        let (_directory, path) = file();
        let ours = run(&path, MIGRATIONS).unwrap();
        assert!(ours.contains("orders") && ours.contains("schema_migrations"));
        let theirs: Vec<_> = ours.iter().filter(|name| name.to_ascii_lowercase().starts_with("app_")).collect();
        assert!(theirs.is_empty(), "{theirs:?}");
        // The host may keep its own version in `user_version`.
        let connection = Connection::open(&path).unwrap();
        let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        assert_eq!(version, 0);
    }

    #[test]
    fn a_foreign_file_is_refused_and_stays_as_it_was() {
        let (_directory, path) = file();
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
        let before = std::fs::read(&path).unwrap();
        assert!(matches!(run(&path, TWO), Err(OpenError::NotAShop(_))));
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn a_file_that_lost_its_mark_is_told_how_to_get_it_back() {
        let (_directory, path) = file();
        run(&path, MIGRATIONS).unwrap();
        Connection::open(&path).unwrap().execute_batch("PRAGMA application_id = 0").unwrap();
        let error = run(&path, MIGRATIONS).unwrap_err();
        assert!(matches!(error, OpenError::Unmarked(_)), "{error}");
        let remedy = format!("PRAGMA application_id = {APPLICATION}");
        assert!(error.to_string().contains(&remedy), "{error}");
        Connection::open(&path).unwrap().execute_batch(&remedy).unwrap();
        run(&path, MIGRATIONS).unwrap();

        // Another program's file is refused, whatever mark it has.
        for theirs in [
            "CREATE TABLE schema_migrations (version TEXT)",
            "CREATE TABLE schema_migrations (version INTEGER, name TEXT, checksum TEXT);
            INSERT INTO schema_migrations VALUES (1, '0001_shop', 'theirs')",
        ] {
            let (_directory, path) = file();
            Connection::open(&path).unwrap().execute_batch(theirs).unwrap();
            assert!(matches!(run(&path, MIGRATIONS), Err(OpenError::NotAShop(_))), "{theirs}");
        }
    }

    #[test]
    fn many_may_start_at_once() {
        for _ in 0..5 {
            let (_directory, path) = file();
            std::thread::scope(|scope| {
                let starts: Vec<_> = (0..4).map(|_| scope.spawn(|| run(&path, TWO))).collect();
                for start in starts {
                    start.join().unwrap().unwrap();
                }
            });
        }
    }
}
