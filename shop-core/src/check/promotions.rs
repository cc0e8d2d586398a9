//! The uses of each promotion match the orders that carry it.

use std::collections::{HashMap, HashSet};

use super::ATTEMPTS;
use super::pages::Pages;
use crate::error::Result;
use crate::id::PromotionId;
use crate::model::orders::{OrderFilter, OrderSort, OrderStatus};
use crate::model::promotions::{PromotionFilter, PromotionSort};
use crate::shop::Shop;

impl Shop {
    /// Compares the uses of promotions with the orders. Reports differences that persist.
    pub(super) async fn check_uses(&self) -> Result<Vec<String>> {
        let mut suspects: Option<HashSet<PromotionId>> = None;
        let mut found = Vec::new();
        for _ in 0..ATTEMPTS {
            let before = self.uses_of_promotions().await?;
            let mut carried: HashMap<PromotionId, i64> = HashMap::new();
            let mut pages = Pages::<OrderSort>::new();
            while let Some(request) = pages.next() {
                let page = self.store().list_orders(&OrderFilter::default(), &request).await?;
                pages.turn(page.next);
                let live = page.items.iter().filter(|order| order.status != OrderStatus::Canceled);
                for used in live.flat_map(|order| &order.explanation.promotions) {
                    *carried.entry(used.promotion_id).or_default() += 1;
                }
            }
            let wrong: HashMap<PromotionId, i64> = before
                .into_iter()
                .filter(|(id, uses)| carried.get(id).copied().unwrap_or_default() != *uses)
                .filter(|(id, _)| suspects.as_ref().is_none_or(|suspects| suspects.contains(id)))
                .collect();
            found = wrong
                .iter()
                .map(|(id, uses)| {
                    let carried = carried.get(id).copied().unwrap_or_default();
                    format!("Promotion {id}: {uses} uses are counted, {carried} orders carry it.")
                })
                .collect();
            if found.is_empty() {
                break;
            }
            // Orders placed between the reads cause differences, too. Only those that persist are reported.
            suspects = Some(wrong.into_keys().collect());
        }
        found.sort_unstable();
        Ok(found)
    }

    async fn uses_of_promotions(&self) -> Result<HashMap<PromotionId, i64>> {
        let mut uses = HashMap::new();
        let mut pages = Pages::<PromotionSort>::new();
        while let Some(request) = pages.next() {
            let page = self.store().list_promotions(&PromotionFilter::default(), &request).await?;
            pages.turn(page.next);
            uses.extend(page.items.into_iter().map(|counted| (counted.promotion.id, counted.uses)));
        }
        Ok(uses)
    }
}
