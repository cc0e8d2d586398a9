//! Address books, the tariff and parcels.

use shop_core::batch::{Change, Conflict, Entity};
use shop_core::shipping::{Method, SavedAddress, Shipment, ShippingWrite, Zone};

use super::plain::{Applied, Plain};
use super::table::{Record, Table};
use super::value::{Kind, Row};
use shop_core::word::Word as _;

pub(super) static ADDRESSES: Table = Table {
    name: "addresses",
    columns: &[
        ("id", Kind::Id),
        ("user_id", Kind::Id),
        ("address", Kind::Json),
        ("is_default", Kind::Flag),
        ("created_at", Kind::Time),
        ("updated_at", Kind::Time),
        ("version", Kind::Int),
    ],
    key: 1,
    uniques: &[],
    counted: &[],
};

impl Record for SavedAddress {
    const TABLE: &'static Table = &ADDRESSES;

    fn put(&self, row: &mut Row) {
        row.id(self.id).id(self.user_id).json(&self.address).flag(self.is_default).time(self.created_at);
        row.time(self.updated_at).int(self.version);
    }
}

pub(super) static ZONES: Table = Table {
    name: "zones",
    columns: &[
        ("id", Kind::Id),
        ("name", Kind::Text),
        ("countries", Kind::Json),
        ("created_at", Kind::Time),
        ("version", Kind::Int),
    ],
    key: 1,
    uniques: &[],
    counted: &[],
};

impl Record for Zone {
    const TABLE: &'static Table = &ZONES;

    fn put(&self, row: &mut Row) {
        row.id(self.id).text(&self.name).json(&self.countries).time(self.created_at).int(self.version);
    }
}

pub(super) static METHODS: Table = Table {
    name: "methods",
    columns: &[
        ("id", Kind::Id),
        ("name", Kind::Text),
        ("zone_id", Kind::Id),
        ("carrier", Kind::Text),
        ("currency", Kind::Text),
        ("rate", Kind::Json),
        ("free_over", Kind::Int),
        ("min_days", Kind::Int),
        ("max_days", Kind::Int),
        ("active", Kind::Flag),
        ("created_at", Kind::Time),
        ("version", Kind::Int),
    ],
    key: 1,
    uniques: &[],
    counted: &[],
};

impl Record for Method {
    const TABLE: &'static Table = &METHODS;

    fn put(&self, row: &mut Row) {
        row.id(self.id).text(&self.name).id(self.zone_id).optional_text(self.carrier.as_deref());
        row.text(self.currency.code()).json(&self.rate).optional_int(self.free_over.map(|amount| amount.0));
        row.optional_int(self.min_days).optional_int(self.max_days).flag(self.active).time(self.created_at);
        row.int(self.version);
    }
}

pub(super) static SHIPMENTS: Table = Table {
    name: "shipments",
    columns: &[
        ("id", Kind::Id),
        ("order_id", Kind::Id),
        ("items", Kind::Json),
        ("carrier", Kind::Text),
        ("tracking_number", Kind::Text),
        ("status", Kind::Text),
        ("events", Kind::Json),
        ("created_at", Kind::Time),
        ("shipped_at", Kind::Time),
        ("delivered_at", Kind::Time),
        ("version", Kind::Int),
        ("tracking_key", Kind::Text),
    ],
    key: 1,
    uniques: &[],
    counted: &[],
};

impl Record for Shipment {
    const TABLE: &'static Table = &SHIPMENTS;

    fn put(&self, row: &mut Row) {
        row.id(self.id).id(self.order_id).json(&self.items).optional_text(self.carrier.as_deref());
        row.optional_text(self.tracking_number.as_deref()).text(self.status.word()).json(&self.events);
        row.time(self.created_at).optional_time(self.shipped_at).optional_time(self.delivered_at).int(self.version);
        row.optional_text(self.tracking_key().as_deref());
    }
}

/// Applies a write of shipping.
pub(super) async fn apply(plain: &mut Plain<'_>, write: &ShippingWrite) -> Applied {
    match write {
        ShippingWrite::Address(change) => plain.change(change, true).await,
        ShippingWrite::Zone(change) => {
            if let Change::Delete { id, version } = change
                && plain.has_version::<Zone>(*id, *version).await?
                && plain.exists("SELECT 1 FROM methods WHERE zone_id = $1", (*id,)).await?
            {
                return Err(Conflict::InUse(Entity::Zone, *id).into());
            }
            plain.change(change, true).await
        }
        ShippingWrite::Method(change) => {
            if let Change::Insert(method) | Change::Update(method) = change {
                // The foreign key would end the transaction. The zone was locked before, if it was there; a method that
                // is refused itself is named first.
                if !plain.exists("SELECT 1 FROM zones WHERE id = $1", (method.zone_id.0,)).await? {
                    plain.judge(change).await?;
                    return Err(Conflict::Stale(Entity::Zone, method.zone_id.0).into());
                }
            }
            plain.change(change, true).await
        }
        ShippingWrite::Shipment(change) => plain.change(change, false).await,
    }
}
