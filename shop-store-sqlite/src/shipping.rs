//! Address books, the tariff and parcels.

use std::sync::LazyLock;

use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{Connection, params};
use shop_core::batch::{Change, Conflict, Entity};
use shop_core::id::{AddressId, MethodId, OrderId, ShipmentId, UserId, ZoneId};
use shop_core::page::{Page, PageRequest};
use shop_core::shipping::{
    Method, SavedAddress, Shipment, ShipmentFilter, ShippingRepository, ShippingSort, ShippingWrite, Zone,
};
use shop_core::store::StoreResult;
use shop_core::word::Word as _;
use uuid::Uuid;

use crate::SqliteStore;
use crate::commit::{Applied, Failure};
use crate::paging::{List, Query};
use crate::record::{self, Record, Shape, Table};
use crate::rows::{Columns, Id, Values, at, id, optional_at, prepare};

static ADDRESSES: LazyLock<Table> = LazyLock::new(|| {
    Table::new(Shape {
        name: "addresses",
        columns: &["id", "user_id", "address", "is_default", "created_at", "updated_at", "version"],
        derived: &[],
        fixed: &["user_id", "created_at"],
        uniques: &[],
        deletable: true,
    })
});

impl Record for SavedAddress {
    fn table() -> &'static Table {
        &ADDRESSES
    }

    fn write(&self, values: &mut Values<'_, '_>) -> rusqlite::Result<()> {
        values.put(id(self.id))?.put(id(self.user_id))?.json(&self.address)?.put(self.is_default)?;
        values.put(at(self.created_at))?.put(at(self.updated_at))?.put(self.version)?;
        Ok(())
    }

    fn read(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: columns.id()?,
            user_id: columns.id()?,
            address: columns.json()?,
            is_default: columns.take()?,
            created_at: columns.at()?,
            updated_at: columns.at()?,
            version: columns.take()?,
        })
    }
}

static ZONES: LazyLock<Table> = LazyLock::new(|| {
    Table::new(Shape {
        name: "zones",
        columns: &["id", "name", "countries", "created_at", "version"],
        derived: &[],
        fixed: &[],
        uniques: &[],
        deletable: true,
    })
});

impl Record for Zone {
    fn table() -> &'static Table {
        &ZONES
    }

    fn write(&self, values: &mut Values<'_, '_>) -> rusqlite::Result<()> {
        values.put(id(self.id))?.put(&self.name)?.json(&self.countries)?;
        values.put(at(self.created_at))?.put(self.version)?;
        Ok(())
    }

    fn read(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: columns.id()?,
            name: columns.take()?,
            countries: columns.json()?,
            created_at: columns.at()?,
            version: columns.take()?,
        })
    }
}

static METHODS: LazyLock<Table> = LazyLock::new(|| {
    Table::new(Shape {
        name: "methods",
        columns: &[
            "id",
            "name",
            "zone_id",
            "carrier",
            "currency",
            "rate",
            "free_over",
            "min_days",
            "max_days",
            "active",
            "created_at",
            "version",
        ],
        derived: &[],
        fixed: &[],
        uniques: &[],
        deletable: true,
    })
});

impl Record for Method {
    fn table() -> &'static Table {
        &METHODS
    }

    fn write(&self, values: &mut Values<'_, '_>) -> rusqlite::Result<()> {
        values.put(id(self.id))?.put(&self.name)?.put(id(self.zone_id))?.put(&self.carrier)?;
        values.put(self.currency.code())?.json(&self.rate)?.put(self.free_over.map(|amount| amount.0))?;
        values.put(self.min_days)?.put(self.max_days)?.put(self.active)?;
        values.put(at(self.created_at))?.put(self.version)?;
        Ok(())
    }

    fn read(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: columns.id()?,
            name: columns.take()?,
            zone_id: columns.id()?,
            carrier: columns.take()?,
            currency: columns.currency()?,
            rate: columns.json()?,
            free_over: columns.optional_amount()?,
            min_days: columns.take()?,
            max_days: columns.take()?,
            active: columns.take()?,
            created_at: columns.at()?,
            version: columns.take()?,
        })
    }
}

static SHIPMENTS: LazyLock<Table> = LazyLock::new(|| {
    Table::new(Shape {
        name: "shipments",
        columns: &[
            "id",
            "order_id",
            "items",
            "carrier",
            "tracking_number",
            "status",
            "events",
            "created_at",
            "shipped_at",
            "delivered_at",
            "version",
        ],
        derived: &["tracking_key"],
        fixed: &["order_id", "created_at", "tracking_key"],
        uniques: &[],
        deletable: false,
    })
});

