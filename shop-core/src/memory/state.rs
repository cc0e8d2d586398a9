//! All tables, the unique keys, and how a batch is applied to them.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::engine::{EngineRow, ReadRows, WriteRows, json_key};
use super::table::TypedTable;
use crate::batch::{Batch, Change, Conflict, Entity, Precondition, RowWrite, Unique, Versioned, Write};
use crate::clock::Timestamp;
use crate::id::{CartId, LocationId, OperationId, OrderId, RefundId, SessionId, UserId, VariantId};
use crate::idempotency::{IdempotencyRecord, IdempotencyRecordKey};
use crate::model::accounts::{DailyCount, DailyLimit, Otp};
use crate::model::catalog::PricePeriod;
use crate::model::inventory::{Movement, StockLevel};
use crate::model::orders::HistoryEntry;
use crate::model::outbox::Event;
use crate::model::promotions::Counter;
use crate::row;
use crate::secret::KeyFingerprint;
use crate::store::{CommitError, StoreError, StoreResult};

/// The result of a guard.
pub(super) type Judged<T = ()> = Result<T, CommitError>;

/// An event, and whether it was relayed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct StoredEvent {
    pub(super) event: Event,
    pub(super) relayed: bool,
}

macro_rules! state {
    ([$($table:ident: $key:ty => $row:ty,)+] $($entity:ident: $versioned:ty => $versioned_table:ident;)+) => {
        /// All stored rows, as one transaction sees them.
        pub(super) struct State<'t, T> {
            $(pub(super) $table: TypedTable<'t, T, $key, $row>,)+
            $(pub(super) $versioned_table: TypedTable<'t, T, Uuid, $versioned>,)+
        }

        impl<'t, T: ReadRows> State<'t, T> {
            /// The tables of a transaction.
            pub(super) fn of(rows: &'t T) -> Self {
                Self {
                    $($table: TypedTable::new(rows, stringify!($table)),)+
                    $($versioned_table: TypedTable::new(rows, stringify!($versioned_table)),)+
                }
            }

            fn version(&self, entity: Entity, id: Uuid) -> StoreResult<Option<i64>> {
                match entity {
                    $(Entity::$entity => version_of(&self.$versioned_table, id),)+
                    Entity::CategoryTree => self.tree_version().map(Some),
                    // An event has no version.
                    Entity::Event => Ok(None),
                }
            }
        }

        $(impl Stored for $versioned {
            fn tables<'s, 't, T>(state: &'s mut State<'t, T>) -> Tables<'s, 't, T, Self> {
                (&mut state.$versioned_table, &mut state.uniques)
            }
        })+

        impl<T: WriteRows> State<'_, T> {
            fn write_row(&mut self, write: &RowWrite) -> Judged {
                match write {
                    $(RowWrite::$entity(change) => VersionedRow::write(self, change),)+
                }
            }
        }
    };
}

/// The table of a kind of row, and that of all unique keys.
pub(super) type Tables<'s, 't, T, R> = (&'s mut TypedTable<'t, T, Uuid, R>, &'s mut TypedTable<'t, T, UniqueKey, Uuid>);

/// A kind of row that has a table.
pub(super) trait Stored: Versioned + EngineRow + row::Row {
    /// Its tables.
    fn tables<'s, 't, T>(state: &'s mut State<'t, T>) -> Tables<'s, 't, T, Self>;
}

/// A kind of versioned row: its unique keys, and what a change of it entails.
pub(super) trait VersionedRow: Stored {
    /// Its unique keys other than the id, in the order in which they are checked.
    fn keys(&self) -> Vec<UniqueKey> {
        Vec::new()
    }

    /// Applies a change, and the changes of other rows that follow from it.
    fn write<T: WriteRows>(state: &mut State<'_, T>, change: &Change<Self>) -> Judged {
        write(state, change)
    }
}

