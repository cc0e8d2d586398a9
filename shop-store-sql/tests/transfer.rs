//! Moves a shop between this store and the SQLite store, in both directions.

#![expect(clippy::unwrap_used, reason = "a test: what fails here fails it")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;
use shop_core::cart::AddItem;
use shop_core::catalog::ProductQuery;
use shop_core::orders::NoteInput;
use shop_core::page::PageRequest;
use shop_core::secret::Secret;
use shop_core::shop::Tokens;
use shop_core::store::Store;
use shop_core::transfer::{Cell, CellKind, TableProgress, TransferRow, TransferSource, TransferTarget};
use shop_core::{Actor, Shop};
use shop_store_sql::testing::{Bouncer, Cluster, execute, texts};
use shop_store_sql::{OpenError, PostgresOptions, PostgresRows, PostgresStore};
use shop_store_sqlite::{SqliteRows, SqliteStore};

const KEY: &[u8] = &[7; 32];

fn database() -> String {
    Cluster::shared().unwrap().database().unwrap()
}

fn options(url: &str) -> PostgresOptions {
    PostgresOptions::parse(url).unwrap()
}

/// A file that does not exist yet; it is removed with its folder.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("shop-sql-transfer-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).unwrap();
        Self(folder.join("shop.sqlite3"))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.0.parent().unwrap());
    }
}

async fn shop(store: Arc<dyn Store>) -> Shop {
    Shop::builder(store, KEY).open().await.unwrap()
}

async fn fill(store: Arc<dyn Store>, products: usize) {
    let shop = shop(store).await;
    let system = Actor::system();
    for number in 0..products {
        let input = json!({"name": format!("Bücher & \"Tee\" {number}"), "price": "19.99", "stock": number,
            "sku": format!("tea-{number}"), "attributes": {"b": 1, "a": [null, true]}});
        shop.catalog().create_product(&system, serde_json::from_value(input).unwrap()).await.unwrap();
    }
    let person = shop_core::accounts::SuperuserInput {
        email: "Ada@example.com".into(),
        password: Secret::new("analytical-engine-1842").into(),
    };
    shop.accounts().create_superuser(&system, person).await.unwrap();
    add_an_order(&shop).await;
}

/// A guest's order with a note that only staff see, and a draft.
async fn add_an_order(shop: &Shop) {
    let system = Actor::system();
    let zone = serde_json::from_value(json!({"name": "Home", "countries": ["GB"]})).unwrap();
    let zone = shop.shipping().create_zone(&system, zone).await.unwrap();
    let method = json!({"name": "Post", "zone_id": zone.id, "rate": {"type": "flat", "price": "3.50"}});
    let method = shop.shipping().create_method(&system, serde_json::from_value(method).unwrap()).await.unwrap();
    let pot = json!({"name": "Pot", "sku": "pot", "price": "30.00", "stock": 5});
    shop.catalog().create_product(&system, serde_json::from_value(pot).unwrap()).await.unwrap();
    let cart = shop.carts().create(&Actor::anonymous()).await.unwrap();
    let guest = shop.identify(Tokens { cart: cart.token.as_ref().map(Secret::expose), ..Tokens::default() });
    let guest = guest.await.unwrap();
    shop.carts().add_item(&guest, AddItem { sku: "pot".into(), ..AddItem::default() }).await.unwrap();
    let order = json!({"shipping_address": {"first_name": "Ada", "last_name": "Lovelace", "line1": "12 St James's Square",
        "city": "London", "postal_code": "SW1Y 4JH", "country": "GB"}, "shipping_method_id": method.id,
        "payment_gateway": "manual", "email": "ada@example.com"});
    let order = shop.orders().place(&guest, serde_json::from_value(order).unwrap(), None).await.unwrap();
    let order = order.value.view.order.id;
    for (text, visible) in [("Rang twice", false), ("On its way", true)] {
        let note = NoteInput { text: text.into(), visible_to_customer: visible.into() };
        shop.orders().add_note(&system, order, note).await.unwrap();
    }
    let draft = json!({"email": "grace@example.com", "note": "By phone",
        "items": [{"sku": "pot", "quantity": 2, "unit_price": "25.00", "reason": "Scratched"}]});
    shop.orders().create_draft(&system, serde_json::from_value(draft).unwrap()).await.unwrap();
}

