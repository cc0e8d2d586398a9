//! Address books, shipping rates and shipments. Every read is one statement, or two for a page by number that needs a
//! count.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use shop_core::id::{AddressId, MethodId, OrderId, ShipmentId, UserId, ZoneId};
use shop_core::page::{Page, PageRequest};
use shop_core::row::Source as _;
pub(crate) use shop_core::shipping::{Method, Shipment, Zone};
use shop_core::shipping::{SavedAddress, ShipmentFilter, ShippingRepository, ShippingSort};
use shop_core::store::StoreResult;
use shop_core::string_enum::StringEnum;
use uuid::Uuid;

use super::PostgresStore;
use super::paging::{QueryBuilder, by_creation};
use super::pool::Pool;
use super::read::{Loader, grouped};
use super::rows::{ColumnReader, ReadRow as _, StatementArguments, ids, is_one_of, is_storable, records, select};

/// Shipments by order.
pub(crate) fn shipments_by_order(pool: &Arc<Pool>) -> Loader<OrderId, Vec<Shipment>> {
    pool.loader(
        select::<Shipment>(&format!("WHERE {}", is_one_of("shipments.order_id"))),
        |asked| StatementArguments::new().put(ids(asked)),
        |rows, _| Ok(grouped(records::<Shipment>(rows)?.into_iter().map(|shipment| (shipment.order_id, shipment)))),
    )
}

/// All zones and all methods, each oldest first.
pub(crate) type ZonesAndMethods = (Vec<Zone>, Vec<Method>);

/// The shipping rates. There is no key, so concurrent callers share the next statement.
pub(crate) fn shipping_rates(pool: &Arc<Pool>) -> Loader<(), Arc<ZonesAndMethods>> {
    // In one statement, and therefore in one snapshot. A zone comes once per method; every method has a zone.
    let sql = format!(
        "SELECT {}, methods.id IS NOT NULL, {} FROM zones LEFT JOIN methods ON methods.zone_id = zones.id",
        Zone::columns(),
        Method::columns()
    );
    pool.loader(
        sql,
        |_| StatementArguments::new(),
        |rows, _| {
            let (mut zones, mut methods) = (BTreeMap::new(), BTreeMap::new());
            for row in rows {
                let mut columns = ColumnReader::new(row);
                let zone = Zone::read(&mut columns)?;
                zones.insert(zone.id, zone);
                if columns.take()? {
                    let method = Method::read(&mut columns)?;
                    methods.insert(method.id, method);
                }
            }
            Ok(vec![((), Arc::new((zones.into_values().collect(), methods.into_values().collect())))])
        },
    )
}

/// Methods by id, each with its zone: concurrent orders mostly ask for the same few.
pub(crate) fn methods_by_id(pool: &Arc<Pool>) -> Loader<MethodId, Arc<(Method, Zone)>> {
    let sql = format!(
        "SELECT {}, {} FROM methods JOIN zones ON zones.id = methods.zone_id WHERE {}",
        Method::columns(),
        Zone::columns(),
        is_one_of("methods.id")
    );
    pool.loader(
        sql,
        |asked| StatementArguments::new().put(ids(asked)),
        |rows, _| {
            let read = |row| {
                let mut columns = ColumnReader::new(row);
                let method = Method::read(&mut columns)?;
                Ok((method.id, Arc::new((method, Zone::read(&mut columns)?))))
            };
            rows.iter().map(read).collect()
        },
    )
}

#[async_trait]
impl ShippingRepository for PostgresStore {
    async fn address(&self, id: AddressId) -> StoreResult<Option<SavedAddress>> {
        self.pool.first("WHERE addresses.id = $1", StatementArguments::new().put(id.0)).await
    }

    async fn default_address(&self, user: UserId) -> StoreResult<Option<SavedAddress>> {
        self.pool
            .first("WHERE addresses.user_id = $1 AND addresses.is_default", StatementArguments::new().put(user.0))
            .await
    }

    async fn list_addresses(&self, user: UserId, page: &PageRequest<ShippingSort>) -> StoreResult<Page<SavedAddress>> {
        let mut query = QueryBuilder::from("addresses");
        query.filter("addresses.user_id = ?", Some(user.0));
        by_creation!(SavedAddress, "addresses").page(&self.pool, query, page).await
    }

    async fn zone(&self, id: ZoneId) -> StoreResult<Option<Zone>> {
        self.pool.first("WHERE zones.id = $1", StatementArguments::new().put(id.0)).await
    }

    async fn list_zones(&self, page: &PageRequest<ShippingSort>) -> StoreResult<Page<Zone>> {
        by_creation!(Zone, "zones").page(&self.pool, QueryBuilder::from("zones"), page).await
    }

    async fn shipping_rates(&self) -> StoreResult<(Vec<Zone>, Vec<Method>)> {
        Ok(self.loaders.shipping_rates.one(()).await?.map(Arc::unwrap_or_clone).unwrap_or_default())
    }

    async fn method(&self, id: MethodId) -> StoreResult<Option<(Method, Zone)>> {
        Ok(self.loaders.methods.one(id).await?.map(Arc::unwrap_or_clone))
    }

    async fn list_methods(&self, active: Option<bool>, page: &PageRequest<ShippingSort>) -> StoreResult<Page<Method>> {
        let mut query = QueryBuilder::from("methods");
        query.filter("methods.active = ?", active);
        by_creation!(Method, "methods").page(&self.pool, query, page).await
    }

    async fn shipment(&self, id: ShipmentId) -> StoreResult<Option<Shipment>> {
        self.pool.first("WHERE shipments.id = $1", StatementArguments::new().put(id.0)).await
    }

    async fn shipments_by_tracking_key(&self, key: &str, limit: u32) -> StoreResult<Vec<Shipment>> {
        if !is_storable(key) {
            return Ok(Vec::new());
        }
        let end = "WHERE shipments.tracking_key = $1 ORDER BY shipments.id DESC LIMIT $2";
        self.pool.all(end, StatementArguments::new().put(key).put(i64::from(limit))).await
    }

    async fn shipments_of_orders(&self, orders: &[OrderId]) -> StoreResult<Vec<Shipment>> {
        let found = self.loaders.shipments.many(orders.to_vec()).await?;
        let mut shipments: Vec<Shipment> = found.into_iter().flat_map(|(_, shipments)| shipments).collect();
        shipments.sort_by_key(|shipment| shipment.id);
        Ok(shipments)
    }

    async fn list_shipments(
        &self,
        filter: &ShipmentFilter,
        page: &PageRequest<ShippingSort>,
    ) -> StoreResult<Page<Shipment>> {
        let mut query = QueryBuilder::from("shipments");
        query.filter("shipments.order_id = ?", filter.order_id.map(Uuid::from));
        query.filter("shipments.status = ?", filter.status.map(StringEnum::as_str));
        by_creation!(Shipment, "shipments").page(&self.pool, query, page).await
    }
}
