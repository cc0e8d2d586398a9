//! Command-line tools next to a running shop, while another process reads its file.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::json;
use shop_store_sql::testing::Cluster;

use crate::operations::{refusal, succeeds};
use crate::postgres::load::Load;
use crate::postgres::shop_on;
use crate::support::{Folder, PASSWORD, Process, TestShop};

/// The maximum time of a write next to a tool, and of a stop while a reader is active. A tool that waits for readers
/// holds the write lock for the whole busy timeout of 5 s; a write takes milliseconds, or more on a busy machine.
const LONGEST: Duration = Duration::from_millis(4_500);

/// A read transaction that stays open until it is dropped, like that of an analyst or a replicator.
fn reader(folder: &Folder) -> Connection {
    let connection = Connection::open(folder.file("db.sqlite3")).unwrap();
    connection.execute_batch("BEGIN; SELECT count(*) FROM orders").unwrap();
    connection
}

#[test]
fn no_tool_stops_the_shop_while_somebody_reads() {
    let shop = TestShop::open();
    shop.product("SHIRT", 5);
    fs::write(shop.folder.file("products.csv"), "name,sku,price,stock\nMug,MUG,4.50,3\n").unwrap();
    fs::write(shop.folder.file("stock.csv"), "sku,on_hand\nMUG,7\n").unwrap();
    let reader = reader(&shop.folder);
    // The write-ahead log contains something newer than what the reader sees.
    shop.product("MUG-2", 5);
    let tools: [&[&str]; 9] = [
        &["check"],
        &["export", "products", "products-out.csv"],
        &["export", "orders", "orders-out.csv"],
        &["import", "products", "products.csv"],
        &["import", "stock", "stock.csv"],
        &["import", "products", "products.csv", "--dry-run"],
        &["createsuperuser", "--email", "second@example.com", "--noinput"],
        &["migrate"],
        &["backup", "copy.sqlite3"],
    ];
    for tool in tools {
        let mut command = shop.folder.command(tool);
        let began = Instant::now();
        let mut child =
            command.env("SUPERUSER_PASSWORD", PASSWORD).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut longest = Duration::ZERO;
        let status = loop {
            let started = Instant::now();
            shop.guest_cart("SHIRT", 1);
            longest = longest.max(started.elapsed());
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
        };
        assert!(status.success(), "{tool:?}");
        assert!(longest < LONGEST, "next to {tool:?} a write took {longest:?} of {:?}", began.elapsed());
    }

    let started = Instant::now();
    let (status, log) = shop.process.stop();
    assert!(status.success() && started.elapsed() < LONGEST, "{:?}: {log:?}", started.elapsed());
    assert!(!log.iter().any(|line| line.contains("the log was not moved")), "{log:?}");
    // Nor do tools wait for the reader when there is no server.
    let started = Instant::now();
    succeeds(&shop.folder.run(&["migrate"], &[]));
    assert!(started.elapsed() < LONGEST, "{:?}", started.elapsed());
    drop(reader);
    shop.folder.is_sound();
}

/// Customers keep ordering while `check` runs.
#[track_caller]
fn checks_find_nothing_wrong(shop: &TestShop) {
    let load = Load::new(shop, vec![shop.process.address]);
    load.run(60, 10, || {
        for _ in 0..6 {
            shop.folder.is_sound();
        }
    });
    load.verify(&load.servers);
}

#[test]
fn check_raises_no_false_alarm_next_to_a_running_shop() {
    checks_find_nothing_wrong(&TestShop::open());
}

#[test]
fn check_raises_no_false_alarm_next_to_a_running_shop_on_postgres() {
    checks_find_nothing_wrong(&shop_on(&Cluster::shared().unwrap().database().unwrap(), &[]));
}

#[test]
fn a_replicator_can_be_left_to_move_the_log() {
    let shop = TestShop::open_with(&[("DB_CHECKPOINTS", "False")]);
    for number in 0..20 {
        shop.product(&format!("SKU-{number}"), 5);
    }
    succeeds(&shop.folder.run(&["migrate"], &[]));
    assert!(shop.process.stop().0.success());
    // Nothing has checkpointed the log, not even the last process that closed the file.
    let log = |shop: &TestShop| fs::metadata(shop.folder.file("db.sqlite3-wal")).map_or(0, |file| file.len());
    let kept = log(&shop);
    assert!(kept > 100_000, "{kept}");
    shop.folder.is_sound();
    assert!(log(&shop) >= kept);
    let said = refusal(&shop.folder.run(&["serve"], &[("DB_CHECKPOINTS", "perhaps")]));
    assert!(said.contains("DB_CHECKPOINTS"), "{said}");
}

#[test]
fn a_file_that_others_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    succeeds(&folder.run(&["migrate"], &[]));
    let warned = |folder: &Folder| {
        let (status, log) = Process::start(folder, &[]).stop();
        assert!(status.success());
        log.iter().any(|line| line.contains("can be read by other users") && line.contains("chmod 600 db.sqlite3"))
    };
    assert!(!warned(&folder));
    for mode in [0o644, 0o640, 0o606] {
        fs::set_permissions(folder.file("db.sqlite3"), fs::Permissions::from_mode(mode)).unwrap();
        assert!(warned(&folder), "{mode:o}");
    }
}

/// `.dump` writes every table, but not the mark of a shop's file.
#[test]
fn a_file_restored_from_a_dump_is_told_its_remedy() {
    let shop = TestShop::open();
    shop.product("SHIRT", 5);
    assert!(shop.process.stop().0.success());
    let sqlite3 = |file: &str, sql: &str| {
        let output = std::process::Command::new("sqlite3").current_dir(shop.folder.path()).args([file, sql]).output();
        let output = output.expect("sqlite3 is installed");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let dump = sqlite3("db.sqlite3", ".dump");
    let key = crate::operations::kept_key(&shop.folder);
    let restored = [("DB_NAME", "restored.sqlite3"), ("SECRET_KEY", key.as_str())];
    // Like `sqlite3 restored.sqlite3 < dump.sql`.
    fs::write(shop.folder.file("dump.sql"), dump).unwrap();
    sqlite3("restored.sqlite3", ".read dump.sql");
    let said = refusal(&shop.folder.run(&["serve"], &restored));
    let remedy = said.split("sqlite3 restored.sqlite3 \"").nth(1).and_then(|rest| rest.split('"').next());
    sqlite3("restored.sqlite3", remedy.unwrap_or_else(|| panic!("no remedy: {said}")));
    assert!(succeeds(&shop.folder.run(&["check"], &restored)).contains("All is well"));
    let server = Process::start(&shop.folder, &restored);
    let found = crate::support::Client::new(server.address).ask("GET", "/catalog/products/", &[], &json!(null));
    assert_eq!(found.expect(200)["count"], 1);
}
