//! What keeps the rows: all that a store on an engine of its own has to say.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::id::{OperationId, UserId, VariantId};
use crate::store::{CommitError, StoreResult};

/// An engine that keeps rows by key, in tables by name, with transactions.
///
/// # Contract
/// - A [`Reading`](Engine::Reading) is a snapshot: it sees every change that was made durable before it began, whole,
///   and none that comes later.
/// - Changes happen one after the other; each sees all before it, and what it has put and removed itself.
/// - A table begins to be when its first row is put; until then it is empty. Names are short lower-case words.
/// - A row comes back equal to what was put. Any format of serde that keeps 64-bit whole numbers, and tells an absent
///   value from an empty one, will do.
/// - An engine that is busy or out of reach answers [`StoreError::Unavailable`](crate::store::StoreError::Unavailable);
///   what can never be read again, [`StoreError::Fault`](crate::store::StoreError::Fault).
///
/// Calls run on the caller's thread and may block it.
pub trait Engine: Send + Sync + 'static {
    /// A look at all tables.
    type Reading<'a>: ReadRows
    where
        Self: 'a;
    /// A change that is under way.
    type Writing<'a>: WriteRows
    where
        Self: 'a;

    /// Begins to look at all tables.
    ///
    /// # Errors
    /// When the engine cannot be reached.
    fn read(&self) -> StoreResult<Self::Reading<'_>>;

    /// Runs `change` and makes what it wrote durable, or takes all of it back when it fails. An engine whose changes can
    /// get into each other's way may run it again, from the beginning: the last run counts.
    ///
    /// # Errors
    /// What `change` answers; [`CommitError::OutcomeUnknown`] when the engine failed while it made it durable.
    fn write(&self, change: impl Fn(&Self::Writing<'_>) -> Result<(), CommitError>) -> Result<(), CommitError>;
}

/// Rows, to look at.
pub trait ReadRows {
    /// The row under this key.
    ///
    /// # Errors
    /// When the engine cannot be reached, or the row cannot be read.
    fn get<K: Key, R: Row>(&self, table: &'static str, key: &K) -> StoreResult<Option<R>>;

    /// The wanted rows of a table with their keys, in the order of the keys' bytes.
    ///
    /// # Errors
    /// When the engine cannot be reached, or a row cannot be read.
    fn scan<K: Key, R: Row>(&self, table: &'static str, wanted: impl FnMut(&R) -> bool) -> StoreResult<Vec<(K, R)>>;
}

/// Rows, to look at and to change.
pub trait WriteRows: ReadRows {
    /// Writes a row, over what is there.
    ///
    /// # Errors
    /// When the engine cannot be reached.
    fn put<K: Key, R: Row>(&self, table: &'static str, key: K, row: R) -> StoreResult<()>;

    /// Removes a row, if it is there.
    ///
    /// # Errors
    /// When the engine cannot be reached.
    fn remove<K: Key, R: Row>(&self, table: &'static str, key: &K) -> StoreResult<()>;
}

/// A row: plain data that serde can write and read back.
pub trait Row: Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<T: Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static> Row for T {}

/// The key of a row.
pub trait Key: Ord + Clone + Debug + Send + Sync + 'static {
    /// The key as bytes. Where the order of rows matters (all ids), they compare as the keys do.
    fn to_bytes(&self) -> Vec<u8>;

    /// The key of these bytes, if it is one.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

impl Key for Uuid {
    fn to_bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::from_slice(bytes).ok()
    }
}

macro_rules! id_keys {
    ($($id:ident),+ $(,)?) => {$(
        impl Key for $id {
            fn to_bytes(&self) -> Vec<u8> {
                self.0.to_bytes()
            }

            fn from_bytes(bytes: &[u8]) -> Option<Self> {
                Uuid::from_slice(bytes).ok().map(Self)
            }
        }
    )+};
}

id_keys!(OperationId, UserId, VariantId);

/// Two ids, one after the other.
impl<A, B> Key for (A, B)
where
    A: Copy + Into<Uuid> + From<Uuid> + Ord + Debug + Send + Sync + 'static,
    B: Copy + Into<Uuid> + From<Uuid> + Ord + Debug + Send + Sync + 'static,
{
    fn to_bytes(&self) -> Vec<u8> {
        let (first, second): (Uuid, Uuid) = (self.0.into(), self.1.into());
        [*first.as_bytes(), *second.as_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (first, second) = bytes.split_at_checked(16)?;
        Some((Uuid::from_slice(first).ok()?.into(), Uuid::from_slice(second).ok()?.into()))
    }
}

/// The key of a table with one row.
impl Key for () {
    fn to_bytes(&self) -> Vec<u8> {
        Vec::new()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.is_empty().then_some(())
    }
}

/// Gives a type of plain text and numbers its JSON as its key; rows under it come in no order that means anything.
macro_rules! json_key {
    ($key:ty) => {
        impl $crate::memory::Key for $key {
            fn to_bytes(&self) -> Vec<u8> {
                serde_json::to_vec(self).unwrap_or_default()
            }

            fn from_bytes(bytes: &[u8]) -> Option<Self> {
                serde_json::from_slice(bytes).ok()
            }
        }
    };
}

pub(super) use json_key;
