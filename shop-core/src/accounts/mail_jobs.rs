//! From a mail that waits to be written to the mail: who gets it, and what it says now.

use super::mails::Mail;
use super::model::{MailJob, User};
use super::operations::registration::put_otp;
use crate::batch::Batch;
use crate::clock::Moment;
use crate::error::Result;
use crate::id::UserId;
use crate::secret::{Secret, encode_user_id};
use crate::shop::Shop;

/// What is left of a job when its time has come.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A mail to this address.
    Send {
        /// The address as its owner spelled it.
        to: String,
        /// What it says.
        mail: Mail,
    },
    /// Nobody to write to, or nothing to say any more.
    Nothing,
    /// Changes that go together with the end of the job; the mail is a job of its own.
    Change(Batch),
}

/// Looks up whom a job is about, and writes the mail. Secrets are derived here and kept nowhere.
pub(crate) async fn compose(shop: &Shop, job: &MailJob, moment: &mut Moment) -> Result<Outcome> {
    let outcome = match job {
        MailJob::VerifyEmail { user_id, otp_id } => {
            let otp = shop.store().otp(*user_id).await?;
            let current = otp.is_some_and(|otp| {
                otp.id == *otp_id && otp.used_at.is_none() && otp.tries_left > 0 && moment.now() < otp.expires_at
            });
            let user = active(shop, *user_id).await?.filter(|user| current && !user.email_verified);
            user.map(|user| {
                (user.email.clone(), Mail::VerifyEmail { name: name(&user), code: shop.keys().otp_code(*otp_id) })
            })
        }
        MailJob::AlreadyRegistered { user_id } => active(shop, *user_id).await?.map(|user| {
            let login_url = format!("{}/login", shop.settings().frontend_url);
            (user.email.clone(), Mail::AlreadyRegistered { name: name(&user), login_url })
        }),
        MailJob::PasswordChanged { user_id } => {
            active(shop, *user_id).await?.map(|user| (user.email.clone(), Mail::PasswordChanged { name: name(&user) }))
        }
        MailJob::PasswordResetRequested { email_key } => {
            let user = shop.store().user_by_email(email_key).await?.filter(|user| user.is_active);
            user.map(|user| {
                let link = reset_link(shop, &user, moment);
                (user.email.clone(), Mail::PasswordReset { name: name(&user), link })
            })
        }
        MailJob::ResendOtpRequested { email_key } => {
            let user = shop.store().user_by_email(email_key).await?;
            let Some(user) = user.filter(|user| user.is_active && !user.email_verified) else {
                return Ok(Outcome::Nothing);
            };
            let mut batch = Batch::new(moment);
            put_otp(&mut batch, moment, user.id);
            return Ok(Outcome::Change(batch));
        }
    };
    Ok(outcome.map_or(Outcome::Nothing, |(to, mail)| Outcome::Send { to, mail }))
}

async fn active(shop: &Shop, id: UserId) -> Result<Option<User>> {
    Ok(shop.store().user(id).await?.filter(|user| user.is_active))
}

/// The name to greet; may be empty.
fn name(user: &User) -> String {
    format!("{} {}", user.first_name, user.last_name).trim().to_owned()
}

fn reset_link(shop: &Shop, user: &User, moment: &Moment) -> Secret {
    let issued_at = moment.now().timestamp();
    let token = shop.keys().reset_token(user.id, &user.password_hash, &user.email_key, issued_at);
    let base = &shop.settings().frontend_url;
    Secret::from(format!("{base}/reset-password/{}/{}", encode_user_id(user.id), token.expose()))
}
