//! The one way to change anything: load, decide, commit, and again when the world changed in between.

use std::future::Future;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::actor::Actor;
use crate::batch::{Batch, Change, Require, RowWrite, Write};
use crate::clock::Moment;
use crate::error::{Error, Result};
use crate::idempotency::{Answer, AnswerKey, IdempotencyKey, Replayable};
use crate::outbox::Content;
use crate::prepare::{Next, Retries};
use crate::shop::Shop;

/// What a decision gives: what to write, and what to answer once it is written.
#[derive(Debug)]
pub struct Decision<T> {
    /// Everything that changes; empty when nothing does.
    pub batch: Batch,
    /// The answer.
    pub reply: T,
}

impl<T> Decision<T> {
    /// A decision that changes nothing.
    pub fn unchanged(moment: &mut Moment, reply: T) -> Self {
        Self { batch: Batch::new(moment), reply }
    }

    /// The same batch with another answer.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Decision<U> {
        Decision { batch: self.batch, reply: change(self.reply) }
    }
}

impl Shop {
    /// Runs `attempt` (load and decide) and commits what it decides, until it is committed or refused.
    ///
    /// Whatever a signed-in person changes requires that their session is still alive. Without a session (the embedding
    /// program vouches for the person) it requires that the person is there and active.
    ///
    /// # Errors
    /// What `attempt` answers; [`Error::TokenNotValid`] when the session ended meanwhile;
    /// [`Error::PermissionDenied`] when a person without a session is absent or not active; [`Error::Unavailable`]
    /// when the storage is, or when a hundred races were lost in a row. Nothing was written then, unless the
    /// storage was lost at the very moment of making it durable and could not be reached again.
    pub async fn execute<T, F, Attempt>(&self, actor: &Actor, attempt: F) -> Result<T>
    where
        F: Fn(Moment) -> Attempt,
        Attempt: Future<Output = Result<Decision<T>>>,
    {
        let caller = self.caller_precondition(actor);
        let mut retries = Retries::default();
        loop {
            let Decision { mut batch, reply } = attempt(self.moment()).await?;
            if !self.mails_buyers() {
                batch.writes.retain(|write| !is_order_mail(write));
            }
            if batch.is_empty() {
                return Ok(reply);
            }
            if let Some(caller) = caller {
                batch.requires.insert(0, caller);
            }
            if self.submit(Arc::new(batch), &mut retries).await? {
                return Ok(reply);
            }
        }
    }

    /// As [`Shop::execute`], at most once per idempotency key of this caller: the answer is kept in the effect's own
    /// batch, and the loser of a race, or a later twin, gets it again.
    ///
    /// `operation` names the call and the id it is made on (`payments.capture:…`). The reply is kept as JSON: it
    /// must hold no secret. A caller without any identity has no keys; the call is then made as without one.
    ///
    /// # Errors
    /// As [`Shop::execute`]; [`Error::IdempotencyMismatch`] when the key stands for another request.
    pub async fn execute_once<T, F, Attempt>(
        &self,
        actor: &Actor,
        operation: &str,
        key: Option<&IdempotencyKey>,
        attempt: F,
    ) -> Result<Replayable<T>>
    where
        T: Serialize + DeserializeOwned,
        F: Fn(Moment) -> Attempt,
        Attempt: Future<Output = Result<Decision<T>>>,
    {
        let scoped = key.and_then(|key| Some((key, key.scoped(actor.caller()?, operation))));
        let Some((key, scope)) = &scoped else {
            let value = self.execute(actor, attempt).await?;
            return Ok(Replayable { value, replayed: false });
        };
        self.execute(actor, |moment| {
            let at = moment.now();
            let attempt = &attempt;
            let mut unchanged = moment.clone();
            async move {
                if let Some(kept) = self.kept_answer(scope, key).await? {
                    return Ok(Decision::unchanged(&mut unchanged, kept));
                }
                let mut decision = match attempt(moment).await {
                    Ok(decision) => decision,
                    // A twin may have been answered since the look above, and its effect is what refused this one.
                    Err(refusal) => {
                        let kept = self.kept_answer(scope, key).await?.ok_or(refusal)?;
                        return Ok(Decision::unchanged(&mut unchanged, kept));
                    }
                };
                let outcome = serde_json::to_string(&decision.reply).map_err(|error| Error::Fault(error.into()))?;
                let answer = Answer { key: scope.clone(), fingerprint: key.fingerprint(), outcome, created_at: at };
                decision.batch.write(answer);
                Ok(decision.map(|value| Replayable { value, replayed: false }))
            }
        })
        .await
    }

    /// What each change by this caller requires of the caller. A dry run changes nothing, and its store knows no people.
    fn caller_precondition(&self, actor: &Actor) -> Option<Require> {
        let person = actor.signed_in().filter(|_| !self.is_dry_run())?;
        Some(match person.session_id {
            Some(session) => Require::LiveSession(session, person.user_id),
            None => Require::ActiveUser(person.user_id),
        })
    }

    /// The answer that was given under this key before.
    async fn kept_answer<T: DeserializeOwned>(
        &self,
        scope: &AnswerKey,
        key: &IdempotencyKey,
    ) -> Result<Option<Replayable<T>>> {
        let Some(answer) = self.store().answer(scope).await? else { return Ok(None) };
        if answer.fingerprint != key.fingerprint() {
            return Err(Error::IdempotencyMismatch);
        }
        let value = serde_json::from_str(&answer.outcome).map_err(|error| Error::Fault(error.into()))?;
        Ok(Some(Replayable { value, replayed: true }))
    }

    /// Submits one batch until it is in, or refused; `false` when a race is lost and it is to be decided again.
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

/// A new mail about an order, which not every shop wants.
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

    /// Something to commit that changes nothing a test looks at.
    fn done(mut moment: Moment, reply: &str) -> Decision<String> {
        let mut batch = Batch::new(&mut moment);
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
                shop.execute_once(actor, "test", Some(key), |moment| async move {
                    if !refuse {
                        return Ok(done(moment, "first"));
                    }
                    // Between the look for a kept answer and the reads of the attempt, the twin gets through.
                    let twin =
                        shop.execute_once(actor, "test", Some(key), |moment| async { Ok(done(moment, "first")) });
                    twin.await?;
                    Err(Error::CartEmpty)
                })
                .await
            }
        };
        let answer = block_on(once(true)).unwrap();
        assert_eq!((answer.value.as_str(), answer.replayed), ("first", true));
        assert!(block_on(once(false)).unwrap().replayed);
    }
}
