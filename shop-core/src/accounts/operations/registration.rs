//! Registration, and the codes that verify an address.

use chrono::TimeDelta;
use serde_json::json;

use crate::accounts::input::Registration;
use crate::batch::{AccountsWrite, Batch, Change, Decision, Write};
use crate::clock::{DecisionContext, Timestamp};
use crate::id::{OtpId, UserId};
use crate::model::accounts::{
    DailyCount, DailyLimit, EarlierRegistration, MailJob, NO_PASSWORD, OTP_LIFETIME_MINUTES, OTP_TRIES, Otp,
    Registrations, User,
};
use crate::model::outbox::{Delivery, EventKind};
use crate::validate::{self, Email, Username};

/// Creates a user whose address is not verified.
pub(crate) fn new_user(
    email: Email,
    username: Option<Username>,
    password_hash: String,
    context: &mut DecisionContext,
) -> User {
    let (username, username_key) = username.map(|username| (username.name, username.key)).unzip();
    User {
        id: context.id(),
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
        date_joined: context.now(),
        last_login: None,
        version: 1,
    }
}

/// The maximum number of earlier registrations of an address with valid codes. A further registration gets no code
/// until one of them expires: if it replaced the oldest code, a stranger could void the owner's.
const MAX_EARLIER: usize = 4;

/// The existing account of an address that is registered again, with its code, and whether it may get another mail
/// today.
pub(crate) struct ExistingAccount {
    pub(crate) user: User,
    pub(crate) otp: Option<Otp>,
    pub(crate) may_be_mailed: bool,
}

/// Creates an account with its first code. If the address already has an account, only its owner learns what happens:
///
/// - The account of a verified address stays as it is, and its owner gets a mail about it.
/// - The account of an unverified address has no owner yet. It takes over the new registration, and a code is
///   mailed for it; earlier registrations keep their codes. Each code proves only the registration it was mailed for.
///   Therefore no code opens an account with another user's password, whichever registration came first.
pub(crate) fn register(
    form: Registration,
    password_hash: String,
    existing: Option<ExistingAccount>,
    context: &mut DecisionContext,
) -> Decision<()> {
    let mut batch = Batch::new(context);
    let Some(ExistingAccount { user, otp, may_be_mailed }) = existing else {
        new_account(form, password_hash, &mut batch, context);
        return Decision { batch, reply: () };
    };
    // An account that staff changed is in use.
    let is_open = !user.email_verified && user.is_active && !user.is_staff && !user.is_superuser;
    let earlier = earlier_registrations(&user, otp, context.now());
    if !is_open || !may_be_mailed || earlier.len() > MAX_EARLIER {
        // Beyond the limit, the worker does not send the mail. The job is written anyway, so that every call takes
        // equally long.
        mail(&mut batch, context, user.id, MailJob::AlreadyRegistered { user_id: user.id });
        return Decision { batch, reply: () };
    }
    let Registration { email, username, first_name, last_name, phone } = form;
    let (username, username_key) = username.map(|username| (username.name, username.key)).unzip();
    let next = User {
        email: email.address,
        username,
        username_key,
        first_name,
        last_name,
        phone,
        password_hash,
        date_joined: context.now(),
        version: user.version + 1,
        ..user
    };
    let id = next.id;
    batch.write(Change::Update(next));
    put_otp(&mut batch, context, id, Registrations { earlier, contested: true, address_only: false });
    Decision { batch, reply: () }
}

fn new_account(form: Registration, password_hash: String, batch: &mut Batch, context: &mut DecisionContext) {
    let Registration { email, username, first_name, last_name, phone } = form;
    let user = User { first_name, last_name, phone, ..new_user(email, username, password_hash, context) };
    let data = json!({
        "id": user.id,
        "email": user.email,
        "username": user.username,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "date_joined": user.date_joined,
    });
    let id = user.id;
    batch.write(Change::Insert(user));
    put_otp(batch, context, id, Registrations::default());
    batch.event(context, EventKind::CustomerRegistered, id, data);
}

