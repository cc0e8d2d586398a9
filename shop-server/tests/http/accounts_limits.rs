//! Rate limits: failures count and successes do not, a known device has its own limit, and the daily limits.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Forward, PASSWORD, TestResponse, TestShop};

const HERS: &str = "another fine purple elephant";
const THEIRS: &str = "yet another green giraffe";

#[track_caller]
fn refused(answer: &TestResponse, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{answer:?}");
}

fn login(email: &str, password: &str) -> Value {
    json!({"email": email, "password": password})
}

async fn wrong_tries_until_throttled(shop: &TestShop, email: &str) -> usize {
    for number in 0..100 {
        let answer = shop.post("/accounts/login/", None, &login(email, "wrong")).await;
        if answer.status == 429 {
            return number;
        }
        refused(&answer, 401, "invalid_credentials");
    }
    panic!("nobody is limited")
}

#[tokio::test]
async fn who_knows_the_password_signs_in_as_often_as_they_want() {
    let shop = TestShop::start_with(&[("RATE_LIMIT", "on")]).await;
    let ada = shop.customer("ada").await;
    for number in 0..80 {
        let path = if number % 2 == 0 { "/accounts/login/" } else { "/accounts/token/" };
        let body = json!({"username": ada.email, "password": PASSWORD});
        assert_eq!(shop.post(path, None, &body).await.status, 200, "{number}");
    }
    // Earlier failures still count, and a success in between forgives none of them.
    for _ in 0..5 {
        refused(&shop.post("/accounts/login/", None, &login(&ada.email, "wrong")).await, 401, "invalid_credentials");
    }
    shop.login(&ada.email, PASSWORD).await;
    let more = wrong_tries_until_throttled(&shop, "ＡＤＡ@example.com").await;
    assert!((5..=6).contains(&more), "{more}");
}

#[tokio::test]
async fn the_names_of_an_account_share_its_tries() {
    let shop = TestShop::start_with(&[("RATE_LIMIT", "on")]).await;
    let email = "ada@example.com";
    let body = json!({"email": email, "password": PASSWORD, "username": "Countess"});
    shop.post("/accounts/register/", None, &body).await.expect(201);
    let code = shop.otp(email, 1).await;
    shop.post("/accounts/verify-otp/", None, &json!({"email": email, "otp": code})).await.expect(200);
    let names =
        [("email", email), ("username", "countess"), ("username", "ＣＯＵＮＴＥＳＳ"), ("username", "ADA@example.com")];
    let sign_in = async |number: usize, password: &str| {
        let (field, name) = names[number % names.len()];
        let path = if field == "email" || number.is_multiple_of(3) { "/accounts/login/" } else { "/accounts/token/" };
        shop.post(path, None, &json!({field: name, "password": password})).await
    };
    for number in 0..10 {
        refused(&sign_in(number, "wrong").await, 401, "invalid_credentials");
    }
    for number in 0..names.len() {
        refused(&sign_in(number, PASSWORD).await, 429, "throttled");
    }
}

#[tokio::test]
async fn a_strangers_tries_do_not_lock_the_owner_out_of_a_device_that_signed_in_before() {
    let shop = TestShop::start_with(&[("RATE_LIMIT", "on")]).await;
    let ada = shop.customer("ada").await;
    let body = login(&ada.email, PASSWORD);
    let first = shop.post("/accounts/login/", None, &body).await;
    let device = first.header("x-device-token").unwrap().to_owned();
    // An attacker tries from the owner's own address until the address is limited, and then the account.
    let tries = (0..60).map(|number| {
        let shop = &shop;
        async move {
            let body = login(&format!("{number}@example.com"), "wrong");
            shop.post("/accounts/login/", None, &body).await;
        }
    });
    join_all(tries).await;
    wrong_tries_until_throttled(&shop, &ada.email).await;
    refused(&shop.post("/accounts/login/", None, &body).await, 429, "throttled");

    let on_device =
        async |body: &Value| shop.call_with("POST", "/accounts/login/", &[("X-Device-Token", &device)], body).await;
    let again = on_device(&body).await;
    assert_eq!((again.status, again.header("x-device-token")), (200, Some(device.as_str())));
    let pair = json!({"username": ada.email, "password": PASSWORD});
    let pair = shop.call_with("POST", "/accounts/token/", &[("X-Device-Token", &device)], &pair).await;
    assert_eq!((pair.status, pair.json().as_object().unwrap().len()), (200, 2));
    // The device's own attempts are limited, too.
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(on_device(&login(&ada.email, "wrong")).await.status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 10, "{statuses:?}");
    // The device is not known for other accounts, and a forged token is not a known device.
    wrong_tries_until_throttled(&shop, "bob@example.com").await;
    refused(&on_device(&login("bob@example.com", "wrong")).await, 429, "throttled");
    let forged = format!("B{}", &device[1..]);
    wrong_tries_until_throttled(&shop, &ada.email).await;
    let answer = shop.call_with("POST", "/accounts/login/", &[("X-Device-Token", &forged)], &body).await;
    refused(&answer, 429, "throttled");
}

