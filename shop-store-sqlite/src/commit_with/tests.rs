//! The host's and the shop's rows in one transaction: both or neither, whatever fails, with no effect on other work.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};

use shop_core::batch::{Conflict, Unique};
use shop_core::cart::CartRepository as _;
use shop_core::clock::DecisionContext;
use shop_core::id::CartId;
use shop_core::store::Store as _;

use super::*;
use crate::tests::{batch, context};
use crate::{OpenError, SqliteOptions};

type Sql<T = ()> = rusqlite::Result<T>;

/// A store in which the host has a table.
async fn store() -> SqliteStore {
    let store = SqliteStore::temporary().unwrap();
    store
        .transaction(|tables| tables.execute_batch("CREATE TABLE app_points (n INTEGER UNIQUE) STRICT"))
        .await
        .unwrap();
    store
}

/// Reads one number.
async fn number(store: &SqliteStore, query: &'static str) -> i64 {
    store.read(move |tables| tables.query_row(query, [], |row| row.get(0))).await.unwrap()
}

async fn points(store: &SqliteStore) -> i64 {
    number(store, "SELECT count(*) FROM app_points").await
}

async fn is_there(store: &SqliteStore, cart: CartId) -> bool {
    store.cart(cart).await.unwrap().is_some()
}

/// A closure that writes one host row.
fn point(n: i64) -> impl FnMut(&Connection) -> Sql<i64> + Send + 'static {
    move |tables| tables.execute("INSERT INTO app_points VALUES (?1)", [n]).map(|_| n)
}

#[tokio::test]
async fn both_are_written_or_none() {
    let store = store().await;
    let mut context = context(20);
    let (cart, first) = batch(&mut context);
    assert_eq!(store.commit_with(Arc::clone(&first), point(7)).await.unwrap(), 7);
    assert!(is_there(&store, cart).await);
    assert_eq!(points(&store).await, 1);

    // A guard of the batch refuses: the host's closure does not run.
    let again = store.commit_with(first, |_| -> Sql { panic!("it must not run") }).await;
    let in_already = |error: &_| matches!(error, CommitError::Conflict(Conflict::Exists(Unique::Operation)));
    assert!(matches!(&again, Err(CommitWithError::Commit(error)) if in_already(error)), "{again:?}");

    // The host refuses with its own error after it has written.
    let (cart, second) = batch(&mut context);
    let refused = store.commit_with(second, |tables| {
        point(8)(tables).map_err(|error| error.to_string())?;
        Err::<(), _>("no points today".to_owned())
    });
    assert!(matches!(refused.await, Err(CommitWithError::Host(words)) if words == "no points today"));
    assert!(!is_there(&store, cart).await);

    // A constraint of the host's.
    let (cart, third) = batch(&mut context);
    assert!(matches!(store.commit_with(third, point(7)).await, Err(CommitWithError::Host(_))));
    assert!(!is_there(&store, cart).await);
    assert_eq!(points(&store).await, 1);
}

#[tokio::test]
async fn the_host_sees_what_the_batch_wrote() {
    let store = store().await;
    let (cart, batch) = batch(&mut context(21));
    let seen = store.commit_with(batch, move |tables| {
        tables.query_row("SELECT count(*) FROM carts WHERE id = ?1", [cart.0.as_bytes()], |row| row.get::<_, i64>(0))
    });
    assert_eq!(seen.await.unwrap(), 1);
}

