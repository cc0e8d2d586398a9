//! Stock, reservations and the ledger.

use async_trait::async_trait;

use super::MemoryStore;
use super::paging::page;
use super::state::{Judged, State, UniqueKey, change, change_plain, insert, never_deleted};
use crate::batch::{Batch, Change, Conflict, Entity, Unique, Write};
use crate::id::{LocationId, OrderId, VariantId};
use crate::inventory::{
    InventoryRepository, InventorySort, InventoryWrite, Location, Movement, MovementFilter, Reservation,
    ReservationFilter, StockDelta, StockFilter, StockLevel, StockSettings, StockSort,
};
use crate::page::{Page, PageRequest};
use crate::store::StoreResult;

fn keys(location: &Location) -> Vec<UniqueKey> {
    vec![UniqueKey::LocationCode(location.code.clone())]
}

impl State {
    pub(super) fn write_inventory(&mut self, write: &InventoryWrite) -> Judged {
        match write {
            InventoryWrite::Location(location) => {
                change(&mut self.locations, &mut self.uniques, location, keys)?;
                match location {
                    Change::Delete { id, .. } => self.delete_levels(LocationId(*id)),
                    Change::Insert(_) | Change::Update(_) => Ok(()),
                }
            }
            InventoryWrite::InsertLevel(level) => {
                if self.levels.contains(&(level.variant_id, level.location_id)) {
                    return Err(Conflict::Exists(Unique::StockLevel).into());
                }
                if !self.locations.contains(&level.location_id.0) {
                    return Err(Conflict::Stale(Entity::Location, level.location_id.0).into());
                }
                self.levels.put((level.variant_id, level.location_id), level.clone());
                Ok(())
            }
            InventoryWrite::Delta(delta) => self.apply_delta(delta),
            InventoryWrite::Settings(settings) => self.apply_settings(settings),
            InventoryWrite::Movement(movement) => insert(&mut self.movements, movement.id.0, movement.clone()),
            InventoryWrite::Reservation(reservation) => {
                never_deleted(reservation)?;
                change_plain(&mut self.reservations, &mut self.uniques, reservation)
            }
        }
    }

    /// The empty levels of a deleted location go with it; one that is not empty refuses.
    fn delete_levels(&mut self, location: LocationId) -> Judged {
        for key in self.levels.keys_where(|level| level.location_id == location) {
            if self.levels.get(&key).is_some_and(|level| level.on_hand != 0 || level.reserved != 0) {
                return Err(Conflict::InUse(Entity::Location, location.0).into());
            }
            self.levels.remove(&key);
        }
        Ok(())
    }

    fn apply_delta(&mut self, delta: &StockDelta) -> Judged {
        let key = (delta.variant_id, delta.location_id);
        let refused = Conflict::Stock(delta.variant_id, Some(delta.location_id));
        let level = self.levels.get(&key).cloned().ok_or(refused)?;
        let (on_hand, reserved) = delta.apply(&level).ok_or(refused)?;
        self.levels.put(key, StockLevel { on_hand, reserved, ..level });
        Ok(())
    }

    fn apply_settings(&mut self, settings: &StockSettings) -> Judged {
        let refused = Conflict::Stock(settings.variant_id, settings.location_id);
        let keys = self.levels.keys_where(|level| {
            level.variant_id == settings.variant_id && settings.location_id.is_none_or(|only| level.location_id == only)
        });
        if keys.is_empty() {
            return Err(refused.into());
        }
        for key in keys {
            let Some(mut level) = self.levels.get(&key).cloned() else { continue };
            level.low_stock_threshold = settings.low_stock_threshold.unwrap_or(level.low_stock_threshold);
            level.tracked = settings.tracked.unwrap_or(level.tracked);
            level.backorder = settings.backorder.unwrap_or(level.backorder);
            if level.tracked && !level.backorder && level.reserved > level.on_hand {
                return Err(refused.into());
            }
            self.levels.put(key, level);
        }
        Ok(())
    }