/// The registrations whose codes stay valid when another one takes over the account: the current one and those before
/// it.
fn earlier_registrations(user: &User, otp: Option<Otp>, now: Timestamp) -> Vec<EarlierRegistration> {
    let Some(otp) = otp else { return Vec::new() };
    let (open, spent) = (otp.open_codes(now), OTP_TRIES - otp.tries_left);
    let mut earlier = otp.registrations.earlier;
    for registration in &mut earlier {
        // From now on, tries are counted by the next code.
        registration.tries_left -= spent;
    }
    if !otp.registrations.address_only {
        earlier.push(EarlierRegistration {
            otp_id: otp.id,
            tries_left: otp.tries_left,
            expires_at: otp.expires_at,
            email: user.email.clone(),
            username: user.username.clone(),
            first_name: user.first_name.clone(),
            last_name: user.last_name.clone(),
            phone: user.phone.clone(),
            password_hash: user.password_hash.clone(),
        });
    }
    earlier.retain(|registration| open.contains(&registration.otp_id));
    earlier
}

/// Issues another code for the account as it is, which replaces all earlier codes. If the address was registered more
/// than once, it is unknown whose password the account holds, so the code proves only the address.
pub(crate) fn resend_otp(batch: &mut Batch, context: &mut DecisionContext, user_id: UserId, before: Option<&Otp>) {
    let contested = before.is_some_and(|otp| otp.registrations.contested);
    put_otp(batch, context, user_id, Registrations { earlier: Vec::new(), contested, address_only: contested });
}

/// Issues a new code for a user, and queues its mail.
fn put_otp(batch: &mut Batch, context: &mut DecisionContext, user_id: UserId, registrations: Registrations) {
    let otp_id: OtpId = context.id();
    batch.write(AccountsWrite::PutOtp(Otp {
        id: otp_id,
        user_id,
        tries_left: OTP_TRIES,
        expires_at: context.now() + TimeDelta::minutes(OTP_LIFETIME_MINUTES),
        used_at: None,
        registrations,
    }));
    mail(batch, context, user_id, MailJob::VerifyEmail { user_id, otp_id });
}

/// Queues a mail. Mails about the same `subject` are sent in order.
pub(crate) fn mail(batch: &mut Batch, context: &mut DecisionContext, subject: UserId, job: MailJob) {
    let delivery = Delivery::mail(context.id(), subject.0, job, context.now());
    batch.write(Change::Insert(delivery));
}

/// The codes with which a user can still verify the address.
pub(crate) fn open_codes(otp: &Otp, user: &User, now: Timestamp) -> Vec<OtpId> {
    let unproven = otp.user_id == user.id && user.is_active && !user.email_verified;
    if unproven { otp.open_codes(now) } else { Vec::new() }
}

/// Spends one try before the codes are compared, and returns the codes to compare. A try counts against every valid
/// code of the address and against the daily limit; `counted` is the number of earlier tries.
///
/// If there is nothing to spend, it commits an equally durable batch without effect, so that the call takes equally
/// long for an unknown address.
pub(crate) fn spend_try(
    person: Option<(&User, &Otp)>,
    counted: Option<DailyCount>,
    limit: Option<u32>,
    context: &mut DecisionContext,
) -> Decision<Vec<OtpId>> {
    let mut batch = Batch::new(context);
    let now = context.now();
    let limit = limit.map_or(i64::MAX, i64::from);
    let allowed = DailyCount::next(counted, now, limit).is_some();
    let person = person.filter(|_| allowed).map(|(user, otp)| (user.id, otp.id, open_codes(otp, user, now)));
    let Some((user_id, otp_id, codes)) = person.filter(|(_, _, codes)| !codes.is_empty()) else {
        batch.write(Write::Forget { before: Timestamp::UNIX_EPOCH, given_up_before: Timestamp::UNIX_EPOCH });
        return Decision { batch, reply: Vec::new() };
    };
    batch.write(AccountsWrite::SpendOtpTry { user_id, otp_id });
    batch.write(AccountsWrite::CountDaily { user_id, what: DailyLimit::OtpTries, at: now, limit });
    Decision { batch, reply: codes }
}

