//! Locations, stock levels, the stock ledger and reservations.

use std::sync::LazyLock;

use shop_core::batch::{Change, Conflict, Entity, Unique};
use shop_core::inventory::{InventoryWrite, Location, Movement, Reservation, StockLevel, StockSettings};
use uuid::Uuid;

use super::part::Part;
use super::plain::{Applied, Plain};
use super::stock::Sum;
use super::table::{Table, records, row_of};

records! {
    LOCATIONS: Location, applied by apply_location;
    RESERVATIONS: Reservation;
}

pub(super) static LEVELS: LazyLock<Table> = LazyLock::new(Table::of::<StockLevel>);
pub(super) static MOVEMENTS: LazyLock<Table> = LazyLock::new(|| Table::of::<Movement>().counted_by(&["location_id"]));

async fn apply_location(plain: &mut Plain<'_>, change: &Change<Location>) -> Applied {
    if let Change::Delete { id, version } = change {
        empty_location(plain, *id, *version).await?;
    }
    plain.change(change).await
}

/// Applies a write of inventory.
pub(super) async fn apply(plain: &mut Plain<'_>, write: &InventoryWrite) -> Applied {
    match write {
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
            plain.insert_unless(Part::InsertMovements, row_of(entry), Unique::OtherId).await?;
            let location = entry.location_id.0.simple().to_string();
            plain.counts(MOVEMENTS.name, [location, String::new(), String::new()], 1);
            Ok(())
        }
    }
}

/// Deletes the levels of a location that is to be deleted; they must be empty.
async fn empty_location(plain: &mut Plain<'_>, location: Uuid, version: i64) -> Applied {
    if !plain.has_version::<Location>(location, version).await? {
        return Err(Conflict::Stale(Entity::Location, location).into());
    }
    let filled = "SELECT 1 FROM stock_levels WHERE location_id = $1 AND (on_hand <> 0 OR reserved <> 0)";
    if plain.exists(filled, (location,)).await? {
        return Err(Conflict::InUse(Entity::Location, location).into());
    }
    // The levels are empty, but untracked and backorderable variants were sold from them.
    let gone = "DELETE FROM stock_levels WHERE location_id = $1 RETURNING variant_id";
    let gone = plain.ids(gone, (location,)).await?;
    plain.touched.variants.extend(gone);
    Ok(())
}

async fn insert_level(plain: &mut Plain<'_>, new: &StockLevel) -> Applied {
    let key = (new.variant_id.0, new.location_id.0);
    let there = "SELECT 1 FROM stock_levels WHERE variant_id = $1 AND location_id = $2";
    // A foreign key violation would end the transaction. The location was already locked, if it exists.
    if !plain.exists("SELECT 1 FROM locations WHERE id = $1", (new.location_id.0,)).await? {
        let taken = plain.exists(there, key).await?;
        let nowhere = Conflict::Stale(Entity::Location, new.location_id.0);
        return Err(if taken { Conflict::Exists(Unique::StockLevel) } else { nowhere }.into());
    }
    plain.touched.variants.insert(new.variant_id.0);
    plain.insert_unless(Part::InsertLevels, row_of(new), Unique::StockLevel).await
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