impl Record for Shipment {
    fn table() -> &'static Table {
        &SHIPMENTS
    }

    fn write(&self, values: &mut Values<'_, '_>) -> rusqlite::Result<()> {
        values.put(id(self.id))?.put(id(self.order_id))?.json(&self.items)?.put(&self.carrier)?;
        values.put(&self.tracking_number)?.put(self.status.word())?.json(&self.events)?;
        values.put(at(self.created_at))?.put(optional_at(self.shipped_at))?;
        values.put(optional_at(self.delivered_at))?.put(self.version)?.put(self.tracking_key())?;
        Ok(())
    }

    fn read(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: columns.id()?,
            order_id: columns.id()?,
            items: columns.json()?,
            carrier: columns.take()?,
            tracking_number: columns.take()?,
            status: columns.word()?,
            events: columns.json()?,
            created_at: columns.at()?,
            shipped_at: columns.optional_at()?,
            delivered_at: columns.optional_at()?,
            version: columns.take()?,
        })
    }
}

/// Applies a write of shipping.
pub(crate) fn apply(connection: &Connection, write: &ShippingWrite) -> Applied {
    match write {
        ShippingWrite::Address(change) => record::change(connection, change, &[]),
        ShippingWrite::Zone(Change::Delete { id, version }) => delete_zone(connection, *id, *version),
        ShippingWrite::Zone(change) => record::change(connection, change, &[]),
        ShippingWrite::Method(change) => {
            let done = record::change(connection, change, &[]);
            match (done, change) {
                (Err(Failure::Sql(error)), Change::Insert(method) | Change::Update(method))
                    if record::is_dangling(&error) =>
                {
                    Err(Conflict::Stale(Entity::Zone, method.zone_id.0).into())
                }
                (done, _) => done,
            }
        }
        ShippingWrite::Shipment(change) => record::change(connection, change, &[]),
    }
}

fn delete_zone(connection: &Connection, zone: Uuid, version: i64) -> Applied {
    if record::version_of::<Zone>(connection, zone)? == Some(version)
        && record::exists(connection, "SELECT 1 FROM methods WHERE zone_id = ?1", [Id(zone)])?
    {
        return Err(Conflict::InUse(Entity::Zone, zone).into());
    }
    record::delete::<Zone>(connection, zone, version)
}

/// Whose address book a change could leave with two defaults.
pub(crate) fn owner(change: &Change<SavedAddress>) -> Option<UserId> {
    match change {
        Change::Insert(address) | Change::Update(address) => Some(address.user_id),
        Change::Delete { .. } => None,
    }
}

/// How many default addresses a person has.
pub(crate) fn default_addresses(connection: &Connection, user: UserId) -> rusqlite::Result<i64> {
    prepare(connection, "SELECT count(*) FROM addresses WHERE user_id = ?1 AND is_default = 1")?
        .query_row([Id(user.0)], |row| row.get(0))
}

macro_rules! list {
    ($table:literal, $columns:expr) => {
        List {
            columns: $columns.columns().to_owned(),
            key: |key| match key {
                ShippingSort::CreatedAt => Some(concat!($table, ".created_at")),
            },
            id: concat!($table, ".id"),
            read: record::whole,
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
        let mut query = Query::from("addresses");
        query.filter("addresses.user_id = ?", Some(user.0.as_bytes().to_vec()));
        let page = page.clone();
        self.readers()
            .list(move |connection| {
                let list: List<_, SavedAddress> = list!("addresses", ADDRESSES);
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
                let list: List<_, Zone> = list!("zones", ZONES);
                list.page(connection, Query::from("zones"), &page)
            })
            .await
    }

    async fn tariff(&self) -> StoreResult<(Vec<Zone>, Vec<Method>)> {
        // On the caller's thread: a handful of rows, read at every look at a cart's shipping options.
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
        let mut query = Query::from("methods");
        query.filter("methods.active = ?", active);
        let page = page.clone();
        self.readers()
            .list(move |connection| {
                let list: List<_, Method> = list!("methods", METHODS);
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
        let mut query = Query::from("shipments");
        query.filter("shipments.order_id = ?", filter.order_id.map(|order| order.0.as_bytes().to_vec()));
        query.filter("shipments.status = ?", filter.status.map(|status| Value::Text(status.word().to_owned())));
        let page = page.clone();
        self.readers()
            .list(move |connection| {
                let list: List<_, Shipment> = list!("shipments", SHIPMENTS);
                list.page(connection, query, &page)
            })
            .await
    }
}