/// Moves the remaining rows, at most this many batches. True if everything was moved.
async fn proceed(source: &dyn TransferSource, target: &dyn TransferTarget, mut batches: usize) -> bool {
    if target.progress().await.unwrap().is_none() {
        target.begin(source.identity()).await.unwrap();
    }
    let mut progress = target.progress().await.unwrap().unwrap();
    assert_eq!(progress.source, source.identity());
    for table in target.tables() {
        let table = source.tables().iter().find(|other| other.name == table.name).unwrap();
        let step = progress.steps.get_mut(&table.name).unwrap();
        loop {
            let rows = source.read(table, step.after.as_deref(), 3).await.unwrap();
            let Some(last) = rows.last() else { break };
            if batches == 0 {
                return false;
            }
            batches -= 1;
            *step = TableProgress { after: Some(table.key_of(last)), rows: step.rows + rows.len() as u64 };
            target.write(table, &rows, step).await.unwrap();
        }
    }
    while target.index(2).await.unwrap() > 0 {}
    target.finish().await.unwrap();
    true
}

/// Every row of every table, by the names of the columns.
async fn rows(source: &dyn TransferSource) -> BTreeMap<String, Vec<BTreeMap<String, Cell>>> {
    let mut all = BTreeMap::new();
    for table in source.tables() {
        let named = |row: TransferRow| table.columns.iter().map(|column| column.name.clone()).zip(row).collect();
        let mut rows: Vec<BTreeMap<String, Cell>> =
            source.read(table, None, 10_000).await.unwrap().into_iter().map(named).collect();
        assert_eq!(source.count(table).await.unwrap(), rows.len() as u64, "{}", table.name);
        rows.sort();
        all.insert(table.name.clone(), rows);
    }
    all
}

async fn found(store: Arc<dyn Store>, search: &str) -> Vec<shop_core::catalog::ProductView> {
    let query = ProductQuery { search: search.into(), ..ProductQuery::default() };
    let page = PageRequest { size: 100, ..PageRequest::default() };
    shop(store).await.catalog().list_products(&Actor::system(), query, &page).await.unwrap().items
}

/// A migration of one store needs a counterpart in the other; otherwise a transfer would lose data.
#[tokio::test]
async fn both_stores_hold_the_same_tables_and_columns() {
    let file = File::new("parity");
    let sqlite = SqliteRows::target(&file.0).unwrap();
    let postgres = PostgresRows::target(&options(&database())).await.unwrap();
    let described = |source: &dyn TransferSource| {
        let column =
            |column: &shop_core::transfer::TransferColumn| (column.name.clone(), (column.kind, column.optional));
        let columns = |table: &shop_core::transfer::TransferTable| table.columns.iter().map(column).collect();
        let table = |table| (shop_core::transfer::TransferTable::clone(table).name, columns(table));
        source.tables().iter().map(table).collect::<BTreeMap<String, BTreeMap<String, (CellKind, bool)>>>()
    };
    let (here, there) = (described(&sqlite), described(&postgres));
    let names = |tables: &BTreeMap<String, _>| tables.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&here), names(&there));
    for (name, columns) in &here {
        assert_eq!(Some(columns), there.get(name), "{name}");
    }
    assert!(names(&here).contains(&"orders".to_owned()));
    let seeded = |source: &dyn TransferSource| {
        let seeded = source.tables().iter().filter(|table| table.seeded);
        let mut names: Vec<_> = seeded.map(|table| table.name.clone()).collect();
        names.sort();
        names
    };
    assert_eq!(seeded(&sqlite), seeded(&postgres));
}

