//! Mail into the log, for a first look at the shop.

use async_trait::async_trait;
use shop_core::accounts::{Mailer, Message};
use shop_core::error::BoxError;

/// Shows each mail in the log instead of sending it: codes and links are in it, so it is for a developer's own
/// machine. It is the default only while no mail server is configured.
#[derive(Debug, Clone, Copy, Default)]
pub struct ConsoleMailer;

#[async_trait]
impl Mailer for ConsoleMailer {
    async fn send(&self, message: &Message) -> Result<(), BoxError> {
        tracing::info!(target: "mail", to = message.to, subject = message.subject, "\n{}", message.text);
        Ok(())
    }
}
