//! People, sessions and codes.

use async_trait::async_trait;

use super::MemoryStore;
use super::paging::page;
use super::state::{Judged, State, UniqueKey, change, change_plain, never_deleted};
use crate::accounts::{AccountsRepository, AccountsWrite, Otp, Session, User, UserFilter, UserSort};
use crate::batch::Conflict;
use crate::id::{OtpId, SessionId, UserId};
use crate::page::{Page, PageRequest};
use crate::store::StoreResult;

fn keys(user: &User) -> Vec<UniqueKey> {
    let email = UniqueKey::UserEmail(user.email_key.clone());
    let username = user.username_key.clone().map(UniqueKey::UserUsername);
    [email].into_iter().chain(username).collect()
}

impl State {
    pub(super) fn write_accounts(&mut self, write: &AccountsWrite) -> Judged {
        match write {
            AccountsWrite::User(user) => {
                never_deleted(user)?;
                change(&mut self.users, &mut self.uniques, user, keys)
            }
            AccountsWrite::Session(session) => change_plain(&mut self.sessions, &mut self.uniques, session),
            AccountsWrite::PutOtp(otp) => {
                self.otps.put(otp.user_id, otp.clone());
                Ok(())
            }
            AccountsWrite::SpendOtpTry { user_id, otp_id } => {
                let otp = self.unused_otp(*user_id, *otp_id)?;
                if otp.tries_left < 1 {
                    return Err(Conflict::Spent(*otp_id).into());
                }
                self.otps.put(*user_id, Otp { tries_left: otp.tries_left - 1, ..otp });
                Ok(())
            }
            AccountsWrite::UseOtp { user_id, otp_id, at } => {
                let otp = self.unused_otp(*user_id, *otp_id)?;
                self.otps.put(*user_id, Otp { used_at: Some(*at), ..otp });
                Ok(())
            }
        }
    }

    fn unused_otp(&self, user: UserId, otp: OtpId) -> Result<Otp, Conflict> {
        let current = self.otps.get(&user).filter(|current| current.id == otp && current.used_at.is_none());
        current.cloned().ok_or(Conflict::Spent(otp))
    }

    fn user_with(&self, key: &UniqueKey) -> Option<User> {
        self.uniques.get(key).and_then(|id| self.users.get(id)).cloned()
    }
}

#[async_trait]
impl AccountsRepository for MemoryStore {
    async fn user(&self, id: UserId) -> StoreResult<Option<User>> {
        Ok(self.read().users.get(&id.0).cloned())
    }

    async fn user_by_email(&self, email_key: &str) -> StoreResult<Option<User>> {
        Ok(self.read().user_with(&UniqueKey::UserEmail(email_key.to_owned())))
    }

    async fn user_by_username(&self, username_key: &str) -> StoreResult<Option<User>> {
        Ok(self.read().user_with(&UniqueKey::UserUsername(username_key.to_owned())))
    }

    async fn list_users(&self, filter: &UserFilter, request: &PageRequest<UserSort>) -> StoreResult<Page<User>> {
        let wanted = |user: &&User| {
            filter.search.as_ref().is_none_or(|text| user.search_text().contains(text))
                && filter.is_active.is_none_or(|active| user.is_active == active)
                && filter.is_staff.is_none_or(|staff| user.is_staff == staff)
        };
        Ok(page(self.read().users.values().filter(wanted).cloned(), request))
    }

    async fn session(&self, id: SessionId) -> StoreResult<Option<(Session, User)>> {
        let state = self.read();
        let session = state.sessions.get(&id.0);
        Ok(session.and_then(|session| Some((session.clone(), state.users.get(&session.user_id.0)?.clone()))))
    }

    async fn otp(&self, user: UserId) -> StoreResult<Option<Otp>> {
        Ok(self.read().otps.get(&user).cloned())
    }
}
