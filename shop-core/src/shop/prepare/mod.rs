//! Decides now and commits later: returns a call's batch to a host that commits it together with its own rows.
//!
//! A shop that is embedded in a larger program can share its database. [`Shop::prepare`] runs any call of the shop up
//! to its commit, and returns the writes. A store in a database commits them in one transaction with the host's writes
//! (`commit_with` of `shop-store-sqlite`, `commit_in` of `shop-store-sql`): both, or neither. The guards are in the
//! batch, so no check is weaker than in an ordinary call. Only the retry loop after a lost race is the host's;
//! [`Retries`] says what to do.
//!
//! ```
//! use std::sync::Arc;
//! use shop_core::prepare::{Next, Retries};
//! use shop_core::store::Store as _;
//! use shop_core::{Actor, Shop, cart::AddItem, memory::MemoryStore};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { futures_executor::block_on(async {
//! let store = Arc::new(MemoryStore::new());
//! let shop = Shop::builder(Arc::clone(&store) as _, b"32 bytes from a good source, kept").open().await?;
//! # let lamp = serde_json::json!({"name": "Lamp", "price": "19.99", "sku": "LAMP", "stock": 5});
//! # shop.catalog().create_product(&Actor::system(), serde_json::from_value(lamp)?).await?;
//! let guest = Actor::anonymous();
//! let call = async |shop: Shop| {
//!     let item = AddItem { sku: "LAMP".into(), quantity: 2.into(), ..AddItem::default() };
//!     shop.carts().add_item(&guest, item).await
//! };
//!
//! let mut retries = Retries::default();
//! let mut prepared = shop.prepare(&call).await?;
//! // The memory store holds only the shop's rows; a store in a database takes the host's own writes here.
//! while let Err(error) = store.commit(Arc::clone(&prepared.batch)).await {
//!     match retries.after(error)? {
//!         Next::Prepare => prepared = shop.prepare(&call).await?,
//!         Next::Submit => {}
//!         Next::Done => break,
//!     }
//! }
//! shop.committed(&prepared.batch);
//! assert_eq!(prepared.reply.items.len(), 1);
//! # Ok(()) }) }
//! ```

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::batch::{Batch, Change, Conflict, OutboxWrite, RowWrite, Unique, Write};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::model::outbox::DeliveryStatus;
use crate::model::webhooks::RECEIVERS;
use crate::shop::Shop;
use crate::store::CommitError;

/// The limit of attempts (load and decide) per call. Each lost race costs one attempt and means that another caller has
/// committed, so a hundred callers that change one row at once all succeed.
const ATTEMPTS: u32 = 100;

/// The limit of submissions of one batch while its outcome is unknown.
const SUBMISSIONS: u32 = 5;

/// A call that ran up to its commit. Nothing is written yet.
#[derive(Debug, Clone)]
#[must_use = "nothing is written until the batch is committed"]
pub struct Prepared<T> {
    /// The writes of the call, with their guards: the caller's session is alive or the caller is active, the versions
    /// it read, the stock, and the idempotency record. [Empty](Batch::is_empty) when the call changes nothing, or was
    /// already made under the same idempotency key; the host's rows that were committed with it are then stored as
    /// well.
    pub batch: Arc<Batch>,
    /// The reply of the call. It is only valid once the batch is committed.
    pub reply: T,
}

impl Shop {
    /// Runs a call without committing it, and returns its writes.
    ///
    /// `call` receives a shop that reads as this one does and captures what is committed to it. Any call of any domain
    /// that commits once, at its end, can be prepared. These calls are refused here, with nothing written:
    /// [`Accounts::verify_otp`](crate::accounts::Accounts::verify_otp) (it spends an attempt first), a sign-in that
    /// merges a guest's cart (it commits the cart separately), a refresh token that is used twice (its session ends
    /// before the refusal), and the [worker](Shop::worker) (it commits before and after each handover).
    ///
    /// Commit the batch soon: the rows it was decided on may change, and then its guards refuse it. After the commit,
    /// call [`Shop::committed`]. See [the module](crate::prepare) for the whole loop.
    ///
    /// # Errors
    /// The errors of the call; [`Error::Fault`] when it commits twice, or is refused after its commit.
    pub async fn prepare<T>(&self, call: impl AsyncFnOnce(Self) -> Result<T>) -> Result<Prepared<T>> {
        let capture = Arc::new(Capture::default());
        let reply = call(self.capturing(Arc::clone(&capture))).await;
        match (capture.end()?, reply) {
            (Some(batch), Ok(reply)) => Ok(Prepared { batch, reply }),
            (None, Ok(reply)) => Ok(Prepared { batch: Arc::new(Batch::new(&mut self.context())), reply }),
            (None, Err(error)) => Err(error),
            // The refusal itself depends on a commit (an attempt spent, a stolen session ended) that did not happen.
            (Some(_), Err(_)) => Err(several_steps()),
        }
    }

