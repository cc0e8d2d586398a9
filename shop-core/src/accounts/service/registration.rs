//! Registration, and the codes that verify an address.

use super::Accounts;
use crate::accounts::input::{EmailInput, RegisterInput, USERNAME_TAKEN, VerifyOtpInput};
use crate::accounts::operations::registration as decide;
use crate::actor::Actor;
use crate::batch::{Batch, Decision};
use crate::clock::{DecisionContext, Timestamp};
use crate::error::{Error, Result};
use crate::field::Checks;
use crate::id::{OtpId, UserId};
use crate::model::accounts::{DailyCount, DailyLimit, MailJob, Otp, User};
use crate::validate;

impl Accounts<'_> {
    /// Registers a user and mails a code to the address. Returns the address as typed.
    ///
    /// If the address has an account, the response is the same and takes equally long, and the owner is notified. Until
    /// an address is verified, anyone may register it again: each code proves only the registration it was mailed for.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming every wrong field, including a taken user name and a weak password.
    pub async fn register(&self, mut input: RegisterInput) -> Result<String> {
        let mut checks = Checks::new();
        let username = std::mem::take(&mut input.username);
        let username = checks.optional("username", username, validate::or_blank(validate::username)).flatten();
        if let Some(username) = &username
            && self.is_taken(&username.key, input.email_key().as_deref()).await?
        {
            checks.refuse::<()>("username", USERNAME_TAKEN);
        }
        let (form, password) = input.check(checks, username)?;
        let password_hash = self.shop.hasher().hash(password).await?;
        self.shop
            .execute(&Actor::anonymous(), |mut context| {
                let (form, password_hash) = (form.clone(), password_hash.clone());
                async move {
                    if let Some(username) = &form.username
                        && self.is_taken(&username.key, Some(&form.email.key)).await?
                    {
                        return Err(Error::invalid("username", USERNAME_TAKEN));
                    }
                    let existing = self.existing_account(&form.email.key, context.now()).await?;
                    Ok(decide::register(form, password_hash, existing, &mut context))
                }
            })
            .await?;
        Ok(form.email.address)
    }

    /// Whether an account has this folded user name, other than an unverified one with this folded address, which may
    /// be registered again.
    async fn is_taken(&self, username_key: &str, email_key: Option<&str>) -> Result<bool> {
        let holder = self.shop.store().user_by_username(username_key).await?;
        Ok(holder.is_some_and(|holder| holder.email_verified || Some(holder.email_key.as_str()) != email_key))
    }

    /// The account of a folded address, and what a new registration of it depends on. The same reads are made for an
    /// unknown address, so that the call takes equally long.
    async fn existing_account(&self, email_key: &str, now: Timestamp) -> Result<Option<decide::ExistingAccount>> {
        let store = self.shop.store();
        let user = store.user_by_email(email_key).await?;
        let user_id = user.as_ref().map_or(UserId(uuid::Uuid::nil()), |user| user.id);
        let otp = store.otp(user_id).await?;
        let may_be_mailed = self.may_be_mailed(user_id, now).await?;
        if user.as_ref().is_none_or(|user| user.email_verified) {
            // Taking over an unverified account locks it first, with an additional statement; compensate for that.
            store.user(UserId(uuid::Uuid::nil())).await?;
        }
        Ok(user.map(|user| decide::ExistingAccount { user, otp, may_be_mailed }))
    }

    /// Whether a user may be sent another mail today of those that anyone can request.
    pub(crate) async fn may_be_mailed(&self, user: UserId, now: Timestamp) -> Result<bool> {
        let counted = self.shop.store().daily_count(user, DailyLimit::Mails).await?;
        let limit = self.shop.settings().max_mails_per_day.map_or(i64::MAX, i64::from);
        Ok(DailyCount::next(counted, now, limit).is_some())
    }

    /// Verifies an address with the code that was mailed to it. A try is spent before the code is compared. Guest
    /// orders with the address are transferred to the account; the tokens of these orders stay valid.
    ///
    /// # Errors
    /// [`Error::InvalidOtp`] when the code is wrong, replaced, expired, used or out of tries, when the address has
    /// reached the daily limit ([`Settings::max_otp_tries_per_day`](crate::shop::Settings::max_otp_tries_per_day)), or
    /// when it is unknown.
    pub async fn verify_otp(&self, input: VerifyOtpInput) -> Result<()> {
        let (email_key, code) = input.check()?;
        let store = self.shop.store();
        let limit = self.shop.settings().max_otp_tries_per_day;
        let (user_id, codes) = self
            .shop
            .execute(&Actor::anonymous(), |mut context| {
                let email_key = &email_key;
                async move {
                    let user = store.user_by_email(email_key).await?;
                    // The same reads are made for an unknown address, so that the call takes equally long.
                    let user_id = user.as_ref().map_or(UserId(uuid::Uuid::nil()), |user| user.id);
                    let otp = store.otp(user_id).await?;
                    let counted = store.daily_count(user_id, DailyLimit::OtpTries).await?;
                    let decision = decide::spend_try(user.as_ref().zip(otp.as_ref()), counted, limit, &mut context);
                    Ok(decision.map(|codes| (user_id, codes)))
                }
            })
            .await?;
        let nobodys = [OtpId(uuid::Uuid::nil())];
        let compared = if codes.is_empty() { nobodys.as_slice() } else { codes.as_slice() };
        // All codes are compared, so that the time reveals nothing.
        let right: Vec<_> = compared.iter().filter(|id| self.shop.keys().is_otp_code(**id, code.expose())).collect();
        let Some(tried) = right.first().map(|id| **id).filter(|id| codes.contains(id)) else {
            return Err(Error::InvalidOtp);
        };
        self.shop
            .execute(&Actor::anonymous(), |mut context| async move {
                let user = store.user(user_id).await?.ok_or(Error::InvalidOtp)?;
                let otp = store.otp(user_id).await?.ok_or(Error::InvalidOtp)?;
                let is_taken = self.is_earlier_name_taken(&user, &otp, tried).await?;
                let decision = decide::prove_address(user, &otp, tried, |_| is_taken, &mut context);
                let decision = decision.ok_or(Error::InvalidOtp)?;
                self.with_guest_orders(decision, user_id, &mut context).await
            })
            .await
    }

    /// Extends a decision that verifies an address, and returns it: guest orders with the address are transferred to
    /// the account.
    pub(super) async fn with_guest_orders(
        &self,
        decision: Decision<String>,
        user: UserId,
        context: &mut DecisionContext,
    ) -> Result<Decision<()>> {
        let Decision { mut batch, reply: email } = decision;
        self.shop.orders().claim(user, &email, context, &mut batch).await?;
        Ok(Decision { batch, reply: () })
    }

    /// Whether another user has the user name of the earlier registration that a code was mailed for.
    async fn is_earlier_name_taken(&self, user: &User, otp: &Otp, tried: OtpId) -> Result<bool> {
        let earlier = otp.registrations.earlier.iter().find(|earlier| earlier.otp_id == tried);
        let Some(username) = earlier.and_then(|earlier| earlier.username.as_deref()) else { return Ok(false) };
        let holder = self.shop.store().user_by_username(&validate::username_key(username)).await?;
        Ok(holder.is_some_and(|holder| holder.id != user.id))
    }

    /// Mails a new code, if the address has an unverified account. The response is the same for any address: the
    /// account is looked up when the mail is composed.
    ///
    /// If the address was registered more than once, it is unknown who asks. The code then proves only the address;
    /// entering it removes the account's password and mails a link to set a new one.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `email`.
    pub async fn resend_otp(&self, input: EmailInput) -> Result<()> {
        let email_key = input.check()?;
        self.leave_mail(MailJob::ResendOtpRequested { email_key }).await
    }

    /// Queues a mail to an address for which no user is known yet.
    pub(super) async fn leave_mail(&self, job: MailJob) -> Result<()> {
        self.shop
            .execute(&Actor::anonymous(), |mut context| {
                let job = job.clone();
                async move {
                    let mut batch = Batch::new(&mut context);
                    let nobody = context.id();
                    decide::mail(&mut batch, &mut context, nobody, job);
                    Ok(Decision { batch, reply: () })
                }
            })
            .await
    }
}
