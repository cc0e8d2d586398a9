//! Users, sessions and one-time passwords.

use chrono::TimeDelta;

use crate::batch::{AccountsWrite, Conflict, Precondition, Unique, Write};
use crate::id::UserId;
use crate::model::accounts::{
    DailyCount, DailyLimit, EarlierRegistration, Registrations, Rotation, Session, User, UserFilter,
};
use crate::page::PageRequest;
use crate::store::CommitError;
use crate::text;

use super::fixtures::{WILD, far_away, long_ago, wild};
use super::generic::{Ends, check_list, everything, life, same_set};
use super::lab::{CaseResult, Lab, accepted, refused, same};
use super::rows::{delete, insert, next, update};

pub(super) async fn people_live(mut lab: Lab) -> CaseResult {
    let first = User { date_joined: long_ago(), ..lab.user() };
    let second = next(&first, |user| {
        user.email = wild();
        user.email_key = text::caseless(WILD);
        user.username = Some(wild());
        user.username_key = Some(text::caseless(WILD));
        user.first_name = wild();
        user.last_name = "x".repeat(5_000);
        user.phone = wild();
        user.password_hash = wild();
        user.email_verified = false;
        user.is_active = false;
        user.is_staff = true;
        user.is_superuser = true;
        user.session_epoch = i64::MAX;
        user.date_joined = lab.now();
        user.last_login = Some(far_away());
    });
    let id = first.id;
    life(&mut lab, first, second, Ends::Deleted, async |store| store.user(id).await).await
}

pub(super) async fn people_are_found_by_their_keys(mut lab: Lab) -> CaseResult {
    let ada = User { username: Some("Ada".to_owned()), username_key: Some("ada".to_owned()), ..lab.user() };
    let other = lab.user();
    accepted(lab.commit([insert(&ada), insert(&other)]).await)?;
    let store = lab.store.clone();
    same(&store.user_by_email(&ada.email_key).await?, &Some(ada.clone()))?;
    same(&store.user_by_username("ada").await?, &Some(ada.clone()))?;
    // Keys are compared as they are; the caller has folded them.
    for absent in ["", "Ada", "ADA", "ad", "ada ", "a%", "_da"] {
        same(&store.user_by_username(absent).await?, &None)?;
    }
    same(&store.user_by_email(&ada.email).await?, &None)?;

    let renamed = next(&ada, |user| {
        user.email_key = "new@example.com".into();
        user.username_key = None;
    });
    accepted(lab.commit([update(&renamed)]).await)?;
    same(&store.user_by_email(&ada.email_key).await?, &None)?;
    same(&store.user_by_username("ada").await?, &None)?;
    same(&store.user_by_email("new@example.com").await?, &Some(renamed))
}

pub(super) async fn people_have_keys_of_their_own(mut lab: Lab) -> CaseResult {
    let named = |user: User, name: &str| User { username_key: Some(name.to_owned()), ..user };
    let ada = named(lab.user(), "ada");
    let (nameless, other) = (lab.user(), lab.user());
    accepted(lab.commit([insert(&ada), insert(&nameless), insert(&other)]).await)?;

    let email = User { email_key: ada.email_key.clone(), ..lab.user() };
    let username = named(lab.user(), "ada");
    let both = User { email_key: ada.email_key.clone(), ..username.clone() };
    refused(lab.commit([insert(&email)]).await, Conflict::Exists(Unique::UserEmail))?;
    refused(lab.commit([insert(&username)]).await, Conflict::Exists(Unique::UserUsername))?;
    refused(lab.commit([insert(&both)]).await, Conflict::Exists(Unique::UserEmail))?;
    let taken = next(&other, |user| user.email_key.clone_from(&ada.email_key));
    refused(lab.commit([update(&taken)]).await, Conflict::Exists(Unique::UserEmail))?;
    let taken = next(&other, |user| user.username_key = Some("ada".to_owned()));
    refused(lab.commit([update(&taken)]).await, Conflict::Exists(Unique::UserUsername))?;
    same(&lab.store.user(other.id).await?, &Some(other.clone()))?;

    // A key is free once its holder releases it, even within the same batch.
    let freed = next(&ada, |user| user.username_key = None);
    let claimed = next(&other, |user| user.username_key = Some("ada".to_owned()));
    accepted(lab.commit([update(&freed), update(&claimed)]).await)
}

