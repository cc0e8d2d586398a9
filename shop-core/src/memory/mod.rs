//! The reference store: simple, obviously right, over any engine that keeps rows by key.
//!
//! [`MemoryStore`] keeps everything in ordered maps behind one lock: what the other stores are compared with, what
//! simulations run on, and good enough for the tests of an embedding program; it forgets everything when it is dropped.
//! [`TableStore`] is the same over an [`Engine`] of your own: an embedded key-value store, say. A commit applies its
//! writes one after the other, each with its guards, in one change of the engine, which takes all of them back when one
//! fails. Rows are found by their keys, unique keys are rows of a table of their own, and lists are scanned and sorted.
//!
//! - `engine.rs`: what an engine must do; `maps.rs`: the one in memory
//! - `table.rs`: one table of a transaction
//! - `state.rs`: all tables, the unique keys, and how a batch is applied
//! - `paging.rs`: a page out of all rows
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
pub(crate) mod paging;
mod payments;
mod pricing;
mod shipping;
mod state;
mod table;

use std::sync::Arc;

use async_trait::async_trait;

use crate::batch::Batch;
use crate::secret::KeyFingerprint;
use crate::store::{CommitError, Store, StoreError, StoreResult};

pub use engine::{Engine, Key, ReadRows, Row, WriteRows};
pub use maps::Maps;

use state::State;

/// A whole store over an engine that keeps rows.
///
/// Every read and every guard is the reference's; the engine adds nothing to their meaning. What it costs: a row by
/// its id or by a unique key is one or two look-ups, a list reads its whole table.
#[derive(Debug, Default)]
pub struct TableStore<E> {
    engine: E,
}

/// A store that keeps everything in memory.
pub type MemoryStore = TableStore<Maps>;

impl MemoryStore {
    /// A store with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl<E: Engine> TableStore<E> {
    /// The store that keeps its rows in this engine.
    pub fn over(engine: E) -> Self {
        Self { engine }
    }

    /// What keeps the rows.
    pub fn engine(&self) -> &E {
        &self.engine
    }

    fn read<T>(&self, look: impl FnOnce(&State<'_, E::Reading<'_>>) -> StoreResult<T>) -> StoreResult<T> {
        let rows = self.engine.read()?;
        look(&State::of(&rows))
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
            // Writing it again does no harm, and the caller looks what is kept.
            CommitError::OutcomeUnknown(source) => StoreError::Unavailable(source),
            CommitError::Conflict(conflict) => StoreError::Fault(conflict.into()),
        })
    }

    async fn ping(&self) -> StoreResult<()> {
        self.engine.read().map(drop)
    }
}
