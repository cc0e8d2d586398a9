//! How reads reach the database: the number of their statements, and how they behave when connections fail or hang. The
//! conformance suite tests their results.

#![expect(clippy::unwrap_used, reason = "a test: what fails here fails it")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use shop_core::accounts::{AccountsRepository as _, UserFilter};
use shop_core::cart::CartRepository as _;
use shop_core::catalog::{CatalogRepository as _, ProductFilter};
use shop_core::clock::Timestamp;
use shop_core::details::DetailsRepository as _;
use shop_core::id::{OrderId, ProductId, VariantId};
use shop_core::idempotency::IdempotencyRecordKey;
use shop_core::inventory::{InventoryRepository as _, StockFilter};
use shop_core::orders::{OrderFilter, OrdersRepository as _};
use shop_core::outbox::OutboxRepository as _;
use shop_core::page::{PageRequest, Position};
use shop_core::payments::PaymentsRepository as _;
use shop_core::pricing::{PricingRepository as _, RulesQuery};
use shop_core::promotions::PromotionsRepository as _;
use shop_core::shipping::ShippingRepository as _;
use shop_core::store::{Store as _, StoreError};
use shop_core::taxes::TaxesRepository as _;
use shop_store_sql::testing::{Cluster, execute, wait_until};
use shop_store_sql::{PostgresOptions, PostgresStore};
use sqlx::Connection as _;
use uuid::Uuid;

fn database() -> String {
    Cluster::shared().unwrap().migrated().unwrap()
}

async fn connect(options: PostgresOptions) -> Arc<PostgresStore> {
    Arc::new(PostgresStore::connect(options).await.unwrap())
}

fn options() -> PostgresOptions {
    PostgresOptions::parse(&database()).unwrap()
}

/// Locks the users until the connection's transaction ends.
async fn lock_users(url: &str) -> sqlx::PgConnection {
    let mut holder = sqlx::PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql("BEGIN; LOCK TABLE users").execute(&mut holder).await.unwrap();
    holder
}

#[tokio::test(flavor = "multi_thread")]
async fn every_read_is_one_statement() {
    let store = connect(options()).await;
    let id = Uuid::from_u128(1);
    let now = Timestamp::from_timestamp_micros(0).unwrap();
    let orders = [OrderId(id), OrderId(Uuid::from_u128(2))];
    let key = IdempotencyRecordKey { caller: "a".into(), operation: "a".into(), key: "a".into() };
    let mut found = Vec::new();
    macro_rules! count {
        ($($read:ident($($argument:expr),*)),+ $(,)?) => {$(
            let before = store.statements();
            store.$read($($argument),*).await.unwrap();
            found.push((stringify!($read), store.statements() - before));
        )+};
    }
    count! {
        user(id.into()), user_by_email("a"), user_by_username("a"), session(id.into()), otp(id.into()),
        product(id.into()), product_by_slug("a"), product_by_sku("a"),
        products_by_skus(&["a".to_owned(), "b".to_owned()]), products_by_name("a"), products(&[ProductId(id), ProductId(now_id())]),
        products_of_variants(&[VariantId(id), VariantId(now_id())]), category(id.into()), category_by_slug("a"),
        category_tree(), promotion(id.into()), tax_rate(id.into()), price_rules(&RulesQuery::default()), cart(id.into()),
        open_cart_of(id.into()), guest_carts_unchanged_since(now, 10), order(id.into()), order_of_cart(id.into()), history(id.into()), overdue_orders(now, 10), guest_orders("a", 10),
        draft(id.into()), order_return(id.into()), returns_of_orders(&orders), payment(id.into()), payments_of_orders(&orders),
        payment_by_reference("a", "a"), payments_due_for_poll(now, 10), address(id.into()),
        default_address(id.into()), zone(id.into()), shipping_rates(), method(id.into()), shipment(id.into()),
        shipments_by_tracking_key("A", 10), shipments_of_orders(&orders), location(id.into()), locations(),
        stock_of(&[VariantId(id), VariantId(now_id())]), reservations_of(id.into()), unrelayed_events(10),
        due_deliveries("mail", now, 10), next_due("mail"), delivery(id.into()), idempotency_record(&key), shop_details(), ping(),
        // These lists are empty, so the page itself gives the count.
        list_users(&UserFilter::default(), &PageRequest::default()),
        list_products(&ProductFilter::default(), &PageRequest { position: Position::Start, ..PageRequest::default() }),
    }
    let more: Vec<_> = found.iter().filter(|(_, statements)| *statements != 1).collect();
    assert!(found.len() > 40 && more.is_empty(), "{more:?}");

    // A page by number that is full or past the end takes a second statement, which counts.
    let before = store.statements();
    let page = PageRequest { position: Position::Number(2), ..PageRequest::default() };
    store.list_orders(&OrderFilter::default(), &page).await.unwrap();
    assert_eq!(store.statements() - before, 2);
    // Without keys, or with keys that cannot be stored, no statement is sent.
    let before = store.statements();
    assert_eq!(store.products(&[]).await.unwrap(), []);
    assert_eq!(store.product_by_slug("a\0b").await.unwrap(), None);
    assert_eq!(store.idempotency_record(&IdempotencyRecordKey { key: "\0".into(), ..key }).await.unwrap(), None);
    assert_eq!(store.statements(), before);
}

