//! The account calls of a shop in memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;

use crate::accounts::{
    ChangePasswordInput, EmailInput, ProfileInput, RegisterInput, SignInInput, SuperuserInput, UserFlagsInput,
    VerifyOtpInput,
};
use crate::actor::Actor;
use crate::batch::{Batch, Change, Decision};
use crate::error::{Error, Result};
use crate::field::Field;
use crate::model::accounts::User;
use crate::secret::Secret;
use crate::shop::{Settings, Shop};
use crate::store::{AccountsRepository as _, OutboxRepository as _};
use crate::testing::{PASSWORD, World, block_on, world};

const ADA: &str = "ada@example.com";

fn register(world: &World, email: &str) {
    let input =
        RegisterInput { email: email.into(), password: Secret::from(PASSWORD).into(), ..RegisterInput::default() };
    block_on(world.shop.accounts().register(input)).unwrap();
}

fn sign_in(world: &World, name: &str, password: &str) -> Result<crate::accounts::SignIn> {
    let input =
        SignInInput { username: name.into(), password: Secret::from(password).into(), ..SignInInput::default() };
    block_on(world.shop.accounts().login(&Actor::anonymous(), input))
}

fn verify(world: &World, email: &str, code: &str) -> Result<()> {
    block_on(world.shop.accounts().verify_otp(VerifyOtpInput { email: email.into(), otp: Secret::from(code).into() }))
}

/// The code in the last mail to an address.
fn code(world: &World, email: &str) -> String {
    world.deliver();
    let text = world.mailer.last_to(email).unwrap().text;
    text.lines().map(str::trim).find(|line| line.len() == 6 && line.parse::<u32>().is_ok()).unwrap().to_owned()
}

/// The two parts of the link in the last mail to an address.
fn link(world: &World, email: &str) -> (String, String) {
    world.deliver();
    let text = world.mailer.last_to(email).unwrap().text;
    let link = text.split("/reset-password/").nth(1).unwrap().lines().next().unwrap();
    let (uidb64, token) = link.split_once('/').unwrap();
    (uidb64.to_owned(), token.to_owned())
}

fn ask_reset(world: &World, email: &str) {
    block_on(world.shop.accounts().request_password_reset(EmailInput { email: email.into() })).unwrap();
}

fn reset(world: &World, (uidb64, token): &(String, String), password: &str) -> Result<()> {
    block_on(world.shop.accounts().reset_password(uidb64, token, Secret::from(password).into()))
}

fn user(world: &World, email: &str) -> User {
    block_on(world.shop.store().user_by_email(email)).unwrap().unwrap()
}

/// Overwrites a user directly, bypassing the calls.
fn overwrite(world: &World, change: impl Fn(User) -> User) {
    let change = &change;
    block_on(world.shop.execute(&Actor::system(), |mut context| async move {
        let user = world.store.user_by_email(ADA).await?.unwrap();
        let next = User { version: user.version + 1, ..change(user) };
        let mut batch = Batch::new(&mut context);
        batch.write(Change::Update(next));
        Ok(Decision { batch, reply: () })
    }))
    .unwrap();
}

#[test]
fn from_registration_to_a_session_that_identifies() {
    let world = world();
    register(&world, "Ada@Example.com");
    assert!(matches!(sign_in(&world, ADA, PASSWORD), Err(Error::EmailNotVerified)));
    assert!(matches!(sign_in(&world, ADA, "wrong"), Err(Error::InvalidCredentials)));
    verify(&world, "ADA@example.com", &code(&world, "Ada@Example.com")).unwrap();
    let session = sign_in(&world, ADA, PASSWORD).unwrap();
    assert_eq!(session.user.last_login, Some(world.shop.context().now()));
    let actor = block_on(world.shop.accounts().authenticate(session.tokens.access.expose())).unwrap();
    assert_eq!(actor.signed_in().unwrap().user_id, session.user.id);
    world.clock.advance(TimeDelta::seconds(300));
    let over = block_on(world.shop.accounts().authenticate(session.tokens.access.expose()));
    assert!(matches!(over, Err(Error::TokenNotValid)));
}

