//! What inventory reads and writes.

use async_trait::async_trait;

use super::model::{
    InventorySort, Location, Movement, MovementFilter, Reservation, ReservationFilter, StockDelta, StockFilter,
    StockLevel, StockSort,
};
use crate::batch::Change;
use crate::id::{LocationId, OrderId, VariantId};
use crate::page::{Page, PageRequest};
use crate::store::StoreResult;

/// Reads of inventory.
///
/// # Contract
/// Every read sees all that was committed before it began.
#[async_trait]
pub trait InventoryRepository: Send + Sync {
    /// The location with this id.
    async fn location(&self, id: LocationId) -> StoreResult<Option<Location>>;
    /// Every location (a shop has few), by priority, then id.
    async fn locations(&self) -> StoreResult<Vec<Location>>;
    /// The locations of a list.
    async fn list_locations(&self, page: &PageRequest<InventorySort>) -> StoreResult<Page<Location>>;
    /// Every level of these variants, by the location's priority, then the location's id, then the variant's.
    async fn stock_of(&self, variants: &[VariantId]) -> StoreResult<Vec<StockLevel>>;
    /// The levels of a list. Ties of the sku are broken by location, and that is the id in its cursors.
    async fn list_stock(&self, filter: &StockFilter, page: &PageRequest<StockSort>) -> StoreResult<Page<StockLevel>>;
    /// The ledger.
    async fn list_movements(
        &self,
        filter: &MovementFilter,
        page: &PageRequest<InventorySort>,
    ) -> StoreResult<Page<Movement>>;
    /// What is and was held.
    async fn list_reservations(
        &self,
        filter: &ReservationFilter,
        page: &PageRequest<InventorySort>,
    ) -> StoreResult<Page<Reservation>>;
    /// Every reservation of an order, oldest first.
    async fn reservations_of(&self, order: OrderId) -> StoreResult<Vec<Reservation>>;
}

/// Writes of inventory.
#[derive(Debug, Clone, PartialEq)]
pub enum InventoryWrite {
    /// A level that is not there yet; its counts are written as they stand. Guard: absent
    /// ([`Unique::StockLevel`](crate::batch::Unique::StockLevel)) and the location exists, else
    /// [`Conflict::Stale`](crate::batch::Conflict::Stale) of the location.
    InsertLevel(StockLevel),
    /// A guarded change of counts.
    Delta(StockDelta),
    /// Changes the settings of a level (all locations of the variant when `location_id` is `None`), keeping its
    /// counts. Guard: a level that ends up tracked and without backorders must have `reserved ≤ on_hand`, and at
    /// least one level is there; else [`Conflict::Stock`](crate::batch::Conflict::Stock) with the location of
    /// the settings.
    Settings(StockSettings),
    /// A new entry of the ledger.
    Movement(Movement),
}

/// New settings of stock levels; `None` keeps what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockSettings {
    /// Of what.
    pub variant_id: VariantId,
    /// Where; `None` means everywhere.
    pub location_id: Option<LocationId>,
    /// See [`StockLevel::low_stock_threshold`].
    pub low_stock_threshold: Option<i64>,
    /// See [`StockLevel::tracked`].
    pub tracked: Option<bool>,
    /// See [`StockLevel::backorder`].
    pub backorder: Option<bool>,
}
