//! Passwords: the port that hashes and verifies them, and the default adapter.

mod argon2id;
mod queue;

pub use argon2id::{Argon2Hasher, Argon2Settings};

use crate::error::Result;
use crate::secret::Secret;

/// The result of comparing a password with a stored hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// The password is right.
    Right,
    /// The password is right, but its hash was made with other parameters than the current ones: store a new hash.
    RightButRehash,
    /// The password is wrong.
    Wrong,
}

impl Verified {
    /// Whether the password is right.
    #[must_use]
    pub fn is_right(self) -> bool {
        self != Self::Wrong
    }
}

/// Hashes passwords, deliberately slowly.
///
/// # Contract
/// - A hash is text that contains everything needed to verify it, including a fresh salt: hashing a password twice
///   yields different texts.
/// - Verification takes the same time whether or not the account exists.
/// - Neither a password nor a hash is ever logged.
/// - A hasher that is too busy returns [`Error::Unavailable`](crate::Error::Unavailable) instead of letting callers
///   queue without limit.
#[async_trait::async_trait]
pub trait PasswordHasher: Send + Sync {
    /// Returns the text to store for a new password.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when too many passwords are waiting.
    async fn hash(&self, password: Secret) -> Result<String>;

    /// Compares a password with the stored text of an account. `None` means that the account does not exist: the same
    /// work is done, and the result is [`Verified::Wrong`].
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when too many passwords are waiting. An unreadable stored text
    /// is not an error: no password matches it.
    async fn verify(&self, password: Secret, stored: Option<String>) -> Result<Verified>;
}
