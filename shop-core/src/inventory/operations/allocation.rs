//! Chooses the locations that serve an order line.

use super::low_stock::{LowStock, falls_low};
use crate::error::{Error, Result};
use crate::id::LocationId;
use crate::model::inventory::StockLevel;

/// The locations that serve a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allocation {
    /// A location where the variant is not tracked. If set, nothing is reserved and `parts` is empty.
    pub untracked: Option<LocationId>,
    /// Units per location: each positive, each location at most once; the sum is the ordered quantity.
    pub parts: Vec<(LocationId, i64)>,
    /// The levels that become low through this allocation.
    pub low: Vec<LowStock>,
}

/// Chooses the locations that serve `quantity` units of one variant. `levels` are all levels of the variant, by
/// priority of their locations.
///
/// The first location that can serve the whole quantity does, so that the buyer gets a single shipment. If there is
/// none, locations are emptied by priority, and the rest goes to the first one that allows backorders.
///
/// # Errors
/// [`Error::OutOfStock`] if fewer units can be sold.
pub fn allocate(levels: &[StockLevel], sku: &str, quantity: i64) -> Result<Allocation> {
    if let Some(level) = levels.iter().find(|level| !level.tracked) {
        return Ok(Allocation { untracked: Some(level.location_id), ..Allocation::default() });
    }
    let parts = match levels.iter().find(|level| level.available() >= quantity) {
        Some(level) => vec![(level.location_id, quantity)],
        None => split(levels, sku, quantity)?,
    };
    let low = parts
        .iter()
        .filter_map(|(location, taken)| falls_low(levels.iter().find(|level| level.location_id == *location)?, *taken));
    let low = low.collect();
    Ok(Allocation { untracked: None, parts, low })
}

fn split(levels: &[StockLevel], sku: &str, quantity: i64) -> Result<Vec<(LocationId, i64)>> {
    let mut missing = quantity;
    let mut parts = Vec::new();
    for level in levels {
        let taken = level.available().clamp(0, missing);
        if taken > 0 {
            parts.push((level.location_id, taken));
            missing -= taken;
        }
    }
    if missing > 0 {
        let Some(level) = levels.iter().find(|level| level.backorder) else {
            return Err(Error::OutOfStock { sku: sku.to_owned(), available: quantity - missing });
        };
        match parts.iter_mut().find(|(location, _)| *location == level.location_id) {
            Some((_, taken)) => *taken += missing,
            None => parts.push((level.location_id, missing)),
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::inventory::operations::availability;
    use crate::inventory::operations::fixtures::{backordered, level, location, untracked};

    #[test]
    fn one_shipment_is_better_than_two() {
        let levels = [level(1, 2, 0), level(2, 9, 0), level(3, 99, 0)];
        assert_eq!(allocate(&levels, "A", 2).unwrap().parts, [(location(1), 2)]);
        assert_eq!(allocate(&levels, "A", 5).unwrap().parts, [(location(2), 5)]);
    }

    #[test]
    fn locations_are_emptied_by_priority() {
        let levels = [level(1, 2, 0), level(2, 9, 8), level(3, 5, 0)];
        assert_eq!(allocate(&levels, "A", 7).unwrap().parts, [(location(1), 2), (location(2), 1), (location(3), 4)]);
    }

    #[test]
    fn what_is_missing_is_back_ordered_or_refused() {
        let refused = allocate(&[level(1, 2, 0), level(2, 1, 0)], "A", 4).unwrap_err();
        assert!(matches!(refused, Error::OutOfStock { sku, available: 3 } if sku == "A"));
        assert!(matches!(allocate(&[], "A", 1), Err(Error::OutOfStock { available: 0, .. })));
        let levels = [level(1, 2, 0), backordered(2, 1, 0)];
        assert_eq!(allocate(&levels, "A", 9).unwrap().parts, [(location(1), 2), (location(2), 7)]);
        assert_eq!(allocate(&[backordered(2, 1, 5)], "A", 3).unwrap().parts, [(location(2), 3)]);
    }

    #[test]
    fn what_is_not_counted_is_not_reserved() {
        let allocation = allocate(&[level(1, 2, 0), untracked(2)], "A", 1_000).unwrap();
        assert_eq!(allocation, Allocation { untracked: Some(location(2)), ..Allocation::default() });
    }

    #[test]
    fn levels_that_become_low_are_named() {
        let mut one = level(1, 10, 0);
        one.low_stock_threshold = 4;
        assert_eq!(allocate(std::slice::from_ref(&one), "A", 5).unwrap().low, []);
        let low = allocate(&[one], "A", 6).unwrap().low;
        assert_eq!(low.len(), 1);
        assert_eq!((low[0].available, low[0].low_stock_threshold), (4, 4));
    }

    fn levels() -> impl Strategy<Value = Vec<StockLevel>> {
        let one = (0..50_i64, 0..60_i64, proptest::bool::weighted(0.2), proptest::bool::weighted(0.1));
        proptest::collection::vec(one, 0..6).prop_map(|levels| {
            let build = |(index, (on_hand, reserved, backorder, untracked)): (u8, (i64, i64, bool, bool))| {
                let mut level = level(index, on_hand, if backorder { reserved } else { reserved.min(on_hand) });
                level.backorder = backorder;
                level.tracked = !untracked;
                level
            };
            (1_u8..).zip(levels).map(build).collect()
        })
    }

    proptest! {
        #[test]
        fn an_allocation_is_exact_and_takes_only_what_is_free(levels in levels(), quantity in 1..200_i64) {
            match allocate(&levels, "A", quantity) {
                Ok(Allocation { untracked: Some(_), parts, .. }) => prop_assert!(parts.is_empty()),
                Ok(Allocation { parts, .. }) => {
                    prop_assert_eq!(parts.iter().map(|(_, taken)| taken).sum::<i64>(), quantity);
                    for (location, taken) in &parts {
                        let level = levels.iter().find(|level| level.location_id == *location).unwrap();
                        prop_assert!(*taken > 0);
                        prop_assert!(*taken <= level.available().max(0) || level.backorder);
                    }
                    let mut places: Vec<_> = parts.iter().map(|(location, _)| *location).collect();
                    places.sort();
                    places.dedup();
                    prop_assert_eq!(places.len(), parts.len());
                }
                Err(Error::OutOfStock { available, .. }) => {
                    prop_assert_eq!(Some(available), availability(&levels).sellable);
                    prop_assert!(available < quantity);
                }
                Err(other) => prop_assert!(false, "{:?}", other),
            }
        }

        #[test]
        fn it_is_refused_exactly_when_less_can_be_sold(levels in levels(), quantity in 1..200_i64) {
            prop_assert_eq!(allocate(&levels, "A", quantity).is_ok(), availability(&levels).covers(quantity));
        }
    }
}
