//! Two servers on one database, with concurrent orders, payments, shipments, cancellations and workers.

use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::json;
use shop_core::accounts::MemoryMailer;
use shop_core::cart::AddItem;
use shop_core::id::MethodId;
use shop_core::orders::PlaceOrder;
use shop_core::payments::{AmountInput, ManualGateway};
use shop_core::secret::Secret;
use shop_core::shipping::{ShipmentInput, TrackingInput};
use shop_core::shop::{Settings, Tokens};
use shop_core::{Actor, Error, Shop};
use shop_store_sql::testing;

use super::statements::place;
use super::world::{connect, database, run};

const SKUS: [&str; 3] = ["TEA", "POT", "CUP"];

async fn open(url: &str) -> Arc<Shop> {
    let shop = Shop::builder(connect(url).await, b"a test's key, which is long enough to be one");
    // Orders that are paid later are overdue as soon as they are placed.
    let settings = Settings { reservation_ttl: TimeDelta::zero(), ..Settings::default() };
    let later = ManualGateway::new("later", "Bank transfer, in advance").prepaid();
    let shop = shop.settings(settings).gateway(Arc::new(ManualGateway::new("manual", "On delivery")));
    let shop = shop.gateway(Arc::new(later)).mailer(Arc::new(MemoryMailer::new()));
    Arc::new(shop.open().await.unwrap())
}

/// Creates products and a shipping method.
async fn fill(shop: &Shop) -> MethodId {
    let staff = Actor::system();
    for sku in SKUS {
        let product = json!({"name": sku, "status": "active",
            "variants": [{"sku": sku, "price": "12.50", "stock": 60}]});
        let product = serde_json::from_value(product).unwrap();
        shop.catalog().create_product(&staff, product).await.unwrap();
    }
    let zone = serde_json::from_value(json!({"name": "Home", "countries": ["GB"]})).unwrap();
    let zone = shop.shipping().create_zone(&staff, zone).await.unwrap();
    let method = json!({"name": "Post", "zone_id": zone.id, "rate": {"type": "flat", "price": "3.50"}});
    let method = serde_json::from_value(method).unwrap();
    shop.shipping().create_method(&staff, method).await.unwrap().id
}

/// A guest fills a cart and orders. Every other order is canceled, the others are paid and shipped. False if the stock
/// did not suffice.
async fn buy(shop: Arc<Shop>, method: MethodId, number: usize) -> Result<bool, Error> {
    let cart = shop.carts().create(&Actor::anonymous()).await?;
    let guest = shop.identify(Tokens { cart: cart.token.as_ref().map(Secret::expose), ..Tokens::default() });
    let guest = guest.await?;
    let mut skus = SKUS;
    skus.rotate_left(number % SKUS.len());
    for sku in skus {
        let item = AddItem { sku: sku.into(), ..AddItem::default() };
        match shop.carts().add_item(&guest, item).await {
            Err(Error::OutOfStock { .. }) => return Ok(false),
            done => done?,
        };
    }
    let order = PlaceOrder { email: "guest@example.com".into(), ..place(method) };
    let order = match shop.orders().place(&guest, order, None).await {
        Err(Error::OutOfStock { .. }) => return Ok(false),
        placed => placed?.value.view,
    };
    let staff = Actor::system();
    if number % 2 == 1 {
        shop.orders().cancel(&staff, order.order.id, None).await?;
        return Ok(true);
    }
    let payment = order.payments.first().map(|payment| payment.id);
    if let Some(payment) = payment {
        shop.payments().capture(&staff, payment, AmountInput::default(), None).await?;
    }
    let shipment =
        ShipmentInput { order_id: order.order.id.into(), carrier: "Post".into(), ..ShipmentInput::default() };
    let shipment = shop.shipping().create_shipment(&staff, shipment, None).await?.value;
    for status in ["shipped", "delivered"] {
        let news = TrackingInput { status: status.into(), ..TrackingInput::default() };
        shop.shipping().track_shipment(&staff, shipment.id, news, None).await?;
    }
    Ok(true)
}

#[test]
fn the_books_of_two_busy_servers_add_up() {
    run(async {
        let url = database();
        let shops = [open(&url).await, open(&url).await];
        let method = fill(&shops[0]).await;
        let buyers = (0..160).map(|number| tokio::spawn(buy(Arc::clone(&shops[number % 2]), method, number)));
        let workers = shops.iter().map(|shop| {
            let shop = Arc::clone(shop);
            tokio::spawn(async move {
                for _ in 0..10 {
                    shop.worker().run_once().await.unwrap();
                }
            })
        });
        let workers: Vec<_> = workers.collect();
        let bought = join_all(buyers.collect::<Vec<_>>()).await;
        let bought: Vec<bool> = bought.into_iter().map(|bought| bought.unwrap().unwrap()).collect();
        for worker in workers {
            worker.await.unwrap();
        }
        // All 60 units of each are sold (those of canceled orders again), unless too many buyers came while they were
        // reserved.
        let sent = testing::texts(&url, "SELECT count(*)::text FROM orders WHERE status = 'completed'").unwrap();
        assert!(sent[0].parse::<i32>().unwrap() >= 30, "{sent:?} of {}", bought.iter().filter(|done| **done).count());
        let problems = shops[0].check().await.unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        let deadlocks = "SELECT deadlocks::text FROM pg_stat_database WHERE datname = current_database()";
        assert_eq!(testing::texts(&url, deadlocks).unwrap(), ["0"]);
    });
}

#[test]
fn what_is_overdue_is_canceled_once_by_whichever_server() {
    run(async {
        let url = database();
        let shops = [open(&url).await, open(&url).await, open(&url).await];
        let method = fill(&shops[0]).await;
        for number in 0..12 {
            let cart = shops[0].carts().create(&Actor::anonymous()).await.unwrap();
            let guest = Tokens { cart: cart.token.as_ref().map(Secret::expose), ..Tokens::default() };
            let guest = shops[0].identify(guest).await.unwrap();
            let item = AddItem { sku: SKUS[number % 3].into(), ..AddItem::default() };
            shops[0].carts().add_item(&guest, item).await.unwrap();
            let order =
                PlaceOrder { email: "guest@example.com".into(), payment_gateway: "later".into(), ..place(method) };
            shops[0].orders().place(&guest, order, None).await.unwrap();
        }
        let sweeps = (0..6).map(|number| {
            let shop = Arc::clone(&shops[number % 3]);
            tokio::spawn(async move { shop.orders().cancel_overdue(100).await.unwrap() })
        });
        let canceled: u32 = join_all(sweeps.collect::<Vec<_>>()).await.into_iter().map(Result::unwrap).sum();
        assert_eq!(canceled, 12);
        let count = |what: &str| testing::texts(&url, &format!("SELECT count(*)::text FROM {what}")).unwrap();
        assert_eq!(count("orders WHERE status = 'canceled'"), ["12"]);
        assert_eq!(count("events WHERE kind = 'order.canceled'"), ["12"]);
        assert_eq!(count("stock_levels WHERE reserved <> 0"), ["0"]);
        assert_eq!(shops[0].check().await.unwrap(), Vec::<String>::new());
    });
}
