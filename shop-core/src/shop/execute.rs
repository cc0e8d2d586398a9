//! The single path for changes: load, decide, commit, and retry when a guard fails.

use std::future::Future;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::actor::Actor;
use crate::batch::{Batch, Change, Decision, Precondition, RowWrite, Write};
use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::idempotency::{IdempotencyKey, IdempotencyRecord, IdempotencyRecordKey, Replayable};
use crate::model::outbox::Content;
use crate::shop::Shop;
use crate::shop::prepare::{Next, Retries};

impl Shop {
    /// Runs `attempt` (load and decide) and commits its batch, retrying until the batch is committed or refused.
    ///
    /// Every change by a signed-in user requires that their session is still alive. Without a session (the embedding
    /// program vouches for the user) it requires that the user exists and is active.
    ///
    /// # Errors
    /// The errors of `attempt`; [`Error::TokenNotValid`] when the session has ended in the meantime;
    /// [`Error::PermissionDenied`] when a user without a session is absent or inactive; [`Error::Unavailable`] when the
    /// storage is unavailable, or after a hundred lost races in a row. In these cases nothing was written, unless the
    /// connection to the storage was lost during the commit and could not be restored.
    pub async fn execute<T, F, Attempt>(&self, actor: &Actor, attempt: F) -> Result<T>
    where
        F: Fn(DecisionContext) -> Attempt,
        Attempt: Future<Output = Result<Decision<T>>>,
    {
        let caller = self.caller_precondition(actor);
        let mut retries = Retries::default();
        loop {
            let Decision { mut batch, reply } = attempt(self.context()).await?;
            if !self.mails_buyers() {
                batch.writes.retain(|write| !is_order_mail(write));
            }
            if batch.is_empty() {
                return Ok(reply);
            }
            if let Some(caller) = caller {
                batch.preconditions.insert(0, caller);
            }
            if self.submit(Arc::new(batch), &mut retries).await? {
                return Ok(reply);
            }
        }
    }

    /// Like [`Shop::execute`], but at most once per idempotency key of this caller. The reply is stored in the same
    /// batch as the effect; the loser of a race, or a later retry, receives the stored reply.
    ///
    /// `operation` names the call and the id of its subject (`payments.capture:…`). The reply is stored as JSON: it
    /// must hold no secret. A caller without any identity has no keys; the call then runs as without one.
    ///
    /// # Errors
    /// As [`Shop::execute`]; [`Error::IdempotencyMismatch`] when the key belongs to a different request.
    pub async fn execute_once<T, F, Attempt>(
        &self,
        actor: &Actor,
        operation: &str,
        key: Option<&IdempotencyKey>,
        attempt: F,
    ) -> Result<Replayable<T>>
    where
        T: Serialize + DeserializeOwned,
        F: Fn(DecisionContext) -> Attempt,
        Attempt: Future<Output = Result<Decision<T>>>,
    {
        let scoped = key.and_then(|key| Some((key, key.scoped(actor.caller()?, operation))));
        let Some((key, scope)) = &scoped else {
            let value = self.execute(actor, attempt).await?;
            return Ok(Replayable { value, replayed: false });
        };
        self.execute(actor, |context| {
            let at = context.now();
            let attempt = &attempt;
            let mut unchanged = context.clone();
            async move {
                if let Some(stored) = self.stored_outcome(scope, key).await? {
                    return Ok(Decision::unchanged(&mut unchanged, stored));
                }
                let mut decision = match attempt(context).await {
                    Ok(decision) => decision,
                    // A duplicate request may have committed since the lookup above, and its effect may be why this one
                    // is refused.
                    Err(refusal) => {
                        let stored = self.stored_outcome(scope, key).await?.ok_or(refusal)?;
                        return Ok(Decision::unchanged(&mut unchanged, stored));
                    }
                };
                let outcome = serde_json::to_string(&decision.reply).map_err(|error| Error::Fault(error.into()))?;
                let record =
                    IdempotencyRecord { key: scope.clone(), fingerprint: key.fingerprint(), outcome, created_at: at };
                decision.batch.write(record);
                Ok(decision.map(|value| Replayable { value, replayed: false }))
            }
        })
        .await
    }

    /// The precondition on the caller for each of its changes. A dry run changes nothing, and its store has no users.
    fn caller_precondition(&self, actor: &Actor) -> Option<Precondition> {
        let person = actor.signed_in().filter(|_| !self.is_dry_run())?;
        Some(match person.session_id {
            Some(session) => Precondition::LiveSession(session, person.user_id),
            None => Precondition::ActiveUser(person.user_id),
        })
    }

    /// The reply stored under this key, if any.
    async fn stored_outcome<T: DeserializeOwned>(
        &self,
        scope: &IdempotencyRecordKey,
        key: &IdempotencyKey,
    ) -> Result<Option<Replayable<T>>> {
        let Some(record) = self.store().idempotency_record(scope).await? else { return Ok(None) };
        if record.fingerprint != key.fingerprint() {
            return Err(Error::IdempotencyMismatch);
        }
        let value = serde_json::from_str(&record.outcome).map_err(|error| Error::Fault(error.into()))?;
        Ok(Some(Replayable { value, replayed: true }))
    }

    /// Submits one batch until it is committed or refused. Returns `false` after a lost race: the caller decides again.
    async fn submit(&self, batch: Arc<Batch>, retries: &mut Retries) -> Result<bool> {
        if let Some(capture) = self.capture() {
            capture.keep(batch)?;
            return Ok(true);
        }
        while let Err(error) = self.store().commit(Arc::clone(&batch)).await {
            match retries.after(error)? {
                Next::Prepare => return Ok(false),
                Next::Submit => {}
                Next::Done => break,
            }
        }
        self.committed(&batch);
        Ok(true)
    }
}

/// Whether a write is a new order mail, which a shop can turn off.
fn is_order_mail(write: &Write) -> bool {
    let Write::Row(RowWrite::Delivery(Change::Insert(delivery))) = write else { return false };
    matches!(delivery.content, Content::OrderMail(_))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Timestamp;
    use crate::testing::{block_on, world};

    /// A batch to commit that changes nothing a test looks at.
    fn done(mut context: DecisionContext, reply: &str) -> Decision<String> {
        let mut batch = Batch::new(&mut context);
        let never = Timestamp::UNIX_EPOCH;
        batch.write(Write::Forget { before: never, given_up_before: never });
        Decision { batch, reply: reply.to_owned() }
    }

    #[test]
    fn who_is_refused_because_the_twin_was_faster_gets_the_twins_answer() {
        let shop = world().shop;
        let key = IdempotencyKey::new("once", &json!({})).unwrap();
        let once = |refuse: bool| {
            let (shop, key) = (&shop, &key);
            async move {
                let actor = &Actor::system();
                shop.execute_once(actor, "test", Some(key), |context| async move {
                    if !refuse {
                        return Ok(done(context, "first"));
                    }
                    // The duplicate commits between the lookup of a stored reply and the reads of the attempt.
                    let twin =
                        shop.execute_once(actor, "test", Some(key), |context| async { Ok(done(context, "first")) });
                    twin.await?;
                    Err(Error::CartEmpty)
                })
                .await
            }
        };
        let first = block_on(once(true)).unwrap();
        assert_eq!((first.value.as_str(), first.replayed), ("first", true));
        assert!(block_on(once(false)).unwrap().replayed);
    }
}
