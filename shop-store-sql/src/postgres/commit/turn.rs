//! Whose turn it is to fill a transaction.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Who holds the turn for so long waits for something, and others may go on meanwhile. (So they do where the database is
/// that far away; there is little to be gained by large groups then, and as many are under way as there are committers.)
const LONG: Duration = Duration::from_millis(50);

/// Hands out turns, one at a time.
#[derive(Debug, Clone)]
pub(crate) struct Turns(Arc<Semaphore>);

impl Turns {
    /// The first is free.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }

    /// Waits for the next one.
    pub(crate) async fn next(&self) -> Turn {
        // It is never closed; and without a turn everything works, too.
        Turn(Arc::clone(&self.0).acquire_owned().await.ok())
    }
}

/// The turn, until it is passed on.
#[derive(Debug)]
pub(crate) struct Turn(Option<OwnedSemaphorePermit>);

impl Turn {
    /// No turn: for who works beside those who take turns.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Whoever is next may begin.
    pub(crate) fn pass_on(&mut self) {
        self.0 = None;
    }

    /// Does something in the turn; passes it on when that takes long.
    pub(crate) async fn during<F: Future>(&mut self, work: F) -> F::Output {
        let mut work = pin!(work);
        if self.0.is_some() {
            if let Ok(done) = timeout(LONG, &mut work).await {
                return done;
            }
            self.pass_on();
        }
        work.await
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn one_has_the_turn_until_it_is_passed_on_or_dropped() {
        let turns = Turns::new();
        let mut first = turns.next().await;
        assert!(turns.next().now_or_never().is_none());
        first.pass_on();
        let second = turns.next().now_or_never().expect("it was passed on");
        drop(second);
        assert!(turns.next().now_or_never().is_some());
    }

    #[tokio::test]
    async fn work_that_takes_long_passes_it_on() {
        let turns = Turns::new();
        let mut first = turns.next().await;
        assert_eq!(first.during(async { 1 }).await, 1);
        assert!(turns.next().now_or_never().is_none());
        // The work ends only when somebody else has the turn.
        let (got, has_got) = tokio::sync::oneshot::channel();
        let next = async {
            let turn = turns.next().await;
            got.send(()).unwrap();
            turn
        };
        let (worked, _second) = tokio::join!(first.during(has_got), next);
        worked.unwrap();
        assert!(turns.next().now_or_never().is_none());
    }
}