#[test]
fn a_known_and_an_unknown_address_cost_the_same_hashes() {
    let world = world();
    world.customer("ada");
    let cost = |call: &dyn Fn()| {
        let before = (*world.hasher.hashed.lock().unwrap(), *world.hasher.verified.lock().unwrap());
        call();
        (*world.hasher.hashed.lock().unwrap() - before.0, *world.hasher.verified.lock().unwrap() - before.1)
    };
    assert_eq!(cost(&|| register(&world, ADA)), (1, 0));
    assert_eq!(cost(&|| register(&world, "bob@example.com")), (1, 0));
    assert_eq!(cost(&|| drop(sign_in(&world, "ada@example.com", "wrong"))), (0, 1));
    assert_eq!(cost(&|| drop(sign_in(&world, "nobody@example.com", "wrong"))), (0, 1));
    overwrite(&world, |user| User { is_active: false, ..user });
    assert_eq!(cost(&|| drop(sign_in(&world, ADA, PASSWORD))), (0, 1));
}

#[test]
fn a_code_ends_with_time_tries_and_its_replacement() {
    let world = world();
    register(&world, ADA);
    let first = code(&world, ADA);
    world.clock.advance(TimeDelta::minutes(10));
    assert!(matches!(verify(&world, ADA, &first), Err(Error::InvalidOtp)));
    let resend = || block_on(world.shop.accounts().resend_otp(EmailInput { email: ADA.into() })).unwrap();
    resend();
    let second = code(&world, ADA);
    let wrong = if second == "111111" { "222222" } else { "111111" };
    for _ in 0..4 {
        assert!(matches!(verify(&world, ADA, wrong), Err(Error::InvalidOtp)));
    }
    // The fifth try may still succeed.
    verify(&world, ADA, &second).unwrap();
    assert!(user(&world, ADA).email_verified);
    world.mailer.clear();
    resend();
    world.deliver();
    assert!(world.mailer.sent().is_empty(), "a proven address gets no more codes");
    assert!(matches!(verify(&world, ADA, &second), Err(Error::InvalidOtp)));
}

fn register_as(world: &World, password: &str, username: &str) {
    let input = RegisterInput {
        email: ADA.into(),
        password: Secret::from(password).into(),
        username: username.into(),
        ..RegisterInput::default()
    };
    block_on(world.shop.accounts().register(input)).unwrap();
}

const HERS: &str = "another fine purple elephant";
const THEIRS: &str = "yet another green giraffe";

/// Whether a stranger registers an address before or after its owner: the owner's code opens the owner's account.
#[test]
fn a_code_proves_its_own_registration_whoever_came_first() {
    for first_is_owner in [true, false] {
        let world = world();
        let (first, second) = if first_is_owner { (HERS, THEIRS) } else { (THEIRS, HERS) };
        register_as(&world, first, "ada");
        let first_code = code(&world, ADA);
        register_as(&world, second, "ada");
        let second_code = code(&world, ADA);
        assert!(matches!(sign_in(&world, ADA, HERS), Err(Error::EmailNotVerified | Error::InvalidCredentials)));
        // The owner enters the code of their own registration.
        verify(&world, ADA, if first_is_owner { &first_code } else { &second_code }).unwrap();
        assert!(sign_in(&world, "ada", HERS).is_ok());
        assert!(matches!(sign_in(&world, ADA, THEIRS), Err(Error::InvalidCredentials)));
        let other = if first_is_owner { &second_code } else { &first_code };
        assert!(matches!(verify(&world, ADA, other), Err(Error::InvalidOtp)));
        let text = world.mailer.last_to(ADA).unwrap().text;
        assert!(text.contains("registered more than once"), "{text}");
    }
}

#[test]
fn a_code_that_anybody_can_ask_for_opens_no_account_with_anybodys_password() {
    for first_is_owner in [true, false] {
        let world = world();
        let (first, second) = if first_is_owner { (HERS, THEIRS) } else { (THEIRS, HERS) };
        register_as(&world, first, "");
        register_as(&world, second, "");
        world.clock.advance(TimeDelta::minutes(11));
        block_on(world.shop.accounts().resend_otp(EmailInput { email: ADA.into() })).unwrap();
        verify(&world, ADA, &code(&world, ADA)).unwrap();
        for password in [HERS, THEIRS] {
            assert!(matches!(sign_in(&world, ADA, password), Err(Error::InvalidCredentials)));
        }
        let link = link(&world, ADA);
        reset(&world, &link, PASSWORD).unwrap();
        sign_in(&world, ADA, PASSWORD).unwrap();
    }
}

