//! The port for event subscribers.

use async_trait::async_trait;

use crate::error::BoxError;
use crate::model::outbox::Event;

/// A receiver of events inside the program that embeds the shop.
///
/// # Contract
/// - Every event arrives at least once, after its change is durable. Events of one aggregate arrive in order.
/// - A repeated event has the same id.
/// - After an error the event is retried later. Events of the same aggregate wait for it; others do not.
#[async_trait]
pub trait Subscriber: Send + Sync {
    /// The receiver name of its deliveries: unique, and stable across restarts.
    fn name(&self) -> &str;

    /// Handles one event.
    ///
    /// # Errors
    /// Any reason why the event was not handled. The text is saved with the delivery and must contain no secret.
    async fn receive(&self, event: &Event) -> Result<(), BoxError>;
}
