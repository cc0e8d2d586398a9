//! Tests beyond the conformance suite: failures of the writer, the file, the backup.

use std::sync::Arc;

use shop_core::batch::{Batch, Change, Conflict, RowWrite, Unique};
use shop_core::cart::{Cart, CartRepository as _, CartStatus};
use shop_core::clock::{DecisionContext, Timestamp};
use shop_core::money::Currency;
use shop_core::orders::{OrderFilter, OrdersRepository as _};
use shop_core::page::PageRequest;
use shop_core::payments::{PaymentFilter, PaymentsRepository as _};
use shop_core::shipping::Zone;
use shop_core::store::{CommitError, Store as _, StoreError};

use crate::commit::ApplyError;
use crate::{BackupError, OpenError, SqliteOptions, SqliteStore};

pub(crate) fn context(seed: u8) -> DecisionContext {
    DecisionContext::new(Timestamp::from_timestamp_micros(1_800_000_000_000_000).unwrap(), [seed; 32])
}

pub(crate) fn cart(context: &mut DecisionContext) -> RowWrite {
    let now = context.now();
    RowWrite::Cart(Change::Insert(Cart {
        id: context.id(),
        customer_id: None,
        currency: Currency::USD,
        status: CartStatus::Open,
        items: Vec::new(),
        coupons: Vec::new(),
        created_at: now,
        updated_at: now,
        version: 1,
    }))
}

pub(crate) fn batch(context: &mut DecisionContext) -> (shop_core::id::CartId, Arc<Batch>) {
    let mut batch = Batch::new(context);
    let write = cart(context);
    let RowWrite::Cart(Change::Insert(row)) = &write else { unreachable!() };
    let id = row.id;
    batch.write(write);
    (id, Arc::new(batch))
}

/// A batch that needs a lot of space.
fn large_batch(context: &mut DecisionContext) -> (shop_core::id::OperationId, Arc<Batch>) {
    let mut batch = Batch::new(context);
    for _ in 0..200 {
        batch.event(context, shop_core::outbox::EventKind::StockLow, uuid::Uuid::nil(), "x".repeat(2_000).into());
    }
    (batch.operation, Arc::new(batch))
}

