//! The prices at which a variant was offered, and the lowest one of the 30 days before a price reduction.
//!
//! # The rule
//! A trader who announces a price reduction in the European Union must state the prior price: the lowest price applied
//! during the 30 days before the reduction was applied (Directive 98/6/EC, article 6a (1) and (2), inserted by
//! Directive (EU) 2019/2161; guidance of the Commission: 2021/C 526/02; Court of Justice, C-330/23).
//!
//! - A price is **reduced** while the variant is offered and [`Variant::compare_at_price`] is higher than its price.
//! - A reduction is **applied** when that state begins, and again whenever the price is lowered further. (The option of
//!   article 6a (5), under which progressive reductions keep the first prior price, is not used. Raising a price that
//!   stays reduced does not apply a reduction.)
//! - A variant was **offered** while its product was active and the variant was not archived. A price at which nobody
//!   could buy does not count, nor does one in another currency.
//! - A price **counts** if it was valid at any time in the 30 days; this includes the price valid when they began.
//!
//! The result depends only on what preceded the reduction. It is therefore computed when the reduction is applied and
//! stored with the variant ([`Variant::lowest_price_30_days`]), so reading it costs nothing.
//!
//! Discounts of promotions are not prices: they are deducted in the cart. A reduction that is announced as a price
//! reduction should be made with `price` and `compare_at_price`.

use crate::clock::Timestamp;
use crate::id::VariantId;
use crate::model::catalog::{PricePeriod, Product, ProductStatus, REDUCTION_WINDOW, Variant};
use crate::money::{Amount, Currency};

impl Product {
    /// The price at which a variant of this product is offered; `None` when it is not offered.
    #[must_use]
    pub fn offered_price(&self, variant: &Variant) -> Option<Amount> {
        (self.status == ProductStatus::Active && !variant.archived).then_some(variant.price)
    }

    /// The period that starts with the current price of a variant.
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

    /// The stored state of a variant, with that of its product.
    fn before<'a>(stored: Option<&'a Self>, variant: &Variant) -> Option<(&'a Self, &'a Variant)> {
        stored.and_then(|stored| Some((stored, stored.variant(variant.id)?)))
    }
}

/// The lowest price that counts for a reduction applied at `start`. `periods` are the earlier periods of one variant.
fn lowest_before<'a>(
    periods: impl Iterator<Item = &'a PricePeriod>,
    currency: Currency,
    start: Timestamp,
) -> Option<Amount> {
    let from = start - REDUCTION_WINDOW;
    let counts = |period: &&PricePeriod| period.currency == currency && period.ends_at.is_none_or(|end| end > from);
    periods.filter(counts).filter_map(|period| period.price).min()
}

/// Whether changing a variant from `before` to its new state applies a reduction.
fn applies_reduction(before: Option<(&Product, &Variant)>, product: &Product, variant: &Variant) -> bool {
    let goes_on = before.is_some_and(|(stored, before)| {
        stored.is_reduced(before) && stored.currency == product.currency && variant.price >= before.price
    });
    product.is_reduced(variant) && !goes_on
}

/// Whether the offered price of a variant changes, including when its offer starts or ends.
fn changes_price(before: Option<(&Product, &Variant)>, product: &Product, variant: &Variant) -> bool {
    let was = before.map(|(stored, before)| (stored.offered_price(before), stored.currency));
    was != Some((product.offered_price(variant), product.currency))
}

/// The variants of a changed product whose price history is needed before writing it: usually none.
pub(crate) fn needs_history(stored: &Product, product: &Product) -> Vec<VariantId> {
    let needed = |variant: &&Variant| {
        let before = Product::before(Some(stored), variant);
        before.is_some() && (changes_price(before, product, variant) || applies_reduction(before, product, variant))
    };
    product.variants.iter().filter(needed).map(|variant| variant.id).collect()
}

/// Starts the price history of variants that have none, from their stored state: the store may have been filled by a
/// release that kept no prices.
pub(crate) fn begin_history(history: &mut Vec<PricePeriod>, stored: &Product, variants: &[VariantId]) {
    let is_open = |id: VariantId| history.iter().any(|period| period.variant_id == id && period.ends_at.is_none());
    let missing = variants.iter().filter(|id| !is_open(**id)).filter_map(|id| stored.variant(*id));
    let periods: Vec<_> = missing.map(|variant| stored.price_period(variant, stored.updated_at)).collect();
    history.extend(periods);
}

/// Sets [`Variant::lowest_price_30_days`] of every variant. `history` holds the periods of the variants that
/// [`needs_history`] returned.
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

/// The periods that a new or changed product ends and starts; they are written with it.
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
        // The clock of the server that started the period may be ahead of this one.
        let at = open.map_or(now, |open| now.max(open.starts_at));
        periods.extend(open.map(|open| PricePeriod { ends_at: Some(at), ..open.clone() }));
        periods.push(product.price_period(variant, at));
    }
    periods
}

#[cfg(test)]
mod tests;
