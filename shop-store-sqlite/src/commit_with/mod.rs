//! The host's own rows in the shop's file: committed together with a batch, or on their own.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use shop_core::batch::Batch;
use shop_core::store::{CommitError, StoreError, StoreResult};

use crate::SqliteStore;
use crate::commit::{self, ApplyError};
use crate::encoded::EncodedBatch;
use crate::writer::{Refusal, Work};

/// Why a batch and the host's own writes were not committed together.
#[derive(Debug, thiserror::Error)]
pub enum CommitWithError<E> {
    /// The store refused. [`Retries`](shop_core::prepare::Retries) decides what to do next.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The host's closure returned an error. Nothing was written, not even the batch.
    #[error("the host refused: {0}")]
    Host(E),
}

/// The result of a call with a host's closure.
pub type HostResult<T, E> = Result<T, CommitWithError<E>>;

/// # The host's own tables
/// A program that embeds the shop may keep its own rows in the shop's file and commit them together with the shop's.
/// The rules:
/// - The shop opens the file first: a file with other tables and no shop is refused
///   ([`OpenError::NotAShop`](crate::OpenError::NotAShop)). After that the host may create its tables at any time, in
///   [`transaction`](SqliteStore::transaction) or on its own connection: `CREATE TABLE IF NOT EXISTS app_points …`.
/// - **Names begin with `app_`.** No table, index, view or trigger of the shop ever does, so no later release can
///   collide. The schema check at startup covers only the shop's own tables.
/// - `PRAGMA user_version` belongs to the host, for the version of its own schema; the shop does not use it.
/// - The host may read the shop's tables, but any release may change them. It must not write them: SQLite refuses such
///   a statement ("not authorized").
/// - A foreign key to the shop's `orders`, `products`, `variants` or `users` is allowed (`REFERENCES orders (id)`),
///   because these rows are never deleted. A foreign key to any other table needs `ON DELETE CASCADE` or `SET NULL`;
///   otherwise it would prevent the shop from deleting rows. Ids are BLOBs of 16 bytes.
///
/// # The host's closure
/// The closure runs on the writer's thread, in the batch's transaction, after the batch was applied. So it sees what
/// the batch wrote, and every other writer waits for it: keep it to a few fast, local statements. It may run **more
/// than once**: if the transaction is lost (for example, because the disk is full), everything in it is done again.
/// Only the last run counts. The closure must do the same each time and change nothing outside the database.
///
/// The transaction is shared with other work. An error, a panic or a violated constraint (deferred ones included)
/// undoes only the closure's own batch and writes. `BEGIN`, `COMMIT`, `ROLLBACK`, temporary tables and most PRAGMAs are
/// refused. A `SAVEPOINT` is allowed, unless its name begins with `shop_`. Do not change the settings of the
/// connection.
impl SqliteStore {
    /// Commits a batch together with the host's own writes: both or neither. `Ok` means durable.
    ///
    /// The batch comes from [`Shop::prepare`](shop_core::Shop::prepare); call
    /// [`Shop::committed`](shop_core::Shop::committed) afterwards. After an unknown outcome, submitting the same batch
    /// again is also safe for the host's rows: they were written if and only if the batch was.
    ///
    /// The counterpart for Postgres is `commit_in` of `shop-store-sql`, which works in the host's own transaction.
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
    /// // The host's own table, next to the shop's.
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
    /// let count = |tables: &Connection| tables.query_row("SELECT count(*) FROM app_wishes", [], |row| row.get(0));
    /// let wishes = store.read(count).await?;
    /// assert_eq!((prepared.reply.items.len(), wishes), (1, 1));
    /// # Ok(()) }) }
    /// ```
    ///
    /// # Errors
    /// [`CommitWithError`]. Nothing was written, unless it is [`CommitError::OutcomeUnknown`].
    pub async fn commit_with<T, E>(
        &self,
        batch: Arc<Batch>,
        host: impl FnMut(&Connection) -> Result<T, E> + Send + 'static,
    ) -> HostResult<T, E>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let batch = EncodedBatch::new(batch);
        self.with_host(Box::new(move |connection, tally| commit::apply(connection, tally, &batch)), host).await
    }

    /// Runs the host's closure in its own transaction, for tables and rows that are unrelated to a batch. It queues
    /// with the shop's batches and shares their sync. `Ok` means durable.
    ///
    /// Use this rather than a second writing connection: two writers of one file wait for each other.
    ///
    /// # Errors
    /// [`CommitWithError`]. Nothing was written, unless it is [`CommitError::OutcomeUnknown`].
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

    /// Runs the host's own queries on a reading connection, in one snapshot of the file.
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
        // The closure's last result: it may run more than once, and may panic.
        let given = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&given);
        let put = move |answer| *slot.lock().unwrap_or_else(PoisonError::into_inner) = answer;
        let host = Box::new(move |connection: &Connection| {
            put(None);
            let answer = host(connection);
            let applied = if answer.is_ok() { Ok(()) } else { Err(ApplyError::Host) };
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

/// Cannot happen, unless the writer and the closure disagree about the outcome.
fn lost<E>(outcome: &impl fmt::Debug) -> CommitWithError<E> {
    CommitError::Store(StoreError::Fault(format!("the host's answer was lost: {outcome:?}").into())).into()
}

#[cfg(test)]
mod tests;
