//! The port that sends messages to webhooks, and a sender that keeps them in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::message::WebhookMessage;
use crate::error::BoxError;

/// Sends messages to webhooks.
///
/// # Contract
/// - It makes one POST with the message's body as `application/json` and its three headers. It follows no redirects,
///   since staff did not register their target.
/// - It finishes within `timeout`, whatever the receiver does; this includes connecting, waiting and reading. It reads
///   at most the status and a bounded part of the response.
/// - It only connects to allowed addresses ([`is_public`](super::is_public)), and checks the exact address that it
///   connects to.
/// - It never logs bodies, signatures or URLs (they may contain keys).
#[async_trait]
pub trait WebhookSender: Send + Sync {
    /// Sends a message. Returns the HTTP status of the response, whatever it is.
    ///
    /// # Errors
    /// Any reason why no response arrived. The text is saved with the delivery and shown to staff: it must contain
    /// neither the URL nor any part of the message.
    async fn send(&self, message: &WebhookMessage, timeout: Duration) -> Result<u16, BoxError>;
}

/// Keeps messages instead of sending them, for tests and examples. Responds with 200 unless configured otherwise.
#[derive(Debug, Default)]
pub struct MemorySender {
    sent: Mutex<Vec<WebhookMessage>>,
    answers: Mutex<BTreeMap<String, u16>>,
}

impl MemorySender {
    /// A sender without messages.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the status that this URL responds with from now on.
    pub fn answer(&self, url: &str, status: u16) {
        lock(&self.answers).insert(url.to_owned(), status);
    }

    /// All messages, oldest first.
    #[must_use]
    pub fn sent(&self) -> Vec<WebhookMessage> {
        lock(&self.sent).clone()
    }

    /// Removes all messages.
    pub fn clear(&self) {
        lock(&self.sent).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl WebhookSender for MemorySender {
    async fn send(&self, message: &WebhookMessage, _timeout: Duration) -> Result<u16, BoxError> {
        lock(&self.sent).push(message.clone());
        Ok(lock(&self.answers).get(&message.url).copied().unwrap_or(200))
    }
}
