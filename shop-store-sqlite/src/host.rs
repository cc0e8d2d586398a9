//! The host's own rows in the shop's file: written in one transaction with a batch, or by themselves.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use shop_core::batch::Batch;
use shop_core::store::{CommitError, StoreError, StoreResult};

use crate::SqliteStore;
use crate::commit::{self, Failure, Prepared};
use crate::writer::{Refusal, Work};

/// Why a batch and the host's own writes were not committed together.
#[derive(Debug, thiserror::Error)]
pub enum CommitWithError<E> {
    /// The store's answer; what to do is told by [`Retries`](shop_core::prepare::Retries).
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The host's closure refused; nothing was written, of the batch neither.
    #[error("the host refused: {0}")]
    Host(E),
}

/// What the calls with a host's closure answer.
pub type HostResult<T, E> = Result<T, CommitWithError<E>>;

/// # The host's own tables
/// A program that embeds the shop may keep its own rows in the shop's file, and have them committed together with the
/// shop's. The rules:
/// - The shop opens the file first: a file with other tables and no shop is refused
///   ([`OpenError::NotAShop`](crate::OpenError::NotAShop)). Then the host makes its tables, in
///   [`transaction`](SqliteStore::transaction) (or on a connection of its own), and whenever it likes:
///   `CREATE TABLE IF NOT EXISTS app_points …`.
/// - **Names begin with `app_`.** No table, index, view or trigger of the shop ever will, so no later release can
///   collide. The check of the schema at the start looks at the shop's own tables and leaves all others alone.
/// - `PRAGMA user_version` is the host's, for the version of its own schema; the shop does not use it.
/// - The shop's tables may be read, and may change with any release. They are not written: a statement that would is
///   refused by SQLite ("not authorized").
/// - A foreign key to the shop's `orders`, `products`, `variants` or `users` is fine (`REFERENCES orders (id)`), these
///   rows stay for ever; to anything else only with `ON DELETE CASCADE` or `SET NULL`, or it would keep the shop from
///   deleting. Ids are BLOBs of 16 bytes.
///
/// # The host's closure
/// It runs on the writer's thread, in the transaction of the batch, after the batch was applied. So it sees what the
/// batch wrote, and everybody who writes waits for it: a few statements, nothing slow, nothing remote. It may run
/// **more than once** (when the transaction was lost, a full disk say, everything in it is done again), and only what
/// it did last counts: it must do the same each time and change nothing outside of the database.
///
/// It shares the transaction with others. An error or a panic takes back its own batch and writes and nobody else's; so
/// does breaking a constraint, deferred ones included. `BEGIN`, `COMMIT`, `ROLLBACK`, temporary tables and most PRAGMAs are refused; a
/// `SAVEPOINT` of its own is fine (no name that begins with `shop_`). Settings of the connection are to be left as
/// they are.
impl SqliteStore {
    /// Commits a batch together with the host's own writes: both, or none. `Ok` means durable.
    ///
    /// The batch comes from [`Shop::prepare`](shop_core::Shop::prepare); afterwards call
    /// [`Shop::committed`](shop_core::Shop::committed). Submitting the same batch again after an unknown outcome is safe
    /// for the host's rows too: they are in if and only if the batch is.
    ///
    /// The twin of this call for Postgres is `commit_in` of `shop-store-sql`, which works in the host's own transaction.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use shop_core::prepare::{Next, Retries};
    /// use shop_core::{Actor, Shop, cart::AddItem};
    /// use shop_store_sqlite::rusqlite::{self, Connection};
    /// use shop_store_sqlite::{CommitWithError, SqliteStore};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let store = Arc::new(SqliteStore::temporary()?);
    /// let shop = Shop::builder(Arc::clone(&store) as _, b"32 bytes from a good source, kept").open().await?;
    /// # let lamp = serde_json::json!({"name": "Lamp", "price": "19.99", "sku": "LAMP", "stock": 5});
    /// # shop.catalog().create_product(&Actor::system(), serde_json::from_value(lamp)?).await?;
    ///
    /// // The host's own table, beside the shop's.
    /// store.transaction(|tables: &Connection| {
    ///     tables.execute_batch("CREATE TABLE IF NOT EXISTS app_wishes (cart BLOB NOT NULL, at INTEGER NOT NULL) STRICT")
    /// }).await?;
    ///
    /// // A cart of the shop and a row of the host's, both or none.
    /// let guest = Actor::anonymous();
    /// let call = async |shop: Shop| {
    ///     shop.carts().add_item(&guest, AddItem { sku: "LAMP".into(), ..AddItem::default() }).await
    /// };
    /// let mut retries = Retries::default();
    /// let mut prepared = shop.prepare(&call).await?;
    /// loop {
    ///     let (cart, at) = (prepared.reply.id, prepared.batch.at);
    ///     let note = move |tables: &Connection| {
    ///         let row = (cart.0.as_bytes(), at.timestamp());
    ///         tables.execute("INSERT INTO app_wishes (cart, at) VALUES (?1, ?2)", row)
    ///     };
    ///     match store.commit_with(Arc::clone(&prepared.batch), note).await {
    ///         Ok(_) => break,
    ///         Err(CommitWithError::Host(error)) => return Err(error.into()),
    ///         Err(CommitWithError::Commit(error)) => match retries.after(error)? {
    ///             Next::Prepare => prepared = shop.prepare(&call).await?,
    ///             Next::Submit => {}
    ///             Next::Done => break,
    ///         },
    ///     }
    /// }
    /// shop.committed(&prepared.batch);
    ///
    /// let wishes = store.read(|tables| tables.query_row("SELECT count(*) FROM app_wishes", [], |row| row.get(0))).await?;
    /// assert_eq!((prepared.reply.items.len(), wishes), (1, 1));
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    /// [`CommitWithError`]; nothing was written, unless it is [`CommitError::OutcomeUnknown`].
    pub async fn commit_with<T, E>(
        &self,
        batch: Arc<Batch>,
        host: impl FnMut(&Connection) -> Result<T, E> + Send + 'static,
    ) -> HostResult<T, E>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let batch = Prepared::new(batch);
        self.with_host(Box::new(move |connection, tally| commit::apply(connection, tally, &batch)), host).await
    }

    /// Runs the host's closure in a transaction of its own, for what has nothing to do with the shop: its tables, its
    /// rows. It takes its turn with the shop's batches and shares their sync. `Ok` means durable.
    ///
    /// Use this rather than a second connection for writing: two writers of one file wait for each other.
    ///
    /// # Errors
    /// [`CommitWithError`]; nothing was written, unless it is [`CommitError::OutcomeUnknown`].
    pub async fn transaction<T, E>(
        &self,
        host: impl FnMut(&Connection) -> Result<T, E> + Send + 'static,
    ) -> HostResult<T, E>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        self.with_host(Box::new(|_, _| Ok(())), host).await
    }

    /// Runs the host's own queries on a reading connection; they all see the same state of the file.
    ///
    /// # Errors
    /// [`StoreError`], as for every read; a statement that writes is refused.
    pub async fn read<T: Send + 'static>(
        &self,
        host: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> StoreResult<T> {
        self.readers().long(host).await
    }

    async fn with_host<T, E>(
        &self,
        work: Work,
        mut host: impl FnMut(&Connection) -> Result<T, E> + Send + 'static,
    ) -> HostResult<T, E>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        // What the closure answered last: it may run again, and may panic.
        let given = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&given);
        let put = move |answer| *slot.lock().unwrap_or_else(PoisonError::into_inner) = answer;
        let host = Box::new(move |connection: &Connection| {
            put(None);
            let answer = host(connection);
            let applied = if answer.is_ok() { Ok(()) } else { Err(Failure::Host) };
            put(Some(answer));
            applied
        });
        let outcome = self.writer.submit_with(work, host).await;
        let given = given.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (outcome, given) {
            (Ok(()), Some(Ok(value))) => Ok(value),
            (Err(Refusal::Host), Some(Err(error))) => Err(CommitWithError::Host(error)),
            (Err(Refusal::Commit(error)), _) => Err(error.into()),
            (outcome, _) => Err(lost(&outcome)),
        }
    }
}

/// The writer and the closure never disagree.
fn lost<E>(outcome: &impl fmt::Debug) -> CommitWithError<E> {
    CommitError::Store(StoreError::Fault(format!("the host's answer was lost: {outcome:?}").into())).into()
}

#[cfg(test)]
mod tests;
