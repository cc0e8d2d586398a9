//! The writes: one `commit` with two equivalent paths.
//!
//! - `queue`: the tasks that take batches from callers and commit them in groups. `inbox`: the batches that wait for
//!   them.
//! - `transaction`: one transaction from BEGIN to COMMIT, and what its end means.
//! - `merge`: decides which batches may share a transaction and merges their rows. `stock`: how stock changes add up.
//! - `group`: writes the rows of a group set-wise, in two statements, whatever the number of batches.
//! - `plain`: applies one batch write by write. It names the guard that fails, and does what has one row per table
//!   anyway. `lock`: the rows it locks first.
//! - `part`: what a transaction does to each table, in the order that every transaction follows. `sql`: the SQL of the
//!   parts.
//! - `listed`: recomputes the listed values of products when they may have changed.
//! - `table`, `value`: tables, and rows on their way into them.
//! - One file per domain, and `pricing`: its tables, and its writes on the plain path.
//!
//! Postgres itself evaluates the guards, fused with the writes. Evaluating them in memory on rows that were locked and
//! read first would take more round trips, and a copy of a row could be stale.

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

/// Attempts to apply a batch in the host's transaction if other transactions interfere.
const ATTEMPTS: u32 = 5;

/// Applies a batch inside an open transaction that belongs to the host.
pub(super) async fn commit_in(
    connection: &mut PgConnection,
    counter: &Counter,
    batch: &Batch,
) -> Result<(), CommitError> {
    let mut attempt = 1;
    loop {
        simple(connection, counter, "SAVEPOINT shop_batch").await?;
        // First as a group of one: few statements, and they usually pass.
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
