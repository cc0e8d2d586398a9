//! Address books, shipping rates and shipments.

use async_trait::async_trait;
use rusqlite::params;
use rusqlite::types::Value;
use shop_core::batch::{Change, Conflict, Entity};
use shop_core::id::{AddressId, MethodId, OrderId, ShipmentId, UserId, ZoneId};
use shop_core::page::{Page, PageRequest};
use shop_core::shipping::{Method, SavedAddress, Shipment, ShipmentFilter, ShippingRepository, ShippingSort, Zone};
use shop_core::store::StoreResult;
use shop_core::string_enum::StringEnum as _;
use uuid::Uuid;

use crate::SqliteStore;
use crate::commit::{ApplyError, ApplyResult};
use crate::encoded::EncodedWrite;
use crate::list_counts::CountChanges;
use crate::paging::{ListQuery, QueryBuilder};
use crate::record::{self, Changed, record};
use crate::rows::Id;
use crate::write_connection::WriteConnection;

record!(SavedAddress, fixed: ["user_id", "created_at"]);

record!(Zone);

record!(Method);

record!(Shipment, fixed: ["order_id", "created_at", "tracking_key"]);

impl Changed for SavedAddress {}
impl Changed for Shipment {}

impl Changed for Zone {
    fn apply(
        connection: &WriteConnection<'_>,
        _tally: &mut CountChanges,
        change: &Change<Self>,
        encoded: &EncodedWrite,
    ) -> ApplyResult {
        match change {
            Change::Delete { id, version } => delete_zone(connection, *id, *version),
            _ => record::change(connection, change, encoded),
        }
    }
}

impl Changed for Method {
    fn apply(
        connection: &WriteConnection<'_>,
        _tally: &mut CountChanges,
        change: &Change<Self>,
        encoded: &EncodedWrite,
    ) -> ApplyResult {
        match (record::change(connection, change, encoded), change) {
            (Err(ApplyError::Sql(error)), Change::Insert(method) | Change::Update(method))
                if record::is_dangling(&error) =>
            {
                Err(Conflict::Stale(Entity::Zone, method.zone_id.0).into())
            }
            (done, _) => done,
        }
    }
}

fn delete_zone(connection: &WriteConnection<'_>, zone: Uuid, version: i64) -> ApplyResult {
    if record::version_of::<Zone>(connection, zone)? == Some(version)
        && record::exists(connection, "SELECT 1 FROM methods WHERE zone_id = ?1", [Id(zone)])?
    {
        return Err(Conflict::InUse(Entity::Zone, zone).into());
    }
    record::delete::<Zone>(connection, zone, version)
}

/// The user whose address book a change could leave with two defaults.
pub(crate) fn owner(change: &Change<SavedAddress>) -> Option<UserId> {
    match change {
        Change::Insert(address) | Change::Update(address) => Some(address.user_id),
        Change::Delete { .. } => None,
    }
}

/// The number of default addresses of a user.
pub(crate) fn default_addresses(connection: &WriteConnection<'_>, user: UserId) -> rusqlite::Result<i64> {
    connection.run("SELECT count(*) FROM addresses WHERE user_id = ?1 AND is_default = 1", |statement| {
        statement.query_row([Id(user.0)], |row| row.get(0))
    })
}

macro_rules! list {
    ($row:ty, $table:literal) => {
        ListQuery {
            columns: record::columns::<$row>().to_owned(),
            key: |key| match key {
                ShippingSort::CreatedAt => Some(concat!($table, ".created_at")),
            },
            id: concat!($table, ".id"),
            read: record::whole::<$row>,
        }
    };
}

#[async_trait]
impl ShippingRepository for SqliteStore {
    async fn address(&self, id: AddressId) -> StoreResult<Option<SavedAddress>> {
        self.readers().point(|connection| record::lookup(connection, id))
    }

