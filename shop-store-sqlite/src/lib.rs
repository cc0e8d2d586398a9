//! The shop's storage in one SQLite file, inside the process.
//!
//! [`SqliteStore`] implements [`shop_core::store::Store`]: one thread writes and commits in groups, several
//! connections read. Nothing to install and nothing to run beside the program; a file to back up.
//!
//! ```
//! use std::sync::Arc;
//!
//! use shop_core::batch::Batch;
//! use shop_core::cart::{Cart, CartRepository as _, CartStatus, CartWrite};
//! use shop_core::batch::Change;
//! use shop_core::clock::{Clock as _, Moment, SystemClock};
//! use shop_core::money::Currency;
//! use shop_core::store::Store as _;
//! use shop_store_sqlite::SqliteStore;
//!
//! # futures_executor_block_on(async {
//! // A file that goes away with the store; a shop opens `SqliteStore::open("shop.sqlite3")`.
//! let store = SqliteStore::temporary()?;
//!
//! let mut moment = Moment::new(SystemClock.now(), [7; 32]);
//! let cart = Cart {
//!     id: moment.id(),
//!     customer_id: None,
//!     currency: Currency::USD,
//!     status: CartStatus::Open,
//!     items: Vec::new(),
//!     coupons: Vec::new(),
//!     created_at: moment.now(),
//!     updated_at: moment.now(),
//!     version: 1,
//! };
//! let mut batch = Batch::new(&mut moment);
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
//! # The rooms
//! - `writer`: the writing thread, group commit, what happens when a disk is full or a commit fails.
//! - `readers`: the reading connections; reads by key on the caller's thread, lists on a blocking thread.
//! - `commit`: applies a batch inside the writer's transaction.
//! - `host`, `guest`: what an embedding program writes in the same file and the same transaction, and what it may not.
//! - `accounts`, `catalog`, `cart`, `orders`, `payments`, `shipping`, `inventory`, `outbox`: the rows of each domain of the
//!   core, its writes and its reads, under the core's names; `pricing`: those of the catalog that make prices.
//! - `record`, `rows`, `paging`: what all of them share: rows with versions, values in columns, pages. `kept`: counts that are
//!   kept with the rows; `listed`: lists of products.
//! - `transfer`: the rows as they stand, for moving a shop here or away.
//! - `connection`, `checkpoint`, `migrate`, `lock`, `backup`: the file and its log. The PRAGMAs and their reasons stand in
//!   `connection`.
//!
//! # Adding a repository method
//! 1. Give it to the core's trait, with its contract, to the memory store, and to the conformance suite.
//! 2. Implement it in the file of its domain: `lookup`, `find` and `select` read rows by key, `List` a page. Use
//!    `readers().point` for one statement by key, `.snapshot` for several that must agree, `.list` for what may be large,
//!    `.search` for what looks at many rows to find a few.
//! 3. Does it filter or order by something new? Add the index, in a new file below `migrations/` that is named in `migrate`. A
//!    migration that was released is never changed.
//! 4. Call it in `plans.rs` with every filter: the test there fails when a statement reads a whole table.
//!
//! # Adding a column
//! A migration with `ALTER TABLE … ADD COLUMN`. What is read and written follows from the field of the core's type, see
//! [`shop_core::row`]. Where the column has an index and an update seldom changes it, name it in the row's `record!`.
//!
//! # Adding a kind of row
//! A migration with its table, and a line `record!(Type)` in the file of its domain. Then `record::lookup`, `find` and
//! `select` read it, and `record::change` (with versions), `add` and `put` (without) write it.
//!
//! # What it costs
//! A read by key takes a few microseconds on the caller's thread. A commit takes one sync of the disk, shared by all that
//! came in meanwhile: 64 callers at once get many times the throughput of one. A list inside a tokio runtime pays about
//! 10 µs for the way to a blocking thread and back, so that a long one delays nobody; a page by cursor costs the same
//! wherever it lies, and so does a page by number while its list does not change: the counts of lists are kept, and each page
//! that is read by number leaves its place behind. After a change the first page far down walks along an index (4 ms for
//! 100,000 rows), and a search, or a list between two prices, is counted once. Staff's search for people looks at every person. What
//! staff seldom look for has no index of its own, and a narrow one is read as a whole: orders of an address (60 ms among a
//! million orders), reservations of one variant, and the live ones where they are fewer than a page (110 ms among two
//! million), payments of a gateway (50 ms among a million). Orders by total are sorted piece by piece (18 ms where a piece
//! is 200,000 orders).
//!
//! Each commit writes every page of the file that it changed to the log, once. So what an order costs is how many pages it
//! changes: an entry in an index whose order is not that of time falls on a page of its own. Think of it before you add one.
//!
//! How fast the shop's own binary is, a program that embeds it becomes with the same two things, which only the program
//! can decide: the flags that SQLite is compiled with (`LIBSQLITE3_FLAGS` in `.cargo/config.toml` of this repository), and
//! a quick allocator (mimalloc there).

mod accounts;
mod backup;
mod cart;
mod catalog;
mod checkpoint;
mod commit;
mod connection;
mod details;
mod error;
mod file;
mod guest;
mod host;
mod inventory;
mod kept;
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
mod readers;
mod record;
mod rows;
mod shipping;
#[cfg(test)]
mod tests;
mod transfer;
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
pub use error::OpenError;
pub use host::{CommitWithError, HostResult};
/// The very rusqlite that [`SqliteStore::commit_with`] hands a connection of: a host that names it so needs no version
/// of its own.
pub use rusqlite;
pub use transfer::SqliteRows;