    /// Exactly one default location, if the batch wrote any location.
    pub(super) fn judge_default_location(&self, batch: &Batch) -> Judged {
        let writes_location = |write: &Write| matches!(write, Write::Inventory(InventoryWrite::Location(_)));
        let defaults = self.locations.values().filter(|location| location.is_default).count();
        if batch.writes.iter().any(writes_location) && defaults != 1 {
            return Err(Conflict::Exists(Unique::DefaultLocation).into());
        }
        Ok(())
    }

    fn priority(&self, location: LocationId) -> i64 {
        self.locations.get(&location.0).map_or(i64::MAX, |location| location.priority)
    }
}

#[async_trait]
impl InventoryRepository for MemoryStore {
    async fn location(&self, id: LocationId) -> StoreResult<Option<Location>> {
        Ok(self.read().locations.get(&id.0).cloned())
    }

    async fn locations(&self) -> StoreResult<Vec<Location>> {
        let mut locations: Vec<_> = self.read().locations.values().cloned().collect();
        locations.sort_by_key(|location| (location.priority, location.id));
        Ok(locations)
    }

    async fn list_locations(&self, request: &PageRequest<InventorySort>) -> StoreResult<Page<Location>> {
        Ok(page(self.read().locations.values().cloned(), request))
    }

    async fn stock_of(&self, variants: &[VariantId]) -> StoreResult<Vec<StockLevel>> {
        let state = self.read();
        let mut levels: Vec<_> =
            state.levels.values().filter(|level| variants.contains(&level.variant_id)).cloned().collect();
        levels.sort_by_key(|level| (state.priority(level.location_id), level.location_id, level.variant_id));
        Ok(levels)
    }

    async fn list_stock(
        &self,
        filter: &StockFilter,
        request: &PageRequest<StockSort>,
    ) -> StoreResult<Page<StockLevel>> {
        let wanted = |level: &&StockLevel| {
            filter.sku.as_ref().is_none_or(|sku| level.sku == *sku)
                && filter.variant_id.is_none_or(|variant| level.variant_id == variant)
                && filter.product_id.is_none_or(|product| level.product_id == product)
                && filter.location_id.is_none_or(|location| level.location_id == location)
                && (!filter.low || (level.tracked && level.available() <= level.low_stock_threshold))
        };
        Ok(page(self.read().levels.values().filter(wanted).cloned(), request))
    }

    async fn list_movements(
        &self,
        filter: &MovementFilter,
        request: &PageRequest<InventorySort>,
    ) -> StoreResult<Page<Movement>> {
        let wanted = |movement: &&Movement| {
            filter.sku.as_ref().is_none_or(|sku| movement.sku == *sku)
                && filter.variant_id.is_none_or(|variant| movement.variant_id == variant)
                && filter.location_id.is_none_or(|location| movement.location_id == location)
                && filter.order_id.is_none_or(|order| movement.order_id == Some(order))
        };
        Ok(page(self.read().movements.values().filter(wanted).cloned(), request))
    }

    async fn list_reservations(
        &self,
        filter: &ReservationFilter,
        request: &PageRequest<InventorySort>,
    ) -> StoreResult<Page<Reservation>> {
        let wanted = |reservation: &&Reservation| {
            filter.sku.as_ref().is_none_or(|sku| reservation.sku == *sku)
                && filter.variant_id.is_none_or(|variant| reservation.variant_id == variant)
                && filter.location_id.is_none_or(|location| reservation.location_id == location)
                && filter.order_id.is_none_or(|order| reservation.order_id == order)
                && filter.live.is_none_or(|live| reservation.status.is_live() == live)
        };
        Ok(page(self.read().reservations.values().filter(wanted).cloned(), request))
    }

    async fn reservations_of(&self, order: OrderId) -> StoreResult<Vec<Reservation>> {
        Ok(self.read().reservations.values().filter(|reservation| reservation.order_id == order).cloned().collect())
    }
}
