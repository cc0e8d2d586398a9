//! The engine that keeps the rows: everything a store on a custom engine has to implement.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::id::{OperationId, UserId, VariantId};
use crate::store::{CommitError, StoreResult};

/// An engine that stores rows by key, in named tables, with transactions.
///
/// # Contract
/// - A [`ReadTx`](Engine::ReadTx) is a snapshot: it sees every change that was durable before it began, completely,
///   and no later change.
/// - Changes run one after another. Each sees all earlier ones, and what it has put and removed itself.
/// - A table comes into existence when its first row is put; until then it is empty. Table names are short lowercase
///   words.
/// - A row is returned equal to what was put. Any serde format works that keeps 64-bit integers and distinguishes an
///   absent value from an empty one.
/// - An engine that is busy or unreachable returns [`StoreError::Unavailable`](crate::store::StoreError::Unavailable);
///   for data that can never be read again, it returns [`StoreError::Fault`](crate::store::StoreError::Fault).
///
/// Calls run on the caller's thread and may block it.
pub trait Engine: Send + Sync + 'static {
    /// A snapshot of all tables.
    type ReadTx<'a>: ReadRows
    where
        Self: 'a;
    /// A change in progress.
    type WriteTx<'a>: WriteRows
    where
        Self: 'a;

    /// Opens a snapshot of all tables.
    ///
    /// # Errors
    /// If the engine is unreachable.
    fn read(&self) -> StoreResult<Self::ReadTx<'_>>;

    /// Runs `change` and makes its writes durable, or undoes all of them if it fails. An engine in which concurrent
    /// changes can conflict may run it again from the start; the last run counts.
    ///
    /// # Errors
    /// The error of `change`, or [`CommitError::OutcomeUnknown`] if the engine failed while it made the change durable.
    fn write(&self, change: impl Fn(&Self::WriteTx<'_>) -> Result<(), CommitError>) -> Result<(), CommitError>;
}

/// Read access to rows.
pub trait ReadRows {
    /// The row with this key.
    ///
    /// # Errors
    /// If the engine is unreachable, or if the row cannot be read.
    fn get<K: EngineKey, R: EngineRow>(&self, table: &'static str, key: &K) -> StoreResult<Option<R>>;

    /// The rows of a table that satisfy `wanted`, with their keys, in the order of the keys' bytes.
    ///
    /// # Errors
    /// If the engine is unreachable, or if a row cannot be read.
    fn scan<K: EngineKey, R: EngineRow>(
        &self,
        table: &'static str,
        wanted: impl FnMut(&R) -> bool,
    ) -> StoreResult<Vec<(K, R)>>;
}

/// Read and write access to rows.
pub trait WriteRows: ReadRows {
    /// Writes a row, and replaces an existing one.
    ///
    /// # Errors
    /// If the engine is unreachable.
    fn put<K: EngineKey, R: EngineRow>(&self, table: &'static str, key: K, row: R) -> StoreResult<()>;

    /// Removes a row if it exists.
    ///
    /// # Errors
    /// If the engine is unreachable.
    fn remove<K: EngineKey, R: EngineRow>(&self, table: &'static str, key: &K) -> StoreResult<()>;
}

/// A row: plain data that serde can serialize and deserialize.
pub trait EngineRow: Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<T: Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static> EngineRow for T {}

/// The key of a row.
pub trait EngineKey: Ord + Clone + Debug + Send + Sync + 'static {
    /// The key as bytes. Where the order of rows matters (for all ids), they compare as the keys do.
    fn to_bytes(&self) -> Vec<u8>;

    /// The key of these bytes, if they form one.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

impl EngineKey for Uuid {
    fn to_bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::from_slice(bytes).ok()
    }
}

macro_rules! id_keys {
    ($($id:ident),+ $(,)?) => {$(
        impl EngineKey for $id {
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

/// Two ids, concatenated.
impl<A, B> EngineKey for (A, B)
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

/// The key of a table with a single row.
impl EngineKey for () {
    fn to_bytes(&self) -> Vec<u8> {
        Vec::new()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.is_empty().then_some(())
    }
}

/// Implements [`EngineKey`] as JSON for a type of plain text and numbers. Its rows come in no meaningful order.
macro_rules! json_key {
    ($key:ty) => {
        impl $crate::memory::EngineKey for $key {
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
