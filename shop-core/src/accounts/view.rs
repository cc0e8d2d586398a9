//! What the calls of accounts answer.

use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};
use crate::secret::Secret;

use super::model::User;

/// A person as they and staff see them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each shown to clients by itself")]
pub struct Profile {
    /// Identity.
    pub id: UserId,
    /// The address as it was typed.
    pub email: String,
    /// The chosen name, if any.
    pub username: Option<String>,
    /// Given name, may be empty.
    pub first_name: String,
    /// Family name, may be empty.
    pub last_name: String,
    /// Telephone number, may be empty.
    pub phone: String,
    /// The address was proven.
    pub email_verified: bool,
    /// May run the shop. A superuser always may.
    pub is_staff: bool,
    /// May make others staff.
    pub is_superuser: bool,
    /// May sign in.
    pub is_active: bool,
    /// When the account was made.
    pub date_joined: Timestamp,
    /// When the person last signed in.
    pub last_login: Option<Timestamp>,
}

impl From<User> for Profile {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            email: user.email,
            username: user.username,
            first_name: user.first_name,
            last_name: user.last_name,
            phone: user.phone,
            email_verified: user.email_verified,
            is_staff: user.is_staff || user.is_superuser,
            is_superuser: user.is_superuser,
            is_active: user.is_active,
            date_joined: user.date_joined,
            last_login: user.last_login,
        }
    }
}

/// The tokens of a session.
#[derive(Debug, Clone)]
pub struct TokenPair {
    /// Of which session.
    pub session_id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// Identifies the caller of a request; lives for minutes.
    pub access: Secret,
    /// Is exchanged for a new pair, once.
    pub refresh: Secret,
}

/// A new session.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// Its tokens.
    pub tokens: TokenPair,
    /// Who signed in.
    pub user: Profile,
}
