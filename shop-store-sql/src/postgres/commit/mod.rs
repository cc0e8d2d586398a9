//! The writes: one `commit`, by two paths that do the same.
//!
//! - `queue`: the tasks that take batches from the callers, and commit them in groups. `inbox`: what waits for them.
//! - `transaction`: one transaction from BEGIN to COMMIT, and what its end means.
//! - `merge`: which batches may share a transaction, and their rows put together. `stock`: how changes of stock add up.
//! - `group`: the rows of a group, written set-wise: two statements, whatever the number of batches.
//! - `plain`: one batch, write by write: it names the guard that fails, and does what has one row per table anyway.
//!   `lock`: what it locks before.
//! - `part`: what a transaction does to each table, in the one order in which every transaction does it. `sql`: in
//!   SQL.
//! - `listed`: what lists say of products, worked out again where it may have changed.
//! - `table`, `value`: tables, and rows on their way into them.
//! - one file per domain, and one for what makes prices: its tables, and its writes by the plain path.
//!
//! Guards are judged by Postgres itself, fused with the writes, and not in memory on rows that were locked and read
//! before: that takes fewer round trips, and no copy of a row can be stale.

mod accounts;
mod cart;
mod catalog;
mod details;
mod group;
mod inbox;
mod inventory;
mod listed;
mod lock;
mod merge;
mod orders;
mod outbox;
mod part;
mod payments;
mod plain;
mod pricing;
mod queue;
mod shipping;
mod sql;
mod stock;
mod table;
mod transaction;
mod turn;
mod value;

pub(super) use catalog::search_words;
pub(super) use queue::Queue;

use shop_core::batch::Batch;
use shop_core::store::{CommitError, StoreError};
use sqlx::postgres::PgConnection;
use sqlx_core::error::Error;

use super::error::store_error;
use super::pool::{Counter, Session};
use group::Group;
use merge::Mergeable;
use plain::Failure;

/// How often a batch is tried in the host's transaction while others come in between.
const ATTEMPTS: u32 = 5;

/// Applies a batch inside an open transaction that is not the store's.
pub(super) async fn commit_in(
    connection: &mut PgConnection,
    counter: &Counter,
    batch: &Batch,
) -> Result<(), CommitError> {
    let mut attempt = 1;
    loop {
        simple(connection, counter, "SAVEPOINT shop_batch").await?;
        // As a group of one first: few statements, and they mostly pass.
        let set_wise = match Mergeable::of(batch) {
            Some(mergeable) if attempt == 1 => {
                Some(Group::of(&[&mergeable]).apply(&mut Session::new(connection, counter)).await)
            }
            _ => None,
        };
        let applied = match set_wise {
            Some(Ok(None)) => Ok(()),
            Some(_) => {
                simple(connection, counter, "ROLLBACK TO SAVEPOINT shop_batch").await?;
                plain::apply(Session::new(connection, counter), batch).await
            }
            None => plain::apply(Session::new(connection, counter), batch).await,
        };
        let failure = match applied {
            Ok(()) => return simple(connection, counter, "RELEASE SAVEPOINT shop_batch").await.map_err(Into::into),
            Err(failure) => failure,
        };
        let undo = "ROLLBACK TO SAVEPOINT shop_batch; RELEASE SAVEPOINT shop_batch";
        simple(connection, counter, undo).await?;
        match failure {
            Failure::Again if attempt < ATTEMPTS => attempt += 1,
            Failure::Again => {
                return Err(StoreError::Unavailable("a unique key was taken in between, again and again".into()).into());
            }
            Failure::Conflict(conflict) => return Err(conflict.into()),
            Failure::Sql(error) => return Err(store_error(error).into()),
            Failure::Fault(fault) => return Err(StoreError::Fault(fault).into()),
        }
    }
}

async fn simple(connection: &mut PgConnection, counter: &Counter, sql: &'static str) -> Result<(), StoreError> {
    Session::new(connection, counter).simple(sql).await.map_err(|error: Error| store_error(error))
}
