//! The storage port of inventory.

use async_trait::async_trait;

use super::model::{
    InventorySort, Location, Movement, MovementFilter, Reservation, ReservationFilter, StockDelta, StockFilter,
    StockLevel, StockSort,
};
use crate::id::{LocationId, OrderId, VariantId};
use crate::page::{Page, PageRequest};
use crate::store::StoreResult;

/// Reads of inventory.
///
/// # Contract
/// Every read sees everything that was committed before it started.
#[async_trait]
pub trait InventoryRepository: Send + Sync {
    /// The location with this id.
    async fn location(&self, id: LocationId) -> StoreResult<Option<Location>>;
    /// All locations, by priority, then id. A shop has few.
    async fn locations(&self) -> StoreResult<Vec<Location>>;
    /// A page of locations.
    async fn list_locations(&self, page: &PageRequest<InventorySort>) -> StoreResult<Page<Location>>;
    /// All levels of these variants, by the location's priority, then the location's id, then the variant's id.
    async fn stock_of(&self, variants: &[VariantId]) -> StoreResult<Vec<StockLevel>>;
    /// A page of levels. Equal SKUs are ordered by location, whose id goes into the cursors.
    async fn list_stock(&self, filter: &StockFilter, page: &PageRequest<StockSort>) -> StoreResult<Page<StockLevel>>;
    /// A page of ledger entries.
    async fn list_movements(
        &self,
        filter: &MovementFilter,
        page: &PageRequest<InventorySort>,
    ) -> StoreResult<Page<Movement>>;
    /// A page of reservations, live and ended.
    async fn list_reservations(
        &self,
        filter: &ReservationFilter,
        page: &PageRequest<InventorySort>,
    ) -> StoreResult<Page<Reservation>>;
    /// All reservations of an order, oldest first.
    async fn reservations_of(&self, order: OrderId) -> StoreResult<Vec<Reservation>>;
}

/// Writes of inventory.
#[derive(Debug, Clone, PartialEq)]
pub enum InventoryWrite {
    /// A new level; its counts are written as given. Guard: the level does not exist
    /// ([`Unique::StockLevel`](crate::batch::Unique::StockLevel)) and the location does, else
    /// [`Conflict::Stale`](crate::batch::Conflict::Stale) of the location.
    InsertLevel(StockLevel),
    /// A guarded change of a level's counts.
    Delta(StockDelta),
    /// Changes the settings of a level, or of all levels of the variant if `location_id` is `None`; keeps their counts.
    /// Guard: at least one level exists, and each changed level [is covered](StockLevel::is_covered), else
    /// [`Conflict::Stock`](crate::batch::Conflict::Stock) with the location of the settings.
    Settings(StockSettings),
    /// A new ledger entry.
    Movement(Movement),
}

/// New settings of stock levels; `None` keeps the current value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockSettings {
    /// The variant whose levels change.
    pub variant_id: VariantId,
    /// The location to change; `None` means all locations.
    pub location_id: Option<LocationId>,
    /// See [`StockLevel::low_stock_threshold`].
    pub low_stock_threshold: Option<i64>,
    /// See [`StockLevel::tracked`].
    pub tracked: Option<bool>,
    /// See [`StockLevel::backorder`].
    pub backorder: Option<bool>,
}
