//! The whole journey at the trace log level: no secret is in the log, in the file, or in a response that does not issue
//! it.

use std::cell::RefCell;

use serde_json::{Value, json};

use crate::support::{Client, PASSWORD, Process, TestResponse, TestShop, order, text};

const KEY: &str = "a-signing-key-of-this-test-that-is-long-enough";
const CHANGED: &str = "another long pass phrase 42";
const RESET: &str = "a third and last pass phrase 7";
const ADA: &str = "ada@example.com";

/// All secrets that only their owners may see, each with a description.
#[derive(Default)]
struct Secrets(RefCell<Vec<(&'static str, String)>>);

impl Secrets {
    fn know(&self, what: &'static str, secret: &str) {
        assert!(secret.len() >= 6, "{what} is too short to be searched for");
        self.0.borrow_mut().push((what, secret.to_owned()));
    }

    /// Records the tokens of a response that issues them.
    fn learn(&self, body: &Value) {
        for name in ["access", "refresh", "token", "access_token", "secret"] {
            if let Some(token) = body[name].as_str() {
                self.know("a token", token);
            }
        }
    }

    #[track_caller]
    fn are_not_in(&self, place: &str, bytes: &[u8]) {
        for (what, secret) in self.0.borrow().iter() {
            assert!(!holds(bytes, secret.as_bytes()), "{what} ({secret}) is in {place}");
        }
    }
}

/// Whether the bytes contain the text; digits within longer numbers do not count.
fn holds(bytes: &[u8], text: &[u8]) -> bool {
    let is_digits = text.iter().all(u8::is_ascii_digit);
    let digit_at = |place: Option<usize>| place.and_then(|place| bytes.get(place)).is_some_and(u8::is_ascii_digit);
    bytes.windows(text.len()).enumerate().any(|(start, window)| {
        window == text && !(is_digits && (digit_at(start.checked_sub(1)) || digit_at(Some(start + text.len()))))
    })
}

/// A shop whose every response is checked.
struct Journey {
    shop: TestShop,
    secrets: Secrets,
}

impl Journey {
    /// Sends one request, and checks that its response contains no secret known before.
    #[track_caller]
    fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value, status: u16) -> Value {
        let answer: TestResponse = self.shop.client().ask(method, path, headers, body);
        let whole = format!("{:?}\n{}", answer.headers, answer.body);
        self.secrets.are_not_in(&format!("the answer to {method} {path}"), whole.as_bytes());
        let body = answer.expect(status);
        self.secrets.learn(&body);
        body
    }

    #[track_caller]
    fn post(&self, path: &str, body: &Value, status: u16) -> Value {
        self.call("POST", path, &[], body, status)
    }

    fn file_holds_none(&self) {
        for name in ["db.sqlite3", "db.sqlite3-wal"] {
            // Without a server there is no write-ahead log.
            if let Ok(bytes) = std::fs::read(self.shop.folder.file(name)) {
                self.secrets.are_not_in(name, &bytes);
            }
        }
    }
}

/// Runs a session with cookies; returns the log of its server.
fn in_cookies(journey: &Journey) -> Vec<String> {
    let server = Process::start(&journey.shop.folder, &[("RUST_LOG", "trace"), ("AUTH_COOKIES", "True")]);
    let mut client = Client::new(server.address);
    let answer = client.ask("POST", "/accounts/login/", &[], &json!({"email": ADA, "password": RESET}));
    let cookies: Vec<_> = answer.headers.iter().filter(|(name, _)| name == "set-cookie").collect();
    let pairs: Vec<_> = cookies.iter().filter_map(|(_, cookie)| cookie.split(';').next()).collect();
    assert!(pairs.len() > 1, "{answer:?}");
    for pair in &pairs {
        journey.secrets.know("a cookie", pair.split_once('=').unwrap().1);
    }
    journey.secrets.are_not_in("the body of a sign-in", answer.body.as_bytes());
    answer.expect(200);
    let answer = client.ask("GET", "/accounts/user/", &[("Cookie", &pairs.join("; "))], &Value::Null);
    journey.secrets.are_not_in("the answer to its owner", answer.body.as_bytes());
    answer.expect(200);
    let (status, log) = server.stop();
    assert!(status.success());
    log
}

#[test]
fn secrets_are_in_no_log_no_file_and_no_answer() {
    let mut shop = TestShop::open_with(&[("SECRET_KEY", KEY)]);
    assert!(shop.process.stop().0.success());
    shop.process = Process::start(&shop.folder, &[("RUST_LOG", "trace")]);
    let journey = Journey { shop, secrets: Secrets::default() };
    let shop = &journey.shop;
    let secrets = &journey.secrets;
    for (what, secret) in [("the key", KEY), ("a password", PASSWORD), ("a password", CHANGED), ("a password", RESET)] {
        secrets.know(what, secret);
    }
    secrets.know("a token", &shop.staff);

    // An account, its code, its sign-in.
    journey.post("/accounts/register/", &json!({"email": ADA, "password": PASSWORD}), 201);
    let code = shop.otp(ADA);
    secrets.know("a code", &code);
    journey.post("/accounts/login/", &json!({"email": ADA, "password": PASSWORD}), 403);
    journey.post("/accounts/verify-otp/", &json!({"email": ADA, "otp": code}), 200);
    journey.post("/accounts/login/", &json!({"email": ADA, "password": CHANGED}), 401);
    journey.post("/accounts/register/", &json!({"email": ADA, "password": CHANGED, "username": 5}), 400);
    let session = journey.post("/accounts/login/", &json!({"email": ADA, "password": PASSWORD}), 200);
    let session = journey.post("/accounts/token/refresh/", &json!({"refresh": session["refresh"]}), 200);
    journey.post("/accounts/token/verify/", &json!({"token": session["access"]}), 200);
    let access = text(&session["access"]);
    let bearer = format!("Bearer {access}");
    let ada = [("Authorization", bearer.as_str())];
    journey.call("GET", "/accounts/user/", &ada, &Value::Null, 200);

    // Goods, a guest's order and a customer's.
    let goods = shop.product("SHIRT", 100);
    let (_, method) = shop.shipping();
    let cart = text(&journey.post("/cart/items/", &json!({"sku": goods.sku}), 201)["token"]);
    let guest = [("X-Cart-Token", cart.as_str()), ("Idempotency-Key", "guest-1")];
    journey.call("GET", "/cart/", &guest, &Value::Null, 200);
    let placed = journey.call("POST", "/orders/", &guest, &order(&method), 201);
    let opened = text(&placed["access_token"]);
    let path = format!("/orders/{}/", text(&placed["id"]));
    journey.call("GET", &path, &[("X-Order-Token", opened.as_str())], &Value::Null, 200);
    journey.call("POST", "/cart/items/", &ada, &json!({"sku": goods.sku}), 201);
    let placed = journey.call("POST", "/orders/", &ada, &order(&method), 201);
    let staff = format!("Bearer {}", shop.staff);
    let staff = [("Authorization", staff.as_str())];
    let capture = format!("/payments/{}/capture/", text(&placed["payments"][0]["id"]));
    journey.call("POST", &capture, &staff, &json!({}), 200);
    let webhook = json!({"url": "https://hooks.example.com/", "events": ["*"], "active": false});
    let webhook = journey.call("POST", "/webhooks/", &staff, &webhook, 201);
    let webhook = format!("/webhooks/{}/", text(&webhook["id"]));
    journey.call("POST", &format!("{webhook}rotate-secret/"), &staff, &Value::Null, 200);
    journey.call("GET", &webhook, &staff, &Value::Null, 200);
    journey.call("POST", "/shipping/shipments/", &staff, &json!({"order_id": placed["id"]}), 201);
    for path in ["/orders/", "/accounts/users/", "/payments/", "/inventory/movements/"] {
        journey.call("GET", path, &staff, &Value::Null, 200);
    }

    // New passwords, both ways; and the same secrets where they are wrong.
    let change = json!({"old_password": PASSWORD, "new_password": CHANGED});
    let session = journey.call("POST", "/accounts/change-password/", &ada, &change, 200);
    journey.call("GET", "/accounts/user/", &ada, &Value::Null, 401);
    journey.post("/accounts/request-reset-email/", &json!({"email": ADA}), 200);
    let reset = shop.link(ADA, "/reset-password/");
    secrets.know("a reset token", reset.split('/').nth(1).unwrap());
    journey.post(&format!("/accounts/password-reset-confirm/{reset}/"), &json!({"new_password": RESET}), 200);
    journey.post(&format!("/accounts/password-reset-confirm/{reset}/"), &json!({"new_password": RESET}), 400);
    journey.post("/accounts/token/refresh/", &json!({"refresh": session["refresh"]}), 401);
    let session = journey.post("/accounts/login/", &json!({"email": ADA, "password": RESET}), 200);
    journey.post("/accounts/logout/", &json!({"refresh": session["refresh"]}), 204);
    // Secrets in the wrong place are refused and not echoed.
    let stray = format!("/orders/?ordering={access}&search={code}");
    journey.call("GET", &stray, &[("Authorization", "Bearer nonsense")], &json!(PASSWORD), 401);

    journey.file_holds_none();
    let (status, mut log) = shop.process.stop();
    assert!(status.success());
    log.extend(in_cookies(&journey));
    let requests = log.iter().filter(|line| line.contains("\"target\":\"access\"")).count();
    assert!(requests > 25, "the log is too quiet to prove anything: {requests}");
    secrets.are_not_in("the log", log.join("\n").as_bytes());
    journey.file_holds_none();
    shop.folder.is_sound();
}
