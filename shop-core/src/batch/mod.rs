//! A decision as data: the rows to write, and the preconditions that must still hold at the commit.
//!
//! A [`Batch`] is applied atomically. Each write carries its own guard. A guard that fails is returned by name as a
//! [`Conflict`]; the caller then loads and decides again.

mod writes;

use uuid::Uuid;

use crate::clock::{DecisionContext, Timestamp};
use crate::error::{Error, Result};
use crate::id::{LocationId, OperationId, OtpId, PromotionId, SessionId, UserId, VariantId};
use crate::idempotency::IdempotencyRecord;
use crate::model::accounts::DailyLimit;
use crate::model::outbox::{Event, EventKind};

pub use writes::{AccountsWrite, CatalogWrite, InventoryWrite, OrdersWrite, OutboxWrite, StockSettings};

pub use crate::row::{Entity, Unique, Versioned};

/// Checks a row against the version that the caller saw. `None` accepts any version.
///
/// # Errors
/// [`Error::VersionMismatch`] when the versions differ.
pub(crate) fn expect_version(row: &impl Versioned, expected: Option<i64>) -> Result<()> {
    match expected {
        Some(expected) if expected != row.version() => Err(Error::VersionMismatch),
        _ => Ok(()),
    }
}

/// A change of one row, with its guard.
///
/// A write with several guards checks the id or the version first, then its unique keys in the order in which its docs
/// name them, then the remaining guards in its docs.
#[derive(Debug, Clone, PartialEq)]
pub enum Change<T> {
    /// Inserts the row. Guard: no row has its id or any of its unique keys, else [`Conflict::Exists`] ([`Unique::Id`]
    /// for the id).
    Insert(T),
    /// Replaces the row. Its `version` is the new one; guard: the stored version is exactly one less, else
    /// [`Conflict::Stale`]. Unique keys are checked as for an insert.
    Update(T),
    /// Deletes the row. Guard: the stored version, else [`Conflict::Stale`]. Deleting a kind of row that is never
    /// deleted is a caller's bug: [`StoreError::Fault`](crate::store::StoreError::Fault).
    Delete {
        /// The id of the row.
        id: Uuid,
        /// The version that the decision read.
        version: i64,
    },
}

/// A precondition on a row that the decision relied on but does not write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Precondition {
    /// The row exists at exactly this version, else [`Conflict::Stale`]. Any versioned [`Entity`] is allowed (an event
    /// has no version and is always stale). The category tree has the nil id; the version of a tree that was never
    /// changed is 0.
    Version(Entity, Uuid, i64),
    /// The session exists, belongs to this user, is not revoked and is in the user's current epoch, and the user is
    /// active, else [`Conflict::Revoked`]. (Expiry is checked when the caller is identified.)
    LiveSession(SessionId, UserId),
    /// The user exists and is active, else [`Conflict::Inactive`]: for a user without a session, whom the embedding
    /// program vouches for.
    ActiveUser(UserId),
    /// The user's address book has fewer entries than this, else [`Conflict::AddressBookFull`]. Batches that each add
    /// an entry under this precondition are checked one at a time.
    AddressesBelow(UserId, u32),
    /// The stock level exists and is not tracked, else [`Conflict::Stock`]: the line needs no reservation.
    Untracked(VariantId, LocationId),
}

/// One write of a batch, grouped by domain.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a batch holds a handful of writes, each moved once or twice")]
pub enum Write {
    /// A row that has a version is inserted, updated or deleted.
    Row(RowWrite),
    /// One-time passwords and daily counts.
    Accounts(AccountsWrite),
    /// The category tree, the history of prices, and the uses of promotions.
    Catalog(CatalogWrite),
    /// The history of orders.
    Orders(OrdersWrite),
    /// Stock levels and their movements.
    Inventory(InventoryWrite),
    /// Events.
    Outbox(OutboxWrite),
    /// The idempotency record of a call. Unique: [`Unique::IdempotencyRecord`] on caller, operation and key.
    IdempotencyRecord(IdempotencyRecord),
    /// Deletes old rows, without a guard: operations ([`Batch::at`]), idempotency records (`created_at`), relayed
    /// events (`at`), done deliveries (`created_at`), sessions (`expires_at`) and daily counts (`day`) older than
    /// `before`, and abandoned deliveries (`due_at`) older than `given_up_before`.
    Forget {
        /// The cutoff for everything but abandoned deliveries.
        before: Timestamp,
        /// The cutoff for abandoned deliveries.
        given_up_before: Timestamp,
    },
}

macro_rules! row_writes {
    ([] $($entity:ident: $row:ty => $table:ident;)+) => {
        /// A write of a versioned row. The documentation of each row's type says what else its writes do, its unique
        /// keys and its guards.
        #[derive(Debug, Clone, PartialEq)]
        #[expect(missing_docs, reason = "each is a change of the row of the same name")]
        #[expect(clippy::large_enum_variant, reason = "a batch holds a handful of writes, each moved once or twice")]
        pub enum RowWrite {
            $($entity(Change<$row>),)+
        }

        $(
            impl From<Change<$row>> for RowWrite {
                fn from(change: Change<$row>) -> Self {
                    Self::$entity(change)
                }
            }

            impl From<Change<$row>> for Write {
                fn from(change: Change<$row>) -> Self {
                    Self::Row(change.into())
                }
            }
        )+
    };
}

