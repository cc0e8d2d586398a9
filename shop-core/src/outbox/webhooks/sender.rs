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
/// - One POST with the message's body as `application/json` and its three headers; no redirect is followed, for the next
///   address is none that staff registered.
/// - It ends within `patience`, whatever the receiver does: connecting, waiting and reading included. Of an answer no more
///   is read than its status, or a bounded part.
/// - It connects to nothing but what may be connected to ([`is_public`](super::is_public)), judged by the very address
///   that is then used.
/// - Bodies, signatures and addresses (they may hold keys) are never logged.
#[async_trait]
pub trait WebhookSender: Send + Sync {
    /// Sends a message; answers the status that the receiver answered, whatever it is.
    ///
    /// # Errors
    /// Whatever kept an answer from coming. The text is kept with the delivery, and staff read it: it holds neither the
    /// address nor a part of the message.
    async fn send(&self, message: &WebhookMessage, patience: Duration) -> Result<u16, BoxError>;
}

/// Keeps messages instead of sending them, for tests and examples. Answers 200, unless told otherwise.
#[derive(Debug, Default)]
pub struct MemorySender {
    sent: Mutex<Vec<WebhookMessage>>,
    answers: Mutex<BTreeMap<String, u16>>,
}

impl MemorySender {
    /// An empty sender.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on this address answers with this status.
    pub fn answer(&self, url: &str, status: u16) {
        lock(&self.answers).insert(url.to_owned(), status);
    }

    /// All messages, the oldest first.
    #[must_use]
    pub fn sent(&self) -> Vec<WebhookMessage> {
        lock(&self.sent).clone()
    }

    /// Forgets all messages.
    pub fn clear(&self) {
        lock(&self.sent).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl WebhookSender for MemorySender {
    async fn send(&self, message: &WebhookMessage, _patience: Duration) -> Result<u16, BoxError> {
        lock(&self.sent).push(message.clone());
        Ok(lock(&self.answers).get(&message.url).copied().unwrap_or(200))
    }
}
