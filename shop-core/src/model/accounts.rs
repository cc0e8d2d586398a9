//! The rows of users, sessions and one-time passwords.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{OtpId, SessionId, UserId};
use crate::page::{Sort, SortKey};
use crate::row::Row;
use crate::string_enum::string_enums;

/// How long a one-time password is valid, in minutes.
pub const OTP_LIFETIME_MINUTES: i64 = 10;
/// The maximum number of tries for a one-time password, successful ones included.
pub const OTP_TRIES: i64 = 5;

/// A user account.
///
/// # Writes
/// Unique keys, in this order: [`Unique::UserEmail`](crate::batch::Unique::UserEmail),
/// [`Unique::UserUsername`](crate::batch::Unique::UserUsername).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[expect(clippy::struct_excessive_bools, reason = "four independent facts, each shown to clients by itself")]
#[row(table = "users", entity = User, deletable, derived(search_text: String))]
#[row(unique(UserEmail: email_key))]
#[row(unique(UserUsername: username_key))]
pub struct User {
    /// The primary key.
    pub id: UserId,
    /// The address as typed. Mail is sent only to this spelling.
    pub email: String,
    /// The folded address for comparisons ([`crate::validate::email_key`]); unique.
    pub email_key: String,
    /// The user name as typed, if any.
    pub username: Option<String>,
    /// The folded user name for comparisons; unique if there is one.
    pub username_key: Option<String>,
    /// The given name; may be empty.
    pub first_name: String,
    /// The family name; may be empty.
    pub last_name: String,
    /// The phone number; may be empty.
    pub phone: String,
    /// The password hash as a PHC string; never shown.
    pub password_hash: String,
    /// Whether the address was verified by a one-time password or a reset link.
    pub email_verified: bool,
    /// Whether the user may sign in; false also ends existing sessions.
    pub is_active: bool,
    /// Whether the user may administer the shop.
    pub is_staff: bool,
    /// Whether the user may also make others staff.
    pub is_superuser: bool,
    /// Incremented to end all sessions at once: a session is valid only in the epoch in which it began.
    pub session_epoch: i64,
    /// When the account was created.
    pub date_joined: Timestamp,
    /// When the user last signed in.
    pub last_login: Option<Timestamp>,
    /// The number of changes, for optimistic locking.
    pub version: i64,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("id", &self.id).field("version", &self.version).finish_non_exhaustive()
    }
}

impl User {
    /// The folded text that [`UserFilter::search`] looks into: address, user name and full name, one per line, so that
    /// no match spans two of them. A store with an index for it stores the text.
    #[must_use]
    pub fn search_text(&self) -> String {
        let name = format!("{} {}", self.first_name, self.last_name);
        [self.email.as_str(), self.username.as_deref().unwrap_or_default(), &name].map(crate::text::fold).join("\n")
    }
}

/// How long the previous refresh token still returns the same successor: two tabs may refresh at once, or a response
/// may be lost.
pub const REFRESH_GRACE: TimeDelta = TimeDelta::seconds(10);

/// A refresh token that was exchanged for its successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// The SHA-256 hash of the exchanged token.
    pub hash: [u8; 32],
    /// When the token was exchanged.
    pub at: Timestamp,
}

impl Rotation {
    /// Whether the token still returns its successor.
    #[must_use]
    pub fn is_recent(&self, now: Timestamp) -> bool {
        now - self.at < REFRESH_GRACE
    }
}

/// A sign-in with its current refresh token. Earlier refresh tokens are used up.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "sessions", entity = Session, deletable)]
pub struct Session {
    /// The primary key; access tokens contain it.
    pub id: SessionId,
    /// The user who signed in.
    pub user_id: UserId,
    /// The SHA-256 hash of the current refresh token. Any other validly signed token of this session is a replay,
    /// unless it was exchanged just before.
    pub refresh_hash: [u8; 32],
    /// The last exchanged token, and those exchanged within [`REFRESH_GRACE`] before it, oldest first.
    #[serde(default)]
    #[row(json)]
    pub rotations: Vec<Rotation>,
    /// The user's [`User::session_epoch`] when the session began.
    pub epoch: i64,
    /// When the session began.
    pub created_at: Timestamp,
    /// When the current refresh token, and with it the session, expires.
    pub expires_at: Timestamp,
    /// When the session was ended by sign-out or a replayed token.
    pub revoked_at: Option<Timestamp>,
    /// The number of changes, for optimistic locking.
    pub version: i64,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("id", &self.id).field("user_id", &self.user_id).finish_non_exhaustive()
    }
}

impl Session {
    /// Whether the session of this user is valid now.
    #[must_use]
    pub fn is_live(&self, user: &User, now: Timestamp) -> bool {
        user.id == self.user_id
            && user.is_active
            && self.revoked_at.is_none()
            && self.epoch == user.session_epoch
            && now < self.expires_at
    }
}

/// An earlier registration of an address that was registered again before it was verified. It has its own code, which
/// proves this registration and no other.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierRegistration {
    /// The id of the code mailed for it.
    pub otp_id: OtpId,
    /// The tries that its code had left when the address was registered again; later tries of any code count against
    /// it, too.
    pub tries_left: i64,
    /// When its code expires.
    pub expires_at: Timestamp,
    /// The address as typed.
    pub email: String,
    /// The chosen user name, if any.
    pub username: Option<String>,
    /// The given name; may be empty.
    pub first_name: String,
    /// The family name; may be empty.
    pub last_name: String,
    /// The phone number; may be empty.
    pub phone: String,
    /// The password hash as a PHC string; never shown.
    pub password_hash: String,
}

