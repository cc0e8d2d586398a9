//! Address books, shipping rates and shipments.

use async_trait::async_trait;

use super::TableStore;
use super::engine::{Engine, ReadRows, WriteRows};
use super::state::{Judged, State, VersionedRow, write};
use crate::batch::{Batch, Change, Conflict, Entity, RowWrite, Unique, Write};
use crate::id::{AddressId, MethodId, OrderId, ShipmentId, UserId, ZoneId};
use crate::model::shipping::{Method, SavedAddress, Shipment, ShipmentFilter, ShippingSort, Zone};
use crate::page::paging::page;
use crate::page::{Page, PageRequest};
use crate::store::{ShippingRepository, StoreResult};

impl VersionedRow for SavedAddress {}
impl VersionedRow for Shipment {}

impl VersionedRow for Zone {
    fn write<T: WriteRows>(state: &mut State<'_, T>, change: &Change<Self>) -> Judged {
        write(state, change)?;
        match change {
            Change::Delete { id, .. } if !state.methods.select(|method| method.zone_id.0 == *id)?.is_empty() => {
                Err(Conflict::InUse(Entity::Zone, *id).into())
            }
            _ => Ok(()),
        }
    }
}

impl VersionedRow for Method {
    fn write<T: WriteRows>(state: &mut State<'_, T>, change: &Change<Self>) -> Judged {
        write(state, change)?;
        match change {
            Change::Insert(row) | Change::Update(row) if !state.zones.contains(&row.zone_id.0)? => {
                Err(Conflict::Stale(Entity::Zone, row.zone_id.0).into())
            }
            _ => Ok(()),
        }
    }
}

impl<T: ReadRows> State<'_, T> {
    /// Checks that each user whose addresses the batch wrote has at most one default address.
    pub(super) fn judge_default_addresses(&self, batch: &Batch) -> Judged {
        let written = batch.writes.iter().filter_map(|write| match write {
            Write::Row(RowWrite::Address(Change::Insert(row) | Change::Update(row))) => Some(row.user_id),
            _ => None,
        });
        for user in written {
            if self.default_addresses(user)?.len() > 1 {
                return Err(Conflict::Exists(Unique::DefaultAddress).into());
            }
        }
        Ok(())
    }

    fn default_addresses(&self, user: UserId) -> StoreResult<Vec<SavedAddress>> {
        self.addresses.select(|address| address.user_id == user && address.is_default)
    }
}

#[async_trait]
impl<E: Engine> ShippingRepository for TableStore<E> {
    async fn address(&self, id: AddressId) -> StoreResult<Option<SavedAddress>> {
        self.read(|state| state.addresses.get(&id.0))
    }

    async fn default_address(&self, user: UserId) -> StoreResult<Option<SavedAddress>> {
        self.read(|state| Ok(state.default_addresses(user)?.into_iter().next()))
    }

    async fn list_addresses(
        &self,
        user: UserId,
        request: &PageRequest<ShippingSort>,
    ) -> StoreResult<Page<SavedAddress>> {
        self.read(|state| Ok(page(state.addresses.select(|address| address.user_id == user)?, request)))
    }

    async fn zone(&self, id: ZoneId) -> StoreResult<Option<Zone>> {
        self.read(|state| state.zones.get(&id.0))
    }

    async fn list_zones(&self, request: &PageRequest<ShippingSort>) -> StoreResult<Page<Zone>> {
        self.read(|state| Ok(page(state.zones.values()?, request)))
    }

    async fn shipping_rates(&self) -> StoreResult<(Vec<Zone>, Vec<Method>)> {
        self.read(|state| Ok((state.zones.values()?, state.methods.values()?)))
    }

    async fn method(&self, id: MethodId) -> StoreResult<Option<(Method, Zone)>> {
        self.read(|state| {
            let Some(method) = state.methods.get(&id.0)? else { return Ok(None) };
            let zone = state.zones.get(&method.zone_id.0)?;
            Ok(zone.map(|zone| (method, zone)))
        })
    }

    async fn list_methods(
        &self,
        active: Option<bool>,
        request: &PageRequest<ShippingSort>,
    ) -> StoreResult<Page<Method>> {
        let wanted = |method: &Method| active.is_none_or(|active| method.active == active);
        self.read(|state| Ok(page(state.methods.select(wanted)?, request)))
    }

    async fn shipment(&self, id: ShipmentId) -> StoreResult<Option<Shipment>> {
        self.read(|state| state.shipments.get(&id.0))
    }

    async fn shipments_by_tracking_key(&self, key: &str, limit: u32) -> StoreResult<Vec<Shipment>> {
        let wanted = |shipment: &Shipment| shipment.tracking_key().as_deref() == Some(key);
        let mut found = self.read(|state| state.shipments.select(wanted))?;
        found.sort_by_key(|shipment| std::cmp::Reverse(shipment.id));
        found.truncate(limit as usize);
        Ok(found)
    }

    async fn shipments_of_orders(&self, orders: &[OrderId]) -> StoreResult<Vec<Shipment>> {
        self.read(|state| state.shipments.select(|shipment| orders.contains(&shipment.order_id)))
    }

    async fn list_shipments(
        &self,
        filter: &ShipmentFilter,
        request: &PageRequest<ShippingSort>,
    ) -> StoreResult<Page<Shipment>> {
        let wanted = |shipment: &Shipment| {
            filter.order_id.is_none_or(|order| shipment.order_id == order)
                && filter.status.is_none_or(|status| shipment.status == status)
        };
        self.read(|state| Ok(page(state.shipments.select(wanted)?, request)))
    }
}
