//! Durability, which the suite cannot test: acknowledged data is in the reopened file, even if the process was killed.

#![expect(clippy::unwrap_used, reason = "a test: what fails here fails it")]

mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::json;
use shop_core::catalog::ProductQuery;
use shop_core::conformance::{Differential, block_on};
use shop_core::inventory::StockFilter;
use shop_core::page::PageRequest;
use shop_core::{Actor, Shop};

/// The environment variable that passes the file to the process that will be killed.
const FILE: &str = "CUSTOM_STORE_FILE";
/// The number of acknowledged products after which the process is killed.
const ACKNOWLEDGED: usize = 25;
/// The key that [`Differential`] uses: a shop opens only with the key that its data was written with.
const KEY: &[u8] = &[42; 32];

fn shop(file: &Path) -> Shop {
    let store = Arc::new(custom_store::open(file).unwrap());
    block_on(Shop::builder(store, KEY).open()).unwrap()
}

#[test]
fn a_file_that_is_opened_again_holds_everything() {
    let file = support::TemporaryFile::new();
    let store = Arc::new(custom_store::open(file.path()).unwrap());
    let played = block_on(async { Differential::begin(3, [("redb", store as _)]).await?.play(150).await });
    played.unwrap();
    let shop = shop(file.path());
    let query = ProductQuery::default();
    let page = block_on(shop.catalog().list_products(&Actor::system(), query, &PageRequest::default()));
    assert!(page.unwrap().total.is_some_and(|total| total > 0));
    assert_eq!(block_on(shop.check()).unwrap(), [""; 0]);
}

#[test]
fn another_process_cannot_have_the_file_too() {
    let file = support::TemporaryFile::new();
    let _held = custom_store::open(file.path()).unwrap();
    assert!(matches!(custom_store::open(file.path()), Err(redb::DatabaseError::DatabaseAlreadyOpen)));
}

#[test]
fn what_was_acknowledged_survives_the_kill() {
    let file = support::TemporaryFile::new();
    let mut seller = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "stock_the_shelves_until_killed", "--nocapture"])
        .env(FILE, file.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(seller.stdout.take().unwrap()).lines().map(Result::unwrap);
    let skus = said.filter_map(|line| line.strip_prefix("acknowledged ").map(str::to_owned));
    let skus: Vec<_> = skus.take(ACKNOWLEDGED).collect();
    seller.kill().unwrap();
    seller.wait().unwrap();
    assert_eq!(skus.len(), ACKNOWLEDGED);

    let shop = shop(file.path());
    for sku in skus {
        let filter = StockFilter { sku: Some(sku.clone()), ..StockFilter::default() };
        let stock = block_on(shop.inventory().list_stock(&Actor::system(), &filter, &PageRequest::default()));
        assert_eq!(stock.unwrap().items.len(), 1, "{sku}");
    }
    // The product that was being written is there with its stock and movements, or not at all.
    assert_eq!(block_on(shop.check()).unwrap(), [""; 0]);
}

/// The body of the process that is killed. Without the variable [`FILE`] it does nothing.
#[test]
fn stock_the_shelves_until_killed() {
    let Some(file) = std::env::var_os(FILE) else { return };
    let shop = shop(Path::new(&file));
    for number in 0.. {
        let sku = format!("LAMP-{number}");
        let lamp = json!({"name": "Lamp", "price": "20", "sku": sku, "stock": 5});
        block_on(shop.catalog().create_product(&Actor::system(), serde_json::from_value(lamp).unwrap())).unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "acknowledged {sku}").and_then(|()| out.flush()).unwrap();
    }
}
