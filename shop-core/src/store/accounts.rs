//! Reads of accounts.

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};
use crate::model::accounts::{DailyCount, DailyLimit, Otp, Session, User, UserFilter, UserSort};
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