fn version_of<T: ReadRows, R: Versioned + EngineRow>(
    table: &TypedTable<'_, T, Uuid, R>,
    id: Uuid,
) -> StoreResult<Option<i64>> {
    Ok(table.get(&id)?.as_ref().map(Versioned::version))
}

crate::versioned_rows!(state [
    operations: OperationId => Timestamp,
    answers: IdempotencyRecordKey => IdempotencyRecord,
    uniques: UniqueKey => Uuid,
    otps: UserId => Otp,
    daily_counts: DailyKey => DailyCount,
    tree_version: () => i64,
    key_fingerprint: () => KeyFingerprint,
    price_history: VariantId => Vec<PricePeriod>,
    uses: Counter => i64,
    history: Uuid => HistoryEntry,
    levels: (VariantId, LocationId) => StockLevel,
    movements: Uuid => Movement,
    events: Uuid => StoredEvent,
]);

impl<T: WriteRows> State<'_, T> {
    /// Applies a batch. If it is refused, the engine must undo what was written so far.
    pub(super) fn apply(&mut self, batch: &Batch) -> Judged {
        if self.operations.contains(&batch.operation)? {
            return Err(Conflict::Exists(Unique::Operation).into());
        }
        self.operations.put(batch.operation, batch.at)?;
        batch.preconditions.iter().try_for_each(|precondition| self.require(precondition))?;
        batch.writes.iter().try_for_each(|write| self.write(write))?;
        self.judge_default_addresses(batch)?;
        self.judge_default_location(batch)
    }

    fn write(&mut self, write: &Write) -> Judged {
        match write {
            Write::Row(write) => self.write_row(write),
            Write::Accounts(write) => self.write_accounts(write),
            Write::Catalog(write) => self.write_catalog(write),
            Write::Orders(write) => self.write_orders(write),
            Write::Inventory(write) => self.write_inventory(write),
            Write::Outbox(write) => self.write_outbox(write),
            Write::IdempotencyRecord(record) => self.write_idempotency_record(record),
            Write::Forget { before, given_up_before } => self.forget(*before, *given_up_before),
        }
    }
}

impl<T: ReadRows> State<'_, T> {
    /// The row that holds a unique key.
    pub(super) fn under<R: EngineRow>(
        &self,
        table: &TypedTable<'_, T, Uuid, R>,
        key: &UniqueKey,
    ) -> StoreResult<Option<R>> {
        self.uniques.get(key)?.map_or(Ok(None), |id| table.get(&id))
    }

    fn require(&self, precondition: &Precondition) -> Judged {
        match *precondition {
            Precondition::Version(entity, id, version) => {
                if self.version(entity, id)? == Some(version) {
                    Ok(())
                } else {
                    Err(Conflict::Stale(entity, id).into())
                }
            }
            Precondition::LiveSession(session, user) => {
                if self.is_live(session, user)? {
                    Ok(())
                } else {
                    Err(Conflict::Revoked(session).into())
                }
            }
            Precondition::ActiveUser(user) => match self.users.get(&user.0)? {
                Some(user) if user.is_active => Ok(()),
                _ => Err(Conflict::Inactive(user).into()),
            },
            Precondition::AddressesBelow(user, limit) => {
                let addresses = self.addresses.keys_where(|address| address.user_id == user)?;
                if addresses.len() < limit as usize { Ok(()) } else { Err(Conflict::AddressBookFull(user).into()) }
            }
            Precondition::Untracked(variant, location) => match self.levels.get(&(variant, location))? {
                Some(level) if !level.tracked => Ok(()),
                _ => Err(Conflict::Stock(variant, Some(location)).into()),
            },
        }
    }

    fn is_live(&self, session: SessionId, user: UserId) -> StoreResult<bool> {
        let (Some(session), Some(user)) = (self.sessions.get(&session.0)?, self.users.get(&user.0)?) else {
            return Ok(false);
        };
        Ok(session.user_id == user.id
            && session.revoked_at.is_none()
            && session.epoch == user.session_epoch
            && user.is_active)
    }

    /// The version of the category tree; 0 until its first change of shape.
    pub(super) fn tree_version(&self) -> StoreResult<i64> {
        Ok(self.tree_version.get(&())?.unwrap_or_default())
    }
}

