//! Reads and writes of accounts.

use async_trait::async_trait;

use super::model::{DailyCount, DailyLimit, Otp, Session, User, UserFilter, UserSort};
use crate::clock::Timestamp;
use crate::id::{OtpId, SessionId, UserId};
use crate::page::{Page, PageRequest};
use crate::store::StoreResult;

/// Reads of accounts.
///
/// # Contract
/// Every read sees everything that was committed before it began. A missing row is `None`, never an error.
#[async_trait]
pub trait AccountsRepository: Send + Sync {
    /// The user with this id.
    async fn user(&self, id: UserId) -> StoreResult<Option<User>>;
    /// The user with this folded address.
    async fn user_by_email(&self, email_key: &str) -> StoreResult<Option<User>>;
    /// The user with this folded user name.
    async fn user_by_username(&self, username_key: &str) -> StoreResult<Option<User>>;
    /// A page of the users that match a filter.
    async fn list_users(&self, filter: &UserFilter, page: &PageRequest<UserSort>) -> StoreResult<Page<User>>;
    /// A session with its user. A single read, because every call of a signed-in user makes it.
    async fn session(&self, id: SessionId) -> StoreResult<Option<(Session, User)>>;
    /// The latest one-time password of a user.
    async fn otp(&self, user: UserId) -> StoreResult<Option<Otp>>;
    /// The count of a user's action on the last day it occurred.
    async fn daily_count(&self, user: UserId, what: DailyLimit) -> StoreResult<Option<DailyCount>>;
    /// Users with an unverified address who joined before `before`, ordered by id, with ids greater than `after`, at
    /// most `limit`.
    async fn unproven_users(&self, before: Timestamp, after: UserId, limit: u32) -> StoreResult<Vec<User>>;
}

/// Writes of accounts.
#[derive(Debug, Clone, PartialEq)]
pub enum AccountsWrite {
    /// A new one-time password of a user, which replaces the previous one, if any. No guard.
    PutOtp(Otp),
    /// Deletes the one-time password and the daily counts of a user, if any. No guard.
    ForgetOtp {
        /// The user.
        user_id: UserId,
    },
    /// Counts one more action of a user on the day of `at`. Guard: [`DailyCount::next`] of the stored count allows it;
    /// otherwise [`Conflict::DailyLimit`](crate::batch::Conflict::DailyLimit).
    CountDaily {
        /// The user.
        user_id: UserId,
        /// The action to count.
        what: DailyLimit,
        /// When it occurs.
        at: Timestamp,
        /// The maximum count per day.
        limit: i64,
    },
    /// Spends one try of exactly this code. Guard: it is the user's current code, unused, with at least one try left;
    /// otherwise [`Conflict::Spent`](crate::batch::Conflict::Spent).
    SpendOtpTry {
        /// The user.
        user_id: UserId,
        /// The code.
        otp_id: OtpId,
    },
    /// Marks exactly this code as used. Guard: it is the user's current code and unused; otherwise
    /// [`Conflict::Spent`](crate::batch::Conflict::Spent).
    UseOtp {
        /// The user.
        user_id: UserId,
        /// The code.
        otp_id: OtpId,
        /// When it was used.
        at: crate::clock::Timestamp,
    },
}
