//! Locations, stock levels, the stock ledger and reservations.

use shop_core::batch::{Change, Conflict, Entity};
use shop_core::inventory::{InventoryWrite, Location, StockLevel, StockSettings};
use shop_core::row::Row as _;
use uuid::Uuid;

use super::change::WriteRow;
use super::effects::{Effects, Related};
use super::statement_runner::{ApplyResult, StatementRunner};
use super::tables::{Operation, TableId};

impl WriteRow for Location {
    fn effects<'b, E: Effects<'b>>(change: &'b Change<Self>, to: &mut E) -> Result<(), E::Stop> {
        to.also(Related::Locations);
        if let Change::Delete { id, .. } = change {
            to.also(Related::LevelsAt(*id));
        }
        Ok(())
    }

    async fn apply(runner: &mut StatementRunner<'_>, change: &Change<Self>) -> ApplyResult {
        if let Change::Delete { id, version } = change {
            empty_location(runner, *id, *version).await?;
        }
        runner.change(change).await
    }
}

/// The effects of a write of inventory.
pub(super) fn effects<'b, E: Effects<'b>>(write: &InventoryWrite, to: &mut E) -> Result<(), E::Stop> {
    match write {
        InventoryWrite::InsertLevel(level) => {
            to.lock(Operation::ShareKey.on(TableId::Location), &[level.location_id.0], None)?;
            to.also(Related::Level(level.variant_id.0, level.location_id.0));
            to.statement();
            to.insert(level)
        }
        InventoryWrite::Delta(delta) => to.stock(delta),
        InventoryWrite::Settings(StockSettings { variant_id, location_id, .. }) => {
            to.also(match location_id {
                Some(location) => Related::Level(variant_id.0, location.0),
                None => Related::LevelsOf(variant_id.0),
            });
            to.unbatchable()
        }
        InventoryWrite::Movement(entry) => to.insert(entry),
    }
}

/// Applies a write of inventory that is not only a row.
pub(super) async fn apply(runner: &mut StatementRunner<'_>, write: &InventoryWrite) -> ApplyResult {
    match write {
        InventoryWrite::InsertLevel(new) => judge_level(runner, new).await,
        InventoryWrite::Settings(settings) => apply_settings(runner, settings).await,
        InventoryWrite::Delta(_) | InventoryWrite::Movement(_) => Ok(()),
    }
}

/// Deletes the levels of a location that is to be deleted; they must be empty.
async fn empty_location(runner: &mut StatementRunner<'_>, location: Uuid, version: i64) -> ApplyResult {
    if !runner.has_version::<Location>(location, version).await? {
        return Err(Conflict::Stale(Entity::Location, location).into());
    }
    let filled = "SELECT 1 FROM stock_levels WHERE location_id = $1 AND (on_hand <> 0 OR reserved <> 0)";
    if runner.exists(filled, (location,)).await? {
        return Err(Conflict::InUse(Entity::Location, location).into());
    }
    // The levels are empty, but untracked and backorderable variants were sold from them.
    let gone = "DELETE FROM stock_levels WHERE location_id = $1 RETURNING variant_id";
    let gone = runner.ids(gone, (location,)).await?;
    runner.touched.variants.extend(gone);
    Ok(())
}

/// Checks that a new level has a location.
async fn judge_level(runner: &mut StatementRunner<'_>, new: &StockLevel) -> ApplyResult {
    let key = (new.variant_id.0, new.location_id.0);
    let there = "SELECT 1 FROM stock_levels WHERE variant_id = $1 AND location_id = $2";
    // A foreign key violation would end the transaction. The location was already locked, if it exists.
    if !runner.exists("SELECT 1 FROM locations WHERE id = $1", (new.location_id.0,)).await? {
        let taken = runner.exists(there, key).await?;
        let nowhere = Conflict::Stale(Entity::Location, new.location_id.0);
        return Err(if taken { Conflict::Exists(StockLevel::TABLE.key_name) } else { nowhere }.into());
    }
    runner.touched.variants.insert(new.variant_id.0);
    Ok(())
}

async fn apply_settings(runner: &mut StatementRunner<'_>, settings: &StockSettings) -> ApplyResult {
    let (variant, location) = (settings.variant_id.0, settings.location_id.map(Uuid::from));
    let sql = "UPDATE stock_levels SET low_stock_threshold = coalesce($3, low_stock_threshold),
            tracked = coalesce($4, tracked), backorder = coalesce($5, backorder)
        WHERE variant_id = $1 AND ($2::uuid IS NULL OR location_id = $2)";
    let changed = runner
        .execute(sql, (variant, location, settings.low_stock_threshold, settings.tracked, settings.backorder))
        .await?;
    let oversold = "SELECT 1 FROM stock_levels WHERE variant_id = $1 AND ($2::uuid IS NULL OR location_id = $2)
        AND tracked AND NOT backorder AND greatest(reserved::numeric - on_hand, 0) > backordered";
    if changed == 0 || runner.exists(oversold, (variant, location)).await? {
        return Err(Conflict::Stock(settings.variant_id, settings.location_id).into());
    }
    runner.touched.variants.insert(variant);
    Ok(())
}
