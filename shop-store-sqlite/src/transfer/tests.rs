//! Rows out of one file and into another.

use std::path::PathBuf;
use std::sync::Arc;

use shop_core::catalog::{ProductQuery, ProductView};
use shop_core::page::PageRequest;
use shop_core::{Actor, Shop};

use super::*;
use crate::SqliteStore;
use crate::file::TemporaryDirectory;

const KEY: &[u8] = &[7; 32];

fn folder() -> (TemporaryDirectory, PathBuf, PathBuf) {
    let folder = TemporaryDirectory::new().unwrap();
    let files = (folder.path().join("from.sqlite3"), folder.path().join("to.sqlite3"));
    (folder, files.0, files.1)
}

async fn shop(path: &Path) -> Shop {
    Shop::builder(Arc::new(SqliteStore::open(path).unwrap()), KEY).open().await.unwrap()
}

/// A file with this many products.
async fn filled(path: &Path, products: usize) {
    let shop = shop(path).await;
    for number in 0..products {
        let sku = if number == 0 { "lamp".to_owned() } else { format!("lamp-{number}") };
        let input =
            serde_json::json!({"name": format!("Lamp {number}"), "sku": sku, "price": "19.99", "stock": number});
        shop.catalog().create_product(&Actor::system(), serde_json::from_value(input).unwrap()).await.unwrap();
    }
    let draft = serde_json::json!({"email": "grace@example.com", "items": [{"sku": "lamp", "quantity": 2}]});
    shop.orders().create_draft(&Actor::system(), serde_json::from_value(draft).unwrap()).await.unwrap();
}

async fn found(path: &Path, search: &str) -> Vec<ProductView> {
    let query = ProductQuery { search: search.into(), ..ProductQuery::default() };
    let page = PageRequest { size: 100, ..PageRequest::default() };
    shop(path).await.catalog().list_products(&Actor::system(), query, &page).await.unwrap().items
}

/// Moves the remaining rows, `size` at a time, and stops after this many batches. True if everything was moved.
async fn proceed(source: &SqliteRows, target: &SqliteRows, size: u32, mut batches: usize) -> bool {
    if target.progress().await.unwrap().is_none() {
        target.begin(source.identity()).await.unwrap();
    }
    let mut progress = target.progress().await.unwrap().unwrap();
    assert_eq!(progress.source, source.identity());
    for table in source.tables() {
        let step = progress.steps.get_mut(&table.name).unwrap();
        loop {
            let rows = source.read(table, step.after.as_deref(), size).await.unwrap();
            let Some(last) = rows.last() else { break };
            if batches == 0 {
                return false;
            }
            batches -= 1;
            *step = TableProgress { after: Some(table.key_of(last)), rows: step.rows + rows.len() as u64 };
            target.write(table, &rows, step).await.unwrap();
        }
    }
    while target.index(size).await.unwrap() > 0 {}
    target.finish().await.unwrap();
    true
}

