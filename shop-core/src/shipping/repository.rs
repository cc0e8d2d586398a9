//! What shipping reads and writes.

use async_trait::async_trait;

use super::model::{Method, SavedAddress, Shipment, ShipmentFilter, ShippingSort, Zone};
use crate::batch::Change;
use crate::id::{AddressId, MethodId, OrderId, ShipmentId, UserId, ZoneId};
use crate::page::{Page, PageRequest};
use crate::store::StoreResult;

/// Reads of shipping.
///
/// # Contract
/// Every read sees all that was committed before it began.
#[async_trait]
pub trait ShippingRepository: Send + Sync {
    /// The address with this id, whoever's it is.
    async fn address(&self, id: AddressId) -> StoreResult<Option<SavedAddress>>;
    /// The default address of a person.
    async fn default_address(&self, user: UserId) -> StoreResult<Option<SavedAddress>>;
    /// The address book of a person.
    async fn list_addresses(&self, user: UserId, page: &PageRequest<ShippingSort>) -> StoreResult<Page<SavedAddress>>;
    /// The zone with this id.
    async fn zone(&self, id: ZoneId) -> StoreResult<Option<Zone>>;
    /// The zones of a list.
    async fn list_zones(&self, page: &PageRequest<ShippingSort>) -> StoreResult<Page<Zone>>;
    /// Every zone and every method, each oldest first, from one snapshot (a shop has few): the whole tariff.
    async fn tariff(&self) -> StoreResult<(Vec<Zone>, Vec<Method>)>;
    /// The method with this id, and its zone.
    async fn method(&self, id: MethodId) -> StoreResult<Option<(Method, Zone)>>;
    /// The methods of a list; `active` leaves out those that are not (or those that are).
    async fn list_methods(&self, active: Option<bool>, page: &PageRequest<ShippingSort>) -> StoreResult<Page<Method>>;
    /// The parcel with this id.
    async fn shipment(&self, id: ShipmentId) -> StoreResult<Option<Shipment>>;
    /// The shipments whose number [is compared as](super::tracking_key) this, the newest first, at most `limit`.
    async fn shipments_by_tracking_key(&self, key: &str, limit: u32) -> StoreResult<Vec<Shipment>>;
    /// Every parcel of these orders, oldest first over all of them.
    async fn shipments_of_orders(&self, orders: &[OrderId]) -> StoreResult<Vec<Shipment>>;
    /// The parcels of a list.
    async fn list_shipments(
        &self,
        filter: &ShipmentFilter,
        page: &PageRequest<ShippingSort>,
    ) -> StoreResult<Page<Shipment>>;
}
