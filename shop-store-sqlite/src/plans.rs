//! Reads the plan of every statement, so that none reads a whole table that grows.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use shop_core::accounts::{AccountsRepository as _, UserFilter, UserSort};
use shop_core::batch::{Batch, Entity, Require};
use shop_core::cart::CartRepository as _;
use shop_core::catalog::{CatalogRepository as _, CategorySort, ProductFilter, ProductSort, ProductStatus};
use shop_core::clock::Timestamp;
use shop_core::idempotency::AnswerKey;
use shop_core::inventory::{
    InventoryRepository as _, InventorySort, MovementFilter, ReservationFilter, StockFilter, StockSort,
};
use shop_core::money::Amount;
use shop_core::orders::{FulfillmentStatus, OrderFilter, OrderSort, OrderStatus, OrdersRepository as _, PaymentStatus};
use shop_core::outbox::OutboxRepository as _;
use shop_core::page::{Cursor, PageRequest, Position, Sort, SortKey, SortValue};
use shop_core::payments::{PaymentFilter, PaymentSort, PaymentState, PaymentsRepository as _};
use shop_core::shipping::{ShipmentFilter, ShipmentStatus, ShippingRepository as _, ShippingSort};
use shop_core::store::Store as _;
use uuid::Uuid;

use crate::SqliteStore;

static STATEMENTS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Remembers a statement.
pub(crate) fn note(sql: &str) {
    let mut statements = STATEMENTS.lock().unwrap();
    if !statements.contains(sql) {
        statements.insert(sql.to_owned());
    }
}

/// Tables with a bounded number of rows.
const SMALL: &[&str] = &["category_tree", "categories", "zones", "methods", "locations", "below", "found", "new"];

/// Walking a whole index in its order is right for a list without a selective filter, whose page ends the walk. These
/// filters are not selective, or a list by them is allowed to look at every row.
const LOOSE: &[&str] =
    &["users.is_active = ?", "users.is_staff = 0", "instr(users.search_text, ?) > 0", "stock_levels.tracked = 1"];

/// Every request of a list: both directions of each key, pairs of keys, by number, first by cursor, and beyond one.
fn requests<K: SortKey>() -> Vec<PageRequest<K>> {
    let mut orders: Vec<Vec<Sort<K>>> = vec![K::default_order()];
    for key in K::all() {
        for descending in [false, true] {
            orders.push(vec![Sort { key: *key, descending }]);
        }
    }
    if let [first, second, ..] = K::all() {
        orders.push(vec![Sort { key: *first, descending: true }, Sort { key: *second, descending: false }]);
    }
    let mut requests = Vec::new();
    for order in orders {
        let cursor = |backward| {
            let keys = order.iter().map(|_| SortValue::Number(0)).collect();
            Position::Cursor(Cursor { keys, id: Uuid::nil(), backward, order: String::new() })
        };
        for position in [Position::Number(2), Position::Start, cursor(false), cursor(true)] {
            requests.push(PageRequest { order: order.clone(), size: 20, position });
        }
    }
    requests
}

