//! Passwords: the port that hashes and verifies them, and the adapter that the shop uses by default.

mod argon2id;
mod queue;

pub use argon2id::{Argon2Hasher, Argon2Settings};

use crate::error::Result;
use crate::secret::Secret;

/// What became of a password that was compared with a stored hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// It is the right one.
    Right,
    /// It is the right one, and its hash was made with other parameters than those of today: store a new one.
    RightButRehash,
    /// It is not.
    Wrong,
}

impl Verified {
    /// Whether the password was right.
    #[must_use]
    pub fn is_right(self) -> bool {
        self != Self::Wrong
    }
}

/// Hashes passwords, slowly and on purpose.
///
/// # Contract
/// - A hash is text that holds all that is needed to verify it, and a fresh salt: hashing one password
///   twice gives two texts.
/// - Verifying takes the same time whether or not the account exists.
/// - Neither a password nor a hash is ever logged.
/// - A hasher that is too busy says so ([`Error::Unavailable`](crate::Error::Unavailable)) instead of
///   letting callers queue without end.
#[async_trait::async_trait]
pub trait PasswordHasher: Send + Sync {
    /// The text to store for a new password.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when too many passwords are waiting.
    async fn hash(&self, password: Secret) -> Result<String>;

    /// Compares a password with the stored text of an account. `None` says that there is no such account:
    /// the same work is done, and the answer is [`Verified::Wrong`].
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::Error::Unavailable) when too many passwords are waiting. A stored text
    /// that cannot be read is no error: no password is right for it.
    async fn verify(&self, password: Secret, stored: Option<String>) -> Result<Verified>;
}
