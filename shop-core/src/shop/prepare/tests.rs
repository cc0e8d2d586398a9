//! Calls made up to their commit, and what a host hears when it commits them late.

use serde_json::json;

use super::*;
use crate::accounts::{EmailInput, RegisterInput, SignInInput, VerifyOtpInput};
use crate::actor::{Actor, SignedIn};
use crate::cart::AddItem;
use crate::catalog::ProductInput;
use crate::error::Error;
use crate::id::{OrderId, UserId};
use crate::idempotency::IdempotencyKey;
use crate::inventory::AdjustmentInput;
use crate::orders::OrderQuery;
use crate::orders::fixtures::{guest, offer};
use crate::page::PageRequest;
use crate::secret::Secret;
use crate::shop::Tokens;
use crate::store::{Store as _, StoreError};
use crate::testing::{PASSWORD, World, block_on, world};

fn prepare<T>(world: &World, call: impl AsyncFnOnce(Shop) -> Result<T>) -> Result<Prepared<T>> {
    block_on(world.shop.prepare(call))
}

fn commit<T>(world: &World, prepared: &Prepared<T>) -> Result<(), CommitError> {
    block_on(world.store.commit(Arc::clone(&prepared.batch)))
}

fn orders(world: &World) -> Vec<OrderId> {
    let page = block_on(world.shop.orders().list(&Actor::system(), OrderQuery::default(), &PageRequest::default()));
    page.unwrap().items.iter().map(|view| view.order.id).collect()
}

fn fault<T>(result: Result<T>) -> String {
    match result {
        Err(Error::Fault(source)) => source.to_string(),
        Err(other) => panic!("not a fault: {other:?}"),
        Ok(_) => panic!("not refused"),
    }
}

#[test]
fn nothing_is_written_before_the_host_commits() {
    let world = world();
    let offer = offer(&world, &[(1999, 5)]);
    let ada = &guest(&world, offer.variant(0), 1);
    let prepared = prepare(&world, async |shop| shop.orders().place(ada, offer.order_input(), None).await).unwrap();
    assert_eq!(orders(&world), []);
    commit(&world, &prepared).unwrap();
    assert_eq!(orders(&world), [prepared.reply.value.view.order.id]);
    // What the call promised holds: the token opens the order, and the cart is spent.
    let token = prepared.reply.value.access_token.unwrap();
    let holder = Tokens { order: Some(token.expose()), ..Tokens::default() };
    let holder = block_on(world.shop.identify(holder)).unwrap();
    let seen = block_on(world.shop.orders().view(&holder, prepared.reply.value.view.order.id)).unwrap();
    assert_eq!(seen, prepared.reply.value.view);
    assert_eq!(block_on(world.shop.carts().get(ada)).unwrap_err().code(), "not_found");
}

#[test]
fn the_last_unit_is_sold_once_and_the_loser_hears_so() {
    let world = world();
    let offer = offer(&world, &[(1999, 1)]);
    let (ada, ben) = (guest(&world, offer.variant(0), 1), guest(&world, offer.variant(0), 1));
    let place =
        |actor: &Actor| prepare(&world, async |shop| shop.orders().place(actor, offer.order_input(), None).await);
    let (first, second) = (place(&ada).unwrap(), place(&ben).unwrap());
    commit(&world, &second).unwrap();
    let next = Retries::default().after(commit(&world, &first).unwrap_err()).unwrap();
    assert_eq!(next, Next::Prepare);
    assert_eq!(place(&ada).unwrap_err().code(), "out_of_stock");
}

#[test]
fn every_domain_can_be_prepared() {
    let world = world();
    let offer = offer(&world, &[(1999, 5)]);
    let system = &Actor::system();
    let product: ProductInput = serde_json::from_value(json!({"name": "Lamp", "price": "5", "sku": "LAMP"})).unwrap();
    let lamp = prepare(&world, async |shop| shop.catalog().create_product(system, product).await).unwrap();
    commit(&world, &lamp).unwrap();
    assert!(block_on(world.shop.store().product(lamp.reply.product.id)).unwrap().is_some());

    let received = AdjustmentInput {
        sku: "LAMP".into(),
        delta: 3.into(),
        reason: "received".into(),
        ..AdjustmentInput::default()
    };
    let movement = prepare(&world, async |shop| shop.inventory().adjust(system, received, None).await).unwrap();
    commit(&world, &movement).unwrap();
    assert_eq!(block_on(world.shop.store().stock_of(&[lamp.reply.product.variants[0].id])).unwrap()[0].on_hand, 3);

    let ada = &world.customer("ada");
    let item = AddItem { variant_id: offer.variant(0).into(), ..AddItem::default() };
    let cart = prepare(&world, async |shop| shop.carts().add_item(ada, item).await).unwrap();
    commit(&world, &cart).unwrap();
    let stored = block_on(world.shop.carts().get(ada)).unwrap();
    assert_eq!((stored.id, stored.items.len(), stored.version), (cart.reply.id, 1, cart.reply.version));
}

