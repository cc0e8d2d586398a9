//! Stock, reservations and the stock ledger.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::TableStore;
use super::engine::{Engine, WriteRows};
use super::state::{Judged, State, UniqueKey, VersionedRow, insert, write};
use crate::batch::{Batch, Change, Conflict, Entity, InventoryWrite, RowWrite, StockSettings, Unique, Write};
use crate::id::{LocationId, OrderId, VariantId};
use crate::model::inventory::{
    InventorySort, Location, Movement, MovementFilter, Reservation, ReservationFilter, StockDelta, StockFilter,
    StockLevel, StockSort,
};
use crate::page::paging::page;
use crate::page::{Page, PageRequest};
use crate::store::{InventoryRepository, StoreResult};

impl VersionedRow for Location {
    fn keys(&self) -> Vec<UniqueKey> {
        vec![UniqueKey::LocationCode(self.code.clone())]
    }

    fn write<T: WriteRows>(state: &mut State<'_, T>, change: &Change<Self>) -> Judged {
        write(state, change)?;
        match change {
            Change::Delete { id, .. } => state.delete_levels(LocationId(*id)),
            Change::Insert(_) | Change::Update(_) => Ok(()),
        }
    }
}

impl VersionedRow for Reservation {}

impl<T: WriteRows> State<'_, T> {
    pub(super) fn write_inventory(&mut self, write: &InventoryWrite) -> Judged {
        match write {
            InventoryWrite::InsertLevel(level) => {
                if self.levels.contains(&(level.variant_id, level.location_id))? {
                    return Err(Conflict::Exists(Unique::StockLevel).into());
                }
                if !self.locations.contains(&level.location_id.0)? {
                    return Err(Conflict::Stale(Entity::Location, level.location_id.0).into());
                }
                Ok(self.levels.put((level.variant_id, level.location_id), level.clone())?)
            }
            InventoryWrite::Delta(delta) => self.apply_delta(delta),
            InventoryWrite::Settings(settings) => self.apply_settings(settings),
            InventoryWrite::Movement(movement) => insert(&mut self.movements, movement.id.0, movement.clone()),
        }
    }

    /// Deletes the empty levels of a deleted location; refuses if one is not empty.
    fn delete_levels(&mut self, location: LocationId) -> Judged {
        for level in self.levels.select(|level| level.location_id == location)? {
            if level.on_hand != 0 || level.reserved != 0 {
                return Err(Conflict::InUse(Entity::Location, location.0).into());
            }
            self.levels.remove(&(level.variant_id, location))?;
        }
        Ok(())
    }

    fn apply_delta(&mut self, delta: &StockDelta) -> Judged {
        let key = (delta.variant_id, delta.location_id);
        let refused = Conflict::Stock(delta.variant_id, Some(delta.location_id));
        let level = self.levels.get(&key)?.ok_or(refused)?;
        Ok(self.levels.put(key, delta.apply(&level).ok_or(refused)?)?)
    }

    fn apply_settings(&mut self, settings: &StockSettings) -> Judged {
        let refused = Conflict::Stock(settings.variant_id, settings.location_id);
        let levels = self.levels.select(|level| {
            level.variant_id == settings.variant_id && settings.location_id.is_none_or(|only| level.location_id == only)
        })?;
        if levels.is_empty() {
            return Err(refused.into());
        }
        for mut level in levels {
            level.low_stock_threshold = settings.low_stock_threshold.unwrap_or(level.low_stock_threshold);
            level.tracked = settings.tracked.unwrap_or(level.tracked);
            level.backorder = settings.backorder.unwrap_or(level.backorder);
            if !level.is_covered() {
                return Err(refused.into());
            }
            self.levels.put((level.variant_id, level.location_id), level)?;
        }
        Ok(())
    }

    /// Checks that there is exactly one default location, if the batch wrote any location.
    pub(super) fn judge_default_location(&self, batch: &Batch) -> Judged {
        let writes_location = |write: &Write| matches!(write, Write::Row(RowWrite::Location(_)));
        if batch.writes.iter().any(writes_location) && self.locations.select(|location| location.is_default)?.len() != 1
        {
            return Err(Conflict::Exists(Unique::DefaultLocation).into());
        }
        Ok(())
    }
}

#[async_trait]
impl<E: Engine> InventoryRepository for TableStore<E> {
    async fn location(&self, id: LocationId) -> StoreResult<Option<Location>> {
        self.read(|state| state.locations.get(&id.0))
    }

    async fn locations(&self) -> StoreResult<Vec<Location>> {
        let mut locations = self.read(|state| state.locations.values())?;
        locations.sort_by_key(|location| (location.priority, location.id));
        Ok(locations)
    }

    async fn list_locations(&self, request: &PageRequest<InventorySort>) -> StoreResult<Page<Location>> {
        self.read(|state| Ok(page(state.locations.values()?, request)))
    }

    async fn stock_of(&self, variants: &[VariantId]) -> StoreResult<Vec<StockLevel>> {
        let variants: BTreeSet<_> = variants.iter().collect();
        self.read(|state| {
            let mut locations = state.locations.values()?;
            locations.sort_by_key(|location| (location.priority, location.id));
            let mut levels = Vec::new();
            for location in locations {
                for variant in &variants {
                    levels.extend(state.levels.get(&(**variant, location.id))?);
                }
            }
            Ok(levels)
        })
    }

    async fn list_stock(
        &self,
        filter: &StockFilter,
        request: &PageRequest<StockSort>,
    ) -> StoreResult<Page<StockLevel>> {
        let wanted = |level: &StockLevel| {
            filter.sku.as_ref().is_none_or(|sku| level.sku == *sku)
                && filter.variant_id.is_none_or(|variant| level.variant_id == variant)
                && filter.product_id.is_none_or(|product| level.product_id == product)
                && filter.location_id.is_none_or(|location| level.location_id == location)
                && (!filter.low || (level.tracked && level.available() <= level.low_stock_threshold))
        };
        self.read(|state| Ok(page(state.levels.select(wanted)?, request)))
    }

    async fn list_movements(
        &self,
        filter: &MovementFilter,
        request: &PageRequest<InventorySort>,
    ) -> StoreResult<Page<Movement>> {
        let wanted = |movement: &Movement| {
            filter.sku.as_ref().is_none_or(|sku| movement.sku == *sku)
                && filter.variant_id.is_none_or(|variant| movement.variant_id == variant)
                && filter.location_id.is_none_or(|location| movement.location_id == location)
                && filter.order_id.is_none_or(|order| movement.order_id == Some(order))
        };
        self.read(|state| Ok(page(state.movements.select(wanted)?, request)))
    }

    async fn list_reservations(
        &self,
        filter: &ReservationFilter,
        request: &PageRequest<InventorySort>,
    ) -> StoreResult<Page<Reservation>> {
        let wanted = |reservation: &Reservation| {
            filter.variant_id.is_none_or(|variant| reservation.variant_id == variant)
                && filter.location_id.is_none_or(|location| reservation.location_id == location)
                && filter.order_id.is_none_or(|order| reservation.order_id == order)
                && filter.live.is_none_or(|live| reservation.status.is_live() == live)
        };
        self.read(|state| Ok(page(state.reservations.select(wanted)?, request)))
    }

    async fn reservations_of(&self, order: OrderId) -> StoreResult<Vec<Reservation>> {
        self.read(|state| state.reservations.select(|reservation| reservation.order_id == order))
    }
}