/// Verifies the address by a code that matched. The account becomes what was registered when that code was mailed.
/// `is_taken` says whether another user now has a folded user name. `None` when a concurrent call was faster.
pub(crate) fn prove_address(
    user: User,
    otp: &Otp,
    tried: OtpId,
    is_taken: impl Fn(&str) -> bool,
    context: &mut DecisionContext,
) -> Option<Decision<String>> {
    let now = context.now();
    // The last try is already spent, but still counts.
    if otp.used_at.is_some() || !user.is_active || user.email_verified {
        return None;
    }
    let mut batch = Batch::new(context);
    let proven = if otp.id == tried {
        Some(user).filter(|_| now < otp.expires_at).map(|user| without_doubt(user, otp, &mut batch, context))
    } else {
        let earlier =
            otp.registrations.earlier.iter().find(|earlier| earlier.otp_id == tried && now < earlier.expires_at);
        earlier.map(|earlier| as_registered(user, earlier, is_taken))
    }?;
    batch.write(AccountsWrite::UseOtp { user_id: proven.id, otp_id: otp.id, at: now });
    // The other registrations are void now.
    let spent = Otp { used_at: Some(now), registrations: Registrations::default(), ..otp.clone() };
    batch.write(AccountsWrite::PutOtp(spent));
    let proven = User { email_verified: true, version: proven.version + 1, ..proven };
    let reply = proven.email.clone();
    batch.write(Change::Update(proven));
    Some(Decision { batch, reply })
}

/// The account as it is. If its password may be anyone's, it is removed, and the owner is mailed a link to set one.
fn without_doubt(user: User, otp: &Otp, batch: &mut Batch, context: &mut DecisionContext) -> User {
    if !otp.registrations.address_only {
        return user;
    }
    mail(batch, context, user.id, MailJob::PasswordResetRequested { email_key: user.email_key.clone() });
    User { password_hash: NO_PASSWORD.to_owned(), ..user }
}

/// The account as registered earlier, without the user name if another user has taken it since.
fn as_registered(user: User, earlier: &EarlierRegistration, is_taken: impl Fn(&str) -> bool) -> User {
    let earlier = earlier.clone();
    let username_key = earlier.username.as_deref().map(validate::username_key).filter(|key| !is_taken(key));
    User {
        email: earlier.email,
        username: earlier.username.filter(|_| username_key.is_some()),
        username_key,
        first_name: earlier.first_name,
        last_name: earlier.last_name,
        phone: earlier.phone,
        password_hash: earlier.password_hash,
        ..user
    }
}

/// Removes an account whose address was not verified in time. `None` when that no longer holds, or the account is in
/// use.
pub(crate) fn remove_unproven(
    user: &User,
    otp: Option<&Otp>,
    has_orders: bool,
    before: Timestamp,
    context: &mut DecisionContext,
) -> Option<Decision<()>> {
    let is_unused = !user.email_verified && !user.is_staff && !user.is_superuser && user.last_login.is_none();
    let is_waiting = otp.is_some_and(|otp| otp.used_at.is_none() && context.now() < otp.expires_at);
    if !is_unused || is_waiting || has_orders || user.date_joined >= before {
        return None;
    }
    let mut batch = Batch::new(context);
    batch.delete(user);
    batch.write(AccountsWrite::ForgetOtp { user_id: user.id });
    Some(Decision { batch, reply: () })
}

#[cfg(test)]
mod tests {
    use super::super::samples::{context, later, now, user};
    use super::*;
    use crate::batch::RowWrite;
    use crate::model::outbox::Content;
    use crate::validate;

    fn form() -> Registration {
        let email = validate::email("Ada@Example.com".into()).unwrap();
        let name = String::from;
        Registration { email, username: None, first_name: name("Ada"), last_name: name(""), phone: name("") }
    }