#[test]
fn a_call_that_changes_nothing_gives_an_empty_batch() {
    let world = world();
    let offer = offer(&world, &[(1999, 5)]);
    let read = prepare(&world, async |shop| shop.catalog().product(&Actor::anonymous(), "nothing").await);
    assert_eq!(read.unwrap_err().code(), "not_found");
    let ada = &world.customer("ada");
    block_on(world.shop.carts().get(ada)).unwrap();
    assert!(prepare(&world, async |shop| shop.carts().empty(ada, None).await).unwrap().batch.is_empty());

    // So does one that was made before under its key: the host's rows went in with the first.
    let item = AddItem { variant_id: offer.variant(0).into(), ..AddItem::default() };
    block_on(world.shop.carts().add_item(ada, item)).unwrap();
    let key = &IdempotencyKey::new("once", &json!({})).unwrap();
    let place = || prepare(&world, async |shop| shop.orders().place(ada, offer.order_input(), Some(key)).await);
    let (first, twin) = (place().unwrap(), place().unwrap());
    assert!(!first.batch.is_empty() && !twin.batch.is_empty());
    commit(&world, &first).unwrap();
    // The twin lost the race; prepared again it is the first one's answer.
    assert_eq!(Retries::default().after(commit(&world, &twin).unwrap_err()).unwrap(), Next::Prepare);
    let again = place().unwrap();
    assert!(again.batch.is_empty() && again.reply.replayed);
    assert_eq!(again.reply.value.view, first.reply.value.view);
}

#[test]
fn the_session_is_guarded_until_the_commit() {
    let world = world();
    world.customer("ada");
    let input = || SignInInput {
        email: "ada@example.com".into(),
        password: Secret::from(PASSWORD).into(),
        ..SignInInput::default()
    };
    let signed_in = block_on(world.shop.accounts().login(&Actor::anonymous(), input())).unwrap();
    let tokens = Tokens { access: Some(signed_in.tokens.access.expose()), ..Tokens::default() };
    let ada = &block_on(world.shop.identify(tokens)).unwrap();
    let prepared = prepare(&world, async |shop| shop.carts().get(ada).await).unwrap();
    block_on(world.shop.accounts().logout(&signed_in.tokens.refresh)).unwrap();
    let refused = commit(&world, &prepared).unwrap_err();
    assert_eq!(Retries::default().after(refused).unwrap_err().code(), "token_not_valid");
}

#[test]
fn a_call_of_two_commits_is_refused_in_words() {
    let world = world();
    let offer = offer(&world, &[(1999, 5)]);
    world.customer("ada");
    let guest = &guest(&world, offer.variant(0), 1);
    let cart = block_on(world.shop.carts().get(guest)).unwrap();
    let input = SignInInput {
        email: "ada@example.com".into(),
        password: Secret::from(PASSWORD).into(),
        ..SignInInput::default()
    };
    // The sign-in itself takes no notice of a cart that could not be merged.
    let merging = prepare(&world, async |shop| shop.accounts().login(guest, input).await);
    assert!(fault(merging).contains("commits in several steps"));
    assert_eq!(block_on(world.shop.carts().get(guest)).unwrap().version, cart.version);

    // Neither a right nor a wrong code says anything, or codes could be tried without spending a try.
    let ben = RegisterInput {
        email: "ben@example.com".into(),
        password: Secret::from(PASSWORD).into(),
        ..RegisterInput::default()
    };
    block_on(world.shop.accounts().register(ben)).unwrap();
    world.deliver();
    let mail = world.mailer.last_to("ben@example.com").unwrap().text;
    let right = mail.lines().map(str::trim).find(|line| line.len() == 6 && line.parse::<u32>().is_ok()).unwrap();
    let wrong = if right == "123456" { "654321" } else { "123456" };
    for code in [right, wrong] {
        let input = VerifyOtpInput { email: "ben@example.com".into(), otp: Secret::from(code).into() };
        let refused = fault(prepare(&world, async |shop| shop.accounts().verify_otp(input).await));
        assert!(refused.contains("commits in several steps"), "{refused}");
    }
    let input = VerifyOtpInput { email: "ben@example.com".into(), otp: Secret::from(right).into() };
    block_on(world.shop.accounts().verify_otp(input)).unwrap();
}

