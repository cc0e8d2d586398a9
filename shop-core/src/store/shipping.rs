//! Reads of shipping rates, address books and shipments.

use async_trait::async_trait;

use crate::id::{AddressId, MethodId, OrderId, ShipmentId, UserId, ZoneId};
use crate::model::shipping::{Method, SavedAddress, Shipment, ShipmentFilter, ShippingSort, Zone};
use crate::page::{Page, PageRequest};
use crate::store::StoreResult;

/// Reads of shipping.
///
/// # Contract
/// Every read sees all commits that finished before it began.
#[async_trait]
pub trait ShippingRepository: Send + Sync {
    /// The address with this id, of any user.
    async fn address(&self, id: AddressId) -> StoreResult<Option<SavedAddress>>;
    /// The default address of a user.
    async fn default_address(&self, user: UserId) -> StoreResult<Option<SavedAddress>>;
    /// A page of a user's address book.
    async fn list_addresses(&self, user: UserId, page: &PageRequest<ShippingSort>) -> StoreResult<Page<SavedAddress>>;
    /// The zone with this id.
    async fn zone(&self, id: ZoneId) -> StoreResult<Option<Zone>>;
    /// A page of zones.
    async fn list_zones(&self, page: &PageRequest<ShippingSort>) -> StoreResult<Page<Zone>>;
    /// All zones and all methods, each oldest first, from one snapshot (a shop has few of them).
    async fn shipping_rates(&self) -> StoreResult<(Vec<Zone>, Vec<Method>)>;
    /// The method with this id, and its zone.
    async fn method(&self, id: MethodId) -> StoreResult<Option<(Method, Zone)>>;
    /// A page of methods, filtered by [`active`](Method::active) if given.
    async fn list_methods(&self, active: Option<bool>, page: &PageRequest<ShippingSort>) -> StoreResult<Page<Method>>;
    /// The shipment with this id.
    async fn shipment(&self, id: ShipmentId) -> StoreResult<Option<Shipment>>;
    /// The shipments with this [normalized tracking number](crate::shipping::tracking_key), newest first, at most
    /// `limit`.
    async fn shipments_by_tracking_key(&self, key: &str, limit: u32) -> StoreResult<Vec<Shipment>>;
    /// All shipments of these orders, oldest first across all orders.
    async fn shipments_of_orders(&self, orders: &[OrderId]) -> StoreResult<Vec<Shipment>>;
    /// A page of shipments.
    async fn list_shipments(
        &self,
        filter: &ShipmentFilter,
        page: &PageRequest<ShippingSort>,
    ) -> StoreResult<Page<Shipment>>;
}
