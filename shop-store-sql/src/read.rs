//! Runs reading statements: the first row, all rows, or, for concurrent reads, a loader.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use shop_core::batch::Versioned;
use shop_core::clock::Timestamp;
use shop_core::id::{CartId, MethodId, OrderId, ProductId, SessionId, UserId, VariantId};
use shop_core::row::Source as _;
use shop_core::store::StoreResult;
use sqlx::postgres::PgRow;
use sqlx_core::error::Error;
use sqlx_core::sql_str::{AssertSqlSafe, SqlSafeStr as _};
use uuid::Uuid;

use super::batching;
use super::error::store_error;
use super::pool::{Lease, Pool};
use super::rows::{ColumnReader, ReadRow, StatementArguments, ids, is_one_of, is_storable, records, select};
use super::{accounts, cart, catalog, inventory, orders, outbox, payments, pricing, shipping};

/// The number of running statements of one kind. A second one would save a caller most of the wait for a batch that
/// just started, less than a millisecond. But batches would be half as full and cost more in total: 20% fewer orders
/// per second.
const MAX_RUNNING: usize = 1;
/// A batch that runs for this long is blocked by something, and the next one need not wait for it.
const MAX_WAIT: Duration = Duration::from_millis(50);

/// Loads by key, with a connection per request batch.
pub(crate) type Loader<K, V> = batching::Loader<K, V, Lease>;

/// The reads that share statements.
pub(crate) struct Loaders {
    pub(crate) sessions: Loader<SessionId, Arc<accounts::SignedIn>>,
    pub(crate) users: Loader<UserId, Arc<accounts::User>>,
    pub(crate) products: Loader<ProductId, Arc<catalog::Product>>,
    pub(crate) products_of_variants: Loader<VariantId, Arc<catalog::Product>>,
    pub(crate) products_of_skus: Loader<String, Arc<catalog::Product>>,
    pub(crate) products_of_slug: Loader<String, Arc<catalog::Product>>,
    pub(crate) products_of_name: Loader<String, Vec<Arc<catalog::Product>>>,
    pub(crate) carts: Loader<CartId, Arc<cart::Cart>>,
    pub(crate) open_carts: Loader<UserId, Arc<cart::Cart>>,
    pub(crate) orders: Loader<OrderId, Arc<orders::Order>>,
    pub(crate) payments: Loader<OrderId, Vec<payments::Payment>>,
    pub(crate) shipments: Loader<OrderId, Vec<shipping::Shipment>>,
    pub(crate) price_rules: Loader<pricing::RulesQuery, Arc<pricing::PriceRules>>,
    pub(crate) methods: Loader<MethodId, Arc<(shipping::Method, shipping::Zone)>>,
    pub(crate) shipping_rates: Loader<(), Arc<shipping::ZonesAndMethods>>,
    pub(crate) locations: Loader<(), Arc<Vec<inventory::Location>>>,
    pub(crate) stock: Loader<VariantId, Vec<inventory::Placed>>,
    pub(crate) idempotency_records: Loader<outbox::IdempotencyRecordKey, outbox::IdempotencyRecord>,
}

impl Loaders {
    /// Creates all loaders; no read is running yet.
    pub(crate) fn new(pool: &Arc<Pool>) -> Self {
        Self {
            sessions: accounts::sessions(pool),
            users: pool.by_id(),
            products: pool.by_id(),
            products_of_variants: catalog::products_by_variant(pool),
            products_of_skus: catalog::products_by_sku(pool),
            products_of_slug: catalog::products_by_slug(pool),
            products_of_name: catalog::products_by_name(pool),
            carts: pool.by_id(),
            open_carts: cart::open_carts(pool),
            orders: pool.by_id(),
            payments: payments::payments_by_order(pool),
            shipments: shipping::shipments_by_order(pool),
            price_rules: pricing::price_rules(pool),
            methods: shipping::methods_by_id(pool),
            shipping_rates: shipping::shipping_rates(pool),
            locations: inventory::locations(pool),
            stock: inventory::stock_by_variant(pool),
            idempotency_records: outbox::idempotency_records(pool),
        }
    }
}

