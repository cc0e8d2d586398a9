//! For which prices a variant was offered, and the lowest one of the 30 days before its price was reduced.
//!
//! # The rule
//! Who announces a price reduction in the European Union states the prior price: the lowest one that was applied in the 30
//! days before the reduction was applied (Directive 98/6/EC, article 6a (1) and (2), inserted by Directive (EU) 2019/2161;
//! guidance of the Commission: 2021/C 526/02; Court of Justice, C-330/23).
//!
//! - A price is **reduced** while the variant is offered and [`Variant::compare_at_price`] is higher than its price.
//! - The reduction is **applied** when that begins, and once more whenever the price is lowered further. (The option of
//!   article 6a (5), which lets progressive reductions keep the first prior price, is not used. A price that is raised while
//!   it stays reduced begins nothing.)
//! - A variant was **offered** while its product was active and it was not archived. A price that nobody could buy for does
//!   not count, nor does one in another currency.
//! - A price **counts** if it was valid at any time in the 30 days; the one that was valid when they began does.
//!
//! The result depends on what was before the reduction only, so it is worked out when the reduction is applied, and kept with
//! the variant ([`Variant::lowest_price_30_days`]): reading costs nothing.
//!
//! Discounts of promotions are no prices: they are taken off in the cart. What is announced as a reduction of the price of
//! goods should be made with `price` and `compare_at_price`.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::model::{Product, ProductStatus, Variant};
use crate::clock::Timestamp;
use crate::id::VariantId;
use crate::money::{Amount, Currency};
use crate::row::Row;

/// How long before a reduction prices count.
pub const REDUCTION_WINDOW: TimeDelta = TimeDelta::days(30);

/// For how long ended periods are kept: the window, and a day for servers whose clocks differ.
pub(crate) const PRICE_MEMORY: TimeDelta = TimeDelta::days(31);

/// A time during which a variant was offered for one price, or was not offered. Each variant has exactly one that has not
/// ended, which says what is true now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "price_history", key(variant_id, version))]
pub struct PricePeriod {
    /// Of what; with `version` the key.
    pub variant_id: VariantId,
    /// The [`Product::version`] that it began with.
    pub version: i64,
    /// What one cost; `None` while it was not offered.
    pub price: Option<Amount>,
    /// The currency of the price.
    pub currency: Currency,
    /// Since when.
    pub starts_at: Timestamp,
    /// Until when; `None` for what is true now.
    pub ends_at: Option<Timestamp>,
}

impl Product {
    /// What a variant of this product is offered for; `None` when it is not offered.
    #[must_use]
    pub fn offered_price(&self, variant: &Variant) -> Option<Amount> {
        (self.status == ProductStatus::Active && !variant.archived).then_some(variant.price)
    }

    /// The period in which a variant is offered as it is now, or is not offered.
    fn price_period(&self, variant: &Variant, starts_at: Timestamp) -> PricePeriod {
        PricePeriod {
            variant_id: variant.id,
            version: self.version,
            price: self.offered_price(variant),
            currency: self.currency,
            starts_at,
            ends_at: None,
        }
    }

    /// Whether a variant of this product is offered at a reduced price.
    fn is_reduced(&self, variant: &Variant) -> bool {
        let compared = variant.compare_at_price.zip(self.offered_price(variant));
        compared.is_some_and(|(earlier, price)| earlier > price)
    }

    /// The stored form of a variant, and what the product was then.
    fn before<'a>(stored: Option<&'a Self>, variant: &Variant) -> Option<(&'a Self, &'a Variant)> {
        stored.and_then(|stored| Some((stored, stored.variant(variant.id)?)))
    }
}

/// The lowest price that counts for a reduction that is applied at `start`. `periods` are those of one variant before it.
fn lowest_before<'a>(
    periods: impl Iterator<Item = &'a PricePeriod>,
    currency: Currency,
    start: Timestamp,
) -> Option<Amount> {
    let from = start - REDUCTION_WINDOW;
    let counts = |period: &&PricePeriod| period.currency == currency && period.ends_at.is_none_or(|end| end > from);
    periods.filter(counts).filter_map(|period| period.price).min()
}

/// Whether a reduction is applied by changing a variant from what it was to what it is.
fn applies_reduction(before: Option<(&Product, &Variant)>, product: &Product, variant: &Variant) -> bool {
    let goes_on = before.is_some_and(|(stored, before)| {
        stored.is_reduced(before) && stored.currency == product.currency && variant.price >= before.price
    });
    product.is_reduced(variant) && !goes_on
}

/// Whether a variant is offered for another price than before, or for one where it was not.
fn changes_price(before: Option<(&Product, &Variant)>, product: &Product, variant: &Variant) -> bool {
    let was = before.map(|(stored, before)| (stored.offered_price(before), stored.currency));
    was != Some((product.offered_price(variant), product.currency))
}

/// The variants of a changed product whose history must be known before it is written: usually none.
pub(crate) fn needs_history(stored: &Product, product: &Product) -> Vec<VariantId> {
    let needed = |variant: &&Variant| {
        let before = Product::before(Some(stored), variant);
        before.is_some() && (changes_price(before, product, variant) || applies_reduction(before, product, variant))
    };
    product.variants.iter().filter(needed).map(|variant| variant.id).collect()
}

/// Begins the history of variants that have none, with what is stored of them: a store that an earlier release filled may
/// have kept no prices.
pub(crate) fn begin_history(history: &mut Vec<PricePeriod>, stored: &Product, variants: &[VariantId]) {
    let is_open = |id: VariantId| history.iter().any(|period| period.variant_id == id && period.ends_at.is_none());
    let missing = variants.iter().filter(|id| !is_open(**id)).filter_map(|id| stored.variant(*id));
    let periods: Vec<_> = missing.map(|variant| stored.price_period(variant, stored.updated_at)).collect();
    history.extend(periods);
}

/// Sets [`Variant::lowest_price_30_days`] of every variant. `history` has the periods of those that [`needs_history`] names.
pub(crate) fn set_lowest_prices(
    stored: Option<&Product>,
    product: &mut Product,
    history: &[PricePeriod],
    now: Timestamp,
) {
    let lowest = |variant: &Variant| {
        let before = Product::before(stored, variant);
        if !product.is_reduced(variant) {
            None
        } else if applies_reduction(before, product, variant) {
            let periods = history.iter().filter(|period| period.variant_id == variant.id);
            lowest_before(periods, product.currency, now)
        } else {
            before.and_then(|(_, before)| before.lowest_price_30_days)
        }
    };
    let lowest: Vec<_> = product.variants.iter().map(lowest).collect();
    for (variant, lowest) in product.variants.iter_mut().zip(lowest) {
        variant.lowest_price_30_days = lowest;
    }
}

/// The periods that a new or changed product ends and begins, to be written with it.
pub(crate) fn next_periods(
    stored: Option<&Product>,
    product: &Product,
    history: &[PricePeriod],
    now: Timestamp,
) -> Vec<PricePeriod> {
    let mut periods = Vec::new();
    for variant in &product.variants {
        if !changes_price(Product::before(stored, variant), product, variant) {
            continue;
        }
        let open = history.iter().find(|period| period.variant_id == variant.id && period.ends_at.is_none());
        // The clock of the server that began it may be ahead of this one's.
        let at = open.map_or(now, |open| now.max(open.starts_at));
        periods.extend(open.map(|open| PricePeriod { ends_at: Some(at), ..open.clone() }));
        periods.push(product.price_period(variant, at));
    }
    periods
}

#[cfg(test)]
mod tests;
