//! The reference store: simple and obviously correct, on any engine that stores rows by key.
//!
//! [`MemoryStore`] keeps everything in ordered maps behind one lock. The other stores are compared with it, simulations
//! run on it, and it is good enough for the tests of an embedding program. It loses everything when it is dropped.
//! [`TableStore`] does the same on an [`Engine`] of your own, such as an embedded key-value store. A commit applies its
//! writes one after another, each with its guards, in one change of the engine, which undoes all of them if one fails.
//! Rows are found by key, unique keys are rows of a separate table, and lists are scanned and sorted.
//!
//! - `engine.rs`: what an engine must do; `maps.rs`: the in-memory engine
//! - `table.rs`: one table in a transaction
//! - `state.rs`: all tables, the unique keys, and how a batch is applied
//! - one file per domain: its guards and its reads
//!
//! ```
//! use std::sync::Arc;
//! use shop_core::memory::MemoryStore;
//! use shop_core::store::Store;
//!
//! let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
//! ```

mod accounts;
mod cart;
mod catalog;
mod details;
mod engine;
mod inventory;
mod maps;
mod orders;
mod outbox;
mod payments;
mod pricing;
mod promotions;
mod shipping;
mod state;
mod table;
mod taxes;
mod webhooks;

use std::sync::Arc;

use async_trait::async_trait;

use crate::batch::Batch;
use crate::secret::KeyFingerprint;
use crate::store::{CommitError, Store, StoreError, StoreResult};

pub use engine::{Engine, EngineKey, EngineRow, ReadRows, WriteRows};
pub use maps::Maps;

use state::State;

/// A complete store on an engine that stores rows.
///
/// Every read and every guard behaves like the reference; the engine adds nothing to their meaning. Costs: a row by id
/// or by unique key takes one or two lookups; a list reads its whole table.
#[derive(Debug, Default)]
pub struct TableStore<E> {
    engine: E,
}

/// A store that keeps everything in memory.
pub type MemoryStore = TableStore<Maps>;

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl<E: Engine> TableStore<E> {
    /// A store that keeps its rows in this engine.
    pub fn over(engine: E) -> Self {
        Self { engine }
    }

    /// The engine that stores the rows.
    pub fn engine(&self) -> &E {
        &self.engine
    }

    fn read<T>(&self, read: impl FnOnce(&State<'_, E::ReadTx<'_>>) -> StoreResult<T>) -> StoreResult<T> {
        let rows = self.engine.read()?;
        read(&State::of(&rows))
    }
}

#[async_trait]
impl<E: Engine> Store for TableStore<E> {
    async fn commit(&self, batch: Arc<Batch>) -> Result<(), CommitError> {
        self.engine.write(|rows| State::of(rows).apply(&batch))
    }

    async fn key_fingerprint(&self) -> StoreResult<Option<KeyFingerprint>> {
        self.read(|state| state.key_fingerprint.get(&()))
    }

    async fn keep_key_fingerprint(
        &self,
        known: Option<KeyFingerprint>,
        fingerprint: KeyFingerprint,
    ) -> StoreResult<()> {
        let kept = self.engine.write(|rows| {
            let mut state = State::of(rows);
            if state.key_fingerprint.get(&())? == known {
                state.key_fingerprint.put((), fingerprint)?;
            }
            Ok(())
        });
        kept.map_err(|error| match error {
            CommitError::Store(error) => error,
            // Writing it again does no harm, and the caller checks what is stored.
            CommitError::OutcomeUnknown(source) => StoreError::Unavailable(source),
            CommitError::Conflict(conflict) => StoreError::Fault(conflict.into()),
        })
    }

    async fn ping(&self) -> StoreResult<()> {
        self.engine.read().map(drop)
    }
}
