//! `/accounts/`: every row of the contract, good and bad.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use shop_core::accounts::{PasswordHasher, Verified};
use shop_core::secret::Secret;
use shop_core::{Error, error::Result};

use crate::support::{Forward, PASSWORD, TestResponse, TestShop};

const OTHER_PASSWORD: &str = "another fine purple elephant";

#[track_caller]
fn refused(answer: &TestResponse, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{answer:?}");
}

/// The names of the invalid fields in a 400 response.
#[track_caller]
fn fields(answer: &TestResponse) -> Vec<String> {
    refused(answer, 400, "invalid");
    answer.json()["errors"].as_object().unwrap().keys().cloned().collect()
}

#[tokio::test]
async fn registration_answers_and_mails_a_code_that_confirms_once() {
    let shop = TestShop::start().await;
    let body = json!({"email": "Ada@Example.com", "password": PASSWORD, "password2": "ignored", "is_staff": true,
        "username": "ada", "first_name": "Ada", "last_name": "Lovelace", "phone": "+44 20 7946 0000"});
    let answer = shop.post("/accounts/register/", None, &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.json()["email"], "Ada@Example.com");
    assert!(answer.json()["detail"].is_string() && answer.json().as_object().unwrap().len() == 2);

    let login = json!({"username": "ADA", "password": PASSWORD});
    refused(&shop.post("/accounts/login/", None, &login).await, 403, "email_not_verified");
    let otp = shop.otp("Ada@Example.com", 1).await;
    let confirm = json!({"email": "ada@example.COM", "otp": otp});
    let confirmed = shop.post("/accounts/verify-otp/", None, &confirm).await;
    assert_eq!(confirmed.status, 200);
    assert!(confirmed.json()["detail"].is_string());
    refused(&shop.post("/accounts/verify-otp/", None, &confirm).await, 400, "invalid_otp");

    let user = shop.post("/accounts/login/", None, &login).await.json()["user"].clone();
    let names = ["email", "username", "first_name", "last_name", "phone"];
    let values = names.map(|name| user[name].as_str().unwrap().to_owned());
    assert_eq!(values, ["Ada@Example.com", "ada", "Ada", "Lovelace", "+44 20 7946 0000"]);
    assert_eq!(
        (&user["is_staff"], &user["is_superuser"], &user["is_active"]),
        (&json!(false), &json!(false), &json!(true))
    );
}

#[tokio::test]
async fn a_registration_names_every_wrong_field() {
    let shop = TestShop::start().await;
    let ada = json!({"email": "ada@example.com", "password": PASSWORD, "username": "ada"});
    assert_eq!(shop.post("/accounts/register/", None, &ada).await.status, 201);
    let register = async |body: Value| fields(&shop.post("/accounts/register/", None, &body).await);
    assert_eq!(register(json!({})).await, ["email", "password"]);
    assert_eq!(register(json!({"email": 5, "password": null, "phone": []})).await, ["email", "password", "phone"]);
    let taken = json!({"email": "nobody", "password": "password", "username": "ADA", "first_name": "x".repeat(151)});
    assert_eq!(register(taken).await, ["email", "first_name", "password", "username"]);
    let weak = json!({"email": "bob@example.com", "password": "bob@example.com"});
    assert_eq!(register(weak).await, ["password"]);
    refused(
        &shop.server.send("POST", "/accounts/register/", &[("Content-Type", "application/json")], "{").await,
        400,
        "parse_error",
    );
    refused(
        &shop.server.send("POST", "/accounts/register/", &[("Content-Type", "text/plain")], "{}").await,
        415,
        "unsupported_media_type",
    );
}

#[tokio::test]
async fn a_taken_address_is_answered_alike_and_its_owner_told() {
    let shop = TestShop::start().await;
    let ada = shop.customer("ada").await;
    let body = json!({"email": "ADA@example.com", "password": OTHER_PASSWORD});
    let known = shop.post("/accounts/register/", None, &body).await;
    let unknown =
        shop.post("/accounts/register/", None, &json!({"email": "BOB@example.com", "password": PASSWORD})).await;
    assert_eq!((known.status, &known.json()["detail"]), (unknown.status, &unknown.json()["detail"]));
    assert_eq!(known.json()["email"], "ADA@example.com");
    let notice = shop.mails(&ada.email, 2).await.remove(1);
    assert!(notice.contains("/login"), "{notice}");
    refused(&shop.post("/accounts/login/", None, &body).await, 401, "invalid_credentials");
    shop.login(&ada.email, PASSWORD).await;
}

