//! Operating a shop: first start, configuration, superusers, backups, checks, stops.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;

use serde_json::{Value, json};

use crate::support::{Client, Folder, PASSWORD, Process, TestShop, order, text};

/// The output of a failed subcommand, which must not be empty or contain a panic.
#[track_caller]
pub(crate) fn refusal(output: &Output) -> String {
    let said = String::from_utf8([output.stdout.as_slice(), output.stderr.as_slice()].concat()).unwrap();
    assert!(!output.status.success() && !said.is_empty() && !said.contains("panicked"), "{output:?}");
    said
}

#[track_caller]
pub(crate) fn succeeds(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The key stored next to the database.
pub(crate) fn kept_key(folder: &Folder) -> String {
    fs::read_to_string(folder.file("db.sqlite3.secret-key")).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_first_start_makes_private_files_and_a_restart_keeps_tokens_valid() {
    let folder = Folder::new();
    folder.configure(&[("SUPERUSER_PASSWORD", "")]);
    let server = Process::start(&folder, &[]);
    for name in ["db.sqlite3", "db.sqlite3.secret-key"] {
        assert_eq!(mode(&folder.file(name)), 0o600, "{name}");
    }
    let superuser = ["createsuperuser", "--email", "boss@example.com", "--noinput"];
    succeeds(&folder.run(&superuser, &[("SUPERUSER_PASSWORD", PASSWORD)]));
    let login = json!({"email": "boss@example.com", "password": PASSWORD});
    let login = Client::new(server.address).ask("POST", "/accounts/login/", &[], &login).expect(200);
    assert_eq!(server.stop().0.code(), Some(0));

    let server = Process::start(&folder, &[]);
    let bearer = format!("Bearer {}", text(&login["access"]));
    let headers = [("Authorization", bearer.as_str())];
    let me = Client::new(server.address).ask("GET", "/accounts/user/", &headers, &Value::Null);
    assert_eq!(me.expect(200)["is_superuser"], true);
}

#[test]
fn the_seeds_own_configuration_works_unchanged() {
    let folder = Folder::new();
    folder.configure(&[
        ("SECRET_KEY", "django-insecure-change-me"),
        ("DEBUG", "True"),
        ("DB_ENGINE", "django.db.backends.sqlite3"),
        ("DB_NAME", "seed.sqlite3"),
        ("DB_USER", ""),
        ("DB_PASSWORD", ""),
        ("DB_HOST", ""),
        ("DB_PORT", ""),
        ("EMAIL_HOST_USER", "you@example.com"),
        ("EMAIL_HOST_PASSWORD", "app-password"),
    ]);
    let server = Process::start(&folder, &[]);
    let answer = Client::new(server.address).ask("GET", "/readyz", &[], &Value::Null);
    assert_eq!(answer.status, 200);
    let (status, log) = server.stop();
    assert!(status.success());
    assert!(log.iter().all(|line| serde_json::from_str::<Value>(line).is_err()), "for people: {log:?}");
    let log = log.join("\n");
    assert!(log.contains("WARN") && log.contains("SECRET_KEY"), "a short key is warned of: {log}");
    assert!(!log.contains("django-insecure") && !log.contains("app-password"), "{log}");
    assert!(folder.file("seed.sqlite3").exists());
    assert!(!folder.file("seed.sqlite3.secret-key").exists(), "the given key is used");

    // The same key without DEBUG is refused, in one line that names the variable and does not show the key.
    let said = refusal(&folder.run(&["serve"], &[("DEBUG", "False")]));
    assert!(said.contains("SECRET_KEY") && said.lines().count() == 1 && !said.contains("django"), "{said}");
}

#[test]
fn log_lines_are_json_in_a_pipe_unless_text_is_asked_for() {
    let folder = Folder::new();
    let logged = |variables: &[(&str, &str)]| {
        let server = Process::start(&folder, variables);
        let (address, (status, log)) = (server.address, server.stop());
        assert!(status.success() && !log.is_empty());
        let link = format!("http://{address}/");
        assert!(log.iter().any(|line| line.contains("listening") && line.contains(&link)), "a link: {log:?}");
        log
    };
    for variables in [&[][..], &[("LOG_FORMAT", "auto")], &[("LOG_FORMAT", "json"), ("DEBUG", "True")]] {
        let log = logged(variables);
        assert!(log.iter().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{variables:?}: {log:?}");
    }
    for variables in [&[("LOG_FORMAT", "text")][..], &[("DEBUG", "True")]] {
        let log = logged(variables);
        assert!(log.iter().all(|line| serde_json::from_str::<Value>(line).is_err()), "{variables:?}: {log:?}");
        assert!(!log.join("").contains('\u{1b}'), "colors are for terminals: {log:?}");
    }
}

#[test]
fn every_wrong_variable_is_named_in_one_line() {
    let folder = Folder::new();
    let wrong = [
        ("DEBUG", "perhaps"),
        ("DB_ENGINE", "mysql"),
        ("DB_ENGINE", "oracle"),
        ("DATABASE_URL", "mysql://a/b"),
        ("DB_NAME", ":memory:"),
        ("BIND", "8000"),
        ("BIND", "127.0.0.1:http"),
        ("BIND", "203.0.113.7:9"),
        ("CORS_ALLOWED_ORIGINS", "*"),
        ("FRONTEND_URL", "shop.example"),
        ("CURRENCY", "dollars"),
        ("ACCESS_TOKEN_LIFETIME", "-1"),
        ("REFRESH_TOKEN_LIFETIME", "a day"),
        ("RESERVATION_TTL", "0"),
        ("MANUAL_PAYMENT_TTL", "a week"),
        ("GUEST_CART_TTL", "a month"),
        ("RATE_LIMIT", "perhaps"),
        ("LOG_FORMAT", "xml"),
        ("AUTH_COOKIES", "2"),
        ("SECRET_KEY", "short"),
        ("EMAIL_BACKEND", "pigeon"),
        ("EMAIL_BACKEND", "file"),
        ("EMAIL_PORT", "smtp"),
        ("DEFAULT_FROM_EMAIL", "nobody"),
    ];
    for (name, value) in wrong {
        let mut variables = vec![(name, value)];
        if name == "EMAIL_PORT" {
            variables.push(("EMAIL_HOST", "localhost"));
        }
        let output = folder.run(&["serve"], &variables);
        let said = refusal(&output);
        let lines: Vec<_> = said.lines().filter(|line| !line.starts_with('{')).collect();
        let named = if value == "file" { "EMAIL_FILE_PATH" } else { name };
        assert!(lines.len() == 1 && lines[0].contains(named), "{name}={value}: {said}");
    }
}

#[test]
fn a_superuser_is_asked_for_an_address_and_twice_for_a_password() {
    let folder = Folder::new();
    let ask = |typed: &str| {
        let mut child = folder.command(&["createsuperuser"]).stdin(Stdio::piped()).spawn().unwrap();
        // The child may already have exited.
        let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
        child.wait_with_output().unwrap()
    };
    assert!(refusal(&ask("boss@example.com\n")).contains("no answer was given"));
    let differ = format!("boss@example.com\n{PASSWORD}\n{PASSWORD}!\n");
    assert!(refusal(&ask(&differ)).contains("differ"));
    let weak = refusal(&ask("boss@example.com\npassword\npassword\n"));
    assert!(weak.contains("password: "), "{weak}");
    let weak = refusal(&ask("no-address\n12345\n12345\n"));
    assert!(weak.contains("email: ") && weak.contains("password: "), "all that is wrong at once: {weak}");
    let made = ask(&format!("boss@example.com\n{PASSWORD}\n{PASSWORD}\n"));
    assert!(succeeds(&made).contains("boss@example.com"));
    let said = String::from_utf8(made.stderr).unwrap();
    assert_eq!(said.matches("assword").count(), 2, "{said}");
    assert!(!said.contains(PASSWORD));

    let server = Process::start(&folder, &[]);
    let login = json!({"email": "boss@example.com", "password": PASSWORD});
    let user = Client::new(server.address).ask("POST", "/accounts/login/", &[], &login).expect(200);
    assert_eq!((&user["user"]["is_active"], &user["user"]["is_staff"]), (&json!(true), &json!(true)));
}

#[test]
fn a_copy_beside_a_server_under_load_is_a_whole_shop() {
    let shop = TestShop::open();
    let goods = shop.product("SHIRT", 1_000_000);
    let (_, method) = shop.shipping();
    let acknowledged = Mutex::new(Vec::new());
    let enough = AtomicBool::new(false);
    let (placed, progress) = mpsc::channel();
    let key = kept_key(&shop.folder);
    thread::scope(|scope| {
        for _ in 0..6 {
            let placed = placed.clone();
            scope.spawn(|| {
                let placed = placed;
                let mut client = shop.client();
                while !enough.load(Ordering::SeqCst) {
                    let cart = shop.guest_cart(&goods.sku, 1);
                    let headers = [("X-Cart-Token", cart.as_str())];
                    let order = client.ask("POST", "/orders/", &headers, &order(&method)).expect(201);
                    acknowledged.lock().unwrap().push(text(&order["id"]));
                    let _ = placed.send(());
                }
            });
        }
        for number in 0..3 {
            // A few orders between two copies.
            progress.iter().take(10).for_each(drop);
            let before = acknowledged.lock().unwrap().clone();
            let name = format!("copy-{number}.sqlite3");
            let copied = shop.folder.run(&["backup", &name], &[]);
            if !copied.status.success() {
                enough.store(true, Ordering::SeqCst);
            }
            succeeds(&copied);
            assert_eq!(mode(&shop.folder.file(&name)), 0o600);
            let restored = [("DB_NAME", name.as_str()), ("SECRET_KEY", key.as_str())];
            let checked = shop.folder.run(&["check"], &restored);
            let server = Process::start(&shop.folder, &restored);
            let known = ids(&mut Client::new(server.address), &shop.folder);
            let lost: Vec<_> = before.iter().filter(|id| !known.contains(id)).collect();
            if number == 2 {
                enough.store(true, Ordering::SeqCst);
            }
            succeeds(&checked);
            assert!(lost.is_empty(), "orders placed before the copy are not in it: {lost:?}");
        }
    });
    // A backup never overwrites, and leaves nothing behind when it is refused.
    assert!(refusal(&shop.folder.run(&["backup", "copy-0.sqlite3"], &[])).contains("exists"));
    assert!(refusal(&shop.folder.run(&["backup", "nowhere/copy.sqlite3"], &[])).contains("nowhere"));
    let files = fs::read_dir(shop.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!files.into_iter().any(|name| name.to_string_lossy().contains("partial")));
    shop.folder.is_sound();
}

/// Every order's id, read by the staff user who is also in the copy.
fn ids(client: &mut Client, folder: &Folder) -> Vec<String> {
    assert!(folder.file(".env").exists());
    let login = json!({"email": "staff@example.com", "password": PASSWORD});
    let access = text(&client.ask("POST", "/accounts/login/", &[], &login).expect(200)["access"]);
    let bearer = format!("Bearer {access}");
    let mut ids = Vec::new();
    for page in 1.. {
        let path = format!("/orders/?page_size=100&page={page}");
        let list = client.ask("GET", &path, &[("Authorization", &bearer)], &Value::Null).expect(200);
        ids.extend(list["results"].as_array().unwrap().iter().map(|order| text(&order["id"])));
        if list["next"].is_null() {
            break;
        }
    }
    ids
}

#[test]
fn check_says_what_is_wrong_with_books_and_file() {
    let shop = TestShop::open();
    let goods = shop.product("SHIRT", 10);
    let (_, method) = shop.shipping();
    let cart = shop.guest_cart(&goods.sku, 2);
    shop.client().ask("POST", "/orders/", &[("X-Cart-Token", &cart)], &order(&method)).expect(201);
    assert!(shop.process.stop().0.success());
    shop.folder.is_sound();
    let sound = fs::read(shop.folder.file("db.sqlite3")).unwrap();

    let falsified = [
        ("UPDATE stock_levels SET reserved = reserved + 1 WHERE reserved > 0", "reserved"),
        ("UPDATE stock_levels SET on_hand = on_hand - 1", "ledger"),
        ("UPDATE orders SET total = total - 1", "total"),
        ("UPDATE payments SET amount_authorized = 1, amount_captured = 1", "payments"),
        ("UPDATE reservations SET remaining = remaining - 1", "has yet to leave"),
        ("UPDATE promotion_uses SET uses = uses + 1", "unpaid orders of its buyer"),
    ];
    for (sql, word) in falsified {
        fs::write(shop.folder.file("false.sqlite3"), &sound).unwrap();
        let connection = rusqlite::Connection::open(shop.folder.file("false.sqlite3")).unwrap();
        assert!(connection.execute(sql, []).unwrap() > 0, "{sql}");
        connection.close().unwrap();
        let said = refusal(&shop.folder.run(&["check"], &[("DB_NAME", "false.sqlite3")]));
        assert!(said.contains(word), "{sql}: {said}");
        remove(&shop.folder, "false.sqlite3");
    }

    // Corrupted bytes in an index or a table, but never in the first page, which holds the schema.
    let (mut found, key) = (0, kept_key(&shop.folder));
    for page in 1..sound.len() / 4096 {
        if page % 7 != 0 {
            continue;
        }
        let mut damaged = sound.clone();
        damaged[page * 4096..page * 4096 + 64].fill(0xA5);
        fs::write(shop.folder.file("damaged.sqlite3"), damaged).unwrap();
        let output = shop.folder.run(&["check"], &[("DB_NAME", "damaged.sqlite3"), ("SECRET_KEY", &key)]);
        assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{output:?}");
        if !output.status.success() {
            refusal(&output);
            found += 1;
        }
        remove(&shop.folder, "damaged.sqlite3");
    }
    assert!(found > 0, "no damage was found");

    fs::write(shop.folder.file("short.sqlite3"), &sound[..sound.len() / 2]).unwrap();
    refusal(&shop.folder.run(&["check"], &[("DB_NAME", "short.sqlite3")]));
    fs::write(shop.folder.file("text.sqlite3"), "This is a letter to my aunt.\n".repeat(200)).unwrap();
    for command in ["check", "serve", "migrate"] {
        let said = refusal(&shop.folder.run(&[command], &[("DB_NAME", "text.sqlite3")]));
        assert!(said.contains("text.sqlite3 is not an SQLite database"), "{said}");
    }
    let letter = fs::read_to_string(shop.folder.file("text.sqlite3")).unwrap();
    assert!(letter.starts_with("This is a letter"), "what is not ours is not touched");
}

fn remove(folder: &Folder, name: &str) {
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(folder.file(&format!("{name}{suffix}")));
    }
}

#[test]
fn a_newer_or_changed_schema_is_refused_in_words() {
    let folder = Folder::new();
    succeeds(&folder.run(&["migrate"], &[]));
    succeeds(&folder.run(&["migrate"], &[]));
    let newer =
        "INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (999, '0999_future', x'00', 0)";
    let changed = "DELETE FROM schema_migrations WHERE version = 999; DROP INDEX stock_levels_sku";
    for (sql, word) in [(newer, "newer"), (changed, "changed by hand")] {
        let connection = rusqlite::Connection::open(folder.file("db.sqlite3")).unwrap();
        connection.execute_batch(sql).unwrap();
        connection.close().unwrap();
        for command in [&["serve"][..], &["migrate"], &["check"]] {
            let said = refusal(&folder.run(command, &[]));
            assert!(said.contains(word) && said.contains("db.sqlite3"), "{command:?}: {said}");
        }
    }
}

#[test]
fn a_second_server_on_one_file_is_refused_and_the_first_goes_on() {
    let shop = TestShop::open();
    let said = refusal(&shop.folder.run(&["serve"], &[]));
    assert!(said.contains("another server"), "{said}");
    assert_eq!(shop.client().ask("GET", "/readyz", &[], &Value::Null).status, 200);
    // The address is in use: one line that names the variable.
    let bind = shop.process.address.to_string();
    let taken = shop.folder.run(&["serve"], &[("DB_NAME", "other.sqlite3"), ("BIND", &bind)]);
    assert!(refusal(&taken).contains("BIND"));
}

#[test]
fn a_migration_beside_a_running_server_changes_nothing() {
    let shop = TestShop::open();
    let sku = shop.product("SKU", 3).sku;
    succeeds(&shop.folder.run(&["migrate"], &[]));
    let found = shop.staff("GET", &format!("/inventory/stock/?sku={sku}"), &Value::Null, 200);
    assert_eq!(found["results"][0]["on_hand"], 3, "{found}");
    shop.product("OTHER", 1);
    shop.folder.is_sound();
}

#[test]
fn the_document_is_printed_without_a_database() {
    let folder = Folder::new();
    let json: Value = serde_json::from_str(&succeeds(&folder.run(&["openapi"], &[]))).unwrap();
    assert!(json["paths"]["/orders/"]["post"].is_object());
    assert!(succeeds(&folder.run(&["openapi", "--yaml"], &[])).contains("openapi: "));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is made");
    assert!(refusal(&folder.run(&["fly"], &[])).contains("fly"));
    assert!(succeeds(&folder.run(&["--help"], &[])).contains("createsuperuser"));
}

#[test]
fn a_stop_under_load_answers_what_is_in_work_and_ends_well() {
    let mut shop = TestShop::open();
    let goods = shop.product("SHIRT", 1_000_000);
    let (_, method) = shop.shipping();
    let answers = AtomicUsize::new(0);
    let placed = Mutex::new(Vec::new());
    let unanswered = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for buyer in 0..12 {
            let (shop, goods, method) = (&shop, &goods, &method);
            let (answers, placed, unanswered) = (&answers, &placed, &unanswered);
            scope.spawn(move || {
                let mut client = shop.client();
                for turn in 0.. {
                    let item = json!({"sku": goods.sku, "quantity": 1});
                    let Ok(cart) = client.call("POST", "/cart/items/", &[], &item) else { return };
                    if cart.status == 503 {
                        return;
                    }
                    let cart = text(&cart.expect(201)["token"]);
                    let key = format!("{buyer}-{turn}");
                    let headers = [("X-Cart-Token", cart.as_str()), ("Idempotency-Key", key.as_str())];
                    match client.call("POST", "/orders/", &headers, &order(method)) {
                        Ok(answer) if answer.status == 503 => return,
                        Ok(answer) => placed.lock().unwrap().push((cart, key, answer.expect(201))),
                        Err(_) => {
                            unanswered.lock().unwrap().push((cart, key));
                            return;
                        }
                    }
                    if answers.fetch_add(1, Ordering::SeqCst) + 1 == 40 {
                        shop.process.ask_to_stop();
                    }
                }
            });
        }
    });
    let (status, log) = shop.process.ended();
    assert_eq!(status.code(), Some(0), "{log:?}");
    assert!(!log.iter().any(|line| line.contains("ERROR") || line.contains("panic")), "{log:?}");
    let log_size = fs::metadata(shop.folder.file("db.sqlite3-wal")).map_or(0, |file| file.len());
    assert_eq!(log_size, 0, "everything was moved into the file");
    shop.folder.is_sound();

    shop.restart();
    let mut client = shop.client();
    let (placed, unanswered) = (placed.into_inner().unwrap(), unanswered.into_inner().unwrap());
    for (cart, key, order_placed) in &placed {
        let headers = [("X-Cart-Token", cart.as_str()), ("Idempotency-Key", key.as_str())];
        let again = client.ask("POST", "/orders/", &headers, &order(&method));
        assert!(again.is_replayed(), "{again:?}");
        assert_eq!(again.expect(201)["id"], order_placed["id"]);
    }
    for (cart, key) in &unanswered {
        // The connection closed while the call was sent, so it was not started.
        let headers = [("X-Cart-Token", cart.as_str()), ("Idempotency-Key", key.as_str())];
        let again = client.ask("POST", "/orders/", &headers, &order(&method));
        assert!(again.status == 201 && !again.is_replayed(), "a call in work was not answered: {again:?}");
    }
    assert_eq!(shop.orders(), (placed.len() + unanswered.len()) as u64);
}
