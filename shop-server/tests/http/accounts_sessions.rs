//! Sessions: concurrent refreshes in two tabs, lifetimes, tokens of other shops, and a replaced secret key.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{Forward, PASSWORD, Person, TestResponse, TestShop};

const OLD_KEY: (&str, &str) = ("SECRET_KEY", "the key of yesterday which is long enough");
const NEW_KEY: (&str, &str) = ("SECRET_KEY", "the key of today which is long enough too");

#[track_caller]
fn refused(answer: &TestResponse, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{answer:?}");
}

async fn refresh(shop: &TestShop, token: &str) -> TestResponse {
    shop.post("/accounts/token/refresh/", None, &json!({"refresh": token})).await
}

fn text(body: &Value, name: &str) -> String {
    body[name].as_str().unwrap().to_owned()
}

async fn shop_and_clock() -> (TestShop, Arc<Forward>) {
    let clock = Arc::new(Forward::default());
    let shop = TestShop::start_as(&[], |builder| builder.clock(Arc::clone(&clock) as _)).await;
    (shop, clock)
}

#[tokio::test]
async fn tabs_that_refresh_at_once_get_the_same_pair_and_stay_signed_in() {
    let shop = TestShop::start().await;
    let ada = shop.customer("ada").await;
    let other = shop.beside(&[]).await;
    let tabs = [&shop, &other, &shop, &other, &shop, &other].map(|server| refresh(server, &ada.refresh));
    let answers = futures_util::future::join_all(tabs).await;
    let pair = answers[0].expect(200);
    for answer in &answers {
        assert_eq!(answer.expect(200), pair);
    }
    assert_eq!(shop.get("/accounts/user/", Some(&text(&pair, "access"))).await.status, 200);
    let next = refresh(&other, &text(&pair, "refresh")).await;
    assert_eq!(next.status, 200);
    // A late tab, after the successor has been exchanged too.
    assert_eq!(refresh(&shop, &ada.refresh).await.expect(200), pair);
}

#[tokio::test]
async fn a_predecessor_is_good_for_ten_seconds_and_then_ends_the_family() {
    let (shop, clock) = shop_and_clock().await;
    let ada = shop.customer("ada").await;
    let verify = async |token: &str| shop.post("/accounts/token/verify/", None, &json!({"token": token})).await.status;
    let pair = refresh(&shop, &ada.refresh).await.expect(200);
    clock.pass(4);
    assert_eq!(refresh(&shop, &ada.refresh).await.expect(200), pair);
    assert_eq!(verify(&ada.refresh).await, 200);
    clock.pass(7);
    assert_eq!(verify(&ada.refresh).await, 401);
    refused(&refresh(&shop, &ada.refresh).await, 401, "token_not_valid");
    refused(&refresh(&shop, &text(&pair, "refresh")).await, 401, "token_not_valid");
    refused(&shop.get("/accounts/user/", Some(&text(&pair, "access"))).await, 401, "token_not_valid");
}

#[tokio::test]
async fn a_session_that_ended_gives_no_second_pair() {
    let shop = TestShop::start().await;
    let ada = shop.customer("ada").await;
    let pair = refresh(&shop, &ada.refresh).await.expect(200);
    let out = shop.post("/accounts/logout/", None, &json!({"refresh": pair["refresh"]})).await;
    assert_eq!(out.status, 204);
    refused(&refresh(&shop, &ada.refresh).await, 401, "token_not_valid");
}

