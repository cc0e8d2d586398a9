//! People, their sign-ins and the codes that prove an address.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{OtpId, SessionId, UserId};
use crate::page::{Sort, SortKey};
use crate::row::Row;
use crate::word::words;

/// How long a one-time password can be used.
pub const OTP_LIFETIME_MINUTES: i64 = 10;
/// How often a one-time password can be tried, right or wrong.
pub const OTP_TRIES: i64 = 5;

/// A person with an account.
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

/// How long the predecessor of a refresh token is answered with the same successor: two tabs may refresh at once, and
/// an answer may be lost.
pub const REFRESH_GRACE: TimeDelta = TimeDelta::seconds(10);

/// A refresh token that was exchanged for its successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// SHA-256 of the token that was exchanged.
    pub hash: [u8; 32],
    /// When it was.
    pub at: Timestamp,
}

impl Rotation {
    /// Whether the token is still answered with its successor.
    #[must_use]
    pub fn is_recent(&self, now: Timestamp) -> bool {
        now - self.at < REFRESH_GRACE
    }
}

/// One sign-in and the refresh token that is current in it; earlier ones are used up.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "sessions", entity = Session, deletable)]
pub struct Session {
    /// Identity; access tokens name it.
    pub id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// SHA-256 of the current refresh token. Another well-signed one of this session is a replay, unless it was
    /// exchanged a moment ago.
    pub refresh_hash: [u8; 32],
    /// The tokens that were exchanged within [`REFRESH_GRACE`] before the last exchange, and that one, the oldest first.
    #[serde(default)]
    #[row(json)]
    pub rotations: Vec<Rotation>,
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

/// What somebody registered with an address that was registered again before it was proven. It has a code of its own,
/// which proves this registration and no other.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierRegistration {
    /// The code that was mailed for it.
    pub otp_id: OtpId,
    /// How many tries its code had left when it was registered again; later tries count for it too.
    pub tries_left: i64,
    /// From then on its code is worthless.
    pub expires_at: Timestamp,
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
    /// A PHC string; never shown.
    pub password_hash: String,
}

impl std::fmt::Debug for EarlierRegistration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EarlierRegistration").field("otp_id", &self.otp_id).finish_non_exhaustive()
    }
}

/// What is known of the registrations of an unproven address. The account itself holds the last one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registrations {
    /// Those before the last whose codes can still be entered, the oldest first.
    #[serde(default)]
    pub earlier: Vec<EarlierRegistration>,
    /// The address was registered more than once, so nobody knows whose password the account holds.
    #[serde(default)]
    pub contested: bool,
    /// The current code was asked for, not mailed for a registration of a contested address: it proves the address, and
    /// no password.
    #[serde(default)]
    pub address_only: bool,
}

/// What an account may do only so often on one day (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DailyLimit {
    /// Be sent mails that anybody can ask for.
    Mails,
    /// Have one-time passwords tried, whichever they are.
    OtpTries,
}

/// How often something of an account was counted on the last day that it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DailyCount {
    /// Days since 1970-01-01, UTC.
    pub day: i64,
    /// How often.
    pub count: i64,
}

impl DailyCount {
    /// The day of a time.
    #[must_use]
    pub fn day_of(at: Timestamp) -> i64 {
        at.timestamp().div_euclid(86_400)
    }

    /// The next count at a time, if the limit allows one more. A server whose clock is behind counts for the day of the
    /// others.
    #[must_use]
    pub fn next(before: Option<Self>, at: Timestamp, limit: i64) -> Option<Self> {
        let day = Self::day_of(at);
        let before = before.filter(|before| before.day >= day).unwrap_or(Self { day, count: 0 });
        (before.count < limit).then(|| Self { count: before.count + 1, ..before })
    }
}

/// The password of an account that has none: nothing that a hasher writes.
pub const NO_PASSWORD: &str = "!";

/// The one-time password a person was mailed last. The code itself is nowhere: it is derived from the id
/// ([`crate::secret::Keys::otp_code`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "otps", key(user_id))]
pub struct Otp {
    /// Whose; one row per person.
    pub user_id: UserId,
    /// Identity of this code; a new one replaces the old.
    pub id: OtpId,
    /// How many tries are left; each is spent before the code is compared.
    pub tries_left: i64,
    /// From then on it is worthless.
    pub expires_at: Timestamp,
    /// When it proved the address.
    pub used_at: Option<Timestamp>,
    /// What it proves, and which other codes are open.
    #[serde(default)]
    #[row(json)]
    pub registrations: Registrations,
}

impl Otp {
    /// The codes that can still prove the address: this one, and those of earlier registrations.
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

/// A mail that waits to be written: what it is about, never its secrets (they are derived when it is sent). Or what is left
/// to do once an address is proven.
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
    /// Somebody looks for an order; whether the address is that of the order is looked up later, as above.
    OrderLookup {
        /// Its number; empty when what was written is none.
        number: String,
        /// The folded address.
        email_key: String,
    },
    /// Guest orders of a proven address that are not the account's yet. Nothing is mailed.
    ClaimOrders {
        /// The account.
        user_id: UserId,
        /// The folded address.
        email_key: String,
    },
}

words! {
    DailyLimit { Mails => "mails", OtpTries => "otp_tries" }
}
