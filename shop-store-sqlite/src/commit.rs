//! Applies a batch inside the writer's transaction: its operation id, its preconditions, its writes in order, and the
//! checks at the end of the batch.
//!
//! The open transaction excludes all other writers, so a guard may be a WHERE clause, a constraint or a preceding read:
//! all are atomic with the write. Hot guards are fused into one statement because that is cheaper.

use rusqlite::params;
use shop_core::accounts::DailyCount;
use shop_core::batch::{Batch, Conflict, Entity, Precondition, RowWrite, Unique, Write};
use shop_core::clock::Timestamp;
use shop_core::error::BoxError;
use uuid::Uuid;

use crate::encoded::{EncodedBatch, EncodedWrite};
use crate::list_counts::CountChanges;
use crate::record::{Changed, execute, exists, is_taken, version_of};
use crate::rows::{at, id};
use crate::write_connection::WriteConnection;
use crate::{accounts, catalog, inventory, listed, orders, outbox, shipping};

/// Why a batch was not applied.
#[derive(Debug)]
pub(crate) enum ApplyError {
    /// A guard failed.
    Conflict(Conflict),
    /// SQLite failed.
    Sql(rusqlite::Error),
    /// The batch is invalid.
    Fault(BoxError),
    /// The host's part refused; the host keeps the reason.
    Host,
}

impl From<Conflict> for ApplyError {
    fn from(conflict: Conflict) -> Self {
        Self::Conflict(conflict)
    }
}

impl From<rusqlite::Error> for ApplyError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// The result of applying a write.
pub(crate) type ApplyResult = Result<(), ApplyError>;

/// Applies a whole batch. On a failure the caller rolls back to the state before.
pub(crate) fn apply(connection: &WriteConnection<'_>, tally: &mut CountChanges, encoded: &EncodedBatch) -> ApplyResult {
    let batch = encoded.batch();
    let operation = "INSERT INTO operations (id, at) VALUES (?1, ?2)";
    match execute(connection, operation, &[&id(batch.operation), &at(batch.at)]) {
        Err(error) if is_taken(&error) => return Err(Conflict::Exists(Unique::Operation).into()),
        done => done?,
    };
    for precondition in &batch.preconditions {
        judge(connection, precondition)?;
    }
    for (write, encoded) in encoded.writes() {
        match write {
            Write::Row(write) => apply_row(connection, tally, write, encoded)?,
            Write::Accounts(write) => accounts::apply(connection, write)?,
            Write::Catalog(write) => catalog::apply(connection, tally, write)?,
            Write::Orders(write) => orders::apply(connection, write)?,
            Write::Inventory(write) => inventory::apply(connection, tally, write)?,
            Write::Outbox(write) => outbox::apply(connection, write, encoded)?,
            Write::IdempotencyRecord(record) => outbox::insert_idempotency_record(connection, record)?,
            Write::Forget { before, given_up_before } => forget(connection, *before, *given_up_before)?,
        }
    }
    judge_whole(connection, batch)?;
    connection.forget_versions_after(&batch.writes);
    listed::refresh(connection, tally)
}

fn judge(connection: &WriteConnection<'_>, precondition: &Precondition) -> ApplyResult {
    match *precondition {
        Precondition::Version(entity, key, version) => {
            let current = connection.version((entity, key), || current_version(connection, entity, key))?;
            if current == Some(version) { Ok(()) } else { Err(Conflict::Stale(entity, key).into()) }
        }
        Precondition::LiveSession(session, user) => {
            let live = "SELECT 1 FROM sessions JOIN users ON users.id = sessions.user_id
                WHERE sessions.id = ?1 AND users.id = ?2 AND sessions.revoked_at IS NULL AND users.is_active = 1
                    AND sessions.epoch = users.session_epoch";
            if exists(connection, live, params![id(session), id(user)])? {
                Ok(())
            } else {
                Err(Conflict::Revoked(session).into())
            }
        }
        Precondition::ActiveUser(user) => {
            if exists(connection, "SELECT 1 FROM users WHERE id = ?1 AND is_active = 1", params![id(user)])? {
                Ok(())
            } else {
                Err(Conflict::Inactive(user).into())
            }
        }
        Precondition::AddressesBelow(user, limit) => {
            let full = "SELECT 1 FROM addresses WHERE user_id = ?1 LIMIT 1 OFFSET ?2";
            if limit > 0 && !exists(connection, full, params![id(user), limit - 1])? {
                Ok(())
            } else {
                Err(Conflict::AddressBookFull(user).into())
            }
        }
        Precondition::Untracked(variant, location) => {
            let untracked = "SELECT 1 FROM stock_levels WHERE variant_id = ?1 AND location_id = ?2 AND tracked = 0";
            if exists(connection, untracked, params![id(variant), id(location)])? {
                Ok(())
            } else {
                Err(Conflict::Stock(variant, Some(location)).into())
            }
        }
    }
}

macro_rules! rows {
    ([] $($entity:ident: $row:ty => $table:ident;)+) => {
        /// Applies a change of a row that has a version.
        fn apply_row(
            connection: &WriteConnection<'_>,
            tally: &mut CountChanges,
            write: &RowWrite,
            encoded: &EncodedWrite,
        ) -> ApplyResult {
            match write {
                $(RowWrite::$entity(change) => <$row as Changed>::apply(connection, tally, change, encoded),)+
            }
        }

        fn current_version(connection: &WriteConnection<'_>, entity: Entity, key: Uuid) -> rusqlite::Result<Option<i64>> {
            match entity {
                $(Entity::$entity => version_of::<$row>(connection, key),)+
                Entity::CategoryTree => catalog::tree_version(connection).map(Some),
                // An event has no version.
                Entity::Event => Ok(None),
            }
        }
    };
}

shop_core::versioned_rows!(rows []);

/// Checks conditions that may be violated within a batch but must hold at its end: moving the default flag from one row
/// to another takes two writes.
fn judge_whole(connection: &WriteConnection<'_>, batch: &Batch) -> ApplyResult {
    let owner = |write: &Write| match write {
        Write::Row(RowWrite::Address(change)) => shipping::owner(change),
        _ => None,
    };
    for user in batch.writes.iter().filter_map(owner) {
        if shipping::default_addresses(connection, user)? > 1 {
            return Err(Conflict::Exists(Unique::DefaultAddress).into());
        }
    }
    let locations = batch.writes.iter().any(|write| matches!(write, Write::Row(RowWrite::Location(_))));
    if locations && inventory::default_locations(connection)? != 1 {
        return Err(Conflict::Exists(Unique::DefaultLocation).into());
    }
    Ok(())
}

fn forget(connection: &WriteConnection<'_>, before: Timestamp, given_up_before: Timestamp) -> ApplyResult {
    for (sql, limit) in [
        ("DELETE FROM operations WHERE at < ?1", before),
        ("DELETE FROM answers WHERE created_at < ?1", before),
        ("DELETE FROM events WHERE relayed = 1 AND at < ?1", before),
        ("DELETE FROM deliveries WHERE status = 'done' AND created_at < ?1", before),
        ("DELETE FROM deliveries WHERE status = 'dead' AND due_at < ?1", given_up_before),
        ("DELETE FROM sessions WHERE expires_at < ?1", before),
    ] {
        execute(connection, sql, &[&at(limit)])?;
    }
    execute(connection, "DELETE FROM daily_counts WHERE day < ?1", &[&DailyCount::day_of(before)])?;
    Ok(())
}
