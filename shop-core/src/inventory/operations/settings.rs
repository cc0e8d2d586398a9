//! Changes how a variant's stock is counted.

use super::ledger::Stocked;
use crate::batch::{Batch, InventoryWrite, StockSettings};
use crate::error::{Error, Result};
use crate::id::LocationId;
use crate::model::inventory::StockLevel;

/// Changes the settings of one level, or of all levels, and updates `stocked`. If backorders are switched off, open
/// ones stay open.
///
/// `place` is the given location, or the default one. A variant without a matching level gets a new one there.
pub(crate) fn change_settings(
    batch: &mut Batch,
    stocked: &mut Stocked,
    place: LocationId,
    settings: &StockSettings,
) -> Result<()> {
    let concerns = |level: &StockLevel| settings.location_id.is_none_or(|id| id == level.location_id);
    if !stocked.levels.iter().any(concerns) {
        let mut level = stocked.new_level(place);
        apply(&mut level, settings);
        batch.write(InventoryWrite::InsertLevel(level.clone()));
        stocked.levels.push(level);
        return Ok(());
    }
    let before = stocked.levels.clone();
    for level in stocked.levels.iter_mut().filter(|level| concerns(level)) {
        apply(level, settings);
        if !level.is_covered() {
            return Err(Error::InsufficientStock {
                detail: format!(
                    "{} of {} are reserved, {} of them backordered, and only {} lie there.",
                    level.reserved, level.sku, level.backordered, level.on_hand
                ),
            });
        }
    }
    if stocked.levels != before {
        batch.write(InventoryWrite::Settings(*settings));
    }
    Ok(())
}

fn apply(level: &mut StockLevel, settings: &StockSettings) {
    level.low_stock_threshold = settings.low_stock_threshold.unwrap_or(level.low_stock_threshold);
    level.tracked = settings.tracked.unwrap_or(level.tracked);
    level.backorder = settings.backorder.unwrap_or(level.backorder);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::operations::fixtures::{backordered, context, level, location, variant};

    fn settings(location_id: Option<LocationId>) -> StockSettings {
        let backorder = Some(false);
        StockSettings { variant_id: variant(), location_id, low_stock_threshold: Some(3), tracked: None, backorder }
    }

    fn stocked(levels: Vec<StockLevel>) -> Stocked {
        Stocked { variant_id: variant(), product_id: level(1, 0, 0).product_id, sku: "A".to_owned(), levels }
    }

    #[test]
    fn one_level_or_all_are_changed() {
        for (place, expected) in [(None, [3, 3]), (Some(location(2)), [0, 3])] {
            let mut batch = Batch::new(&mut context());
            let mut stocked = stocked(vec![level(1, 1, 0), backordered(2, 1, 1)]);
            change_settings(&mut batch, &mut stocked, location(2), &settings(place)).unwrap();
            let thresholds: Vec<_> = stocked.levels.iter().map(|level| level.low_stock_threshold).collect();
            assert_eq!(thresholds, expected);
            assert_eq!(batch.writes, [InventoryWrite::Settings(settings(place)).into()]);
            let mut again = Batch::new(&mut context());
            change_settings(&mut again, &mut stocked, location(2), &settings(place)).unwrap();
            assert!(again.is_empty());
        }
    }

    #[test]
    fn backorders_stay_open_when_no_new_ones_are_allowed() {
        let mut batch = Batch::new(&mut context());
        let mut open = stocked(vec![backordered(1, 1, 3)]);
        assert_eq!(open.levels[0].backordered, 2);
        change_settings(&mut batch, &mut open, location(1), &settings(None)).unwrap();
        assert_eq!((batch.writes.len(), open.levels[0].backorder), (1, false));
        // Units lost after they were promised were never backordered.
        let mut batch = Batch::new(&mut context());
        let mut lost = stocked(vec![StockLevel { backordered: 1, ..backordered(1, 1, 3) }]);
        let refused = change_settings(&mut batch, &mut lost, location(1), &settings(None));
        assert!(matches!(refused, Err(Error::InsufficientStock { .. })));
        assert!(batch.is_empty());
    }

    #[test]
    fn a_level_is_made_where_there_is_none() {
        let mut batch = Batch::new(&mut context());
        let mut stocked = stocked(vec![level(1, 1, 0)]);
        change_settings(&mut batch, &mut stocked, location(3), &settings(Some(location(3)))).unwrap();
        assert_eq!(stocked.levels.len(), 2);
        assert!(matches!(&batch.writes[0], crate::batch::Write::Inventory(InventoryWrite::InsertLevel(_))));
    }
}