#[tokio::test]
async fn a_code_allows_five_tries_and_a_new_one_replaces_it() {
    let shop = TestShop::start().await;
    let email = "ada@example.com";
    shop.post("/accounts/register/", None, &json!({"email": email, "password": PASSWORD})).await;
    let first = shop.otp(email, 1).await;
    let wrong = if first == "000000" { "000001" } else { "000000" };
    let confirm =
        async |otp: &str| shop.post("/accounts/verify-otp/", None, &json!({"email": email, "otp": otp})).await;
    for _ in 0..5 {
        refused(&confirm(wrong).await, 400, "invalid_otp");
    }
    refused(&confirm(&first).await, 400, "invalid_otp");

    let resend = async |email: &str| shop.post("/accounts/resend-otp/", None, &json!({"email": email})).await;
    let (known, unknown) = (resend(email).await, resend("nobody@example.com").await);
    assert_eq!((known.status, known.body.as_str()), (200, unknown.body.as_str()));
    assert_eq!(unknown.status, 200);
    let second = shop.otp(email, 2).await;
    assert_eq!(resend(email).await.status, 200);
    let third = shop.otp(email, 3).await;
    if second != third {
        refused(&confirm(&second).await, 400, "invalid_otp");
    }
    assert_eq!(confirm(&third).await.status, 200);
    assert!(shop.mails_now("nobody@example.com").is_empty());

    refused(
        &shop.post("/accounts/verify-otp/", None, &json!({"email": "nobody@example.com", "otp": "123456"})).await,
        400,
        "invalid_otp",
    );
    assert_eq!(fields(&shop.post("/accounts/verify-otp/", None, &json!({"otp": "12345"})).await), ["email", "otp"]);
    assert_eq!(fields(&shop.post("/accounts/resend-otp/", None, &json!({})).await), ["email"]);
}

#[tokio::test]
async fn sign_in_takes_an_address_or_a_name_and_tells_nothing() {
    let shop = TestShop::start().await;
    let ada = shop.customer("ada").await;
    let login = async |body: Value| shop.post("/accounts/login/", None, &body).await;
    for good in [
        json!({"email": "ADA@Example.com", "password": PASSWORD}),
        json!({"username": "ada@example.com", "password": PASSWORD}),
    ] {
        let answer = login(good).await;
        assert_eq!(answer.status, 200);
        assert!(answer.json()["user"]["last_login"].as_str().unwrap().ends_with('Z'));
        assert_eq!(answer.json()["user"]["username"], Value::Null);
    }
    let wrong = login(json!({"email": ada.email, "password": "wrong"})).await;
    let unknown = login(json!({"email": "nobody@example.com", "password": "wrong"})).await;
    refused(&wrong, 401, "invalid_credentials");
    assert_eq!(wrong.json()["detail"], unknown.json()["detail"]);
    assert!(wrong.header("www-authenticate").is_some());
    assert_eq!(fields(&login(json!({})).await), ["email", "password"]);
    // An expired token sent along does not prevent signing in.
    let body = json!({"username": ada.email, "password": PASSWORD});
    let pair = shop.post("/accounts/token/", Some("over"), &body).await;
    assert_eq!((pair.status, pair.json().as_object().unwrap().len()), (200, 2));
    assert_eq!(fields(&shop.post("/accounts/token/", None, &json!({})).await), ["password", "username"]);
    refused(
        &shop.post("/accounts/token/", None, &json!({"username": ada.email, "password": "x"})).await,
        401,
        "invalid_credentials",
    );
}

