//! People, their sign-ins and the codes that prove an address.

use serde::{Deserialize, Serialize};

use crate::batch::{Entity, Versioned};
use crate::clock::Timestamp;
use crate::id::{OtpId, SessionId, UserId};
use crate::page::{Sort, SortKey};

/// How long a one-time password can be used.
pub const OTP_LIFETIME_MINUTES: i64 = 10;
/// How often a one-time password can be tried, right or wrong.
pub const OTP_TRIES: i64 = 5;

/// A person with an account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "four independent facts, each shown to clients by itself")]
pub struct User {
    /// Identity.
    pub id: UserId,
    /// The address as it was typed; mail goes to this spelling and no other.
    pub email: String,
    /// The address folded for comparing ([`crate::validate::email_key`]); unique.
    pub email_key: String,
    /// The chosen name, if any, as it was typed.
    pub username: Option<String>,
    /// The name folded for comparing; unique where there is one.
    pub username_key: Option<String>,
    /// Given name, may be empty.
    pub first_name: String,
    /// Family name, may be empty.
    pub last_name: String,
    /// Telephone number, may be empty.
    pub phone: String,
    /// A PHC string; never shown.
    pub password_hash: String,
    /// The address was confirmed by a one-time password.
    pub email_verified: bool,
    /// False keeps the person from signing in and ends what sessions there are.
    pub is_active: bool,
    /// May run the shop.
    pub is_staff: bool,
    /// May also make others staff.
    pub is_superuser: bool,
    /// Counts up to end every session at once: a session is alive only in the epoch it began in.
    pub session_epoch: i64,
    /// When the account was made.
    pub date_joined: Timestamp,
    /// When the person last signed in.
    pub last_login: Option<Timestamp>,
    /// Counts the changes.
    pub version: i64,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("id", &self.id).field("version", &self.version).finish_non_exhaustive()
    }
}

impl User {
    /// The folded text that [`UserFilter::search`] looks into: address, username and full name, a line each, so that
    /// no match reaches over two of them. A store that has an index for it keeps it.
    #[must_use]
    pub fn search_text(&self) -> String {
        let name = format!("{} {}", self.first_name, self.last_name);
        [self.email.as_str(), self.username.as_deref().unwrap_or_default(), &name].map(crate::text::fold).join("\n")
    }
}

impl Versioned for User {
    const ENTITY: Entity = Entity::User;
    fn key(&self) -> uuid::Uuid {
        self.id.0
    }
    fn version(&self) -> i64 {
        self.version
    }
}

/// One sign-in and the refresh token that is current in it; earlier ones are used up.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Identity; access tokens name it.
    pub id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// SHA-256 of the current refresh token. Another well-signed one of this session is a replay.
    pub refresh_hash: [u8; 32],
    /// The person's [`User::session_epoch`] when the session began.
    pub epoch: i64,
    /// When it began.
    pub created_at: Timestamp,
    /// When the current refresh token ends, and the session with it.
    pub expires_at: Timestamp,
    /// When it was ended by sign-out or by a replayed token.
    pub revoked_at: Option<Timestamp>,
    /// Counts the changes.
    pub version: i64,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("id", &self.id).field("user_id", &self.user_id).finish_non_exhaustive()
    }
}

impl Session {
    /// True while the session of this person may be used.
    #[must_use]
    pub fn is_live(&self, user: &User, now: Timestamp) -> bool {
        user.id == self.user_id
            && user.is_active
            && self.revoked_at.is_none()
            && self.epoch == user.session_epoch
            && now < self.expires_at
    }
}

impl Versioned for Session {
    const ENTITY: Entity = Entity::Session;
    fn key(&self) -> uuid::Uuid {
        self.id.0
    }
    fn version(&self) -> i64 {
        self.version
    }
}

/// The one-time password a person was mailed last. The code itself is nowhere: it is derived from the id
/// ([`crate::secret::Keys::otp_code`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Otp {
    /// Identity of this code; a new one replaces the old.
    pub id: OtpId,
    /// Whose; one row per person.
    pub user_id: UserId,
    /// How many tries are left; each is spent before the code is compared.
    pub tries_left: i64,
    /// From then on it is worthless.
    pub expires_at: Timestamp,
    /// When it proved the address.
    pub used_at: Option<Timestamp>,
}

/// Which people a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Folded text ([`crate::text::fold`]) that [`User::search_text`] must contain.
    pub search: Option<String>,
    /// Only active or only inactive people.
    pub is_active: Option<bool>,
    /// Only staff or only customers.
    pub is_staff: Option<bool>,
}

/// By what a list of people can be ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserSort {
    /// When they joined.
    DateJoined,
    /// By folded address.
    Email,
}

impl SortKey for UserSort {
    fn name(self) -> &'static str {
        match self {
            Self::DateJoined => "date_joined",
            Self::Email => "email",
        }
    }
    fn all() -> &'static [Self] {
        &[Self::DateJoined, Self::Email]
    }
    fn default_order() -> Vec<Sort<Self>> {
        vec![Sort { key: Self::DateJoined, descending: true }]
    }
}

/// A mail that waits to be written: what it is about, never its secrets (they are derived when it is sent).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MailJob {
    /// The code that proves an address.
    VerifyEmail {
        /// To whom.
        user_id: UserId,
        /// Which code; one that was replaced meanwhile is not mailed any more.
        otp_id: OtpId,
    },
    /// Somebody tried to register an address that has an account: its owner is told.
    AlreadyRegistered {
        /// To whom.
        user_id: UserId,
    },
    /// Somebody asked to resend a code to this address; whether it has an account is looked up later, so
    /// that the answer takes alike for any address.
    ResendOtpRequested {
        /// The folded address.
        email_key: String,
    },
    /// Somebody asked to reset the password of this address; looked up later, as above.
    PasswordResetRequested {
        /// The folded address.
        email_key: String,
    },
    /// The password was changed: the owner is told.
    PasswordChanged {
        /// To whom.
        user_id: UserId,
    },
}
