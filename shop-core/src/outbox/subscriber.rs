//! The port to whoever wants to hear of events.

use async_trait::async_trait;

use super::model::Event;
use crate::error::BoxError;

/// A receiver of events inside the program that embeds the shop.
///
/// # Contract
/// - Every event comes at least once, after the change it tells of is durable; events of one thing come in order.
/// - An event that comes again has the same id.
/// - After an error the same event comes again later; events of the same thing wait for it, others do not.
#[async_trait]
pub trait Subscriber: Send + Sync {
    /// The name under which its deliveries are kept: unique, and the same over restarts.
    fn name(&self) -> &str;

    /// Takes one event.
    ///
    /// # Errors
    /// Whatever kept it from doing so. The text is kept with the delivery: it holds no secret.
    async fn receive(&self, event: &Event) -> Result<(), BoxError>;
}
