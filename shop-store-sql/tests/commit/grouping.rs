//! Batches share transactions, and none affects another.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::{join, join_all};
use shop_core::accounts::Session;
use shop_core::batch::{Batch, Change, Conflict, Entity, Precondition, RowWrite, Unique, Write};
use shop_core::clock::{Clock as _, SystemClock};
use shop_core::id::{ProductId, SessionId, UserId};
use shop_core::inventory::{InventoryWrite, StockDelta, StockSettings};
use shop_core::store::{CommitError, Store as _};
use shop_store_sql::testing::{self, Cluster};

use super::world::{
    batch, commit_all, connect, context, database, entries, entry, idempotency_record, reserved, run, stock, take,
};

#[test]
fn callers_of_one_hot_level_share_transactions() {
    run(async {
        let store = connect(&database()).await;
        let levels = stock(&store, 1, 1_000_000).await;
        let order = context().id();
        let (before, _) = store.transactions();
        for _ in 0..4 {
            let batches = (0..64).map(|_| batch([take(&levels[0], 2), entry(order)])).collect();
            commit_all(&store, batches).await.into_iter().for_each(Result::unwrap);
        }
        let (after, _) = store.transactions();
        assert!(after - before <= 256 / 4, "256 batches took {} transactions", after - before);
        assert_eq!(reserved(&store, &levels[0]).await, 512);
        assert_eq!(entries(&store, order).await, 256);
    });
}

#[test]
fn a_lone_caller_makes_one_transaction_at_once() {
    run(async {
        let store = connect(&database()).await;
        let levels = stock(&store, 2, 100).await;
        let (before, _) = store.transactions();
        let statements = store.statements();
        store.commit(Arc::new(batch([take(&levels[0], 1), take(&levels[1], 1)]))).await.unwrap();
        assert_eq!(store.transactions().0 - before, 1);
        // BEGIN, locks, writes, COMMIT.
        assert_eq!(store.statements() - statements, 4);
        // A single row is locked where it is changed.
        let statements = store.statements();
        store.commit(Arc::new(batch([take(&levels[0], 1)]))).await.unwrap();
        assert_eq!(store.statements() - statements, 3);
    });
}

/// Locks a level until dropped, so that a group gathers behind the commits that need it.
struct Held {
    child: std::process::Child,
}

impl Held {
    fn new(url: &str, level: &shop_core::inventory::StockLevel) -> Self {
        use std::io::Write as _;
        let mut child = std::process::Command::new("psql")
            .args(["--quiet", "--no-psqlrc", url])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let sql = format!(
            "SET application_name = 'holds'; BEGIN; SELECT 1 FROM stock_levels WHERE variant_id = '{}' FOR UPDATE;\n",
            level.variant_id
        );
        child.stdin.as_mut().unwrap().write_all(sql.as_bytes()).unwrap();
        let waits = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'holds' AND state = 'idle in transaction'
            AND query LIKE 'SELECT%'";
        testing::wait_until(url, &format!("SELECT (EXISTS ({waits}))::text")).unwrap();
        Self { child }
    }