#[test]
fn every_table_and_column_is_moved_but_the_index_for_searching() {
    let empty = empty_shop().unwrap();
    let tables = schema::tables(&empty).unwrap();
    let moved: Vec<_> = tables.iter().map(|table| table.name.as_str()).collect();
    let mut statement = empty.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let all: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap();
    let left: Vec<_> = all.iter().filter(|name| !moved.contains(&name.as_str())).collect();
    assert!(left.iter().all(|name| name.starts_with("product_search") || *name == "schema_migrations"), "{left:?}");
    for table in &tables {
        let sql = "SELECT name FROM pragma_table_info(?1)";
        let mut statement = empty.prepare(sql).unwrap();
        let all: Vec<String> =
            statement.query_map([&table.name], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap();
        let left = all.iter().filter(|name| !table.columns.iter().any(|column| column.name == **name));
        let left: Vec<_> = left.map(|name| format!("{}.{name}", table.name)).collect();
        assert!(left.iter().all(|name| name == "products.row"), "{left:?}");
        // A row's key is never empty.
        assert!(table.key.iter().all(|place| !table.columns[*place].optional), "{table:?}");
    }
    let seeded: Vec<_> = tables.iter().filter(|table| table.seeded).map(|table| table.name.as_str()).collect();
    assert!(seeded.contains(&"category_tree"), "{seeded:?}");
    assert!(!seeded.contains(&"locations"), "{seeded:?}");
}

#[test]
fn the_rows_after_a_key_are_found_in_its_index() {
    let empty = empty_shop().unwrap();
    for table in schema::tables(&empty).unwrap() {
        let plan = format!("EXPLAIN QUERY PLAN {}", reading(&table, true));
        let mut statement = empty.prepare(&plan).unwrap();
        let steps: Vec<String> =
            statement.raw_query().mapped(|row| row.get(3)).collect::<rusqlite::Result<_>>().unwrap();
        assert!(matches!(steps.as_slice(), [only] if only.starts_with("SEARCH")), "{}: {steps:?}", table.name);
    }
}

#[tokio::test]
async fn a_move_that_was_stopped_goes_on_where_it_was() {
    let (_folder, from, to) = folder();
    filled(&from, 7).await;
    // The files are closed and reopened each time.
    let mut stops = 0;
    while !proceed(&SqliteRows::source(&from).unwrap(), &SqliteRows::target(&to).unwrap(), 2, 3).await {
        stops += 1;
        let unfinished = SqliteStore::open(&to).unwrap_err();
        assert!(matches!(&unfinished, OpenError::Unfinished(path) if *path == to), "{unfinished}");
        assert!(matches!(SqliteRows::source(&to), Err(OpenError::Unfinished(_))));
    }
    assert!(stops > 3, "{stops}");
    for search in ["", "lamp", "lamp 3", "LAMP", "shade"] {
        assert_eq!(found(&to, search).await, found(&from, search).await, "{search}");
    }
    assert_eq!(found(&to, "lam").await.len(), 7);
    assert_eq!(shop(&to).await.check().await.unwrap(), Vec::<String>::new());
    let (source, target) = (SqliteRows::source(&from).unwrap(), SqliteRows::source(&to).unwrap());
    for table in source.tables() {
        let rows = source.read(table, None, 1_000).await.unwrap();
        assert_eq!(rows, target.read(table, None, 1_000).await.unwrap(), "{}", table.name);
        assert_eq!(source.count(table).await.unwrap(), rows.len() as u64);
    }
}

#[tokio::test]
async fn two_that_fill_the_same_file_are_told() {
    let (_folder, from, to) = folder();
    filled(&from, 2).await;
    let (source, target) = (SqliteRows::source(&from).unwrap(), SqliteRows::target(&to).unwrap());
    assert!(matches!(SqliteRows::target(&to), Err(OpenError::InUse(_))), "the lock keeps a second process away");
    target.begin(source.identity()).await.unwrap();
    let table = source.tables().iter().find(|table| table.name == "products").unwrap();
    let rows = source.read(table, None, 1).await.unwrap();
    let step = TableProgress { after: Some(table.key_of(&rows[0])), rows: 1 };
    target.write(table, &rows, &step).await.unwrap();
    let refused = target.write(table, &rows, &step).await.unwrap_err();
    let why = std::error::Error::source(&refused).unwrap().to_string();
    assert!(why.contains("products"), "{why}");
    let count = target.count(table).await.unwrap();
    assert_eq!(count, 1, "what was refused left nothing");
}

#[tokio::test]
async fn what_cannot_be_moved_is_refused_and_left_as_it_is() {
    let (_folder, from, to) = folder();
    assert!(matches!(SqliteRows::source(&from), Err(OpenError::Missing(_))));
    assert!(!from.exists());
    filled(&from, 1).await;
    let store = crate::SqliteOptions::new(&from).server(true).open().unwrap();
    assert!(matches!(SqliteRows::source(&from), Err(OpenError::InUse(_))), "it is being served");
    drop(store);
    Connection::open(&from).unwrap().execute("DELETE FROM schema_migrations WHERE version > 1", []).unwrap();
    if let Err(error) = SqliteRows::source(&from) {
        assert!(matches!(error, OpenError::Older { found: 1, .. }), "{error}");
        assert!(matches!(SqliteRows::target(&from), Err(OpenError::Older { .. })));
    }
    let newer = "INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (999, 'x', x'', 0)";
    Connection::open(&from).unwrap().execute(newer, []).unwrap();
    assert!(matches!(SqliteRows::source(&from), Err(OpenError::Newer { found: 999, .. })));
    Connection::open(&to).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    assert!(matches!(SqliteRows::target(&to), Err(OpenError::NotAShop(_))));
}