fn now_id() -> Uuid {
    Uuid::from_u128(77)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_row_can_hold_is_not_found() {
    let store = connect(options()).await;
    let filter = StockFilter { sku: Some("a\0".into()), ..StockFilter::default() };
    assert_eq!(store.list_stock(&filter, &PageRequest::default()).await.unwrap().total, Some(0));
    let filter = OrderFilter { placed_after: Some(Timestamp::MIN_UTC), ..OrderFilter::default() };
    assert_eq!(store.list_orders(&filter, &PageRequest::default()).await.unwrap().total, Some(0));
    let filter = ProductFilter { search: vec!["'".into(), ":*".into(), "\\".into()], ..ProductFilter::default() };
    assert_eq!(store.list_products(&filter, &PageRequest::default()).await.unwrap().total, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_shares_statements() {
    let store = connect(options()).await;
    let before = store.statements();
    let reads = (0..400).map(|number| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.product(ProductId(Uuid::from_u128(number % 100))).await })
    });
    for read in join_all(reads).await {
        assert_eq!(read.unwrap().unwrap(), None);
    }
    let statements = store.statements() - before;
    assert!(statements < 200, "{statements} statements for 400 reads");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exhausted_pool_is_told_in_time_and_recovers() {
    let url = database();
    let options = PostgresOptions::parse(&url).unwrap().max_connections(2).acquire_timeout(Duration::from_millis(300));
    let store = connect(options.statement_timeout(Duration::from_mins(1))).await;
    // Two reads hold both connections while they wait for the lock of the table.
    let mut holder = lock_users(&url).await;
    let stuck: Vec<_> = (0..2)
        .map(|number| {
            let store = Arc::clone(&store);
            // Not by id: both would share a statement.
            tokio::spawn(async move { store.user_by_email(&number.to_string()).await })
        })
        .collect();
    wait_until(
        &url,
        "SELECT (count(*) = 2)::text FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
    )
    .unwrap();
    let began = Instant::now();
    let read = store.product(ProductId(now_id())).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    let read = store.location(now_id().into()).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
    for read in stuck {
        assert_eq!(read.await.unwrap().unwrap(), None);
    }
    assert_eq!(store.product(ProductId(now_id())).await.unwrap(), None);
}

/// Reads by id share statements, one at a time, but they do not wait for a statement that hangs.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_by_id_does_not_wait_for_a_statement_that_hangs() {
    let url = database();
    let options = PostgresOptions::parse(&url).unwrap().max_connections(2).acquire_timeout(Duration::from_millis(300));
    let store = connect(options.statement_timeout(Duration::from_mins(1))).await;
    let mut holder = lock_users(&url).await;
    let mut stuck = Vec::new();
    for number in 1..=2 {
        let store = Arc::clone(&store);
        stuck.push(tokio::spawn(async move { store.user(Uuid::from_u128(number).into()).await }));
        let waits = "SELECT (count(*) = $)::text FROM pg_stat_activity
            WHERE wait_event_type = 'Lock' AND datname = current_database()";
        wait_until(&url, &waits.replace('$', &number.to_string())).unwrap();
    }
    // There is no connection for a third statement, so it fails in time.
    let began = Instant::now();
    let read = store.user(now_id().into()).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
    for read in stuck {
        assert_eq!(read.await.unwrap().unwrap(), None);
    }
    assert_eq!(store.user(now_id().into()).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_statement_is_cancelled() {
    let url = database();
    let store = connect(PostgresOptions::parse(&url).unwrap().statement_timeout(Duration::from_millis(200))).await;
    let mut holder = lock_users(&url).await;
    let read = store.user(now_id().into()).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
    assert_eq!(store.user(now_id().into()).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_connections_are_replaced_unseen() {
    let url = database();
    let store = connect(PostgresOptions::parse(&url).unwrap()).await;
    let emails: Vec<_> = (0..8).map(|number| number.to_string()).collect();
    join_all(emails.iter().map(|email| store.user_by_email(email))).await;
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    execute(&url, kill).unwrap();
    for read in join_all(emails.iter().map(|email| store.user_by_email(email))).await {
        assert_eq!(read.unwrap(), None);
    }
    assert_eq!(store.product(ProductId(now_id())).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_store_refuses_at_once() {
    let store = connect(options()).await;
    store.ping().await.unwrap();
    store.close().await;
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.product(ProductId(now_id())).await, Err(StoreError::Unavailable(_))));
    store.close().await;
}

/// Callers may run on any executor: the statements run in the runtime of the store.
#[test]
fn callers_need_no_runtime() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let store = runtime.block_on(connect(options()));
    assert_eq!(shop_core::conformance::block_on(store.product(ProductId(now_id()))).unwrap(), None);
    assert_eq!(shop_core::conformance::block_on(store.user(now_id().into())).unwrap(), None);
}
