//! New passwords for existing users.

use super::registration::mail;
use super::sessions::Issuer;
use crate::accounts::view::TokenPair;
use crate::batch::{AccountsWrite, Batch, Change, Decision};
use crate::clock::DecisionContext;
use crate::error::Result;
use crate::model::accounts::{MailJob, User};

/// Sets a new password. Every session ends, and the user is notified.
fn with_password(user: User, password_hash: String, batch: &mut Batch, context: &mut DecisionContext) -> User {
    let user = User { password_hash, session_epoch: user.session_epoch + 1, version: user.version + 1, ..user };
    mail(batch, context, user.id, MailJob::PasswordChanged { user_id: user.id });
    user
}

/// Changes the password of a signed-in user, and opens a new session in place of all others.
pub(crate) fn change(
    user: User,
    password_hash: String,
    issuer: Issuer<'_>,
    context: &mut DecisionContext,
) -> Result<Decision<TokenPair>> {
    let mut batch = Batch::new(context);
    let user = with_password(user, password_hash, &mut batch, context);
    let (session, tokens) = issuer.open(&user, context)?;
    batch.write(Change::Update(user));
    batch.write(Change::Insert(session));
    Ok(Decision { batch, reply: tokens })
}

/// Resets a password through a mailed link, which verifies the address, too.
pub(crate) fn reset(user: User, password_hash: String, context: &mut DecisionContext) -> Decision<()> {
    let mut batch = Batch::new(context);
    if !user.email_verified {
        // Pending codes, and other registrations of this address, are now void.
        batch.write(AccountsWrite::ForgetOtp { user_id: user.id });
    }
    let user = with_password(user, password_hash, &mut batch, context);
    batch.write(Change::Update(User { email_verified: true, ..user }));
    Decision { batch, reply: () }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{context, user};
    use super::*;
    use crate::batch::{RowWrite, Write};
    use crate::secret::Keys;
    use crate::security::token::JwtSigner;
    use crate::shop::Settings;

    fn written(batch: &Batch) -> User {
        let user = batch.writes.iter().find_map(|write| match write {
            Write::Row(RowWrite::User(Change::Update(user))) => Some(user),
            _ => None,
        });
        user.unwrap().clone()
    }

    #[test]
    fn every_earlier_session_ends_and_the_new_one_lives() {
        let signer = JwtSigner::new(&Keys::new(&[1; 32]));
        let issuer = Issuer::new(&signer, &Settings::default());
        let (before, _) = issuer.open(&user(1), &mut context()).unwrap();
        let decision = change(user(1), "new".into(), issuer, &mut context()).unwrap();
        let person = written(&decision.batch);
        assert_eq!((person.password_hash.as_str(), person.version), ("new", 2));
        assert!(!before.is_live(&person, context().now()));
        let opened = decision.batch.writes.iter().find_map(|write| match write {
            Write::Row(RowWrite::Session(Change::Insert(session))) => Some(session),
            _ => None,
        });
        assert!(opened.unwrap().is_live(&person, context().now()));
    }

    #[test]
    fn a_reset_proves_the_address() {
        let unproven = User { email_verified: false, ..user(1) };
        let person = written(&reset(unproven, "new".into(), &mut context()).batch);
        assert!(person.email_verified && person.session_epoch == 2 && person.password_hash == "new");
    }
}
