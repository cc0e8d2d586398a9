//! The storage port: seven read traits, the shop's own memory and details, and one `commit`.

use std::sync::Arc;

use async_trait::async_trait;

use crate::accounts::AccountsRepository;
use crate::batch::{Batch, Conflict};
use crate::cart::CartRepository;
use crate::catalog::CatalogRepository;
use crate::details::DetailsRepository;
use crate::error::{BoxError, Error};
use crate::inventory::InventoryRepository;
use crate::orders::OrdersRepository;
use crate::outbox::OutboxRepository;
use crate::payments::PaymentsRepository;
use crate::secret::KeyFingerprint;
use crate::shipping::ShippingRepository;

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The storage cannot be reached or is too busy; the same call may succeed later.
    #[error("the storage is unavailable")]
    Unavailable(#[source] BoxError),
    /// What is stored makes no sense, or the storage refuses the call for good.
    #[error("the storage is faulty")]
    Fault(#[source] BoxError),
}

/// What every read returns.
pub type StoreResult<T> = Result<T, StoreError>;

/// Why a batch was not applied, or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A guard failed; nothing was written.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// Nothing was written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The storage was lost while it made the batch durable: it may be in or not. Submitting the same batch
    /// again is safe and gives the answer.
    #[error("it is unknown whether the batch was applied")]
    OutcomeUnknown(#[source] BoxError),
}

/// A storage of the shop.
///
/// # Contract
/// - `commit` applies the whole batch or nothing; `Ok` means durable. Every guard is judged atomically with the
///   write it is fused with, under whatever concurrency the storage has.
/// - A failed guard comes back by name, the first in the order: operation, requires in their order, writes in
///   their order, then the guards judged on the whole batch.
/// - A dropped `commit` future leaves the batch applied whole or not at all.
/// - A read that begins after a commit answered sees it.
/// - Rows come back exactly as they were written; times in whole microseconds.
/// - "Oldest first" is by id, for ids sort by time; "newest" is the greatest id.
/// - What a row refers to must exist (a store may have foreign keys) and is written before it; the decision that
///   writes it requires the other row where it could go. Only the references that a write's docs name are guards.
///
/// [`crate::conformance`] checks all of it.
#[async_trait]
pub trait Store:
    AccountsRepository
    + CatalogRepository
    + CartRepository
    + OrdersRepository
    + PaymentsRepository
    + ShippingRepository
    + InventoryRepository
    + OutboxRepository
    + DetailsRepository
    + 'static
{
    /// Applies a batch whole or not at all.
    async fn commit(&self, batch: Arc<Batch>) -> Result<(), CommitError>;

    /// One sentence for each thing that the storage keeps beside the rows (counts of lists, say) and that is not what the rows
    /// say; none when all is well, and where nothing is kept. It may read everything.
    async fn miscounted(&self) -> StoreResult<Vec<String>> {
        Ok(Vec::new())
    }

    /// The fingerprint of the secret key that the data belongs to; `None` while it belongs to none.
    async fn key_fingerprint(&self) -> StoreResult<Option<KeyFingerprint>> {
        Ok(None)
    }

    /// Keeps the fingerprint of the secret key that the data belongs to, if the one that is kept is `known`; else nothing
    /// happens. `Ok` means durable. A store that keeps none notices no other key.
    async fn keep_key_fingerprint(
        &self,
        known: Option<KeyFingerprint>,
        fingerprint: KeyFingerprint,
    ) -> StoreResult<()> {
        let _ = (known, fingerprint);
        Ok(())
    }

    /// The storage as it is now, for reads that must agree with each other: each of them sees this moment, whatever is
    /// committed meanwhile. Nothing can be committed to it. `None` where a storage cannot do that.
    async fn at_one_moment(&self) -> StoreResult<Option<Arc<dyn Store>>> {
        Ok(None)
    }

    /// Answers when the storage can be reached, and takes commits.
    async fn ping(&self) -> StoreResult<()>;
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(source) => Self::Unavailable { retry_after: 1, source: Some(source) },
            StoreError::Fault(source) => Self::Fault(source),
        }
    }
}
