//! A shop outgrows its file: `transfer` moves it to Postgres and back, even with interruptions.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};
use shop_store_sql::testing::{Bouncer, Cluster, execute, texts};

use super::{SECRET_KEY, shop_on};
use crate::operations::{refusal, succeeds};
use crate::support::{Client, Folder, PASSWORD, Process, TestShop, order, text};

/// Every list that staff can read, each in one page.
const LISTS: [&str; 19] = [
    "/catalog/products/?page_size=100",
    "/catalog/products/?page_size=100&search=thing",
    "/catalog/products/?page_size=100&search=sh&ordering=-price",
    "/catalog/categories/?page_size=100",
    "/catalog/promotions/?page_size=100",
    "/catalog/tax-rates/?page_size=100",
    "/orders/?page_size=100",
    "/orders/drafts/?page_size=100",
    "/payments/?page_size=100",
    "/shipping/shipments/?page_size=100",
    "/shipping/zones/?page_size=100",
    "/shipping/methods/?page_size=100",
    "/inventory/locations/?page_size=100",
    "/inventory/stock/?page_size=100",
    "/inventory/movements/?page_size=100",
    "/inventory/reservations/?page_size=100",
    "/accounts/users/?page_size=100",
    "/webhooks/?page_size=100",
    "/shop/",
];

fn database() -> String {
    Cluster::shared().unwrap().database().unwrap()
}

/// A stopped shop on a file with data of every kind.
fn filled() -> TestShop {
    fill(TestShop::open_with(&[("SECRET_KEY", SECRET_KEY)]))
}

/// Fills a shop on any storage with data of every kind, and stops its server.
fn fill(shop: TestShop) -> TestShop {
    let category = shop.staff("POST", "/catalog/categories/", &json!({"name": "Clothes"}), 201);
    let below = json!({"name": "Shirts", "parent_id": category["id"]});
    let below = shop.staff("POST", "/catalog/categories/", &below, 201);
    let shirt = json!({"name": "Shirt \"Größe\"", "category_id": below["id"], "options": ["Size"], "images":
        [{"url": "https://example.com/a.png", "alt": "A shirt"}], "attributes": {"b": 1.5, "a": [null, true]}, "variants": [
        {"price": "10.00", "options": {"Size": "S"}, "sku": "SHIRT-S", "stock": 4},
        {"price": "12.00", "options": {"Size": "M"}, "sku": "SHIRT-M", "stock": 5}]});
    shop.staff("POST", "/catalog/products/", &shirt, 201);
    let (_, method) = shop.shipping();
    let goods = shop.product("MUG", 9);
    let coupon = json!({"name": "Ten off", "code": "TEN", "kind": "percent", "value": "10"});
    shop.staff("POST", "/catalog/promotions/", &coupon, 201);
    let vat = json!({"name": "VAT", "country": "GB", "rate": "0.2", "applies_to_shipping": true});
    shop.staff("POST", "/catalog/tax-rates/", &vat, 201);
    // No later event matches this webhook.
    let hook = json!({"url": "https://shop.example/hook", "events": ["product.*"]});
    shop.staff("POST", "/webhooks/", &hook, 201);
    let details = json!({"name": "Tea & Co", "address": "1 High Street\nLondon", "vat_id": "DE123456789"});
    shop.staff("PATCH", "/shop/", &details, 200);
    // A user who has not verified their address yet.
    shop.call("POST", "/accounts/register/", None, &json!({"email": "bob@example.com", "password": PASSWORD}))
        .expect(201);
    let customer = shop.customer("ada@example.com");
    shop.call("POST", "/shipping/addresses/", Some(&customer), &crate::support::address()).expect(201);
    for quantity in [1, 2, 3] {
        let cart = shop.guest_cart(&goods.sku, quantity);
        shop.client()
            .ask("POST", "/cart/coupons/", &[("X-Cart-Token", cart.as_str())], &json!({"code": "TEN"}))
            .expect(200);
        let headers = [("X-Cart-Token", cart.as_str()), ("Idempotency-Key", "once")];
        let placed = shop.client().ask("POST", "/orders/", &headers, &order(&method)).expect(201);
        let payment = text(&placed["payments"][0]["id"]);
        match quantity {
            1 => {
                let path = format!("/payments/{payment}/capture/");
                shop.staff("POST", &path, &json!({}), 200);
                let shipment = json!({"order_id": placed["id"], "carrier": "UPS", "tracking_number": "1Z"});
                let shipment = shop.staff("POST", "/shipping/shipments/", &shipment, 201);
                let path = format!("/shipping/shipments/{}/events/", text(&shipment["id"]));
                shop.staff("POST", &path, &json!({"status": "shipped"}), 201);
                let back = json!({"items": [{"order_item_id": placed["items"][0]["id"], "quantity": 1}]});
                shop.staff("POST", &format!("/orders/{}/returns/", text(&placed["id"])), &back, 201);
                let path = format!("/payments/{payment}/refunds/");
                shop.staff("POST", &path, &json!({"amount": "1.00", "reason": "late"}), 201);
            }
            2 => drop(shop.staff("POST", &format!("/orders/{}/cancel/", text(&placed["id"])), &json!({}), 200)),
            _ => {
                for (words, visible) in [("Rang twice", false), ("On its way", true)] {
                    let note = json!({"text": words, "visible_to_customer": visible});
                    shop.staff("POST", &format!("/orders/{}/notes/", text(&placed["id"])), &note, 201);
                }
            }
        }
    }
    let draft = json!({"email": "grace@example.com", "note": "By phone", "items": [
        {"sku": "SHIRT-M", "quantity": 2, "unit_price": "11.00", "reason": "Scratched"}]});
    shop.staff("POST", "/orders/drafts/", &draft, 201);
    shop.guest_cart("SHIRT-S", 1);
    let (status, log) = shop.process.stop();
    assert!(status.success(), "{log:?}");
    shop
}