/// Submits a host's work between other batches in one group of the writer, and returns its result. The other batches
/// must succeed.
async fn with_host<T: fmt::Debug + Send + 'static>(
    store: &SqliteStore,
    context: &mut DecisionContext,
    host: impl FnMut(&Connection) -> Sql<T> + Send + 'static,
) -> (CartId, HostResult<T, rusqlite::Error>) {
    let (gate, wait) = std::sync::mpsc::channel::<()>();
    // Holds the writer until the others are queued.
    let hold = store.writer.submit(Box::new(move |_, _| {
        let _ = wait.recv();
        Ok(())
    }));
    let (before, before_batch) = batch(context);
    let (cart, host_batch) = batch(context);
    let (after, after_batch) = batch(context);
    let free = i64::from(context.below(1_000_000_000)) + 1_000;
    let open = async move { gate.send(()).unwrap() };
    let (holding, one, done, other, neighbour, ()) = tokio::join!(
        hold,
        store.commit(before_batch),
        store.commit_with(host_batch, host),
        store.commit(after_batch),
        store.transaction(point(free)),
        open
    );
    holding.unwrap();
    one.unwrap();
    other.unwrap();
    neighbour.unwrap();
    assert!(is_there(store, before).await && is_there(store, after).await);
    assert_eq!(is_there(store, cart).await, done.is_ok(), "{done:?}");
    (cart, done)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_fails_harms_nobody_else() {
    let store = store().await;
    let mut context = context(22);
    let refused = with_host(&store, &mut context, |_| Err::<(), _>(rusqlite::Error::InvalidQuery)).await.1;
    assert!(matches!(refused, Err(CommitWithError::Host(rusqlite::Error::InvalidQuery))), "{refused:?}");

    let panicked = with_host(&store, &mut context, |_| -> Sql { panic!("in the host's work") }).await.1;
    let is_fault = |error: &_| matches!(error, CommitError::Store(StoreError::Fault(_)));
    assert!(matches!(&panicked, Err(CommitWithError::Commit(error)) if is_fault(error)), "{panicked:?}");

    // SQLite itself rolls back the whole transaction.
    let lost = with_host(&store, &mut context, |tables| {
        tables.execute_batch("INSERT INTO app_points VALUES (1); INSERT OR ROLLBACK INTO app_points VALUES (1)")
    });
    assert!(matches!(lost.await.1, Err(CommitWithError::Host(_))));
    // The same, but the host swallows the error.
    let lost = with_host(&store, &mut context, |tables| {
        let _ =
            tables.execute_batch("INSERT INTO app_points VALUES (1); INSERT OR ROLLBACK INTO app_points VALUES (1)");
        Ok(())
    });
    assert!(matches!(lost.await.1, Err(CommitWithError::Commit(CommitError::Store(_)))));

    // A constraint that is checked only at the COMMIT that all of them share.
    let tables = "CREATE TABLE app_parents (n INTEGER PRIMARY KEY);
        CREATE TABLE app_children (n INTEGER REFERENCES app_parents DEFERRABLE INITIALLY DEFERRED)";
    store.transaction(move |host| host.execute_batch(tables)).await.unwrap();
    let orphan = |tables: &Connection| tables.execute_batch("INSERT INTO app_children VALUES (1)");
    let deferred = with_host(&store, &mut context, orphan).await.1;
    assert!(matches!(deferred, Err(CommitWithError::Commit(CommitError::Store(_)))), "{deferred:?}");

    // The host's own savepoints, one of them left open.
    let own = "SAVEPOINT mine; INSERT INTO app_points VALUES (2); ROLLBACK TO mine; SAVEPOINT again;
        INSERT INTO app_points VALUES (3)";
    with_host(&store, &mut context, move |tables| tables.execute_batch(own)).await.1.unwrap();
    let left = with_host(&store, &mut context, |tables| tables.execute_batch("ROLLBACK TO again")).await.1;
    assert!(matches!(left, Err(CommitWithError::Host(_))), "{left:?}");
    assert_eq!(number(&store, "SELECT sum(n) FROM app_points WHERE n < 10").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_hosts_is_refused() {
    let store = store().await;
    let mut context = context(23);
    for statement in [
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "ROLLBACK; BEGIN",
        "RELEASE shop_job",
        "ROLLBACK TO SHOP_JOB",
        "UPDATE stock_levels SET on_hand = 1000",
        "DELETE FROM orders",
        "INSERT INTO category_tree VALUES (1)",
        "DROP TABLE carts",
        "ALTER TABLE carts ADD COLUMN mine",
        "DROP INDEX orders_customer",
        "CREATE TRIGGER app_spy AFTER INSERT ON carts BEGIN DELETE FROM app_points; END",
        "CREATE TEMP TABLE carts (id)",
        "PRAGMA query_only = ON",
        "PRAGMA writable_schema = ON",
        "ATTACH ':memory:' AS other",
    ] {
        let (_, refused) = with_host(&store, &mut context, move |tables| tables.execute_batch(statement)).await;
        let Err(CommitWithError::Host(error)) = refused else { panic!("{statement}: {refused:?}") };
        assert!(error.to_string().contains("not authorized"), "{statement}: {error}");
    }
}

#[tokio::test]
async fn the_hosts_schema_is_the_hosts() {
    let directory = crate::file::TemporaryDirectory::new().unwrap();
    let path = directory.path().join("shop.sqlite3");
    let store = SqliteStore::open(&path).unwrap();
    let schema = "CREATE TABLE app_points (user BLOB NOT NULL REFERENCES users (id), n INTEGER NOT NULL) STRICT;
        ALTER TABLE app_points ADD COLUMN note TEXT;
        CREATE INDEX app_points_of ON app_points (user);
        CREATE VIEW app_sums AS SELECT user, sum(n) FROM app_points GROUP BY user;
        CREATE TABLE app_log (n INTEGER) STRICT;
        CREATE TRIGGER app_points_log AFTER INSERT ON app_points BEGIN INSERT INTO app_log VALUES (new.n); END;
        CREATE VIRTUAL TABLE app_notes USING fts5 (note);
        CREATE TABLE app_old (n INTEGER); DROP TABLE app_old;
        PRAGMA user_version = 3";
    store.transaction(move |tables| tables.execute_batch(schema)).await.unwrap();
    // The shop keeps working, and a row without a parent is refused.
    let (cart, batch) = batch(&mut context(24));
    store.commit(batch).await.unwrap();
    let orphan = "INSERT INTO app_points (user, n) VALUES (x'00', 1)";
    let refused = store.transaction(move |tables| tables.execute(orphan, [])).await.unwrap_err();
    assert!(refused.to_string().contains("FOREIGN KEY constraint failed"), "{refused}");
    drop(store);
    let store = SqliteOptions::new(&path).server(true).open().unwrap();
    assert!(is_there(&store, cart).await);
    assert_eq!(number(&store, "PRAGMA user_version").await, 3);
    assert_eq!(store.integrity_check().await.unwrap(), Vec::<String>::new());
}

#[test]
fn the_shop_comes_first() {
    let directory = crate::file::TemporaryDirectory::new().unwrap();
    let path = directory.path().join("shop.sqlite3");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE app_points (n INTEGER)").unwrap();
    assert!(matches!(SqliteStore::open(&path), Err(OpenError::NotAShop(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_again_counts_once() {
    let store = store().await;
    let mut context = context(25);
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let host = move |tables: &Connection| {
        let run = counted.fetch_add(1, Ordering::Relaxed);
        tables.execute("INSERT INTO app_points VALUES (-1)", [])?;
        if run == 0 {
            // The first time, the transaction is lost, including the other batches.
            let _ = tables.execute("INSERT OR ROLLBACK INTO app_points VALUES (-1)", []);
        }
        Ok(run)
    };
    assert_eq!(with_host(&store, &mut context, host).await.1.unwrap(), 1);
    assert_eq!(runs.load(Ordering::Relaxed), 2);
    assert_eq!(number(&store, "SELECT count(*) FROM app_points WHERE n = -1").await, 1);
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_is_done_whole() {
    let store = store().await;
    let (cart, batch) = batch(&mut context(26));
    let mut waiting = Box::pin(store.commit_with(batch, point(1)));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    // Poll once, so that the work is queued.
    let _ = waiting.as_mut().poll(&mut context);
    drop(waiting);
    store.transaction(|_| Sql::Ok(())).await.unwrap();
    assert!(is_there(&store, cart).await);
    assert_eq!(points(&store).await, 1);
}

/// A store whose next COMMITs report a failure although they succeed; the number says how many.
fn stuttering() -> (SqliteStore, Arc<AtomicU32>) {
    let directory = crate::file::TemporaryDirectory::new().unwrap();
    let path = directory.path().join("shop.sqlite3");
    drop(SqliteStore::open(&path).unwrap());
    let access = crate::connection::Access {
        busy_timeout: std::time::Duration::from_secs(5),
        log: crate::connection::LogUpkeep::Own,
    };
    let mut connection = crate::connection::open_writer(&path, access, false).unwrap();
    let failures = Arc::new(AtomicU32::new(0));
    let left = Arc::clone(&failures);
    // Called after a commit; COMMIT returns this hook's result (sqlite.org/c3ref/wal_hook.html).
    let hook = move |_: &mut rusqlite::hooks::Wal, _| {
        let failed = left.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        if failed { Err(rusqlite::Error::InvalidQuery) } else { Ok(()) }
    };
    connection.wal_hook(Some(hook)).unwrap();
    let checkpointer = crate::checkpoint::Checkpointer::start(rusqlite::Connection::open(&path).unwrap()).unwrap();
    let store = SqliteStore {
        memo: Arc::default(),
        readers: crate::readers::Readers::open(&path, access, None).unwrap(),
        writer: crate::writer::Writer::start(connection, Some(checkpointer), crate::authorizer::Tables::new()).unwrap(),
        path,
        access,
        _lock: None,
        _directory: Some(directory),
    };
    (store, failures)
}

#[tokio::test]
async fn an_unknown_outcome_is_settled_by_submitting_again() {
    use shop_core::prepare::{Next, Retries};
    let (store, failures) = stuttering();
    let schema = "CREATE TABLE app_points (n INTEGER UNIQUE) STRICT";
    store.transaction(move |tables| tables.execute_batch(schema)).await.unwrap();
    let (cart, batch) = batch(&mut context(27));
    failures.store(1, Ordering::Relaxed);
    let Err(CommitWithError::Commit(unknown)) = store.commit_with(Arc::clone(&batch), point(1)).await else {
        panic!("the disk failed")
    };
    assert!(matches!(unknown, CommitError::OutcomeUnknown(_)), "{unknown:?}");
    let mut retries = Retries::default();
    assert_eq!(retries.after(unknown).unwrap(), Next::Submit);
    let Err(CommitWithError::Commit(again)) = store.commit_with(batch, point(1)).await else { panic!("it was in") };
    assert_eq!(retries.after(again).unwrap(), Next::Done);
    assert!(is_there(&store, cart).await);
    assert_eq!(points(&store).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_outcome_was_unknown_happens_once() {
    let (store, failures) = stuttering();
    let store = Arc::new(store);
    let shop = shop_core::Shop::builder(Arc::clone(&store) as _, &[7; 32]).open().await.unwrap();
    for expected in 1..=3 {
        failures.store(2, Ordering::Relaxed);
        shop.carts().create(&shop_core::Actor::anonymous()).await.unwrap();
        assert_eq!(number(&store, "SELECT count(*) FROM carts").await, expected);
        failures.store(0, Ordering::Relaxed);
    }
}
