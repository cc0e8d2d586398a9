//! Locations, stock levels, the stock ledger and reservations.

use async_trait::async_trait;
use rusqlite::params;
use rusqlite::types::Value;
use shop_core::batch::{Change, Conflict, Entity};
use shop_core::id::{LocationId, OrderId, ProductId, VariantId};
use shop_core::inventory::{
    InventoryRepository, InventorySort, InventoryWrite, Location, Movement, MovementFilter, Reservation,
    ReservationFilter, StockDelta, StockFilter, StockLevel, StockSettings, StockSort,
};
use shop_core::page::{Page, PageRequest};
use shop_core::row::{Columns as _, Source as _};
use shop_core::store::StoreResult;
use uuid::Uuid;

use crate::SqliteStore;
use crate::commit::{ApplyError, ApplyResult};
use crate::encoded::{EncodedRow, EncodedWrite};
use crate::list_counts::{self, CountChanges};
use crate::paging::{ListQuery, QueryBuilder};
use crate::record::{self, Changed, record};
use crate::rows::{ColumnReader, Id, id, optional_id, prepare};
use crate::write_connection::WriteConnection;

record!(Location);

record!(Reservation, fixed: ["order_id", "variant_id", "sku", "created_at"]);

record!(StockLevel);
record!(Movement);

impl Changed for Location {
    fn apply(
        connection: &WriteConnection<'_>,
        tally: &mut CountChanges,
        change: &Change<Self>,
        encoded: &EncodedWrite,
    ) -> ApplyResult {
        match change {
            Change::Delete { id, version } => delete_location(connection, tally, *id, *version),
            _ => record::change(connection, change, encoded),
        }
    }
}

impl Changed for Reservation {}

/// Applies a write of inventory.
pub(crate) fn apply(connection: &WriteConnection<'_>, tally: &mut CountChanges, write: &InventoryWrite) -> ApplyResult {
    match write {
        InventoryWrite::InsertLevel(level) => {
            tally.stock_changed(level.product_id);
            insert_level(connection, level)
        }
        InventoryWrite::Delta(delta) => apply_delta(connection, tally, delta),
        InventoryWrite::Settings(settings) => apply_settings(connection, tally, settings),
        InventoryWrite::Movement(movement) => {
            tally.added(
                list_counts::CountedList::Movements,
                [list_counts::key(movement.location_id), "".into(), "".into()],
            );
            record::add(connection, movement, EncodedRow::NOTHING)
        }
    }
}

fn delete_location(
    connection: &WriteConnection<'_>,
    tally: &mut CountChanges,
    location: Uuid,
    version: i64,
) -> ApplyResult {
    if record::version_of::<Location>(connection, location)? != Some(version) {
        return Err(Conflict::Stale(Entity::Location, location).into());
    }
    let filled = "SELECT 1 FROM stock_levels WHERE location_id = ?1 AND (on_hand <> 0 OR reserved <> 0)";
    if record::exists(connection, filled, [Id(location)])? {
        return Err(Conflict::InUse(Entity::Location, location).into());
    }
    // The levels are empty, but untracked and backorderable variants were sold from them.
    let sold = "SELECT product_id FROM stock_levels WHERE location_id = ?1 AND (tracked = 0 OR backorder = 1)";
    touch_products(connection, tally, sold, location)?;
    record::execute(connection, "DELETE FROM stock_levels WHERE location_id = ?1", &[&Id(location)])?;
    record::delete::<Location>(connection, location, version)
}

/// Notes that the stock status of the products found by a query on an id may have changed.
fn touch_products(
    connection: &WriteConnection<'_>,
    tally: &mut CountChanges,
    sql: &'static str,
    id: Uuid,
) -> rusqlite::Result<()> {
    connection.run(sql, |statement| {
        let mut rows = statement.query([Id(id)])?;
        while let Some(row) = rows.next()? {
            tally.stock_changed(ProductId(row.get::<_, Id>(0)?.0));
        }
        Ok(())
    })
}

/// The number of default locations.
pub(crate) fn default_locations(connection: &WriteConnection<'_>) -> rusqlite::Result<i64> {
    connection.run("SELECT count(*) FROM locations WHERE is_default = 1", |statement| {
        statement.query_row([], |row| row.get(0))
    })
}

fn insert_level(connection: &WriteConnection<'_>, level: &StockLevel) -> ApplyResult {
    match record::add(connection, level, EncodedRow::NOTHING) {
        Err(ApplyError::Sql(error)) if record::is_dangling(&error) => {
            Err(Conflict::Stale(Entity::Location, level.location_id.0).into())
        }
        done => done,
    }
}

