//! Tests claims of guest orders by the account that proves their address, and mails with a lost token.

use serde_json::json;

use crate::accounts::{EmailInput, RegisterInput, VerifyOtpInput};
use crate::actor::{Actor, SignedIn};
use crate::batch::{Batch, Change, Decision};
use crate::id::UserId;
use crate::mail::Message;
use crate::model::accounts::MailJob;
use crate::model::orders::{Order, OrderFilter, OrderStatus};
use crate::model::outbox::Delivery;
use crate::model::pricing::{Customer, RulesQuery};
use crate::orders::fixtures::{Offer, guest, offer};
use crate::orders::{LookupInput, OrderQuery, PlaceOrder};
use crate::page::PageRequest;
use crate::payments::AmountInput;
use crate::secret::Secret;
use crate::shop::{Settings, Tokens};
use crate::testing::{PASSWORD, World, block_on, world, world_with};

const ADA: &str = "ada@example.com";

fn order_of(world: &World, offer: &Offer, email: &str) -> Order {
    let order_input = PlaceOrder { email: email.to_owned().into(), ..offer.order_input() };
    let placed = block_on(world.shop.orders().place(&guest(world, offer.variant(0), 1), order_input, None)).unwrap();
    placed.value.view.order
}

fn token_of(world: &World, order: &Order) -> Actor {
    let token = world.shop.keys().order_token(order.id);
    block_on(world.shop.identify(Tokens { order: Some(token.expose()), ..Tokens::default() })).unwrap()
}

/// Registers an account and returns the mailed code.
fn registered(world: &World, email: &str) -> Secret {
    let input =
        RegisterInput { email: email.into(), password: Secret::from(PASSWORD).into(), ..RegisterInput::default() };
    block_on(world.shop.accounts().register(input)).unwrap();
    world.deliver();
    let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit());
    let code = |mail: &Message| mail.text.lines().map(str::trim).find(is_code).map(Secret::from);
    world.mailer.sent().iter().filter(|mail| mail.to == email).find_map(code).unwrap()
}

fn verify(world: &World, email: &str, otp: &Secret) -> &'static str {
    let input = VerifyOtpInput { email: email.into(), otp: otp.clone().into() };
    block_on(world.shop.accounts().verify_otp(input)).map_or_else(|error| error.code(), |()| "ok")
}

fn account(world: &World, email: &str) -> (UserId, Actor) {
    let user_id = block_on(world.shop.store().user_by_email(email)).unwrap().unwrap().id;
    (user_id, Actor::user(SignedIn { user_id, session_id: None, is_staff: false, is_superuser: false }))
}

fn own(world: &World, actor: &Actor) -> Vec<Order> {
    let page = block_on(world.shop.orders().list(actor, OrderQuery::default(), &PageRequest::default())).unwrap();
    page.items.into_iter().map(|view| view.order).collect()
}

#[test]
fn a_proven_address_brings_its_orders() {
    let world = world();
    let offer = offer(&world, &[(1000, 99)]);
    let automatic = json!({"name": "All", "kind": "fixed", "value": "1"});
    let automatic = serde_json::from_value(automatic).unwrap();
    let promotion = block_on(world.shop.catalog().create_promotion(&Actor::system(), automatic)).unwrap().promotion.id;
    let [unpaid, canceled, paid] = [ADA, "Ada@Example.com", ADA].map(|email| order_of(&world, &offer, email));
    let other = order_of(&world, &offer, "bob@example.com");
    block_on(world.shop.orders().cancel(&Actor::system(), canceled.id, None)).unwrap();
    let payment = block_on(world.shop.store().payments_of_orders(&[paid.id])).unwrap()[0].id;
    block_on(world.shop.payments().capture(&Actor::system(), payment, AmountInput::default(), None)).unwrap();

    let code = registered(&world, ADA);
    // Registering the address without proving it claims nothing.
    assert_eq!(
        verify(&world, ADA, &Secret::from(if code.expose() == "000000" { "000001" } else { "000000" })),
        "invalid_otp"
    );
    let (user, ada) = account(&world, ADA);
    assert!(own(&world, &ada).is_empty());
    assert_eq!(verify(&world, ADA, &code), "ok");
    let mine = own(&world, &ada);
    assert_eq!(mine.len(), 3);
    for order in &mine {
        assert_eq!((order.customer_id, order.claimed_at), (Some(user), Some(world.shop.context().now())));
        assert!(order.id != other.id && order.version >= 2);
    }
    // It happens once: another try changes nothing.
    assert_eq!(verify(&world, ADA, &code), "invalid_otp");
    assert_eq!(own(&world, &ada), mine);
    // The customer and the holder of the token see it, with one history entry.
    for actor in [&ada, &token_of(&world, &paid)] {
        let history = block_on(world.shop.orders().history(actor, paid.id)).unwrap();
        assert_eq!(history.iter().filter(|entry| entry.event == "claimed").count(), 1);
        assert_eq!(block_on(world.shop.orders().view(actor, unpaid.id)).is_ok(), actor.signed_in().is_some());
    }
    assert!(block_on(world.shop.orders().view(&token_of(&world, &other), other.id)).is_ok());
    assert!(block_on(world.shop.orders().view(&ada, other.id)).is_err());
    // Counts stay with the guest, since anybody can order with another person's address.
    let counted = |customer: Customer| {
        let query = RulesQuery { customer: Some(customer), ..RulesQuery::default() };
        let rules = block_on(world.shop.store().price_rules(&query)).unwrap();
        (rules.customer_orders, rules.promotions[0].customer_uses, rules.unpaid_orders)
    };
    assert_eq!(counted(Customer::User(user)), (Some(0), 0, 0));
    assert_eq!(counted(Customer::Guest(ADA.to_owned())).2, 1);
    assert_eq!(block_on(world.shop.catalog().promotion(&Actor::system(), promotion)).unwrap().uses, 3);
    assert_eq!(block_on(world.shop.check()).unwrap(), Vec::<String>::new());
    // Further changes count there, too.
    block_on(world.shop.orders().cancel(&ada, unpaid.id, None)).unwrap();
    assert_eq!(counted(Customer::User(user)), (Some(0), 0, 0));
    assert_eq!(counted(Customer::Guest(ADA.to_owned())).2, 0);
    assert_eq!(block_on(world.shop.check()).unwrap(), Vec::<String>::new());
}

