//! Mail: the port that sends it, and a mailer that keeps it in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::BoxError;
use crate::id::DeliveryId;

/// A mail to one recipient.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Stable across retries. Use it as the `Message-ID`, by which a duplicate delivery is recognized.
    pub id: DeliveryId,
    /// The name of the shop, to display as the sender.
    pub shop: String,
    /// The `Reply-To` address, if replies do not go to the sender.
    pub reply_to: Option<String>,
    /// The recipient's address as its owner spelled it.
    pub to: String,
    /// The subject, a single line.
    pub subject: String,
    /// The body as plain text.
    pub text: String,
    /// The same body as HTML.
    pub html: String,
}

impl std::fmt::Debug for Message {
    /// Omits the bodies, because they contain codes and links.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut fields = f.debug_struct("Message");
        fields.field("id", &self.id).field("to", &self.to).field("subject", &self.subject);
        fields.finish_non_exhaustive()
    }
}

/// A permanent rejection of a mail, for example because the address does not exist. A mailer returns it when retrying
/// is pointless; the delivery then fails at once, and staff see the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MailRefused(pub String);

/// Sends mail.
///
/// # Contract
/// - `Ok` means that another system is now responsible for the mail (an SMTP server has accepted it).
/// - After an error the same message, with the same id, is retried later, so a mail may arrive twice. After
///   [`MailRefused`] it is not retried.
/// - Bodies are never logged, except by a mailer made for that purpose.
#[async_trait::async_trait]
pub trait Mailer: Send + Sync {
    /// Sends one mail.
    ///
    /// # Errors
    /// The reason why the mail was not accepted. It is logged, so it must not contain a body.
    async fn send(&self, message: &Message) -> Result<(), BoxError>;
}

/// Keeps mails instead of sending them, for tests and examples.
#[derive(Debug, Default)]
pub struct MemoryMailer {
    sent: Mutex<Vec<Message>>,
}

impl MemoryMailer {
    /// Creates a mailer without mails.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All mails, oldest first.
    #[must_use]
    pub fn sent(&self) -> Vec<Message> {
        self.lock().clone()
    }

    /// The newest mail to this address.
    #[must_use]
    pub fn last_to(&self, address: &str) -> Option<Message> {
        self.lock().iter().rfind(|message| message.to == address).cloned()
    }

    /// Removes all mails.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Message>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl Mailer for MemoryMailer {
    async fn send(&self, message: &Message) -> Result<(), BoxError> {
        self.lock().push(message.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(to: &str, text: &str) -> Message {
        let id = DeliveryId(uuid::Uuid::from_u128(1));
        Message {
            id,
            shop: "Tea & Co".into(),
            reply_to: None,
            to: to.into(),
            subject: "Code".into(),
            text: text.into(),
            html: format!("<p>{text}</p>"),
        }
    }

    #[test]
    fn bodies_are_not_printed() {
        let printed = format!("{:?}", message("a@example.com", "123456"));
        assert!(printed.contains("a@example.com") && !printed.contains("123456"), "{printed}");
    }

    #[test]
    fn the_memory_mailer_keeps_what_it_is_given() {
        let mailer = MemoryMailer::new();
        for text in ["one", "two"] {
            futures_executor::block_on(mailer.send(&message("a@example.com", text))).unwrap();
        }
        assert_eq!(mailer.sent().len(), 2);
        assert_eq!(mailer.last_to("a@example.com").unwrap().text, "two");
        assert!(mailer.last_to("b@example.com").is_none());
        mailer.clear();
        assert!(mailer.sent().is_empty());
    }
}