/// What staff see in every list, with an access token from before the move.
fn lists(shop: &TestShop, database: &str) -> Vec<Value> {
    let server = Process::start(&shop.folder, &[("DATABASE_URL", database)]);
    let mut client = Client::new(server.address);
    let bearer = format!("Bearer {}", shop.staff);
    let mut read = |path: &str| client.ask("GET", path, &[("Authorization", &bearer)], &Value::Null).expect(200);
    let mut all: Vec<Value> = LISTS.iter().map(|path| read(path)).collect();
    assert!(all.iter().all(|list| list["results"].as_array().is_none_or(|rows| !rows.is_empty())), "{all:?}");
    let orders = LISTS.iter().position(|path| path.starts_with("/orders/?")).unwrap();
    for one in all[orders]["results"].as_array().unwrap().clone() {
        let path = format!("/orders/{}/", text(&one["id"]));
        all.push(read(&path));
        all.push(read(&format!("{path}history/")));
        all.push(read(&format!("{path}returns/")));
    }
    // Links contain the server's address.
    let address = server.address.to_string();
    assert_eq!(server.stop().0.code(), Some(0));
    all.into_iter().map(|list| serde_json::from_str(&list.to_string().replace(&address, "shop")).unwrap()).collect()
}

fn transfer<'a>(from: &'a str, to: &'a str) -> [&'a str; 5] {
    ["transfer", "--from", from, "--to", to]
}

