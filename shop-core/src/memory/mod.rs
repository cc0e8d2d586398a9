//! The reference store: everything in memory, simple, obviously right.
//!
//! One lock around ordered maps; a commit applies its writes one after the other, each with its guards, and takes
//! all of them back when one fails. Lists are scanned and sorted. It is what the other stores are compared with, what
//! simulations run on, and good enough for the tests of an embedding program; it forgets everything when it is
//! dropped.
//!
//! - `table.rs`: a map that can take back its last changes
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
mod inventory;
mod orders;
mod outbox;
pub(crate) mod paging;
mod payments;
mod shipping;
mod state;
mod table;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use async_trait::async_trait;

use crate::batch::Batch;
use crate::store::{CommitError, Store, StoreResult};

use state::State;

/// A store that keeps everything in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: RwLock<State>,
}

impl MemoryStore {
    /// A store with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        if self.state.is_poisoned() {
            // Somebody panicked in the middle of a commit: what they wrote is taken back.
            self.state.write().unwrap_or_else(PoisonError::into_inner).revert();
            self.state.clear_poison();
        }
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn commit(&self, batch: Arc<Batch>) -> Result<(), CommitError> {
        self.state.write().unwrap_or_else(PoisonError::into_inner).commit(&batch)
    }

    async fn ping(&self) -> StoreResult<()> {
        Ok(())
    }
}
