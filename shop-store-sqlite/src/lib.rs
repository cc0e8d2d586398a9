//! A store for the shop in one SQLite file, inside the process.
//!
//! [`SqliteStore`] implements [`shop_core::store::Store`]. One thread writes and commits in groups; several connections
//! read. There is nothing to install, no second program to run, and one file to back up.
//!
//! ```
//! use std::sync::Arc;
//!
//! use shop_core::batch::{Batch, Change};
//! use shop_core::cart::{Cart, CartRepository as _, CartStatus};
//! use shop_core::clock::{Clock as _, DecisionContext, SystemClock};
//! use shop_core::money::Currency;
//! use shop_core::store::Store as _;
//! use shop_store_sqlite::SqliteStore;
//!
//! # futures_executor_block_on(async {
//! // A file that goes away with the store; a shop opens `SqliteStore::open("shop.sqlite3")`.
//! let store = SqliteStore::temporary()?;
//!
//! let mut context = DecisionContext::new(SystemClock.now(), [7; 32]);
//! let cart = Cart {
//!     id: context.id(),
//!     customer_id: None,
//!     currency: Currency::USD,
//!     status: CartStatus::Open,
//!     items: Vec::new(),
//!     coupons: Vec::new(),
//!     created_at: context.now(),
//!     updated_at: context.now(),
//!     version: 1,
//! };
//! let mut batch = Batch::new(&mut context);
//! batch.write(Change::Insert(cart.clone()));
//! store.commit(Arc::new(batch)).await?; // Ok: it is on the disk
//!
//! assert_eq!(store.cart(cart.id).await?, Some(cart));
//! store.close().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! # fn futures_executor_block_on<F: std::future::Future>(future: F) -> F::Output {
//! #     tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
//! # }
//! ```
//!
//! # Modules
//! - `writer`: the writing thread, group commit, and what happens when the disk is full or a commit fails.
//! - `write_connection`: its connection, with the prepared statements and the versions that a group has read.
//! - `readers`: the reading connections. Reads by key run on the caller's thread, lists on a blocking thread.
//! - `encoded`: a batch with its JSON and search words, which the caller's thread encodes.
//! - `commit`: applies a batch inside the writer's transaction.
//! - `commit_with`, `authorizer`: what an embedding program may and may not write in the same file and the same
//!   transaction.
//! - `accounts`, `catalog`, `promotions`, `taxes`, `cart`, `orders`, `payments`, `shipping`, `inventory`, `outbox`,
//!   `webhooks`, `details`: the rows, writes and reads of each domain, under the core's names. `pricing`: the read that
//!   prices are computed from.
//! - `record`, `rows`, `paging`: shared by the domains: versioned rows, values in columns, pages. `list_counts`: counts
//!   that are stored with the rows. `listed`: product lists.
//! - `transfer`: reads and writes rows unchanged, to move a shop to or from this store.
//! - `connection`, `checkpoint`, `migrate`, `lock`, `backup`: the file and its log. `connection` explains the PRAGMAs.
//!
//! # Adding a repository method
//! 1. Add it to the core's trait with its contract, to the memory store, and to the conformance suite.
//! 2. Implement it in the file of its domain. `lookup`, `find` and `select` read rows by key; `ListQuery` reads a page.
//!    Use `readers().point` for one statement by key, `.snapshot` for several that must agree, `.list` for a read that
//!    may be large, and `.search` for one that scans many rows to find a few.
//! 3. If it filters or orders by something new, add an index in a new file in `migrations/` and name that file in
//!    `migrate`. Never change a released migration.
//! 4. Call it in `plans.rs` with every filter. The test there fails if a statement scans a whole table.
//!
//! # Adding a column
//! Add a migration with `ALTER TABLE … ADD COLUMN`. Reading and writing follow from the field of the core's type; see
//! [`shop_core::row`]. If the column has an index and updates rarely change it, name it in the row's `record!`.
//!
//! # Adding a kind of row
//! Add a migration with its table, and a line `record!(Type)` in the file of its domain. Then `record::lookup`, `find`
//! and `select` read it. `record::change` writes it if it is versioned; otherwise `add` and `put` do.
//!
//! # Performance
//! A read by key takes a few microseconds on the caller's thread. A commit takes one disk sync, shared by all batches
//! that arrived in the meantime, so 64 concurrent callers get many times the throughput of one. Inside a tokio runtime,
//! a list costs about 10 µs extra to move to a blocking thread and back, so that a long list does not delay other
//! tasks.
//!
//! A page by cursor costs the same wherever it is. So does a page by number while its list does not change: list counts
//! are stored, and each page read by number records its position. After a change, the first page deep in a list walks
//! along an index (4 ms for 100,000 rows). The results of a search, or of a list between two prices, are counted once.
//! The staff search for users scans all users. Rare staff queries have no index of their own and scan a narrow index
//! instead: orders by address (60 ms for a million orders); reservations of one variant, and live reservations when
//! they are fewer than a page (110 ms for two million); payments of a gateway (50 ms for a million). Orders by total
//! are sorted in pieces (18 ms for a piece of 200,000 orders).
//!
//! Each commit writes every file page that it changed to the log once, so the cost of an order is the number of pages
//! it changes. An entry in an index that is not ordered by time changes one more page. Consider this before you
//! add an index.
//!
//! An embedding program can be as fast as the shop's own binary, but it must choose two things itself: the flags that
//! SQLite is compiled with (`LIBSQLITE3_FLAGS` in `.cargo/config.toml` of this repository) and a fast allocator
//! (mimalloc there).