#[test]
fn a_shop_moves_to_postgres_and_back_and_nothing_is_lost() {
    let (shop, url) = (filled(), database());
    let before = lists(&shop, "sqlite:db.sqlite3");
    let said = succeeds(&shop.folder.run(&transfer("sqlite:db.sqlite3", &url), &[]));
    assert!(said.contains("rows moved") && said.contains("All is well"), "{said}");
    assert_eq!(lists(&shop, &url), before, "and people stay signed in");
    // Running the server has changed nothing that it would not change on the file as well.
    let said = succeeds(&shop.folder.run(&transfer(&url, "sqlite:back.sqlite3"), &[]));
    assert!(said.contains("All is well"), "{said}");
    assert_eq!(lists(&shop, "sqlite:back.sqlite3"), before);
    // From file to file, too.
    succeeds(&shop.folder.run(&transfer("sqlite:back.sqlite3", "sqlite:third.sqlite3"), &[]));
    assert_eq!(lists(&shop, "sqlite:third.sqlite3"), before);
    // The moved shop works: a sku stays taken, and orders can be placed.
    let server = Process::start(&shop.folder, &[("DATABASE_URL", url.as_str())]);
    let mut client = Client::new(server.address);
    let bearer = format!("Bearer {}", shop.staff);
    let twin = json!({"name": "Twin", "sku": "MUG", "price": "1.00"});
    client.ask("POST", "/catalog/products/", &[("Authorization", &bearer)], &twin).expect(409);
    client.ask("POST", "/cart/items/", &[], &json!({"sku": "MUG"})).expect(201);
    assert_eq!(server.stop().0.code(), Some(0));
    let checked = shop.folder.run(&["check"], &[("DATABASE_URL", url.as_str())]);
    assert!(succeeds(&checked).contains("All is well"));
}

/// Adds many rows, so that a move takes some time; with today's date, because a server would remove older ones.
fn swell(path: &Path, rows: u32) {
    let sql = format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows})
        INSERT INTO operations (id, at) SELECT randomblob(16), unixepoch() * 1000000 + n FROM numbers"
    );
    Connection::open(path).unwrap().execute_batch(&sql).unwrap();
}

