//! What the accounts domain reads and writes.

use async_trait::async_trait;

use super::model::{Otp, Session, User, UserFilter, UserSort};
use crate::batch::Change;
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
}

/// Writes of accounts.
#[derive(Debug, Clone, PartialEq)]
pub enum AccountsWrite {
    /// A person. Never deleted. Unique: [`Unique::UserEmail`](crate::batch::Unique::UserEmail),
    /// [`Unique::UserUsername`](crate::batch::Unique::UserUsername).
    User(Change<User>),
    /// A session.
    Session(Change<Session>),
    /// A new code for a person; replaces the one before, if any (no guard).
    PutOtp(Otp),
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