#[tokio::test]
async fn in_cookie_mode_a_browser_is_known_by_its_cookie() {
    let shop = TestShop::start_with(&[("RATE_LIMIT", "on"), ("AUTH_COOKIES", "True")]).await;
    shop.post("/accounts/register/", None, &login("ada@example.com", PASSWORD)).await.expect(201);
    let code = shop.otp("ada@example.com", 1).await;
    shop.post("/accounts/verify-otp/", None, &json!({"email": "ada@example.com", "otp": code})).await.expect(200);
    let body = login("ada@example.com", PASSWORD);
    let first = shop.post("/accounts/login/", None, &body).await;
    assert_eq!((first.status, first.header("x-device-token")), (200, None));
    let cookies: Vec<_> = first.headers.iter().filter(|(name, _)| name == "set-cookie").collect();
    let device = cookies.iter().map(|(_, line)| line).find(|line| line.contains("device=")).unwrap();
    assert!(device.contains("HttpOnly") && device.contains("Secure") && device.contains("SameSite=Lax"), "{device}");
    let device = device.split(';').next().unwrap();
    wrong_tries_until_throttled(&shop, "ada@example.com").await;
    refused(&shop.post("/accounts/login/", None, &body).await, 429, "throttled");
    assert_eq!(shop.call_with("POST", "/accounts/login/", &[("Cookie", device)], &body).await.status, 200);
}

#[tokio::test]
async fn right_codes_and_links_do_not_count_and_wrong_ones_do() {
    let shop = TestShop::start_with(&[("RATE_LIMIT", "on")]).await;
    let email = "ada@example.com";
    shop.post("/accounts/register/", None, &login(email, PASSWORD)).await.expect(201);
    let code = shop.otp(email, 1).await;
    let confirm =
        async |otp: &str| shop.post("/accounts/verify-otp/", None, &json!({"email": email, "otp": otp})).await;
    assert_eq!(confirm(&code).await.status, 200);
    for number in 0..10 {
        assert_eq!(confirm("000000").await.status, 400, "{number}");
    }
    refused(&confirm("000000").await, 429, "throttled");
}

/// An attacker registers someone else's address, before or after the owner.
#[tokio::test]
async fn a_code_opens_the_account_for_whom_it_was_mailed() {
    for owner_first in [true, false] {
        let shop = TestShop::start().await;
        let email = "ada@example.com";
        let (first, second) = if owner_first { (HERS, THEIRS) } else { (THEIRS, HERS) };
        for password in [first, second] {
            let name = if password == HERS { "Ada" } else { "Eve" };
            let body = json!({"email": email, "password": password, "username": "ada", "first_name": name});
            let answer = shop.post("/accounts/register/", None, &body).await;
            assert_eq!((answer.status, &answer.json()["email"]), (201, &json!(email)));
        }
        let code = shop.otp(email, if owner_first { 1 } else { 2 }).await;
        // The mails are in order, and both codes are valid until one is used.
        shop.otp(email, 2).await;
        shop.post("/accounts/verify-otp/", None, &json!({"email": email, "otp": code})).await.expect(200);
        let answer = shop.post("/accounts/login/", None, &login(email, HERS)).await;
        assert_eq!((answer.status, &answer.json()["user"]["first_name"]), (200, &json!("Ada")));
        assert_eq!(answer.json()["user"]["username"], "ada");
        refused(&shop.post("/accounts/login/", None, &login(email, THEIRS)).await, 401, "invalid_credentials");
        let other = shop.otp(email, if owner_first { 2 } else { 1 }).await;
        let confirm = json!({"email": email, "otp": other});
        refused(&shop.post("/accounts/verify-otp/", None, &confirm).await, 400, "invalid_otp");
        // The account now has an owner and can no longer be taken over.
        let body = json!({"email": email, "password": THEIRS});
        shop.post("/accounts/register/", None, &body).await.expect(201);
        refused(&shop.post("/accounts/login/", None, &login(email, THEIRS)).await, 401, "invalid_credentials");
    }
}