pub(super) async fn people_are_filtered(mut lab: Lab) -> CaseResult {
    let ada = User {
        email: "Ada.L@example.com".to_owned(),
        username: Some("100%_ada".to_owned()),
        first_name: "Ada".to_owned(),
        last_name: "Lovelace".to_owned(),
        ..lab.user()
    };
    let zoe = User { email: "z@shop.test".to_owned(), first_name: "ZOË".to_owned(), is_staff: true, ..lab.user() };
    let bob = User {
        email: "bob@shop.test".to_owned(),
        username: Some("bob\\".to_owned()),
        is_active: false,
        is_staff: true,
        ..lab.user()
    };
    accepted(lab.commit([insert(&ada), insert(&zoe), insert(&bob)]).await)?;
    let search = |query: &str| UserFilter { search: Some(text::fold(query)), ..UserFilter::default() };
    let staff = |active| UserFilter { is_active: active, is_staff: Some(true), ..UserFilter::default() };
    let cases: Vec<(UserFilter, Vec<&User>)> = vec![
        (UserFilter::default(), vec![&ada, &zoe, &bob]),
        (search("ADA"), vec![&ada]),
        (search("a love"), vec![&ada]),
        (search("zoe"), vec![&zoe]),
        (search("SHOP.TEST"), vec![&zoe, &bob]),
        (search("0%_a"), vec![&ada]),
        (search("%"), vec![&ada]),
        (search("_"), vec![&ada]),
        (search("\\"), vec![&bob]),
        (search("a%a"), vec![]),
        (search("nobody"), vec![]),
        (search("comada"), vec![]),
        (staff(None), vec![&zoe, &bob]),
        (staff(Some(true)), vec![&zoe]),
        (UserFilter { is_active: Some(false), ..search("shop") }, vec![&bob]),
        (UserFilter { is_staff: Some(false), ..UserFilter::default() }, vec![&ada]),
    ];
    for (filter, wanted) in cases {
        same_set(lab.store.list_users(&filter, &everything()), &wanted, &filter).await?;
    }
    let married = next(&ada, |user| user.last_name = "King".into());
    accepted(lab.commit([update(&married)]).await)?;
    let filter = search("lovelace");
    same_set(lab.store.list_users(&filter, &everything()), &[], &filter).await?;
    let filter = search("king");
    same_set(lab.store.list_users(&filter, &everything()), &[&married], &filter).await
}

pub(super) async fn people_are_paged(mut lab: Lab) -> CaseResult {
    let mut people = Vec::new();
    for key in ["b", "a", "é", "B", "aa", "z\u{10ffff}", "z"] {
        // Two users join at each time.
        if people.len() % 2 == 0 {
            lab.tick();
        }
        people.push(User { email_key: key.to_owned(), ..lab.user() });
    }
    people.push(User { date_joined: long_ago(), ..lab.user() });
    accepted(lab.commit(people.iter().rev().map(insert)).await)?;
    let filter = UserFilter::default();
    check_list(&people, async |request| lab.store.list_users(&filter, request).await).await
}

pub(super) async fn sessions_live(mut lab: Lab) -> CaseResult {
    let user = lab.user();
    accepted(lab.commit([insert(&user)]).await)?;
    let first = lab.session(&user);
    let (now, soon) = (lab.now(), lab.after(1));
    let second = next(&first, |session| {
        session.refresh_hash = [255; 32];
        session.rotations = vec![Rotation { hash: [0; 32], at: now }, Rotation { hash: [255; 32], at: soon }];
        session.epoch = i64::MIN;
        session.created_at = long_ago();
        session.expires_at = far_away();
        session.revoked_at = Some(long_ago());
    });
    let id = first.id;
    life(&mut lab, first, second, Ends::Deleted, async |store| Ok(store.session(id).await?.map(|(row, _)| row))).await
}

