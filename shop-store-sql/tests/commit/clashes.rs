//! Postgres aborts a transaction because of another one (SQLSTATE 40001 and 40P01): the store retries it for a limited
//! time, and the caller gets one order or none.

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

/// Used by these tests only: they read its log, and other tests assert that their log has none of these errors.
static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| Cluster::start().unwrap());

fn database() -> String {
    CLUSTER.database().unwrap()
}

/// How many lines of the log about this database contain these words.
fn logged(url: &str, words: &str) -> usize {
    let database = format!(" {} ", url.rsplit('/').next().unwrap());
    let log = CLUSTER.log().unwrap();
    log.lines().filter(|line| line.contains(&database) && line.contains(words)).count()
}

const SKUS: [&str; 3] = ["TEA", "POT", "CUP"];

/// One session waits for a lock.
const ONE_WAITS: &str = "SELECT (count(*) = 1)::text FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'";

/// Two sessions wait for a lock.
const TWO_WAIT: &str = "SELECT (count(*) = 2)::text FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'";

/// A session waits for a lock longer than the short lock timeout allows, so it has the full one.
const ONE_WAITS_LONG: &str = "SELECT (count(*) = 1)::text FROM pg_stat_activity
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
    /// Opens the shop in the database of `url` through `address`.
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

    /// Opens the shop through a proxy that makes every transaction serializable.
    async fn serializable() -> (Self, Proxy) {
        let url = database();
        let proxy = Proxy::start(&url).unwrap();
        proxy.isolate("serializable");
        let address = proxy.url(&url);
        (Self::open(url, &address).await, proxy)
    }

    /// Places the order of the cart; true if the same key placed it before.
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

    /// Asserts that there are this many orders, each of one unit of every product, and that the data is consistent.
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
        assert_eq!(logged(&world.url, NOT_SERIALIZABLE), 0);
        let before = world.transactions();
        let held = testing::hold(&world.url, &format!("LOCK TABLE stock_levels IN EXCLUSIVE MODE; {TOUCH_LEVELS}"));
        let order = tokio::spawn(world.order());
        testing::wait_until(&world.url, ONE_WAITS).unwrap();
        held.unwrap().commit().unwrap();
        assert!(!order.await.unwrap().unwrap());
        assert!(logged(&world.url, NOT_SERIALIZABLE) >= 1);
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
        // The pauses alone allow no more attempts, even in twice the retry period.
        let attempts = world.transactions() - before;
        assert!((3..=80).contains(&attempts), "{attempts}");
        assert!(rival.stop().unwrap() >= 3);
        assert!(logged(&world.url, NOT_SERIALIZABLE) >= 3);
        world.has_orders(0).await;
        // Nothing is left of it: the same key places the order, and then replays it.
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
        // The store locks the first level, waits for the second, and will then wait for the third. The other session
        // holds the third and waits for the first. Its deadlock timeout is long, so the store's session detects the
        // deadlock.
        let second = testing::hold(&url, &format!("SELECT {}", level(1))).unwrap();
        let mut other = PgConnection::connect(&url).await.unwrap();
        let third = format!("BEGIN; SET LOCAL deadlock_timeout = '10min'; SELECT {}", level(2));
        sqlx::raw_sql(AssertSqlSafe(third)).execute(&mut other).await.unwrap();
        let order = tokio::spawn(world.order());
        testing::wait_until(&url, ONE_WAITS_LONG).unwrap();
        let first = format!("SELECT {}", level(0));
        let other = tokio::spawn(async move {
            let locked = sqlx::raw_sql(AssertSqlSafe(first)).execute(&mut other).await.map(drop);
            (locked, other)
        });
        testing::wait_until(&url, TWO_WAIT).unwrap();
        drop(second);
        // The store's transaction was aborted, not the other one.
        let (locked, mut other) = other.await.unwrap();
        locked.unwrap();
        sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
        assert!(!order.await.unwrap().unwrap());
        assert_eq!(logged(&url, "ERROR:  deadlock detected"), 1);
        assert!(world.transactions() - before >= 2);
        world.has_orders(1).await;
    });
}

/// Statements outside of a batch are retried too, until the store's timeout.
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

/// The host must retry its own transaction, because its earlier statements are lost too.
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

/// The store sets the isolation level itself, so a stricter default of the database causes no errors.
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
            assert_eq!(logged(&url, NOT_SERIALIZABLE), 0);
            store.close().await;
        }
    });
}
