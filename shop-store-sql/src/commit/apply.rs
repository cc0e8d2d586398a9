//! Dispatch: the effects of each kind of write and precondition, and its statements row by row.

use shop_core::batch::{Change, Precondition, RowWrite, Write};

use super::change::WriteRow;
use super::effects::{Effects, Related};
use super::statement_runner::{ApplyResult, StatementRunner};
use super::tables::{Operation, TableId};
use super::value::RowValues;
use super::{accounts, catalog, inventory, orders, outbox};

/// The effects of a write.
pub(super) fn effects<'b, E: Effects<'b>>(write: &'b Write, to: &mut E) -> Result<(), E::Stop> {
    match write {
        Write::Row(write) => {
            to.statement();
            row_effects(write, to)
        }
        Write::Accounts(write) => accounts::effects(write, to),
        Write::Catalog(write) => catalog::effects(write, to),
        Write::Orders(write) => orders::effects(write, to),
        Write::Inventory(write) => inventory::effects(write, to),
        Write::Outbox(write) => outbox::effects(write, to),
        Write::IdempotencyRecord(record) => to.insert(record),
        Write::Forget { .. } => to.unbatchable(),
    }
}

/// The effects of a precondition: the rows that must not change.
pub(super) fn require<'b, E: Effects<'b>>(precondition: &Precondition, to: &mut E) -> Result<(), E::Stop> {
    match *precondition {
        Precondition::Version(entity, id, version) => to.lock(Operation::Share.on(entity.into()), &[id], Some(version)),
        Precondition::LiveSession(session, user) => {
            to.lock(Operation::Live.on(TableId::User), &[user.0], None)?;
            to.lock(Operation::Live.on(TableId::Session), &[session.0, user.0], None)
        }
        Precondition::ActiveUser(user) => to.lock(Operation::Live.on(TableId::User), &[user.0], None),
        // Address books are changed one batch at a time.
        Precondition::AddressesBelow(user, _) => {
            to.also(Related::AddressBook(user.0));
            to.unbatchable()
        }
        Precondition::Untracked(variant, location) => {
            to.lock(Operation::ShareKey.on(TableId::StockLevel), &[variant.0, location.0], None)
        }
    }
}

/// The effects of a change of a versioned row.
fn change_effects<'b, T: WriteRow, E: Effects<'b>>(change: &'b Change<T>, to: &mut E) -> Result<(), E::Stop> {
    T::effects(change, to)?;
    let own = Operation::Own.on(T::TABLE_ID);
    match change {
        // There is nothing to lock yet.
        Change::Insert(row) => to.grouped(Operation::Insert.on(T::TABLE_ID), || [row.row()]),
        Change::Update(row) => {
            to.lock(own, &[row.key()], row.version().checked_sub(1))?;
            to.grouped(Operation::Update.on(T::TABLE_ID), || [row.row()])
        }
        Change::Delete { id, version } => {
            to.lock(own, &[*id], Some(*version))?;
            to.grouped(Operation::Delete.on(T::TABLE_ID), || [RowValues::at_version(*id, Some(*version))])
        }
    }
}

macro_rules! rows {
    ([] $($entity:ident: $row:ty => $table:ident;)+) => {
        fn row_effects<'b, E: Effects<'b>>(write: &'b RowWrite, to: &mut E) -> Result<(), E::Stop> {
            match write {
                $(RowWrite::$entity(change) => change_effects::<$row, E>(change, to),)+
            }
        }

        async fn apply_row(runner: &mut StatementRunner<'_>, write: &RowWrite) -> ApplyResult {
            match write {
                $(RowWrite::$entity(change) => <$row as WriteRow>::apply(runner, change).await,)+
            }
        }
    };
}

shop_core::versioned_rows!(rows []);

/// Applies a write by its own statements.
pub(super) async fn statement(runner: &mut StatementRunner<'_>, write: &Write) -> ApplyResult {
    match write {
        Write::Row(write) => apply_row(runner, write).await,
        Write::Accounts(write) => accounts::apply(runner, write).await,
        Write::Catalog(write) => catalog::apply(runner, write).await,
        Write::Inventory(write) => inventory::apply(runner, write).await,
        Write::Outbox(write) => outbox::apply(runner, write).await,
        Write::Forget { before, given_up_before } => outbox::forget(runner, *before, *given_up_before).await,
        // They are rows only.
        Write::Orders(_) | Write::IdempotencyRecord(_) => Ok(()),
    }
}
