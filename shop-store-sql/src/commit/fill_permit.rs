//! Permits for filling a transaction, one at a time.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// A holder that takes longer than this waits for something, so others may continue. (A distant database has the same
/// effect: all committers then run at once, and large groups would gain little anyway.)
const MAX_WAIT: Duration = Duration::from_millis(50);

/// Hands out the permits.
#[derive(Debug, Clone)]
pub(crate) struct FillPermits(Arc<Semaphore>);

impl FillPermits {
    /// The first permit is free at once.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }

    /// Waits for the permit.
    pub(crate) async fn next(&self) -> FillPermit {
        // The semaphore is never closed, and everything also works without a permit.
        FillPermit(Arc::clone(&self.0).acquire_owned().await.ok())
    }
}

/// The permit to fill a transaction, until it is passed on.
#[derive(Debug)]
pub(crate) struct FillPermit(Option<OwnedSemaphorePermit>);

impl FillPermit {
    /// No permit, for work outside the committers.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Passes the permit on, so that the next holder may start.
    pub(crate) fn pass_on(&mut self) {
        self.0 = None;
    }

    /// Runs work while holding the permit; passes it on if that takes long.
    pub(crate) async fn during<F: Future>(&mut self, work: F) -> F::Output {
        let mut work = pin!(work);
        if self.0.is_some() {
            if let Ok(done) = timeout(MAX_WAIT, &mut work).await {
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
    async fn one_holds_the_permit_until_it_is_passed_on_or_dropped() {
        let fill_permits = FillPermits::new();
        let mut first = fill_permits.next().await;
        assert!(fill_permits.next().now_or_never().is_none());
        first.pass_on();
        let second = fill_permits.next().now_or_never().expect("the permit was passed on");
        drop(second);
        assert!(fill_permits.next().now_or_never().is_some());
    }

    #[tokio::test]
    async fn work_that_takes_long_passes_the_permit_on() {
        let fill_permits = FillPermits::new();
        let mut first = fill_permits.next().await;
        assert_eq!(first.during(async { 1 }).await, 1);
        assert!(fill_permits.next().now_or_never().is_none());
        // The work ends only when another holder has the permit.
        let (got, has_got) = tokio::sync::oneshot::channel();
        let next = async {
            let fill_permit = fill_permits.next().await;
            got.send(()).unwrap();
            fill_permit
        };
        let (worked, _second) = tokio::join!(first.during(has_got), next);
        worked.unwrap();
        assert!(fill_permits.next().now_or_never().is_none());
    }
}
