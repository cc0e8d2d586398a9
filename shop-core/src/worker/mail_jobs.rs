//! Turns a queued mail job into a mail: its recipient and its current content.

use crate::accounts::operations::{open_codes, resend_otp};
use crate::actor::Actor;
use crate::batch::{AccountsWrite, Batch, Decision};
use crate::clock::{DecisionContext, Timestamp};
use crate::error::Result;
use crate::id::{OtpId, UserId};
use crate::mail::Mail;
use crate::model::accounts::{DailyLimit, MailJob, User};
use crate::model::orders::Order;
use crate::model::shipping::Address;
use crate::secret::{Secret, encode_user_id};
use crate::shop::Shop;

/// What a job leads to when it is processed.
#[derive(Debug)]
pub(crate) enum MailOutcome {
    /// A mail to send.
    Send {
        /// The recipient's address as its owner spelled it.
        to: String,
        /// The content of the mail.
        mail: Mail,
        /// The user whose daily mail count it adds to, see also [`Keys::guest_id`](crate::secret::Keys::guest_id);
        /// `None` if only the recipient can trigger it.
        counted: Option<UserId>,
    },
    /// Nothing to send: the recipient or the reason no longer exists.
    Nothing,
    /// Changes to commit together with the end of the job; a mail that they lead to is a separate job.
    Change(Batch),
}

impl MailOutcome {
    /// A mail that anyone can request, if its user exists.
    fn asked_for(user: Option<User>, mail: impl FnOnce(&User) -> Mail) -> Self {
        let Some(user) = user else { return Self::Nothing };
        Self::Send { mail: mail(&user), counted: Some(user.id), to: user.email }
    }
}

/// Looks up the recipient of a job and composes the mail. Secrets are derived here and not stored.
pub(crate) async fn compose(shop: &Shop, job: &MailJob, context: &mut DecisionContext) -> Result<MailOutcome> {
    Ok(match job {
        MailJob::VerifyEmail { user_id, otp_id } => verify_email(shop, *user_id, *otp_id, context.now()).await?,
        MailJob::AlreadyRegistered { user_id } => {
            let login_url = format!("{}/login", shop.settings().frontend_url);
            let mail = |user: &User| Mail::AlreadyRegistered { name: name(user), login_url };
            MailOutcome::asked_for(active(shop, *user_id).await?, mail)
        }
        // Always sent: an attacker in the account may have used up the daily limit first.
        MailJob::PasswordChanged { user_id } => match active(shop, *user_id).await? {
            Some(user) => {
                let mail = Mail::PasswordChanged { name: name(&user) };
                MailOutcome::Send { to: user.email, mail, counted: None }
            }
            None => MailOutcome::Nothing,
        },
        MailJob::PasswordResetRequested { email_key } => {
            let user = shop.store().user_by_email(email_key).await?.filter(|user| user.is_active);
            let mail = |user: &User| Mail::PasswordReset { name: name(user), link: reset_link(shop, user, context) };
            MailOutcome::asked_for(user, mail)
        }
        MailJob::OrderLookup { number, email_key } => {
            let order = shop.store().order_by_number(number).await?.filter(|order| order.email_key == *email_key);
            let Some(order) = order else { return Ok(MailOutcome::Nothing) };
            let counted = order.customer_id.unwrap_or_else(|| shop.keys().guest_id(email_key));
            MailOutcome::Send { to: order.email.clone(), counted: Some(counted), mail: order_lookup(shop, order) }
        }
        MailJob::ClaimOrders { user_id, email_key } => {
            let user = active(shop, *user_id).await?;
            let Some(user) = user.filter(|user| user.email_verified && user.email_key == *email_key) else {
                return Ok(MailOutcome::Nothing);
            };
            let mut batch = Batch::new(context);
            shop.orders().claim(*user_id, &user.email, context, &mut batch).await?;
            MailOutcome::Change(batch)
        }
        MailJob::ResendOtpRequested { email_key } => {
            let user = shop.store().user_by_email(email_key).await?;
            let Some(user) = user.filter(|user| user.is_active && !user.email_verified) else {
                return Ok(MailOutcome::Nothing);
            };
            if !shop.accounts().may_be_mailed(user.id, context.now()).await? {
                // The code mailed earlier stays valid.
                return Ok(MailOutcome::Nothing);
            }
            let before = shop.store().otp(user.id).await?;
            let mut batch = Batch::new(context);
            // A new registration may replace the account meanwhile; the job is then decided again.
            batch.require_unchanged(&user);
            resend_otp(&mut batch, context, user.id, before.as_ref());
            MailOutcome::Change(batch)
        }
    })
}

