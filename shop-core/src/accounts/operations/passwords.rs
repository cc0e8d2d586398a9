//! New passwords for existing users.

use super::registration::mail;
use super::sessions::Issuer;
use crate::accounts::view::TokenPair;
use crate::batch::{AccountsWrite, Batch, Change, Decision};
use crate::clock::Moment;
use crate::error::Result;
use crate::model::accounts::{MailJob, User};

/// Sets a new password. Every session ends, and the user is notified.
fn with_password(user: User, password_hash: String, batch: &mut Batch, moment: &mut Moment) -> User {
    let user = User { password_hash, session_epoch: user.session_epoch + 1, version: user.version + 1, ..user };
    mail(batch, moment, user.id, MailJob::PasswordChanged { user_id: user.id });
    user
}

/// Changes the password of a signed-in user, and opens a new session in place of all others.
pub(crate) fn change(
    user: User,
    password_hash: String,
    issuer: Issuer<'_>,
    moment: &mut Moment,
) -> Result<Decision<TokenPair>> {
    let mut batch = Batch::new(moment);
    let user = with_password(user, password_hash, &mut batch, moment);
    let (session, tokens) = issuer.open(&user, moment)?;
    batch.write(Change::Update(user));
    batch.write(Change::Insert(session));
    Ok(Decision { batch, reply: tokens })
}

/// Resets a password through a mailed link, which verifies the address, too.
pub(crate) fn reset(user: User, password_hash: String, moment: &mut Moment) -> Decision<()> {
    let mut batch = Batch::new(moment);
    if !user.email_verified {
        // Pending codes, and other registrations of this address, are now void.
        batch.write(AccountsWrite::ForgetOtp { user_id: user.id });
    }
    let user = with_password(user, password_hash, &mut batch, moment);
    batch.write(Change::Update(User { email_verified: true, ..user }));
    Decision { batch, reply: () }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{moment, user};
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
        let (before, _) = issuer.open(&user(1), &mut moment()).unwrap();
        let decision = change(user(1), "new".into(), issuer, &mut moment()).unwrap();
        let person = written(&decision.batch);
        assert_eq!((person.password_hash.as_str(), person.version), ("new", 2));
        assert!(!before.is_live(&person, moment().now()));
        let opened = decision.batch.writes.iter().find_map(|write| match write {
            Write::Row(RowWrite::Session(Change::Insert(session))) => Some(session),
            _ => None,
        });
        assert!(opened.unwrap().is_live(&person, moment().now()));
    }

    #[test]
    fn a_reset_proves_the_address() {
        let unproven = User { email_verified: false, ..user(1) };
        let person = written(&reset(unproven, "new".into(), &mut moment()).batch);
        assert!(person.email_verified && person.session_epoch == 2 && person.password_hash == "new");
    }
}