    fn otp(user: &User) -> Otp {
        Otp {
            id: context().id(),
            user_id: user.id,
            tries_left: OTP_TRIES,
            expires_at: now() + TimeDelta::minutes(OTP_LIFETIME_MINUTES),
            used_at: None,
            registrations: Registrations::default(),
        }
    }

    fn unproven() -> User {
        User { email_verified: false, ..user(1) }
    }

    /// The user and the code that a batch writes.
    fn written(batch: &Batch) -> (User, Otp) {
        let user = batch.writes.iter().find_map(|write| match write {
            Write::Row(RowWrite::User(Change::Insert(user) | Change::Update(user))) => Some(user.clone()),
            _ => None,
        });
        let otp = batch.writes.iter().find_map(|write| match write {
            Write::Accounts(AccountsWrite::PutOtp(otp)) => Some(otp.clone()),
            _ => None,
        });
        (user.unwrap(), otp.unwrap())
    }

    fn known(user: User, otp: Otp) -> ExistingAccount {
        ExistingAccount { user, otp: Some(otp), may_be_mailed: true }
    }

    #[test]
    fn a_new_address_gets_an_account_a_code_and_one_event() {
        let batch = register(form(), "hash".into(), None, &mut context()).batch;
        let events = batch
            .writes
            .iter()
            .filter(|write| matches!(write, Write::Outbox(crate::batch::OutboxWrite::Event(_))))
            .count();
        assert_eq!((batch.writes.len(), events), (4, 1));
        let (made, code) = written(&batch);
        assert_eq!((made.email.as_str(), made.email_key.as_str()), ("Ada@Example.com", "ada@example.com"));
        assert!(!made.email_verified && made.is_active && !made.is_staff && !made.is_superuser);
        assert_eq!(code.registrations, Registrations::default());
        let printed = format!("{:?}", batch.writes);
        assert!(!printed.contains("\"hash\""), "an event or a mail holds no secret: {printed}");
    }

    #[test]
    fn a_taken_address_only_tells_its_owner() {
        let staff = User { is_staff: true, ..unproven() };
        let inactive = User { is_active: false, ..unproven() };
        for owner in [user(1), staff, inactive] {
            let code = otp(&owner);
            let batch = register(form(), "hash".into(), Some(known(owner.clone(), code)), &mut context()).batch;
            assert_eq!(batch.writes.len(), 1);
            let Write::Row(RowWrite::Delivery(Change::Insert(delivery))) = &batch.writes[0] else {
                panic!("{batch:?}")
            };
            assert_eq!(delivery.content, Content::Mail(MailJob::AlreadyRegistered { user_id: owner.id }));
        }
    }

    #[test]
    fn an_unproven_address_is_taken_over_and_each_code_proves_its_own_registration() {
        let first = User { first_name: "Eve".into(), username: Some("Eve".into()), ..unproven() };
        let code = otp(&first);
        let decision = register(form(), "second".into(), Some(known(first.clone(), code.clone())), &mut later(60));
        let (second, next) = written(&decision.batch);
        assert_eq!((second.id, second.version, second.password_hash.as_str()), (first.id, 2, "second"));
        assert_eq!(next.open_codes(later(60).now()), [next.id, code.id]);
        assert!(next.registrations.contested && !next.registrations.address_only);

        let prove = |tried, taken: bool| {
            let decision = prove_address(second.clone(), &next, tried, |_| taken, &mut later(61));
            written(&decision.unwrap().batch)
        };
        let (proven, used) = prove(next.id, false);
        assert!(proven.email_verified && proven.first_name == "Ada" && proven.password_hash == "second");
        assert!(used.used_at.is_some() && used.registrations == Registrations::default());
        let (proven, used) = prove(code.id, false);
        assert!(proven.email_verified && proven.first_name == "Eve" && proven.password_hash == first.password_hash);
        assert_eq!((proven.username_key.as_deref(), proven.version), (Some("eve"), 3));
        assert!(used.used_at.is_some() && used.registrations == Registrations::default());
        assert_eq!(prove(code.id, true).0.username, None, "the name was taken in the meantime");
        // The earlier code still expires at its own time.
        assert_eq!(next.open_codes(later(600).now()), [next.id]);
        assert!(prove_address(second.clone(), &next, code.id, |_| false, &mut later(600)).is_none());
    }