#[test]
fn a_reset_proves_the_address_too() {
    let world = world();
    let offer = offer(&world, &[(1000, 9)]);
    let ada = world.customer("ada");
    order_of(&world, &offer, ADA);
    assert!(own(&world, &ada).is_empty(), "an order that a guest places is the guest's");
    block_on(world.shop.accounts().request_password_reset(EmailInput { email: ADA.into() })).unwrap();
    world.deliver();
    let sent = world.mailer.sent();
    let text = &sent.iter().find(|mail| mail.text.contains("/reset-password/")).unwrap().text;
    let link = text.split("/reset-password/").nth(1).unwrap().split_whitespace().next().unwrap();
    let (id, token) = link.split_once('/').unwrap();
    let new = Secret::from("another correct horse battery").into();
    block_on(world.shop.accounts().reset_password(id, token, new)).unwrap();
    assert_eq!(own(&world, &ada).len(), 1);
    assert_eq!(block_on(world.shop.check()).unwrap(), Vec::<String>::new());
}

#[test]
fn more_orders_than_one_batch_takes_come_too() {
    let world = world();
    let offer = offer(&world, &[(1000, 999)]);
    for _ in 0..205 {
        order_of(&world, &offer, ADA);
    }
    let code = registered(&world, ADA);
    assert_eq!(verify(&world, ADA, &code), "ok");
    let (user, _) = account(&world, ADA);
    let filter = OrderFilter { customer_id: Some(user), ..OrderFilter::default() };
    let claimed = || {
        block_on(world.shop.store().list_orders(&filter, &PageRequest::default())).unwrap().total.unwrap_or_default()
    };
    assert_eq!(claimed(), 100);
    world.deliver();
    assert_eq!(claimed(), 205);
    assert_eq!(block_on(world.shop.check()).unwrap(), Vec::<String>::new());
}

#[test]
fn a_lost_token_comes_by_mail_to_the_address_of_the_order_only() {
    let world = world();
    let offer = offer(&world, &[(1000, 9)]);
    let order = order_of(&world, &offer, "Ada@Example.com");
    let ask = |number: &str, email: &str| {
        let input = LookupInput { number: number.into(), email: email.into() };
        block_on(world.shop.orders().lookup(input)).unwrap();
        world.deliver();
    };
    for (number, email) in [(order.number.as_str(), "eve@example.com"), ("ABCDE-FGHJK", ADA), ("?", ADA)] {
        ask(number, email);
    }
    let links = || {
        let mut sent = world.mailer.sent();
        sent.retain(|mail| mail.text.contains("asked for the order"));
        sent
    };
    assert!(links().is_empty(), "{:?}", links());
    ask(&format!(" #{}", order.number.to_lowercase().replace('-', " ")), "ADA@example.com");
    assert_eq!(links().len(), 1);
    let mail = links().remove(0);
    assert!(mail.to == "Ada@Example.com" && mail.subject.contains(&order.number), "{mail:?}");
    let page = format!("http://localhost:3000/orders/{}#", order.number);
    let token = mail.text.split(&page).nth(1).unwrap().split_whitespace().next().unwrap();
    let holder = block_on(world.shop.identify(Tokens { order: Some(token), ..Tokens::default() })).unwrap();
    assert_eq!(block_on(world.shop.orders().view(&holder, order.id)).unwrap().order.status, OrderStatus::Placed);
    assert!(mail.html.contains(token) && mail.text.contains("do not pass it on"));
    // For a customer's order, the link has no token and the mail asks to sign in.
    let ada = world.customer("ada");
    let item = crate::cart::AddItem { variant_id: offer.variant(0).into(), ..Default::default() };
    block_on(world.shop.carts().add_item(&ada, item)).unwrap();
    let own = block_on(world.shop.orders().place(&ada, offer.order_input(), None)).unwrap().value.view.order;
    ask(&own.number, ADA);
    let mail = links().remove(1);
    assert!(
        mail.text.contains(&format!("/orders/{}\n", own.number)) && mail.text.contains("Sign in there"),
        "{}",
        mail.text
    );
}

