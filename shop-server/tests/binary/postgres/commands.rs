//! The subcommands on Postgres, and their errors when it cannot be used.

use serde_json::Value;
use shop_store_sql::testing::{Cluster, execute, texts};

use super::{SECRET_KEY, shop_on};
use crate::imports::is_killed_and_goes_on;
use crate::operations::{refusal, succeeds};
use crate::support::{Client, Folder, PASSWORD, Process};

fn database() -> String {
    Cluster::shared().unwrap().database().unwrap()
}

fn folder_on(url: &str) -> Folder {
    let folder = Folder::new();
    folder.configure(&[("DATABASE_URL", url), ("SECRET_KEY", SECRET_KEY)]);
    folder
}

#[test]
fn djangos_variables_lead_to_the_same_database() {
    let url = database();
    let cluster = Cluster::shared().unwrap();
    let (user, password) = cluster.superuser();
    let name = url.rsplit('/').next().unwrap();
    let port = cluster.port().unwrap().to_string();
    let folder = Folder::new();
    folder.configure(&[
        ("SECRET_KEY", SECRET_KEY),
        ("DB_ENGINE", "django.db.backends.postgresql"),
        ("DB_NAME", name),
        ("DB_USER", user),
        ("DB_PASSWORD", password),
        ("DB_HOST", "127.0.0.1"),
        ("DB_PORT", &port),
    ]);
    succeeds(&folder.run(&["migrate"], &[]));
    succeeds(&folder.run(&["migrate"], &[]));
    assert_eq!(texts(&url, "SELECT count(*)::text FROM locations").unwrap(), ["1"]);
    // Through the Unix socket, too.
    let socket = cluster.socket_folder().unwrap().to_str().unwrap();
    assert!(succeeds(&folder.run(&["check"], &[("DB_HOST", socket)])).contains("All is well"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is made but what the test has put there");
}

#[test]
fn a_demo_is_made_served_and_sound() {
    let folder = folder_on(&database());
    let server = Process::of(&mut folder.command(&["demo"]));
    let mut client = Client::new(server.address);
    let products = client.ask("GET", "/catalog/products/?search=shirt", &[], &Value::Null).expect(200);
    assert!(products["count"].as_u64().unwrap() > 0, "{products}");
    let made =
        folder.run(&["createsuperuser", "--email", "a@b.example", "--noinput"], &[("SUPERUSER_PASSWORD", PASSWORD)]);
    assert!(succeeds(&made).contains("a@b.example"));
    let body = serde_json::json!({"email": "a@b.example", "password": PASSWORD});
    client.ask("POST", "/accounts/login/", &[], &body).expect(200);
    let (status, log) = server.stop();
    assert_eq!(status.code(), Some(0), "{log:?}");
    assert!(!log.iter().any(|line| line.contains("ERROR") || line.contains("panic")), "{log:?}");
    folder.is_sound();
}

#[test]
fn check_tells_what_is_wrong_with_the_books() {
    let url = database();
    let shop = shop_on(&url, &[]);
    shop.product("SHIRT", 5);
    shop.folder.is_sound();
    execute(&url, "UPDATE stock_levels SET on_hand = 4").unwrap();
    let said = refusal(&shop.folder.run(&["check"], &[]));
    assert!(said.contains("SHIRT") || said.contains("on hand"), "{said}");
}

#[test]
fn what_is_of_sqlite_alone_says_so() {
    let folder = folder_on(&database());
    let said = refusal(&folder.run(&["backup", "copy"], &[]));
    assert!(said.contains("DB_ENGINE") && said.contains("pg_dump"), "{said}");
    assert!(!folder.file("copy").exists());
}

#[test]
fn a_start_that_cannot_be_says_why_and_no_password() {
    let url = database();
    let folder = folder_on(&url);
    let (_, password) = Cluster::shared().unwrap().superuser();
    let (nowhere, nobody) = ("postgres://shop:hunter2@127.0.0.1:1/shop", url.replace("postgres:", "nobody:"));
    let missing = Cluster::shared().unwrap().url_of("no_such_database");
    for (variables, word) in [
        ([("DATABASE_URL", nowhere)], "cannot connect"),
        ([("DATABASE_URL", nobody.replacen("nobody:", "postgres:", 1).as_str())], "password authentication failed"),
        ([("DATABASE_URL", missing.as_str())], "no_such_database"),
        ([("SECRET_KEY", "short")], "SECRET_KEY"),
    ] {
        for command in ["serve", "migrate", "check"] {
            let said = refusal(&folder.run(&[command], &variables));
            assert!(said.contains(word), "{command}: {said}");
            assert!(!said.contains("hunter2") && !said.contains(password), "{said}");
        }
    }
    let keyless = Folder::new();
    let said = refusal(&keyless.run(&["serve"], &[("DATABASE_URL", &url)]));
    assert!(said.contains("SECRET_KEY"), "{said}");
}

#[test]
fn a_newer_schema_is_refused_in_words() {
    let url = database();
    let folder = folder_on(&url);
    succeeds(&folder.run(&["migrate"], &[]));
    execute(&url, "INSERT INTO shop_migrations (version, name, checksum) VALUES (999, '0999_future', '')").unwrap();
    for command in ["serve", "migrate", "check"] {
        let said = refusal(&folder.run(&[command], &[]));
        assert!(said.contains("999") && said.contains("newer"), "{command}: {said}");
    }
}

#[test]
fn an_import_that_is_killed_goes_on_with_the_same_file() {
    is_killed_and_goes_on(&folder_on(&database()));
}
