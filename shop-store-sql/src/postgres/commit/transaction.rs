//! One transaction from BEGIN to COMMIT, on a connection of the store, and what its end means.

use std::sync::Arc;
use std::time::Duration;

use shop_core::batch::{Batch, Conflict};
use shop_core::error::BoxError;
use sqlx_core::error::Error;
use sqlx_core::sql_str::{AssertSqlSafe, SqlSafeStr as _, SqlStr};
use sqlx_postgres::{PgDatabaseError, PgSeverity};
use tokio::time::timeout;

use super::group::{Group, Refused};
use super::plain::{self, Failure};
use super::turn::Turn;
use crate::postgres::error::{Trouble, is_state, trouble};
use crate::postgres::pool::{Lease, Pool};

/// How a transaction ended, unless it was committed.
#[derive(Debug)]
pub(crate) enum End {
    /// A guard of a group failed; nothing was written.
    Refused(Refused),
    /// A guard of the one batch failed; nothing was written.
    Conflict(Conflict),
    /// Somebody came in between; nothing was written, and the next attempt may pass.
    Again(BoxError),
    /// Somebody else's transaction holds a lock for long; nothing was written.
    Locked(Error),
    /// No connection was to be had, for as long as the store's options are patient.
    Unreachable(Error),
    /// Postgres failed; nothing was written.
    Failed(Error),
    /// The batch makes no sense; nothing was written.
    Fault(BoxError),
    /// The connection was lost while it was committed: it may have been or not.
    Unknown(BoxError),
}

/// What is done in it.
pub(crate) enum Work<'a> {
    /// A group, set-wise.
    Group(&'a Group<'a>),
    /// Nothing: to learn which of a group would have to wait. It always ends.
    Probe(&'a Group<'a>),
    /// One batch, write by write.
    Plain(&'a Batch),
}

/// How every transaction begins. All its statements find rows by their keys, so their plans must not depend on what the
/// statistics said on the day they were made (of an empty table: "read all of it"). The last setting tells whoever counts
/// that the transaction is the store's own, and short.
const BEGIN: &str = "BEGIN; SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off; \
    SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL shop.slots = 'own'";

/// Where it cannot be said when the connection is made: `off` would answer a commit before it is durable. What is stricter
/// than `on` stays.
const DURABLE: &str =
    "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'";

/// How long others may hold a lock before a hasty transaction gives way. Those of the store take milliseconds; a host's
/// that has a batch in it ([`super::commit_in`]) takes as long as the host likes.
const HASTE: &str = "; SET LOCAL lock_timeout = 500";

/// A lock was not to be had in that time.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// How long a transaction waits for locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Temper {
    /// Not long, for many wait behind it.
    Hasty,
    /// As long as a statement may take.
    Patient,
}

/// The server only reads: it became a standby, and another connection may find the one that writes.
const READ_ONLY: &str = "25006";

/// Runs transactions.
pub(crate) struct Transactions {
    pool: Arc<Pool>,
    hasty: SqlStr,
    patient: SqlStr,
    /// How long all of one may take, as seen from here.
    patience: Duration,
}

impl Transactions {
    pub(crate) fn new(pool: Arc<Pool>) -> Self {
        let options = pool.options();
        let mut begin = BEGIN.to_owned();
        if options.is_pgbouncer() {
            // There it cannot be said when the connection is made.
            let (statement, idle) = (options.longest_statement(), options.longest_idle_in_transaction());
            begin = format!(
                "{begin}; SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SET LOCAL jit = off; \
                {DURABLE}; \
                SET LOCAL statement_timeout = {}; SET LOCAL idle_in_transaction_session_timeout = {}",
                statement.as_millis(),
                idle.as_millis()
            );
        }
        let hasty = shared(format!("{begin}{HASTE}"));
        let patient = shared(begin);
        let patience = options.longest_statement() * 2 + options.patience();
        Self { pool, hasty, patient, patience }
    }

    /// Does the work and commits it. The turn is passed on before COMMIT.
    pub(crate) async fn run(&self, work: &Work<'_>, temper: Temper, turn: &mut Turn) -> Result<(), End> {
        let mut lease = turn.during(self.pool.acquire()).await.map_err(End::Unreachable)?;
        match timeout(self.patience, turn.during(self.work(&mut lease, work, temper))).await {
            Ok(Ok(())) => {}
            Ok(Err(end)) => {
                turn.pass_on();
                self.give_back(lease, &end).await;
                return Err(end);
            }
            // It did not come to COMMIT; closed, the connection takes its transaction with it.
            Err(_) => {
                lease.discard();
                return Err(End::Failed(Error::PoolTimedOut));
            }
        }
        turn.pass_on();
        let committed = timeout(self.patience, lease.session().simple("COMMIT")).await;
        match committed {
            Ok(Ok(())) => {
                lease.release();
                Ok(())
            }
            Ok(Err(error)) if was_refused(&error) => {
                lease.release();
                Err(failed(error))
            }
            Ok(Err(error)) => {
                lease.discard();
                Err(End::Unknown(error.into()))
            }
            Err(elapsed) => {
                lease.discard();
                Err(End::Unknown(elapsed.into()))
            }
        }
    }

    async fn work(&self, lease: &mut Lease, work: &Work<'_>, temper: Temper) -> Result<(), End> {
        let begin = match temper {
            Temper::Hasty => &self.hasty,
            Temper::Patient => &self.patient,
        };
        lease.session().simple(begin.clone()).await.map_err(failed)?;
        match work {
            Work::Group(group) => match group.apply(&mut lease.session()).await.map_err(failed)? {
                None => Ok(()),
                Some(refused) => Err(End::Refused(refused)),
            },
            Work::Probe(group) => {
                let found = group.probe(&mut lease.session()).await.map_err(failed)?;
                Err(End::Refused(found.unwrap_or_default()))
            }
            Work::Plain(batch) => plain::apply(lease.session(), batch).await.map_err(|failure| match failure {
                Failure::Conflict(conflict) => End::Conflict(conflict),
                Failure::Sql(error) => failed(error),
                Failure::Fault(fault) => End::Fault(fault),
                Failure::Again => End::Again("a unique key was taken in between".into()),
            }),
        }
    }

    async fn give_back(&self, mut lease: Lease, end: &End) {
        if let End::Failed(error) = end
            && (trouble(error) == Trouble::Lost || is_state(error, READ_ONLY))
        {
            lease.discard();
            return;
        }
        // Without an answer it is not clean: dropped, it is closed.
        if let Ok(Ok(())) = timeout(self.patience, lease.session().simple("ROLLBACK")).await {
            lease.release();
        }
    }
}

/// One text for all who begin.
fn shared(sql: String) -> SqlStr {
    AssertSqlSafe(Arc::<str>::from(sql)).into_sql_str()
}

fn failed(error: Error) -> End {
    match trouble(&error) {
        _ if is_state(&error, LOCK_NOT_AVAILABLE) => End::Locked(error),
        Trouble::Clash => End::Again(error.into()),
        _ => End::Failed(error),
    }
}

/// True when the database itself said that it did not commit. Whatever ends the connection may have come after the
/// commit was written.
fn was_refused(error: &Error) -> bool {
    let error = error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    error.is_some_and(|error| error.severity() == PgSeverity::Error)
}