#[tokio::test]
async fn a_session_ends_after_its_lifetime_however_often_it_is_refreshed() {
    const DAY: i64 = 24 * 60 * 60;
    let (shop, clock) = shop_and_clock().await;
    let mut ada = shop.customer("ada").await;
    for _ in 0..40 {
        clock.pass(DAY - 60);
        let answer = refresh(&shop, &ada.refresh).await;
        if answer.status == 401 {
            break;
        }
        ada = Person { refresh: text(&answer.expect(200), "refresh"), access: text(&answer.json(), "access"), ..ada };
    }
    refused(&refresh(&shop, &ada.refresh).await, 401, "token_not_valid");

    // A lifetime shorter than the session's original one applies at once.
    let person = shop.login(&ada.email, PASSWORD).await;
    let strict = shop.beside_as(&[("SESSION_LIFETIME", "86400"), ("REFRESH_TOKEN_LIFETIME", "864000")], |builder| {
        builder.clock(Arc::clone(&clock) as _)
    });
    let strict = strict.await;
    assert_eq!(strict.get("/accounts/user/", Some(&person.access)).await.status, 200);
    let long = strict.login(&ada.email, PASSWORD).await;
    clock.pass(DAY - 60);
    assert_eq!(refresh(&strict, &long.refresh).await.status, 200);
    clock.pass(60);
    refused(&refresh(&strict, &long.refresh).await, 401, "token_not_valid");
}

#[tokio::test]
async fn a_token_of_another_shop_is_refused_though_both_share_a_key_and_the_data() {
    let shop = TestShop::start().await;
    let ada = shop.customer("ada").await;
    let other = shop.beside(&[("TOKEN_ISSUER", "https://other.example")]).await;
    assert_eq!(shop.get("/accounts/user/", Some(&ada.access)).await.status, 200);
    refused(&other.get("/accounts/user/", Some(&ada.access)).await, 401, "token_not_valid");
    refused(&refresh(&other, &ada.refresh).await, 401, "token_not_valid");
    let moved =
        shop.beside(&[("FRONTEND_URL", "https://shop.example"), ("TOKEN_ISSUER", "http://localhost:3000")]).await;
    assert_eq!(moved.get("/accounts/user/", Some(&ada.access)).await.status, 200);
}

#[tokio::test]
async fn a_replaced_key_goes_on_opening_what_it_made_and_signs_nothing_more() {
    let before = TestShop::start_with(&[OLD_KEY]).await;
    let ada = before.customer("ada").await;
    let cart = before.post("/cart/", None, &Value::Null).await.expect(201);
    let token = text(&cart, "token");
    before
        .post("/accounts/register/", None, &json!({"email": "bob@example.com", "password": PASSWORD}))
        .await
        .expect(201);
    let code = before.otp("bob@example.com", 1).await;
    before.post("/accounts/request-reset-email/", None, &json!({"email": ada.email})).await.expect(200);
    let (uidb64, link) = before.reset_link(&ada.email, 2).await;
    // Every server sends pending mails, signed with its own key, so start the others only now.
    let after = before.beside(&[NEW_KEY, ("SECRET_KEY_FALLBACKS", OLD_KEY.1)]).await;
    let without = before.beside(&[NEW_KEY]).await;

    refused(&without.get("/accounts/user/", Some(&ada.access)).await, 401, "token_not_valid");
    assert_eq!(after.get("/accounts/user/", Some(&ada.access)).await.status, 200);
    assert_eq!(without.as_guest("GET", "/cart/", &token, &Value::Null).await.status, 404);
    assert_eq!(after.as_guest("GET", "/cart/", &token, &Value::Null).await.status, 200);
    let confirm = json!({"email": "bob@example.com", "otp": code});
    assert_eq!(after.post("/accounts/verify-otp/", None, &confirm).await.status, 200);

    // A refreshed session is signed with the new key only.
    let pair = refresh(&after, &ada.refresh).await.expect(200);
    assert_eq!(after.get("/accounts/user/", Some(&text(&pair, "access"))).await.status, 200);
    assert_eq!(without.get("/accounts/user/", Some(&text(&pair, "access"))).await.status, 200);
    refused(&before.get("/accounts/user/", Some(&text(&pair, "access"))).await, 401, "token_not_valid");

    let path = format!("/accounts/password-reset-confirm/{uidb64}/{link}/");
    let body = json!({"new_password": "another fine purple elephant"});
    refused(&without.post(&path, None, &body).await, 400, "invalid_token");
    assert_eq!(after.post(&path, None, &body).await.status, 200);
}
