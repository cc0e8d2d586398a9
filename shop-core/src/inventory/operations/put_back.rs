//! Puts shipped goods back into stock.

use super::reservations::restock;
use crate::batch::Batch;
use crate::clock::DecisionContext;
use crate::error::{Error, Result};
use crate::model::inventory::{Reservation, StockLevel};

/// Puts `quantity` units of one line back, each at the location it came from. `held` are all reservations of the line
/// in the order in which they were consumed; the first `skip` units are back already. `levels` are the variant's stock
/// levels. An untracked line has no reservations, so nothing happens.
///
/// # Errors
/// [`Error::InvalidTransition`] if no location stocks the variant any more.
pub(crate) fn put_back(
    batch: &mut Batch,
    context: &mut DecisionContext,
    held: &[Reservation],
    levels: &[StockLevel],
    skip: i64,
    quantity: i64,
) -> Result<()> {
    let (mut skip, mut quantity) = (skip, quantity);
    for held in held {
        let skipped = skip.min(held.quantity);
        skip -= skipped;
        let back = quantity.min(held.quantity - skipped);
        quantity -= back;
        if back > 0 {
            let place = place_for(held, levels)?;
            restock(batch, context, held.variant_id, &held.sku, place.location_id, back, held.order_id);
        }
    }
    Ok(())
}

/// The level at the location the units came from, or the variant's first level if that one is gone.
fn place_for<'a>(held: &Reservation, levels: &'a [StockLevel]) -> Result<&'a StockLevel> {
    let mut of_variant = levels.iter().filter(|level| level.variant_id == held.variant_id);
    let first = of_variant.clone().next();
    of_variant.find(|level| level.location_id == held.location_id).or(first).ok_or_else(|| {
        Error::transition(format!(
            "No location has stock of {} any more: continue without restock and book a stock adjustment.",
            held.sku
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::operations::fixtures::{context, deltas, level, location, movements, variant};
    use crate::inventory::operations::{StockLine, allocate, reserve};
    use crate::model::inventory::{MovementReason, ReservationStatus};

    /// A line of six units: four from the first location, two from the second.
    fn held() -> Vec<Reservation> {
        let mut context = context();
        let id = uuid::Uuid::from_u128(7);
        let line = StockLine { order_id: id.into(), order_item_id: id.into(), variant_id: variant(), sku: "A" };
        let allocation = allocate(&[level(1, 4, 0), level(2, 3, 0)], "A", 6).unwrap();
        reserve(&mut Batch::new(&mut context), &mut context, line, &allocation, ReservationStatus::Consumed)
    }

    fn put(levels: &[StockLevel], skip: i64, quantity: i64) -> Result<Batch> {
        let mut context = context();
        let mut batch = Batch::new(&mut context);
        put_back(&mut batch, &mut context, &held(), levels, skip, quantity).map(|()| batch)
    }

    #[test]
    fn goods_go_back_to_where_they_came_from() {
        let both = [level(1, 0, 0), level(2, 1, 0)];
        let cases = [
            (0, 3, vec![(1, 3)]),
            (3, 3, vec![(1, 1), (2, 2)]),
            (4, 1, vec![(2, 1)]),
            (0, 6, vec![(1, 4), (2, 2)]),
            (6, 0, vec![]),
            (2, 0, vec![]),
        ];
        for (skip, quantity, expected) in cases {
            let batch = put(&both, skip, quantity).unwrap();
            let wanted: Vec<_> = expected.iter().map(|&(place, back)| (location(place), back, 0)).collect();
            assert_eq!(deltas(&batch), wanted);
            let wanted: Vec<_> =
                expected.iter().map(|&(place, back)| (location(place), back, MovementReason::Returned)).collect();
            assert_eq!(movements(&batch), wanted);
        }
    }

    #[test]
    fn a_place_that_is_gone_is_replaced_by_another() {
        assert_eq!(deltas(&put(&[level(2, 0, 0)], 0, 5).unwrap()), [(location(2), 4, 0), (location(2), 1, 0)]);
        assert!(matches!(put(&[], 0, 1), Err(Error::InvalidTransition { .. })));
        assert!(put(&[], 0, 0).unwrap().is_empty());
    }
}
