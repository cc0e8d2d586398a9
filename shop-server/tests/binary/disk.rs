//! A full disk: writes get a 503 and a log line, reads still work, nothing is acknowledged that is not stored, and the
//! same calls succeed once there is room again.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
use serde_json::{Value, json};

use crate::support::{BINARY, Client, Folder, Process, TestProduct, TestResponse, TestShop, order, text};

/// The number of consecutive refusals that proves that nothing is written any more.
const REFUSALS: usize = 12;

/// An order with its own key, attempted until it is placed.
struct Try {
    cart: String,
    key: String,
}

impl Try {
    fn place(&self, client: &mut Client, method: &str) -> TestResponse {
        let headers = [("X-Cart-Token", self.cart.as_str()), ("Idempotency-Key", self.key.as_str())];
        client.ask("POST", "/orders/", &headers, &order(method))
    }
}

fn is_refusal(answer: &TestResponse) -> bool {
    if answer.status == 201 {
        return false;
    }
    assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"), "{answer:?}");
    let seconds: u32 = answer.header("retry-after").expect("a time to come again").parse().unwrap();
    assert!(seconds >= 1);
    true
}

/// Fills the shop's storage with `exhaust`, and makes room with `relieve`.
fn survives(shop: &mut TestShop, exhaust: impl FnOnce(&TestShop), relieve: impl FnOnce(&TestShop)) {
    let goods = shop.product("SHIRT", 100_000);
    let (_, method) = shop.shipping();
    // Create the carts for all attempts while there is room.
    let tries: Vec<_> =
        (0..200).map(|number| Try { cart: shop.guest_cart(&goods.sku, 1), key: format!("key-{number}") }).collect();
    let mut client = shop.client();
    exhaust(shop);

    let mut placed = Vec::new();
    let mut refused = Vec::new();
    let mut ids = Vec::new();
    for one in &tries {
        let answer = one.place(&mut client, &method);
        if is_refusal(&answer) {
            refused.push(one);
            ids.push(answer.header("x-request-id").expect("an id").to_owned());
        } else {
            placed.push(answer.json());
        }
        if refused.len() == REFUSALS {
            break;
        }
    }
    assert_eq!(refused.len(), REFUSALS, "the storage took everything: {}", placed.len());
    // A cart is smaller than an order, so some may still fit.
    let mut carts = (0..500).map(|_| client.ask("POST", "/cart/items/", &[], &json!({"sku": goods.sku})));
    assert!(carts.any(|cart| is_refusal(&cart)), "carts are taken without end");

    // Reads still work, and see exactly what was acknowledged.
    assert_eq!(client.ask("GET", "/readyz", &[], &Value::Null).status, 200);
    reads(shop, &goods, &placed);
    relieve(shop);
    for one in refused {
        let answer = one.place(&mut client, &method);
        assert!(!answer.is_replayed(), "what was refused had been done: {answer:?}");
        placed.push(answer.expect(201));
    }
    reads(shop, &goods, &placed);
    let (status, log) = shop.process.stop();
    assert!(status.success(), "{log:?}");
    assert!(!log.iter().any(|line| line.contains("panic")), "{log:?}");
    let told = |level: &str, what: &str| log.iter().any(|line| line.contains(level) && line.contains(what));
    assert!(told("ERROR", "nothing was written") || told("ERROR", "outcome"), "the storage says why: {log:?}");
    for id in ids {
        assert!(told("WARN", &id), "and every refused request says so, by its id: {id} {log:?}");
        assert!(told(r#""name":"request""#, &id), "whatever is logged in a request says for which: {id} {log:?}");
    }
    shop.folder.is_sound();
    shop.restart();
    reads(shop, &goods, &placed);
}

fn reads(shop: &TestShop, goods: &TestProduct, placed: &[Value]) {
    let count = i64::try_from(placed.len()).unwrap();
    assert_eq!((shop.orders(), shop.stock(goods)), (placed.len() as u64, [100_000, count, 100_000 - count]));
    for order in placed {
        let token = text(&order["access_token"]);
        let path = format!("/orders/{}/", text(&order["id"]));
        let read = shop.client().ask("GET", &path, &[("X-Order-Token", &token)], &Value::Null);
        assert_eq!(read.expect(200)["items"], order["items"]);
    }
}

/// Makes every write that would exceed this file size fail with an I/O error.
fn limit_files(shop: &TestShop, bytes: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    prlimit(Some(shop.process.pid()), Resource::Fsize, Rlimit { current: bytes.or(maximum), maximum }).unwrap();
}

#[test]
fn failing_writes_are_refused_until_they_succeed_again() {
    let mut shop = TestShop::open();
    assert!(shop.process.stop().0.success());
    // Exceeding the limit sends a signal that ends the process unless it is ignored; then the write fails.
    let mut command = shop.folder.dressed(Command::new("sh"));
    shop.process = Process::of(command.args(["-c", "trap '' XFSZ; exec \"$0\" serve", BINARY]));
    let log_size = |shop: &TestShop| fs::metadata(shop.folder.file("db.sqlite3-wal")).unwrap().len();
    survives(&mut shop, |shop| limit_files(shop, Some(log_size(shop) + 200 * 1024)), |shop| limit_files(shop, None));
}

/// An in-memory file system of a few megabytes.
struct SmallDisk {
    folder: Folder,
}

impl SmallDisk {
    const SIZE: u64 = 16 * 1024 * 1024;

    /// `None` where the system does not allow mounting; there the file size limit above has to do.
    fn mount() -> Option<Self> {
        let folder = Folder::new();
        let options = format!("size={}", Self::SIZE);
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self { folder })
    }

    fn filler(&self) -> PathBuf {
        self.folder.file("filler")
    }

    /// Leaves room for this number of bytes.
    fn fill(&self, room: u64) {
        let mut filler = OpenOptions::new().create(true).append(true).open(self.filler()).unwrap();
        let chunk = [0; 4096];
        while filler.write_all(&chunk).is_ok() {}
        let length = filler.metadata().unwrap().len();
        filler.set_len(length - room).unwrap();
    }

    fn clear(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).output();
    }
}

#[test]
fn a_full_disk_refuses_writes_until_there_is_room() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("not allowed to mount a small file system; the limit on files stands for it");
        return;
    };
    let database = disk.folder.file("shop.db");
    let mut shop = TestShop::open_with(&[("DB_NAME", database.to_str().unwrap())]);
    survives(&mut shop, |_| disk.fill(200 * 1024), |_| disk.clear());
}
