//! What a page by number costs, in steps of SQLite's virtual machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;
use shop_core::catalog::ProductFilter;
use shop_core::page::{Page, PageMemo, PageRequest, Position, SortKey};

use crate::SqliteStore;
use crate::list_counts::{CountedList, StoredCount};
use crate::paging::QueryBuilder;
use crate::{inventory, listed};

/// Enough rows that walking along them costs much more than a page.
const ROWS: u32 = 4_000;

/// A file with products, movements and their stored counts, and a counter of the steps that statements take from now
/// on.
fn filled(path: &std::path::Path) -> (Connection, Arc<AtomicU64>) {
    let mut connection = Connection::open(path).unwrap();
    let numbers = format!("WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {ROWS})");
    connection
        .execute_batch(&format!(
            "{numbers} INSERT INTO products (id, slug, name, description, status, currency, options, images, attributes,
                created_at, updated_at, version, name_key, price)
            SELECT CAST(printf('%016d', n) AS BLOB), 'p-' || n, 'P', '', 'active', 'USD', '[]', '[]', '{{}}',
                n, n, 1, 'p', n FROM n;
            INSERT INTO listed_products (id, status, category_id, in_stock, created_at, name_key, price)
                SELECT id, status, NULL, row % 2, created_at, name_key, price FROM products;
            INSERT INTO list_counts SELECT 'products', status, in_stock, '', 0, count(*), 1
                FROM listed_products GROUP BY 2, 3;
            {numbers} INSERT INTO movements (id, variant_id, sku, location_id, delta, reason, note, created_at)
            SELECT CAST(printf('%016d', n) AS BLOB), zeroblob(16), 'SKU', zeroblob(16), 1, 'received', '', n FROM n;
            INSERT INTO list_counts VALUES ('movements', lower(hex(zeroblob(16))), '', '', 0, {ROWS}, 1);"
        ))
        .unwrap();
    let steps = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&steps);
    let count = move || {
        counter.fetch_add(1, Ordering::Relaxed);
        false
    };
    connection.progress_handler(1, Some(count)).unwrap();
    (connection, steps)
}

/// Reads a page by number and returns the number of steps it took.
fn cost<K: SortKey, T>(
    steps: &AtomicU64,
    number: u32,
    read: impl FnOnce(&PageRequest<K>) -> rusqlite::Result<Page<T>>,
) -> u64 {
    let before = steps.load(Ordering::Relaxed);
    let page = read(&PageRequest { position: Position::Number(number), ..PageRequest::default() }).unwrap();
    let is_there = number <= ROWS / 20;
    assert_eq!((page.items.len(), page.total), (if is_there { 20 } else { 0 }, Some(ROWS.into())));
    steps.load(Ordering::Relaxed) - before
}

fn a_deep_page_is_dear_once(cost: impl Fn(u32) -> u64) {
    let first = cost(1);
    let deep = ROWS / 20 - 10;
    assert!(cost(deep) > 10 * first, "the list is too short to prove anything");
    for near in [deep, deep + 1, deep] {
        let again = cost(near);
        assert!(again < 2 * first, "page {near} takes {again} steps, the first page {first}");
    }
    let past = cost(1_000_000);
    assert!(past < first, "a page past the end takes {past} steps, the first page {first}");
}

#[tokio::test]
async fn a_deep_page_of_products_is_dear_once() {
    let store = SqliteStore::temporary().unwrap();
    let (connection, steps) = filled(store.path());
    let (memo, filter) = (PageMemo::default(), ProductFilter::default());
    a_deep_page_is_dear_once(|number| {
        cost(&steps, number, |request| listed::page(&connection, &memo, &filter, request))
    });
}

#[tokio::test]
async fn a_deep_page_of_a_list_with_a_kept_count_is_dear_once() {
    let store = SqliteStore::temporary().unwrap();
    let (connection, steps) = filled(store.path());
    let memo = Arc::<PageMemo>::default();
    a_deep_page_is_dear_once(|number| {
        cost(&steps, number, |request| {
            let mut query = QueryBuilder::from("movements");
            query.stored_count(StoredCount {
                list: CountedList::Movements,
                keys: Some([None, None, None]),
                memo: Arc::clone(&memo),
            });
            inventory::movements().page(&connection, query, request)
        })
    });
}
