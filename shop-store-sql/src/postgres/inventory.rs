//! Locations, stock levels, the ledger and reservations. Every read is one statement; a page by number that needs a count
//! is two.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use shop_core::id::{LocationId, OrderId, VariantId};
pub(crate) use shop_core::inventory::Location;
use shop_core::inventory::{
    InventoryRepository, InventorySort, Movement, MovementFilter, Reservation, ReservationFilter, StockFilter,
    StockLevel, StockSort,
};
use shop_core::page::{Page, PageRequest};
use shop_core::store::StoreResult;
use sqlx_core::error::Error;
use uuid::Uuid;

use super::PostgresStore;
use super::kept;
use super::paging::{Key, List, Query};
use super::pool::Pool;
use super::read::Loader;
use super::rows::{Columns, Record, Values, ids, is_one_of, records, select};

impl Record for Location {
    const TABLE: &'static str = "locations";
    const COLUMNS: &'static str = "locations.id, locations.name, locations.code, locations.country, locations.priority,
        locations.is_default, locations.created_at, locations.version";

    fn read(columns: &mut Columns<'_>) -> Result<Self, Error> {
        Ok(Self {
            id: columns.id()?,
            name: columns.take()?,
            code: columns.take()?,
            country: columns.take()?,
            priority: columns.take()?,
            is_default: columns.take()?,
            created_at: columns.at()?,
            version: columns.take()?,
        })
    }
}

impl Record for StockLevel {
    const TABLE: &'static str = "stock_levels";
    const COLUMNS: &'static str = "stock_levels.variant_id, stock_levels.product_id, stock_levels.sku,
        stock_levels.location_id, stock_levels.on_hand, stock_levels.reserved, stock_levels.low_stock_threshold,
        stock_levels.tracked, stock_levels.backorder, stock_levels.backordered";

    fn read(columns: &mut Columns<'_>) -> Result<Self, Error> {
        Ok(Self {
            variant_id: columns.id()?,
            product_id: columns.id()?,
            sku: columns.take()?,
            location_id: columns.id()?,
            on_hand: columns.take()?,
            reserved: columns.take()?,
            low_stock_threshold: columns.take()?,
            tracked: columns.take()?,
            backorder: columns.take()?,
            backordered: columns.take()?,
        })
    }
}

impl Record for Movement {
    const TABLE: &'static str = "movements";
    const COLUMNS: &'static str = "movements.id, movements.variant_id, movements.sku, movements.location_id,
        movements.delta, movements.reason, movements.note, movements.order_id, movements.created_at";

    fn read(columns: &mut Columns<'_>) -> Result<Self, Error> {
        Ok(Self {
            id: columns.id()?,
            variant_id: columns.id()?,
            sku: columns.take()?,
            location_id: columns.id()?,
            delta: columns.take()?,
            reason: columns.word()?,
            note: columns.take()?,
            order_id: columns.optional_id()?,
            created_at: columns.at()?,
        })
    }
}

impl Record for Reservation {
    const TABLE: &'static str = "reservations";
    const COLUMNS: &'static str = "reservations.id, reservations.order_id, reservations.order_item_id,
        reservations.variant_id, reservations.sku, reservations.location_id, reservations.quantity,
        reservations.remaining, reservations.status, reservations.created_at, reservations.version";

    fn read(columns: &mut Columns<'_>) -> Result<Self, Error> {
        Ok(Self {
            id: columns.id()?,
            order_id: columns.id()?,
            order_item_id: columns.id()?,
            variant_id: columns.id()?,
            sku: columns.take()?,
            location_id: columns.id()?,
            quantity: columns.take()?,
            remaining: columns.take()?,
            status: columns.word()?,
            created_at: columns.at()?,
            version: columns.take()?,
        })
    }
}

/// Every location: there is no key, so callers of one moment share the next statement.
pub(crate) fn locations(pool: &Arc<Pool>) -> Loader<(), Arc<Vec<Location>>> {
    pool.loader(
        select::<Location>("ORDER BY locations.priority, locations.id"),
        |_| Values::new(),
        |rows, _| Ok(vec![((), Arc::new(records(rows)?))]),
    )
}

/// A level, and the priority of its location.
pub(crate) type Placed = (i64, StockLevel);

/// The levels of variants.
pub(crate) fn stock_by_variant(pool: &Arc<Pool>) -> Loader<VariantId, Vec<Placed>> {
    let sql = format!(
        "SELECT locations.priority, {} FROM stock_levels
            JOIN locations ON locations.id = stock_levels.location_id WHERE {}",
        StockLevel::COLUMNS,
        is_one_of("stock_levels.variant_id")
    );
    pool.loader(
        sql,
        |asked| Values::new().put(ids(asked)),
        |rows, _| {
            let mut found: HashMap<VariantId, Vec<Placed>> = HashMap::new();
            for row in rows {
                let mut columns = Columns::new(row);
                let (priority, level) = (columns.take()?, StockLevel::read(&mut columns)?);
                found.entry(level.variant_id).or_default().push((priority, level));
            }
            Ok(found.into_iter().collect())
        },
    )
}