impl std::fmt::Debug for EarlierRegistration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EarlierRegistration").field("otp_id", &self.otp_id).finish_non_exhaustive()
    }
}

/// The registrations of an unverified address. The account itself holds the latest one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registrations {
    /// The registrations before the latest whose codes are still valid, oldest first.
    #[serde(default)]
    pub earlier: Vec<EarlierRegistration>,
    /// Whether the address was registered more than once, so that it is unknown whose password the account holds.
    #[serde(default)]
    pub contested: bool,
    /// Whether the current code was requested for a contested address, not mailed for a registration. It then proves
    /// the address, but no password.
    #[serde(default)]
    pub address_only: bool,
}

/// An action on an account that is limited per day (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DailyLimit {
    /// Mails to the account that anyone can request.
    Mails,
    /// Tries of one-time passwords, over all codes.
    OtpTries,
}

/// The daily count of an action, on the last day it occurred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DailyCount {
    /// The day, in days since 1970-01-01 UTC.
    pub day: i64,
    /// The number of occurrences on that day.
    pub count: i64,
}

impl DailyCount {
    /// The day of a timestamp.
    #[must_use]
    pub fn day_of(at: Timestamp) -> i64 {
        at.timestamp().div_euclid(86_400)
    }

    /// Returns the count after one more occurrence at a time, or `None` if the limit is reached. A server whose clock
    /// is behind counts for the later day.
    #[must_use]
    pub fn next(before: Option<Self>, at: Timestamp, limit: i64) -> Option<Self> {
        let day = Self::day_of(at);
        let before = before.filter(|before| before.day >= day).unwrap_or(Self { day, count: 0 });
        (before.count < limit).then(|| Self { count: before.count + 1, ..before })
    }
}

/// The password hash of an account without a password; no hasher produces it.
pub const NO_PASSWORD: &str = "!";

/// The latest one-time password that was mailed to a user. The code itself is not stored: it is derived from the id
/// ([`crate::secret::Keys::otp_code`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "otps", key(user_id))]
pub struct Otp {
    /// The user; one row per user.
    pub user_id: UserId,
    /// The id of the code; a new code replaces the row.
    pub id: OtpId,
    /// The number of tries left; a try is spent before the code is compared.
    pub tries_left: i64,
    /// When the code expires.
    pub expires_at: Timestamp,
    /// When the code verified the address.
    pub used_at: Option<Timestamp>,
    /// What the code proves, and which other codes are valid.
    #[serde(default)]
    #[row(json)]
    pub registrations: Registrations,
}

impl Otp {
    /// The ids of the codes that can still verify the address: this one and those of earlier registrations.
    #[must_use]
    pub fn open_codes(&self, now: Timestamp) -> Vec<OtpId> {
        if self.used_at.is_some() || self.tries_left < 1 {
            return Vec::new();
        }
        let spent = OTP_TRIES - self.tries_left;
        let open = |earlier: &&EarlierRegistration| earlier.tries_left > spent && now < earlier.expires_at;
        let earlier = self.registrations.earlier.iter().filter(open).map(|earlier| earlier.otp_id);
        (now < self.expires_at).then_some(self.id).into_iter().chain(earlier).collect()
    }
}

/// The filter of a user list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Folded text ([`crate::text::fold`]) that [`User::search_text`] must contain.
    pub search: Option<String>,
    /// Only active or only inactive users.
    pub is_active: Option<bool>,
    /// Only staff or only customers.
    pub is_staff: Option<bool>,
}

impl UserFilter {
    /// True if it uses only the fields by which stores keep counts: the two flags. A new field needs a decision here, and else a
    /// list would show the count of more rows than it has.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        let Self { search, is_active: _, is_staff: _ } = self;
        search.is_none()
    }
}

/// The sort keys of a user list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserSort {
    /// By the time the account was created.
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

/// A mail to be composed: its subject matter but never its secrets, which are derived when it is sent. Or the work that
/// remains after an address is verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MailJob {
    /// The mail with the code that verifies an address.
    VerifyEmail {
        /// The recipient.
        user_id: UserId,
        /// The code; if it has been replaced in the meantime, it is not mailed.
        otp_id: OtpId,
    },
    /// Tells the owner of an account that someone tried to register its address.
    AlreadyRegistered {
        /// The owner of the account.
        user_id: UserId,
    },
    /// A request to resend a code to this address. The account is looked up later, so that the response takes equally
    /// long for any address.
    ResendOtpRequested {
        /// The folded address.
        email_key: String,
    },
    /// A request to reset the password of this address; looked up later, as above.
    PasswordResetRequested {
        /// The folded address.
        email_key: String,
    },
    /// Tells the user that the password was changed.
    PasswordChanged {
        /// The owner of the account.
        user_id: UserId,
    },
    /// A request for the link to an order. Whether the order has this address is looked up later, as above.
    OrderLookup {
        /// The order number; empty when the input is not one.
        number: String,
        /// The folded address.
        email_key: String,
    },
    /// Transfers guest orders with a verified address to its account. No mail is sent.
    ClaimOrders {
        /// The account.
        user_id: UserId,
        /// The folded address.
        email_key: String,
    },
}

string_enums! {
    DailyLimit { Mails => "mails", OtpTries => "otp_tries" }
}