#[test]
fn a_name_that_somebody_else_took_meanwhile_is_left_out() {
    let world = world();
    register_as(&world, HERS, "ada");
    let hers = code(&world, ADA);
    register_as(&world, THEIRS, "eve");
    let bob = RegisterInput {
        email: "bob@example.com".into(),
        password: Secret::from(PASSWORD).into(),
        username: "ada".into(),
        ..RegisterInput::default()
    };
    block_on(world.shop.accounts().register(bob)).unwrap();
    verify(&world, ADA, &hers).unwrap();
    assert_eq!(user(&world, ADA).username, None);
    sign_in(&world, ADA, HERS).unwrap();
}

#[test]
fn a_reset_leaves_nothing_of_what_others_registered() {
    let world = world();
    register_as(&world, HERS, "");
    register_as(&world, THEIRS, "");
    world.deliver();
    ask_reset(&world, ADA);
    reset(&world, &link(&world, ADA), PASSWORD).unwrap();
    assert!(block_on(world.store.otp(user(&world, ADA).id)).unwrap().is_none());
    sign_in(&world, ADA, PASSWORD).unwrap();
}

#[test]
fn tries_of_a_day_are_limited_however_many_codes_are_asked_for() {
    let world = world();
    register(&world, ADA);
    let mut tries = 0;
    for _ in 0..10 {
        let right = code(&world, ADA);
        let wrong = if right == "111111" { "222222" } else { "111111" };
        for _ in 0..4 {
            assert!(matches!(verify(&world, ADA, wrong), Err(Error::InvalidOtp)));
            tries += 1;
        }
        let last = verify(&world, ADA, &right);
        if tries > 20 {
            assert!(matches!(last, Err(Error::InvalidOtp)));
            break;
        }
        // The try succeeded; undo the verification to go on trying.
        assert!(last.is_ok());
        overwrite(&world, |user| User { email_verified: false, ..user });
        tries += 1;
        block_on(world.shop.accounts().resend_otp(EmailInput { email: ADA.into() })).unwrap();
    }
    assert!(tries > 20);
    world.clock.advance(TimeDelta::days(1));
    block_on(world.shop.accounts().resend_otp(EmailInput { email: ADA.into() })).unwrap();
    verify(&world, ADA, &code(&world, ADA)).unwrap();
}

#[test]
fn mails_of_a_day_are_limited_but_for_those_that_warn() {
    let world = world();
    world.customer("ada");
    for _ in 0..30 {
        ask_reset(&world, "ADA@example.com");
        register(&world, "ada@EXAMPLE.com");
    }
    ask_reset(&world, "bob@example.com");
    world.deliver();
    assert_eq!(world.mailer.sent().len(), 20);
    let session = sign_in(&world, ADA, PASSWORD).unwrap();
    let actor = block_on(world.shop.accounts().authenticate(session.tokens.access.expose())).unwrap();
    let input =
        ChangePasswordInput { old_password: Secret::from(PASSWORD).into(), new_password: Secret::from(HERS).into() };
    block_on(world.shop.accounts().change_password(&actor, input)).unwrap();
    world.deliver();
    assert_eq!(world.mailer.sent().len(), 21);
    world.clock.advance(TimeDelta::days(1));
    ask_reset(&world, ADA);
    world.deliver();
    assert_eq!(world.mailer.sent().len(), 22);
}

#[test]
fn beyond_the_days_mails_a_registration_changes_nothing_and_the_last_code_stays_good() {
    let world = world();
    register_as(&world, HERS, "");
    let hers = code(&world, ADA);
    for _ in 0..19 {
        ask_reset(&world, ADA);
    }
    world.deliver();
    register_as(&world, THEIRS, "");
    block_on(world.shop.accounts().resend_otp(EmailInput { email: ADA.into() })).unwrap();
    world.deliver();
    verify(&world, ADA, &hers).unwrap();
    sign_in(&world, ADA, HERS).unwrap();
}

