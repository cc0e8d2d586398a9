//! Every read there is, for stores that inspect their statements.

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::idempotency::IdempotencyRecordKey;
use crate::model::accounts::{DailyLimit, UserFilter, UserSort};
use crate::model::catalog::{CategorySort, ProductFilter, ProductSort, ProductStatus};
use crate::model::inventory::{InventorySort, MovementFilter, ReservationFilter, StockFilter, StockSort};
use crate::model::orders::{
    DraftSort, FulfillmentStatus, OrderFilter, OrderSort, OrderStatus, PaymentStatus, ReturnFilter, ReturnSort,
    ReturnStatus,
};
use crate::model::outbox::{DeliveryFilter, DeliverySort, DeliveryStatus, MAIL};
use crate::model::payments::{PaymentFilter, PaymentSort, PaymentState};
use crate::model::pricing::{Customer, RulesQuery};
use crate::model::promotions::{PromotionFilter, PromotionSort};
use crate::model::shipping::{ShipmentFilter, ShipmentStatus, ShippingSort};
use crate::model::webhooks::WebhookSort;
use crate::money::Amount;
use crate::page::{Cursor, PageRequest, Position, Sort, SortKey, SortValue};
use crate::store::{Store, StoreResult};

/// Every request of a list: both directions of each key, pairs of keys, by number, first by cursor, and behind a
/// cursor.
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
    let value = |sort: &Sort<K>| match sort.key.name() {
        "name" | "email" | "sku" => SortValue::Text("m".to_owned()),
        _ => SortValue::Number(0),
    };
    let mut requests = Vec::new();
    for order in orders {
        let cursor = |backward| {
            let keys = order.iter().map(value).collect();
            Position::Cursor(Cursor { keys, id: Uuid::nil(), backward, order: String::new() })
        };
        for position in [Position::Number(1), Position::Number(2), Position::Start, cursor(false), cursor(true)] {
            requests.push(PageRequest { order: order.clone(), size: 20, position });
        }
    }
    requests
}