    #[test]
    fn tries_count_for_every_open_code_and_few_are_open() {
        let person = unproven();
        let worn = Otp { tries_left: 2, ..otp(&person) };
        let (second, next) =
            written(&register(form(), "2".into(), Some(known(person, worn.clone())), &mut later(1)).batch);
        let tried = |tries_left| Otp { tries_left, ..next.clone() }.open_codes(later(1).now());
        assert_eq!(tried(OTP_TRIES - 1), [next.id, worn.id]);
        assert_eq!(tried(OTP_TRIES - 2), [next.id]);
        assert_eq!(tried(0), []);
        let worn_again = Otp { tries_left: OTP_TRIES - 1, ..next.clone() };
        let (mut user, mut code) =
            written(&register(form(), "3".into(), Some(known(second, worn_again)), &mut later(2)).batch);
        assert_eq!(code.registrations.earlier.iter().map(|one| one.tries_left).collect::<Vec<_>>(), [1, OTP_TRIES - 1]);
        for number in 3..5 {
            (user, code) = written(&register(form(), "n".into(), Some(known(user, code)), &mut later(number)).batch);
        }
        assert_eq!(code.registrations.earlier.len(), MAX_EARLIER);
        // A further registration voids no earlier code, and changes nothing.
        let more =
            |seconds| register(form(), "m".into(), Some(known(user.clone(), code.clone())), &mut later(seconds)).batch;
        assert!(matches!(&more(5).writes[..], [Write::Row(RowWrite::Delivery(_))]));
        let (_, next) = written(&more(600));
        assert!(next.registrations.earlier.len() <= MAX_EARLIER);
    }

