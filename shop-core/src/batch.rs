//! A decision as data: what is to be written, and what must still be true when it is.
//!
//! A [`Batch`] is applied whole or not at all. Each write carries its own guard, fused with it, and a guard
//! that fails comes back by name as a [`Conflict`]; the caller loads and decides again.

use uuid::Uuid;

use crate::accounts::{AccountsWrite, DailyLimit};
use crate::catalog::CatalogWrite;
use crate::clock::{Moment, Timestamp};
use crate::error::{Error, Result};
use crate::id::{LocationId, OperationId, OtpId, PromotionId, SessionId, UserId, VariantId};
use crate::idempotency::Answer;
use crate::inventory::InventoryWrite;
use crate::orders::OrdersWrite;
use crate::outbox::{Event, EventKind, OutboxWrite};

macro_rules! entities {
    ([$($other:ident)*] $($entity:ident: $row:ty => $table:ident;)+) => {
        /// A kind of row that counts versions, or that a guard can name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "each is the domain type of the same name")]
        pub enum Entity {
            $($entity,)+
            $($other,)*
        }
    };
}

crate::versioned_rows!(entities [CategoryTree Event]);

/// A row with an id whose changes are counted.
pub trait Versioned {
    /// Which kind.
    const ENTITY: Entity;
    /// Its id.
    fn key(&self) -> Uuid;
    /// Its version.
    fn version(&self) -> i64;
}

/// Passes a row at the version that the caller saw; whoever names none takes any.
///
/// # Errors
/// [`Error::VersionMismatch`].
pub(crate) fn expect_version(row: &impl Versioned, expected: Option<i64>) -> Result<()> {
    match expected {
        Some(expected) if expected != row.version() => Err(Error::VersionMismatch),
        _ => Ok(()),
    }
}

/// What happens to one row, and the guard fused with it.
///
/// A write with several guards judges the id or the version first, then its unique keys in the order in which its
/// docs name them, then what else its docs name.
#[derive(Debug, Clone, PartialEq)]
pub enum Change<T> {
    /// The row is new. Guard: no row has its id, nor any of its unique keys: [`Conflict::Exists`]
    /// ([`Unique::Id`] for the id).
    Insert(T),
    /// The row is replaced. Its `version` is the new one; guard: the stored one is exactly one less, else
    /// [`Conflict::Stale`]. Unique keys as for an insert.
    Update(T),
    /// The row goes. Guard: the stored version, else [`Conflict::Stale`]. For a kind of row that is never deleted
    /// it is a mistake of the caller: [`StoreError::Fault`](crate::store::StoreError::Fault).
    Delete {
        /// Which row.
        id: Uuid,
        /// Its version as the decision saw it.
        version: i64,
    },
}

/// A row that the decision relied on and does not write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Require {
    /// The row is there at exactly this version, else [`Conflict::Stale`]. Any [`Entity`] that counts versions
    /// (an event counts none and is always stale); for the category tree the id is nil, and the version of a tree
    /// that was never reshaped is 0.
    Version(Entity, Uuid, i64),
    /// The session is there, this person's, not revoked, in the person's current epoch, and the person is active,
    /// else [`Conflict::Revoked`]. (That it is not over is judged when the caller is identified.)
    LiveSession(SessionId, UserId),
    /// The person is there and active, else [`Conflict::Inactive`]: for a person without a session, whom the embedding
    /// program vouches for.
    ActiveUser(UserId),
    /// The person's address book has fewer entries than this, else [`Conflict::AddressBookFull`]. Of several batches that
    /// each add an entry under this requirement, no two are judged at once.
    AddressesBelow(UserId, u32),
    /// The level is there and not tracked, else [`Conflict::Stock`]: the line needs no reservation.
    Untracked(VariantId, LocationId),
}

/// One write of a batch, by domain.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a batch holds a handful of writes, each moved once or twice")]
pub enum Write {
    /// A row that counts versions is inserted, updated or deleted.
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
    /// The answer under an idempotency key. Unique: [`Unique::Answer`] on caller, operation and key.
    Answer(Answer),
    /// Forgets operations ([`Batch::at`]), answers (`created_at`), relayed events (`at`), done deliveries
    /// (`created_at`), sessions (`expires_at`) and daily counts (`day`) that are older than one time, and deliveries that
    /// were given up (`due_at`) before another (no guard).
    Forget {
        /// Up to when what is done and over.
        before: Timestamp,
        /// Up to when what was given up.
        given_up_before: Timestamp,
    },
}

