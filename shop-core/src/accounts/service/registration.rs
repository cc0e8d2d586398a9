//! Registration, and the codes that prove an address.

use super::Accounts;
use crate::accounts::input::{EmailInput, RegisterInput, USERNAME_TAKEN, VerifyOtpInput};
use crate::accounts::model::MailJob;
use crate::accounts::operations::registration as decide;
use crate::actor::Actor;
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::execute::Decision;
use crate::field::Checks;
use crate::id::{OtpId, UserId};
use crate::validate;

impl Accounts<'_> {
    /// Registers somebody and has a code mailed to the address; gives the address back as it was typed.
    ///
    /// An address that has an account is answered alike, in like time, and its owner is told.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming every wrong field: a username that is taken and a password that is weak, too.
    pub async fn register(&self, mut input: RegisterInput) -> Result<String> {
        let store = self.shop.store();
        let mut checks = Checks::new();
        let username = std::mem::take(&mut input.username);
        let username = checks.optional("username", username, validate::or_blank(validate::username)).flatten();
        if let Some(username) = &username
            && store.user_by_username(&username.key).await?.is_some()
        {
            checks.refuse::<()>("username", USERNAME_TAKEN);
        }
        let (form, password) = input.check(checks, username)?;
        let password_hash = self.shop.hasher().hash(password).await?;
        self.shop
            .execute(&Actor::anonymous(), |mut moment| {
                let (form, password_hash) = (form.clone(), password_hash.clone());
                async move {
                    if let Some(username) = &form.username
                        && store.user_by_username(&username.key).await?.is_some()
                    {
                        return Err(Error::invalid("username", USERNAME_TAKEN));
                    }
                    let owner = store.user_by_email(&form.email.key).await?;
                    Ok(decide::register(form, password_hash, owner.as_ref(), &mut moment))
                }
            })
            .await?;
        Ok(form.email.address)
    }

    /// Proves an address with the code that was mailed to it. A try is spent before the code is compared.
    ///
    /// # Errors
    /// [`Error::InvalidOtp`] when the code is wrong, replaced, expired, used or out of tries, or nobody has the
    /// address.
    pub async fn verify_otp(&self, input: VerifyOtpInput) -> Result<()> {
        let (email_key, code) = input.check()?;
        let store = self.shop.store();
        let (user_id, tried) = self
            .shop
            .execute(&Actor::anonymous(), |mut moment| {
                let email_key = &email_key;
                async move {
                    let user = store.user_by_email(email_key).await?;
                    // Nobody's code is looked for as well, so that the call takes alike.
                    let user_id = user.as_ref().map_or(UserId(uuid::Uuid::nil()), |user| user.id);
                    let otp = store.otp(user_id).await?;
                    let decision = decide::spend_try(user.as_ref().zip(otp.as_ref()), &mut moment);
                    Ok(decision.map(|tried| (user_id, tried)))
                }
            })
            .await?;
        let expected = self.shop.keys().otp_code(tried.unwrap_or(OtpId(uuid::Uuid::nil())));
        let right = expected.matches(code.expose());
        let Some(tried) = tried.filter(|_| right) else {
            return Err(Error::InvalidOtp);
        };
        self.shop
            .execute(&Actor::anonymous(), |mut moment| async move {
                let user = store.user(user_id).await?.ok_or(Error::InvalidOtp)?;
                let otp = store.otp(user_id).await?.ok_or(Error::InvalidOtp)?;
                decide::prove_address(user, &otp, tried, &mut moment).ok_or(Error::InvalidOtp)
            })
            .await
    }

    /// Has a new code mailed, if the address has an account that is not proven yet. The answer is the same for
    /// any address; whose it is, is looked up when the mail is written.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `email`.
    pub async fn resend_otp(&self, input: EmailInput) -> Result<()> {
        let email_key = input.check()?;
        self.leave_mail(MailJob::ResendOtpRequested { email_key }).await
    }

    /// Leaves a mail that concerns an address, not (yet) a person.
    pub(super) async fn leave_mail(&self, job: MailJob) -> Result<()> {
        self.shop
            .execute(&Actor::anonymous(), |mut moment| {
                let job = job.clone();
                async move {
                    let mut batch = Batch::new(&mut moment);
                    let nobody = moment.id();
                    decide::mail(&mut batch, &mut moment, nobody, job);
                    Ok(Decision { batch, reply: () })
                }
            })
            .await
    }
}