/// The exceptions are derived or short-lived, and listed here.
#[tokio::test]
async fn every_table_and_column_is_moved_but_a_few() {
    let url = database();
    let postgres = PostgresRows::target(&options(&url)).await.unwrap();
    let moved: Vec<String> = postgres
        .tables()
        .iter()
        .flat_map(|table| table.columns.iter().map(|column| format!("{}.{}", table.name, column.name)))
        .collect();
    let all = "SELECT table_name || '.' || column_name FROM information_schema.columns
        WHERE table_schema = current_schema() ORDER BY 1";
    let mut left = texts(&url, all).unwrap();
    left.retain(|column| !moved.contains(column) && !column.starts_with("shop_migrations."));
    assert_eq!(left, ["limits.key", "limits.used_until", "products.search"]);
}

#[tokio::test]
async fn a_shop_moves_there_and_back_and_every_row_is_the_same() {
    let (from, back, url) = (File::new("from"), File::new("back"), database());
    fill(Arc::new(SqliteStore::open(&from.0).unwrap()), 8).await;
    let before = rows(&SqliteRows::source(&from.0).unwrap()).await;
    assert!(has_the_newest(&before), "{before:?}");
    let mut stops = 0;
    loop {
        let (source, target) =
            (SqliteRows::source(&from.0).unwrap(), PostgresRows::target(&options(&url)).await.unwrap());
        if proceed(&source, &target, 4).await {
            break;
        }
        stops += 1;
        assert!(matches!(PostgresStore::connect(options(&url)).await, Err(OpenError::Unfinished)));
        assert!(matches!(PostgresRows::source(&options(&url)).await, Err(OpenError::Unfinished)));
    }
    assert!(stops > 3, "{stops}");
    assert_eq!(rows(&PostgresRows::source(&options(&url)).await.unwrap()).await, before);
    {
        let (source, target) =
            (PostgresRows::source(&options(&url)).await.unwrap(), SqliteRows::target(&back.0).unwrap());
        assert!(proceed(&source, &target, usize::MAX).await);
    }
    assert_eq!(rows(&SqliteRows::source(&back.0).unwrap()).await, before);
    for search in ["", "bücher", "TEA", "tea 3", "tee", "none"] {
        let expected = found(Arc::new(SqliteStore::open(&from.0).unwrap()), search).await;
        let moved = PostgresStore::connect(options(&url)).await.unwrap();
        assert_eq!(found(Arc::new(moved), search).await, expected, "{search}");
        assert_eq!(found(Arc::new(SqliteStore::open(&back.0).unwrap()), search).await, expected, "{search}");
    }
}

/// A draft, and a note that only staff see: what the newest tables and columns hold.
fn has_the_newest(rows: &BTreeMap<String, Vec<BTreeMap<String, Cell>>>) -> bool {
    let hidden = |row: &BTreeMap<String, Cell>| row.get("visible") == Some(&Cell::Number(0));
    !rows["draft_orders"].is_empty() && rows["order_history"].iter().any(hidden)
}

#[tokio::test]
async fn a_shop_moves_between_databases_whoever_is_in_between() {
    let cluster = Cluster::start().unwrap();
    let bouncer = Bouncer::start(&cluster, 3).unwrap();
    let address = |url: &str, through: bool| {
        if through { options(&bouncer.url(url)).pgbouncer(true) } else { options(url) }
    };
    let from = cluster.database().unwrap();
    fill(Arc::new(PostgresStore::connect(options(&from)).await.unwrap()), 8).await;
    let before = rows(&PostgresRows::source(&options(&from)).await.unwrap()).await;
    assert!(has_the_newest(&before), "{before:?}");
    let expected = found(Arc::new(PostgresStore::connect(options(&from)).await.unwrap()), "tee").await;
    assert_eq!(expected.len(), 8);
    for (here, there) in [(false, false), (true, false), (false, true), (true, true)] {
        let to = cluster.database().unwrap();
        let mut stops = 0;
        loop {
            let source = PostgresRows::source(&address(&from, here)).await.unwrap();
            let target = PostgresRows::target(&address(&to, there)).await.unwrap();
            if proceed(&source, &target, 7).await {
                break;
            }
            stops += 1;
        }
        assert!(stops > 3, "{stops}");
        assert_eq!(rows(&PostgresRows::source(&address(&to, there)).await.unwrap()).await, before);
        let moved = Arc::new(PostgresStore::connect(options(&to)).await.unwrap());
        assert_eq!(found(Arc::clone(&moved) as _, "tee").await, expected);
        assert_eq!(shop(moved).await.check().await.unwrap(), Vec::<String>::new());
    }
    // A shop's identity does not depend on its address.
    let source = PostgresRows::source(&options(&from)).await.unwrap();
    assert_eq!(source.identity(), PostgresRows::source(&address(&from, true)).await.unwrap().identity());
    let log = cluster.log().unwrap();
    assert!(!log.contains("prepared statement"), "{log}");
}

