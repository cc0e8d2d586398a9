//! Postgres ends a transaction because of another one (SQLSTATE 40001 and 40P01): it is tried again, not for ever, and
//! whoever waits for it gets one order or none.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use serde_json::json;
use shop_core::accounts::MemoryMailer;
use shop_core::cart::AddItem;
use shop_core::id::MethodId;
use shop_core::idempotency::IdempotencyKey;
use shop_core::secret::Secret;
use shop_core::shop::Tokens;
use shop_core::store::{CommitError, Store as _, StoreError};
use shop_core::{Actor, Error, Shop};
use shop_store_sql::testing::{self, Bouncer, Cluster, Proxy, Rival};
use shop_store_sql::{PostgresOptions, PostgresStore};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::statements::place;
use super::world::{batch, connect, context, entries, entry, reserved, run, stock, take};

/// Of these tests alone: they look into its log, and others look there for what these bring about.
static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| Cluster::start().unwrap());

fn database() -> String {
    CLUSTER.database().unwrap()
}

/// How often a database said so.
fn said(url: &str, words: &str) -> usize {
    let database = format!(" {} ", url.rsplit('/').next().unwrap());
    let log = CLUSTER.log().unwrap();
    log.lines().filter(|line| line.contains(&database) && line.contains(words)).count()
}

const SKUS: [&str; 3] = ["TEA", "POT", "CUP"];

/// Somebody waits for a lock.
const ONE_WAITS: &str = "SELECT (count(*) = 1)::text FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'";

/// Two do.
const TWO_WAIT: &str = "SELECT (count(*) = 2)::text FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'";

/// Somebody waits for longer than a hasty transaction does, so it is a patient one.
const A_PATIENT_ONE_WAITS: &str = "SELECT (count(*) = 1)::text FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query_start < clock_timestamp() - interval '1 second'";

/// Changes every level without changing what it means.
const TOUCH_LEVELS: &str = "UPDATE stock_levels SET low_stock_threshold = low_stock_threshold + 1";

/// A shop, and a guest with one of everything in the cart.
struct World {
    url: String,
    store: Arc<PostgresStore>,
    shop: Arc<Shop>,
    guest: Actor,
    method: MethodId,
    key: IdempotencyKey,
}

impl World {
    /// In the database of `url`, reached by `address`.
    async fn open(url: String, address: &str) -> Self {
        let store = connect(address).await;
        let shop = Shop::builder(Arc::clone(&store) as _, b"a test's key, which is long enough to be one");
        let shop = Arc::new(shop.mailer(Arc::new(MemoryMailer::new())).open().await.unwrap());
        let staff = Actor::system();
        for sku in SKUS {
            let product =
                json!({"name": sku, "status": "active", "variants": [{"sku": sku, "price": "12.50", "stock": 60}]});
            shop.catalog().create_product(&staff, serde_json::from_value(product).unwrap()).await.unwrap();
        }
        let zone = serde_json::from_value(json!({"name": "Home", "countries": ["GB"]})).unwrap();
        let zone = shop.shipping().create_zone(&staff, zone).await.unwrap();
        let method = json!({"name": "Post", "zone_id": zone.id, "rate": {"type": "flat", "price": "3.50"}});
        let method = shop.shipping().create_method(&staff, serde_json::from_value(method).unwrap()).await.unwrap().id;
        let cart = shop.carts().create(&Actor::anonymous()).await.unwrap();
        let guest = shop.identify(Tokens { cart: cart.token.as_ref().map(Secret::expose), ..Tokens::default() });
        let guest = guest.await.unwrap();
        for sku in SKUS {
            shop.carts().add_item(&guest, AddItem { sku: sku.into(), ..AddItem::default() }).await.unwrap();
        }
        let key = IdempotencyKey::new("once", &json!({"order": 1})).unwrap();
        Self { url, store, shop, guest, method, key }
    }

    /// Reached so that every transaction must see one state from its beginning to its end.
    async fn serializable() -> (Self, Proxy) {
        let url = database();
        let proxy = Proxy::start(&url).unwrap();
        proxy.isolate("serializable");
        let address = proxy.url(&url);
        (Self::open(url, &address).await, proxy)
    }