use checkpoint::Checkpointer;
use commit::Prepared;
use connection::{Access, LogUpkeep};
use file::TemporaryDirectory;
use guest::Tables;
use lock::ServerLock;
use readers::Readers;
use writer::Writer;

/// The SQLite whose WAL fault is fixed (sqlite.org, release notes of 3.51.3).
const OLDEST_SQLITE: i32 = 3_051_003;

/// How a file is opened.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own, on or off")]
pub struct Options {
    path: PathBuf,
    busy_timeout: Duration,
    read_limit: Option<Duration>,
    server: bool,
    tool: bool,
    checkpoints: bool,
    create: bool,
}

impl Options {
    /// The file at this path: created when it is not there, shared with whoever else opens it.
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

    /// How long to wait for another process that is writing (5 seconds unless said otherwise); then a commit is
    /// [`StoreError::Unavailable`].
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// How long one list or search may take (10 seconds unless said otherwise); then it is interrupted and answered with
    /// [`StoreError::Unavailable`]. A host's own reads ([`SqliteStore::read`]) have no limit.
    #[must_use]
    pub fn read_limit(mut self, limit: Duration) -> Self {
        self.read_limit = Some(limit);
        self
    }

    /// Whether this is a tool that works for a short time next to the server of the file (no unless said otherwise). It
    /// leaves the log (WAL) to the server, so that nobody waits for the tool's end.
    #[must_use]
    pub fn tool(mut self, tool: bool) -> Self {
        self.tool = tool;
        self
    }

    /// Whether the store moves its log (WAL) into the file (yes unless said otherwise). `false` leaves that to a
    /// replicator such as Litestream, which then always has read the log before it is moved. Without a replicator the
    /// log grows without end.
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

    /// Whether this is the server of the file: only one at a time may be, a second is refused with
    /// [`OpenError::InUse`]. Who is not one (a backup, a tool) works beside it.
    #[must_use]
    pub fn server(mut self, server: bool) -> Self {
        self.server = server;
        self
    }

    /// Whether a missing file is created (yes unless said otherwise), or refused with [`OpenError::Missing`].
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

/// A shop's storage in one SQLite file. See the [crate's front page](crate).
///
/// Dropping it waits until what was submitted is done; [`SqliteStore::close`] does so without blocking.
pub struct SqliteStore {
    // In this order: the connections let go of the file before the lock and the directory go.
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
    /// Opens the file at this path with the usual [`Options`].
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, OpenError> {
        Options::new(path).open()
    }

    /// A store for tests, examples and dry runs: a fresh file among the system's temporary ones, never synced, removed when the
    /// store is dropped.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn temporary() -> Result<Self, OpenError> {
        let system = |source| OpenError::System { path: std::env::temp_dir(), source };
        let directory = TemporaryDirectory::new().map_err(system)?;
        let options = Options::new(directory.path().join("shop.sqlite3"));
        Self::start(&options, Some(directory))
    }

    fn start(options: &Options, directory: Option<TemporaryDirectory>) -> Result<Self, OpenError> {
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

    /// The file as it is now, to be read only: every read sees the same moment, whatever is committed meanwhile. While it
    /// is open, the log (WAL) grows; nobody waits for it.
    fn at_this_moment(&self) -> rusqlite::Result<Self> {
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

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Copies the database into a new file while it is in use; see [`backup`].
    ///
    /// # Errors
    /// See [`BackupError`].
    pub fn backup(&self, target: impl AsRef<Path>) -> Result<(), BackupError> {
        backup(&self.path, target.as_ref())
    }

    /// Reads the whole file and answers what is damaged in it: nothing, in a sound one. Takes long on a large file.
    ///
    /// # Errors
    /// When the file cannot be read at all.
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

    /// Does what was submitted, refuses what comes later, moves the log into the file and stops the writer. Reads
    /// still work until the store is dropped.
    ///
    /// What somebody reads stays in the log, for nobody is waited for. The log is kept next to the file and read at the
    /// next start: nothing is lost.
    ///
    /// # Errors
    /// When the log could not be moved; it is kept, too.
    pub async fn close(&self) -> StoreResult<()> {
        self.writer.close().await
    }

    fn readers(&self) -> &Readers {
        &self.readers
    }

    /// What is kept of a list. `keys` are the values that a query asks for, where it asks for nothing else.
    fn kept(&self, list: kept::List, keys: Option<[Option<Cow<'static, str>>; 3]>) -> kept::Kept {
        kept::Kept { list, keys, memo: Arc::clone(&self.memo) }
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
        let batch = Prepared::new(batch);
        self.writer.submit(Box::new(move |connection, tally| commit::apply(connection, tally, &batch))).await
    }

    async fn miscounted(&self) -> StoreResult<Vec<String>> {
        self.readers.long(kept::miscounted).await
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
        let work = move |connection: &Connection, _: &mut kept::Tally| {
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
            // Writing it again does no harm, and the caller looks what is kept.
            CommitError::OutcomeUnknown(source) => StoreError::Unavailable(source),
            CommitError::Conflict(conflict) => StoreError::Fault(conflict.into()),
        })
    }

    async fn at_one_moment(&self) -> StoreResult<Option<Arc<dyn Store>>> {
        let moment = self.at_this_moment().map_err(error::store_error)?;
        Ok(Some(Arc::new(moment)))
    }

    async fn ping(&self) -> StoreResult<()> {
        if !self.writer.is_running() {
            return Err(StoreError::Unavailable("the writer has stopped".into()));
        }
        self.readers.point(|connection| catalog::tree_version(connection).map(|_| ()))
    }
}

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