macro_rules! list {
    ($record:ident, $table:literal) => {
        List {
            columns: $record::COLUMNS.to_owned(),
            key: |key| match key {
                InventorySort::CreatedAt => Some(Key::Time(concat!($table, ".created_at"))),
            },
            id: concat!($table, ".id"),
            read: $record::read,
        }
    };
}

fn levels() -> List<StockSort, StockLevel> {
    List {
        columns: StockLevel::COLUMNS.to_owned(),
        key: |key| match key {
            StockSort::Sku => Some(Key::Text("stock_levels.sku")),
        },
        id: "stock_levels.location_id",
        read: StockLevel::read,
    }
}

#[async_trait]
impl InventoryRepository for PostgresStore {
    async fn location(&self, id: LocationId) -> StoreResult<Option<Location>> {
        self.pool.first("WHERE locations.id = $1", Values::new().put(id.0)).await
    }

    async fn locations(&self) -> StoreResult<Vec<Location>> {
        Ok(self.loaders.locations.one(()).await?.map(Arc::unwrap_or_clone).unwrap_or_default())
    }

    async fn list_locations(&self, page: &PageRequest<InventorySort>) -> StoreResult<Page<Location>> {
        list!(Location, "locations").page(&self.pool, Query::from("locations"), page).await
    }

    async fn stock_of(&self, variants: &[VariantId]) -> StoreResult<Vec<StockLevel>> {
        let found = self.loaders.stock.many(variants.to_vec()).await?;
        let mut levels: Vec<Placed> = found.into_iter().flat_map(|(_, levels)| levels).collect();
        levels.sort_by_key(|(priority, level)| (*priority, level.location_id, level.variant_id));
        Ok(levels.into_iter().map(|(_, level)| level).collect())
    }

    async fn list_stock(&self, filter: &StockFilter, page: &PageRequest<StockSort>) -> StoreResult<Page<StockLevel>> {
        let mut query = Query::from("stock_levels");
        query.filter("stock_levels.sku = ?", filter.sku.clone());
        query.filter("stock_levels.variant_id = ?", filter.variant_id.map(Uuid::from));
        query.filter("stock_levels.product_id = ?", filter.product_id.map(Uuid::from));
        query.filter("stock_levels.location_id = ?", filter.location_id.map(Uuid::from));
        if filter.low {
            // In `numeric`: a difference of two whole numbers may be none.
            query.is("stock_levels.tracked
                    AND stock_levels.on_hand::numeric - stock_levels.reserved <= stock_levels.low_stock_threshold");
        }
        levels().page(&self.pool, query, page).await
    }

    async fn list_movements(
        &self,
        filter: &MovementFilter,
        page: &PageRequest<InventorySort>,
    ) -> StoreResult<Page<Movement>> {
        let mut query = Query::from("movements");
        let by_location_alone = filter.sku.is_none() && filter.variant_id.is_none() && filter.order_id.is_none();
        let keys = [filter.location_id.map(kept::key), None, None];
        query.kept(self.kept("movements", by_location_alone.then_some(keys)));
        query.filter("movements.sku = ?", filter.sku.clone());
        query.filter("movements.variant_id = ?", filter.variant_id.map(Uuid::from));
        query.filter("movements.location_id = ?", filter.location_id.map(Uuid::from));
        query.filter("movements.order_id = ?", filter.order_id.map(Uuid::from));
        list!(Movement, "movements").page(&self.pool, query, page).await
    }

    async fn list_reservations(
        &self,
        filter: &ReservationFilter,
        page: &PageRequest<InventorySort>,
    ) -> StoreResult<Page<Reservation>> {
        let mut query = Query::from("reservations");
        query.filter("reservations.variant_id = ?", filter.variant_id.map(Uuid::from));
        query.filter("reservations.location_id = ?", filter.location_id.map(Uuid::from));
        query.filter("reservations.order_id = ?", filter.order_id.map(Uuid::from));
        match filter.live {
            // Spelled as the partial index spells it.
            Some(true) => query.is("reservations.status IN ('held', 'committed')"),
            Some(false) => query.is("reservations.status NOT IN ('held', 'committed')"),
            None => {}
        }
        list!(Reservation, "reservations").page(&self.pool, query, page).await
    }

    async fn reservations_of(&self, order: OrderId) -> StoreResult<Vec<Reservation>> {
        self.pool.all("WHERE reservations.order_id = $1 ORDER BY reservations.id", Values::new().put(order.0)).await
    }
}
