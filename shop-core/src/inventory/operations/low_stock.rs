//! The event for stock that runs low.

use serde_json::json;

use crate::batch::Batch;
use crate::clock::DecisionContext;
use crate::id::{LocationId, VariantId};
use crate::model::inventory::StockLevel;
use crate::model::outbox::EventKind;

/// The event `stock.low`: a level that became low.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LowStock {
    /// The variant that runs low.
    pub variant_id: VariantId,
    /// SKU of the variant.
    pub sku: String,
    /// The location where it runs low.
    pub location_id: LocationId,
    /// Units that can still be promised from there.
    pub available: i64,
    /// The level is low when this many units or fewer are available.
    pub low_stock_threshold: i64,
}

impl LowStock {
    /// Adds the event to the batch.
    pub(crate) fn emit_event(&self, batch: &mut Batch, context: &mut DecisionContext) {
        let data = json!({
            "variant_id": self.variant_id,
            "sku": self.sku,
            "location_id": self.location_id,
            "available": self.available,
            "low_stock_threshold": self.low_stock_threshold,
        });
        batch.event(context, EventKind::StockLow, self.variant_id, data);
    }
}

/// Returns the event if the level becomes low when `taken` units are no longer available. It is sent once, when the
/// level crosses its threshold; a level that is already low sends nothing.
///
/// This uses the level as it was read, so two orders that cross the threshold concurrently may both send the event.
pub(crate) fn falls_low(level: &StockLevel, taken: i64) -> Option<LowStock> {
    let available = level.available().saturating_sub(taken);
    let crossed = level.available() > level.low_stock_threshold && available <= level.low_stock_threshold;
    (level.tracked && crossed).then(|| LowStock {
        variant_id: level.variant_id,
        sku: level.sku.clone(),
        location_id: level.location_id,
        available,
        low_stock_threshold: level.low_stock_threshold,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::operations::fixtures::{context, level, untracked};

    #[test]
    fn it_is_told_on_the_way_down_only() {
        let mut stock = level(1, 10, 2);
        stock.low_stock_threshold = 5;
        assert_eq!(falls_low(&stock, 2), None);
        assert_eq!(falls_low(&stock, 3).map(|low| low.available), Some(5));
        assert_eq!(falls_low(&stock, 100).map(|low| low.available), Some(-92));
        stock.on_hand = 7;
        assert_eq!(falls_low(&stock, 1), None, "it was low before");
        assert_eq!(falls_low(&untracked(1), 1), None);
    }

    #[test]
    fn the_event_names_the_variant() {
        let mut context = context();
        let mut batch = Batch::new(&mut context);
        falls_low(&level(1, 1, 0), 1).unwrap().emit_event(&mut batch, &mut context);
        assert_eq!(batch.writes.len(), 1);
    }
}
