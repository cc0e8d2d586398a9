//! Checks the query plan of every statement: none may scan a whole table that grows.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use shop_core::batch::{Batch, Entity, Precondition, Write};
use shop_core::conformance::{Differential, every_read};
use shop_core::store::Store;
use uuid::Uuid;

use crate::SqliteStore;

static STATEMENTS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Records a statement.
pub(crate) fn note(sql: &str) {
    let mut statements = STATEMENTS.lock().unwrap();
    if !statements.contains(sql) {
        statements.insert(sql.to_owned());
    }
}

/// Tables with a bounded number of rows.
const SMALL: &[&str] = &[
    "category_tree",
    "key_fingerprint",
    "shop_details",
    "categories",
    "zones",
    "methods",
    "tax_rates",
    "locations",
    "webhooks",
    "below",
    "found",
    "new",
    "page",
];

/// Filters that may scan an index. Walking an index in order is right for a list without a selective filter, because
/// the page ends the walk. These filters are not selective, or a list by them may scan all rows.
const LOOSE: &[&str] = &[
    "users.is_active = ?",
    "users.is_staff = 0",
    "instr(users.search_text, ?) > 0",
    "stock_levels.tracked = 1",
    // A shop has few locations, so each has many reservations.
    "reservations.location_id = ?",
];

/// The steps of a plan.
fn steps(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    statement.raw_query().mapped(|row| row.get(3)).collect::<rusqlite::Result<_>>().unwrap()
}

/// The steps of a plan that read more than they should.
fn faults(connection: &Connection, sql: &str) -> Vec<String> {
    let steps = steps(connection, sql);
    let loose = LOOSE.iter().any(|loose| sql.contains(loose));
    let selective = LOOSE.iter().fold(sql.to_owned(), |sql, loose| sql.replace(loose, "")).contains(" = ?");
    let is_fault = |step: &String| {
        let Some(scanned) = step.strip_prefix("SCAN ") else { return false };
        let table = scanned.split(' ').next().unwrap_or_default();
        // Rare staff queries scan a narrow index, so that orders have one index less to write.
        if scanned.starts_with("listed USING COVERING INDEX ") {
            return false;
        }
        let grows = !SMALL.contains(&table) && !scanned.contains("VIRTUAL TABLE INDEX") && table != "CONSTANT";
        let counts = loose && sql.starts_with("SELECT count(*)");
        grows && (selective || !(scanned.contains(" INDEX ") || counts))
    };
    steps.iter().filter(|step| is_fault(step)).cloned().collect()
}

/// A store on which every read has run, a connection to it, and all statements so far.
async fn read() -> (SqliteStore, Connection, BTreeSet<String>) {
    let store = SqliteStore::temporary().unwrap();
    every_read(&store).await.unwrap();
    let connection = Connection::open(store.path()).unwrap();
    let statements = STATEMENTS.lock().unwrap().clone();
    (store, connection, statements)
}

#[tokio::test]
async fn no_statement_reads_a_whole_table_that_grows() {
    let store = SqliteStore::temporary().unwrap();
    every_read(&store).await.unwrap();
    let mut context = crate::tests::context(11);
    let mut batch = Batch::new(&mut context);
    batch.write(crate::tests::cart(&mut context));
    batch.require(Precondition::Version(Entity::Order, Uuid::nil(), 1));
    store.commit(Arc::new(batch)).await.unwrap_err();
    // Writes as well: a thousand calls of all kinds, and the cleanup.
    let played = Arc::new(SqliteStore::temporary().unwrap()) as Arc<dyn Store>;
    Differential::begin(5, [("sqlite", Arc::clone(&played))]).await.unwrap().play(1_000).await.unwrap();
    let mut batch = Batch::new(&mut context);
    batch.write(Write::Forget { before: context.now(), given_up_before: context.now() });
    played.commit(Arc::new(batch)).await.unwrap();

    let connection = Connection::open(store.path()).unwrap();
    let statements = STATEMENTS.lock().unwrap().clone();
    assert!(statements.len() > 200, "only {} statements", statements.len());
    let count = |word: &str| statements.iter().filter(|sql| sql.starts_with(word)).count();
    assert!(count("UPDATE ") > 10 && count("DELETE ") > 5, "{} and {}", count("UPDATE "), count("DELETE "));
    let wrong: Vec<_> = statements
        .iter()
        .filter_map(|sql| Some((sql, faults(&connection, sql))).filter(|(_, faults)| !faults.is_empty()))
        .map(|(sql, faults)| format!("{sql}\n  {}", faults.join("\n  ")))
        .collect();
    assert!(wrong.is_empty(), "{} statements:\n{}", wrong.len(), wrong.join("\n"));
}