mod accounts;
mod authorizer;
mod backup;
mod cart;
mod catalog;
mod checkpoint;
mod commit;
mod commit_with;
mod connection;
mod details;
mod encoded;
mod error;
mod file;
mod inventory;
mod list_counts;
mod listed;
mod lock;
mod migrate;
mod orders;
mod outbox;
#[cfg(test)]
mod page_costs;
mod paging;
mod payments;
#[cfg(test)]
mod plans;
mod pricing;
mod promotions;
mod readers;
mod record;
mod rows;
mod shipping;
mod taxes;
#[cfg(test)]
mod tests;
mod transfer;
mod webhooks;
mod write_connection;
mod writer;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _};
use shop_core::batch::Batch;
use shop_core::page::PageMemo;
use shop_core::secret::KeyFingerprint;
use shop_core::store::{CommitError, Store, StoreError, StoreResult};

pub use backup::{BackupError, backup};
pub use commit_with::{CommitWithError, HostResult};
pub use error::OpenError;
/// The rusqlite version that [`SqliteStore::commit_with`] uses. A host that uses this re-export needs no rusqlite
/// dependency of its own.
pub use rusqlite;
pub use transfer::SqliteRows;

use authorizer::Tables;
use checkpoint::Checkpointer;
use connection::{Access, LogUpkeep};
use encoded::EncodedBatch;
use file::TemporaryDirectory;
use lock::ServerLock;
use readers::Readers;
use writer::Writer;

/// The oldest SQLite version that has the WAL fix (sqlite.org, release notes of 3.51.3).
const OLDEST_SQLITE: i32 = 3_051_003;

/// Options for opening a database file.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own, on or off")]
pub struct SqliteOptions {
    path: PathBuf,
    busy_timeout: Duration,
    read_limit: Option<Duration>,
    server: bool,
    tool: bool,
    checkpoints: bool,
    create: bool,
}

impl SqliteOptions {
    /// Opens the file at this path. It is created if it is missing, and other processes may open it too.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            busy_timeout: Duration::from_secs(5),
            read_limit: Some(Duration::from_secs(10)),
            server: false,
            tool: false,
            checkpoints: true,
            create: true,
        }
    }

    /// How long a commit waits for another process that is writing (default: 5 seconds). After that it fails with
    /// [`StoreError::Unavailable`].
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// How long one list or search may take (default: 10 seconds). After that it is interrupted and fails with
    /// [`StoreError::Unavailable`]. A host's own reads ([`SqliteStore::read`]) have no limit.
    #[must_use]
    pub fn read_limit(mut self, limit: Duration) -> Self {
        self.read_limit = Some(limit);
        self
    }

    /// Whether this is a short-lived tool that runs next to the file's server (default: no). A tool leaves the log
    /// (WAL) to the server, so that closing the tool is fast.
    #[must_use]
    pub fn tool(mut self, tool: bool) -> Self {
        self.tool = tool;
        self
    }

    /// Whether the store moves its log (WAL) into the file (default: yes). `false` leaves that to a replicator such as
    /// Litestream, which can then read the log before moving it. Without a replicator the log grows without bound.
    #[must_use]
    pub fn checkpoints(mut self, checkpoints: bool) -> Self {
        self.checkpoints = checkpoints;
        self
    }

    fn access(&self) -> Access {
        let log = match (self.checkpoints, self.tool) {
            (false, _) => LogUpkeep::Replicator,
            (true, true) => LogUpkeep::Server,
            (true, false) => LogUpkeep::Own,
        };
        Access { busy_timeout: self.busy_timeout, log }
    }

    /// Whether this is the file's server (default: no). A file has at most one server; a second is refused with
    /// [`OpenError::InUse`]. Other processes, such as a backup or a tool, can use the file at the same time.
    #[must_use]
    pub fn server(mut self, server: bool) -> Self {
        self.server = server;
        self
    }

    /// Whether a missing file is created (default: yes) or refused with [`OpenError::Missing`].
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Opens the file, brings its schema up to date, and starts the writer.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(self) -> Result<SqliteStore, OpenError> {
        SqliteStore::start(&self, None)
    }
}