pub(super) async fn a_session_comes_with_its_person(mut lab: Lab) -> CaseResult {
    let (user, other) = (lab.user(), lab.user());
    let (session, others) = (lab.session(&user), lab.session(&other));
    accepted(lab.commit([insert(&user), insert(&other), insert(&session), insert(&others)]).await)?;
    let changed = next(&user, |user| user.is_staff = true);
    accepted(lab.commit([update(&changed)]).await)?;
    same(&lab.store.session(session.id).await?, &Some((session, changed)))?;
    same(&lab.store.session(others.id).await?, &Some((others, other)))
}

pub(super) async fn a_live_session_can_be_required(mut lab: Lab) -> CaseResult {
    let (user, other) = (lab.user(), lab.user());
    let (session, ended, stranger) = (lab.session(&user), lab.session(&user), lab.session(&user));
    let ended = Session { revoked_at: Some(lab.now()), ..ended };
    accepted(lab.commit([insert(&user), insert(&other), insert(&session), insert(&ended)]).await)?;
    accepted(live(&mut lab, &session, &user).await)?;
    refused(live(&mut lab, &ended, &user).await, Conflict::Revoked(ended.id))?;
    refused(live(&mut lab, &stranger, &user).await, Conflict::Revoked(stranger.id))?;
    refused(live(&mut lab, &session, &other).await, Conflict::Revoked(session.id))?;

    // Each of the ways in which it ends.
    let inactive = next(&user, |user| user.is_active = false);
    let active = next(&inactive, |user| user.is_active = true);
    let later = next(&active, |user| user.session_epoch += 1);
    accepted(lab.commit([update(&inactive)]).await)?;
    refused(live(&mut lab, &session, &user).await, Conflict::Revoked(session.id))?;
    accepted(lab.commit([update(&active)]).await)?;
    accepted(live(&mut lab, &session, &user).await)?;
    accepted(lab.commit([update(&later)]).await)?;
    refused(live(&mut lab, &session, &user).await, Conflict::Revoked(session.id))?;
    let renewed = next(&session, |session| session.epoch += 1);
    accepted(lab.commit([update(&renewed)]).await)?;
    accepted(live(&mut lab, &renewed, &user).await)?;
    let revoked = next(&renewed, |session| session.revoked_at = Some(session.created_at));
    accepted(lab.commit([update(&revoked)]).await)?;
    refused(live(&mut lab, &revoked, &user).await, Conflict::Revoked(revoked.id))
}

pub(super) async fn an_active_person_can_be_required(mut lab: Lab) -> CaseResult {
    let (user, stranger) = (lab.user(), lab.user());
    let refusal = Conflict::Inactive(user.id);
    refused(active(&mut lab, &user).await, refusal)?;
    accepted(lab.commit([insert(&user)]).await)?;
    accepted(active(&mut lab, &user).await)?;
    refused(active(&mut lab, &stranger).await, Conflict::Inactive(stranger.id))?;
    // Checked before the writes: users may deactivate themselves.
    let inactive = next(&user, |user| user.is_active = false);
    accepted(lab.commit_if([Precondition::ActiveUser(user.id)], [update(&inactive)]).await)?;
    refused(active(&mut lab, &user).await, refusal)?;
    let active_again = next(&inactive, |user| user.is_active = true);
    refused(lab.commit_if([Precondition::ActiveUser(user.id)], [update(&active_again)]).await, refusal)?;
    same(&lab.store.user(user.id).await?, &Some(inactive))?;
    accepted(lab.commit([update(&active_again)]).await)?;
    accepted(active(&mut lab, &user).await)
}

/// Requires that the user is active, together with a write that cannot fail.
async fn active(lab: &mut Lab, user: &User) -> Result<(), CommitError> {
    let harmless: Write = lab.idempotency_record().into();
    lab.commit_if([Precondition::ActiveUser(user.id)], [harmless]).await
}