    async fn default_address(&self, user: UserId) -> StoreResult<Option<SavedAddress>> {
        self.readers()
            .point(|connection| record::find(connection, "WHERE user_id = ?1 AND is_default = 1", [Id(user.0)]))
    }

    async fn list_addresses(&self, user: UserId, page: &PageRequest<ShippingSort>) -> StoreResult<Page<SavedAddress>> {
        let mut query = QueryBuilder::from("addresses");
        query.filter("addresses.user_id = ?", Some(user.0.as_bytes().to_vec()));
        let page = page.clone();
        self.readers()
            .list(move |connection| {
                let list = list!(SavedAddress, "addresses");
                list.page(connection, query, &page)
            })
            .await
    }

    async fn zone(&self, id: ZoneId) -> StoreResult<Option<Zone>> {
        self.readers().point(|connection| record::lookup(connection, id))
    }

    async fn list_zones(&self, page: &PageRequest<ShippingSort>) -> StoreResult<Page<Zone>> {
        let page = page.clone();
        self.readers()
            .list(move |connection| {
                let list = list!(Zone, "zones");
                list.page(connection, QueryBuilder::from("zones"), &page)
            })
            .await
    }

    async fn shipping_rates(&self) -> StoreResult<(Vec<Zone>, Vec<Method>)> {
        // On the caller's thread: only a few rows, read whenever a cart's shipping options are shown.
        self.readers().snapshot(|connection| {
            let zones = record::select(connection, "ORDER BY id", [])?;
            Ok((zones, record::select(connection, "ORDER BY id", [])?))
        })
    }

    async fn method(&self, id: MethodId) -> StoreResult<Option<(Method, Zone)>> {
        self.readers().snapshot(|connection| {
            let Some(method) = record::lookup::<Method>(connection, id)? else { return Ok(None) };
            Ok(record::lookup(connection, method.zone_id)?.map(|zone| (method, zone)))
        })
    }

    async fn list_methods(&self, active: Option<bool>, page: &PageRequest<ShippingSort>) -> StoreResult<Page<Method>> {
        let mut query = QueryBuilder::from("methods");
        query.filter("methods.active = ?", active);
        let page = page.clone();
        self.readers()
            .list(move |connection| {
                let list = list!(Method, "methods");
                list.page(connection, query, &page)
            })
            .await
    }

    async fn shipment(&self, id: ShipmentId) -> StoreResult<Option<Shipment>> {
        self.readers().point(|connection| record::lookup(connection, id))
    }

    async fn shipments_by_tracking_key(&self, key: &str, limit: u32) -> StoreResult<Vec<Shipment>> {
        self.readers().point(|connection| {
            record::select(connection, "WHERE tracking_key = ?1 ORDER BY id DESC LIMIT ?2", params![key, limit])
        })
    }

    async fn shipments_of_orders(&self, orders: &[OrderId]) -> StoreResult<Vec<Shipment>> {
        self.readers().snapshot(|connection| {
            let mut found: Vec<Shipment> = Vec::new();
            for order in orders {
                found.extend(record::select::<Shipment>(connection, "WHERE order_id = ?1", [Id(order.0)])?);
            }
            found.sort_by_key(|shipment| shipment.id);
            found.dedup_by_key(|shipment| shipment.id);
            Ok(found)
        })
    }

    async fn list_shipments(
        &self,
        filter: &ShipmentFilter,
        page: &PageRequest<ShippingSort>,
    ) -> StoreResult<Page<Shipment>> {
        let mut query = QueryBuilder::from("shipments");
        query.filter("shipments.order_id = ?", filter.order_id.map(|order| order.0.as_bytes().to_vec()));
        query.filter("shipments.status = ?", filter.status.map(|status| Value::Text(status.as_str().to_owned())));
        let page = page.clone();
        self.readers()
            .list(move |connection| {
                let list = list!(Shipment, "shipments");
                list.page(connection, query, &page)
            })
            .await
    }
}
