//! The limits and pauses of the worker's loops, and how they wait.

use std::any::Any;
use std::future::Future;
use std::time::Duration;

use futures_util::future::select;

use crate::error::Error;

/// The timeout of [`Worker::run`](super::Worker::run) for one delivery.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);
/// The maximum pause: another program may have written to the same storage without notifying this worker.
pub(super) const MAX_PAUSE: Duration = Duration::from_secs(5);
/// The minimum pause between two rounds: a busy shop notifies with every order, and one round handles many.
pub(super) const MIN_INTERVAL: Duration = Duration::from_millis(20);
/// The pause after a storage failure.
pub(super) const FAULT_PAUSE: Duration = Duration::from_secs(2);
/// The maximum number of concurrent deliveries per receiver.
pub(super) const CONCURRENCY: usize = 8;

/// The message of a panic.
pub(super) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("nothing that can be shown")
}

/// Logs a failure of the worker; returns the pause before the retry.
pub(super) fn log_failure(error: &Error, what: &str) -> Duration {
    tracing::error!(%error, source = ?std::error::Error::source(error), "cannot {what}");
    FAULT_PAUSE
}

/// Waits for the first of two futures.
pub(super) async fn either(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    let (one, other) = (std::pin::pin!(one), std::pin::pin!(other));
    select(one, other).await;
}
