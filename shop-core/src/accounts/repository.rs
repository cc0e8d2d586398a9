//! What the accounts domain reads and writes.

use async_trait::async_trait;

use super::model::{DailyCount, DailyLimit, Otp, Session, User, UserFilter, UserSort};
use crate::batch::Change;
use crate::clock::Timestamp;
use crate::id::{OtpId, SessionId, UserId};
use crate::page::{Page, PageRequest};
use crate::store::StoreResult;

/// Reads of accounts.
///
/// # Contract
/// Every read sees all that was committed before it began. An absent row is `None`, never an error.
#[async_trait]
pub trait AccountsRepository: Send + Sync {
    /// The person with this id.
    async fn user(&self, id: UserId) -> StoreResult<Option<User>>;
    /// The person with this folded address.
    async fn user_by_email(&self, email_key: &str) -> StoreResult<Option<User>>;
    /// The person with this folded username.
    async fn user_by_username(&self, username_key: &str) -> StoreResult<Option<User>>;
    /// The people of a list.
    async fn list_users(&self, filter: &UserFilter, page: &PageRequest<UserSort>) -> StoreResult<Page<User>>;
    /// A session together with its person: one read, for it is made at every call of a signed-in person.
    async fn session(&self, id: SessionId) -> StoreResult<Option<(Session, User)>>;
    /// The code a person was mailed last.
    async fn otp(&self, user: UserId) -> StoreResult<Option<Otp>>;
    /// How often something of a person was counted on the last day that it was.
    async fn daily_count(&self, user: UserId, what: DailyLimit) -> StoreResult<Option<DailyCount>>;
    /// People whose address is unproven and who joined before this time, in the order of their ids, from the one after
    /// `after` on, at most `limit`.
    async fn unproven_users(&self, before: Timestamp, after: UserId, limit: u32) -> StoreResult<Vec<User>>;
}

/// Writes of accounts.
#[derive(Debug, Clone, PartialEq)]
pub enum AccountsWrite {
    /// A new code for a person; replaces the one before, if any (no guard).
    PutOtp(Otp),
    /// Deletes a person's code and daily counts, if there are any (no guard).
    ForgetOtp {
        /// Whose.
        user_id: UserId,
    },
    /// Counts something of a person once more on the day of `at`. Guard: [`DailyCount::next`] of what was counted before
    /// allows it; else [`Conflict::DailyLimit`](crate::batch::Conflict::DailyLimit).
    CountDaily {
        /// Whose.
        user_id: UserId,
        /// What.
        what: DailyLimit,
        /// When.
        at: Timestamp,
        /// How often it may be counted on one day.
        limit: i64,
    },
    /// Spends one try of exactly this code. Guard: it is the person's current code, unused, with at least one
    /// try left; else [`Conflict::Spent`](crate::batch::Conflict::Spent).
    SpendOtpTry {
        /// Whose.
        user_id: UserId,
        /// Which.
        otp_id: OtpId,
    },
    /// Marks exactly this code used. Guard: it is the person's current code and unused; else
    /// [`Conflict::Spent`](crate::batch::Conflict::Spent).
    UseOtp {
        /// Whose.
        user_id: UserId,
        /// Which.
        otp_id: OtpId,
        /// When.
        at: crate::clock::Timestamp,
    },
}
