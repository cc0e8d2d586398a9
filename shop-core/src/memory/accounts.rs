//! Users, sessions and one-time passwords.

use async_trait::async_trait;

use super::TableStore;
use super::engine::{Engine, ReadRows, WriteRows};
use super::state::{DailyKey, Judged, State, UniqueKey, VersionedRow};
use crate::batch::{AccountsWrite, Conflict};
use crate::clock::Timestamp;
use crate::id::{OtpId, SessionId, UserId};
use crate::model::accounts::{DailyCount, DailyLimit, Otp, Session, User, UserFilter, UserSort};
use crate::page::paging::page;
use crate::page::{Page, PageRequest};
use crate::store::{AccountsRepository, StoreResult};

impl VersionedRow for User {
    fn keys(&self) -> Vec<UniqueKey> {
        let email = UniqueKey::UserEmail(self.email_key.clone());
        let username = self.username_key.clone().map(UniqueKey::UserUsername);
        [email].into_iter().chain(username).collect()
    }
}

impl VersionedRow for Session {}

impl<T: WriteRows> State<'_, T> {
    pub(super) fn write_accounts(&mut self, write: &AccountsWrite) -> Judged {
        match write {
            AccountsWrite::PutOtp(otp) => Ok(self.otps.put(otp.user_id, otp.clone())?),
            AccountsWrite::ForgetOtp { user_id } => {
                self.otps.remove(user_id)?;
                for what in [DailyLimit::Mails, DailyLimit::OtpTries] {
                    self.daily_counts.remove(&DailyKey(*user_id, what))?;
                }
                Ok(())
            }
            AccountsWrite::CountDaily { user_id, what, at, limit } => {
                let before = self.daily_counts.get(&DailyKey(*user_id, *what))?;
                let next = DailyCount::next(before, *at, *limit).ok_or(Conflict::DailyLimit(*what))?;
                Ok(self.daily_counts.put(DailyKey(*user_id, *what), next)?)
            }
            AccountsWrite::SpendOtpTry { user_id, otp_id } => {
                let otp = self.unused_otp(*user_id, *otp_id)?;
                if otp.tries_left < 1 {
                    return Err(Conflict::Spent(*otp_id).into());
                }
                Ok(self.otps.put(*user_id, Otp { tries_left: otp.tries_left - 1, ..otp })?)
            }
            AccountsWrite::UseOtp { user_id, otp_id, at } => {
                let otp = self.unused_otp(*user_id, *otp_id)?;
                Ok(self.otps.put(*user_id, Otp { used_at: Some(*at), ..otp })?)
            }
        }
    }

    fn unused_otp(&self, user: UserId, otp: OtpId) -> Judged<Otp> {
        let current = self.otps.get(&user)?.filter(|current| current.id == otp && current.used_at.is_none());
        Ok(current.ok_or(Conflict::Spent(otp))?)
    }
}

impl<T: ReadRows> State<'_, T> {
    fn user_with(&self, key: &UniqueKey) -> StoreResult<Option<User>> {
        self.under(&self.users, key)
    }
}

#[async_trait]
impl<E: Engine> AccountsRepository for TableStore<E> {
    async fn user(&self, id: UserId) -> StoreResult<Option<User>> {
        self.read(|state| state.users.get(&id.0))
    }

    async fn user_by_email(&self, email_key: &str) -> StoreResult<Option<User>> {
        self.read(|state| state.user_with(&UniqueKey::UserEmail(email_key.to_owned())))
    }

    async fn user_by_username(&self, username_key: &str) -> StoreResult<Option<User>> {
        self.read(|state| state.user_with(&UniqueKey::UserUsername(username_key.to_owned())))
    }

    async fn list_users(&self, filter: &UserFilter, request: &PageRequest<UserSort>) -> StoreResult<Page<User>> {
        let wanted = |user: &User| {
            filter.search.as_ref().is_none_or(|text| user.search_text().contains(text))
                && filter.is_active.is_none_or(|active| user.is_active == active)
                && filter.is_staff.is_none_or(|staff| user.is_staff == staff)
        };
        self.read(|state| Ok(page(state.users.select(wanted)?, request)))
    }

    async fn session(&self, id: SessionId) -> StoreResult<Option<(Session, User)>> {
        self.read(|state| {
            let Some(session) = state.sessions.get(&id.0)? else { return Ok(None) };
            let user = state.users.get(&session.user_id.0)?;
            Ok(user.map(|user| (session, user)))
        })
    }

    async fn otp(&self, user: UserId) -> StoreResult<Option<Otp>> {
        self.read(|state| state.otps.get(&user))
    }

    async fn daily_count(&self, user: UserId, what: DailyLimit) -> StoreResult<Option<DailyCount>> {
        self.read(|state| state.daily_counts.get(&DailyKey(user, what)))
    }

    async fn unproven_users(&self, before: Timestamp, after: UserId, limit: u32) -> StoreResult<Vec<User>> {
        let wanted = |user: &User| !user.email_verified && user.date_joined < before && user.id.0 > after.0;
        let mut users = self.read(|state| state.users.select(wanted))?;
        users.sort_by_key(|user| user.id.0);
        users.truncate(limit as usize);
        Ok(users)
    }
}
