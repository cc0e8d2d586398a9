//! Security events in the log: which account, from which address, in which request; never a secret.

use serde_json::{Value, json};

use crate::support::{PASSWORD, TestResponse, TestShop, text};

const OTHER: &str = "another fine purple elephant";

/// Sends one request with its own id.
fn send(shop: &TestShop, id: &str, path: &str, access: Option<&str>, body: &Value) -> TestResponse {
    let bearer = access.map(|access| format!("Bearer {access}"));
    let mut headers = vec![("X-Request-Id", id)];
    headers.extend(bearer.as_deref().map(|bearer| ("Authorization", bearer)));
    let method = if path.starts_with("/accounts/users/") { "PATCH" } else { "POST" };
    shop.client().ask(method, path, &headers, body)
}

/// The events of a request: `event`, and `user_id` if present.
fn events(log: &[String], id: &str) -> Vec<(String, Option<String>)> {
    let lines = log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let ours = lines.filter(|line| line["target"] == "security" && line["span"]["id"] == id);
    ours.map(|line| {
        assert_eq!(line["span"]["client"], "127.0.0.1", "{line}");
        (text(&line["event"]), line["user_id"].as_str().map(str::to_owned))
    })
    .collect()
}

#[test]
fn what_happens_to_accounts_is_logged_with_user_client_and_request() {
    let shop = TestShop::open();
    let access = shop.customer("ada@example.com");
    let login = |id: &str, name: &str, password: &str| {
        send(&shop, id, "/accounts/login/", None, &json!({"email": name, "password": password}))
    };
    let person = login("good", "ada@example.com", PASSWORD).expect(200);
    let ada = text(&person["user"]["id"]);
    let staff = text(&login("staff", "staff@example.com", PASSWORD).expect(200)["user"]["id"]);

    login("wrong", "ada@example.com", "hunter2-hunter2").expect(401);
    // A password entered as the user name.
    login("unknown", "hunter3-hunter3", "x").expect(401);
    let role = json!({"is_active": true});
    send(&shop, "refused", &format!("/accounts/users/{ada}/"), Some(&access), &role).expect(403);
    send(&shop, "role", &format!("/accounts/users/{ada}/"), Some(&shop.staff), &role).expect(200);

    // The first token is sent again after so many others that it no longer counts as a second tab.
    let first = json!({"refresh": person["refresh"]});
    let second = send(&shop, "one", "/accounts/token/refresh/", None, &first).expect(200);
    assert_eq!(send(&shop, "tab", "/accounts/token/refresh/", None, &first).expect(200), second);
    let mut last = second.clone();
    for _ in 0..9 {
        last = send(&shop, "more", "/accounts/token/refresh/", None, &json!({"refresh": last["refresh"]})).expect(200);
    }
    send(&shop, "replay", "/accounts/token/refresh/", None, &first).expect(401);

    let change = json!({"old_password": PASSWORD, "new_password": OTHER});
    send(&shop, "change", "/accounts/change-password/", Some(&access), &change).expect(200);
    send(&shop, "mail", "/accounts/request-reset-email/", None, &json!({"email": "ada@example.com"})).expect(200);
    let link = shop.link("ada@example.com", "/reset-password/");
    let reset = json!({"new_password": PASSWORD});
    send(&shop, "reset", &format!("/accounts/password-reset-confirm/{link}/"), None, &reset).expect(200);

    let (_, log) = shop.process.stop();
    let some = |event: &str, user: &str| vec![(event.to_owned(), Some(user.to_owned()))];
    for quiet in ["good", "one", "tab", "more", "mail"] {
        assert_eq!(events(&log, quiet), [], "{quiet}");
    }
    assert_eq!(events(&log, "wrong"), some("sign_in_failed", &ada));
    assert_eq!(events(&log, "unknown"), [("sign_in_failed".to_owned(), None)]);
    assert_eq!(events(&log, "refused"), some("refused", &ada));
    assert_eq!(events(&log, "role"), some("role_changed", &ada));
    assert!(log.iter().any(|line| line.contains("role_changed") && line.contains(&staff)), "who did it");
    assert_eq!(events(&log, "replay"), some("refresh_replayed", &ada));
    assert_eq!(events(&log, "change"), some("password_changed", &ada));
    assert_eq!(events(&log, "reset"), some("password_reset", &ada));
    let log = log.concat();
    for secret in ["hunter", PASSWORD, OTHER, &text(&second["refresh"]), &access, &link, "example.com"] {
        assert!(!log.contains(secret), "{secret}");
    }
}

#[test]
fn a_refused_csrf_token_is_logged_for_the_session_that_was_used() {
    let shop = TestShop::open();
    shop.customer("ada@example.com");
    let body = json!({"email": "ada@example.com", "password": PASSWORD});
    let (access, ada) = {
        let person = shop.call("POST", "/accounts/login/", None, &body).expect(200);
        (text(&person["access"]), text(&person["user"]["id"]))
    };
    shop.process.stop();
    let cookies = crate::support::Process::start(&shop.folder, &[("AUTH_COOKIES", "True")]);
    let cookie = format!("__Host-access={access}");
    let headers = [("X-Request-Id", "forged"), ("Cookie", cookie.as_str()), ("Origin", "https://evil.example")];
    let change = json!({"old_password": PASSWORD, "new_password": OTHER});
    let mut client = crate::support::Client::new(cookies.address);
    client.ask("POST", "/accounts/change-password/", &headers, &change).expect(403);
    let (_, log) = cookies.stop();
    assert_eq!(events(&log, "forged"), [("csrf_refused".to_owned(), Some(ada))]);
}

#[test]
fn a_configuration_that_may_harm_is_warned_of_at_the_start() {
    let folder = crate::support::Folder::new();
    let key = "a".repeat(40);
    folder.configure(&[("SECRET_KEY", &key), ("EMAIL_HOST", "mail.example"), ("EMAIL_HOST_PASSWORD", "hunter2")]);
    let start = |variables: &[(&str, &str)]| crate::support::Process::start(&folder, variables).stop().1.concat();
    let warned = start(&[]);
    for part in ["SECRET_KEY holds a key that can be guessed", "mail.example unencrypted", "chmod 600 .env"] {
        assert!(warned.contains(part), "{part}: {warned}");
    }
    assert!(!warned.contains(&key) && !warned.contains("hunter2"));

    let folder = crate::support::Folder::new();
    let start = |variables: &[(&str, &str)]| crate::support::Process::start(&folder, variables).stop().1.concat();
    assert!(start(&[]).contains("EMAIL_BACKEND is console"));
    let quiet = start(&[("EMAIL_BACKEND", "file"), ("EMAIL_FILE_PATH", "mails")]);
    assert!(!quiet.contains("EMAIL_BACKEND") && !quiet.contains("secret-key"), "{quiet}");
    let file = folder.file("db.sqlite3.secret-key");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    assert!(start(&[]).contains("run `chmod 600 db.sqlite3.secret-key`"));
}
