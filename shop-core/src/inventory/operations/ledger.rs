//! Stock changes by staff: adjustments and transfers.

use super::low_stock::falls_low;
use super::reservations::delta;
use crate::batch::{Batch, InventoryWrite};
use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::id::{LocationId, ProductId, VariantId};
use crate::inventory::TransferView;
use crate::model::inventory::{Movement, MovementReason, StockDelta, StockLevel};

/// The variant whose stock changes, and all its levels by priority of location.
#[derive(Debug, Clone)]
pub(crate) struct Stocked {
    /// The variant.
    pub(crate) variant_id: VariantId,
    /// The product that the variant belongs to.
    pub(crate) product_id: ProductId,
    /// SKU of the variant.
    pub(crate) sku: String,
    /// All levels of the variant.
    pub(crate) levels: Vec<StockLevel>,
}

impl Stocked {
    /// The level at a location, if any.
    pub(crate) fn at(&self, location_id: LocationId) -> Option<&StockLevel> {
        self.levels.iter().find(|level| level.location_id == location_id)
    }

    /// An empty level for a location without one, with the settings of the variant's first level.
    pub(crate) fn new_level(&self, location_id: LocationId) -> StockLevel {
        let like = self.levels.first();
        StockLevel {
            variant_id: self.variant_id,
            product_id: self.product_id,
            sku: self.sku.clone(),
            location_id,
            on_hand: 0,
            reserved: 0,
            backordered: 0,
            low_stock_threshold: like.map_or(0, |level| level.low_stock_threshold),
            tracked: like.is_none_or(|level| level.tracked),
            backorder: like.is_some_and(|level| level.backorder),
        }
    }

    /// Adds units; creates the level if there is none.
    fn add(&self, batch: &mut Batch, location_id: LocationId, quantity: i64) -> Result<()> {
        match self.at(location_id) {
            Some(level) if level.on_hand.checked_add(quantity).is_none() => {
                Err(Error::invalid("delta", "The stock would be too large to count."))
            }
            Some(_) => {
                delta(batch, self.variant_id, location_id, quantity, 0);
                Ok(())
            }
            None => {
                let level = StockLevel { on_hand: quantity, ..self.new_level(location_id) };
                batch.write(InventoryWrite::InsertLevel(level));
                Ok(())
            }
        }
    }

    fn movement(
        &self,
        context: &mut DecisionContext,
        location_id: LocationId,
        delta: i64,
        reason: MovementReason,
        note: &str,
    ) -> Movement {
        Movement {
            id: context.id(),
            variant_id: self.variant_id,
            sku: self.sku.clone(),
            location_id,
            delta,
            reason,
            note: note.to_owned(),
            order_id: None,
            created_at: context.now(),
        }
    }
}

/// A validated adjustment.
#[derive(Debug, Clone)]
pub(crate) struct Adjustment {
    /// Change of the units on hand; not 0.
    pub(crate) delta: i64,
    /// What caused the change.
    pub(crate) reason: MovementReason,
    /// Free text for the ledger.
    pub(crate) note: String,
}

/// Corrects the units on hand at one location: not below 0, nor below the reserved units unless backorders are allowed.
pub(crate) fn adjust(
    batch: &mut Batch,
    context: &mut DecisionContext,
    stocked: &Stocked,
    location_id: LocationId,
    adjustment: &Adjustment,
) -> Result<Movement> {
    if adjustment.delta > 0 {
        stocked.add(batch, location_id, adjustment.delta)?;
    } else {
        let change = StockDelta { variant_id: stocked.variant_id, location_id, on_hand: adjustment.delta, reserved: 0 };
        let level = stocked.at(location_id);
        let after = level.and_then(|level| change.apply(level)).filter(|after| after.on_hand >= 0);
        let (Some(level), Some(_)) = (level, after) else {
            return Err(insufficient(&stocked.sku, level));
        };
        if let Some(low) = falls_low(level, -adjustment.delta) {
            low.emit_event(batch, context);
        }
        batch.write(InventoryWrite::Delta(change));
    }
    let movement = stocked.movement(context, location_id, adjustment.delta, adjustment.reason, &adjustment.note);
    batch.write(InventoryWrite::Movement(movement.clone()));
    Ok(movement)
}

/// A validated transfer.
#[derive(Debug, Clone)]
pub(crate) struct Transfer {
    /// The location that gives the units.
    pub(crate) from: LocationId,
    /// The location that gets the units; differs from `from`.
    pub(crate) to: LocationId,
    /// Number of units, at least 1.
    pub(crate) quantity: i64,
    /// Free text for the ledger.
    pub(crate) note: String,
}