/// Requires that the session is alive, together with a write that cannot fail.
async fn live(lab: &mut Lab, session: &Session, user: &User) -> Result<(), CommitError> {
    let harmless: Write = lab.idempotency_record().into();
    lab.commit_if([Precondition::LiveSession(session.id, user.id)], [harmless]).await
}

fn registrations(lab: &mut Lab) -> Registrations {
    let earlier = EarlierRegistration {
        otp_id: lab.id(),
        tries_left: -1,
        expires_at: lab.now(),
        email: wild(),
        username: Some(wild()),
        first_name: wild(),
        last_name: wild(),
        phone: wild(),
        password_hash: wild(),
    };
    let other = EarlierRegistration { username: None, expires_at: lab.after(1), ..earlier.clone() };
    Registrations { earlier: vec![earlier, other], contested: true, address_only: true }
}

pub(super) async fn unproven_people_are_found_by_when_they_joined(mut lab: Lab) -> CaseResult {
    let mut joins = |email_verified| {
        lab.tick();
        User { email_verified, ..lab.user() }
    };
    let (one, two, three, proven, four, late) =
        (joins(false), joins(false), joins(false), joins(true), joins(false), joins(false));
    accepted(lab.commit([&one, &two, &three, &proven, &four, &late].map(insert)).await)?;
    let (before, nobody) = (late.date_joined, UserId(uuid::Uuid::nil()));
    let store = lab.store.clone();
    let found = async |after, limit| store.unproven_users(before, after, limit).await;
    same(&found(nobody, 10).await?, &vec![one.clone(), two.clone(), three.clone(), four.clone()])?;
    same(&found(nobody, 2).await?, &vec![one.clone(), two.clone()])?;
    same(&found(two.id, 2).await?, &vec![three.clone(), four.clone()])?;
    same(&found(four.id, 2).await?, &Vec::new())?;
    let confirmed = next(&one, |user| user.email_verified = true);
    accepted(lab.commit([update(&confirmed), delete(&two)]).await)?;
    same(&found(nobody, 10).await?, &vec![three, four])?;
    // Its keys are free, and lists no longer count it.
    same(&store.user_by_email(&two.email_key).await?, &None)?;
    let again = User { email_key: two.email_key.clone(), ..lab.user() };
    accepted(lab.commit([insert(&again)]).await)?;
    let listed = store.list_users(&UserFilter::default(), &PageRequest::default()).await?;
    same(&listed.total, &Some(6))
}

pub(super) async fn days_have_counts(mut lab: Lab) -> CaseResult {
    let (user, other) = (lab.user(), lab.user());
    accepted(lab.commit([insert(&user), insert(&other)]).await)?;
    let store = lab.store.clone();
    let (user_id, today) = (user.id, lab.now());
    let (day, tomorrow, yesterday) =
        (DailyCount::day_of(today), today + TimeDelta::days(1), today - TimeDelta::days(1));
    let count = |what, at, limit| [AccountsWrite::CountDaily { user_id, what, at, limit }.into()];
    let counted = async |what| store.daily_count(user_id, what).await;
    let (mails, tries) = (DailyLimit::Mails, DailyLimit::OtpTries);

    same(&counted(mails).await?, &None)?;
    refused(lab.commit(count(mails, today, 0)).await, Conflict::DailyLimit(mails))?;
    same(&counted(mails).await?, &None)?;
    for number in 1..=3 {
        accepted(lab.commit(count(mails, today, 3)).await)?;
        same(&counted(mails).await?, &Some(DailyCount { day, count: number }))?;
    }
    refused(lab.commit(count(mails, today, 3)).await, Conflict::DailyLimit(mails))?;
    // A clock that is behind counts for the latest known day.
    refused(lab.commit(count(mails, yesterday, 3)).await, Conflict::DailyLimit(mails))?;
    accepted(lab.commit(count(mails, yesterday, 4)).await)?;
    same(&counted(mails).await?, &Some(DailyCount { day, count: 4 }))?;
    same(&counted(tries).await?, &None)?;
    same(&store.daily_count(other.id, mails).await?, &None)?;
    accepted(lab.commit(count(tries, today, i64::MAX)).await)?;
    accepted(lab.commit(count(mails, tomorrow, 1)).await)?;
    same(&counted(mails).await?, &Some(DailyCount { day: day + 1, count: 1 }))?;
    same(&counted(tries).await?, &Some(DailyCount { day, count: 1 }))?;

    // Past days are deleted.
    let forget = Write::Forget { before: tomorrow, given_up_before: long_ago() };
    accepted(lab.commit([forget]).await)?;
    same(&counted(tries).await?, &None)?;
    same(&counted(mails).await?, &Some(DailyCount { day: day + 1, count: 1 }))?;

    let otp = lab.otp(&user);
    accepted(lab.commit([AccountsWrite::PutOtp(otp).into()]).await)?;
    let forget = || [Write::from(AccountsWrite::ForgetOtp { user_id })];
    accepted(lab.commit(forget()).await)?;
    same(&(counted(mails).await?, store.otp(user_id).await?.map(drop)), &(None, None))?;
    accepted(lab.commit(forget()).await)
}

