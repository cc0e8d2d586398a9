//! Reads of inventory.

use async_trait::async_trait;

use crate::id::{LocationId, OrderId, VariantId};
use crate::model::inventory::{
    InventorySort, Location, Movement, MovementFilter, Reservation, ReservationFilter, StockFilter, StockLevel,
    StockSort,
};
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
