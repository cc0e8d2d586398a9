//! Applies one batch write by write: slower than a group, but it names the guard that fails.

use std::collections::BTreeSet;
use std::convert::Infallible;

use shop_core::batch::{Batch, Change, Conflict, Entity, Precondition, RowWrite, Unique, Write};
use shop_core::inventory::StockDelta;
use shop_core::promotions::UsesDelta;
use sqlx::postgres::PgArguments;
use uuid::Uuid;

use super::effects::{Effects, Related};
use super::lock::Locks;
use super::part::TableOperation;
use super::statement_runner::{ApplyError, ApplyResult, StatementRunner};
use super::stock::Sum;
use super::tables::{Operation, TableId};
use super::uses::UsesSum;
use super::value::RowValues;
use super::{apply, outbox};
use crate::pool::Session;

/// Applies a whole batch in the open transaction. On a failure the caller rolls back to the state before.
pub(crate) async fn apply(session: Session<'_>, batch: &Batch) -> ApplyResult {
    let RowByRow { locks, steps, .. } = RowByRow::of(batch);
    let mut runner = StatementRunner::new(session);
    locks.take(&mut runner).await?;
    let taken = Conflict::Exists(Unique::Operation);
    runner.write(Operation::Insert.on(TableId::Operation), outbox::operation(batch), Some(taken)).await?;
    for precondition in &batch.preconditions {
        runner.require(precondition).await?;
    }
    for step in steps {
        match step {
            Step::Statement(write) => apply::statement(&mut runner, write).await?,
            Step::Row { part, row, refused } => runner.write(part, row, refused).await?,
        }
    }
    runner.judge_whole(batch).await?;
    runner.finish().await
}

/// A step of the transaction.
#[derive(Debug)]
enum Step<'b> {
    /// A write is applied by its own statements.
    Statement(&'b Write),
    /// A row is written by this part.
    Row { part: TableOperation, row: RowValues, refused: Option<Conflict> },
}

/// What a batch does, row by row.
#[derive(Debug, Default)]
struct RowByRow<'b> {
    locks: Locks,
    steps: Vec<Step<'b>>,
    /// The write whose effects are added.
    write: Option<&'b Write>,
}

impl<'b> RowByRow<'b> {
    fn of(batch: &'b Batch) -> Self {
        let mut done = Self::default();
        for precondition in &batch.preconditions {
            let Ok(()) = apply::require(precondition, &mut done);
        }
        for write in &batch.writes {
            done.write = Some(write);
            let Ok(()) = apply::effects(write, &mut done);
        }
        done
    }
}

impl<'b> Effects<'b> for RowByRow<'b> {
    type Stop = Infallible;

    fn unbatchable(&mut self) -> Result<(), Infallible> {
        self.statement();
        Ok(())
    }

    fn statement(&mut self) {
        self.steps.extend(self.write.map(Step::Statement));
    }

    fn lock(&mut self, part: TableOperation, key: &[Uuid], _: Option<i64>) -> Result<(), Infallible> {
        self.locks.row(part, key);
        Ok(())
    }

    fn also(&mut self, related: Related<'b>) {
        self.locks.also(related);
    }

    fn grouped<R: IntoIterator<Item = RowValues>>(
        &mut self,
        _: TableOperation,
        _: impl FnOnce() -> R,
    ) -> Result<(), Infallible> {
        Ok(())
    }

    fn row(&mut self, part: TableOperation, row: RowValues, refused: Option<Conflict>) -> Result<(), Infallible> {
        self.steps.push(Step::Row { part, row, refused });
        Ok(())
    }

    fn stock(&mut self, delta: &StockDelta) -> Result<(), Infallible> {
        let (variant, location) = (delta.variant_id.0, delta.location_id.0);
        self.locks.row(Operation::OwnKey.on(TableId::StockLevel), &[variant, location]);
        let refused = Conflict::Stock(delta.variant_id, Some(delta.location_id));
        self.row(Operation::Add.on(TableId::StockLevel), Sum::of(delta).row(variant, location), Some(refused))
    }

    fn uses(&mut self, delta: &UsesDelta) -> Result<(), Infallible> {
        let (promotion, customer) = delta.counter.key();
        self.locks.uses(promotion, customer);
        let refused = Conflict::Uses(delta.counter.promotion());
        self.row(Operation::Add.on(TableId::Uses), UsesSum::of(delta).row(promotion, customer), Some(refused))
    }
}

impl StatementRunner<'_> {
    async fn require(&mut self, precondition: &Precondition) -> ApplyResult {
        let (holds, conflict) = match *precondition {
            Precondition::Version(entity, id, version) => {
                (self.is_at(entity, id, version).await?, Conflict::Stale(entity, id))
            }
            Precondition::LiveSession(session, user) => {
                let live = "SELECT 1 FROM sessions JOIN users ON users.id = sessions.user_id
                    WHERE sessions.id = $1 AND users.id = $2 AND sessions.revoked_at IS NULL AND users.is_active
                        AND sessions.epoch = users.session_epoch";
                (self.exists(live, (session.0, user.0)).await?, Conflict::Revoked(session))
            }
            Precondition::ActiveUser(user) => {
                let active = "SELECT 1 FROM users WHERE id = $1 AND is_active";
                (self.exists(active, (user.0,)).await?, Conflict::Inactive(user))
            }
            Precondition::AddressesBelow(user, limit) => {
                let full = "SELECT 1 FROM addresses WHERE user_id = $1 LIMIT 1 OFFSET $2";
                let below = i64::from(limit) - 1;
                let holds = below >= 0 && !self.exists(full, (user.0, below)).await?;
                (holds, Conflict::AddressBookFull(user))
            }
            Precondition::Untracked(variant, location) => {
                let untracked = "SELECT 1 FROM stock_levels WHERE variant_id = $1 AND location_id = $2 AND NOT tracked";
                let holds = self.exists(untracked, (variant.0, location.0)).await?;
                (holds, Conflict::Stock(variant, Some(location)))
            }
        };
        if holds { Ok(()) } else { Err(conflict.into()) }
    }

    async fn is_at(&mut self, entity: Entity, id: Uuid, version: i64) -> Result<bool, ApplyError> {
        match entity {
            Entity::CategoryTree => {
                self.exists("SELECT 1 FROM category_tree WHERE one AND version = $1", (version,)).await
            }
            // An event has no version.
            Entity::Event => Ok(false),
            _ => self.exists(&TableId::from(entity).table().statements().version, (id, version)).await,
        }
    }

    /// Checks conditions that may be violated within a batch but must hold at its end: moving the default flag from one
    /// row to another takes two writes. Only one transaction at a time can do this (see [`super::lock`]).
    async fn judge_whole(&mut self, batch: &Batch) -> ApplyResult {
        let owner = |write: &Write| match write {
            Write::Row(RowWrite::Address(Change::Insert(address) | Change::Update(address))) => Some(address.user_id),
            _ => None,
        };
        let owners: BTreeSet<_> = batch.writes.iter().filter_map(owner).collect();
        for user in owners {
            let two = "SELECT 1 FROM addresses WHERE user_id = $1 AND is_default OFFSET 1";
            if self.exists(two, (user.0,)).await? {
                return Err(Conflict::Exists(Unique::DefaultAddress).into());
            }
        }
        if batch.writes.iter().any(|write| matches!(write, Write::Row(RowWrite::Location(_)))) {
            let rows = self.session.rows("SELECT 1 FROM locations WHERE is_default LIMIT 2", PgArguments::default());
            if rows.await?.len() != 1 {
                return Err(Conflict::Exists(Unique::DefaultLocation).into());
            }
        }
        Ok(())
    }
}