/// The rule of [`StockDelta`] in the statement that changes the counts. A sum that overflows an integer becomes a float
/// here and is refused.
macro_rules! stock_delta {
    ($end:literal) => {
        concat!(
            "UPDATE stock_levels SET on_hand = on_hand + ?3, reserved = reserved + ?4,
                backordered = CASE WHEN ?5 THEN min(backordered, max(reserved - on_hand, 0))
                    ELSE min(backordered, max(reserved + min(?4, 0) - on_hand - max(?3, 0), 0))
                        + max(reserved + ?4 - on_hand - ?3, 0) - max(reserved + min(?4, 0) - on_hand - ?3, 0) END
            WHERE variant_id = ?1 AND location_id = ?2
                AND typeof(on_hand + ?3) = 'integer' AND typeof(reserved + ?4) = 'integer'
                AND reserved + ?4 >= 0
                AND CASE WHEN ?5 THEN on_hand + ?3 >= -min(backordered, max(reserved - on_hand, 0))
                    ELSE reserved + ?4 <= on_hand + ?3 OR backorder = 1 OR (?3 >= 0 AND ?4 <= 0) END
                AND (?4 <= 0 OR tracked = 1) ",
            $end
        )
    };
}

/// A change that leaves the level sellable, or unsellable, as it was: most of them. `RETURNING` would cost each of them
/// an ephemeral table.
const DELTA: &str =
    stock_delta!("AND (tracked = 0 OR backorder = 1 OR (on_hand > reserved) = (on_hand + ?3 > reserved + ?4))");

/// Any change, with the product if its stock status can change.
const DELTA_OF_PRODUCT: &str = stock_delta!(
    "RETURNING product_id, tracked = 1 AND backorder = 0 AND (on_hand > reserved) <> (on_hand - ?3 > reserved - ?4)"
);

fn apply_delta(connection: &WriteConnection<'_>, tally: &mut CountChanges, delta: &StockDelta) -> ApplyResult {
    let (variant, location) = (id(delta.variant_id), id(delta.location_id));
    let values = params![variant, location, delta.on_hand, delta.reserved, delta.ships()];
    if connection.run(DELTA, |statement| statement.execute(values))? == 1 {
        return Ok(());
    }
    let changed = connection.run(DELTA_OF_PRODUCT, |statement| {
        let mut rows = statement.query(values)?;
        let Some(row) = rows.next()? else { return Ok(false) };
        if row.get(1)? {
            tally.stock_changed(ProductId(row.get::<_, Id>(0)?.0));
        }
        // Run the statement to its end, so that it completes.
        rows.next()?;
        Ok(true)
    })?;
    if changed { Ok(()) } else { Err(Conflict::Stock(delta.variant_id, Some(delta.location_id)).into()) }
}

fn apply_settings(connection: &WriteConnection<'_>, tally: &mut CountChanges, settings: &StockSettings) -> ApplyResult {
    let sql = "UPDATE stock_levels SET low_stock_threshold = coalesce(?3, low_stock_threshold),
            tracked = coalesce(?4, tracked), backorder = coalesce(?5, backorder)
        WHERE variant_id = ?1 AND (?2 IS NULL OR location_id = ?2)";
    let (variant, location) = (id(settings.variant_id), optional_id(settings.location_id));
    let changed = record::execute(
        connection,
        sql,
        &[&variant, &location, &settings.low_stock_threshold, &settings.tracked, &settings.backorder],
    )?;
    let oversold = "SELECT 1 FROM stock_levels WHERE variant_id = ?1 AND (?2 IS NULL OR location_id = ?2)
        AND tracked = 1 AND backorder = 0 AND max(reserved - on_hand, 0) > backordered";
    if changed == 0 || record::exists(connection, oversold, params![variant, location])? {
        return Err(Conflict::Stock(settings.variant_id, settings.location_id).into());
    }
    let products = "SELECT DISTINCT product_id FROM stock_levels WHERE variant_id = ?1";
    touch_products(connection, tally, products, settings.variant_id.0)?;
    Ok(())
}

fn locations() -> ListQuery<InventorySort, Location> {
    ListQuery {
        columns: record::columns::<Location>().to_owned(),
        key: |key| match key {
            InventorySort::CreatedAt => Some("locations.created_at"),
        },
        id: "locations.id",
        read: record::whole,
    }
}

fn levels() -> ListQuery<StockSort, StockLevel> {
    ListQuery {
        columns: record::columns::<StockLevel>().to_owned(),
        key: |key| match key {
            StockSort::Sku => Some("stock_levels.sku"),
        },
        id: "stock_levels.location_id",
        read: record::whole,
    }
}

pub(crate) fn movements() -> ListQuery<InventorySort, Movement> {
    ListQuery {
        columns: record::columns::<Movement>().to_owned(),
        key: |key| match key {
            InventorySort::CreatedAt => Some("movements.created_at"),
        },
        id: "movements.id",
        read: record::whole,
    }
}

fn reservations() -> ListQuery<InventorySort, Reservation> {
    ListQuery {
        columns: record::columns::<Reservation>().to_owned(),
        key: |key| match key {
            InventorySort::CreatedAt => Some("reservations.created_at"),
        },
        id: "reservations.id",
        read: record::whole,
    }
}

/// Reservations of a variant and live reservations, found in the index by time.
fn listed_reservations() -> ListQuery<InventorySort, Reservation> {
    ListQuery {
        key: |key| match key {
            InventorySort::CreatedAt => Some("listed.created_at"),
        },
        id: "listed.id",
        ..reservations()
    }
}

