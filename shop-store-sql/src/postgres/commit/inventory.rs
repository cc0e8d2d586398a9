//! Locations, stock levels, the ledger and reservations.

use shop_core::batch::{Change, Conflict, Entity, Unique};
use shop_core::inventory::{InventoryWrite, Location, Movement, Reservation, StockLevel, StockSettings};
use uuid::Uuid;

use super::part::Part;
use super::plain::{Applied, Plain};
use super::stock::Sum;
use super::table::{Record, Table};
use super::value::{Kind, Row};
use shop_core::word::Word as _;

pub(super) static LOCATIONS: Table = Table {
    name: "locations",
    columns: &[
        ("id", Kind::Id),
        ("name", Kind::Text),
        ("code", Kind::Text),
        ("country", Kind::Text),
        ("priority", Kind::Int),
        ("is_default", Kind::Flag),
        ("created_at", Kind::Time),
        ("version", Kind::Int),
    ],
    key: 1,
    uniques: &[(Unique::LocationCode, "old.code = new.code")],
    counted: &[],
};

impl Record for Location {
    const TABLE: &'static Table = &LOCATIONS;

    fn put(&self, row: &mut Row) {
        row.id(self.id).text(&self.name).text(&self.code).optional_text(self.country.as_deref()).int(self.priority);
        row.flag(self.is_default).time(self.created_at).int(self.version);
    }
}

pub(super) static LEVELS: Table = Table {
    name: "stock_levels",
    columns: &[
        ("variant_id", Kind::Id),
        ("location_id", Kind::Id),
        ("product_id", Kind::Id),
        ("sku", Kind::Text),
        ("on_hand", Kind::Int),
        ("reserved", Kind::Int),
        ("low_stock_threshold", Kind::Int),
        ("tracked", Kind::Flag),
        ("backorder", Kind::Flag),
        ("backordered", Kind::Int),
    ],
    key: 2,
    uniques: &[],
    counted: &[],
};

/// The row of a level.
pub(super) fn level(level: &StockLevel) -> Row {
    let mut row = Row::default();
    row.id(level.variant_id).id(level.location_id).id(level.product_id).text(&level.sku).int(level.on_hand);
    row.int(level.reserved).int(level.low_stock_threshold).flag(level.tracked).flag(level.backorder);
    row.int(level.backordered);
    row
}

pub(super) static MOVEMENTS: Table = Table {
    name: "movements",
    columns: &[
        ("id", Kind::Id),
        ("variant_id", Kind::Id),
        ("sku", Kind::Text),
        ("location_id", Kind::Id),
        ("delta", Kind::Int),
        ("reason", Kind::Text),
        ("note", Kind::Text),
        ("order_id", Kind::Id),
        ("created_at", Kind::Time),
    ],
    key: 1,
    uniques: &[],
    counted: &["location_id"],
};

/// The row of an entry of the ledger.
pub(super) fn movement(movement: &Movement) -> Row {
    let mut row = Row::default();
    row.id(movement.id).id(movement.variant_id).text(&movement.sku).id(movement.location_id).int(movement.delta);
    row.text(movement.reason.word()).text(&movement.note).optional_id(movement.order_id).time(movement.created_at);
    row
}

pub(super) static RESERVATIONS: Table = Table {
    name: "reservations",
    columns: &[
        ("id", Kind::Id),
        ("order_id", Kind::Id),
        ("order_item_id", Kind::Id),
        ("variant_id", Kind::Id),
        ("sku", Kind::Text),
        ("location_id", Kind::Id),
        ("quantity", Kind::Int),
        ("remaining", Kind::Int),
        ("status", Kind::Text),
        ("created_at", Kind::Time),
        ("version", Kind::Int),
    ],
    key: 1,
    uniques: &[],
    counted: &[],
};

impl Record for Reservation {
    const TABLE: &'static Table = &RESERVATIONS;

    fn put(&self, row: &mut Row) {
        row.id(self.id).id(self.order_id).id(self.order_item_id).id(self.variant_id).text(&self.sku);
        row.id(self.location_id).int(self.quantity).int(self.remaining).text(self.status.word());
        row.time(self.created_at).int(self.version);
    }
}

