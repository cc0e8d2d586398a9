//! Address books, the tariff and parcels.

use async_trait::async_trait;

use super::MemoryStore;
use super::paging::page;
use super::state::{Judged, State, change_plain, never_deleted};
use crate::batch::{Batch, Change, Conflict, Entity, Unique, Write};
use crate::id::{AddressId, MethodId, OrderId, ShipmentId, UserId, ZoneId};
use crate::page::{Page, PageRequest};
use crate::shipping::{
    Method, SavedAddress, Shipment, ShipmentFilter, ShippingRepository, ShippingSort, ShippingWrite, Zone,
};
use crate::store::StoreResult;

impl State {
    pub(super) fn write_shipping(&mut self, write: &ShippingWrite) -> Judged {
        match write {
            ShippingWrite::Address(address) => change_plain(&mut self.addresses, &mut self.uniques, address),
            ShippingWrite::Zone(zone) => {
                change_plain(&mut self.zones, &mut self.uniques, zone)?;
                match zone {
                    Change::Delete { id, .. } if self.methods.values().any(|method| method.zone_id.0 == *id) => {
                        Err(Conflict::InUse(Entity::Zone, *id).into())
                    }
                    _ => Ok(()),
                }
            }
            ShippingWrite::Method(method) => {
                change_plain(&mut self.methods, &mut self.uniques, method)?;
                match method {
                    Change::Insert(row) | Change::Update(row) if !self.zones.contains(&row.zone_id.0) => {
                        Err(Conflict::Stale(Entity::Zone, row.zone_id.0).into())
                    }
                    _ => Ok(()),
                }
            }
            ShippingWrite::Shipment(shipment) => {
                never_deleted(shipment)?;
                change_plain(&mut self.shipments, &mut self.uniques, shipment)
            }
        }
    }

    /// At most one default address for everybody whose addresses the batch wrote.
    pub(super) fn judge_default_addresses(&self, batch: &Batch) -> Judged {
        let written = batch.writes.iter().filter_map(|write| match write {
            Write::Shipping(ShippingWrite::Address(Change::Insert(row) | Change::Update(row))) => Some(row.user_id),
            _ => None,
        });
        for user in written {
            if self.default_addresses(user).count() > 1 {
                return Err(Conflict::Exists(Unique::DefaultAddress).into());
            }
        }
        Ok(())
    }

    fn default_addresses(&self, user: UserId) -> impl Iterator<Item = &SavedAddress> {
        self.addresses.values().filter(move |address| address.user_id == user && address.is_default)
    }
}

#[async_trait]
impl ShippingRepository for MemoryStore {
    async fn address(&self, id: AddressId) -> StoreResult<Option<SavedAddress>> {
        Ok(self.read().addresses.get(&id.0).cloned())
    }

    async fn default_address(&self, user: UserId) -> StoreResult<Option<SavedAddress>> {
        Ok(self.read().default_addresses(user).next().cloned())
    }

    async fn list_addresses(
        &self,
        user: UserId,
        request: &PageRequest<ShippingSort>,
    ) -> StoreResult<Page<SavedAddress>> {
        let state = self.read();
        Ok(page(state.addresses.values().filter(|address| address.user_id == user).cloned(), request))
    }

    async fn zone(&self, id: ZoneId) -> StoreResult<Option<Zone>> {
        Ok(self.read().zones.get(&id.0).cloned())
    }

    async fn list_zones(&self, request: &PageRequest<ShippingSort>) -> StoreResult<Page<Zone>> {
        Ok(page(self.read().zones.values().cloned(), request))
    }

    async fn tariff(&self) -> StoreResult<(Vec<Zone>, Vec<Method>)> {
        let state = self.read();
        Ok((state.zones.values().cloned().collect(), state.methods.values().cloned().collect()))
    }

    async fn method(&self, id: MethodId) -> StoreResult<Option<(Method, Zone)>> {
        let state = self.read();
        let method = state.methods.get(&id.0);
        Ok(method.and_then(|method| Some((method.clone(), state.zones.get(&method.zone_id.0)?.clone()))))
    }

    async fn list_methods(
        &self,
        active: Option<bool>,
        request: &PageRequest<ShippingSort>,
    ) -> StoreResult<Page<Method>> {
        let state = self.read();
        let wanted = state.methods.values().filter(|method| active.is_none_or(|active| method.active == active));
        Ok(page(wanted.cloned(), request))
    }

    async fn shipment(&self, id: ShipmentId) -> StoreResult<Option<Shipment>> {
        Ok(self.read().shipments.get(&id.0).cloned())
    }

    async fn shipment_by_tracking_number(&self, number: &str) -> StoreResult<Option<Shipment>> {
        let state = self.read();
        let mut newest_first = state.shipments.values().rev();
        Ok(newest_first.find(|shipment| shipment.tracking_number.as_deref() == Some(number)).cloned())
    }

    async fn shipments_of_orders(&self, orders: &[OrderId]) -> StoreResult<Vec<Shipment>> {
        let state = self.read();
        Ok(state.shipments.values().filter(|shipment| orders.contains(&shipment.order_id)).cloned().collect())
    }

    async fn list_shipments(
        &self,
        filter: &ShipmentFilter,
        request: &PageRequest<ShippingSort>,
    ) -> StoreResult<Page<Shipment>> {
        let wanted = |shipment: &&Shipment| {
            filter.order_id.is_none_or(|order| shipment.order_id == order)
                && filter.status.is_none_or(|status| shipment.status == status)
        };
        Ok(page(self.read().shipments.values().filter(wanted).cloned(), request))
    }
}
