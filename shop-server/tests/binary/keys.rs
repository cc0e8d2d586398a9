//! The key belongs to the data: a different key is detected, and no new one is created for data that has one.

use std::fs;

use serde_json::{Value, json};
use shop_store_sql::testing::{Cluster, execute, texts};

use crate::operations::{kept_key, refusal, succeeds};
use crate::postgres::shop_on;
use crate::support::{Client, Folder, PASSWORD, Process, TestShop, text};

const OTHER: &str = "another-key-for-tests-and-for-tests-only-0123456789";

/// The subcommands that open the shop to work with it.
const OPENING: [&[&str]; 4] = [
    &["serve"],
    &["migrate"],
    &["export", "products", "out.csv"],
    &["createsuperuser", "--email", "a@b.example", "--noinput"],
];

/// Checks that each of them refuses the key and names the variable.
#[track_caller]
fn nothing_opens(folder: &Folder, variables: &[(&str, &str)]) {
    let variables = [&[("SUPERUSER_PASSWORD", PASSWORD)], variables].concat();
    for command in OPENING {
        let said = refusal(&folder.run(command, &variables));
        assert!(said.contains("SECRET_KEY") && said.contains("adopt-key"), "{command:?}: {said}");
    }
    let said = refusal(&folder.run(&["check"], &variables));
    assert!(said.contains("SECRET_KEY"), "{said}");
}

#[test]
fn a_database_restored_without_its_key_is_refused_and_gets_no_new_one() {
    let shop = TestShop::open();
    shop.product("SHIRT", 5);
    let said = succeeds(&shop.folder.run(&["backup", "copy.sqlite3"], &[]));
    assert!(said.contains("db.sqlite3.secret-key"), "{said}");
    assert!(shop.process.stop().0.success());
    let (key, restored) = (kept_key(&shop.folder), [("DB_NAME", "copy.sqlite3")]);
    nothing_opens(&shop.folder, &restored);
    let key_file = shop.folder.file("copy.sqlite3.secret-key");
    assert!(!key_file.exists(), "a key was made");
    // Under another key it does not run either.
    nothing_opens(&shop.folder, &[restored[0], ("SECRET_KEY", OTHER)]);
    fs::write(&key_file, "0123456789012345678901234567890123456789").unwrap();
    nothing_opens(&shop.folder, &restored);
    // With the right key it does, however the key is provided.
    fs::remove_file(&key_file).unwrap();
    succeeds(&shop.folder.run(&["check"], &[restored[0], ("SECRET_KEY", key.as_str())]));
    fs::write(&key_file, &key).unwrap();
    assert!(succeeds(&shop.folder.run(&["check"], &restored)).contains("All is well"));
    let server = Process::start(&shop.folder, &restored);
    let bearer = format!("Bearer {}", shop.staff);
    let me = Client::new(server.address).ask("GET", "/accounts/user/", &[("Authorization", &bearer)], &Value::Null);
    assert_eq!(me.expect(200)["is_staff"], true, "sessions go on");
}

#[test]
fn a_backup_under_a_key_of_the_environment_names_the_variable() {
    let folder = Folder::new();
    folder.configure(&[("SECRET_KEY", OTHER)]);
    succeeds(&folder.run(&["migrate"], &[]));
    let said = succeeds(&folder.run(&["backup", "copy.sqlite3"], &[]));
    assert!(said.contains("SECRET_KEY") && !said.contains(OTHER), "{said}");
}

#[test]
fn a_lost_key_can_be_given_up() {
    let mut shop = TestShop::open();
    let said = refusal(&shop.folder.run(&["adopt-key"], &[("SECRET_KEY", OTHER)]));
    assert!(said.contains("another server"), "not below a running server: {said}");
    assert!(shop.process.stop().0.success());
    fs::remove_file(shop.folder.file("db.sqlite3.secret-key")).unwrap();
    nothing_opens(&shop.folder, &[]);
    succeeds(&shop.folder.run(&["adopt-key"], &[]));
    shop.folder.is_sound();
    shop.restart();
    let bearer = format!("Bearer {}", shop.staff);
    let me = shop.client().ask("GET", "/accounts/user/", &[("Authorization", &bearer)], &Value::Null);
    assert_eq!(me.status, 401, "what the earlier key signed is invalid");
    shop.staff = shop.login("staff@example.com");
    shop.product("SHIRT", 5);
    // From now on it belongs to this key.
    assert!(shop.process.stop().0.success());
    nothing_opens(&shop.folder, &[("SECRET_KEY", OTHER)]);
    succeeds(&shop.folder.run(&["adopt-key"], &[("SECRET_KEY", OTHER)]));
    nothing_opens(&shop.folder, &[]);
    succeeds(&shop.folder.run(&["check"], &[("SECRET_KEY", OTHER)]));
}

