//! The results of the account calls.

use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};
use crate::secret::Secret;

use crate::model::accounts::User;

/// A user as shown to themselves and to staff.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each shown to clients by itself")]
pub struct Profile {
    /// The id of the user.
    pub id: UserId,
    /// The address as typed.
    pub email: String,
    /// The user name, if any.
    pub username: Option<String>,
    /// The given name; may be empty.
    pub first_name: String,
    /// The family name; may be empty.
    pub last_name: String,
    /// The phone number; may be empty.
    pub phone: String,
    /// Whether the address was verified.
    pub email_verified: bool,
    /// Whether the user may administer the shop; always true for a superuser.
    pub is_staff: bool,
    /// Whether the user may make others staff.
    pub is_superuser: bool,
    /// Whether the user may sign in.
    pub is_active: bool,
    /// When the account was created.
    pub date_joined: Timestamp,
    /// When the user last signed in.
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
    /// The session that the tokens belong to.
    pub session_id: SessionId,
    /// The user who signed in.
    pub user_id: UserId,
    /// The access token: identifies the caller of a request; valid for minutes.
    pub access: Secret,
    /// The refresh token: is exchanged once for a new pair.
    pub refresh: Secret,
}

/// A new session.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// The tokens of the session.
    pub tokens: TokenPair,
    /// The user who signed in.
    pub user: Profile,
}
