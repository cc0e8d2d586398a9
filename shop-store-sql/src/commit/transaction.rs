//! One transaction from BEGIN to COMMIT, on a connection of the store, and what its end means.

use std::sync::Arc;
use std::time::Duration;

use shop_core::batch::{Batch, Conflict};
use shop_core::error::BoxError;
use sqlx_core::error::Error;
use sqlx_core::sql_str::{AssertSqlSafe, SqlSafeStr as _, SqlStr};
use sqlx_postgres::{PgDatabaseError, PgSeverity};
use tokio::time::timeout;

use super::fill_permit::FillPermit;
use super::group::{Group, Refused};
use super::row_by_row;
use super::statement_runner::ApplyError;
use crate::error::{FailureKind, failure_kind, is_state};
use crate::pool::{Lease, Pool};

/// How a transaction ended if it was not committed.
#[derive(Debug)]
pub(crate) enum End {
    /// A guard of a group failed; nothing was written.
    Refused(Refused),
    /// A guard of the single batch failed; nothing was written.
    Conflict(Conflict),
    /// Another transaction interfered; nothing was written, and a retry may succeed.
    Again(BoxError),
    /// Another transaction holds a lock for long; nothing was written.
    Locked(Error),
    /// No connection was available within the acquire timeout.
    Unreachable(Error),
    /// Postgres failed; nothing was written.
    Failed(Error),
    /// The batch is invalid; nothing was written.
    Fault(BoxError),
    /// The connection was lost during COMMIT: the transaction may or may not be committed.
    Unknown(BoxError),
}

/// The work of a transaction.
pub(crate) enum TransactionWork<'a> {
    /// Applies a group, set-wise.
    Group(&'a Group<'a>),
    /// Writes nothing, but finds out which batches of a group would have to wait. Never commits.
    Probe(&'a Group<'a>),
    /// Applies one batch, write by write.
    RowByRow(&'a Batch),
}

/// Begins every transaction. All its statements find rows by key, so their plans must not depend on the statistics at
/// planning time (for an empty table: "scan it all"). The last setting marks the transaction as the store's own, and
/// short, for the counts.
const BEGIN: &str = "BEGIN; SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off; \
    SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL shop.slots = 'own'";

/// Used if this cannot be set when the connection is made: with `off`, a commit would return before it is durable.
/// Settings stricter than `on` are kept.
const DURABLE: &str =
    "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'";

/// The lock timeout of [`LockTimeout::Short`], in milliseconds. The store's own transactions hold locks for
/// milliseconds; a host's transaction with a batch in it ([`super::commit_in`]) may hold them for any time.
const SHORT_LOCK_TIMEOUT: &str = "; SET LOCAL lock_timeout = 500";

/// The SQLSTATE of a lock that was not available in that time.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// How long a transaction waits for locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LockTimeout {
    /// Briefly, because many callers wait behind it.
    Short,
    /// As long as a statement may take.
    Full,
}

/// The SQLSTATE of a read-only server: it became a standby, and another connection may reach the primary.
const READ_ONLY: &str = "25006";

/// Runs transactions.
pub(crate) struct Transactions {
    pool: Arc<Pool>,
    /// Begins a transaction with [`LockTimeout::Short`].
    begin_short: SqlStr,
    /// Begins a transaction with [`LockTimeout::Full`].
    begin_full: SqlStr,
    /// How long a whole transaction may take, as measured here.
    transaction_timeout: Duration,
}

impl Transactions {
    pub(crate) fn new(pool: Arc<Pool>) -> Self {
        let options = pool.options();
        let mut begin = BEGIN.to_owned();
        if options.is_pgbouncer() {
            // Behind pgbouncer this cannot be set when the connection is made.
            let (statement, idle) = (options.longest_statement(), options.longest_idle_in_transaction());
            begin = format!(
                "{begin}; SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SET LOCAL jit = off; \
                {DURABLE}; \
                SET LOCAL statement_timeout = {}; SET LOCAL idle_in_transaction_session_timeout = {}",
                statement.as_millis(),
                idle.as_millis()
            );
        }
        let begin_short = shared(format!("{begin}{SHORT_LOCK_TIMEOUT}"));
        let begin_full = shared(begin);
        let transaction_timeout = options.longest_statement() * 2 + options.timeout();
        Self { pool, begin_short, begin_full, transaction_timeout }
    }

    /// Does the work and commits it. The permit is passed on before COMMIT.
    pub(crate) async fn run(
        &self,
        work: &TransactionWork<'_>,
        lock_timeout: LockTimeout,
        fill_permit: &mut FillPermit,
    ) -> Result<(), End> {
        let mut lease = fill_permit.during(self.pool.acquire()).await.map_err(End::Unreachable)?;
        match timeout(self.transaction_timeout, fill_permit.during(self.work(&mut lease, work, lock_timeout))).await {
            Ok(Ok(())) => {}
            Ok(Err(end)) => {
                fill_permit.pass_on();
                self.give_back(lease, &end).await;
                return Err(end);
            }
            // COMMIT was not sent; closing the connection ends its transaction.
            Err(_) => {
                lease.discard();
                return Err(End::Failed(Error::PoolTimedOut));
            }
        }
        fill_permit.pass_on();
        let committed = timeout(self.transaction_timeout, lease.session().simple("COMMIT")).await;
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

    async fn work(&self, lease: &mut Lease, work: &TransactionWork<'_>, lock_timeout: LockTimeout) -> Result<(), End> {
        let begin = match lock_timeout {
            LockTimeout::Short => &self.begin_short,
            LockTimeout::Full => &self.begin_full,
        };
        lease.session().simple(begin.clone()).await.map_err(failed)?;
        match work {
            TransactionWork::Group(group) => match group.apply(&mut lease.session()).await.map_err(failed)? {
                None => Ok(()),
                Some(refused) => Err(End::Refused(refused)),
            },
            TransactionWork::Probe(group) => {
                let found = group.probe(&mut lease.session()).await.map_err(failed)?;
                Err(End::Refused(found.unwrap_or_default()))
            }
            TransactionWork::RowByRow(batch) => {
                row_by_row::apply(lease.session(), batch).await.map_err(|failure| match failure {
                    ApplyError::Conflict(conflict) => End::Conflict(conflict),
                    ApplyError::Sql(error) => failed(error),
                    ApplyError::Fault(fault) => End::Fault(fault),
                    ApplyError::Again => End::Again("a unique key was taken in between".into()),
                })
            }
        }
    }

    async fn give_back(&self, mut lease: Lease, end: &End) {
        if let End::Failed(error) = end
            && (failure_kind(error) == FailureKind::Lost || is_state(error, READ_ONLY))
        {
            lease.discard();
            return;
        }
        // Without a response, the connection is not clean; dropping it closes it.
        if let Ok(Ok(())) = timeout(self.transaction_timeout, lease.session().simple("ROLLBACK")).await {
            lease.release();
        }
    }
}

/// One text that all transactions share.
fn shared(sql: String) -> SqlStr {
    AssertSqlSafe(Arc::<str>::from(sql)).into_sql_str()
}

fn failed(error: Error) -> End {
    match failure_kind(&error) {
        _ if is_state(&error, LOCK_NOT_AVAILABLE) => End::Locked(error),
        FailureKind::Clash => End::Again(error.into()),
        _ => End::Failed(error),
    }
}

/// True if the database itself reported that it did not commit. An error that ends the connection may have come after
/// the commit was written.
fn was_refused(error: &Error) -> bool {
    let error = error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    error.is_some_and(|error| error.severity() == PgSeverity::Error)
}
