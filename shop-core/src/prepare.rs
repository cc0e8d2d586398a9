//! Deciding now, committing later: a call's batch, for a host that commits it together with rows of its own.
//!
//! A shop that lives inside a larger program shares the database with it. [`Shop::prepare`] makes any call of the shop
//! up to its commit, and gives what it would write; a store of SQL commits that in one transaction with what the host
//! writes (`commit_with` of `shop-store-sqlite`, `commit_in` of `shop-store-sql`): both, or none. The guards are in the
//! batch, so nothing is weaker than in an ordinary call; only the loop that starts again after a lost race is the
//! host's, and [`Retries`] tells it what to do.
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
//!     let wish = AddItem { sku: "LAMP".into(), quantity: 2.into(), ..AddItem::default() };
//!     shop.carts().add_item(&guest, wish).await
//! };
//!
//! let mut retries = Retries::default();
//! let mut prepared = shop.prepare(&call).await?;
//! // The memory store holds nothing but the shop; a store of SQL takes the host's own writes here.
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

use crate::batch::{Batch, Change, Conflict, RowWrite, Unique, Write};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::outbox::{DeliveryStatus, OutboxWrite, RECEIVERS};
use crate::shop::Shop;
use crate::store::CommitError;

/// How often a call loads and decides before it gives up. A lost race costs one attempt and somebody else has won
/// it; a hundred callers that change one row at once all get through.
const ATTEMPTS: u32 = 100;

/// How often one batch is submitted while its outcome is unknown.
const SUBMISSIONS: u32 = 5;

/// A call that was made up to its commit: nothing is written yet.
#[derive(Debug, Clone)]
#[must_use = "nothing is written until the batch is committed"]
pub struct Prepared<T> {
    /// What the call writes, with its guards: the caller's session is alive or the caller is active, the versions it read,
    /// the stock, and the answer under an idempotency key. [Empty](Batch::is_empty) when the call changes nothing, or was
    /// made before under the same key: then whatever the host committed with it is in already, too.
    pub batch: Arc<Batch>,
    /// What the call answers, true once the batch is committed and not before.
    pub reply: T,
}

impl Shop {
    /// Makes a call without committing it: what it would write is given back.
    ///
    /// `call` is given a shop that reads as this one does and keeps what is committed to it. Any call of any domain
    /// can be prepared that commits once, at its end. [`Accounts::verify_otp`](crate::accounts::Accounts::verify_otp)
    /// spends a try first, a sign-in that merges a guest's cart commits the cart by itself, a refresh token that comes
    /// twice ends its session before it is refused, and the [worker](Shop::worker) commits before and after it hands
    /// something over: these are refused here, and nothing is written.
    ///
    /// Commit the batch soon: what it was decided on may change, and then its guards refuse it. After the commit
    /// call [`Shop::committed`]. See [the module](crate::prepare) for the whole loop.
    ///
    /// # Errors
    /// What the call answers; [`Error::Fault`] when it commits twice, or is refused after its commit.
    pub async fn prepare<T>(&self, call: impl AsyncFnOnce(Self) -> Result<T>) -> Result<Prepared<T>> {
        let capture = Arc::new(Capture::default());
        let reply = call(self.capturing(Arc::clone(&capture))).await;
        match (capture.end()?, reply) {
            (Some(batch), Ok(reply)) => Ok(Prepared { batch, reply }),
            (None, Ok(reply)) => Ok(Prepared { batch: Arc::new(Batch::new(&mut self.moment())), reply }),
            (None, Err(error)) => Err(error),
            // The refusal itself rests on a commit (a try was spent, a stolen session ended) that did not happen.
            (Some(_), Err(_)) => Err(several_steps()),
        }
    }

