//! Locations, stock levels, the stock ledger and reservations. Every read is one statement, or two for a page by number
//! that needs a count.

use std::sync::Arc;

use async_trait::async_trait;
use shop_core::id::{LocationId, OrderId, VariantId};
pub(crate) use shop_core::inventory::Location;
use shop_core::inventory::{
    InventoryRepository, InventorySort, Movement, MovementFilter, Reservation, ReservationFilter, StockFilter,
    StockLevel, StockSort,
};
use shop_core::page::{Page, PageRequest};
use shop_core::row::Source as _;
use shop_core::store::StoreResult;
use sqlx_core::error::Error;
use uuid::Uuid;

use super::PostgresStore;
use super::list_counts;
use super::paging::{Key, ListQuery, QueryBuilder, by_creation};
use super::pool::Pool;
use super::read::{Loader, grouped};
use super::rows::{ColumnReader, ReadRow as _, StatementArguments, ids, is_one_of, records, select};

/// All locations. There is no key, so concurrent callers share the next statement.
pub(crate) fn locations(pool: &Arc<Pool>) -> Loader<(), Arc<Vec<Location>>> {
    pool.loader(
        select::<Location>("ORDER BY locations.priority, locations.id"),
        |_| StatementArguments::new(),
        |rows, _| Ok(vec![((), Arc::new(records(rows)?))]),
    )
}

/// A stock level, and the priority of its location.
pub(crate) type Placed = (i64, StockLevel);

/// Stock levels by variant.
pub(crate) fn stock_by_variant(pool: &Arc<Pool>) -> Loader<VariantId, Vec<Placed>> {
    let sql = format!(
        "SELECT locations.priority, {} FROM stock_levels
            JOIN locations ON locations.id = stock_levels.location_id WHERE {}",
        StockLevel::columns(),
        is_one_of("stock_levels.variant_id")
    );
    pool.loader(
        sql,
        |asked| StatementArguments::new().put(ids(asked)),
        |rows, _| {
            let read = |row| {
                let mut columns = ColumnReader::new(row);
                let (priority, level) = (columns.take()?, StockLevel::read(&mut columns)?);
                Ok((level.variant_id, (priority, level)))
            };
            Ok(grouped(rows.iter().map(read).collect::<Result<Vec<_>, Error>>()?))
        },
    )
}

fn levels() -> ListQuery<StockSort, StockLevel> {
    ListQuery::of("stock_levels.location_id", |StockSort::Sku| Some(Key::Text("stock_levels.sku")))
}

#[async_trait]
impl InventoryRepository for PostgresStore {
    async fn location(&self, id: LocationId) -> StoreResult<Option<Location>> {
        self.pool.first("WHERE locations.id = $1", StatementArguments::new().put(id.0)).await
    }

    async fn locations(&self) -> StoreResult<Vec<Location>> {
        Ok(self.loaders.locations.one(()).await?.map(Arc::unwrap_or_clone).unwrap_or_default())
    }

    async fn list_locations(&self, page: &PageRequest<InventorySort>) -> StoreResult<Page<Location>> {
        by_creation!(Location, "locations").page(&self.pool, QueryBuilder::from("locations"), page).await
    }

    async fn stock_of(&self, variants: &[VariantId]) -> StoreResult<Vec<StockLevel>> {
        let found = self.loaders.stock.many(variants.to_vec()).await?;
        let mut levels: Vec<Placed> = found.into_iter().flat_map(|(_, levels)| levels).collect();
        levels.sort_by_key(|(priority, level)| (*priority, level.location_id, level.variant_id));
        Ok(levels.into_iter().map(|(_, level)| level).collect())
    }

    async fn list_stock(&self, filter: &StockFilter, page: &PageRequest<StockSort>) -> StoreResult<Page<StockLevel>> {
        let mut query = QueryBuilder::from("stock_levels");
        query.filter("stock_levels.sku = ?", filter.sku.clone());
        query.filter("stock_levels.variant_id = ?", filter.variant_id.map(Uuid::from));
        query.filter("stock_levels.product_id = ?", filter.product_id.map(Uuid::from));
        query.filter("stock_levels.location_id = ?", filter.location_id.map(Uuid::from));
        if filter.low {
            // In `numeric`, because the difference of two integers may overflow.
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
        let mut query = QueryBuilder::from("movements");
        let keys = [filter.location_id.map(list_counts::key), None, None];
        query.stored_count(self.stored_count("movements", filter.is_counted().then_some(keys)));
        query.filter("movements.sku = ?", filter.sku.clone());
        query.filter("movements.variant_id = ?", filter.variant_id.map(Uuid::from));
        query.filter("movements.location_id = ?", filter.location_id.map(Uuid::from));
        query.filter("movements.order_id = ?", filter.order_id.map(Uuid::from));
        by_creation!(Movement, "movements").page(&self.pool, query, page).await
    }

    async fn list_reservations(
        &self,
        filter: &ReservationFilter,
        page: &PageRequest<InventorySort>,
    ) -> StoreResult<Page<Reservation>> {
        let mut query = QueryBuilder::from("reservations");
        query.filter("reservations.variant_id = ?", filter.variant_id.map(Uuid::from));
        query.filter("reservations.location_id = ?", filter.location_id.map(Uuid::from));
        query.filter("reservations.order_id = ?", filter.order_id.map(Uuid::from));
        match filter.live {
            // Spelled exactly as in the condition of the partial index.
            Some(true) => query.is("reservations.status IN ('held', 'committed')"),
            Some(false) => query.is("reservations.status NOT IN ('held', 'committed')"),
            None => {}
        }
        by_creation!(Reservation, "reservations").page(&self.pool, query, page).await
    }

    async fn reservations_of(&self, order: OrderId) -> StoreResult<Vec<Reservation>> {
        self.pool
            .all("WHERE reservations.order_id = $1 ORDER BY reservations.id", StatementArguments::new().put(order.0))
            .await
    }
}
