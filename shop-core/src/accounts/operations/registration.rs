//! Registration, and the codes that prove an address.

use chrono::TimeDelta;
use serde_json::json;

use crate::accounts::input::Registration;
use crate::accounts::model::{MailJob, OTP_LIFETIME_MINUTES, OTP_TRIES, Otp, User};
use crate::accounts::repository::AccountsWrite;
use crate::batch::{Batch, Change, Write};
use crate::clock::{Moment, Timestamp};
use crate::execute::Decision;
use crate::id::{OtpId, UserId};
use crate::outbox::{Delivery, EventKind, OutboxWrite};
use crate::validate::{Email, Username};

/// A person who has just been made.
pub(crate) fn new_user(email: Email, username: Option<Username>, password_hash: String, moment: &mut Moment) -> User {
    let (username, username_key) = username.map(|username| (username.name, username.key)).unzip();
    User {
        id: moment.id(),
        email: email.address,
        email_key: email.key,
        username,
        username_key,
        first_name: String::new(),
        last_name: String::new(),
        phone: String::new(),
        password_hash,
        email_verified: false,
        is_active: true,
        is_staff: false,
        is_superuser: false,
        session_epoch: 1,
        date_joined: moment.now(),
        last_login: None,
        version: 1,
    }
}

/// A new account with its first code; or, when the address has one, a notice to its owner. The answer is the same.
///
/// A notice goes out even while the address is unproven: who mailed a code again, or took over the new password,
/// would let one person open an account that another has set the password of.
pub(crate) fn register(
    form: Registration,
    password_hash: String,
    owner: Option<&User>,
    moment: &mut Moment,
) -> Decision<()> {
    let mut batch = Batch::new(moment);
    if let Some(owner) = owner {
        mail(&mut batch, moment, owner.id, MailJob::AlreadyRegistered { user_id: owner.id });
        return Decision { batch, reply: () };
    }
    let Registration { email, username, first_name, last_name, phone } = form;
    let user = User { first_name, last_name, phone, ..new_user(email, username, password_hash, moment) };
    let data = json!({
        "id": user.id,
        "email": user.email,
        "username": user.username,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "date_joined": user.date_joined,
    });
    let id = user.id;
    batch.write(AccountsWrite::User(Change::Insert(user)));
    put_otp(&mut batch, moment, id);
    batch.event(moment, EventKind::CustomerRegistered, id, data);
    Decision { batch, reply: () }
}

/// Gives a person a new code, which replaces the one before, and has it mailed.
pub(crate) fn put_otp(batch: &mut Batch, moment: &mut Moment, user_id: UserId) {
    let otp_id: OtpId = moment.id();
    batch.write(AccountsWrite::PutOtp(Otp {
        id: otp_id,
        user_id,
        tries_left: OTP_TRIES,
        expires_at: moment.now() + TimeDelta::minutes(OTP_LIFETIME_MINUTES),
        used_at: None,
    }));
    mail(batch, moment, user_id, MailJob::VerifyEmail { user_id, otp_id });
}

/// Leaves a mail to be written. Mails about one `thing` are sent in order.
pub(crate) fn mail(batch: &mut Batch, moment: &mut Moment, thing: UserId, job: MailJob) {
    let delivery = Delivery::mail(moment.id(), thing.0, job, moment.now());
    batch.write(OutboxWrite::Delivery(Change::Insert(delivery)));
}

/// Whether a person can still prove their address with this code.
pub(crate) fn is_open(otp: &Otp, user: &User, now: Timestamp) -> bool {
    otp.user_id == user.id
        && user.is_active
        && !user.email_verified
        && otp.used_at.is_none()
        && otp.tries_left > 0
        && now < otp.expires_at
}

/// Spends one try, before the code is compared; gives the code that was tried.
///
/// Where there is nothing to spend, something as durable and as empty is committed, so that the call takes as long
/// for an address that nobody has.
pub(crate) fn spend_try(person: Option<(&User, &Otp)>, moment: &mut Moment) -> Decision<Option<OtpId>> {
    let mut batch = Batch::new(moment);
    let open = person.filter(|(user, otp)| is_open(otp, user, moment.now()));
    match open {
        Some((user, otp)) => batch.write(AccountsWrite::SpendOtpTry { user_id: user.id, otp_id: otp.id }),
        None => {
            batch.write(Write::Forget { before: Timestamp::UNIX_EPOCH, given_up_before: Timestamp::UNIX_EPOCH });
        }
    }
    Decision { batch, reply: open.map(|(_, otp)| otp.id) }
}