/// Calls every read once: every list with each of its filters, in every order, by number and by cursor. The results are
/// ignored: SQL stores record their statements in the meantime and check the query plans.
///
/// # Errors
/// The first read that fails.
pub async fn every_read(store: &dyn Store) -> StoreResult<()> {
    let id = Uuid::from_u128(1);
    let now = Timestamp::UNIX_EPOCH;
    store.user(id.into()).await?;
    store.user_by_email("a").await?;
    store.user_by_username("a").await?;
    store.session(id.into()).await?;
    store.otp(id.into()).await?;
    store.daily_count(id.into(), DailyLimit::Mails).await?;
    store.unproven_users(now, id.into(), 1).await?;
    let yes = Some(true);
    for filter in [
        UserFilter::default(),
        UserFilter { search: Some("a".into()), ..UserFilter::default() },
        UserFilter { is_active: yes, ..UserFilter::default() },
        UserFilter { is_staff: yes, ..UserFilter::default() },
        UserFilter { is_staff: Some(false), ..UserFilter::default() },
    ] {
        for page in requests::<UserSort>() {
            store.list_users(&filter, &page).await?;
        }
    }
    store.product(id.into()).await?;
    store.product_by_slug("a").await?;
    store.product_by_sku("a").await?;
    store.products_by_skus(&["a".to_owned()]).await?;
    store.products_by_name("a").await?;
    store.products(&[id.into()]).await?;
    store.products_of_variants(&[id.into()]).await?;
    for ended_after in [None, Some(now)] {
        store.price_history(&[id.into()], ended_after).await?;
    }
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
            store.list_products(&filter, &page).await?;
        }
    }
    store.category(id.into()).await?;
    store.category_by_slug("a").await?;
    store.category_tree().await?;
    for page in requests::<CategorySort>() {
        store.list_categories(&page).await?;
    }
    store.promotion(id.into()).await?;
    store.tax_rate(id.into()).await?;
    for page in requests::<PromotionSort>() {
        for filter in [
            PromotionFilter::default(),
            PromotionFilter { code_key: Some("a".into()), active: None },
            PromotionFilter { code_key: None, active: yes },
        ] {
            store.list_promotions(&filter, &page).await?;
        }
        store.list_tax_rates(&page).await?;
    }
    for customer in [Customer::Guest("a".into()), Customer::User(id.into())] {
        let (code_keys, tax_countries) = (vec!["a".into()], vec!["US".into(), "PR".into()]);
        store.price_rules(&RulesQuery { code_keys, customer: Some(customer), tax_countries }).await?;
    }
    store.cart(id.into()).await?;
    store.open_cart_of(id.into()).await?;
    store.order(id.into()).await?;
    store.order_by_number("a").await?;
    store.order_of_cart(id.into()).await?;
    store.history(id.into()).await?;
    store.overdue_orders(now, 10).await?;
    store.guest_orders("a", 10).await?;
    let order = OrderFilter::default;
    for filter in [
        order(),
        OrderFilter { customer_id: Some(id.into()), ..order() },
        OrderFilter { customer_id: Some(id.into()), status: Some(OrderStatus::Placed), ..order() },
        OrderFilter { status: Some(OrderStatus::Placed), ..order() },
        OrderFilter { payment_status: Some(PaymentStatus::Paid), ..order() },
        OrderFilter { fulfillment_status: Some(FulfillmentStatus::Delivered), ..order() },
        OrderFilter { email_key: Some("a".into()), ..order() },
        OrderFilter { email_key: Some("a".into()), customer_id: Some(id.into()), ..order() },
        OrderFilter { email_key: Some("a".into()), status: Some(OrderStatus::Placed), ..order() },
        OrderFilter { placed_after: Some(now), placed_before: Some(now), ..order() },
        OrderFilter { status: Some(OrderStatus::Placed), placed_after: Some(now), ..order() },
        OrderFilter { number: Some("a".into()), ..order() },
        OrderFilter { search: vec!["a".into(), "b".into()], ..order() },
        OrderFilter { search: vec!["a".into()], status: Some(OrderStatus::Placed), ..order() },
        OrderFilter { search: vec!["a".into()], email_key: Some("a".into()), ..order() },
        OrderFilter { search: vec!["a".into()], customer_id: Some(id.into()), ..order() },
    ] {
        for page in requests::<OrderSort>() {
            store.list_orders(&filter, &page).await?;
        }
    }
    store.draft(id.into()).await?;
    for page in requests::<DraftSort>() {
        store.list_drafts(&page).await?;
    }
    store.order_return(id.into()).await?;
    store.returns_of_orders(&[id.into()]).await?;
    for filter in [
        ReturnFilter::default(),
        ReturnFilter { order_id: Some(id.into()), status: None },
        ReturnFilter { order_id: Some(id.into()), status: Some(ReturnStatus::Requested) },
        ReturnFilter { order_id: None, status: Some(ReturnStatus::Requested) },
    ] {
        for page in requests::<ReturnSort>() {
            store.list_returns(&filter, &page).await?;
        }
    }
    store.payment(id.into()).await?;
    store.payments_of_orders(&[id.into()]).await?;
    store.payment_by_reference("a", "a").await?;
    store.payments_due_for_poll(now, 10).await?;
    let payment = PaymentFilter::default;
    for filter in [
        payment(),
        PaymentFilter { order_id: Some(id.into()), ..payment() },
        PaymentFilter { state: Some(PaymentState::Pending), ..payment() },
        PaymentFilter { gateway: Some("a".into()), ..payment() },
        PaymentFilter { gateway: Some("a".into()), state: Some(PaymentState::Pending), ..payment() },
        PaymentFilter { order_id: Some(id.into()), state: Some(PaymentState::Pending), ..payment() },
    ] {
        for page in requests::<PaymentSort>() {
            store.list_payments(&filter, &page).await?;
        }
    }
    store.address(id.into()).await?;
    store.default_address(id.into()).await?;
    store.guest_carts_unchanged_since(now, 10).await?;
    store.zone(id.into()).await?;
    store.shipping_rates().await?;
    store.method(id.into()).await?;
    store.shipment(id.into()).await?;
    store.shipments_by_tracking_key("A", 10).await?;
    store.shipments_of_orders(&[id.into()]).await?;
    for page in requests::<ShippingSort>() {
        store.list_addresses(id.into(), &page).await?;
        store.list_zones(&page).await?;
        store.list_methods(yes, &page).await?;
        for filter in [
            ShipmentFilter::default(),
            ShipmentFilter { order_id: Some(id.into()), status: None },
            ShipmentFilter { order_id: None, status: Some(ShipmentStatus::Pending) },
        ] {
            store.list_shipments(&filter, &page).await?;
        }
    }
    store.location(id.into()).await?;
    store.locations().await?;
    store.stock_of(&[id.into()]).await?;
    store.reservations_of(id.into()).await?;
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
            store.list_stock(&filter, &page).await?;
        }
    }
    let movement = MovementFilter::default;
    let reservation = ReservationFilter::default;
    for page in requests::<InventorySort>() {
        store.list_locations(&page).await?;
        for filter in [
            movement(),
            MovementFilter { sku: Some("a".into()), ..movement() },
            MovementFilter { variant_id: Some(id.into()), ..movement() },
            MovementFilter { location_id: Some(id.into()), ..movement() },
            MovementFilter { order_id: Some(id.into()), ..movement() },
        ] {
            store.list_movements(&filter, &page).await?;
        }
        for filter in [
            reservation(),
            ReservationFilter { variant_id: Some(id.into()), ..reservation() },
            ReservationFilter { order_id: Some(id.into()), ..reservation() },
            ReservationFilter { live: yes, ..reservation() },
        ] {
            store.list_reservations(&filter, &page).await?;
        }
    }
    store.unrelayed_events(10).await?;
    store.due_deliveries("mail", now, 10).await?;
    store.next_due("mail").await?;
    store.delivery(id.into()).await?;
    for page in requests::<DeliverySort>() {
        let asked = [("a", None), ("a", Some(DeliveryStatus::Done)), ("a", Some(DeliveryStatus::Dead))];
        for (receiver, status) in asked.into_iter().chain([(MAIL, Some(DeliveryStatus::Dead))]) {
            store.list_deliveries(&DeliveryFilter { receiver: receiver.into(), status }, &page).await?;
        }
    }
    store.webhook(id.into()).await?;
    store.active_webhooks().await?;
    store.shop_details().await?;
    for page in requests::<WebhookSort>() {
        store.list_webhooks(&page).await?;
    }
    let key = IdempotencyRecordKey { caller: "a".into(), operation: "a".into(), key: "a".into() };
    store.idempotency_record(&key).await?;
    Ok(())
}