#[test]
fn what_is_prepared_hands_nothing_over() {
    let world = world();
    world.customer("ada");
    let forgotten = EmailInput { email: "ada@example.com".into() };
    block_on(world.shop.accounts().request_password_reset(forgotten)).unwrap();
    let refused = fault(prepare(&world, async |shop| shop.worker().run_once().await));
    assert!(refused.contains("cannot be prepared"), "{refused}");
    assert!(world.mailer.last_to("ada@example.com").is_none());
    world.deliver();
    assert!(world.mailer.last_to("ada@example.com").is_some());
}

#[test]
fn a_shop_that_was_kept_writes_nothing() {
    let world = world();
    let kept = prepare(&world, async |shop| Ok(shop)).unwrap().reply;
    let refused = fault(block_on(kept.carts().create(&Actor::anonymous())));
    assert!(refused.contains("after it had ended"), "{refused}");
}

#[test]
fn only_the_commit_rings_the_workers_bell() {
    let world = world();
    let mut notified = Box::pin(world.shop.notifier().wait());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    // Opening the shop may have rung it.
    let _ = notified.as_mut().poll(&mut context);
    let mut notified = Box::pin(world.shop.notifier().wait());
    let product: ProductInput = serde_json::from_value(json!({"name": "Lamp", "price": "5"})).unwrap();
    let lamp = prepare(&world, async |shop| shop.catalog().create_product(&Actor::system(), product).await).unwrap();
    assert!(notified.as_mut().poll(&mut context).is_pending());
    commit(&world, &lamp).unwrap();
    world.shop.committed(&lamp.batch);
    assert!(notified.as_mut().poll(&mut context).is_ready());
}

#[test]
fn preparing_can_be_spawned() {
    fn spawnable<T: Send>(future: T) -> T {
        future
    }
    let world = world();
    let nobody = Actor::user(SignedIn {
        user_id: UserId(uuid::Uuid::nil()),
        session_id: None,
        is_staff: false,
        is_superuser: false,
    });
    let shop = world.shop.clone();
    let future = spawnable(async move {
        let prepared = shop.prepare(async |shop: Shop| shop.carts().get(&nobody).await).await?;
        Ok::<_, Error>(prepared.batch.is_empty())
    });
    assert!(!block_on(future).unwrap());
}

#[test]
fn retries_are_limited() {
    let lost = || CommitError::Conflict(Conflict::Exists(Unique::OpenCart));
    let unknown = || CommitError::OutcomeUnknown("the line is dead".into());
    let again = || CommitError::Conflict(Conflict::Exists(Unique::Operation));

    let mut retries = Retries::default();
    for _ in 1..ATTEMPTS {
        assert_eq!(retries.after(lost()).unwrap(), Next::Prepare);
    }
    assert_eq!(retries.after(lost()).unwrap_err().code(), "unavailable");

    let mut retries = Retries::default();
    for _ in 1..SUBMISSIONS {
        assert_eq!(retries.after(unknown()).unwrap(), Next::Submit);
    }
    assert_eq!(retries.after(unknown()).unwrap_err().code(), "unavailable");

    // The id of an operation is a proof only after an unknown outcome: before, it is somebody else's.
    let mut retries = Retries::default();
    assert_eq!(retries.after(again()).unwrap(), Next::Prepare);
    assert_eq!(retries.after(unknown()).unwrap(), Next::Submit);
    assert_eq!(retries.after(again()).unwrap(), Next::Done);

    let gone = CommitError::Store(StoreError::Unavailable("the disk is full".into()));
    assert_eq!(Retries::default().after(gone).unwrap_err().code(), "unavailable");
}