    #[test]
    fn a_code_that_was_asked_for_proves_no_password_of_a_contested_address() {
        let person = unproven();
        let mut batch = Batch::new(&mut context());
        resend_otp(&mut batch, &mut later(1), person.id, Some(&otp(&person)));
        let again = |batch: &Batch| match &batch.writes[0] {
            Write::Accounts(AccountsWrite::PutOtp(otp)) => otp.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(again(&batch).registrations, Registrations::default());

        let (second, next) =
            written(&register(form(), "2".into(), Some(known(person, again(&batch))), &mut later(2)).batch);
        let mut batch = Batch::new(&mut context());
        resend_otp(&mut batch, &mut later(3), second.id, Some(&next));
        let asked = again(&batch);
        assert!(asked.registrations.address_only && asked.registrations.earlier.is_empty());
        let decision = prove_address(second.clone(), &asked, asked.id, |_| false, &mut later(4)).unwrap();
        let (proven, _) = written(&decision.batch);
        assert!(proven.email_verified && proven.password_hash == NO_PASSWORD);
        let is_link = |write: &Write| {
            matches!(write, Write::Row(RowWrite::Delivery(Change::Insert(delivery)))
            if matches!(delivery.content, Content::Mail(MailJob::PasswordResetRequested { .. })))
        };
        assert!(decision.batch.writes.iter().any(is_link));
        // A new registration gets a code of its own.
        let (third, code) = written(&register(form(), "3".into(), Some(known(second, asked)), &mut later(5)).batch);
        assert!(code.registrations.earlier.is_empty() && !code.registrations.address_only);
        let (proven, _) = written(&prove_address(third, &code, code.id, |_| false, &mut later(6)).unwrap().batch);
        assert_eq!(proven.password_hash, "3");
    }

    #[test]
    fn beyond_the_days_mails_an_address_is_not_registered_again() {
        let person = unproven();
        let known = ExistingAccount { otp: Some(otp(&person)), user: person, may_be_mailed: false };
        let batch = register(form(), "hash".into(), Some(known), &mut context()).batch;
        assert!(matches!(&batch.writes[..], [Write::Row(RowWrite::Delivery(_))]));
    }

    #[test]
    fn a_try_is_spent_only_of_a_code_that_can_still_be_right() {
        let person = unproven();
        let code = otp(&person);
        let spent =
            |user: &User, otp: &Otp, seconds| spend_try(Some((user, otp)), None, Some(20), &mut later(seconds)).reply;
        assert_eq!(spent(&person, &code, 599), [code.id]);
        assert_eq!(spent(&person, &code, 600), [], "ten minutes");
        assert_eq!(spent(&person, &Otp { tries_left: 0, ..code.clone() }, 0), []);
        assert_eq!(spent(&person, &Otp { used_at: Some(now()), ..code.clone() }, 0), []);
        assert_eq!(spent(&user(1), &code, 0), [], "proven already");
        assert_eq!(spent(&User { is_active: false, ..unproven() }, &code, 0), []);
        assert_eq!(spent(&User { id: UserId(uuid::Uuid::nil()), ..unproven() }, &code, 0), []);
    }

    #[test]
    fn a_day_has_so_many_tries_whichever_codes_they_are_of() {
        let person = unproven();
        let code = otp(&person);
        let day = DailyCount::day_of(now());
        let spent =
            |count, limit| spend_try(Some((&person, &code)), Some(DailyCount { day, count }), limit, &mut context());
        assert_eq!(spent(19, Some(20)).reply, [code.id]);
        assert!(spent(19, Some(20)).batch.writes.iter().any(|write| matches!(
            write,
            Write::Accounts(AccountsWrite::CountDaily { what: DailyLimit::OtpTries, limit: 20, .. })
        )));
        assert_eq!(spent(20, Some(20)).reply, []);
        assert!(!spent(20, Some(20)).batch.is_empty(), "it takes as long");
        assert_eq!(spent(20, None).reply, [code.id]);
        let yesterday = Some(DailyCount { day: day - 1, count: 20 });
        assert_eq!(spend_try(Some((&person, &code)), yesterday, Some(20), &mut context()).reply, [code.id]);
    }

    #[test]
    fn an_unknown_address_commits_as_well() {
        let decision = spend_try(None, None, Some(20), &mut context());
        assert!(!decision.batch.is_empty() && decision.reply.is_empty());
    }

    #[test]
    fn the_last_try_counts_and_a_replaced_code_does_not() {
        let person = unproven();
        let code = Otp { tries_left: 0, ..otp(&person) };
        let decision = prove_address(person.clone(), &code, code.id, |_| false, &mut context()).unwrap();
        let (proven, _) = written(&decision.batch);
        assert!(proven.email_verified && proven.version == 2);
        let other = later(1).id();
        assert!(prove_address(person.clone(), &code, other, |_| false, &mut context()).is_none());
        assert!(prove_address(person, &code, code.id, |_| false, &mut later(600)).is_none());
    }

    #[test]
    fn only_an_account_of_which_nothing_came_is_removed() {
        let person = unproven();
        let over = later(700).now();
        let removed = |user: &User, otp: &Otp, has_orders| {
            remove_unproven(user, Some(otp), has_orders, over, &mut later(700)).is_some()
        };
        let code = otp(&person);
        assert!(removed(&person, &code, false) && !removed(&person, &code, true));
        assert!(!removed(&user(1), &code, false), "proven");
        assert!(!removed(&User { is_staff: true, ..unproven() }, &code, false));
        assert!(!removed(&User { is_superuser: true, ..unproven() }, &code, false));
        assert!(!removed(&User { last_login: Some(now()), ..unproven() }, &code, false));
        assert!(!removed(&User { date_joined: over, ..unproven() }, &code, false));
        assert!(!removed(&person, &Otp { expires_at: later(701).now(), ..code }, false), "a code can still prove it");
    }
}
