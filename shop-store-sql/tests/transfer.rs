//! A shop moves between this store and the one in a file, and back.

#![expect(clippy::unwrap_used, reason = "a test: what fails here fails it")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use shop_core::catalog::ProductQuery;
use shop_core::page::PageRequest;
use shop_core::store::Store;
use shop_core::transfer::{Cell, Kind, Row, Source, Step, Target};
use shop_core::{Actor, Shop};
use shop_store_sql::testing::{Cluster, execute, texts};
use shop_store_sql::{OpenError, Options, PostgresRows, PostgresStore};
use shop_store_sqlite::{SqliteRows, SqliteStore};

const KEY: &[u8] = &[7; 32];

fn database() -> String {
    Cluster::shared().unwrap().database().unwrap()
}

fn options(url: &str) -> Options {
    Options::parse(url).unwrap()
}

/// A file that is not there yet; it goes away with its folder.
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
        let input = serde_json::json!({"name": format!("Bücher & \"Tee\" {number}"), "price": "19.99", "stock": number,
            "sku": format!("tea-{number}"), "attributes": {"b": 1, "a": [null, true]}});
        shop.catalog().create_product(&system, serde_json::from_value(input).unwrap()).await.unwrap();
    }
    let person = shop_core::accounts::SuperuserInput {
        email: "Ada@example.com".into(),
        password: shop_core::secret::Secret::new("analytical-engine-1842").into(),
    };
    shop.accounts().create_superuser(&system, person).await.unwrap();
}

/// Moves what is left to move, at most so many batches. True when all is there.
async fn proceed(source: &dyn Source, target: &dyn Target, mut batches: usize) -> bool {
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
            *step = Step { after: Some(table.key_of(last)), rows: step.rows + rows.len() as u64 };
            target.write(table, &rows, step).await.unwrap();
        }
    }
    while target.index(2).await.unwrap() > 0 {}
    target.finish().await.unwrap();
    true
}

/// Every row of every table, by the names of the columns.
async fn rows(source: &dyn Source) -> BTreeMap<String, Vec<BTreeMap<String, Cell>>> {
    let mut all = BTreeMap::new();
    for table in source.tables() {
        let named = |row: Row| table.columns.iter().map(|column| column.name.clone()).zip(row).collect();
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

/// Nothing can be left behind by a migration of one store that the other does not know.
#[tokio::test]
async fn both_stores_hold_the_same_tables_and_columns() {
    let file = File::new("parity");
    let sqlite = SqliteRows::target(&file.0).unwrap();
    let postgres = PostgresRows::target(&options(&database())).await.unwrap();
    let described = |source: &dyn Source| {
        let column = |column: &shop_core::transfer::Column| (column.name.clone(), (column.kind, column.optional));
        let columns = |table: &shop_core::transfer::Table| table.columns.iter().map(column).collect();
        let table = |table| (shop_core::transfer::Table::clone(table).name, columns(table));
        source.tables().iter().map(table).collect::<BTreeMap<String, BTreeMap<String, (Kind, bool)>>>()
    };
    let (here, there) = (described(&sqlite), described(&postgres));
    let names = |tables: &BTreeMap<String, _>| tables.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&here), names(&there));
    for (name, columns) in &here {
        assert_eq!(Some(columns), there.get(name), "{name}");
    }
    assert!(names(&here).contains(&"orders".to_owned()));
    let seeded = |source: &dyn Source| {
        let seeded = source.tables().iter().filter(|table| table.seeded);
        let mut names: Vec<_> = seeded.map(|table| table.name.clone()).collect();
        names.sort();
        names
    };
    assert_eq!(seeded(&sqlite), seeded(&postgres));
}

/// What is not moved is derived, or soon forgotten, and stands in this short list.
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

#[tokio::test]
async fn the_rows_after_a_key_are_found_in_its_index() {
    let url = database();
    let store = PostgresStore::connect(options(&url)).await.unwrap();
    fill(Arc::new(store), 3).await;
    let source = PostgresRows::source(&options(&url)).await.unwrap();
    for table in source.tables() {
        let all = source.read(table, None, 10_000).await.unwrap();
        let mut paged: Vec<Row> = Vec::new();
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
    assert_eq!(texts(&url, "SELECT count(*)::text FROM products").unwrap(), ["1"]);
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
    let step = Step { after: rows.last().map(|row| table.key_of(row)), rows: rows.len() as u64 };
    target.write(table, &rows, &step).await.unwrap();
    let refused = target.write(table, &rows, &step).await.unwrap_err();
    let why = std::error::Error::source(&refused).unwrap().to_string();
    assert!(why.contains("users"), "{why}");
    // What was refused left nothing, and the connection goes on.
    assert_eq!(target.count(table).await.unwrap(), rows.len() as u64);
}