#[tokio::test]
async fn the_rows_after_a_key_are_found_in_its_index() {
    let url = database();
    let store = PostgresStore::connect(options(&url)).await.unwrap();
    fill(Arc::new(store), 3).await;
    let source = PostgresRows::source(&options(&url)).await.unwrap();
    for table in source.tables() {
        let all = source.read(table, None, 10_000).await.unwrap();
        let mut paged: Vec<TransferRow> = Vec::new();
        loop {
            let after = paged.last().map(|row| table.key_of(row));
            let rows = source.read(table, after.as_deref(), 2).await.unwrap();
            if rows.is_empty() {
                break;
            }
            paged.extend(rows);
        }
        assert_eq!(paged, all, "{}", table.name);
    }
}

#[tokio::test]
async fn nobody_writes_while_a_shop_moves_away() {
    let url = database();
    let store = PostgresStore::connect(options(&url)).await.unwrap();
    fill(Arc::new(store), 1).await;
    let source = PostgresRows::source(&options(&url)).await.unwrap();
    let refused = execute(&url, "SET lock_timeout = '100ms'; UPDATE products SET price = 1").unwrap_err();
    assert!(refused.to_string().contains("lock"), "{refused}");
    assert_eq!(texts(&url, "SELECT count(*)::text FROM products").unwrap(), ["2"]);
    drop(source);
    execute(&url, "UPDATE products SET price = 1").unwrap();
}

#[tokio::test]
async fn what_cannot_be_moved_is_refused_and_left_as_it_is() {
    let url = database();
    let missing = PostgresRows::source(&options(&url)).await;
    assert!(matches!(missing, Err(OpenError::Older { found: 0, .. })), "{missing:?}");
    assert_eq!(texts(&url, "SELECT count(*)::text FROM pg_class WHERE relname = 'orders'").unwrap(), ["0"]);
    drop(PostgresStore::connect(options(&url)).await.unwrap());
    execute(&url, "DELETE FROM shop_migrations WHERE version > 1").unwrap();
    assert!(matches!(PostgresRows::source(&options(&url)).await, Err(OpenError::Older { found: 1, .. })));
    assert!(matches!(PostgresRows::target(&options(&url)).await, Err(OpenError::Older { found: 1, .. })));
    execute(&url, "INSERT INTO shop_migrations (version, name, checksum) VALUES (999, 'future', '')").unwrap();
    assert!(matches!(
        PostgresRows::target(&options(&url)).await,
        Err(OpenError::Newer { .. } | OpenError::Tampered(_))
    ));
}

#[tokio::test]
async fn two_that_fill_the_same_database_are_told() {
    let (from, url) = (File::new("twice"), database());
    fill(Arc::new(SqliteStore::open(&from.0).unwrap()), 2).await;
    let source = SqliteRows::source(&from.0).unwrap();
    let target = PostgresRows::target(&options(&url)).await.unwrap();
    target.begin(source.identity()).await.unwrap();
    let table = source.tables().iter().find(|table| table.name == "users").unwrap();
    let rows = source.read(table, None, 10).await.unwrap();
    let step = TableProgress { after: rows.last().map(|row| table.key_of(row)), rows: rows.len() as u64 };
    target.write(table, &rows, &step).await.unwrap();
    let refused = target.write(table, &rows, &step).await.unwrap_err();
    let why = std::error::Error::source(&refused).unwrap().to_string();
    assert!(why.contains("users"), "{why}");
    // The refused write left nothing, and the connection is usable.
    assert_eq!(target.count(table).await.unwrap(), rows.len() as u64);
}