#[tokio::test]
async fn a_refresh_token_rotates_and_its_replay_ends_the_session() {
    let clock = Arc::new(Forward::default());
    let shop = TestShop::start_as(&[], |builder| builder.clock(Arc::clone(&clock) as _)).await;
    let ada = shop.customer("ada").await;
    let refresh = async |token: &str| shop.post("/accounts/token/refresh/", None, &json!({"refresh": token})).await;
    let second = refresh(&ada.refresh).await;
    assert_eq!(second.status, 200);
    let (access, token) =
        (second.json()["access"].as_str().unwrap().to_owned(), second.json()["refresh"].as_str().unwrap().to_owned());
    assert_eq!(shop.get("/accounts/user/", Some(&access)).await.status, 200);

    let verify = async |token: &str| shop.post("/accounts/token/verify/", None, &json!({"token": token})).await;
    assert_eq!((verify(&access).await.status, verify(&token).await.body.as_str()), (200, "{}"));
    clock.pass(11);
    refused(&verify(&ada.refresh).await, 401, "token_not_valid");

    refused(&refresh(&ada.refresh).await, 401, "token_not_valid");
    refused(&refresh(&token).await, 401, "token_not_valid");
    refused(&shop.get("/accounts/user/", Some(&access)).await, 401, "token_not_valid");
    refused(&verify(&access).await, 401, "token_not_valid");

    let again = shop.login(&ada.email, PASSWORD).await;
    refused(&refresh(&again.access).await, 401, "token_not_valid");
    refused(&shop.get("/accounts/user/", Some(&again.refresh)).await, 401, "token_not_valid");
    assert_eq!(fields(&refresh_without(&shop).await), ["refresh"]);
    assert_eq!(fields(&shop.post("/accounts/token/verify/", None, &json!({"token": 1})).await), ["token"]);
}

async fn refresh_without(shop: &TestShop) -> TestResponse {
    shop.post("/accounts/token/refresh/", None, &Value::Null).await
}

#[tokio::test]
async fn sign_out_ends_the_session_and_no_other() {
    let shop = TestShop::start().await;
    let ada = shop.customer("ada").await;
    let elsewhere = shop.login(&ada.email, PASSWORD).await;
    let logout = async |token: &str| shop.post("/accounts/logout/", None, &json!({"refresh": token})).await;
    assert_eq!(logout(&ada.refresh).await.status, 204);
    refused(&shop.get("/accounts/user/", Some(&ada.access)).await, 401, "token_not_valid");
    assert_eq!(shop.get("/accounts/user/", Some(&elsewhere.access)).await.status, 200);
    refused(&logout(&ada.refresh).await, 401, "token_not_valid");
    refused(&logout(&elsewhere.access).await, 401, "token_not_valid");
    assert_eq!(fields(&shop.post("/accounts/logout/", None, &json!({})).await), ["refresh"]);
}

