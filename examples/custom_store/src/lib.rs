//! A store of one's own: the whole shop in one file of [redb](https://www.redb.org), an embedded key-value engine.
//!
//! The core brings a complete store over anything that keeps rows by key ([`shop_core::memory::TableStore`]): its reads, its
//! guards and its order of judgement are the memory store's. What is left to say is how this engine keeps a row, and
//! that is this crate: `engine.rs`. `GUIDE.md` beside it walks through it, and says what to do where an engine can find
//! rows by more than their keys.
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

pub use engine::{Reading, Redb, Writing};

/// The shop's storage in one file of redb.
pub type RedbStore = TableStore<Redb>;

/// Opens the shop in this file, which is made when it is missing. One process at a time has it.
///
/// # Errors
/// When the file cannot be made, is another process's, or is none of redb's.
pub fn open(file: impl AsRef<Path>) -> Result<RedbStore, DatabaseError> {
    Ok(TableStore::over(Redb::open(file)?))
}
