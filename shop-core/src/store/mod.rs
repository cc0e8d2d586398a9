//! The storage port: read traits per domain, and one `commit`.

mod accounts;
mod cart;
mod catalog;
mod details;
mod inventory;
mod orders;
mod outbox;
mod payments;
mod pricing;
mod promotions;
mod shipping;
mod taxes;
mod webhooks;

use std::sync::Arc;

use async_trait::async_trait;

use crate::batch::{Batch, Conflict};
use crate::error::{BoxError, Error};
use crate::secret::KeyFingerprint;

pub use accounts::AccountsRepository;
pub use cart::CartRepository;
pub use catalog::CatalogRepository;
pub use details::DetailsRepository;
pub use inventory::InventoryRepository;
pub use orders::OrdersRepository;
pub use outbox::OutboxRepository;
pub use payments::PaymentsRepository;
pub use pricing::PricingRepository;
pub use promotions::PromotionsRepository;
pub use shipping::ShippingRepository;
pub use taxes::TaxesRepository;
pub use webhooks::WebhooksRepository;

/// The reason why a read failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The storage cannot be reached or is too busy. The same call may succeed later.
    #[error("the storage is unavailable")]
    Unavailable(#[source] BoxError),
    /// The stored data is invalid, or the storage refuses the call permanently.
    #[error("the storage is faulty")]
    Fault(#[source] BoxError),
}

/// The result of every read.
pub type StoreResult<T> = Result<T, StoreError>;

/// The reason why a batch was not applied, or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A guard failed; nothing was written.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The storage failed; nothing was written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The connection to the storage was lost during the commit: the batch may or may not be stored. Submitting the
    /// same batch again is safe and resolves the outcome.
    #[error("it is unknown whether the batch was applied")]
    OutcomeUnknown(#[source] BoxError),
}

/// A storage of the shop.
///
/// # Contract
/// - `commit` applies the whole batch or nothing; `Ok` means durable. Every guard is checked atomically with its write,
///   whatever the storage's concurrency.
/// - A failed guard is returned by name. The first failure counts, in this order: the operation, the preconditions in
///   their order, the writes in their order, then the guards on the whole batch.
/// - Dropping the `commit` future leaves the batch applied completely or not at all.
/// - A read that starts after a commit has returned sees it.
/// - Rows are read exactly as they were written; times in whole microseconds.
/// - "Oldest first" means ascending id, since ids sort by time; "newest" is the greatest id.
/// - A referenced row must exist (a store may have foreign keys) and is written before the row that refers to it. A
///   decision adds a precondition on the referenced row if that row could be deleted. Only the references that a
///   write's docs name are guards.
///
/// [`crate::conformance`] tests the whole contract.
#[async_trait]
pub trait Store:
    AccountsRepository
    + CatalogRepository
    + PromotionsRepository
    + TaxesRepository
    + PricingRepository
    + CartRepository
    + OrdersRepository
    + PaymentsRepository
    + ShippingRepository
    + InventoryRepository
    + OutboxRepository
    + WebhooksRepository
    + DetailsRepository
    + 'static
{
    /// Applies a batch atomically.
    async fn commit(&self, batch: Arc<Batch>) -> Result<(), CommitError>;

    /// Returns one sentence per value that the storage derives from rows (such as a list's count) and that contradicts
    /// the rows; none if all are consistent or nothing is derived. It may read everything.
    async fn miscounted(&self) -> StoreResult<Vec<String>> {
        Ok(Vec::new())
    }

    /// The fingerprint of the secret key that the data belongs to; `None` until one is saved.
    async fn key_fingerprint(&self) -> StoreResult<Option<KeyFingerprint>> {
        Ok(None)
    }

    /// Saves the fingerprint of the secret key that the data belongs to, if the saved one is `known`; otherwise does
    /// nothing. `Ok` means durable. A store that saves no fingerprint cannot detect a different key.
    async fn keep_key_fingerprint(
        &self,
        known: Option<KeyFingerprint>,
        fingerprint: KeyFingerprint,
    ) -> StoreResult<()> {
        let _ = (known, fingerprint);
        Ok(())
    }

    /// A snapshot of the storage, for reads that must agree with each other: later commits are not visible in it. It
    /// accepts no commits. `None` if the storage has no snapshots.
    async fn read_snapshot(&self) -> StoreResult<Option<Arc<dyn Store>>> {
        Ok(None)
    }

    /// Succeeds when the storage can be reached and accepts commits.
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
