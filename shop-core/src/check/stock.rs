//! Stock on hand matches the ledger, and reserved stock matches the reservations.

use std::collections::HashMap;

use super::ATTEMPTS;
use super::pages::Pages;
use crate::error::Result;
use crate::id::{LocationId, VariantId};
use crate::model::inventory::{InventorySort, MovementFilter, ReservationFilter, StockFilter, StockLevel, StockSort};
use crate::shop::Shop;

/// The key of a stock level.
type StockKey = (VariantId, LocationId);

impl Shop {
    pub(super) async fn check_stock(&self, problems: &mut Vec<String>) -> Result<()> {
        let mut sums: HashMap<StockKey, Sums> = HashMap::new();
        let mut pages = Pages::<InventorySort>::new();
        while let Some(request) = pages.next() {
            let page = self.store().list_movements(&MovementFilter::default(), &request).await?;
            pages.turn(page.next);
            for movement in page.items {
                let sums = sums.entry((movement.variant_id, movement.location_id)).or_default();
                sums.moved = sums.moved.saturating_add(movement.delta);
            }
        }
        let live = ReservationFilter { live: Some(true), ..ReservationFilter::default() };
        let mut pages = Pages::<InventorySort>::new();
        while let Some(request) = pages.next() {
            let page = self.store().list_reservations(&live, &request).await?;
            pages.turn(page.next);
            for reservation in page.items {
                let sums = sums.entry((reservation.variant_id, reservation.location_id)).or_default();
                sums.held = sums.held.saturating_add(reservation.remaining);
            }
        }
        let mut suspects: Vec<StockKey> = Vec::new();
        let mut pages = Pages::<StockSort>::new();
        while let Some(request) = pages.next() {
            let page = self.store().list_stock(&StockFilter::default(), &request).await?;
            pages.turn(page.next);
            for level in page.items {
                let key = (level.variant_id, level.location_id);
                if !stock_problems(key, Some(&level), sums.remove(&key).unwrap_or_default()).is_empty() {
                    suspects.push(key);
                }
            }
        }
        // The remaining sums have no stock level, so their movements must add up to zero.
        suspects.extend(sums.into_iter().filter(|(_, sums)| *sums != Sums::default()).map(|(key, _)| key));
        for key in suspects {
            problems.extend(self.check_level(key).await?);
        }
        Ok(())
    }

    /// Compares one level with the ledger and the reservations. Reports differences that persist.
    async fn check_level(&self, key: StockKey) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for _ in 0..ATTEMPTS {
            let mut sums = Sums::default();
            let level = self.level(key).await?;
            let mut pages = Pages::<InventorySort>::new();
            while let Some(request) = pages.next() {
                let filter =
                    MovementFilter { variant_id: Some(key.0), location_id: Some(key.1), ..MovementFilter::default() };
                let page = self.store().list_movements(&filter, &request).await?;
                pages.turn(page.next);
                sums.moved = page.items.iter().fold(sums.moved, |sum, movement| sum.saturating_add(movement.delta));
            }
            let mut pages = Pages::<InventorySort>::new();
            while let Some(request) = pages.next() {
                let filter = ReservationFilter {
                    variant_id: Some(key.0),
                    location_id: Some(key.1),
                    live: Some(true),
                    ..ReservationFilter::default()
                };
                let page = self.store().list_reservations(&filter, &request).await?;
                pages.turn(page.next);
                let remaining = page.items.iter().map(|reservation| reservation.remaining);
                sums.held = remaining.fold(sums.held, i64::saturating_add);
            }
            found = stock_problems(key, level.as_ref(), sums);
            if found.is_empty() {
                break;
            }
        }
        Ok(found)
    }

    async fn level(&self, (variant, location): StockKey) -> Result<Option<StockLevel>> {
        let levels = self.store().stock_of(&[variant]).await?;
        Ok(levels.into_iter().find(|level| level.location_id == location))
    }
}

/// The sums of the movements and reservations of one level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sums {
    moved: i64,
    held: i64,
}

fn stock_problems((variant, location): StockKey, level: Option<&StockLevel>, sums: Sums) -> Vec<String> {
    let (on_hand, reserved) = level.map_or((0, 0), |level| (level.on_hand, level.reserved));
    let name = level.map_or_else(|| variant.to_string(), |level| level.sku.clone());
    let mut problems = Vec::new();
    if on_hand != sums.moved {
        problems.push(format!("{name} at {location}: {on_hand} on hand, {} by the ledger.", sums.moved));
    }
    if reserved != sums.held {
        problems.push(format!("{name} at {location}: {reserved} are reserved, live reservations hold {}.", sums.held));
    }
    if reserved < 0 {
        problems.push(format!("{name} at {location}: {reserved} are reserved."));
    }
    if level.is_some_and(|level| !level.is_covered()) {
        problems.push(format!("{name} at {location}: {reserved} are reserved of {on_hand}."));
    }
    if let Some(level) = level.filter(|level| !(0..=level.missing()).contains(&level.backordered)) {
        let (open, missing) = (level.backordered, level.missing());
        problems.push(format!("{name} at {location}: {open} are backordered, and {missing} are missing."));
    }
    problems
}