#[tokio::test]
async fn a_changed_password_ends_every_session_and_opens_one() {
    let shop = TestShop::start().await;
    let ada = shop.customer("ada").await;
    let elsewhere = shop.login(&ada.email, PASSWORD).await;
    let change = async |access: Option<&str>, body: Value| shop.post("/accounts/change-password/", access, &body).await;
    refused(&change(None, json!({})).await, 401, "not_authenticated");
    assert_eq!(fields(&change(Some(&ada.access), json!({})).await), ["new_password", "old_password"]);
    let both = json!({"old_password": "wrong", "new_password": "12345678"});
    assert_eq!(fields(&change(Some(&ada.access), both).await), ["new_password", "old_password"]);

    let answer = change(Some(&ada.access), json!({"old_password": PASSWORD, "new_password": OTHER_PASSWORD})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    assert_eq!(shop.get("/accounts/user/", body["access"].as_str()).await.status, 200);
    for token in [&ada.access, &elsewhere.access] {
        refused(&shop.get("/accounts/user/", Some(token)).await, 401, "token_not_valid");
    }
    let refresh = shop.post("/accounts/token/refresh/", None, &json!({"refresh": elsewhere.refresh})).await;
    refused(&refresh, 401, "token_not_valid");
    refused(
        &shop.post("/accounts/login/", None, &json!({"email": ada.email, "password": PASSWORD})).await,
        401,
        "invalid_credentials",
    );
    shop.login(&ada.email, OTHER_PASSWORD).await;
    let mail = shop.mails(&ada.email, 2).await.remove(1);
    assert!(mail.contains("changed") && !mail.contains(OTHER_PASSWORD));
}

#[tokio::test]
async fn a_reset_link_works_once_and_ends_every_session() {
    let shop = TestShop::start().await;
    let ada = shop.customer("ada").await;
    let ask = async |email: &str| shop.post("/accounts/request-reset-email/", None, &json!({"email": email})).await;
    let (known, unknown) = (ask("ADA@example.com").await, ask("nobody@example.com").await);
    assert_eq!((known.status, known.body.as_str()), (200, unknown.body.as_str()));
    let (uidb64, token) = shop.reset_link(&ada.email, 2).await;
    let path = format!("/accounts/password-reset-confirm/{uidb64}/{token}/");
    let body = json!({"new_password": OTHER_PASSWORD});
    assert_eq!(fields(&shop.post(&path, None, &json!({"new_password": "short"})).await), ["new_password"]);
    for wrong in [
        format!("{uidb64}/{token}x"),
        format!("{uidb64}/x"),
        format!("x/{token}"),
        "AAAAAAAAAAAAAAAAAAAAAA/1-a".to_owned(),
    ] {
        refused(
            &shop.post(&format!("/accounts/password-reset-confirm/{wrong}/"), None, &body).await,
            400,
            "invalid_token",
        );
    }
    let changed = shop.post(&path, None, &body).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    refused(&shop.post(&path, None, &body).await, 400, "invalid_token");
    refused(&shop.get("/accounts/user/", Some(&ada.access)).await, 401, "token_not_valid");
    shop.login(&ada.email, OTHER_PASSWORD).await;
    assert!(shop.mails_now("nobody@example.com").is_empty());
    assert_eq!(fields(&shop.post("/accounts/request-reset-email/", None, &json!({"email": "x"})).await), ["email"]);
}

#[tokio::test]
async fn a_profile_is_read_and_changed_by_its_owner() {
    let shop = TestShop::start().await;
    let (ada, bob) = (shop.customer("ada").await, shop.customer("bob").await);
    refused(&shop.get("/accounts/user/", None).await, 401, "not_authenticated");
    let profile = shop.get("/accounts/user/", Some(&ada.access)).await;
    let mut names: Vec<_> = profile.json().as_object().unwrap().keys().cloned().collect();
    names.sort();
    let expected = [
        "date_joined",
        "email",
        "first_name",
        "id",
        "is_active",
        "is_staff",
        "is_superuser",
        "last_login",
        "last_name",
        "phone",
        "username",
    ];
    assert_eq!(names, expected);

    let patch = async |access: &str, body: Value| shop.call("PATCH", "/accounts/user/", Some(access), &body).await;
    let body = json!({"first_name": "Ada", "username": "countess", "email": "evil@example.com", "is_staff": true, "id": bob.id});
    let changed = patch(&ada.access, body).await;
    assert_eq!(changed.status, 200);
    let user = changed.json();
    assert_eq!(
        (&user["first_name"], &user["username"], &user["email"]),
        (&json!("Ada"), &json!("countess"), &json!("ada@example.com"))
    );
    assert_eq!((&user["is_staff"], user["id"].as_str()), (&json!(false), Some(ada.id.as_str())));
    assert_eq!(fields(&patch(&bob.access, json!({"username": "Countess", "phone": 1})).await), ["phone", "username"]);
    let cleared = patch(&ada.access, json!({"username": null, "first_name": ""})).await.json();
    assert_eq!((&cleared["username"], &cleared["first_name"]), (&Value::Null, &json!("")));
    assert_eq!(patch(&bob.access, json!({"username": "Countess"})).await.json()["username"], "Countess");
    assert_eq!(patch(&bob.access, json!({})).await.status, 200);
}

#[tokio::test]
async fn staff_lists_finds_and_shuts_out_people() {
    let shop = TestShop::start().await;
    let (boss, ada, bob) = (shop.staff("boss").await, shop.customer("ada").await, shop.customer("bob").await);
    let one = format!("/accounts/users/{}/", ada.id);
    for (method, path) in [("GET", "/accounts/users/"), ("GET", &one), ("PATCH", &one)] {
        refused(&shop.call(method, path, None, &Value::Null).await, 401, "not_authenticated");
        refused(
            &shop.call(method, path, Some(&bob.access), &json!({"is_active": "x"})).await,
            403,
            "permission_denied",
        );
    }
    let list = async |query: &str| shop.get(&format!("/accounts/users/{query}"), Some(&boss.access)).await;
    let all = list("?page_size=2&ordering=email").await.json();
    assert_eq!((&all["count"], &all["results"][0]["email"]), (&json!(3), &json!("ada@example.com")));
    assert!(all["next"].as_str().unwrap().contains("page=2") && all["previous"].is_null());
    let found = list("?search=BOB@").await.json();
    assert_eq!((&found["count"], &found["results"][0]["email"]), (&json!(1), &json!("bob@example.com")));
    assert_eq!(list("?is_staff=true").await.json()["count"], 1);
    assert_eq!(fields(&list("?ordering=password_hash").await), ["ordering"]);
    assert_eq!(fields(&list("?is_active=maybe").await), ["is_active"]);
    assert_eq!(fields(&list("?page=0&page_size=101").await), ["page", "page_size"]);

    assert_eq!(shop.get(&one, Some(&boss.access)).await.json()["email"], "ada@example.com");
    let nobody = "/accounts/users/00000000-0000-0000-0000-000000000000/";
    refused(&shop.get(nobody, Some(&boss.access)).await, 404, "not_found");
    refused(&shop.get("/accounts/users/ada/", Some(&boss.access)).await, 404, "not_found");

    let patch = async |person: &str, id: &str, body: Value| {
        shop.call("PATCH", &format!("/accounts/users/{id}/"), Some(person), &body).await
    };
    assert_eq!(
        fields(&patch(&boss.access, &ada.id, json!({"is_active": null, "is_staff": "yes"})).await),
        ["is_active", "is_staff"]
    );
    assert_eq!(patch(&boss.access, &bob.id, json!({"is_staff": true})).await.json()["is_staff"], true);
    // Bob is staff at once, but not a superuser.
    refused(&patch(&bob.access, &ada.id, json!({"is_staff": true})).await, 403, "permission_denied");
    refused(&patch(&bob.access, &boss.id, json!({"is_active": false})).await, 403, "permission_denied");
    refused(&patch(&boss.access, &boss.id, json!({"is_active": false})).await, 409, "invalid_transition");
    assert_eq!(patch(&bob.access, &ada.id, json!({"is_active": false, "email": "x"})).await.json()["is_active"], false);
    refused(&shop.get("/accounts/user/", Some(&ada.access)).await, 401, "token_not_valid");
    refused(
        &shop.post("/accounts/login/", None, &json!({"email": ada.email, "password": PASSWORD})).await,
        401,
        "invalid_credentials",
    );
    assert_eq!(patch(&bob.access, &ada.id, json!({"is_active": true})).await.status, 200);
    refused(&shop.get("/accounts/user/", Some(&ada.access)).await, 401, "token_not_valid");
    shop.login(&ada.email, PASSWORD).await;
}

#[tokio::test]
async fn tries_are_limited_by_account() {
    let ada = json!({"email": "ada@example.com"});
    let cases = [
        ("/accounts/login/", ada.clone(), 10),
        ("/accounts/token/", json!({"username": "ada@example.com"}), 10),
        ("/accounts/verify-otp/", ada.clone(), 10),
        ("/accounts/password-reset-confirm/AAAAAAAAAAAAAAAAAAAAAQ/token/", json!({}), 10),
        ("/accounts/register/", ada.clone(), 5),
        ("/accounts/resend-otp/", ada.clone(), 5),
        ("/accounts/request-reset-email/", ada, 5),
    ];
    for (path, body, tries) in cases {
        // Each case gets its own shop, because all of them share the client address.
        let shop = TestShop::start_with(&[("RATE_LIMIT", "on")]).await;
        for _ in 0..tries {
            assert_ne!(shop.post(path, None, &body).await.status, 429, "{path}");
        }
        let answer = shop.post(path, None, &body).await;
        refused(&answer, 429, "throttled");
        assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
        // Another spelling names the same account.
        for spelling in ["ＡＤＡ@example.com", " Ada@Example.COM\u{3000}", "ａｄａ@ｅｘａｍｐｌｅ.com"] {
            let mut respelled = body.clone();
            for name in ["email", "username"] {
                if respelled[name].is_string() {
                    respelled[name] = json!(spelling);
                }
            }
            refused(&shop.post(path, None, &respelled).await, 429, "throttled");
        }
    }
}

#[tokio::test]
async fn tries_are_limited_by_address() {
    let shop = TestShop::start_with(&[("RATE_LIMIT", "on")]).await;
    let verify = async |number: u32| {
        let body = json!({"email": format!("nobody{number}@example.com"), "otp": "123456"});
        shop.post("/accounts/verify-otp/", None, &body).await
    };
    for number in 0..60 {
        refused(&verify(number).await, 400, "invalid_otp");
    }
    let mut throttled = verify(60).await;
    // One more attempt is allowed for each second that has passed meanwhile.
    for number in 61..120 {
        if throttled.status == 429 {
            break;
        }
        throttled = verify(number).await;
    }
    refused(&throttled, 429, "throttled");
}

#[tokio::test]
async fn codes_links_and_tokens_end_in_time() {
    let clock = Arc::new(Forward::default());
    let shop = TestShop::start_as(&[], |builder| builder.clock(Arc::clone(&clock) as _)).await;
    let email = "ada@example.com";
    let person = json!({"email": email, "password": PASSWORD});
    assert_eq!(shop.post("/accounts/register/", None, &person).await.status, 201);
    let verify = async |otp: &str| shop.post("/accounts/verify-otp/", None, &json!({"email": email, "otp": otp})).await;
    let first = shop.otp(email, 1).await;
    clock.pass(10 * 60 + 1);
    refused(&verify(&first).await, 400, "invalid_otp");
    assert_eq!(shop.post("/accounts/resend-otp/", None, &json!({"email": email})).await.status, 200);
    let second = shop.otp(email, 2).await;
    clock.pass(9 * 60);
    assert_eq!(verify(&second).await.status, 200);

    let ada = shop.login(email, PASSWORD).await;
    assert_eq!(shop.post("/accounts/request-reset-email/", None, &json!({"email": email})).await.status, 200);
    let (uidb64, token) = shop.reset_link(email, 3).await;
    assert_eq!(shop.get("/accounts/user/", Some(&ada.access)).await.status, 200);
    clock.pass(60 * 60 + 1);
    refused(&shop.get("/accounts/user/", Some(&ada.access)).await, 401, "token_not_valid");
    let path = format!("/accounts/password-reset-confirm/{uidb64}/{token}/");
    let changed = shop.post(&path, None, &json!({"new_password": OTHER_PASSWORD})).await;
    refused(&changed, 400, "invalid_token");
    let body = json!({"refresh": ada.refresh});
    assert_eq!(shop.post("/accounts/token/refresh/", None, &body).await.status, 200);
}

/// A hasher that behaves as if too many passwords were queued.
struct Busy;

#[async_trait]
impl PasswordHasher for Busy {
    async fn hash(&self, _: Secret) -> Result<String> {
        Err(Error::Unavailable { retry_after: 2, source: None })
    }

    async fn verify(&self, _: Secret, _: Option<String>) -> Result<Verified> {
        Err(Error::Unavailable { retry_after: 2, source: None })
    }
}

#[tokio::test]
async fn too_many_sign_ins_are_told_when_to_come_again() {
    let shop = TestShop::start_as(&[], |builder| builder.password_hasher(Arc::new(Busy))).await;
    let person = json!({"email": "ada@example.com", "password": PASSWORD});
    let named = json!({"username": "ada@example.com", "password": PASSWORD});
    for (path, person) in
        [("/accounts/login/", &person), ("/accounts/token/", &named), ("/accounts/register/", &person)]
    {
        let answer = shop.post(path, None, person).await;
        refused(&answer, 503, "unavailable");
        assert_eq!(answer.header("retry-after"), Some("2"), "{path}");
    }
    assert_eq!(shop.get("/catalog/products/", None).await.status, 200);
}

#[tokio::test]
async fn a_cart_token_that_opens_nothing_keeps_nobody_out() {
    let shop = TestShop::start().await;
    let ada = shop.customer("ada").await;
    let body = json!({"email": ada.email, "password": PASSWORD});
    let answer = shop.call_with("POST", "/accounts/login/", &[("X-Cart-Token", "nonsense")], &body).await;
    assert_eq!(answer.status, 200);
}