async fn read_everything(store: &SqliteStore) {
    let id = Uuid::from_u128(1);
    let now = Timestamp::from_timestamp_micros(0).unwrap();
    store.user(id.into()).await.unwrap();
    store.user_by_email("a").await.unwrap();
    store.user_by_username("a").await.unwrap();
    store.session(id.into()).await.unwrap();
    store.otp(id.into()).await.unwrap();
    let yes = Some(true);
    for filter in [
        UserFilter::default(),
        UserFilter { search: Some("a".into()), ..UserFilter::default() },
        UserFilter { is_active: yes, ..UserFilter::default() },
        UserFilter { is_staff: yes, ..UserFilter::default() },
        UserFilter { is_staff: Some(false), ..UserFilter::default() },
    ] {
        for page in requests::<UserSort>() {
            store.list_users(&filter, &page).await.unwrap();
        }
    }
    store.product(id.into()).await.unwrap();
    store.product_by_slug("a").await.unwrap();
    store.product_by_sku("a").await.unwrap();
    store.products(&[id.into()]).await.unwrap();
    store.products_of_variants(&[id.into()]).await.unwrap();
    let product = ProductFilter::default;
    for filter in [
        product(),
        ProductFilter { search: vec!["a".into(), "b".into()], ..product() },
        ProductFilter { category: Some(id.into()), ..product() },
        ProductFilter { category: Some(id.into()), status: Some(ProductStatus::Active), ..product() },
        ProductFilter { status: Some(ProductStatus::Active), ..product() },
        ProductFilter { min_price: Some(Amount(1)), max_price: Some(Amount(2)), ..product() },
        ProductFilter { in_stock: yes, status: Some(ProductStatus::Active), ..product() },
        ProductFilter { in_stock: Some(false), ..product() },
    ] {
        for page in requests::<ProductSort>() {
            store.list_products(&filter, &page).await.unwrap();
        }
    }
    store.category(id.into()).await.unwrap();
    store.category_by_slug("a").await.unwrap();
    store.category_tree().await.unwrap();
    for page in requests::<CategorySort>() {
        store.list_categories(&page).await.unwrap();
    }
    store.cart(id.into()).await.unwrap();
    store.open_cart_of(id.into()).await.unwrap();
    store.order(id.into()).await.unwrap();
    store.order_of_cart(id.into()).await.unwrap();
    store.history(id.into()).await.unwrap();
    store.overdue_orders(now, 10).await.unwrap();
    let order = OrderFilter::default;
    for filter in [
        order(),
        OrderFilter { customer_id: Some(id.into()), ..order() },
        OrderFilter { customer_id: Some(id.into()), status: Some(OrderStatus::Placed), ..order() },
        OrderFilter { status: Some(OrderStatus::Placed), ..order() },
        OrderFilter { payment_status: Some(PaymentStatus::Paid), ..order() },
        OrderFilter { fulfillment_status: Some(FulfillmentStatus::Delivered), ..order() },
        OrderFilter { email_key: Some("a".into()), ..order() },
        OrderFilter { placed_after: Some(now), placed_before: Some(now), ..order() },
        OrderFilter { status: Some(OrderStatus::Placed), placed_after: Some(now), ..order() },
    ] {
        for page in requests::<OrderSort>() {
            store.list_orders(&filter, &page).await.unwrap();
        }
    }
    store.payment(id.into()).await.unwrap();
    store.payments_of_orders(&[id.into()]).await.unwrap();
    let payment = PaymentFilter::default;
    for filter in [
        payment(),
        PaymentFilter { order_id: Some(id.into()), ..payment() },
        PaymentFilter { state: Some(PaymentState::Pending), ..payment() },
        PaymentFilter { gateway: Some("a".into()), ..payment() },
    ] {
        for page in requests::<PaymentSort>() {
            store.list_payments(&filter, &page).await.unwrap();
        }
    }
    store.address(id.into()).await.unwrap();
    store.default_address(id.into()).await.unwrap();
    store.zone(id.into()).await.unwrap();
    store.tariff().await.unwrap();
    store.method(id.into()).await.unwrap();
    store.shipment(id.into()).await.unwrap();
    store.shipment_by_tracking_number("a").await.unwrap();
    store.shipments_of_orders(&[id.into()]).await.unwrap();
    for page in requests::<ShippingSort>() {
        store.list_addresses(id.into(), &page).await.unwrap();
        store.list_zones(&page).await.unwrap();
        store.list_methods(yes, &page).await.unwrap();
        for filter in [
            ShipmentFilter::default(),
            ShipmentFilter { order_id: Some(id.into()), status: None },
            ShipmentFilter { order_id: None, status: Some(ShipmentStatus::Pending) },
        ] {
            store.list_shipments(&filter, &page).await.unwrap();
        }
    }
    store.location(id.into()).await.unwrap();
    store.locations().await.unwrap();
    store.stock_of(&[id.into()]).await.unwrap();
    store.reservations_of(id.into()).await.unwrap();
    let stock = StockFilter::default;
    for filter in [
        stock(),
        StockFilter { sku: Some("a".into()), ..stock() },
        StockFilter { variant_id: Some(id.into()), ..stock() },
        StockFilter { product_id: Some(id.into()), ..stock() },
        StockFilter { location_id: Some(id.into()), ..stock() },
        StockFilter { low: true, ..stock() },
    ] {
        for page in requests::<StockSort>() {
            store.list_stock(&filter, &page).await.unwrap();
        }
    }
    let movement = MovementFilter::default;
    let reservation = ReservationFilter::default;
    for page in requests::<InventorySort>() {
        store.list_locations(&page).await.unwrap();
        for filter in [
            movement(),
            MovementFilter { sku: Some("a".into()), ..movement() },
            MovementFilter { variant_id: Some(id.into()), ..movement() },
            MovementFilter { location_id: Some(id.into()), ..movement() },
            MovementFilter { order_id: Some(id.into()), ..movement() },
        ] {
            store.list_movements(&filter, &page).await.unwrap();
        }
        for filter in [
            reservation(),
            ReservationFilter { sku: Some("a".into()), ..reservation() },
            ReservationFilter { variant_id: Some(id.into()), ..reservation() },
            ReservationFilter { order_id: Some(id.into()), ..reservation() },
            ReservationFilter { live: yes, ..reservation() },
        ] {
            store.list_reservations(&filter, &page).await.unwrap();
        }
    }
    store.unrelayed_events(10).await.unwrap();
    store.due_deliveries("mail", now, 10).await.unwrap();
    store.next_due("mail").await.unwrap();
    store.delivery(id.into()).await.unwrap();
    let key = AnswerKey { caller: "a".into(), operation: "a".into(), key: "a".into() };
    store.answer(&key).await.unwrap();
}

