//! Computes how many units of a variant can be sold now.

use serde::{Deserialize, Serialize};

use crate::model::inventory::StockLevel;

/// How many units of a variant can be sold now, over all locations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Availability {
    /// Unreserved units on hand, at least 0; `None` if the variant is untracked at any location.
    pub available: Option<i64>,
    /// Whether at least one unit can be sold now.
    pub in_stock: bool,
    /// The most units that can be sold now; `None` for no limit (untracked, or backorders allowed).
    pub sellable: Option<i64>,
}

impl Availability {
    /// Whether `quantity` units can be sold now.
    #[must_use]
    pub fn covers(&self, quantity: i64) -> bool {
        self.sellable.is_none_or(|sellable| quantity <= sellable)
    }
}

/// Computes the availability of one variant from all its levels. A variant without levels cannot be sold.
#[must_use]
pub fn availability<'a>(levels: impl IntoIterator<Item = &'a StockLevel>) -> Availability {
    let (mut free, mut tracked, mut unlimited) = (0_i64, true, false);
    for level in levels {
        tracked &= level.tracked;
        unlimited |= !level.tracked || level.backorder;
        free = free.saturating_add(level.available().max(0));
    }
    Availability {
        available: tracked.then_some(free),
        in_stock: unlimited || free > 0,
        sellable: (!unlimited).then_some(free),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::operations::fixtures::{backordered, level, untracked};

    #[test]
    fn free_stock_is_summed_over_locations() {
        let found = availability(&[level(1, 10, 3), level(2, 5, 5), level(3, 1, 0)]);
        assert_eq!(found, Availability { available: Some(8), in_stock: true, sellable: Some(8) });
        assert!(found.covers(8) && !found.covers(9));
    }

    #[test]
    fn nothing_anywhere_cannot_be_sold() {
        let none = Availability { available: Some(0), in_stock: false, sellable: Some(0) };
        assert_eq!(availability(&[]), none);
        assert_eq!(availability(&[level(1, 4, 4)]), none);
    }

    #[test]
    fn what_was_oversold_in_one_place_takes_nothing_from_another() {
        let found = availability(&[backordered(1, 0, 7), level(2, 3, 0)]);
        assert_eq!(found, Availability { available: Some(3), in_stock: true, sellable: None });
        let found = availability(&[backordered(1, 0, 7)]);
        assert_eq!(found, Availability { available: Some(0), in_stock: true, sellable: None });
        assert!(found.covers(i64::MAX));
    }

    #[test]
    fn what_is_not_counted_has_no_number() {
        let found = availability(&[level(1, 3, 0), untracked(2)]);
        assert_eq!(found, Availability { available: None, in_stock: true, sellable: None });
    }
}