    /// Says that a [prepared](Shop::prepare) batch was committed, so that what it leaves to deliver (mails, events) is
    /// delivered at once. Unsaid, the worker finds it at its next look, seconds later.
    pub fn committed(&self, batch: &Batch) {
        if batch.writes.iter().any(is_news) {
            self.wake().ring();
        }
        if batch.writes.iter().any(|write| is_about_webhooks(write, batch.at)) {
            self.webhooks_wake().ring();
        }
    }
}

/// Whether a write leaves something for the worker to do (its own notes on deliveries do not).
fn is_news(write: &Write) -> bool {
    matches!(write, Write::Outbox(OutboxWrite::Event(_)) | Write::Row(RowWrite::Delivery(Change::Insert(_))))
}

/// Whether a write changes who is delivered to, or wants a delivery made again at once.
fn is_about_webhooks(write: &Write, now: Timestamp) -> bool {
    match write {
        Write::Row(RowWrite::Webhook(_)) => true,
        Write::Row(RowWrite::Delivery(Change::Update(row))) => {
            row.status == DeliveryStatus::Pending && row.due_at <= now && row.receiver.starts_with(RECEIVERS)
        }
        _ => false,
    }
}

/// Where a shop that only prepares keeps its one batch.
#[derive(Debug, Default)]
pub(crate) struct Capture(Mutex<Kept>);

#[derive(Debug, Default)]
enum Kept {
    #[default]
    Nothing,
    Batch(Arc<Batch>),
    /// There was a second batch: what the call answers is not what would be committed.
    TooMany,
    /// The call has ended.
    Over,
}

impl Capture {
    /// Takes a batch instead of the store.
    pub(crate) fn keep(&self, batch: Arc<Batch>) -> Result<()> {
        let mut kept = self.kept();
        match *kept {
            Kept::Nothing => {
                *kept = Kept::Batch(batch);
                Ok(())
            }
            Kept::Batch(_) | Kept::TooMany => {
                *kept = Kept::TooMany;
                Err(several_steps())
            }
            Kept::Over => Err(Error::fault("a call was made on the shop of Shop::prepare after it had ended")),
        }
    }

    /// Gives what was kept; nothing is kept any more.
    fn end(&self) -> Result<Option<Arc<Batch>>> {
        match std::mem::replace(&mut *self.kept(), Kept::Over) {
            Kept::Batch(batch) => Ok(Some(batch)),
            Kept::TooMany => Err(several_steps()),
            Kept::Nothing | Kept::Over => Ok(None),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn several_steps() -> Error {
    Error::fault("this call commits in several steps, so it cannot be prepared as one batch: call the shop itself")
}

/// What to do after a commit that failed; see [`Retries`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// A guard refused it: what the decision rested on has changed, and nothing was written. Prepare the call again;
    /// it answers with the world of now (that it is out of stock, say).
    Prepare,
    /// It is unknown whether it was written. Submit the very same batch, with the same rows of your own.
    Submit,
    /// It was written before, when its outcome was unknown: the batch, and what was committed with it.
    Done,
}

/// The patience of one call: what to do after each failed commit, a bounded number of times. The calls of the shop use
/// it themselves, so a host that asks it has the same policy.
///
/// A host whose own transaction ended with an unknown outcome tells it as [`CommitError::OutcomeUnknown`].
#[derive(Debug, Clone, Default)]
pub struct Retries {
    lost_races: u32,
    unknown: u32,
}

impl Retries {
    /// What to do after this.
    ///
    /// # Errors
    /// When another try makes no sense: [`Error::TokenNotValid`] when the caller's session has ended;
    /// [`Error::PermissionDenied`] when a caller without a session is absent or not active;
    /// [`Error::Unavailable`] when the storage is, after a hundred lost races, or when an outcome stayed unknown;
    /// [`Error::Fault`] when the storage refuses for good. Nothing was written, unless the outcome was unknown before.
    pub fn after(&mut self, error: CommitError) -> Result<Next> {
        match error {
            // Only this very batch carries this id: it went in before its outcome was lost.
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