#[test]
fn an_account_that_nobody_proves_is_removed_in_time() {
    let world = world();
    for name in ["ada", "bob"] {
        let input = RegisterInput {
            email: format!("{name}@example.com").as_str().into(),
            password: Secret::from(PASSWORD).into(),
            username: name.into(),
            ..RegisterInput::default()
        };
        block_on(world.shop.accounts().register(input)).unwrap();
    }
    verify(&world, ADA, &code(&world, ADA)).unwrap();
    world.clock.advance(TimeDelta::days(7));
    let removed = || block_on(world.shop.worker().remove_unproven_accounts()).unwrap();
    assert_eq!(removed(), 0);
    world.clock.advance(TimeDelta::seconds(1));
    assert_eq!((removed(), removed()), (1, 0));
    assert!(block_on(world.shop.store().user_by_username("bob")).unwrap().is_none());
    assert!(block_on(world.shop.store().user_by_email(ADA)).unwrap().is_some());
    // A new registration restarts the time limit, so the account is not removed with the first one's.
    register(&world, "bob@example.com");
    world.clock.advance(TimeDelta::days(6));
    register(&world, "bob@example.com");
    world.clock.advance(TimeDelta::days(2));
    assert_eq!(removed(), 0);
}

#[test]
fn a_device_is_known_to_those_who_signed_in_on_it() {
    let world = world();
    world.customer("ada");
    world.customer("bob");
    overwrite(&world, |user| User { username: Some("Ada".into()), username_key: Some("ada".into()), ..user });
    let accounts = world.shop.accounts();
    let ada = user(&world, ADA).id;
    let token = accounts.device_token(ada, None);
    let known = |name: &str| block_on(accounts.known_device(name, token.expose())).unwrap();
    let device = known(" ADA@example.com").unwrap();
    assert_eq!(known("ada"), Some(device.clone()));
    assert!(known("bob@example.com").is_none() && known("").is_none());
    assert!(block_on(accounts.known_device(ADA, "nonsense")).unwrap().is_none());
    // The device keeps its count however often the user signs in; another user on it has another count.
    assert_eq!(accounts.device_token(ada, Some(token.expose())).expose(), token.expose());
    assert_ne!(accounts.device_token(ada, None).expose(), token.expose());
    let bob = user(&world, "bob@example.com").id;
    let bobs = accounts.device_token(bob, Some(token.expose()));
    let theirs = block_on(accounts.known_device("bob@example.com", bobs.expose())).unwrap();
    assert!(theirs.is_some() && theirs != Some(device));
    overwrite(&world, |user| User { is_active: false, ..user });
    assert!(known(ADA).is_none());
}

#[test]
fn five_wrong_tries_spend_a_code() {
    let world = world();
    register(&world, ADA);
    let right = code(&world, ADA);
    let wrong = if right == "111111" { "222222" } else { "111111" };
    for _ in 0..5 {
        assert!(matches!(verify(&world, ADA, wrong), Err(Error::InvalidOtp)));
    }
    assert!(matches!(verify(&world, ADA, &right), Err(Error::InvalidOtp)));
}

#[test]
fn an_old_hash_is_made_anew_at_sign_in() {
    let world = world();
    world.customer("ada");
    overwrite(&world, |user| User { password_hash: format!("old$0${PASSWORD}"), ..user });
    sign_in(&world, ADA, PASSWORD).unwrap();
    assert!(user(&world, ADA).password_hash.starts_with("new$"));
    sign_in(&world, ADA, PASSWORD).unwrap();
}

#[test]
fn a_username_that_looks_like_an_address_is_not_that_address() {
    let world = world();
    world.customer("ada");
    let eve = world.customer("eve");
    let input = ProfileInput { username: ADA.into(), ..ProfileInput::default() };
    block_on(world.shop.accounts().update_profile(&eve, input)).unwrap();
    assert_eq!(sign_in(&world, ADA, PASSWORD).unwrap().user.email, ADA);
}