#[test]
fn mails_about_all_orders_of_a_guest_are_counted_together() {
    let world = world_with(|builder| builder.settings(Settings { max_mails_per_day: Some(3), ..Settings::default() }));
    let offer = offer(&world, &[(1000, 99)]);
    for _ in 0..5 {
        let input = LookupInput { number: order_of(&world, &offer, ADA).number.into(), email: ADA.into() };
        block_on(world.shop.orders().lookup(input)).unwrap();
    }
    let other = order_of(&world, &offer, "eve@example.com");
    let input = LookupInput { number: other.number.into(), email: "eve@example.com".into() };
    block_on(world.shop.orders().lookup(input)).unwrap();
    world.deliver();
    let links = |email: &str| {
        world.mailer.sent().iter().filter(|mail| mail.to == email && mail.text.contains("asked for the order")).count()
    };
    assert_eq!((links(ADA), links("eve@example.com")), (3, 1));
}

#[test]
fn an_address_that_only_looks_the_same_brings_no_orders() {
    let pairs = [
        ("kunde@fa\u{df}.de", "kunde@fass.de"),
        ("stra\u{df}e@example.com", "strasse@example.com"),
        ("\u{fb01}@example.com", "fi@example.com"),
        ("x\u{b2}@example.com", "x2@example.com"),
        ("\u{ff41}7@example.com", "a7@example.com"),
        ("\u{3c2}@example.com", "\u{3c3}@example.com"),
        ("\u{212a}ate@example.com", "kate@example.com"),
    ];
    for (of_guest, of_account) in pairs {
        for (of_guest, of_account) in [(of_guest, of_account), (of_account, of_guest)] {
            let world = world();
            let offer = offer(&world, &[(1000, 9)]);
            order_of(&world, &offer, of_guest);
            let same = order_of(&world, &offer, &of_account.to_ascii_uppercase());
            let code = registered(&world, of_account);
            assert_eq!(verify(&world, of_account, &code), "ok");
            let (_, actor) = account(&world, &crate::validate::email_key(of_account));
            let claimed: Vec<_> = own(&world, &actor).into_iter().map(|order| order.id).collect();
            assert_eq!(claimed, [same.id], "{of_account} has the orders of {of_guest}");
        }
    }
}

#[test]
fn the_code_of_an_earlier_registration_brings_the_orders_of_its_own_address() {
    let world = world();
    let offer = offer(&world, &[(1000, 9)]);
    let (owner, other) = ("kunde@fa\u{df}.de", "kunde@fass.de");
    let order = order_of(&world, &offer, owner);
    let code = registered(&world, owner);
    registered(&world, other);
    assert_eq!(verify(&world, owner, &code), "ok");
    let (_, actor) = account(&world, &crate::validate::email_key(owner));
    assert_eq!(own(&world, &actor).into_iter().map(|order| order.id).collect::<Vec<_>>(), [order.id]);
}

fn is_waiting(world: &World) -> bool {
    block_on(world.shop.store().next_due("mail")).unwrap().is_some()
}

#[test]
fn orders_of_another_mailbox_are_not_looked_at_for_ever() {
    let world = world();
    let offer = offer(&world, &[(1000, 999)]);
    for _ in 0..100 {
        order_of(&world, &offer, "kunde@fa\u{df}.de");
    }
    let code = registered(&world, "kunde@fass.de");
    world.deliver();
    assert_eq!(verify(&world, "kunde@fass.de", &code), "ok");
    assert!(!is_waiting(&world), "a job that finds nothing to claim");
}

#[test]
fn a_job_claims_nothing_for_an_address_that_is_not_proven() {
    let world = world();
    let offer = offer(&world, &[(1000, 9)]);
    order_of(&world, &offer, ADA);
    registered(&world, ADA);
    let (user_id, ada) = account(&world, ADA);
    block_on(world.shop.execute(&Actor::system(), |mut context| async move {
        let mut batch = Batch::new(&mut context);
        let job = MailJob::ClaimOrders { user_id, email_key: ADA.to_owned() };
        let delivery = Delivery::mail(context.id(), user_id.0, job, context.now());
        batch.write(Change::Insert(delivery));
        Ok(Decision { batch, reply: () })
    }))
    .unwrap();
    world.deliver();
    assert!(own(&world, &ada).is_empty() && !is_waiting(&world));
}