fn count(store: &SqliteStore, table: &str) -> i64 {
    let connection = rusqlite::Connection::open(store.path()).unwrap();
    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

/// Checks that the checkpointer acts long before the writer would have to.
#[tokio::test]
async fn the_log_is_moved_while_work_comes_in() {
    let store = SqliteStore::temporary().unwrap();
    let connection = rusqlite::Connection::open(store.path()).unwrap();
    let mut context = context(12);
    let look = || -> (i64, i64) {
        let look = "PRAGMA wal_checkpoint(NOOP)";
        connection.query_row(look, [], |row| Ok((row.get(1)?, row.get(2)?))).unwrap()
    };
    while look().0 < 8_000 && look().1 == 0 {
        store.commit(large_batch(&mut context).1).await.unwrap();
    }
    let late = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while look().1 == 0 {
        assert!(std::time::Instant::now() < late, "nobody moved the log");
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn the_same_batch_happens_once() {
    let store = SqliteStore::temporary().unwrap();
    let (id, batch) = batch(&mut context(1));
    store.commit(Arc::clone(&batch)).await.unwrap();
    let again = store.commit(batch).await;
    assert!(matches!(again, Err(CommitError::Conflict(Conflict::Exists(Unique::Operation)))));
    assert!(store.cart(id).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_refuses_only_the_culprit() {
    let store = Arc::new(SqliteStore::temporary().unwrap());
    let mut context = context(2);
    let (_, first) = batch(&mut context);
    store.commit(Arc::clone(&first)).await.unwrap();
    let batches: Vec<_> = (0..300)
        .map(|place| {
            if place % 10 == 0 {
                (None, Arc::clone(&first))
            } else {
                let (id, batch) = batch(&mut context);
                (Some(id), batch)
            }
        })
        .collect();
    let tasks: Vec<_> = batches
        .into_iter()
        .map(|(id, batch)| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { (id, store.commit(batch).await) })
        })
        .collect();
    for task in tasks {
        let (id, done) = task.await.unwrap();
        match id {
            Some(id) => {
                done.unwrap();
                assert!(store.cart(id).await.unwrap().is_some());
            }
            None => assert!(matches!(done, Err(CommitError::Conflict(_)))),
        }
    }
}

#[tokio::test]
async fn a_panic_is_an_error_and_the_next_batch_is_fine() {
    let store = SqliteStore::temporary().unwrap();
    let (id, lost) = batch(&mut context(3));
    let lost = crate::encoded::EncodedBatch::new(lost);
    let done = store
        .writer
        .submit(Box::new(move |connection, tally| {
            crate::commit::apply(connection, tally, &lost)?;
            panic!("in the midst of a batch")
        }))
        .await;
    assert!(matches!(done, Err(CommitError::Store(StoreError::Fault(_)))), "{done:?}");
    assert_eq!(store.cart(id).await.unwrap(), None);
    let (id, batch) = batch(&mut context(4));
    store.commit(batch).await.unwrap();
    assert!(store.cart(id).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_transaction_is_replayed_without_the_culprit() {
    let store = SqliteStore::temporary().unwrap();
    let mut context = context(5);
    let (gate, wait) = std::sync::mpsc::channel::<()>();
    // Holds the writer until the others are queued, so that they share its next group.
    let hold = store.writer.submit(Box::new(move |_, _| {
        let _ = wait.recv();
        Ok(())
    }));
    let (first, first_batch) = batch(&mut context);
    let (second, second_batch) = batch(&mut context);
    // What SQLite does by itself when a disk fails: the whole transaction is gone.
    let culprit = store.writer.submit(Box::new(|connection, _| {
        connection.execute_batch("ROLLBACK")?;
        Err(ApplyError::Sql(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR),
            None,
        )))
    }));
    let open = async move { gate.send(()).unwrap() };
    let (holding, one, lost, other, ()) =
        tokio::join!(hold, store.commit(first_batch), culprit, store.commit(second_batch), open);
    holding.unwrap();
    one.unwrap();
    other.unwrap();
    assert!(matches!(lost, Err(CommitError::Store(StoreError::Unavailable(_)))), "{lost:?}");
    assert!(store.cart(first).await.unwrap().is_some());
    assert!(store.cart(second).await.unwrap().is_some());
}

/// The number of transactions in the log: the last frame of each contains the size of the database, the others 0
/// (sqlite.org, "WAL File Format").
fn commits_in_log(store: &SqliteStore) -> usize {
    let mut log = store.path().as_os_str().to_owned();
    log.push("-wal");
    let frames = std::fs::read(log).unwrap();
    frames[32..].chunks(24 + 4096).filter(|frame| frame[4..8] != [0; 4]).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_in_while_a_group_is_applied_shares_its_commit() {
    let store = SqliteStore::temporary().unwrap();
    let mut context = context(8);
    store.commit(batch(&mut context).1).await.unwrap();
    let before = commits_in_log(&store);
    let (gate, wait) = std::sync::mpsc::channel::<()>();
    // Keeps the writer busy until the others are queued.
    let first = store.writer.submit(Box::new(move |_, _| {
        let _ = wait.recv();
        Ok(())
    }));
    let batches: Vec<_> = (0..20).map(|_| batch(&mut context).1).collect();
    let others = futures_util::future::join_all(batches.into_iter().map(|batch| store.commit(batch)));
    let open = async move { gate.send(()).unwrap() };
    let (done, others, ()) = tokio::join!(first, others, open);
    done.unwrap();
    for other in others {
        other.unwrap();
    }
    assert_eq!(commits_in_log(&store), before + 1);
}

/// A batch that requires a zone to be unchanged, and perhaps writes to it.
fn on_zone(context: &mut DecisionContext, zone: &Zone, write: Option<Change<Zone>>) -> Arc<Batch> {
    let mut batch = Batch::new(context);
    batch.require_unchanged(zone);
    batch.writes.extend(write.map(Into::into));
    Arc::new(batch)
}

/// The versions that a transaction remembers are those that its next batch sees.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_sees_the_versions_of_the_batches_before_it_in_its_group() {
    let store = SqliteStore::temporary().unwrap();
    let mut context = context(13);
    let now = context.now();
    let id = context.id();
    let first = Zone { id, name: "A".into(), countries: vec!["FR".into()], created_at: now, version: 1 };
    let second = Zone { name: "B".into(), version: 2, ..first.clone() };
    let third = Zone { name: "C".into(), version: 3, ..first.clone() };
    let mut batch = Batch::new(&mut context);
    batch.write(Change::Insert(first.clone()));
    store.commit(Arc::new(batch)).await.unwrap();
    let (gate, wait) = std::sync::mpsc::channel::<()>();
    // Holds the writer until the others are queued, so that they share its next group. The first refusal makes it apply
    // the group again with savepoints, so both ways are covered.
    let hold = store.writer.submit(Box::new(move |_, _| {
        let _ = wait.recv();
        Ok(())
    }));
    let mut failing = Batch::new(&mut context);
    failing.require_unchanged(&second);
    failing.write(Change::Update(third.clone()));
    failing.write(Change::Update(first.clone()));
    let batches = [
        on_zone(&mut context, &first, None),
        on_zone(&mut context, &first, Some(Change::Update(second.clone()))),
        on_zone(&mut context, &first, None),
        Arc::new(failing),
        on_zone(&mut context, &third, None),
        on_zone(&mut context, &second, Some(Change::Delete { id: id.0, version: 2 })),
        on_zone(&mut context, &second, None),
    ];
    let done = futures_util::future::join_all(batches.map(|batch| store.commit(batch)));
    let open = async move { gate.send(()).unwrap() };
    let (holding, done, ()) = tokio::join!(hold, done, open);
    holding.unwrap();
    let done: Vec<_> = done.iter().map(Result::is_ok).collect();
    assert_eq!(done, [true, true, false, false, false, true, false]);
}

#[tokio::test]
async fn a_full_disk_refuses_whole_batches_until_there_is_room() {
    let store = SqliteStore::temporary().unwrap();
    let mut context = context(6);
    let limit = |pages: i64| {
        Box::new(
            move |connection: &crate::write_connection::WriteConnection<'_>,
                  _: &mut crate::list_counts::CountChanges| {
                let now: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
                connection.query_row(&format!("PRAGMA max_page_count = {}", now + pages), [], |_| Ok(()))?;
                Ok(())
            },
        )
    };
    store.writer.submit(limit(20)).await.unwrap();
    let mut done = 0;
    let refused = loop {
        let (_, batch) = large_batch(&mut context);
        match store.commit(batch).await {
            Ok(()) => done += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, CommitError::Store(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(count(&store, "events"), done * 200);
    assert_eq!(count(&store, "operations"), done);
    store.writer.submit(limit(1_000_000)).await.unwrap();
    let (_, batch) = large_batch(&mut context);
    store.commit(batch).await.unwrap();
    assert_eq!(count(&store, "events"), (done + 1) * 200);
    assert_eq!(store.integrity_check().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn closing_finishes_what_was_submitted_and_refuses_the_rest() {
    let store = SqliteStore::temporary().unwrap();
    let mut context = context(7);
    let (first, first_batch) = batch(&mut context);
    let (done, closed) = tokio::join!(store.commit(first_batch), store.close());
    done.unwrap();
    closed.unwrap();
    assert!(store.cart(first).await.unwrap().is_some());
    assert!(matches!(store.commit(batch(&mut context).1).await, Err(CommitError::Store(StoreError::Unavailable(_)))));
    assert!(store.ping().await.is_err());
    store.close().await.unwrap();
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_restart() {
    let directory = crate::file::TemporaryDirectory::new().unwrap();
    let path = directory.path().join("a shop?mode=memory.sqlite3");
    let (id, batch) = batch(&mut context(8));
    let store = SqliteStore::open(&path).unwrap();
    store.commit(batch).await.unwrap();
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    assert!(store.cart(id).await.unwrap().is_some());
}

#[cfg(unix)]
#[test]
fn a_new_file_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let store = SqliteStore::temporary().unwrap();
    assert_eq!(std::fs::metadata(store.path()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn two_stores_share_a_file_but_only_one_serves_it() {
    let directory = crate::file::TemporaryDirectory::new().unwrap();
    let path = directory.path().join("shop.sqlite3");
    let server = SqliteOptions::new(&path).server(true).open().unwrap();
    assert!(matches!(SqliteOptions::new(&path).server(true).open(), Err(OpenError::InUse(_))));
    let tool = SqliteStore::open(&path).unwrap();
    let mut context = context(9);
    let (first, first_batch) = batch(&mut context);
    let (second, second_batch) = batch(&mut context);
    tool.commit(first_batch).await.unwrap();
    server.commit(second_batch).await.unwrap();
    assert!(server.cart(first).await.unwrap().is_some());
    assert!(tool.cart(second).await.unwrap().is_some());
    drop(server);
    SqliteOptions::new(&path).server(true).open().unwrap();
}

#[test]
fn a_wrong_file_is_refused_in_words() {
    let directory = crate::file::TemporaryDirectory::new().unwrap();
    let path = directory.path().join("shop.sqlite3");
    assert!(matches!(SqliteOptions::new(&path).create(false).open(), Err(OpenError::Missing(_))));
    std::fs::write(&path, "a letter to grandmother, longer than the header of a database file is: 100 bytes or so")
        .unwrap();
    std::fs::OpenOptions::new().append(true).open(&path).unwrap().set_len(4096).unwrap();
    let error = SqliteStore::open(&path).unwrap_err();
    assert!(error.to_string().ends_with("is not an SQLite database"), "{error:?}");
    let error = SqliteStore::open(directory.path().join("missing/shop.sqlite3")).unwrap_err();
    assert!(matches!(error, OpenError::System { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_beside_writers_is_whole() {
    let store = Arc::new(SqliteStore::temporary().unwrap());
    let mut context = context(10);
    for _ in 0..5 {
        store.commit(large_batch(&mut context).1).await.unwrap();
    }
    let target = store.path().with_file_name("copy.sqlite3");
    let writing = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for _ in 0..50 {
                store.commit(large_batch(&mut context).1).await.unwrap();
            }
        })
    };
    let copying = {
        let (store, target) = (Arc::clone(&store), target.clone());
        tokio::task::spawn_blocking(move || store.backup(target))
    };
    copying.await.unwrap().unwrap();
    writing.await.unwrap();
    assert!(matches!(store.backup(&target), Err(BackupError::Exists(_))));
    assert!(!store.path().with_file_name("copy.sqlite3.partial").exists());
    let copy = SqliteStore::open(&target).unwrap();
    assert_eq!(copy.integrity_check().await.unwrap(), Vec::<String>::new());
    let (events, operations) = (count(&copy, "events"), count(&copy, "operations"));
    assert!(operations >= 5);
    assert_eq!(events, operations * 200);
}

#[test]
fn no_statement_is_planned_anew_for_another_value() {
    let store = SqliteStore::temporary().unwrap();
    let planned_anew = store.readers().point(|connection| {
        let mut statement = connection.prepare("SELECT 1 FROM carts WHERE customer_id = ?1 AND status = ?2")?;
        for status in ["open", "ordered", "open"] {
            assert!(!statement.exists((vec![7_u8; 16], status))?);
        }
        Ok(statement.get_status(rusqlite::StatementStatus::RePrepare))
    });
    assert_eq!(planned_anew.unwrap(), 0);
}

/// A file of commit 25d489b: its sample shop cut down to five products, with two orders.
const EARLIER: &[u8] = include_bytes!("../tests/stored/25d489b.sqlite3");

#[tokio::test]
async fn a_file_of_an_earlier_release_is_read_and_passes_the_check() {
    let folder = SqliteStore::temporary().unwrap();
    let path = folder.path().with_extension("earlier");
    std::fs::write(&path, EARLIER).unwrap();
    let store = Arc::new(SqliteStore::open(&path).unwrap());
    shop_core::conformance::every_read(store.as_ref()).await.unwrap();
    let orders = store.list_orders(&OrderFilter::default(), &PageRequest::default()).await.unwrap().items;
    let read: Vec<_> = orders.iter().map(|order| (order.email.as_str(), order.items.len())).collect();
    assert_eq!(read, [("a2@example.com", 1), ("a1@example.com", 1)]);
    let payments = store.list_payments(&PaymentFilter::default(), &PageRequest::default()).await.unwrap().items;
    assert_eq!(payments.iter().map(|payment| payment.amount).max(), orders.iter().map(|order| order.total).max());
    let shop = shop_core::Shop::builder(Arc::clone(&store) as _, &[7; 32]).open().await.unwrap();
    assert_eq!(shop.check().await.unwrap(), <Vec<String>>::new());
    store.close().await.unwrap();
}