/// Groups values by key.
pub(crate) fn grouped<K: Eq + Hash, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Vec<(K, Vec<V>)> {
    let mut found: HashMap<K, Vec<V>> = HashMap::new();
    pairs.into_iter().for_each(|(key, value)| found.entry(key).or_default().push(value));
    found.into_iter().collect()
}

/// Turns the rows of a statement into values of the requested keys.
type Read<K, V> = fn(&[PgRow], &[K]) -> Result<Vec<(K, V)>, Error>;

impl Pool {
    /// Creates a loader from a statement: `bind` makes its arguments, and `read` turns its rows into values of the
    /// requested keys.
    pub(crate) fn loader<K, V>(
        self: &Arc<Self>,
        sql: String,
        bind: fn(&[K]) -> StatementArguments,
        read: Read<K, V>,
    ) -> Loader<K, V>
    where
        K: Clone + Eq + Hash + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
    {
        let (pool, sql) = (Arc::clone(self), AssertSqlSafe(sql).into_sql_str());
        let connections = Arc::clone(self);
        let gate = move || {
            let connections = Arc::clone(&connections);
            async move { connections.acquire().await.map_err(store_error) }
        };
        batching::Loader::new(
            self.runtime().clone(),
            (MAX_RUNNING, MAX_WAIT),
            gate,
            move |lease: Lease, keys: Vec<K>| {
                let (pool, sql) = (Arc::clone(&pool), sql.clone());
                async move {
                    if keys.is_empty() {
                        lease.release();
                        return Ok(Vec::new());
                    }
                    let rows = pool.read_with(lease, sql, bind(&keys).finish().map_err(store_error)?).await?;
                    read(&rows, &keys).map_err(store_error)
                }
            },
        )
    }

    /// Creates a loader of records by id.
    fn by_id<K, T>(self: &Arc<Self>) -> Loader<K, Arc<T>>
    where
        K: Copy + Eq + Hash + Into<Uuid> + From<Uuid> + Send + Sync + 'static,
        T: ReadRow + Versioned + Send + Sync + 'static,
    {
        self.loader(
            select::<T>(&format!("WHERE {}", is_one_of(&format!("{}.id", T::TABLE)))),
            |asked| StatementArguments::new().put(ids(asked)),
            |rows, _| Ok(records::<T>(rows)?.into_iter().map(|row| (row.key().into(), Arc::new(row))).collect()),
        )
    }

    /// The rows of a statement.
    pub(crate) async fn rows(self: &Arc<Self>, sql: String, values: StatementArguments) -> StoreResult<Vec<PgRow>> {
        self.read(AssertSqlSafe(sql), values.finish().map_err(store_error)?).await
    }

    /// All records of a query, given the end of its statement (`WHERE … ORDER BY …`).
    pub(crate) async fn all<T: ReadRow>(
        self: &Arc<Self>,
        end: &str,
        values: StatementArguments,
    ) -> StoreResult<Vec<T>> {
        records(&self.rows(select::<T>(end), values).await?).map_err(store_error)
    }

    /// The first record of a query, given the end of its statement.
    pub(crate) async fn first<T: ReadRow>(
        self: &Arc<Self>,
        end: &str,
        values: StatementArguments,
    ) -> StoreResult<Option<T>> {
        Ok(self.all(end, values).await?.into_iter().next())
    }

    /// The first record of a query with one text argument, given the end of its statement.
    pub(crate) async fn first_by_text<T: ReadRow>(self: &Arc<Self>, end: &str, text: &str) -> StoreResult<Option<T>> {
        if is_storable(text) { self.first(end, StatementArguments::new().put(text)).await } else { Ok(None) }
    }

    /// The first column of every row, as times.
    pub(crate) async fn times(
        self: &Arc<Self>,
        sql: String,
        values: StatementArguments,
    ) -> StoreResult<Vec<Timestamp>> {
        let rows = self.rows(sql, values).await?;
        rows.iter().map(|row| ColumnReader::new(row).take()).collect::<Result<_, _>>().map_err(store_error)
    }
}