/// Takes the address as proven by a code that was found right. `None` when another call was faster.
pub(crate) fn prove_address(user: User, otp: &Otp, tried: OtpId, moment: &mut Moment) -> Option<Decision<()>> {
    // The last try is spent already and still counts.
    let unused = otp.id == tried && otp.used_at.is_none() && user.is_active && !user.email_verified;
    if !unused || moment.now() >= otp.expires_at {
        return None;
    }
    let mut batch = Batch::new(moment);
    batch.write(AccountsWrite::UseOtp { user_id: user.id, otp_id: otp.id, at: moment.now() });
    batch.write(AccountsWrite::User(Change::Update(User { email_verified: true, version: user.version + 1, ..user })));
    Some(Decision { batch, reply: () })
}

#[cfg(test)]
mod tests {
    use super::super::samples::{later, moment, now, user};
    use super::*;
    use crate::outbox::Content;
    use crate::validate;

    fn form() -> Registration {
        let email = validate::email("Ada@Example.com".into()).unwrap();
        let name = String::from;
        Registration { email, username: None, first_name: name("Ada"), last_name: name(""), phone: name("") }
    }

    fn otp(user: &User) -> Otp {
        Otp {
            id: moment().id(),
            user_id: user.id,
            tries_left: OTP_TRIES,
            expires_at: now() + TimeDelta::minutes(OTP_LIFETIME_MINUTES),
            used_at: None,
        }
    }

    fn unproven() -> User {
        User { email_verified: false, ..user(1) }
    }

    #[test]
    fn a_new_address_gets_an_account_a_code_and_one_event() {
        let batch = register(form(), "hash".into(), None, &mut moment()).batch;
        let events = batch.writes.iter().filter(|write| matches!(write, Write::Outbox(OutboxWrite::Event(_)))).count();
        assert_eq!((batch.writes.len(), events), (4, 1));
        let made = batch.writes.iter().find_map(|write| match write {
            Write::Accounts(AccountsWrite::User(Change::Insert(user))) => Some(user),
            _ => None,
        });
        let made = made.unwrap();
        assert_eq!((made.email.as_str(), made.email_key.as_str()), ("Ada@Example.com", "ada@example.com"));
        assert!(!made.email_verified && made.is_active && !made.is_staff && !made.is_superuser);
        let printed = format!("{:?}", batch.writes);
        assert!(!printed.contains("\"hash\""), "an event or a mail holds no secret: {printed}");
    }

    #[test]
    fn a_taken_address_only_tells_its_owner() {
        let owner = user(1);
        let batch = register(form(), "hash".into(), Some(&owner), &mut moment()).batch;
        assert_eq!(batch.writes.len(), 1);
        let Write::Outbox(OutboxWrite::Delivery(Change::Insert(delivery))) = &batch.writes[0] else {
            panic!("{batch:?}")
        };
        assert_eq!(delivery.content, Content::Mail(MailJob::AlreadyRegistered { user_id: owner.id }));
    }

    #[test]
    fn a_try_is_spent_only_of_a_code_that_can_still_be_right() {
        let person = unproven();
        let code = otp(&person);
        let spent = |user: &User, otp: &Otp, seconds| spend_try(Some((user, otp)), &mut later(seconds)).reply;
        assert_eq!(spent(&person, &code, 599), Some(code.id));
        assert_eq!(spent(&person, &code, 600), None, "ten minutes");
        assert_eq!(spent(&person, &Otp { tries_left: 0, ..code.clone() }, 0), None);
        assert_eq!(spent(&person, &Otp { used_at: Some(now()), ..code.clone() }, 0), None);
        assert_eq!(spent(&user(1), &code, 0), None, "proven already");
        assert_eq!(spent(&User { is_active: false, ..unproven() }, &code, 0), None);
        assert_eq!(spent(&User { id: UserId(uuid::Uuid::nil()), ..unproven() }, &code, 0), None);
    }

    #[test]
    fn an_unknown_address_commits_as_well() {
        let decision = spend_try(None, &mut moment());
        assert!(!decision.batch.is_empty() && decision.reply.is_none());
    }

    #[test]
    fn the_last_try_counts_and_a_replaced_code_does_not() {
        let person = unproven();
        let code = Otp { tries_left: 0, ..otp(&person) };
        let decision = prove_address(person.clone(), &code, code.id, &mut moment()).unwrap();
        assert!(decision.batch.writes.iter().any(|write| matches!(write,
            Write::Accounts(AccountsWrite::User(Change::Update(user))) if user.email_verified && user.version == 2)));
        let other = later(1).id();
        assert!(prove_address(person.clone(), &code, other, &mut moment()).is_none());
        assert!(prove_address(person, &code, code.id, &mut later(600)).is_none());
    }
}
