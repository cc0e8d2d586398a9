//! The connection is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use shop_core::accounts::AccountsRepository as _;
use shop_core::batch::{Conflict, Unique};
use shop_core::store::{CommitError, Store as _, StoreError};
use shop_store_sql::testing::{self, ClusterOptions, Direction, Message, Proxy, Verdict};
use shop_store_sql::{PostgresOptions, PostgresStore};

use super::world::{batch, commit_all, connect, context, database, entries, entry, reserved, run, stock, take};

/// Applies the verdict to the first message of this kind.
fn once(proxy: &Proxy, wanted: impl Fn(&Message<'_>) -> bool + Send + Sync + 'static, verdict: Verdict) {
    let cut = AtomicBool::new(false);
    proxy.judge(
        move |message| {
            if wanted(message) && !cut.swap(true, Ordering::SeqCst) { verdict } else { Verdict::Pass }
        },
    );
}

#[test]
fn lost_before_commit_it_is_tried_again() {
    run(async {
        let url = database();
        let proxy = Proxy::start(&url).unwrap();
        let store = connect(&proxy.url(&url)).await;
        let levels = stock(&store, 2, 10).await;
        let order = context().id();
        let begins = |message: &Message<'_>| message.sql.is_some_and(|sql| sql.starts_with("BEGIN"));
        let writes = |message: &Message<'_>| message.kind == 'B';
        let answers = |message: &Message<'_>| message.direction == Direction::FromServer && message.kind == '2';
        once(&proxy, begins, Verdict::CutBefore);
        store.commit(Arc::new(batch([take(&levels[0], 1), take(&levels[1], 1), entry(order)]))).await.unwrap();
        once(&proxy, writes, Verdict::CutBefore);
        store.commit(Arc::new(batch([take(&levels[0], 1), take(&levels[1], 1), entry(order)]))).await.unwrap();
        once(&proxy, answers, Verdict::CutBefore);
        store.commit(Arc::new(batch([take(&levels[0], 1), take(&levels[1], 1), entry(order)]))).await.unwrap();
        proxy.pass();
        assert_eq!((reserved(&store, &levels[0]).await, entries(&store, order).await), (3, 3));
    });
}

#[test]
fn the_next_group_is_filled_while_one_is_committed() {
    run(async {
        let url = database();
        let proxy = Proxy::start(&url).unwrap();
        let store = connect(&proxy.url(&url)).await;
        let (asked, is_asked) = tokio::sync::oneshot::channel();
        let asked = std::sync::Mutex::new(Some(asked));
        // The first COMMIT never arrives.
        proxy.judge(move |message| match asked.lock().unwrap().take_if(|_| message.is_commit()) {
            Some(asked) => {
                asked.send(()).unwrap();
                Verdict::Swallow
            }
            None => Verdict::Pass,
        });
        let one = batch([entry(context().id())]);
        let committed = Arc::clone(&store);
        let first = tokio::spawn(async move { committed.commit(Arc::new(one)).await });
        is_asked.await.unwrap();
        store.commit(Arc::new(batch([entry(context().id())]))).await.unwrap();
        assert!(!first.is_finished(), "the second waited for the first");
        first.abort();
    });
}

/// As after a failover that closed no connection: open connections get no response, and new ones reach the new primary.
#[test]
fn after_a_silent_connection_the_idle_ones_are_closed_too() {
    run(async {
        let url = database();
        let proxy = Proxy::start(&url).unwrap();
        let options = PostgresOptions::parse(&proxy.url(&url)).unwrap().statement_timeout(Duration::from_secs(1));
        let store = PostgresStore::connect(options.acquire_timeout(Duration::from_millis(500))).await.unwrap();
        let store = Arc::new(store);
        let last = Arc::new(AtomicU64::new(0));
        let emails: Vec<_> = (0..8).map(|number| number.to_string()).collect();
        let silence = async || {
            let seen = Arc::clone(&last);
            proxy.judge(move |message| {
                seen.fetch_max(message.connection, Ordering::SeqCst);
                Verdict::Pass
            });
            // Concurrent reads use several connections.
            for read in join_all(emails.iter().map(|email| store.user_by_email(email))).await {
                assert_eq!(read.unwrap(), None);
            }
            let last = last.load(Ordering::SeqCst);
            assert!(last > 1, "one connection served all");
            proxy.judge(move |message| if message.connection <= last { Verdict::Swallow } else { Verdict::Pass });
        };

        silence().await;
        let read = store.user_by_email("a").await;
        assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
        assert_eq!(store.user_by_email("a").await.unwrap(), None);

        silence().await;
        let order = context().id();
        let commit = store.commit(Arc::new(batch([entry(order)]))).await;
        assert!(matches!(commit, Err(CommitError::Store(StoreError::Unavailable(_)))), "{commit:?}");
        store.commit(Arc::new(batch([entry(order)]))).await.unwrap();
        assert_eq!(entries(&store, order).await, 1);
    });
}

#[test]
fn lost_during_commit_it_is_unknown_and_happens_once() {
    run(async {
        let url = database();
        let proxy = Proxy::start(&url).unwrap();
        let store = connect(&proxy.url(&url)).await;
        let levels = stock(&store, 2, 1_000).await;
        let order = context().id();
        let mut wanted = 0;
        for (cut, done) in [(Verdict::CutBefore, false), (Verdict::CutAfter, true)] {
            for at_answer in [false, true] {
                let one = batch([take(&levels[0], 1), take(&levels[1], 1), entry(order)]);
                once(
                    &proxy,
                    move |message| if at_answer { message.is_committed() } else { message.is_commit() },
                    if at_answer { Verdict::CutBefore } else { cut },
                );
                let outcome = store.commit(Arc::new(one.clone())).await;
                assert!(matches!(outcome, Err(CommitError::OutcomeUnknown(_))), "{outcome:?}");
                proxy.pass();
                // Submitting the same batch again shows the outcome, and the batch is applied once.
                let again = store.commit(Arc::new(one)).await;
                match again {
                    Ok(()) => assert!(!at_answer || !done, "it was committed before"),
                    Err(CommitError::Conflict(Conflict::Exists(Unique::Operation))) => {}
                    other => panic!("{other:?}"),
                }
                wanted += 1;
                assert_eq!(entries(&store, order).await, wanted);
            }
        }
        assert_eq!(usize::try_from(reserved(&store, &levels[0]).await).unwrap(), wanted);
    });
}

#[test]
fn without_a_database_everybody_hears_so_soon() {
    run(async {
        let url = database();
        let proxy = Proxy::start(&url).unwrap();
        let store = connect(&proxy.url(&url)).await;
        let levels = stock(&store, 1, 1_000).await;
        let order = context().id();
        proxy.close();
        let began = Instant::now();
        let batches = (0..200).map(|_| batch([take(&levels[0], 1), entry(order)])).collect();
        for outcome in commit_all(&store, batches).await {
            assert!(matches!(outcome, Err(CommitError::Store(StoreError::Unavailable(_)))), "{outcome:?}");
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        proxy.switch_to(&url).unwrap();
        store.commit(Arc::new(batch([take(&levels[0], 1), entry(order)]))).await.unwrap();
        assert_eq!(entries(&store, order).await, 1);
    });
}

/// If a standby must have a commit too, a commit on the primary alone is not acknowledged. (Postgres stops the
/// statement timeout before it waits for the standby, so this timeout cannot end the wait.)
#[test]
fn without_the_standby_nothing_is_acknowledged() {
    run(async {
        let cluster = ClusterOptions::new().durable(true).start().unwrap();
        let url = cluster.database().unwrap();
        let brief = Duration::from_millis(300);
        let options = PostgresOptions::parse(&url).unwrap().statement_timeout(brief).acquire_timeout(brief);
        let store = PostgresStore::connect(options).await.unwrap();
        let order = context().id();
        store.commit(Arc::new(batch([entry(order)]))).await.unwrap();

        cluster.set("synchronous_standby_names", "nobody").unwrap();
        testing::wait_until(&url, "SELECT (current_setting('synchronous_standby_names') = 'nobody')::text").unwrap();
        let one = batch([entry(order)]);
        let outcome = store.commit(Arc::new(one.clone())).await;
        assert!(matches!(outcome, Err(CommitError::OutcomeUnknown(_))), "{outcome:?}");
        assert_eq!(entries(&store, order).await, 1);

        cluster.set("synchronous_standby_names", "").unwrap();
        let count = "SELECT (count(*) = 2)::text FROM order_history";
        testing::wait_until(&url, count).unwrap();
        let again = store.commit(Arc::new(one)).await;
        assert!(matches!(again, Err(CommitError::Conflict(Conflict::Exists(Unique::Operation)))), "{again:?}");
    });
}