/// A unique key and its value. `State::uniques` contains the id of its holder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum UniqueKey {
    UserEmail(String),
    UserUsername(String),
    CategorySlug(String),
    ProductSlug(String),
    Variant(VariantId),
    VariantSku(String),
    PromotionCode(String),
    /// The class, the country, and the folded region.
    TaxRate(String, String, String),
    OpenCart(UserId),
    OrderNumber(String),
    OrderOfCart(CartId),
    LivePayment(OrderId),
    Refund(RefundId),
    LocationCode(String),
}

/// The user, and what is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct DailyKey(pub(super) UserId, pub(super) DailyLimit);

json_key!(DailyKey);
json_key!(UniqueKey);
json_key!(IdempotencyRecordKey);

impl UniqueKey {
    fn name(&self) -> Unique {
        match self {
            Self::UserEmail(_) => Unique::UserEmail,
            Self::UserUsername(_) => Unique::UserUsername,
            Self::CategorySlug(_) => Unique::CategorySlug,
            Self::ProductSlug(_) => Unique::ProductSlug,
            Self::VariantSku(_) => Unique::VariantSku,
            Self::PromotionCode(_) => Unique::PromotionCode,
            Self::TaxRate(..) => Unique::TaxRate,
            Self::OpenCart(_) => Unique::OpenCart,
            Self::OrderNumber(_) => Unique::OrderNumber,
            Self::OrderOfCart(_) => Unique::OrderOfCart,
            Self::LivePayment(_) => Unique::LivePayment,
            Self::LocationCode(_) => Unique::LocationCode,
            Self::Variant(_) | Self::Refund(_) => Unique::OtherId,
        }
    }
}

/// Applies a change of one row: checks its id or version, then its unique keys.
pub(super) fn write<T: WriteRows, R: VersionedRow>(state: &mut State<'_, T>, change: &Change<R>) -> Judged {
    let (table, uniques) = R::tables(state);
    let row = match change {
        Change::Insert(row) if table.contains(&row.key())? => {
            return Err(Conflict::Exists(Unique::Id(R::ENTITY)).into());
        }
        Change::Insert(row) => Some(row),
        Change::Update(row) => {
            let stored = table.get(&row.key())?.filter(|stored| stored.version().checked_add(1) == Some(row.version()));
            release(uniques, &stored.ok_or(Conflict::Stale(R::ENTITY, row.key()))?.keys())?;
            Some(row)
        }
        Change::Delete { .. } if !R::TABLE.deletable => {
            return Err(StoreError::Fault(format!("{:?} is never deleted", R::ENTITY).into()).into());
        }
        Change::Delete { id, version } => {
            let stored = table.get(id)?.filter(|stored| stored.version() == *version);
            release(uniques, &stored.ok_or(Conflict::Stale(R::ENTITY, *id))?.keys())?;
            table.remove(id)?;
            None
        }
    };
    if let Some(row) = row {
        for key in row.keys() {
            if uniques.contains(&key)? {
                return Err(Conflict::Exists(key.name()).into());
            }
            uniques.put(key, row.key())?;
        }
        table.put(row.key(), row.clone())?;
    }
    Ok(())
}

fn release<T: WriteRows>(uniques: &mut TypedTable<'_, T, UniqueKey, Uuid>, keys: &[UniqueKey]) -> StoreResult<()> {
    keys.iter().try_for_each(|key| uniques.remove(key))
}

/// Inserts an unversioned row.
pub(super) fn insert<T: WriteRows, R: EngineRow>(table: &mut TypedTable<'_, T, Uuid, R>, id: Uuid, row: R) -> Judged {
    if table.contains(&id)? {
        return Err(Conflict::Exists(Unique::OtherId).into());
    }
    Ok(table.put(id, row)?)
}
