//! Cookie mode: tokens hidden from scripts, and the CSRF guard.

use serde_json::{Value, json};

use crate::support::{PASSWORD, TestResponse, TestShop};

const ORIGIN: (&str, &str) = ("Origin", "http://localhost:3000");

/// The cookies of a browser.
#[derive(Debug, Clone, Default)]
struct Jar(Vec<(String, String)>);

impl Jar {
    fn take(&mut self, answer: &TestResponse) {
        for (_, line) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (pair, attributes) = line.split_once("; ").unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            assert!(attributes.contains("Path=/") && attributes.contains("SameSite=Lax"), "{line}");
            assert!(attributes.contains("Secure") && !attributes.contains("Domain"), "{line}");
            assert_eq!(name.starts_with("__Host-"), name != "csrftoken", "{line}");
            assert_eq!(attributes.contains("HttpOnly"), name != "csrftoken", "{line}");
            self.0.retain(|(known, _)| known != name);
            if !attributes.contains("Max-Age=0;") {
                self.0.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    fn header(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn get(&self, name: &str) -> String {
        self.0.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no {name} in {self:?}")).1.clone()
    }
}

async fn cookie_shop() -> TestShop {
    TestShop::start_with(&[("AUTH_COOKIES", "True"), ("CORS_ALLOWED_ORIGINS", ORIGIN.1)]).await
}

/// The signed-in browser of a registered user.
async fn signed_in(shop: &TestShop, name: &str) -> Jar {
    let email = shop.registered(name).await;
    let mut jar = Jar::default();
    jar.take(&shop.post("/accounts/login/", None, &json!({"email": email, "password": PASSWORD})).await);
    jar
}

fn holds_no_token(answer: &TestResponse) {
    let body = answer.json();
    assert!(answer.status == 200 && body.get("access").is_none() && body.get("refresh").is_none(), "{answer:?}");
    // Every token starts with this prefix.
    assert!(!answer.body.contains("eyJ"), "{answer:?}");
}

async fn send(
    shop: &TestShop,
    method: &str,
    path: &str,
    jar: &Jar,
    headers: &[(&str, &str)],
    body: &Value,
) -> TestResponse {
    let cookies = jar.header();
    let mut all = vec![("Cookie", cookies.as_str())];
    all.extend(headers);
    shop.call_with(method, path, &all, body).await
}

#[track_caller]
fn refused(answer: &TestResponse, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{answer:?}");
}

#[tokio::test]
async fn a_cookie_reads_freely_and_writes_with_the_sessions_word_from_an_allowed_page() {
    let shop = cookie_shop().await;
    let jar = signed_in(&shop, "ada").await;
    let other = signed_in(&shop, "bob").await;
    assert_eq!(send(&shop, "GET", "/accounts/user/", &jar, &[], &Value::Null).await.status, 200);

    let body = json!({"first_name": "Ada"});
    let word = jar.get("csrftoken");
    let patch = async |headers: &[(&str, &str)]| send(&shop, "PATCH", "/accounts/user/", &jar, headers, &body).await;
    refused(&patch(&[ORIGIN]).await, 403, "csrf_failed");
    refused(&patch(&[("X-CSRFToken", &word)]).await, 403, "csrf_failed");
    refused(&patch(&[("X-CSRFToken", &word), ("Origin", "http://evil.example")]).await, 403, "csrf_failed");
    // A planted cookie pair: a valid CSRF token, but of another session.
    let mut planted = jar.clone();
    planted.0.retain(|(name, _)| name != "csrftoken");
    planted.0.push(("csrftoken".to_owned(), other.get("csrftoken")));
    let headers = [("X-CSRFToken", &*other.get("csrftoken")), ORIGIN];
    refused(&send(&shop, "PATCH", "/accounts/user/", &planted, &headers, &body).await, 403, "csrf_failed");
    let changed = patch(&[("X-CSRFToken", &word), ORIGIN]).await;
    assert_eq!((changed.status, &changed.json()["first_name"]), (200, &json!("Ada")));
    assert_eq!(changed.header("access-control-allow-credentials"), Some("true"));
    // A bearer token needs no CSRF token, and takes precedence over the cookie.
    let bearer = format!("Bearer {}", other.get("__Host-access"));
    let theirs = send(&shop, "PATCH", "/accounts/user/", &jar, &[("Authorization", &bearer)], &body).await;
    assert_eq!(theirs.json()["email"], "bob@example.com");
}

#[tokio::test]
async fn refresh_and_sign_out_take_the_cookie() {
    let shop = cookie_shop().await;
    let mut jar = signed_in(&shop, "ada").await;
    let old = jar.clone();
    let word = jar.get("csrftoken");
    let with_word = [("X-CSRFToken", &*word), ORIGIN];
    refused(&send(&shop, "POST", "/accounts/token/refresh/", &jar, &[ORIGIN], &Value::Null).await, 403, "csrf_failed");
    let refreshed = send(&shop, "POST", "/accounts/token/refresh/", &jar, &with_word, &Value::Null).await;
    assert_eq!(refreshed.status, 200);
    jar.take(&refreshed);
    holds_no_token(&refreshed);
    assert_ne!(jar.get("__Host-refresh"), old.get("__Host-refresh"));
    assert_eq!(jar.get("csrftoken"), word, "the word belongs to the session");
    // Another tab that sent the same cookie at the same time gets the same pair.
    let tab = send(&shop, "POST", "/accounts/token/refresh/", &old, &with_word, &Value::Null).await;
    assert_eq!(tab.status, 200);
    let mut other = old.clone();
    other.take(&tab);
    assert_eq!(
        (other.get("__Host-refresh"), other.get("__Host-access")),
        (jar.get("__Host-refresh"), jar.get("__Host-access"))
    );

    refused(&send(&shop, "POST", "/accounts/logout/", &jar, &[ORIGIN], &json!({})).await, 403, "csrf_failed");
    let out = send(&shop, "POST", "/accounts/logout/", &jar, &with_word, &json!({})).await;
    assert_eq!(out.status, 204, "{out:?}");
    let before = jar.clone();
    jar.take(&out);
    assert_eq!(
        jar.0.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["__Host-device"],
        "the browser stays known"
    );
    // The session has ended, not just the cookies of this browser. Where callers may be anonymous, its cookie counts as
    // none.
    refused(&send(&shop, "GET", "/accounts/user/", &before, &[], &Value::Null).await, 401, "token_not_valid");
    let again = send(&shop, "POST", "/accounts/logout/", &before, &with_word, &Value::Null).await;
    assert_eq!((again.status, again.headers.iter().filter(|(name, _)| name == "set-cookie").count()), (204, 3));
}

#[tokio::test]
async fn a_changed_password_goes_on_in_new_cookies() {
    let shop = cookie_shop().await;
    let mut jar = signed_in(&shop, "ada").await;
    let word = jar.get("csrftoken");
    let body = json!({"old_password": PASSWORD, "new_password": "another fine purple elephant"});
    let headers = [("X-CSRFToken", &*word), ORIGIN];
    let changed = send(&shop, "POST", "/accounts/change-password/", &jar, &headers, &body).await;
    holds_no_token(&changed);
    jar.take(&changed);
    assert_ne!(jar.get("csrftoken"), word);
    assert_eq!(send(&shop, "GET", "/accounts/user/", &jar, &[], &Value::Null).await.status, 200);
}

#[tokio::test]
async fn outside_cookie_mode_cookies_are_nothing() {
    let shop = TestShop::start().await;
    let person = shop.customer("ada").await;
    let answer = shop.post("/accounts/login/", None, &json!({"email": person.email, "password": PASSWORD})).await;
    assert_eq!(answer.header("set-cookie"), None);
    let listed = shop.call_with("GET", "/accounts/user/", &[ORIGIN], &Value::Null).await;
    assert_eq!(listed.header("access-control-allow-origin"), Some(ORIGIN.1));
    assert_eq!(listed.header("access-control-allow-credentials"), None);
    let jar = Jar(vec![("access".to_owned(), person.access), ("refresh".to_owned(), person.refresh)]);
    refused(&send(&shop, "GET", "/accounts/user/", &jar, &[], &Value::Null).await, 401, "not_authenticated");
    let refresh = send(&shop, "POST", "/accounts/token/refresh/", &jar, &[], &Value::Null).await;
    refused(&refresh, 400, "invalid");
}

#[tokio::test]
async fn in_cookie_mode_no_body_holds_a_token() {
    let shop = cookie_shop().await;
    let email = shop.registered("ada").await;
    let login = shop.post("/accounts/login/", None, &json!({"email": email, "password": PASSWORD})).await;
    holds_no_token(&login);
    assert_eq!(login.json()["user"]["email"], email.as_str());
    let token = shop.post("/accounts/token/", None, &json!({"username": email, "password": PASSWORD})).await;
    holds_no_token(&token);
    let mut jar = Jar::default();
    jar.take(&token);
    // Also not to a program that sends its refresh token in the body.
    let body = json!({"refresh": jar.get("__Host-refresh")});
    holds_no_token(&shop.post("/accounts/token/refresh/", None, &body).await);
}

#[tokio::test]
async fn cookies_without_the_prefix_are_not_accepted() {
    let shop = cookie_shop().await;
    let jar = signed_in(&shop, "ada").await;
    let strip = |(name, value): &(String, String)| (name.replace("__Host-", ""), value.clone());
    let plain = Jar(jar.0.iter().map(strip).collect());
    refused(&send(&shop, "GET", "/accounts/user/", &plain, &[], &Value::Null).await, 401, "not_authenticated");
    let headers = [("X-CSRFToken", &*jar.get("csrftoken")), ORIGIN];
    refused(&send(&shop, "POST", "/accounts/token/refresh/", &plain, &headers, &Value::Null).await, 400, "invalid");
}

#[tokio::test]
async fn no_page_may_use_cookies_that_was_not_named() {
    let shop = TestShop::start_with(&[("AUTH_COOKIES", "True")]).await;
    let jar = signed_in(&shop, "ada").await;
    let read = send(&shop, "GET", "/accounts/user/", &jar, &[ORIGIN], &Value::Null).await;
    assert_eq!((read.status, read.header("access-control-allow-origin")), (200, None));
    assert_eq!(read.header("access-control-allow-credentials"), None);
    let headers = [("X-CSRFToken", &*jar.get("csrftoken")), ORIGIN];
    let body = json!({"first_name": "Ada"});
    refused(&send(&shop, "PATCH", "/accounts/user/", &jar, &headers, &body).await, 403, "csrf_failed");
}

#[tokio::test]
async fn the_servers_own_page_is_known_by_its_public_address() {
    let shop = TestShop::start_with(&[("AUTH_COOKIES", "True"), ("PUBLIC_URL", "https://shop.example")]).await;
    let jar = signed_in(&shop, "ada").await;
    let word = jar.get("csrftoken");
    let body = json!({"first_name": "Ada"});
    for (origin, status) in [("https://shop.example", 200), ("http://shop.example", 403), ("http://shop.test", 403)] {
        let headers = [("X-CSRFToken", &*word), ("Origin", origin)];
        let answer = send(&shop, "PATCH", "/accounts/user/", &jar, &headers, &body).await;
        assert_eq!(answer.status, status, "{origin}");
    }
}
