//! The writes: one `commit` with two equivalent paths.
//!
//! A module uses only those listed before it:
//! - `value`, `table`: rows on their way into the database, and tables. `stock`, `uses`: how changes of stock and of
//!   use counts add up.
//! - `tables`, `part`: the list of tables with the operations that groups use on them, in the order that every
//!   transaction follows. A part is one operation on one table.
//! - `counts`, `sql`: the SQL of the parts. `listed`: recomputes the listed values of products when they may have
//!   changed.
//! - `effects`: what a write locks and makes, the same for both paths.
//! - `statement_runner`, `change`: runs statements row by row, and applies changes of versioned rows with them.
//! - One file per domain whose writes do more than change a row: the effects of these writes, and their statements row
//!   by row. `apply`: dispatch.
//! - `merge`: decides which batches may share a transaction and merges their rows. `group`: writes the rows of a group
//!   set-wise, in two statements, whatever the number of batches.
//! - `lock`, `row_by_row`: locks the rows of one batch, then applies it write by write. This names the guard that
//!   fails, and does what groups do not.
//! - `fill_permit`, `transaction`: one transaction from BEGIN to COMMIT, and what its end means.
//! - `inbox`, `queue`: the tasks that take batches from callers and commit them in groups.
//!
//! Postgres itself evaluates the guards, fused with the writes. Evaluating them in memory on rows that were locked and
//! read first would take more round trips, and a copy of a row could be stale.
//!
//! # Adding a table
//! 1. A line in [`tables`], in the lock order, with the operations that groups use on it. Without any, it
//!    is written row by row.
//! 2. If its rows have a version: `impl WriteRow`, in the file of its domain if a change locks or writes more than the
//!    row, else in `change`. Otherwise its writes in `effects` of its domain.
//! 3. If batches that come often write it: an entry in the profiles of `group`.

mod accounts;
mod apply;
mod catalog;
mod change;
mod counts;
mod effects;
mod fill_permit;
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
mod queue;
mod row_by_row;
mod shipping;
mod sql;
mod statement_runner;
mod stock;
mod table;
mod tables;
mod transaction;
mod uses;
mod value;
mod webhooks;

pub(super) use queue::Queue;

use shop_core::batch::Batch;
use shop_core::store::{CommitError, StoreError};
use sqlx::postgres::PgConnection;
use sqlx_core::error::Error;

use super::error::store_error;
use super::pool::{Counter, Session};
use group::Group;
use merge::Mergeable;
use statement_runner::ApplyError;

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
                row_by_row::apply(Session::new(connection, counter), batch).await
            }
            None => row_by_row::apply(Session::new(connection, counter), batch).await,
        };
        let failure = match applied {
            Ok(()) => return simple(connection, counter, "RELEASE SAVEPOINT shop_batch").await.map_err(Into::into),
            Err(failure) => failure,
        };
        let undo = "ROLLBACK TO SAVEPOINT shop_batch; RELEASE SAVEPOINT shop_batch";
        simple(connection, counter, undo).await?;
        match failure {
            ApplyError::Again if attempt < ATTEMPTS => attempt += 1,
            ApplyError::Again => {
                return Err(StoreError::Unavailable("a unique key was taken in between, again and again".into()).into());
            }
            ApplyError::Conflict(conflict) => return Err(conflict.into()),
            ApplyError::Sql(error) => return Err(store_error(error).into()),
            ApplyError::Fault(fault) => return Err(StoreError::Fault(fault).into()),
        }
    }
}

async fn simple(connection: &mut PgConnection, counter: &Counter, sql: &'static str) -> Result<(), StoreError> {
    Session::new(connection, counter).simple(sql).await.map_err(|error: Error| store_error(error))
}
