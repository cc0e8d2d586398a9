//! A custom store: the whole shop in one file of [redb](https://www.redb.org), an embedded key-value engine.
//!
//! The core provides a complete store over any engine that keeps rows by key ([`shop_core::memory::TableStore`]). It
//! shares its reads, guards and order of checks with the memory store. This crate adds how redb keeps a row
//! (`engine.rs`). `GUIDE.md` walks through it, and also covers engines that can query by more than keys.
//!
//! ```
//! use std::sync::Arc;
//! use custom_store::RedbStore;
//! use shop_core::Shop;
//! use shop_core::store::Store as _;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { futures_executor::block_on(async {
//! # let file = std::env::temp_dir().join(format!("custom_store-{}.redb", std::process::id()));
//! let store = Arc::new(custom_store::open(&file)?);
//! store.ping().await?;
//! let shop = Shop::builder(store, b"32 bytes from a good source, kept").open().await?;
//! # drop(shop);
//! # std::fs::remove_file(file)?;
//! # Ok(()) }) }
//! ```

mod engine;

use std::path::Path;

use redb::DatabaseError;
use shop_core::memory::TableStore;

pub use engine::{ReadTx, Redb, WriteTx};

/// A store in one redb file.
pub type RedbStore = TableStore<Redb>;

/// Opens the store in this file, which is created if it is missing. Only one process can have it open.
///
/// # Errors
/// When the file cannot be created, is open in another process, or is not a redb file.
pub fn open(file: impl AsRef<Path>) -> Result<RedbStore, DatabaseError> {
    Ok(TableStore::over(Redb::open(file)?))
}