crate::versioned_rows!(row_writes []);

/// Everything that one decision changes. It is applied atomically.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The id of the submission, itself unique ([`Unique::Operation`]): a batch that is resubmitted after an unknown
    /// outcome is applied once.
    pub operation: OperationId,
    /// The time of the decision.
    pub at: Timestamp,
    /// The preconditions of the batch.
    pub preconditions: Vec<Precondition>,
    /// The writes. Guards are checked in this order, each seeing the writes before it; guards that are documented as
    /// checked after the whole batch is written come last.
    pub writes: Vec<Write>,
}

impl Batch {
    /// An empty batch, with a fresh id and the time of `context`.
    #[must_use]
    pub fn new(context: &mut DecisionContext) -> Self {
        Self { operation: context.id(), at: context.now(), preconditions: Vec::new(), writes: Vec::new() }
    }

    /// Adds a write.
    pub fn write(&mut self, write: impl Into<Write>) {
        self.writes.push(write.into());
    }

    /// Deletes a row at the version that was read.
    pub fn delete<T: Versioned>(&mut self, row: &T)
    where
        Write: From<Change<T>>,
    {
        self.write(Change::Delete { id: row.key(), version: row.version() });
    }

    /// Adds a precondition.
    pub fn require(&mut self, precondition: Precondition) {
        self.preconditions.push(precondition);
    }

    /// Requires that a row has not changed since it was read.
    pub fn require_unchanged<T: Versioned>(&mut self, row: &T) {
        self.preconditions.push(Precondition::Version(T::ENTITY, row.key(), row.version()));
    }

    /// Adds a domain event whose subject is `subject`.
    pub fn event(
        &mut self,
        context: &mut DecisionContext,
        kind: EventKind,
        subject: impl Into<Uuid>,
        data: serde_json::Value,
    ) {
        let event = Event { id: context.id(), kind, subject: subject.into(), data, at: context.now() };
        self.writes.push(Write::Outbox(OutboxWrite::Event(event)));
    }

    /// Adds the preconditions and writes of another decision with the same context.
    pub(crate) fn append(&mut self, other: Self) {
        self.preconditions.extend(other.preconditions);
        self.writes.extend(other.writes);
    }

    /// True when the batch writes nothing; such a batch is not submitted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }
}

/// The result of a decision: the batch to write, and the reply to return once it is written.
#[derive(Debug)]
pub struct Decision<T> {
    /// All writes; empty when nothing changes.
    pub batch: Batch,
    /// The reply to the caller.
    pub reply: T,
}

impl<T> Decision<T> {
    /// A decision that changes nothing.
    pub fn unchanged(context: &mut DecisionContext, reply: T) -> Self {
        Self { batch: Batch::new(context), reply }
    }

    /// Keeps the batch and maps the reply.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Decision<U> {
        Decision { batch: self.batch, reply: change(self.reply) }
    }
}

macro_rules! writes {
    ($($from:ident => $variant:ident),+ $(,)?) => {$(
        impl From<$from> for Write {
            fn from(write: $from) -> Self {
                Self::$variant(write)
            }
        }
    )+};
}

writes! {
    RowWrite => Row,
    AccountsWrite => Accounts,
    CatalogWrite => Catalog,
    OrdersWrite => Orders,
    InventoryWrite => Inventory,
    OutboxWrite => Outbox,
    IdempotencyRecord => IdempotencyRecord,
}

/// The guard that failed. Nothing in the batch was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// A unique key already exists.
    #[error("{0:?} is taken")]
    Exists(Unique),
    /// A row is absent or has another version.
    #[error("{0:?} {1} has changed")]
    Stale(Entity, Uuid),
    /// Other rows depend on the row.
    #[error("{0:?} {1} is in use")]
    InUse(Entity, Uuid),
    /// The stock level does not allow the write, or is absent.
    #[error("stock of {0} at {1:?} does not allow it")]
    Stock(VariantId, Option<LocationId>),
    /// A count of orders would exceed its limit or become negative: of this promotion, or (`None`) of all orders of a
    /// customer.
    #[error("the uses of {0:?} do not allow it")]
    Uses(Option<PromotionId>),
    /// A one-time password is no longer current, was used, or has no attempts left.
    #[error("one-time password {0} is spent")]
    Spent(OtpId),
    /// A daily limit of an account is reached.
    #[error("{0:?} of one day are used up")]
    DailyLimit(DailyLimit),
    /// The session is absent, revoked or otherwise no longer live.
    #[error("session {0} ended")]
    Revoked(SessionId),
    /// The user is absent or inactive.
    #[error("user {0} is not active")]
    Inactive(UserId),
    /// The user's address book has reached its limit.
    #[error("the address book of user {0} is full")]
    AddressBookFull(UserId),
}