/// Applies a write of inventory.
pub(super) async fn apply(plain: &mut Plain<'_>, write: &InventoryWrite) -> Applied {
    match write {
        InventoryWrite::Location(change) => {
            if let Change::Delete { id, version } = change {
                empty_location(plain, *id, *version).await?;
            }
            plain.change(change, true).await
        }
        InventoryWrite::InsertLevel(new) => insert_level(plain, new).await,
        InventoryWrite::Delta(delta) => {
            match plain
                .run(Part::ChangeLevels, vec![Sum::of(delta).row(delta.variant_id.0, delta.location_id.0)])
                .await?
            {
                0 => Ok(()),
                _ => Err(Conflict::Stock(delta.variant_id, Some(delta.location_id)).into()),
            }
        }
        InventoryWrite::Settings(settings) => apply_settings(plain, settings).await,
        InventoryWrite::Movement(entry) => {
            plain.insert_unless(Part::InsertMovements, movement(entry), Unique::OtherId).await?;
            let location = entry.location_id.0.simple().to_string();
            plain.counts(MOVEMENTS.name, [location, String::new(), String::new()], 1);
            Ok(())
        }
        InventoryWrite::Reservation(change) => plain.change(change, false).await,
    }
}

/// The levels of a location that goes are empty, and go first.
async fn empty_location(plain: &mut Plain<'_>, location: Uuid, version: i64) -> Applied {
    if !plain.has_version::<Location>(location, version).await? {
        return Err(Conflict::Stale(Entity::Location, location).into());
    }
    let filled = "SELECT 1 FROM stock_levels WHERE location_id = $1 AND (on_hand <> 0 OR reserved <> 0)";
    if plain.exists(filled, (location,)).await? {
        return Err(Conflict::InUse(Entity::Location, location).into());
    }
    // The levels are empty, but what needs no stock was sold from them.
    let gone = "DELETE FROM stock_levels WHERE location_id = $1 RETURNING variant_id";
    let gone = plain.ids(gone, (location,)).await?;
    plain.touched.variants.extend(gone);
    Ok(())
}

async fn insert_level(plain: &mut Plain<'_>, new: &StockLevel) -> Applied {
    let key = (new.variant_id.0, new.location_id.0);
    let there = "SELECT 1 FROM stock_levels WHERE variant_id = $1 AND location_id = $2";
    // The foreign key would end the transaction; the location was locked before, if it was there.
    if !plain.exists("SELECT 1 FROM locations WHERE id = $1", (new.location_id.0,)).await? {
        let taken = plain.exists(there, key).await?;
        let nowhere = Conflict::Stale(Entity::Location, new.location_id.0);
        return Err(if taken { Conflict::Exists(Unique::StockLevel) } else { nowhere }.into());
    }
    plain.touched.variants.insert(new.variant_id.0);
    plain.insert_unless(Part::InsertLevels, level(new), Unique::StockLevel).await
}

async fn apply_settings(plain: &mut Plain<'_>, settings: &StockSettings) -> Applied {
    let (variant, location) = (settings.variant_id.0, settings.location_id.map(Uuid::from));
    let sql = "UPDATE stock_levels SET low_stock_threshold = coalesce($3, low_stock_threshold),
            tracked = coalesce($4, tracked), backorder = coalesce($5, backorder)
        WHERE variant_id = $1 AND ($2::uuid IS NULL OR location_id = $2)";
    let changed = plain
        .execute(sql, (variant, location, settings.low_stock_threshold, settings.tracked, settings.backorder))
        .await?;
    let oversold = "SELECT 1 FROM stock_levels WHERE variant_id = $1 AND ($2::uuid IS NULL OR location_id = $2)
        AND tracked AND NOT backorder AND greatest(reserved::numeric - on_hand, 0) > backordered";
    if changed == 0 || plain.exists(oversold, (variant, location)).await? {
        return Err(Conflict::Stock(settings.variant_id, settings.location_id).into());
    }
    plain.touched.variants.insert(variant);
    Ok(())
}