/// Composes the mail with a code, to the address as it was spelled when the code was requested.
async fn verify_email(shop: &Shop, user_id: UserId, otp_id: OtpId, now: Timestamp) -> Result<MailOutcome> {
    let otp = shop.store().otp(user_id).await?;
    let (Some(user), Some(otp)) = (active(shop, user_id).await?, otp) else { return Ok(MailOutcome::Nothing) };
    if !open_codes(&otp, &user, now).contains(&otp_id) {
        return Ok(MailOutcome::Nothing);
    }
    let earlier = otp.registrations.earlier.iter().find(|earlier| earlier.otp_id == otp_id);
    let (to, name) = match earlier {
        Some(earlier) => (earlier.email.clone(), full_name(&earlier.first_name, &earlier.last_name)),
        None => (user.email.clone(), name(&user)),
    };
    // A code that proves only the address is harmless, whoever requested it.
    let contested = otp.registrations.contested && (earlier.is_some() || !otp.registrations.address_only);
    let mail = Mail::VerifyEmail { name, code: shop.keys().otp_code(otp_id), contested };
    Ok(MailOutcome::Send { to, mail, counted: Some(user_id) })
}

/// Counts a mail to a user. Returns false, so that it is not sent, if the daily limit is reached.
pub(crate) async fn count(shop: &Shop, user_id: UserId) -> Result<bool> {
    let Some(limit) = shop.settings().max_mails_per_day.map(i64::from) else { return Ok(true) };
    shop.execute(&Actor::system(), |mut context| async move {
        let at = context.now();
        let allowed = shop.accounts().may_be_mailed(user_id, at).await?;
        let mut batch = Batch::new(&mut context);
        if allowed {
            batch.write(AccountsWrite::CountDaily { user_id, what: DailyLimit::Mails, at, limit });
        }
        Ok(Decision { batch, reply: allowed })
    })
    .await
}

/// The name of the recipient of an order.
fn recipient(Address { first_name, last_name, .. }: &Address) -> String {
    full_name(first_name, last_name)
}

/// Composes the mail with the link to an order, including the token if that opens it. The token is in the fragment,
/// which browsers do not send to servers.
fn order_lookup(shop: &Shop, order: Order) -> Mail {
    let page = format!("{}/orders/{}", shop.settings().frontend_url, order.number);
    let has_token = order.has_token();
    let link = if has_token { format!("{page}#{}", shop.keys().order_token(order.id).expose()) } else { page };
    let link = Secret::from(link);
    Mail::OrderLookup { name: recipient(&order.shipping_address), number: order.number, link, has_token }
}

async fn active(shop: &Shop, id: UserId) -> Result<Option<User>> {
    Ok(shop.store().user(id).await?.filter(|user| user.is_active))
}

/// The name for the greeting; may be empty.
fn name(user: &User) -> String {
    full_name(&user.first_name, &user.last_name)
}

fn full_name(first: &str, last: &str) -> String {
    format!("{first} {last}").trim().to_owned()
}

fn reset_link(shop: &Shop, user: &User, context: &DecisionContext) -> Secret {
    let issued_at = context.now().timestamp();
    let token = shop.keys().reset_token(user.id, &user.password_hash, &user.email_key, issued_at);
    let base = &shop.settings().frontend_url;
    Secret::from(format!("{base}/reset-password/{}/{}", encode_user_id(user.id), token.expose()))
}