/// A shop's store in one SQLite file. See the [crate's front page](crate).
///
/// Dropping it blocks until all submitted work is done; [`SqliteStore::close`] waits without blocking.
pub struct SqliteStore {
    // Field order matters: connections must close the file before the lock and the directory are released.
    writer: Writer,
    readers: Readers,
    memo: Arc<PageMemo>,
    path: PathBuf,
    access: Access,
    _lock: Option<ServerLock>,
    _directory: Option<TemporaryDirectory>,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the file at this path with the default [`SqliteOptions`].
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, OpenError> {
        SqliteOptions::new(path).open()
    }

    /// Creates a store for tests, examples and dry runs: a new file in the system's temporary directory, never synced,
    /// deleted when the store is dropped.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn temporary() -> Result<Self, OpenError> {
        let system = |source| OpenError::System { path: std::env::temp_dir(), source };
        let directory = TemporaryDirectory::new().map_err(system)?;
        let options = SqliteOptions::new(directory.path().join("shop.sqlite3"));
        Self::start(&options, Some(directory))
    }

    fn start(options: &SqliteOptions, directory: Option<TemporaryDirectory>) -> Result<Self, OpenError> {
        if rusqlite::version_number() < OLDEST_SQLITE {
            return Err(OpenError::OldSqlite(rusqlite::version()));
        }
        let path = &options.path;
        let system = |source| OpenError::System { path: path.clone(), source };
        let sqlite = |source| OpenError::Sqlite { path: path.clone(), source };
        if !path.exists() {
            if !options.create {
                return Err(OpenError::Missing(path.clone()));
            }
            match file::create(path) {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(system(error)),
                _ => {}
            }
        }
        let lock = if options.server { Some(ServerLock::take(path)?) } else { None };
        let durable = directory.is_none();
        let access = options.access();
        let (connection, tables) = open_and_migrate(path, access, durable)?;
        let checkpointer = match access.log {
            LogUpkeep::Own => {
                let mover = connection::open_writer(path, access, durable).map_err(sqlite)?;
                Some(Checkpointer::start(mover).map_err(system)?)
            }
            LogUpkeep::Server | LogUpkeep::Replicator => None,
        };
        Ok(Self {
            readers: Readers::open(path, access, options.read_limit).map_err(sqlite)?,
            writer: Writer::start(connection, checkpointer, tables).map_err(system)?,
            memo: Arc::default(),
            path: path.clone(),
            access,
            _lock: lock,
            _directory: directory,
        })
    }

    /// Opens a read-only snapshot of the file: every read sees the same state, whatever is committed in the meantime.
    /// The log (WAL) grows while the snapshot is open, but no writer waits for it.
    fn open_snapshot(&self) -> rusqlite::Result<Self> {
        Ok(Self {
            readers: Readers::pinned(&self.path, self.access)?,
            writer: Writer::stopped(),
            memo: Arc::default(),
            path: self.path.clone(),
            access: self.access,
            _lock: None,
            _directory: None,
        })
    }

    /// The path of the database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Copies the database into a new file while it is in use. See [`backup`].
    ///
    /// # Errors
    /// See [`BackupError`].
    pub fn backup(&self, target: impl AsRef<Path>) -> Result<(), BackupError> {
        backup(&self.path, target.as_ref())
    }

    /// Reads the whole file and returns a description of each problem found; empty if the file is sound. Takes long on
    /// a large file.
    ///
    /// # Errors
    /// If the file cannot be read at all.
    pub async fn integrity_check(&self) -> StoreResult<Vec<String>> {
        self.readers
            .long(|connection| {
                let mut wrong = Vec::new();
                connection.pragma_query(None, "integrity_check", |row| {
                    let line: String = row.get(0)?;
                    wrong.extend((line != "ok").then_some(line));
                    Ok(())
                })?;
                connection.pragma_query(None, "foreign_key_check", |row| {
                    let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
                    wrong.push(format!("a row of {table} names a row of {parent} that is not there"));
                    Ok(())
                })?;
                Ok(wrong)
            })
            .await
    }

    /// Finishes submitted work, refuses new work, moves the log into the file, and stops the writer. Reads still work
    /// until the store is dropped.
    ///
    /// Closing does not wait for readers: the part of the log that they still use stays in the log. The log file
    /// remains next to the database and is read at the next start, so nothing is lost.
    ///
    /// # Errors
    /// If the log could not be moved. It is then kept.
    pub async fn close(&self) -> StoreResult<()> {
        self.writer.close().await
    }

    fn readers(&self) -> &Readers {
        &self.readers
    }

    /// The stored count of a list. `keys` are the values that the query filters by; `None` if it filters by anything
    /// else.
    fn stored_count(
        &self,
        list: list_counts::CountedList,
        keys: Option<[Option<Cow<'static, str>>; 3]>,
    ) -> list_counts::StoredCount {
        list_counts::StoredCount { list, keys, memo: Arc::clone(&self.memo) }
    }
}