#[test]
fn a_session_slides_and_ends_without_refresh() {
    let world = world();
    world.customer("ada");
    let session = sign_in(&world, ADA, PASSWORD).unwrap();
    world.clock.advance(TimeDelta::seconds(86_399));
    let next = block_on(world.shop.accounts().refresh(&session.tokens.refresh)).unwrap();
    world.clock.advance(TimeDelta::seconds(86_399));
    block_on(world.shop.accounts().verify_token(&next.refresh)).unwrap();
    world.clock.advance(TimeDelta::seconds(1));
    assert!(matches!(block_on(world.shop.accounts().refresh(&next.refresh)), Err(Error::TokenNotValid)));
}

#[test]
fn a_shorter_lifetime_of_sessions_ends_those_that_are_older_at_once() {
    let world = world();
    world.customer("ada");
    let session = sign_in(&world, ADA, PASSWORD).unwrap();
    let settings = Settings { session_lifetime: TimeDelta::seconds(60), ..world.shop.settings().clone() };
    let builder = Shop::builder(Arc::clone(&world.store) as _, &[42; 32]).clock(Arc::clone(&world.clock) as _);
    let strict = block_on(builder.settings(settings).password_hasher(Arc::clone(&world.hasher) as _).open()).unwrap();
    world.clock.advance(TimeDelta::seconds(59));
    block_on(strict.accounts().authenticate(session.tokens.access.expose())).unwrap();
    world.clock.advance(TimeDelta::seconds(1));
    block_on(world.shop.accounts().authenticate(session.tokens.access.expose())).unwrap();
    assert!(block_on(strict.accounts().authenticate(session.tokens.access.expose())).is_err());
    assert!(block_on(strict.accounts().refresh(&session.tokens.refresh)).is_err());
}

#[test]
fn a_signed_out_person_writes_nothing() {
    let world = world();
    world.customer("ada");
    let session = sign_in(&world, ADA, PASSWORD).unwrap();
    let actor = block_on(world.shop.accounts().authenticate(session.tokens.access.expose())).unwrap();
    block_on(world.shop.accounts().logout(&session.tokens.refresh)).unwrap();
    let input = ProfileInput { first_name: "Eve".into(), ..ProfileInput::default() };
    let written = block_on(world.shop.accounts().update_profile(&actor, input));
    assert!(matches!(written, Err(Error::TokenNotValid)), "{written:?}");
    assert_eq!(user(&world, ADA).first_name, "");
}

#[test]
fn a_reset_link_ends_with_time_use_and_another_password() {
    let world = world();
    world.customer("ada");
    let session = sign_in(&world, ADA, PASSWORD).unwrap();
    ask_reset(&world, "ADA@Example.com");
    let late = link(&world, ADA);
    world.clock.advance(TimeDelta::seconds(3_601));
    assert!(matches!(reset(&world, &late, "another fine purple elephant"), Err(Error::InvalidToken)));
    ask_reset(&world, ADA);
    let first = link(&world, ADA);
    ask_reset(&world, ADA);
    let second = link(&world, ADA);
    reset(&world, &second, "another fine purple elephant").unwrap();
    for used in [&first, &second] {
        assert!(matches!(reset(&world, used, "yet another green giraffe"), Err(Error::InvalidToken)));
    }
    assert!(matches!(block_on(world.shop.accounts().refresh(&session.tokens.refresh)), Err(Error::TokenNotValid)));
    assert!(matches!(sign_in(&world, ADA, PASSWORD), Err(Error::InvalidCredentials)));
    sign_in(&world, ADA, "another fine purple elephant").unwrap();
}

#[test]
fn a_reset_proves_an_address_that_never_was() {
    let world = world();
    register(&world, ADA);
    world.deliver();
    ask_reset(&world, ADA);
    let link = link(&world, ADA);
    reset(&world, &link, "another fine purple elephant").unwrap();
    sign_in(&world, ADA, "another fine purple elephant").unwrap();
}

#[test]
fn an_unknown_address_is_mailed_nothing() {
    let world = world();
    ask_reset(&world, "nobody@example.com");
    block_on(world.shop.accounts().resend_otp(EmailInput { email: "nobody@example.com".into() })).unwrap();
    world.deliver();
    assert!(world.mailer.sent().is_empty());
}