    /// Notifies the worker that a [prepared](Shop::prepare) batch was committed, so that its mails and events are
    /// delivered at once. Otherwise the worker finds them at its next poll, seconds later.
    pub fn committed(&self, batch: &Batch) {
        if batch.writes.iter().any(is_worker_job) {
            self.notifier().notify();
        }
        if batch.writes.iter().any(|write| is_about_webhooks(write, batch.at)) {
            self.webhooks_notifier().notify();
        }
    }
}

/// Whether a write leaves work for the worker (its own updates of deliveries do not).
fn is_worker_job(write: &Write) -> bool {
    matches!(write, Write::Outbox(OutboxWrite::Event(_)) | Write::Row(RowWrite::Delivery(Change::Insert(_))))
}

/// Whether a write changes the webhooks, or schedules a delivery to be resent at once.
fn is_about_webhooks(write: &Write, now: Timestamp) -> bool {
    match write {
        Write::Row(RowWrite::Webhook(_)) => true,
        Write::Row(RowWrite::Delivery(Change::Update(row))) => {
            row.status == DeliveryStatus::Pending && row.due_at <= now && row.receiver.starts_with(RECEIVERS)
        }
        _ => false,
    }
}

/// Captures the batch of a prepared call.
#[derive(Debug, Default)]
pub(crate) struct Capture(Mutex<CaptureState>);

#[derive(Debug, Default)]
enum CaptureState {
    #[default]
    Nothing,
    Batch(Arc<Batch>),
    /// There was a second batch: the reply does not match what would be committed.
    TooMany,
    /// The call has ended.
    Over,
}

impl Capture {
    /// Takes a batch instead of the store.
    pub(crate) fn keep(&self, batch: Arc<Batch>) -> Result<()> {
        let mut state = self.state();
        match *state {
            CaptureState::Nothing => {
                *state = CaptureState::Batch(batch);
                Ok(())
            }
            CaptureState::Batch(_) | CaptureState::TooMany => {
                *state = CaptureState::TooMany;
                Err(several_steps())
            }
            CaptureState::Over => Err(Error::fault("a call was made on the shop of Shop::prepare after it had ended")),
        }
    }

    /// Returns the captured batch. Later batches are refused.
    fn end(&self) -> Result<Option<Arc<Batch>>> {
        match std::mem::replace(&mut *self.state(), CaptureState::Over) {
            CaptureState::Batch(batch) => Ok(Some(batch)),
            CaptureState::TooMany => Err(several_steps()),
            CaptureState::Nothing | CaptureState::Over => Ok(None),
        }
    }

    fn state(&self) -> MutexGuard<'_, CaptureState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn several_steps() -> Error {
    Error::fault("this call commits in several steps, so it cannot be prepared as one batch: call the shop itself")
}

/// What to do after a failed commit; see [`Retries`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// A guard refused the batch: rows that the decision relied on have changed, and nothing was written. Prepare the
    /// call again; it decides on the current data (it may now be out of stock, for example).
    Prepare,
    /// It is unknown whether the batch was written. Submit the same batch again, with the same rows of your own.
    Submit,
    /// The batch, and what was committed with it, was written by an earlier submission whose outcome was unknown.
    Done,
}

/// The retry policy of one call: what to do after each failed commit, with limits. The shop's own calls use it, so a
/// host that uses it has the same policy.
///
/// A host whose own transaction ended with an unknown outcome passes [`CommitError::OutcomeUnknown`].
#[derive(Debug, Clone, Default)]
pub struct Retries {
    lost_races: u32,
    unknown: u32,
}

impl Retries {
    /// Decides what to do after a failed commit.
    ///
    /// # Errors
    /// When a retry makes no sense: [`Error::TokenNotValid`] when the caller's session has ended;
    /// [`Error::PermissionDenied`] when a caller without a session is absent or inactive; [`Error::Unavailable`] when
    /// the storage is unavailable, after a hundred lost races, or when an outcome stayed unknown; [`Error::Fault`] when
    /// the storage refuses permanently. Nothing was written, unless an outcome was unknown before.
    pub fn after(&mut self, error: CommitError) -> Result<Next> {
        match error {
            // Only this batch carries this id: an earlier submission with an unknown outcome was committed.
            CommitError::Conflict(Conflict::Exists(Unique::Operation)) if self.unknown > 0 => Ok(Next::Done),
            CommitError::Conflict(Conflict::Revoked(_)) => Err(Error::TokenNotValid),
            CommitError::Conflict(Conflict::Inactive(_)) => Err(Error::PermissionDenied),
            CommitError::Conflict(conflict) => {
                self.unknown = 0;
                self.lost_races += 1;
                if self.lost_races < ATTEMPTS {
                    return Ok(Next::Prepare);
                }
                tracing::warn!(?conflict, "gave up after {ATTEMPTS} lost races");
                Err(Error::Unavailable { retry_after: 1, source: Some(conflict.into()) })
            }
            CommitError::Store(error) => Err(error.into()),
            CommitError::OutcomeUnknown(error) => {
                self.unknown += 1;
                if self.unknown < SUBMISSIONS {
                    tracing::warn!(%error, "the outcome of a commit is unknown, submitting it again");
                    return Ok(Next::Submit);
                }
                Err(Error::Unavailable {
                    retry_after: 5,
                    source: Some("the outcome of a commit stayed unknown".into()),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests;