fn open_and_migrate(path: &Path, access: Access, durable: bool) -> Result<(Connection, Tables), OpenError> {
    let sqlite = |source: rusqlite::Error| match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => OpenError::NotADatabase(path.to_owned()),
        _ => OpenError::Sqlite { path: path.to_owned(), source },
    };
    let connection = connection::open_writer(path, access, durable).map_err(sqlite)?;
    let tables = migrate::migrate(&connection, path)?;
    Ok((connection, tables))
}

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, batch: Arc<Batch>) -> Result<(), CommitError> {
        let batch = EncodedBatch::new(batch);
        self.writer.submit(Box::new(move |connection, tally| commit::apply(connection, tally, &batch))).await
    }

    async fn miscounted(&self) -> StoreResult<Vec<String>> {
        self.readers.long(list_counts::miscounted).await
    }

    async fn key_fingerprint(&self) -> StoreResult<Option<KeyFingerprint>> {
        let sql = "SELECT fingerprint FROM key_fingerprint";
        self.readers.point(|connection| {
            let mut statement = rows::prepare(connection, sql)?;
            Ok(statement.query_row([], |row| row.get(0)).optional()?.map(KeyFingerprint::from_bytes))
        })
    }

    async fn keep_key_fingerprint(
        &self,
        known: Option<KeyFingerprint>,
        fingerprint: KeyFingerprint,
    ) -> StoreResult<()> {
        let work = move |connection: &write_connection::WriteConnection<'_>, _: &mut list_counts::CountChanges| {
            let (ours, known) = (fingerprint.as_bytes(), known.as_ref().map(KeyFingerprint::as_bytes));
            let sql = match known {
                None => "INSERT INTO key_fingerprint (one, fingerprint) VALUES (1, ?1) ON CONFLICT DO NOTHING",
                Some(_) => "UPDATE key_fingerprint SET fingerprint = ?1 WHERE fingerprint = ?2",
            };
            let mut statement = rows::prepare(connection, sql)?;
            match known {
                None => statement.execute([ours])?,
                Some(known) => statement.execute([ours, known])?,
            };
            Ok(())
        };
        self.writer.submit(Box::new(work)).await.map_err(|error| match error {
            CommitError::Store(error) => error,
            // Writing it again does no harm, and the caller checks what is stored.
            CommitError::OutcomeUnknown(source) => StoreError::Unavailable(source),
            CommitError::Conflict(conflict) => StoreError::Fault(conflict.into()),
        })
    }

    async fn read_snapshot(&self) -> StoreResult<Option<Arc<dyn Store>>> {
        let snapshot = self.open_snapshot().map_err(error::store_error)?;
        Ok(Some(Arc::new(snapshot)))
    }

    async fn ping(&self) -> StoreResult<()> {
        if !self.writer.is_running() {
            return Err(StoreError::Unavailable("the writer has stopped".into()));
        }
        self.readers.point(|connection| catalog::tree_version(connection).map(|_| ()))
    }
}

/// Compiles the example in the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
