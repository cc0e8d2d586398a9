//! A batch in the host's own transaction.

use std::sync::Arc;

use shop_core::batch::{Batch, Conflict, Entity, Precondition, Write};
use shop_core::error::BoxError;
use shop_core::id::ProductId;
use shop_core::inventory::{
    InventoryRepository as _, InventoryWrite, Movement, MovementFilter, MovementReason, StockLevel,
};
use shop_core::page::PageRequest;
use shop_core::store::{CommitError, Store as _};
use shop_store_sql::testing;
use sqlx::{Connection as _, PgConnection};

use super::world::{batch, connect, context, database, entries, entry, reserved, run, stock, take};

type Outcome = Result<(), BoxError>;

fn notes(url: &str) -> Vec<String> {
    testing::texts(url, "SELECT text FROM notes ORDER BY text").unwrap()
}

#[test]
fn both_or_none() -> Outcome {
    run(async {
        let url = database();
        let store = connect(&url).await;
        let levels = stock(&store, 2, 10).await;
        testing::execute(&url, "CREATE TABLE notes (text text)").unwrap();
        let order = context().id();
        let mut connection = PgConnection::connect(&url).await?;

        // After a rollback, neither the host's row nor the batch is there.
        let first = batch([take(&levels[0], 2), take(&levels[1], 2), entry(order)]);
        let mut transaction = connection.begin().await?;
        sqlx::query("INSERT INTO notes VALUES ('one')").execute(&mut *transaction).await?;
        store.commit_in(&mut transaction, &first).await?;
        transaction.rollback().await?;
        assert_eq!((reserved(&store, &levels[0]).await, entries(&store, order).await), (0, 0));

        // After a conflict the transaction is usable and contains nothing of the batch, whether the batch was applied
        // set-wise or row by row.
        let product: ProductId = context().id();
        let stale = Precondition::Version(Entity::Product, product.0, 1);
        let refused = Batch { preconditions: vec![stale], ..batch([take(&levels[0], 1), entry(order)]) };
        let too_much = batch([entry(order), take(&levels[0], 1), take(&levels[1], 11)]);
        let mixed = batch([entry(order), give(&levels[0]), take(&levels[0], 20)]);
        let mut transaction = connection.begin().await?;
        sqlx::query("INSERT INTO notes VALUES ('two')").execute(&mut *transaction).await?;
        let conflict = |level: usize| Conflict::Stock(levels[level].variant_id, Some(levels[level].location_id));
        for (refused, wanted) in
            [(&refused, Conflict::Stale(Entity::Product, product.0)), (&too_much, conflict(1)), (&mixed, conflict(0))]
        {
            match store.commit_in(&mut transaction, refused).await {
                Err(CommitError::Conflict(conflict)) => assert_eq!(conflict, wanted),
                other => panic!("{other:?}"),
            }
        }
        store.commit_in(&mut transaction, &first).await?;
        // Nothing is visible before the host commits.
        assert_eq!(entries(&store, order).await, 0);
        transaction.commit().await?;
        assert_eq!((reserved(&store, &levels[0]).await, entries(&store, order).await), (2, 1));
        assert_eq!(notes(&url), ["two"]);

        // The store knows that the operation is committed.
        assert!(matches!(store.commit(Arc::new(first)).await, Err(CommitError::Conflict(Conflict::Exists(_)))));
        Ok(())
    })
}

/// A movement of one unit into the level.
fn movement(level: &StockLevel) -> Write {
    let mut context = context();
    let movement = Movement {
        id: context.id(),
        variant_id: level.variant_id,
        sku: level.sku.clone(),
        location_id: level.location_id,
        delta: 1,
        reason: MovementReason::Received,
        note: String::new(),
        order_id: None,
        created_at: context.now(),
    };
    InventoryWrite::Movement(movement).into()
}

/// A host's transaction may take long, so its changes to stored counts must lock no row that other commits need.
#[test]
fn no_commit_waits_for_the_counts_of_a_host() -> Outcome {
    run(async {
        let url = database();
        let store = connect(&url).await;
        let levels = stock(&store, 1, 10).await;
        let count = async || {
            let filter = MovementFilter::default();
            store.list_movements(&filter, &PageRequest::default()).await.unwrap().total.unwrap()
        };
        let before = count().await;
        let mut connection = PgConnection::connect(&url).await?;
        let mut transaction = connection.begin().await?;
        store.commit_in(&mut transaction, &batch([movement(&levels[0])])).await?;
        // More commits than there are slots: none of them waits for the host.
        for _ in 0..32 {
            store.commit(Arc::new(batch([movement(&levels[0])]))).await?;
        }
        assert_eq!(count().await, before + 32);
        transaction.commit().await?;
        assert_eq!(count().await, before + 33);
        assert_eq!(store.miscounted().await?, Vec::<String>::new());

        // Sweeping folds the host's slot into the others.
        let own = || testing::texts(&url, "SELECT count(*)::text FROM list_counts WHERE slot >= 8").unwrap();
        assert_eq!(own(), ["1"]);
        let now = context().now();
        store.commit(Arc::new(batch([Write::Forget { before: now, given_up_before: now }]))).await?;
        assert_eq!(own(), ["0"]);
        assert_eq!(count().await, before + 33);
        assert_eq!(store.miscounted().await?, Vec::<String>::new());
        Ok(())
    })
}

#[test]
fn a_batch_outside_of_a_transaction_is_refused() -> Outcome {
    run(async {
        let url = database();
        let store = connect(&url).await;
        let mut connection = PgConnection::connect(&url).await?;
        let order = context().id();
        assert!(matches!(store.commit_in(&mut connection, &batch([entry(order)])).await, Err(CommitError::Store(_))));
        assert_eq!(entries(&store, order).await, 0);
        Ok(())
    })
}

fn give(level: &shop_core::inventory::StockLevel) -> shop_core::batch::Write {
    let (variant_id, location_id) = (level.variant_id, level.location_id);
    let delta = shop_core::inventory::StockDelta { variant_id, location_id, on_hand: 1, reserved: 0 };
    shop_core::inventory::InventoryWrite::Delta(delta).into()
}