#[tokio::test]
async fn a_code_of_a_contested_address_that_was_asked_for_opens_it_with_neither_password() {
    let shop = TestShop::start().await;
    let email = "ada@example.com";
    for password in [HERS, THEIRS] {
        shop.post("/accounts/register/", None, &login(email, password)).await.expect(201);
    }
    shop.mails(email, 2).await;
    shop.post("/accounts/resend-otp/", None, &json!({"email": email})).await.expect(200);
    let code = shop.otp(email, 3).await;
    shop.post("/accounts/verify-otp/", None, &json!({"email": email, "otp": code})).await.expect(200);
    for password in [HERS, THEIRS] {
        refused(&shop.post("/accounts/login/", None, &login(email, password)).await, 401, "invalid_credentials");
    }
    let (uidb64, token) = shop.reset_link(email, 4).await;
    let path = format!("/accounts/password-reset-confirm/{uidb64}/{token}/");
    shop.post(&path, None, &json!({"new_password": HERS})).await.expect(200);
    shop.login(email, HERS).await;
}

#[tokio::test]
async fn a_day_allows_so_many_mails_and_tries_of_codes() {
    let shop = TestShop::start_with(&[("MAX_MAILS_PER_DAY", "4"), ("MAX_OTP_TRIES_PER_DAY", "7")]).await;
    let email = "ada@example.com";
    let confirm =
        async |otp: &str| shop.post("/accounts/verify-otp/", None, &json!({"email": email, "otp": otp})).await;
    let resend = async || shop.post("/accounts/resend-otp/", None, &json!({"email": email})).await.expect(200);
    shop.post("/accounts/register/", None, &login(email, PASSWORD)).await.expect(201);
    let mut code = shop.otp(email, 1).await;
    let wrong = |code: &str| if code == "000000" { "000001" } else { "000000" };
    for number in 2..=3 {
        for _ in 0..3 {
            refused(&confirm(wrong(&code)).await, 400, "invalid_otp");
        }
        resend().await;
        code = shop.otp(email, number).await;
    }
    refused(&confirm(wrong(&code)).await, 400, "invalid_otp");
    refused(&confirm(&code).await, 400, "invalid_otp");
    for _ in 0..3 {
        resend().await;
    }
    let other = shop.customer("bob").await;
    shop.mails(&other.email, 1).await;
    shop.mails(email, 4).await;
    assert_eq!(shop.mails_now(email).len(), 4);
    // The last code was mailed, but the day's attempts are used up.
    let code = shop.otp(email, 4).await;
    refused(&confirm(&code).await, 400, "invalid_otp");
}

#[tokio::test]
async fn an_account_that_nobody_proves_goes_and_leaves_its_names() {
    let clock = Arc::new(Forward::default());
    let variables = [("UNVERIFIED_ACCOUNT_TTL", "3600")];
    let shop = TestShop::start_as(&variables, |builder| builder.clock(Arc::clone(&clock) as _)).await;
    let boss = shop.staff("boss").await;
    let body = json!({"email": "ada@example.com", "username": "ada", "password": PASSWORD});
    shop.post("/accounts/register/", None, &body).await.expect(201);
    shop.otp("ada@example.com", 1).await;
    clock.pass(3_599);
    assert_eq!(shop.shop.worker().remove_unproven_accounts().await.unwrap(), 0);
    clock.pass(2);
    assert_eq!(shop.shop.worker().remove_unproven_accounts().await.unwrap(), 1);
    let boss = shop.login(&boss.email, PASSWORD).await;
    assert_eq!(shop.get("/accounts/users/", Some(&boss.access)).await.json()["count"], 1);
    let taken = json!({"email": "bob@example.com", "username": "ADA", "password": PASSWORD});
    shop.post("/accounts/register/", None, &taken).await.expect(201);
    assert!(shop.shop.check().await.unwrap().is_empty());
}