    fn release(mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

#[test]
fn who_is_refused_in_a_group_is_refused_alone() {
    run(async {
        let url = database();
        let store = connect(&url).await;
        let levels = stock(&store, 2, 1_000).await;
        store.commit(Arc::new(batch([idempotency_record("taken")]))).await.unwrap();
        let (order, lost) = (context().id(), context().id());
        let product: ProductId = context().id();
        let session: SessionId = context().id();
        let nobody: UserId = context().id();

        // Both committers wait for the level, and all other batches queue behind them.
        let held = Held::new(&url, &levels[0]);
        let fine = || batch([take(&levels[0], 1), entry(order)]);
        let mut first = Vec::new();
        for waiting in 1..=2 {
            let (store, batch) = (Arc::clone(&store), fine());
            first.push(tokio::spawn(async move { store.commit(Arc::new(batch)).await }));
            let waits = "SELECT (count(*) = $)::text FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'";
            testing::wait_until(&url, &waits.replace('$', &waiting.to_string())).unwrap();
        }
        let require = |require| Batch { preconditions: vec![require], ..batch([take(&levels[0], 1), entry(lost)]) };
        let gathered = [
            fine(),
            batch([take(&levels[0], 1), entry(lost), idempotency_record("taken")]),
            fine(),
            require(Precondition::Version(Entity::Product, product.0, 1)),
            require(Precondition::LiveSession(session, context().id())),
            require(Precondition::ActiveUser(nobody)),
            fine(),
            require(Precondition::Untracked(levels[1].variant_id, levels[1].location_id)),
            batch([take(&levels[1], 1_001), entry(lost)]),
            fine(),
        ];
        let mut gathered: Vec<_> = gathered.into_iter().map(|batch| store.commit(Arc::new(batch))).collect();
        for commit in &mut gathered {
            // The first poll queues it.
            assert!(commit.now_or_never().is_none());
        }
        held.release();
        for commit in first {
            commit.await.unwrap().unwrap();
        }
        let outcomes = join_all(gathered).await;

        let conflict = |outcome: &Result<(), CommitError>| match outcome {
            Ok(()) => None,
            Err(CommitError::Conflict(conflict)) => Some(*conflict),
            Err(other) => panic!("{other:?}"),
        };
        let stock = |level: usize| Conflict::Stock(levels[level].variant_id, Some(levels[level].location_id));
        let found: Vec<_> = outcomes.iter().map(conflict).collect();
        let wanted = [
            None,
            Some(Conflict::Exists(Unique::IdempotencyRecord)),
            None,
            Some(Conflict::Stale(Entity::Product, product.0)),
            Some(Conflict::Revoked(session)),
            Some(Conflict::Inactive(nobody)),
            None,
            Some(stock(1)),
            Some(stock(1)),
            None,
        ];
        assert_eq!(found, wanted);
        assert_eq!(entries(&store, order).await, 6);
        assert_eq!(entries(&store, lost).await, 0);
        assert_eq!((reserved(&store, &levels[0]).await, reserved(&store, &levels[1]).await), (6, 0));
    });
}

#[test]
fn stock_runs_out_exactly() {
    run(async {
        let url = database();
        let (here, there) = (connect(&url).await, connect(&url).await);
        let levels = stock(&here, 1, 50).await;
        let order = context().id();
        let batches = || (0..60).map(|_| batch([entry(order), take(&levels[0], 1)])).collect::<Vec<_>>();
        let (left, right) = join(commit_all(&here, batches()), commit_all(&there, batches())).await;
        let (won, lost): (Vec<_>, Vec<_>) = left.into_iter().chain(right).partition(Result::is_ok);
        assert_eq!(won.len(), 50);
        let wanted = Conflict::Stock(levels[0].variant_id, Some(levels[0].location_id));
        for outcome in lost {
            assert!(matches!(outcome, Err(CommitError::Conflict(conflict)) if conflict == wanted), "{outcome:?}");
        }
        assert_eq!(reserved(&here, &levels[0]).await, 50);
        assert_eq!(entries(&here, order).await, 50);
    });
}

/// Two servers, writes in opposite orders, and some batches that are committed alone.
#[test]
fn opposite_orders_cause_no_deadlock() {
    run(async {
        let url = database();
        let stores = [connect(&url).await, connect(&url).await];
        let levels = stock(&stores[0], 8, 100_000).await;
        let order = context().id();
        let began = Instant::now();
        for _ in 0..4 {
            let rounds = stores.iter().map(|store| {
                let batches = (0..32).map(|number| {
                    let mut lines: Vec<Write> = levels.iter().map(|level| take(level, 1)).collect();
                    lines.rotate_left(number % levels.len());
                    if number % 2 == 1 {
                        lines.reverse();
                    }
                    let level = &levels[number % levels.len()];
                    let (variant_id, location_id) = (level.variant_id, level.location_id);
                    match number % 8 {
                        // Settings are committed alone.
                        3 => lines.push(
                            InventoryWrite::Settings(StockSettings {
                                variant_id,
                                location_id: None,
                                low_stock_threshold: Some(1),
                                tracked: None,
                                backorder: None,
                            })
                            .into(),
                        ),
                        // So is a batch that both takes and adds stock.
                        5 => lines.push(
                            InventoryWrite::Delta(StockDelta { variant_id, location_id, on_hand: 1, reserved: 0 })
                                .into(),
                        ),
                        _ => lines.push(entry(order)),
                    }
                    batch(lines)
                });
                commit_all(store, batches.collect())
            });
            for outcome in join_all(rounds).await.into_iter().flatten() {
                outcome.unwrap();
            }
        }
        assert_eq!(reserved(&stores[0], &levels[3]).await, 4 * 2 * 32);
        assert_eq!(entries(&stores[0], order).await, 4 * 2 * 24);
        // Postgres detects a deadlock after a second and counts it shortly after.
        assert!(began.elapsed() < Duration::from_secs(30));
        let deadlocks =
            testing::texts(&url, "SELECT deadlocks::text FROM pg_stat_database WHERE datname = current_database()");
        assert_eq!(deadlocks.unwrap(), ["0"]);
        if let Ok(log) = Cluster::shared().unwrap().log() {
            assert!(!log.contains("deadlock detected"), "{log}");
        }
    });
}

/// A host may keep its transaction open for any time.
#[test]
fn a_lock_that_is_held_for_long_stops_no_other_batch() {
    run(async {
        let url = database();
        let store = connect(&url).await;
        let levels = stock(&store, 2, 1_000).await;
        let order = context().id();
        let held = Held::new(&url, &levels[0]);
        let blocked: Vec<_> = (0..4).map(|_| batch([take(&levels[0], 1), entry(order)])).collect();
        let blocked = tokio::spawn({
            let store = Arc::clone(&store);
            async move { commit_all(&store, blocked).await }
        });
        let waits = "SELECT (count(*) > 0)::text FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        testing::wait_until(&url, waits).unwrap();
        // Some of them share a group with the blocked ones, and the store separates them.
        let free = (0..20).map(|_| batch([take(&levels[1], 1), entry(order)])).collect();
        commit_all(&store, free).await.into_iter().for_each(Result::unwrap);
        assert!(!blocked.is_finished());
        assert_eq!(reserved(&store, &levels[0]).await, 0);
        held.release();
        blocked.await.unwrap().into_iter().for_each(Result::unwrap);
        assert_eq!((reserved(&store, &levels[0]).await, reserved(&store, &levels[1]).await), (4, 20));
    });
}

/// The batch of a caller that went away is committed completely or not at all.
#[test]
fn a_caller_that_goes_away_leaves_nothing_half_done() {
    run(async {
        let url = database();
        let store = connect(&url).await;
        let levels = stock(&store, 1, 1_000).await;
        let order = context().id();
        for _ in 0..20 {
            let lone = batch([take(&levels[0], 1), entry(order)]);
            let commit = tokio::spawn({
                let store = Arc::clone(&store);
                async move { store.commit(Arc::new(lone)).await }
            });
            tokio::task::yield_now().await;
            commit.abort();
        }
        store.commit(Arc::new(batch([take(&levels[0], 1), entry(order)]))).await.unwrap();
        // Closing the store finishes the batches that were queued before.
        store.close().await;
        let store = connect(&url).await;
        assert_eq!(i64::try_from(entries(&store, order).await).unwrap(), reserved(&store, &levels[0]).await);
        let open = "SELECT count(*)::text FROM pg_stat_activity
            WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
        assert_eq!(testing::texts(&url, open).unwrap(), ["0"]);
        assert!(store.transactions().0 == 0);
    });
}

/// A large batch is one group by itself.
#[test]
fn a_large_batch_takes_no_more_statements_than_a_small_one() {
    run(async {
        let store = connect(&database()).await;
        let sessions: Vec<_> = (0..2_000)
            .map(|_| {
                let mut context = context();
                let now = SystemClock.now();
                let session = Session {
                    id: context.id(),
                    user_id: context.id(),
                    refresh_hash: [7; 32],
                    rotations: Vec::new(),
                    epoch: 0,
                    created_at: now,
                    expires_at: now,
                    revoked_at: None,
                    version: 1,
                };
                RowWrite::Session(Change::Insert(session)).into()
            })
            .collect();
        let statements = store.statements();
        store.commit(Arc::new(batch(sessions))).await.unwrap();
        assert_eq!(store.statements() - statements, 3);
    });
}