#[test]
fn a_key_is_replaced_while_the_earlier_one_is_a_fallback() {
    let shop = TestShop::open();
    assert!(shop.process.stop().0.success());
    let old = kept_key(&shop.folder);
    let new = ("SECRET_KEY", OTHER);
    let both = [new, ("SECRET_KEY_FALLBACKS", old.as_str())];
    nothing_opens(&shop.folder, &[new]);
    // `check` finds nothing wrong, and adopts nothing.
    assert!(succeeds(&shop.folder.run(&["check"], &both)).contains("All is well"));
    nothing_opens(&shop.folder, &[new]);
    let server = Process::start(&shop.folder, &both);
    let bearer = format!("Bearer {}", shop.staff);
    let me = Client::new(server.address).ask("GET", "/accounts/user/", &[("Authorization", &bearer)], &Value::Null);
    assert_eq!(me.expect(200)["is_staff"], true, "sessions go on");
    assert!(server.stop().0.success());
    // From now on it belongs to the new key.
    assert!(succeeds(&shop.folder.run(&["check"], &[new])).contains("All is well"));
    nothing_opens(&shop.folder, &[("SECRET_KEY", old.as_str())]);
    let said = refusal(&shop.folder.run(&["migrate"], &[new, ("SECRET_KEY_FALLBACKS", "too-short")]));
    assert!(said.contains("SECRET_KEY_FALLBACKS") && !said.contains("too-short"), "{said}");
}

#[test]
fn a_database_of_an_earlier_release_adopts_the_key_that_it_is_started_with() {
    let shop = TestShop::open();
    assert!(shop.process.stop().0.success());
    let forget = || {
        let connection = rusqlite::Connection::open(shop.folder.file("db.sqlite3")).unwrap();
        assert_eq!(connection.execute("DELETE FROM key_fingerprint", []).unwrap(), 1);
        connection.close().unwrap();
    };
    forget();
    // `check` adopts nothing and creates nothing.
    succeeds(&shop.folder.run(&["check"], &[("SECRET_KEY", OTHER)]));
    let key_file = shop.folder.file("db.sqlite3.secret-key");
    let key = fs::read(&key_file).unwrap();
    fs::remove_file(&key_file).unwrap();
    // The data was signed under some key, so no new one is created.
    nothing_opens(&shop.folder, &[]);
    assert!(!key_file.exists());
    fs::write(&key_file, key).unwrap();
    succeeds(&shop.folder.run(&["migrate"], &[]));
    nothing_opens(&shop.folder, &[("SECRET_KEY", OTHER)]);
    shop.folder.is_sound();
}

#[test]
fn servers_of_one_postgres_must_have_one_key() {
    let url = Cluster::shared().unwrap().database().unwrap();
    let shop = shop_on(&url, &[]);
    let second = Process::start(&shop.folder, &[("EMAIL_FILE_PATH", "mails-1")]);
    let bearer = format!("Bearer {}", shop.staff);
    let me = Client::new(second.address).ask("GET", "/accounts/user/", &[("Authorization", &bearer)], &Value::Null);
    me.expect(200);
    nothing_opens(&shop.folder, &[("SECRET_KEY", OTHER)]);
    // A database of an earlier release, and two servers that start at once with different keys: only one of them
    // serves.
    drop(second);
    assert!(shop.process.stop().0.success());
    execute(&url, "DELETE FROM key_fingerprint").unwrap();
    let keys = [OTHER, "a-third-key-for-tests-and-for-tests-only-0123456789"];
    let done = keys.map(|key| {
        let mut command = shop.folder.command(&["migrate"]);
        command.env("SECRET_KEY", key).spawn().unwrap()
    });
    let served = done.map(|child| child.wait_with_output().unwrap().status.success());
    assert_eq!(served.iter().filter(|served| **served).count(), 1, "{served:?}");
    assert_eq!(texts(&url, "SELECT count(*)::text FROM key_fingerprint").unwrap(), ["1"]);
    let winner = keys[usize::from(!served[0])];
    succeeds(&shop.folder.run(&["check"], &[("SECRET_KEY", winner)]));
    succeeds(&shop.folder.run(&["adopt-key"], &[]));
    shop.folder.is_sound();
}

#[test]
fn a_shop_that_moves_takes_its_key_along() {
    let shop = TestShop::open();
    shop.product("SHIRT", 5);
    assert!(shop.process.stop().0.success());
    let said =
        succeeds(&shop.folder.run(&["transfer", "--from", "sqlite:db.sqlite3", "--to", "sqlite:to.sqlite3"], &[]));
    assert!(said.contains("db.sqlite3.secret-key") && said.contains("All is well"), "{said}");
    let moved = [("DB_NAME", "to.sqlite3")];
    nothing_opens(&shop.folder, &moved);
    let key = kept_key(&shop.folder);
    let server = Process::start(&shop.folder, &[moved[0], ("SECRET_KEY", &key)]);
    let login = json!({"email": "staff@example.com", "password": PASSWORD});
    text(&Client::new(server.address).ask("POST", "/accounts/login/", &[], &login).expect(200)["access"]);
}
