//! New passwords for existing users.

use super::Accounts;
use crate::accounts::input::{self, ChangePasswordInput, EmailInput};
use crate::accounts::operations::passwords as decide;
use crate::accounts::view::{Profile, TokenPair};
use crate::actor::Actor;
use crate::error::{Error, Result};
use crate::field::{Checks, Field};
use crate::model::accounts::{MailJob, User};
use crate::secret::{Secret, decode_user_id};

/// Django's message.
const WRONG_PASSWORD: &str = "Your old password was entered incorrectly. Please enter it again.";

impl Accounts<'_> {
    /// Changes the caller's own password. Every session ends, including the caller's; the result opens a new one.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `old_password` when it is wrong and `new_password` when it is weak.
    pub async fn change_password(&self, actor: &Actor, input: ChangePasswordInput) -> Result<TokenPair> {
        let person = actor.require_user()?;
        let store = self.shop.store();
        let known = store.user(person.user_id).await?.ok_or(Error::NotAuthenticated)?;
        let mut checks = Checks::new();
        let profile = Profile::from(known.clone());
        let new = input::new_password(&mut checks, "new_password", input.new_password, &profile);
        if let Some(old) = checks.required("old_password", input.old_password, input::given_password) {
            let verified = self.shop.hasher().verify(old, Some(known.password_hash.clone())).await?;
            if !verified.is_right() {
                checks.refuse::<()>("old_password", WRONG_PASSWORD);
            }
        }
        let (Some(new), true) = (new, checks.is_clean()) else {
            return Err(checks.into_error());
        };
        let password_hash = self.shop.hasher().hash(new).await?;
        let (known, issuer) = (&known, self.issuer());
        self.shop
            .execute(actor, |mut context| {
                let password_hash = password_hash.clone();
                async move {
                    let user = store.user(known.id).await?.ok_or(Error::NotAuthenticated)?;
                    if user.password_hash != known.password_hash {
                        return Err(Error::invalid("old_password", WRONG_PASSWORD));
                    }
                    decide::change(user, password_hash, issuer, &mut context)
                }
            })
            .await
    }

    /// Mails a link that resets the password, if the address has an active account. The response is the same for any
    /// address.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `email`.
    pub async fn request_password_reset(&self, input: EmailInput) -> Result<()> {
        let email_key = input.check()?;
        self.leave_mail(MailJob::PasswordResetRequested { email_key }).await
    }

    /// Sets a new password with the two parts of a mailed link. The link works once; every session ends. Because the
    /// link verifies the address, guest orders with that address are transferred to the account.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] when the link is wrong, expired or used; [`Error::Invalid`] naming `new_password`.
    pub async fn reset_password(&self, uidb64: &str, token: &str, new_password: Field<Secret>) -> Result<()> {
        let store = self.shop.store();
        let user_id = decode_user_id(uidb64).ok_or(Error::InvalidToken)?;
        let known = store.user(user_id).await?.ok_or(Error::InvalidToken)?;
        let now = self.shop.context().now().timestamp();
        if !self.opens(token, &known, now) {
            return Err(Error::InvalidToken);
        }
        let mut checks = Checks::new();
        let new = input::new_password(&mut checks, "new_password", new_password, &Profile::from(known));
        let new = new.ok_or_else(|| checks.into_error())?;
        let password_hash = self.shop.hasher().hash(new).await?;
        self.shop
            .execute(&Actor::anonymous(), |mut context| {
                let password_hash = password_hash.clone();
                async move {
                    let user = store.user(user_id).await?.ok_or(Error::InvalidToken)?;
                    // The token covers the stored hash, so the second of two concurrent uses is refused here.
                    if !self.opens(token, &user, context.now().timestamp()) {
                        return Err(Error::InvalidToken);
                    }
                    let email = user.email.clone();
                    let decision = decide::reset(user, password_hash, &mut context).map(|()| email);
                    self.with_guest_orders(decision, user_id, &mut context).await
                }
            })
            .await
    }

    fn opens(self, token: &str, user: &User, now_seconds: i64) -> bool {
        let (hash, email_key) = (&user.password_hash, &user.email_key);
        user.is_active && self.shop.keys().check_reset_token(token, user.id, hash, email_key, now_seconds)
    }
}