fn bytes(id: Option<impl Into<Uuid>>) -> Option<Vec<u8>> {
    id.map(|id| id.into().as_bytes().to_vec())
}

#[async_trait]
impl InventoryRepository for SqliteStore {
    async fn location(&self, id: LocationId) -> StoreResult<Option<Location>> {
        self.readers().point(|connection| record::lookup(connection, id))
    }

    async fn locations(&self) -> StoreResult<Vec<Location>> {
        self.readers().point(|connection| record::select(connection, "ORDER BY priority, id", []))
    }

    async fn list_locations(&self, page: &PageRequest<InventorySort>) -> StoreResult<Page<Location>> {
        let page = page.clone();
        self.readers()
            .list(move |connection| locations().page(connection, QueryBuilder::from("locations"), &page))
            .await
    }

    async fn stock_of(&self, variants: &[VariantId]) -> StoreResult<Vec<StockLevel>> {
        self.readers().snapshot(|connection| {
            let sql = format!(
                "SELECT locations.priority, {} FROM stock_levels
                    JOIN locations ON locations.id = stock_levels.location_id WHERE stock_levels.variant_id = ?1",
                record::columns::<StockLevel>()
            );
            let mut found: Vec<(i64, StockLevel)> = Vec::new();
            for variant in variants {
                let mut statement = prepare(connection, &sql)?;
                let mut rows = statement.query([Id(variant.0)])?;
                while let Some(row) = rows.next()? {
                    let mut columns = ColumnReader::new(row);
                    found.push((columns.take()?, StockLevel::read(&mut columns)?));
                }
            }
            found.sort_by_key(|(priority, level)| (*priority, level.location_id, level.variant_id));
            found.dedup();
            Ok(found.into_iter().map(|(_, level)| level).collect())
        })
    }

    async fn list_stock(&self, filter: &StockFilter, page: &PageRequest<StockSort>) -> StoreResult<Page<StockLevel>> {
        let mut query = QueryBuilder::from("stock_levels");
        query.filter("stock_levels.sku = ?", filter.sku.clone().map(Value::Text));
        query.filter("stock_levels.variant_id = ?", bytes(filter.variant_id));
        query.filter("stock_levels.product_id = ?", bytes(filter.product_id));
        query.filter("stock_levels.location_id = ?", bytes(filter.location_id));
        if filter.low {
            query.is("stock_levels.tracked = 1
                    AND stock_levels.on_hand - stock_levels.reserved <= stock_levels.low_stock_threshold");
        }
        let page = page.clone();
        self.readers().list(move |connection| levels().page(connection, query, &page)).await
    }

    async fn list_movements(
        &self,
        filter: &MovementFilter,
        page: &PageRequest<InventorySort>,
    ) -> StoreResult<Page<Movement>> {
        let mut query = QueryBuilder::from("movements");
        let keys = [filter.location_id.map(list_counts::key), None, None];
        query.stored_count(self.stored_count(list_counts::CountedList::Movements, filter.is_counted().then_some(keys)));
        query.filter("movements.sku = ?", filter.sku.clone().map(Value::Text));
        query.filter("movements.variant_id = ?", bytes(filter.variant_id));
        query.filter("movements.location_id = ?", bytes(filter.location_id));
        query.filter("movements.order_id = ?", bytes(filter.order_id));
        let page = page.clone();
        self.readers().list(move |connection| movements().page(connection, query, &page)).await
    }

    async fn list_reservations(
        &self,
        filter: &ReservationFilter,
        page: &PageRequest<InventorySort>,
    ) -> StoreResult<Page<Reservation>> {
        // One order has few reservations, whatever the other filters.
        let by_index = filter.order_id.is_none() && (filter.variant_id.is_some() || filter.live.is_some());
        let (list, mut query, table) = match (by_index, filter.location_id) {
            (false, _) => (reservations(), QueryBuilder::from("reservations"), "reservations"),
            (true, None) => (listed_reservations(), QueryBuilder::listed("reservations"), "listed"),
            (true, Some(_)) => (listed_reservations(), QueryBuilder::looked_up("reservations"), "listed"),
        };
        query.filter(&format!("{table}.variant_id = ?"), bytes(filter.variant_id));
        match filter.live {
            Some(true) => query.is(&format!("{table}.status IN ('held', 'committed')")),
            Some(false) => query.is(&format!("{table}.status NOT IN ('held', 'committed')")),
            None => {}
        }
        query.filter("reservations.location_id = ?", bytes(filter.location_id));
        query.filter("reservations.order_id = ?", bytes(filter.order_id));
        let page = page.clone();
        self.readers().list(move |connection| list.page(connection, query, &page)).await
    }

    async fn reservations_of(&self, order: OrderId) -> StoreResult<Vec<Reservation>> {
        self.readers().point(|connection| record::select(connection, "WHERE order_id = ?1 ORDER BY id", [Id(order.0)]))
    }
}