    /// Orders what is in the cart; true when that was done before, under the same key.
    fn order(&self) -> impl Future<Output = Result<bool, Error>> + Send + use<> {
        let (shop, guest, key, method) = (Arc::clone(&self.shop), self.guest.clone(), self.key.clone(), self.method);
        async move {
            let order = shop_core::orders::PlaceOrder { email: "guest@example.com".into(), ..place(method) };
            Ok(shop.orders().place(&guest, order, Some(&key)).await?.replayed)
        }
    }

    fn transactions(&self) -> u64 {
        self.store.transactions().0
    }

    /// The books say that there are so many orders, each of one of everything.
    async fn has_orders(&self, orders: usize) {
        let counts = "SELECT (SELECT count(*) FROM orders) || ' ' || (SELECT count(*) FROM answers) || ' '
            || (SELECT count(*) FROM reservations) || ' ' || (SELECT sum(reserved) FROM stock_levels)";
        let lines = orders * SKUS.len();
        assert_eq!(testing::texts(&self.url, counts).unwrap(), [format!("{orders} {orders} {lines} {lines}")]);
        let problems = self.shop.check().await.unwrap();
        assert!(problems.is_empty(), "{problems:?}");
    }
}

const NOT_SERIALIZABLE: &str = "could not serialize access";

#[test]
fn what_could_not_be_serialized_is_tried_again() {
    run(async {
        let (world, _proxy) = World::serializable().await;
        assert_eq!(said(&world.url, NOT_SERIALIZABLE), 0);
        let before = world.transactions();
        let held = testing::hold(&world.url, &format!("LOCK TABLE stock_levels IN EXCLUSIVE MODE; {TOUCH_LEVELS}"));
        let order = tokio::spawn(world.order());
        testing::wait_until(&world.url, ONE_WAITS).unwrap();
        held.unwrap().commit().unwrap();
        assert!(!order.await.unwrap().unwrap());
        assert!(said(&world.url, NOT_SERIALIZABLE) >= 1);
        assert!(world.transactions() - before >= 2);
        world.has_orders(1).await;
    });
}

#[test]
fn who_never_gets_through_is_told_in_time_and_has_nothing() {
    run(async {
        let (world, _proxy) = World::serializable().await;
        let before = world.transactions();
        let rival = Rival::start(&world.url, "stock_levels", TOUCH_LEVELS).unwrap();
        let refused = world.order().await;
        assert!(matches!(refused, Err(Error::Unavailable { .. })), "{refused:?}");
        // The pauses alone leave room for no more in the time that is given, even twice.
        let attempts = world.transactions() - before;
        assert!((3..=80).contains(&attempts), "{attempts}");
        assert!(rival.stop().unwrap() >= 3);
        assert!(said(&world.url, NOT_SERIALIZABLE) >= 3);
        world.has_orders(0).await;
        // Nothing is left of it: the same key makes the order, and answers it again.
        assert!(!world.order().await.unwrap());
        assert!(world.order().await.unwrap());
        world.has_orders(1).await;
    });
}

#[test]
fn a_deadlock_is_tried_again() {
    run(async {
        let url = database();
        let world = World::open(url.clone(), &url).await;
        let before = world.transactions();
        let levels =
            testing::texts(&url, "SELECT variant_id::text FROM stock_levels ORDER BY variant_id, location_id").unwrap();
        let level = |place: usize| format!("FROM stock_levels WHERE variant_id = '{}' FOR UPDATE", levels[place]);
        // The store locks the first level, waits for the second, and will wait for the third. Whoever holds the third
        // waits for the first by then, and never looks for a circle: that is left to the store.
        let second = testing::hold(&url, &format!("SELECT {}", level(1))).unwrap();
        let mut other = PgConnection::connect(&url).await.unwrap();
        let third = format!("BEGIN; SET LOCAL deadlock_timeout = '10min'; SELECT {}", level(2));
        sqlx::raw_sql(AssertSqlSafe(third)).execute(&mut other).await.unwrap();
        let order = tokio::spawn(world.order());
        testing::wait_until(&url, A_PATIENT_ONE_WAITS).unwrap();
        let first = format!("SELECT {}", level(0));
        let other = tokio::spawn(async move {
            let locked = sqlx::raw_sql(AssertSqlSafe(first)).execute(&mut other).await.map(drop);
            (locked, other)
        });
        testing::wait_until(&url, TWO_WAIT).unwrap();
        drop(second);
        // It was the store that gave way.
        let (locked, mut other) = other.await.unwrap();
        locked.unwrap();
        sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
        assert!(!order.await.unwrap().unwrap());
        assert_eq!(said(&url, "ERROR:  deadlock detected"), 1);
        assert!(world.transactions() - before >= 2);
        world.has_orders(1).await;
    });
}

