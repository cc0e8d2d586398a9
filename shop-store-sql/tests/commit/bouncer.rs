//! Behind a pgbouncer in transaction mode, where no statement stays prepared.

use shop_core::batch::{Conflict, Unique};
use shop_core::store::CommitError;
use shop_store_sql::testing::{self, Bouncer, Cluster};
use shop_store_sql::{PostgresOptions, PostgresStore};

use super::world::{batch, commit_all, context, entry, idempotency_record, run, stock, take};

#[test]
fn groups_and_refusals_are_the_same() {
    run(async {
        let cluster = Cluster::start().unwrap();
        let bouncer = Bouncer::start(&cluster, 3).unwrap();
        let url = cluster.database().unwrap();
        let options = PostgresOptions::parse(&bouncer.url(&url)).unwrap().max_connections(6).pgbouncer(true);
        let store = std::sync::Arc::new(PostgresStore::connect(options).await.unwrap());
        let levels = stock(&store, 2, 40).await;
        let order = context().id();
        let mut batches: Vec<_> =
            (0..40).map(|_| batch([take(&levels[0], 1), take(&levels[1], 1), entry(order)])).collect();
        // Two batches with one key, of which one is refused, and one that takes too much.
        batches.extend((0..2).map(|_| batch([idempotency_record("one")])));
        batches.push(batch([entry(order), take(&levels[0], 41)]));
        let outcomes = commit_all(&store, batches).await;
        let mut refused: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
        let too_many = Conflict::Stock(levels[0].variant_id, Some(levels[0].location_id));
        assert!(matches!(refused.pop(), Some(CommitError::Conflict(conflict)) if conflict == too_many));
        assert!(matches!(refused.pop(), Some(CommitError::Conflict(Conflict::Exists(Unique::IdempotencyRecord)))));
        assert!(refused.is_empty(), "{refused:?}");
        let reserved = testing::texts(&url, "SELECT DISTINCT reserved::text FROM stock_levels").unwrap();
        assert_eq!(reserved, ["40"]);
        let log = cluster.log().unwrap();
        assert!(!log.contains("deadlock detected") && !log.contains("prepared statement"), "{log}");
        store.close().await;
    });
}