/// The common lists, in their default orders, need no sort.
#[tokio::test]
async fn the_usual_lists_come_sorted_out_of_an_index() {
    let (_store, connection, statements) = read().await;
    let mut looked_at = 0;
    for sql in &statements {
        let whole = !sql.contains("WITH ") && !sql.contains("EXISTS");
        // One order has few rows of any kind, so they may be sorted.
        let one_filter = !sql.contains(" AND ") && !sql.contains("order_id = ?") && !sql.contains("category_id");
        let Some((_, order)) = sql.split_once("ORDER BY ") else { continue };
        let usual = [".created_at DESC", ".placed_at DESC", ".date_joined DESC"].iter().any(|key| order.contains(key))
            && order.matches(", ").count() == 1;
        if whole && one_filter && usual && sql.ends_with("LIMIT ? OFFSET ?") {
            looked_at += 1;
            let steps = steps(&connection, sql);
            assert!(steps.iter().all(|step| !step.contains("TEMP B-TREE")), "{sql}\n{steps:#?}");
        }
    }
    assert!(looked_at > 20, "only {looked_at}");
}

/// Queries without their own index use a narrow index and do not look up the rows.
#[tokio::test]
async fn what_staff_seldom_look_for_is_found_in_a_narrow_index_alone() {
    let (_store, connection, statements) = read().await;
    let mut looked_at = 0;
    // Product lists use the same alias, but have their own indexes.
    for sql in statements.iter().filter(|sql| sql.contains("listed.") && !sql.contains("listed_products")) {
        looked_at += 1;
        let steps = steps(&connection, sql);
        let found = ["orders_search", "reservations_created_at", "payments_created_at"];
        let is_found =
            |step: &String| found.iter().any(|index| step.contains(&format!("listed USING COVERING INDEX {index}")));
        assert!(steps.iter().any(is_found), "{sql}\n{steps:#?}");
        // Customers read their own orders, which have an index.
        assert!(!sql.contains("customer_id = ?"), "{sql}");
        // Counting looks up no rows.
        let counts = sql.starts_with("SELECT count(*)") && !sql.contains("orders.") && !sql.contains("reservations.");
        assert!(!counts || steps.len() == 1, "{sql}\n{steps:#?}");
    }
    assert!(looked_at > 10, "only {looked_at}");
}

/// Orders by total are sorted piece by piece; the index gives the start of a piece.
#[tokio::test]
async fn orders_by_total_are_sorted_by_what_stands_in_their_index() {
    let (_store, connection, statements) = read().await;
    let by_total = |sql: &&String| {
        sql.contains("substr(orders.total, 1, 1)") && !sql.contains(" = ? ") && !sql.contains("placed_at >=")
    };
    let by_total: Vec<_> = statements.iter().filter(by_total).collect();
    assert!(by_total.len() > 3, "only {}", by_total.len());
    for sql in by_total {
        let steps = steps(&connection, sql);
        assert!(
            steps.iter().any(|step| step.contains("orders USING COVERING INDEX orders_total")),
            "{sql}\n{steps:#?}"
        );
        assert!(steps.iter().any(|step| step.starts_with("USE TEMP B-TREE FOR LAST")), "{sql}\n{steps:#?}");
    }
}

/// An order has few payments; a state has many.
#[tokio::test]
async fn payments_of_an_order_are_found_by_it() {
    let (_store, connection, statements) = read().await;
    let of_order: Vec<_> = statements.iter().filter(|sql| sql.contains("payments.order_id = ?")).collect();
    assert!(of_order.iter().any(|sql| sql.contains("payments.state = ?")));
    for sql in of_order {
        let steps = steps(&connection, sql);
        assert!(steps.iter().any(|step| step.contains("INDEX payments_order (order_id=?")), "{sql}\n{steps:#?}");
    }
}

/// Product lists are ranges of indexes: only rows with the same first key are sorted, and nothing is looked up that an
/// index holds.
#[tokio::test]
async fn products_come_out_of_ranges_of_indexes() {
    let (_store, connection, statements) = read().await;
    let of_products = |sql: &&String| sql.contains("FROM listed_products AS listed WHERE");
    let (mut ordered, mut counted) = (0, 0);
    for sql in statements.iter().filter(of_products) {
        let steps = steps(&connection, sql);
        let range = if sql.contains("category_id = ?") {
            "category_id=? AND status=? AND in_stock=?"
        } else {
            "status=? AND in_stock=?"
        };
        let by_id_alone = sql.contains("ORDER BY listed.id");
        assert!(
            by_id_alone || steps.iter().all(|step| !step.contains("listed") || step.contains(range)),
            "{sql}\n{steps:#?}"
        );
        if sql.starts_with("SELECT count(*)") {
            counted += 1;
            assert!(
                steps.iter().any(|step| step.contains("COVERING INDEX listed_products_") && step.contains("price")),
                "{sql}\n{steps:#?}"
            );
        }
        let one_key = sql.split_once("ORDER BY ").is_some_and(|(_, order)| order.matches(", ").count() == 1);
        if one_key {
            ordered += 1;
            assert!(steps.iter().all(|step| !step.contains("TEMP B-TREE")), "{sql}\n{steps:#?}");
            assert!(steps.iter().any(|step| step.contains("COVERING INDEX")), "{sql}\n{steps:#?}");
        }
    }
    assert!(ordered > 20 && counted > 0, "{ordered} and {counted}");
}
