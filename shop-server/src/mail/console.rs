//! Prints mail to the terminal, for a first look at the shop.

use std::io::Write as _;

use async_trait::async_trait;
use shop_core::accounts::{Mailer, Message};
use shop_core::error::BoxError;

/// Prints each mail instead of sending it. Mails contain codes and links, so use it only on a developer's own machine.
/// It is the default only while no mail server is configured.
#[derive(Debug, Clone, Copy, Default)]
pub struct ConsoleMailer;

#[async_trait]
impl Mailer for ConsoleMailer {
    async fn send(&self, message: &Message) -> Result<(), BoxError> {
        let Message { to, subject, text, .. } = message;
        // One write, so that no log line comes in between.
        let mail = format!("---- mail to {to}: {subject}\n{}\n----\n", text.trim_end());
        std::io::stdout().write_all(mail.as_bytes())?;
        Ok(())
    }
}