#[test]
fn a_changed_password_leaves_one_session() {
    let world = world();
    world.customer("ada");
    let (one, other) = (sign_in(&world, ADA, PASSWORD).unwrap(), sign_in(&world, ADA, PASSWORD).unwrap());
    let accounts = world.shop.accounts();
    let actor = block_on(accounts.authenticate(one.tokens.access.expose())).unwrap();
    let change = |old: &str, new: &str| {
        let input =
            ChangePasswordInput { old_password: Secret::from(old).into(), new_password: Secret::from(new).into() };
        block_on(accounts.change_password(&actor, input))
    };
    let Err(Error::Invalid(invalid)) = change("wrong", "password") else { panic!() };
    assert_eq!(invalid.fields.keys().collect::<Vec<_>>(), ["new_password", "old_password"]);
    let next = change(PASSWORD, "another fine purple elephant").unwrap();
    for ended in [&one, &other] {
        assert!(block_on(accounts.authenticate(ended.tokens.access.expose())).is_err());
        assert!(block_on(accounts.refresh(&ended.tokens.refresh)).is_err());
    }
    block_on(accounts.authenticate(next.access.expose())).unwrap();
    world.deliver();
    assert!(world.mailer.last_to(ADA).unwrap().subject.to_lowercase().contains("password"));
}

#[test]
fn only_the_shop_itself_makes_superusers() {
    let world = world();
    let accounts = world.shop.accounts();
    let make = |actor: &Actor, email: &str, password: &str| {
        let input = SuperuserInput { email: email.into(), password: Secret::from(password).into() };
        block_on(accounts.create_superuser(actor, input))
    };
    let boss = world.superuser("boss");
    assert!(matches!(make(&boss, "new@example.com", PASSWORD), Err(Error::PermissionDenied)));
    let person = make(&Actor::system(), "new@example.com", PASSWORD).unwrap();
    assert!(person.is_superuser && person.is_staff && person.is_active && person.email_verified);
    assert!(matches!(
        make(&Actor::system(), "NEW@example.com", PASSWORD),
        Err(Error::AlreadyExists { field: "email" })
    ));
    let Err(Error::Invalid(invalid)) = make(&Actor::system(), "x", "123") else { panic!() };
    assert_eq!(invalid.fields.len(), 2);
    sign_in(&world, "new@example.com", PASSWORD).unwrap();
}

#[test]
fn superusers_cannot_shut_each_other_out_at_once() {
    let world = world();
    for name in ["ada", "bob"] {
        world.superuser(name);
    }
    let accounts = world.shop.accounts();
    let session = |name: &str| {
        let session = sign_in(&world, name, PASSWORD).unwrap();
        (block_on(accounts.authenticate(session.tokens.access.expose())).unwrap(), session.user.id)
    };
    let ((ada, ada_id), (bob, bob_id)) = (session(ADA), session("bob@example.com"));
    let out = |actor: &Actor, id| {
        let input = UserFlagsInput { is_active: false.into(), is_staff: Field::Missing };
        block_on(accounts.update_user_flags(actor, id, input))
    };
    // Both were identified while both were active.
    out(&ada, bob_id).unwrap();
    assert!(matches!(out(&bob, ada_id), Err(Error::TokenNotValid)));
    assert!(user(&world, ADA).is_active);
}

#[test]
fn codes_and_hashes_do_not_reach_the_outbox_or_the_log() {
    let world = world();
    register(&world, ADA);
    let events = block_on(world.shop.store().unrelayed_events(10)).unwrap();
    let kinds: BTreeSet<_> = events.iter().map(|event| format!("{:?}", event.kind)).collect();
    assert_eq!((events.len(), kinds.into_iter().next()), (1, Some("CustomerRegistered".to_owned())));
    let due = block_on(world.store.due_deliveries("mail", world.shop.context().now(), 10)).unwrap();
    let code = code(&world, ADA);
    let said = format!("{events:?} {due:?} {:?}", user(&world, ADA));
    assert!(!said.contains(PASSWORD) && !said.contains(&code), "{said}");
}
