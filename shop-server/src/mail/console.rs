//! Mail onto the terminal, for a first look at the shop.

use std::io::Write as _;

use async_trait::async_trait;
use shop_core::accounts::{Mailer, Message};
use shop_core::error::BoxError;

/// Prints each mail instead of sending it: codes and links are in it, so it is for a developer's own machine. It is
/// the default only while no mail server is configured.
#[derive(Debug, Clone, Copy, Default)]
pub struct ConsoleMailer;

#[async_trait]
impl Mailer for ConsoleMailer {
    async fn send(&self, message: &Message) -> Result<(), BoxError> {
        let Message { to, subject, text, .. } = message;
        // In one write, so that no line of the log comes in between.
        let mail = format!("---- mail to {to}: {subject}\n{}\n----\n", text.trim_end());
        std::io::stdout().write_all(mail.as_bytes())?;
        Ok(())
    }
}