/// Statements outside of a batch are tried again, too, for as long as the store's options are patient.
#[test]
fn a_lone_statement_is_tried_again() {
    run(async {
        let (world, _proxy) = World::serializable().await;
        let attempt = |world: &World| {
            let store = Arc::clone(&world.store);
            async move { store.try_limited(b"ann", 100, Duration::from_mins(1)).await }
        };
        attempt(&world).await.unwrap();
        let touch = "UPDATE limits SET used_until = used_until";
        let statements = world.store.statements();
        let held = testing::hold(&world.url, touch).unwrap();
        let waiting = tokio::spawn(attempt(&world));
        testing::wait_until(&world.url, ONE_WAITS).unwrap();
        held.commit().unwrap();
        assert_eq!(waiting.await.unwrap().unwrap(), None);
        assert_eq!(world.store.statements() - statements, 2);

        let rival = Rival::start(&world.url, "limits", touch).unwrap();
        let refused = attempt(&world).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
        assert!(rival.stop().unwrap() >= 2);
    });
}

/// It is the host's to begin anew: what was done before the batch is lost with it.
#[test]
fn in_a_hosts_transaction_it_is_told() {
    run(async {
        let url = database();
        let store = connect(&url).await;
        let levels = stock(&store, 2, 10).await;
        let order = context().id();
        let one = batch([take(&levels[0], 1), take(&levels[1], 1), entry(order)]);
        let mut connection = PgConnection::connect(&url).await.unwrap();
        sqlx::raw_sql("BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT FROM users").execute(&mut connection).await.unwrap();
        testing::execute(&url, TOUCH_LEVELS).unwrap();
        let refused = store.commit_in(&mut connection, &one).await;
        assert!(matches!(refused, Err(CommitError::Store(StoreError::Unavailable(_)))), "{refused:?}");
        sqlx::raw_sql("ROLLBACK; BEGIN ISOLATION LEVEL SERIALIZABLE").execute(&mut connection).await.unwrap();
        store.commit_in(&mut connection, &one).await.unwrap();
        sqlx::raw_sql("COMMIT").execute(&mut connection).await.unwrap();
        assert_eq!((reserved(&store, &levels[0]).await, entries(&store, order).await), (1, 1));
    });
}

/// The store says itself how its transactions are kept apart, so that a stricter default of the database refuses nothing.
#[test]
fn the_databases_own_default_plays_no_role() {
    run(async {
        let bouncer = Bouncer::start(&CLUSTER, 3).unwrap();
        for pgbouncer in [false, true] {
            let url = database();
            let name = url.rsplit('/').next().unwrap();
            let strict = format!("ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'");
            testing::execute(&url, &strict).unwrap();
            let address = if pgbouncer { bouncer.url(&url) } else { url.clone() };
            let options = PostgresOptions::parse(&address).unwrap().pgbouncer(pgbouncer);
            let store = Arc::new(PostgresStore::connect(options).await.unwrap());
            let levels = stock(&store, 2, 10).await;
            store.try_limited(b"ann", 100, Duration::from_mins(1)).await.unwrap();
            let held = testing::hold(&url, &format!("{TOUCH_LEVELS}; UPDATE limits SET used_until = used_until"));
            let waiting = tokio::spawn({
                let (store, one) = (Arc::clone(&store), batch([take(&levels[0], 1), take(&levels[1], 1)]));
                async move {
                    let limited = store.try_limited(b"ann", 100, Duration::from_mins(1));
                    futures_util::future::join(limited, store.commit(Arc::new(one))).await
                }
            });
            testing::wait_until(&url, TWO_WAIT).unwrap();
            held.unwrap().commit().unwrap();
            let (limited, committed) = waiting.await.unwrap();
            limited.unwrap();
            committed.unwrap();
            assert_eq!(said(&url, NOT_SERIALIZABLE), 0);
            store.close().await;
        }
    });
}