pub(super) async fn codes_are_spent(mut lab: Lab) -> CaseResult {
    let (user, other) = (lab.user(), lab.user());
    accepted(lab.commit([insert(&user), insert(&other)]).await)?;
    let store = lab.store.clone();
    let (user_id, at) = (user.id, lab.now());
    let spend = |otp_id| [AccountsWrite::SpendOtpTry { user_id, otp_id }.into()];
    let use_up = |otp_id| [AccountsWrite::UseOtp { user_id, otp_id, at }.into()];

    let mut otp = lab.otp(&user);
    otp.expires_at = far_away();
    otp.registrations = registrations(&mut lab);
    same(&store.otp(user_id).await?, &None)?;
    refused(lab.commit(spend(otp.id)).await, Conflict::Spent(otp.id))?;
    refused(lab.commit(use_up(otp.id)).await, Conflict::Spent(otp.id))?;

    accepted(lab.commit([AccountsWrite::PutOtp(otp.clone()).into()]).await)?;
    same(&store.otp(user_id).await?, &Some(otp.clone()))?;
    same(&store.otp(other.id).await?, &None)?;
    let elsewhere = AccountsWrite::SpendOtpTry { user_id: other.id, otp_id: otp.id };
    refused(lab.commit([elsewhere.into()]).await, Conflict::Spent(otp.id))?;
    for _ in 0..5 {
        accepted(lab.commit(spend(otp.id)).await)?;
        otp.tries_left -= 1;
        same(&store.otp(user_id).await?, &Some(otp.clone()))?;
    }
    refused(lab.commit(spend(otp.id)).await, Conflict::Spent(otp.id))?;
    // The last try was correct.
    accepted(lab.commit(use_up(otp.id)).await)?;
    otp.used_at = Some(at);
    same(&store.otp(user_id).await?, &Some(otp.clone()))?;
    refused(lab.commit(use_up(otp.id)).await, Conflict::Spent(otp.id))?;

    // A new code invalidates the old one, and has all its tries.
    let newer = lab.otp(&user);
    accepted(lab.commit([AccountsWrite::PutOtp(newer.clone()).into()]).await)?;
    same(&store.otp(user_id).await?, &Some(newer.clone()))?;
    refused(lab.commit(spend(otp.id)).await, Conflict::Spent(otp.id))?;
    refused(lab.commit(use_up(otp.id)).await, Conflict::Spent(otp.id))?;
    same(&store.otp(user_id).await?, &Some(newer.clone()))?;
    accepted(lab.commit(use_up(newer.id)).await)?;
    refused(lab.commit(spend(newer.id)).await, Conflict::Spent(newer.id))
}