/// Moves units between two locations. Only available units move: reserved units ship from where they are reserved.
pub(crate) fn transfer(
    batch: &mut Batch,
    context: &mut DecisionContext,
    stocked: &Stocked,
    transfer: &Transfer,
) -> Result<TransferView> {
    let level = stocked.at(transfer.from);
    let Some(source) = level.filter(|level| level.available() >= transfer.quantity) else {
        return Err(insufficient(&stocked.sku, level));
    };
    delta(batch, stocked.variant_id, transfer.from, -transfer.quantity, 0);
    stocked.add(batch, transfer.to, transfer.quantity)?;
    if let Some(low) = falls_low(source, transfer.quantity) {
        low.emit_event(batch, context);
    }
    let mut movement = |place, delta| stocked.movement(context, place, delta, MovementReason::Transfer, &transfer.note);
    let outgoing = movement(transfer.from, -transfer.quantity);
    let incoming = movement(transfer.to, transfer.quantity);
    batch.write(InventoryWrite::Movement(outgoing.clone()));
    batch.write(InventoryWrite::Movement(incoming.clone()));
    Ok(TransferView { outgoing, incoming })
}

fn insufficient(sku: &str, level: Option<&StockLevel>) -> Error {
    let detail = match level {
        Some(level) => format!("{} of {sku} lie there, {} of them reserved.", level.on_hand, level.reserved),
        None => format!("there is no {sku} at this location."),
    };
    Error::InsufficientStock { detail }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::batch::Write;
    use crate::inventory::operations::fixtures::{backordered, context, deltas, level, location, movements, variant};

    fn stocked(levels: Vec<StockLevel>) -> Stocked {
        Stocked { variant_id: variant(), product_id: level(1, 0, 0).product_id, sku: "A".to_owned(), levels }
    }

    fn adjusted(levels: Vec<StockLevel>, place: u8, delta: i64) -> Result<Batch> {
        let mut context = context();
        let mut batch = Batch::new(&mut context);
        let adjustment = Adjustment { delta, reason: MovementReason::Lost, note: "?".to_owned() };
        adjust(&mut batch, &mut context, &stocked(levels), location(place), &adjustment).map(|_| batch)
    }

    fn moved(levels: Vec<StockLevel>, quantity: i64) -> Result<Batch> {
        let mut context = context();
        let mut batch = Batch::new(&mut context);
        let wanted = Transfer { from: location(1), to: location(2), quantity, note: String::new() };
        transfer(&mut batch, &mut context, &stocked(levels), &wanted).map(|_| batch)
    }

    fn inserted(batch: &Batch) -> Vec<StockLevel> {
        let level = |write: &Write| match write {
            Write::Inventory(InventoryWrite::InsertLevel(level)) => Some(level.clone()),
            _ => None,
        };
        batch.writes.iter().filter_map(level).collect()
    }

    #[test]
    fn nothing_reserved_is_taken_away() {
        assert_eq!(deltas(&adjusted(vec![level(1, 5, 2)], 1, -3).unwrap()), [(location(1), -3, 0)]);
        for (levels, place, delta) in [
            (vec![level(1, 5, 2)], 1, -4),
            (vec![level(1, 5, 2)], 2, -1),
            (vec![], 1, -1),
            (vec![backordered(1, 5, 9)], 1, -6),
        ] {
            let refused = adjusted(levels, place, delta).unwrap_err();
            assert!(matches!(refused, Error::InsufficientStock { .. }), "{refused:?}");
        }
        assert!(adjusted(vec![backordered(1, 5, 9)], 1, -5).is_ok());
    }

    #[test]
    fn a_level_is_made_where_there_is_none() {
        let batch = adjusted(vec![backordered(1, 5, 0)], 2, 4).unwrap();
        let made = inserted(&batch);
        assert_eq!((made[0].location_id, made[0].on_hand, made[0].backorder), (location(2), 4, true));
        assert_eq!(movements(&batch), [(location(2), 4, MovementReason::Lost)]);
        assert!(adjusted(vec![level(1, i64::MAX, 0)], 1, 1).is_err());
    }

    #[test]
    fn only_free_stock_moves() {
        let batch = moved(vec![level(1, 5, 2)], 3).unwrap();
        assert_eq!(deltas(&batch), [(location(1), -3, 0)]);
        assert_eq!(inserted(&batch)[0].on_hand, 3);
        assert_eq!(
            movements(&batch),
            [(location(1), -3, MovementReason::Transfer), (location(2), 3, MovementReason::Transfer)]
        );
        assert_eq!(deltas(&moved(vec![level(1, 5, 2), level(2, 1, 1)], 3).unwrap()).len(), 2);
        for levels in [vec![level(1, 5, 3)], vec![backordered(1, 5, 3)], vec![level(2, 5, 0)], vec![]] {
            assert!(matches!(moved(levels, 3), Err(Error::InsufficientStock { .. })));
        }
    }

    proptest! {
        #[test]
        fn the_ledger_says_what_the_counts_do(on_hand in 0..50_i64, reserved in 0..50_i64, change in -60..60_i64) {
            prop_assume!(change != 0 && reserved <= on_hand);
            match adjusted(vec![level(1, on_hand, reserved)], 1, change) {
                Ok(batch) => {
                    prop_assert!(on_hand + change >= reserved);
                    prop_assert_eq!(deltas(&batch), [(location(1), change, 0)]);
                    prop_assert_eq!(movements(&batch).len(), 1);
                }
                Err(_) => prop_assert!(on_hand + change < reserved),
            }
        }
    }
}