/// The steps of a plan that read more than they should.
fn faults(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let steps: Vec<String> = statement.raw_query().mapped(|row| row.get(3)).collect::<rusqlite::Result<_>>().unwrap();
    let loose = LOOSE.iter().any(|loose| sql.contains(loose));
    let selective = LOOSE.iter().fold(sql.to_owned(), |sql, loose| sql.replace(loose, "")).contains(" = ?");
    let is_fault = |step: &String| {
        let Some(scanned) = step.strip_prefix("SCAN ") else { return false };
        let table = scanned.split(' ').next().unwrap_or_default();
        let grows = !SMALL.contains(&table) && !scanned.contains("VIRTUAL TABLE INDEX") && table != "CONSTANT";
        let counts = loose && sql.starts_with("SELECT count(*)");
        grows && (selective || !(scanned.contains(" INDEX ") || counts))
    };
    steps.iter().filter(|step| is_fault(step)).cloned().collect()
}

#[tokio::test]
async fn no_statement_reads_a_whole_table_that_grows() {
    let store = SqliteStore::temporary().unwrap();
    read_everything(&store).await;
    let mut moment = crate::tests::moment(11);
    let mut batch = Batch::new(&mut moment);
    batch.write(crate::tests::cart(&mut moment));
    batch.require(Require::Version(Entity::Order, Uuid::nil(), 1));
    store.commit(Arc::new(batch)).await.unwrap_err();

    let connection = Connection::open(store.path()).unwrap();
    let statements = STATEMENTS.lock().unwrap().clone();
    assert!(statements.len() > 200, "only {} statements", statements.len());
    let wrong: Vec<_> = statements
        .iter()
        .filter_map(|sql| Some((sql, faults(&connection, sql))).filter(|(_, faults)| !faults.is_empty()))
        .map(|(sql, faults)| format!("{sql}\n  {}", faults.join("\n  ")))
        .collect();
    assert!(wrong.is_empty(), "{} statements:\n{}", wrong.len(), wrong.join("\n"));
}

/// The lists that everybody reads, in their usual orders, sort nothing.
#[tokio::test]
async fn the_usual_lists_come_sorted_out_of_an_index() {
    let store = SqliteStore::temporary().unwrap();
    read_everything(&store).await;
    let connection = Connection::open(store.path()).unwrap();
    let statements = STATEMENTS.lock().unwrap().clone();
    let mut looked_at = 0;
    for sql in &statements {
        let whole = !sql.contains("WITH ") && !sql.contains("EXISTS");
        // One order has few of anything: they may be sorted.
        let one_filter = !sql.contains(" AND ") && !sql.contains("order_id = ?") && !sql.contains("category_id");
        let Some((_, order)) = sql.split_once("ORDER BY ") else { continue };
        let usual = [".created_at DESC", ".placed_at DESC", ".date_joined DESC"].iter().any(|key| order.contains(key))
            && order.matches(", ").count() == 1;
        if whole && one_filter && usual && sql.ends_with("LIMIT ? OFFSET ?") {
            looked_at += 1;
            let plan = format!("EXPLAIN QUERY PLAN {sql}");
            let mut statement = connection.prepare(&plan).unwrap();
            let steps: Vec<String> =
                statement.raw_query().mapped(|row| row.get(3)).collect::<rusqlite::Result<_>>().unwrap();
            assert!(steps.iter().all(|step| !step.contains("TEMP B-TREE")), "{sql}\n{steps:#?}");
        }
    }
    assert!(looked_at > 20, "only {looked_at}");
}