macro_rules! row_writes {
    ([] $($entity:ident: $row:ty => $table:ident;)+) => {
        /// What happens to a row that counts versions. The type of each kind says what else its writes do, which unique keys
        /// it has, and what guards it.
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

/// Everything one decision changes, applied whole or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Identity of the submission, itself unique ([`Unique::Operation`]): the same batch submitted again after
    /// an unknown outcome happens once.
    pub operation: OperationId,
    /// When it was decided.
    pub at: Timestamp,
    /// What must still be true.
    pub requires: Vec<Require>,
    /// What is written. Guards are judged in this order, each seeing the writes before it; the "judged when the
    /// whole batch was written" ones last.
    pub writes: Vec<Write>,
}

impl Batch {
    /// An empty batch of a moment.
    #[must_use]
    pub fn new(moment: &mut Moment) -> Self {
        Self { operation: moment.id(), at: moment.now(), requires: Vec::new(), writes: Vec::new() }
    }

    /// Adds a write.
    pub fn write(&mut self, write: impl Into<Write>) {
        self.writes.push(write.into());
    }

    /// Adds a requirement.
    pub fn require(&mut self, require: Require) {
        self.requires.push(require);
    }

    /// Requires that a row is still as it was read.
    pub fn require_unchanged<T: Versioned>(&mut self, row: &T) {
        self.requires.push(Require::Version(T::ENTITY, row.key(), row.version()));
    }

    /// Adds a domain event about one thing.
    pub fn event(&mut self, moment: &mut Moment, kind: EventKind, thing: impl Into<Uuid>, data: serde_json::Value) {
        let event = Event { id: moment.id(), kind, thing: thing.into(), data, at: moment.now() };
        self.writes.push(Write::Outbox(OutboxWrite::Event(event)));
    }

    /// Adds what another decision of the same moment requires and writes.
    pub(crate) fn append(&mut self, other: Self) {
        self.requires.extend(other.requires);
        self.writes.extend(other.writes);
    }

    /// True when it changes nothing; such a batch is not submitted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
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
    Answer => Answer,
}

/// A key that is unique, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unique {
    /// The id of a row.
    Id(Entity),
    /// [`Batch::operation`].
    Operation,
    /// [`User::email_key`](crate::accounts::User::email_key).
    UserEmail,
    /// [`User::username_key`](crate::accounts::User::username_key).
    UserUsername,
    /// [`Category::slug`](crate::catalog::Category::slug).
    CategorySlug,
    /// [`Product::slug`](crate::catalog::Product::slug).
    ProductSlug,
    /// [`Variant::sku`](crate::catalog::Variant::sku).
    VariantSku,
    /// [`Promotion::code_key`](crate::catalog::Promotion::code_key).
    PromotionCode,
    /// One rate of tax per class, country and folded region.
    TaxRate,
    /// One open cart per customer.
    OpenCart,
    /// [`Order::number`](crate::orders::Order::number).
    OrderNumber,
    /// [`Order::cart_id`](crate::orders::Order::cart_id).
    OrderOfCart,
    /// One live payment per order.
    LivePayment,
    /// One default address per person.
    DefaultAddress,
    /// [`Location::code`](crate::inventory::Location::code).
    LocationCode,
    /// Exactly one default location.
    DefaultLocation,
    /// One level per variant and location.
    StockLevel,
    /// Caller, operation and idempotency key.
    Answer,
    /// The id of a row that counts no versions (a movement, a history entry, a refund, a variant).
    OtherId,
}

/// The guard that failed. Nothing of the batch was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// A unique key is taken.
    #[error("{0:?} is taken")]
    Exists(Unique),
    /// A row is absent or at another version.
    #[error("{0:?} {1} has changed")]
    Stale(Entity, Uuid),
    /// Other rows depend on it.
    #[error("{0:?} {1} is in use")]
    InUse(Entity, Uuid),
    /// A stock level does not allow it, or is absent.
    #[error("stock of {0} at {1:?} does not allow it")]
    Stock(VariantId, Option<LocationId>),
    /// A count of orders is at its limit, or would be negative: of this promotion, or of all orders of a customer.
    #[error("the uses of {0:?} do not allow it")]
    Uses(Option<PromotionId>),
    /// A one-time password is not current, used, or has no try left.
    #[error("one-time password {0} is spent")]
    Spent(OtpId),
    /// Something of an account was counted as often as one day allows.
    #[error("{0:?} of one day are used up")]
    DailyLimit(DailyLimit),
    /// The session ended.
    #[error("session {0} ended")]
    Revoked(SessionId),
    /// The person is absent, or not active.
    #[error("user {0} is not active")]
    Inactive(UserId),
    /// The person's address book has as many entries as it may have.
    #[error("the address book of user {0} is full")]
    AddressBookFull(UserId),
}