/// Starts a move and kills it as soon as `reached` returns true.
fn killed(command: &mut Command, mut reached: impl FnMut() -> bool) {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while !reached() {
        assert!(started.elapsed() < Duration::from_mins(1), "it does not come that far");
        assert!(child.try_wait().unwrap().is_none(), "it ended too soon");
        thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// How many of the many rows have arrived at a target.
fn moved(url: &str) -> u32 {
    let sql = "SELECT rows::text FROM shop_transfer WHERE step = 'operations'";
    texts(url, sql).ok().and_then(|rows| rows.first()?.parse().ok()).unwrap_or_default()
}

#[test]
fn a_move_that_is_killed_goes_on_where_it_was() {
    let (shop, url) = (filled(), database());
    let before = lists(&shop, "sqlite:db.sqlite3");
    swell(&shop.folder.file("db.sqlite3"), 60_000);
    let mut last = 0;
    for _ in 0..3 {
        killed(&mut shop.folder.command(&transfer("sqlite:db.sqlite3", &url)), || moved(&url) > last + 2_000);
        last = moved(&url);
        // No server runs on half a shop, and no other shop can be moved into it.
        let said = refusal(&shop.folder.run(&["serve"], &[("DATABASE_URL", url.as_str())]));
        assert!(said.contains("not finished"), "{said}");
    }
    let other = Folder::new();
    succeeds(&other.run(&["migrate"], &[]));
    let said = refusal(&other.run(&transfer("sqlite:db.sqlite3", &url), &[]));
    assert!(said.contains("another shop"), "{said}");
    let said = succeeds(&shop.folder.run(&transfer("sqlite:db.sqlite3", &url), &[]));
    assert!(said.contains("All is well"), "{said}");
    assert_eq!(texts(&url, "SELECT (count(*) > 60000)::text FROM operations").unwrap(), ["true"]);
    assert_eq!(lists(&shop, &url), before);

    // In the other direction.
    let file = shop.folder.file("back.sqlite3");
    let moved = || {
        let count = |connection: Connection| {
            let sql = "SELECT rows FROM shop_transfer WHERE step = 'operations'";
            connection.query_row(sql, [], |row| row.get::<_, u32>(0))
        };
        if file.exists() { Connection::open(&file).and_then(count).unwrap_or_default() } else { 0 }
    };
    killed(&mut shop.folder.command(&transfer(&url, "sqlite:back.sqlite3")), || moved() > 2_000);
    let said = refusal(&shop.folder.run(&["check"], &[("DB_NAME", "back.sqlite3")]));
    assert!(said.contains("not finished"), "{said}");
    succeeds(&shop.folder.run(&transfer(&url, "sqlite:back.sqlite3"), &[]));
    assert_eq!(lists(&shop, "sqlite:back.sqlite3"), before);
}

/// Every table of a shop except those that are not moved.
const TABLES: &str = "SELECT table_name::text FROM information_schema.tables
    WHERE table_schema = current_schema() AND table_name NOT IN ('shop_migrations', 'limits') ORDER BY 1";

#[test]
fn a_shop_moves_from_postgres_to_postgres_whoever_is_in_between() {
    let cluster = Cluster::start().unwrap();
    let bouncer = Bouncer::start(&cluster, 3).unwrap();
    let shop = fill(shop_on(&cluster.database().unwrap(), &[]));
    let configured = std::fs::read_to_string(shop.folder.file(".env")).unwrap();
    let mut from = configured.lines().find_map(|line| line.strip_prefix("DATABASE_URL=")).unwrap().to_owned();
    // Every table must have data, even a new one.
    for table in texts(&from, TABLES).unwrap() {
        let filled = texts(&from, &format!("SELECT (count(*) > 0)::text FROM {table}")).unwrap();
        assert_eq!(filled, ["true"], "there is nothing in {table}");
    }
    let before = lists(&shop, &from);
    assert!(before.iter().any(|list| list.to_string().contains("Rang twice")));
    for (here, there) in [(false, false), (true, false), (false, true)] {
        let to = cluster.database().unwrap();
        let address = |url: &str, through: bool| if through { bouncer.url(url) } else { url.to_owned() };
        let variables = [("DB_PGBOUNCER", if here || there { "True" } else { "False" })];
        let said = succeeds(&shop.folder.run(&transfer(&address(&from, here), &address(&to, there)), &variables));
        assert!(said.contains("rows moved") && said.contains("All is well"), "{said}");
        assert_eq!(lists(&shop, &to), before);
        let twin = refusal(&shop.folder.run(&transfer(&to, &address(&to, true)), &[("DB_PGBOUNCER", "True")]));
        assert!(twin.contains("the same shop"), "{twin}");
        from = to;
    }

    // Killed, with a pgbouncer at both ends, it resumes where it was.
    let more = "INSERT INTO operations (id, at) SELECT gen_random_uuid(), now() FROM generate_series(1, 30000)";
    execute(&from, more).unwrap();
    let to = cluster.database().unwrap();
    let (here, there) = (bouncer.url(&from), bouncer.url(&to));
    let mut last = 0;
    for _ in 0..2 {
        let mut command = shop.folder.command(&transfer(&here, &there));
        killed(command.env("DB_PGBOUNCER", "True"), || moved(&to) > last + 2_000);
        last = moved(&to);
    }
    let said = succeeds(&shop.folder.run(&transfer(&here, &there), &[("DB_PGBOUNCER", "True")]));
    assert!(said.contains("All is well"), "{said}");
    assert_eq!(texts(&to, "SELECT (count(*) > 30000)::text FROM operations").unwrap(), ["true"]);
    assert_eq!(lists(&shop, &to), before);
    let log = cluster.log().unwrap();
    assert!(!log.contains("prepared statement"), "{log}");
}

#[test]
fn a_source_that_changed_meanwhile_is_noticed() {
    let (shop, url) = (filled(), database());
    let file = shop.folder.file("db.sqlite3");
    swell(&file, 60_000);
    let reached = || texts(&url, "SELECT rows::text FROM shop_transfer WHERE step = 'operations' AND rows > 2000");
    killed(&mut shop.folder.command(&transfer("sqlite:db.sqlite3", &url)), || {
        reached().is_ok_and(|rows| !rows.is_empty())
    });
    Connection::open(&file)
        .unwrap()
        .execute_batch("UPDATE users SET last_login = 1; UPDATE operations SET at = at + 1")
        .unwrap();
    let said = refusal(&shop.folder.run(&transfer("sqlite:db.sqlite3", &url), &[]));
    assert!(said.contains("operations") && said.contains("begin anew"), "{said}");
}

#[test]
fn what_cannot_be_moved_is_refused_in_words() {
    let (shop, url) = (filled(), database());
    let folder = &shop.folder;
    let refused = |from: &str, to: &str| refusal(&folder.run(&transfer(from, to), &[]));
    // Wrong addresses are named, and no password is shown.
    for (from, to, words) in [
        ("mysql://x", url.as_str(), ["--from", "sqlite: or postgres://"]),
        ("sqlite:db.sqlite3", "shop.db", ["--to", "sqlite: or postgres://"]),
        ("sqlite:", url.as_str(), ["--from", "must name a file"]),
        ("sqlite:nothing.sqlite3", url.as_str(), ["--from", "nothing.sqlite3 does not exist"]),
        ("sqlite:db.sqlite3", "postgres://shop:hunter2@127.0.0.1:1/shop", ["--to", "cannot connect"]),
        ("sqlite:db.sqlite3", "postgres://shop:hunter2@host:port/shop", ["--to", "must be an address"]),
        ("sqlite:.env", url.as_str(), ["--from", "not an SQLite database"]),
        ("sqlite:db.sqlite3", "sqlite:db.sqlite3", ["--to", "the same shop"]),
        ("sqlite:db.sqlite3", "sqlite:no/such/folder", ["--to", "no/such/folder"]),
        (url.as_str(), "sqlite:new.sqlite3", ["--from", "schema version 0"]),
    ] {
        let said = refused(from, to);
        assert!(words.iter().all(|word| said.contains(word)), "{from} {to}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    assert!(!folder.file("new.sqlite3").exists() && !folder.file("nothing.sqlite3").exists());

    // A target that is not empty, even if it has only a new shop's location.
    succeeds(&folder.run(&["migrate"], &[("DATABASE_URL", url.as_str())]));
    let said = refused("sqlite:db.sqlite3", &url);
    assert!(said.contains("--to") && said.contains("not empty") && said.contains("locations"), "{said}");

    // Another application's tables.
    let theirs = database();
    execute(&theirs, "CREATE TABLE orders (theirs text)").unwrap();
    let said = refused("sqlite:db.sqlite3", &theirs);
    assert!(said.contains("not a shop's"), "{said}");

    // A newer release on either side.
    execute(&url, "INSERT INTO shop_migrations (version, name, checksum) VALUES (999, '0999_future', '')").unwrap();
    for said in [refused("sqlite:db.sqlite3", &url), refused(&url, "sqlite:new.sqlite3")] {
        assert!(said.contains("999") && said.contains("newer"), "{said}");
    }

    // A shop that is being served.
    let server = Process::start(folder, &[]);
    let said = refused("sqlite:db.sqlite3", &database());
    assert!(said.contains("--from") && said.contains("already serves"), "{said}");
    assert_eq!(server.stop().0.code(), Some(0));
}

#[test]
fn the_key_of_a_file_is_pointed_at() {
    let folder = Folder::new();
    succeeds(&folder.run(&["migrate"], &[]));
    let said = succeeds(&folder.run(&transfer("sqlite:db.sqlite3", &database()), &[]));
    let key = std::fs::read_to_string(folder.file("db.sqlite3.secret-key")).unwrap();
    assert!(said.contains("db.sqlite3.secret-key") && said.contains("SECRET_KEY"), "{said}");
    assert!(!said.contains(key.trim()), "it is not shown");
}
