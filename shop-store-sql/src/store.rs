//! [`PostgresStore`]: connecting, closing, committing, and the other methods of [`Store`].

use std::sync::Arc;

use async_trait::async_trait;
use shop_core::batch::Batch;
use shop_core::page::PageMemo;
use shop_core::secret::KeyFingerprint;
use shop_core::store::{CommitError, Store, StoreError, StoreResult};
use sqlx::Row as _;
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx_core::error::Error;

use crate::commit::{self, Queue};
use crate::error::{OpenError, standby, store_error};
use crate::options::PostgresOptions;
use crate::pool::{Lease, Pool};
use crate::read::Loaders;
use crate::rows::StatementArguments;
use crate::{list_counts, migrate};

/// A shop's store in Postgres. See the [crate's front page](crate).
///
/// All database work runs to its end in tasks of the runtime in which the store was connected. So a dropped caller
/// leaves no transaction open, and callers may run on any other executor.
pub struct PostgresStore {
    pub(crate) pool: Arc<Pool>,
    pub(crate) loaders: Loaders,
    queue: Queue,
    pub(crate) memo: Arc<PageMemo>,
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore").field("options", self.pool.options()).finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Connects and brings the schema up to date. Any number of servers may do so at once. Tables go into the first
    /// schema of the role's `search_path`.
    ///
    /// # Errors
    /// See [`OpenError`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn connect(options: PostgresOptions) -> Result<Self, OpenError> {
        let pool = Arc::new(Pool::new(options, tokio::runtime::Handle::current()));
        migrate::migrate(&pool).await?;
        Ok(Self { loaders: Loaders::new(&pool), queue: Queue::start(&pool), memo: Arc::default(), pool })
    }

    /// The stored count of a list. `keys` are the values that the query filters by; `None` if it filters by anything
    /// else.
    pub(crate) fn stored_count(
        &self,
        list: &'static str,
        keys: Option<[Option<String>; 3]>,
    ) -> list_counts::StoredCount {
        list_counts::StoredCount { list, keys, memo: Arc::clone(&self.memo) }
    }

    /// The number of statements sent so far. Each is one round trip.
    pub fn statements(&self) -> u64 {
        self.pool.statements()
    }

    /// Refuses later calls with [`StoreError::Unavailable`](shop_core::store::StoreError::Unavailable), waits for
    /// running ones, and closes the connections.
    pub async fn close(&self) {
        self.queue.close().await;
        self.pool.close().await;
    }

    /// The number of transactions begun so far, and the number of batches in them.
    pub fn transactions(&self) -> (u64, u64) {
        self.queue.transactions()
    }

    /// Applies a batch in the caller's own open transaction. The batch becomes durable with that transaction, or not at
    /// all.
    ///
    /// The batch is applied in a savepoint: after an error nothing of it remains, and the transaction can continue.
    /// After a [`Conflict`](shop_core::batch::Conflict), decide again from new reads. After
    /// [`StoreError::Unavailable`](shop_core::store::StoreError::Unavailable) (which includes deadlocks and lost
    /// connections), roll back and start again.
    ///
    /// The batch locks what it writes and relies on until the transaction ends, in the store's own order. To avoid
    /// deadlocks, always lock your own rows on the same side of the batch, before it or after it. End the transaction
    /// soon to keep the shop fast.
    ///
    /// ```no_run
    /// use std::sync::Arc;
    /// use shop_core::prepare::{Next, Retries};
    /// use shop_core::store::CommitError;
    /// use shop_core::{Actor, Shop, cart::AddItem};
    /// use shop_store_sql::{PostgresOptions, PostgresStore};
    ///
    /// # async fn example(url: &str) -> Result<(), Box<dyn std::error::Error>> {
    /// let store = Arc::new(PostgresStore::connect(PostgresOptions::parse(url)?).await?);
    /// let shop = Shop::builder(Arc::clone(&store) as _, b"32 bytes from a good source, kept").open().await?;
    /// let pool = sqlx::PgPool::connect(url).await?;
    /// let call = async |shop: Shop| {
    ///     let item = AddItem { sku: "LAMP".into(), ..AddItem::default() };
    ///     shop.carts().add_item(&Actor::anonymous(), item).await
    /// };
    ///
    /// let mut retries = Retries::default();
    /// let mut prepared = shop.prepare(&call).await?;
    /// loop {
    ///     let mut transaction = pool.begin().await?;
    ///     let failure = match store.commit_in(&mut transaction, &prepared.batch).await {
    ///         Ok(()) => {
    ///             let note = sqlx::query("INSERT INTO app_notes (cart_id) VALUES ($1)").bind(prepared.reply.id.0);
    ///             note.execute(&mut *transaction).await?;
    ///             match transaction.commit().await {
    ///                 Ok(()) => break,
    ///                 Err(error) => CommitError::OutcomeUnknown(error.into()),
    ///             }
    ///         }
    ///         Err(refused) => {
    ///             transaction.rollback().await?;
    ///             refused
    ///         }
    ///     };
    ///     match retries.after(failure)? {
    ///         Next::Prepare => prepared = shop.prepare(&call).await?,
    ///         Next::Submit => {}
    ///         Next::Done => break,
    ///     }
    /// }
    /// shop.committed(&prepared.batch);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// `examples/loyalty_points` is a complete program that does this.
    ///
    /// # Errors
    /// As [`Store::commit`], but never [`CommitError::OutcomeUnknown`]: the caller commits the transaction and knows
    /// its outcome.
    pub async fn commit_in(&self, connection: &mut PgConnection, batch: &Batch) -> Result<(), CommitError> {
        commit::commit_in(connection, self.pool.counter(), batch).await
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn commit(&self, batch: Arc<Batch>) -> Result<(), CommitError> {
        self.queue.commit(batch).await
    }

    async fn miscounted(&self) -> StoreResult<Vec<String>> {
        list_counts::miscounted(&self.pool).await
    }

    async fn key_fingerprint(&self) -> StoreResult<Option<KeyFingerprint>> {
        let rows = self.pool.read("SELECT fingerprint FROM key_fingerprint", PgArguments::default()).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let fault = |error: Error| StoreError::Fault(error.into());
        let bytes: Vec<u8> = row.try_get(0).map_err(fault)?;
        let bytes = bytes.try_into().map_err(|_| StoreError::Fault("a fingerprint of another length".into()))?;
        Ok(Some(KeyFingerprint::from_bytes(bytes)))
    }

    async fn keep_key_fingerprint(
        &self,
        known: Option<KeyFingerprint>,
        fingerprint: KeyFingerprint,
    ) -> StoreResult<()> {
        let sql = match known {
            None => "INSERT INTO key_fingerprint (one, fingerprint) VALUES (true, $1) ON CONFLICT DO NOTHING",
            Some(_) => "UPDATE key_fingerprint SET fingerprint = $1 WHERE fingerprint = $2",
        };
        let mut values = StatementArguments::new().put(fingerprint.as_bytes().to_vec());
        if let Some(known) = known {
            values = values.put(known.as_bytes().to_vec());
        }
        self.pool.read(sql, values.finish().map_err(store_error)?).await.map(drop)
    }

    async fn read_snapshot(&self) -> StoreResult<Option<Arc<dyn Store>>> {
        let pool = Arc::new(self.pool.read_snapshot());
        let first = Arc::clone(&pool);
        self.pool.run(async move { first.acquire().await.map(Lease::release).map_err(store_error) }).await?;
        let snapshot = Self { loaders: Loaders::new(&pool), queue: Queue::stopped(), memo: Arc::default(), pool };
        Ok(Some(Arc::new(snapshot)))
    }

    async fn ping(&self) -> StoreResult<()> {
        let rows = self.pool.read("SELECT pg_is_in_recovery()", PgArguments::default()).await?;
        let fault = |error: Error| StoreError::Fault(error.into());
        match rows.first().map(|row| row.try_get(0)).transpose().map_err(fault)? {
            // The server was a primary when the connection was made.
            Some(true) => Err(store_error(standby())),
            _ => Ok(()),
        }
    }
}
