//! The scenario of a shop with points, and its assertions.

use std::error::Error;

use futures_util::future::join_all;
use serde_json::json;
use shop_core::Actor;
use shop_core::accounts::{MemoryMailer, RegisterInput, SignInInput, VerifyOtpInput};
use shop_core::cart::AddItem;
use shop_core::id::{MethodId, UserId};
use shop_core::idempotency::IdempotencyKey;
use shop_core::orders::{OrderQuery, PlaceOrder};
use shop_core::page::PageRequest;
use shop_core::secret::Secret;
use shop_core::shipping::AddressInput;
use shop_core::shop::Tokens;

use crate::points::{Booking, Loyalty, OrderWithPoints, Refused};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The stock of teapots. One costs 40.00 and earns forty points.
const TEAPOTS: i64 = 5;

pub(crate) async fn tell(points: &impl Loyalty, tell: &impl Fn(&str)) -> Result<()> {
    let method = stock_the_shelves(points).await?;
    let (ada, id) = customer(points, "ada@example.com").await?;

    fill_the_cart(points, &ada, 1).await?;
    let key = IdempotencyKey::new("ada-1", &json!({"what": "the order of her cart"}))?;
    let pot = order_request(&ada, method, 0, Some(key));
    let first = points.order(&pot).await?;
    let second = points.order(&pot).await?;
    assert!(second.replayed && second.value.view == first.value.view);
    assert_eq!(points.balance(id).await?, 40);
    tell("  Ada orders a teapot and has 40 points; her nervous second click orders and books nothing more.");

    fill_the_cart(points, &ada, 1).await?;
    let refused = points.order(&order_request(&ada, method, 41, None)).await;
    assert!(matches!(refused, Err(Refused::TooFewPoints)));
    assert_eq!(points.shop().carts().get(&ada).await?.items.len(), 1);
    tell("  She wants a gift for 41 points: refused by the program, and the shop has no order of it either.");

    // Two parallel requests spend the same 40 points and place the same cart. Only one succeeds.
    let gift = order_request(&ada, method, 40, None);
    let gifts = join_all([points.order(&gift), points.order(&gift)]).await;
    assert_eq!(gifts.iter().filter(|done| done.is_ok()).count(), 1);
    assert_eq!(points.balance(id).await?, 40);
    tell("  A gift for 40 points goes with her second teapot, once, from however many windows she asks.");

    race_for_the_rest(points, method).await?;
    tell("  Eight people race for the last three teapots: three have one and its points, five have neither.");

    let booked = points.bookings().await?;
    let page = points.shop().orders().list(&Actor::system(), OrderQuery::default(), &PageRequest::default()).await?;
    assert_eq!(page.items.len(), usize::try_from(TEAPOTS)?);
    for view in &page.items {
        let count = booked.iter().filter(|booking| booking.order == view.order.id).count();
        assert_eq!(count, 1, "an order has its booking");
    }
    assert_eq!(booked.len(), page.items.len(), "a booking has its order");
    let problems = points.shop().check().await?;
    assert!(problems.is_empty(), "{problems:?}");
    tell("  Every order has its booking, every booking its order, and the shop's data is consistent.");
    Ok(())
}

async fn race_for_the_rest(points: &impl Loyalty, method: MethodId) -> Result<()> {
    let mut people = Vec::new();
    for number in 0..8 {
        let (actor, id) = customer(points, &format!("racer{number}@example.com")).await?;
        fill_the_cart(points, &actor, 1).await?;
        people.push((actor, id));
    }
    let requests: Vec<_> = people.iter().map(|(actor, _)| order_request(actor, method, 0, None)).collect();
    let outcomes = join_all(requests.iter().map(|request| points.order(request))).await;
    let mut served = 0;
    for (outcome, (_, id)) in outcomes.into_iter().zip(people) {
        match outcome {
            Ok(placed) => {
                served += 1;
                assert_eq!(Booking::of(&placed.value.view.order, 0).map(|booking| booking.earned), Some(40));
                assert_eq!(points.balance(id).await?, 40);
            }
            Err(Refused::Shop(error)) => {
                assert_eq!(error.code(), "out_of_stock");
                assert_eq!(points.balance(id).await?, 0);
            }
            Err(other) => return Err(other.into()),
        }
    }
    assert_eq!(served, 3);
    Ok(())
}

async fn stock_the_shelves(points: &impl Loyalty) -> Result<MethodId> {
    let (shop, system) = (points.shop(), Actor::system());
    let teapot = json!({"name": "Teapot", "price": "40", "sku": "POT", "stock": TEAPOTS});
    shop.catalog().create_product(&system, serde_json::from_value(teapot)?).await?;
    let zone = json!({"name": "World", "countries": ["*"]});
    let zone = shop.shipping().create_zone(&system, serde_json::from_value(zone)?).await?;
    let method = json!({"name": "Post", "zone_id": zone.id, "rate": {"type": "flat", "price": "5"}});
    Ok(shop.shipping().create_method(&system, serde_json::from_value(method)?).await?.id)
}

async fn fill_the_cart(points: &impl Loyalty, buyer: &Actor, quantity: i64) -> Result<()> {
    let item = AddItem { sku: "POT".into(), quantity: quantity.into(), ..AddItem::default() };
    points.shop().carts().add_item(buyer, item).await?;
    Ok(())
}

fn order_request(buyer: &Actor, method: MethodId, spend: i64, key: Option<IdempotencyKey>) -> OrderWithPoints<'_> {
    let address = AddressInput {
        first_name: "Ada".into(),
        last_name: "Lovelace".into(),
        line1: "12 St James's Square".into(),
        city: "London".into(),
        country: "GB".into(),
        ..AddressInput::default()
    };
    let order = PlaceOrder {
        shipping_address: address.into(),
        shipping_method_id: method.into(),
        payment_gateway: "manual".into(),
        ..PlaceOrder::default()
    };
    OrderWithPoints { buyer, order, spend, key }
}

/// Registers a customer, confirms the address with the mailed code, and signs in.
async fn customer(points: &impl Loyalty, email: &str) -> Result<(Actor, UserId)> {
    let (shop, password) = (points.shop(), "correct horse battery staple");
    let input =
        RegisterInput { email: email.into(), password: Secret::from(password).into(), ..RegisterInput::default() };
    shop.accounts().register(input).await?;
    shop.worker().run_once().await?;
    let otp = Secret::from(code(points.mailer(), email)?.as_str());
    shop.accounts().verify_otp(VerifyOtpInput { email: email.into(), otp: otp.into() }).await?;
    let input = SignInInput { email: email.into(), password: Secret::from(password).into(), ..SignInInput::default() };
    let signed_in = shop.accounts().login(&Actor::anonymous(), input).await?;
    let tokens = Tokens { access: Some(signed_in.tokens.access.expose()), ..Tokens::default() };
    Ok((shop.identify(tokens).await?, signed_in.user.id))
}

fn code(mailer: &MemoryMailer, email: &str) -> Result<String> {
    let mail = mailer.last_to(email).ok_or("no mail arrived")?;
    let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit());
    Ok(mail.text.lines().map(str::trim).find(is_code).ok_or("no code in the mail")?.to_owned())
}
