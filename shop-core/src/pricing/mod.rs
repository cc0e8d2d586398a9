//! Prices a cart or an order and explains the result. One pure pipeline over whole minor units.
//!
//! [`price`] takes lines that already have a price and runs items → promotions → shipping → tax → total:
//!
//! 1. **Items**: a line total is its price times its quantity; the subtotal is the sum of the lines.
//! 2. **Promotions**, highest priority first. At equal priority, coupons come before automatic promotions, then the
//!    oldest first. Each promotion works on what the earlier ones left. A promotion that is not combinable applies only
//!    if none applied before it, and then excludes all later ones. A promotion that would take nothing off is neither
//!    applied nor counted.
//! 3. **Shipping**: the quoted price, which is based on the items before discounts, less free shipping.
//! 4. **Tax** on the discounted lines and the shipping: added, or contained in the amounts if prices include tax. The
//!    shipping is split over those line rates that apply to shipping, in proportion to the discounted values of their
//!    lines (before discounts if everything is free; by quantity if it always was). If no line's rate applies to
//!    shipping, shipping is not taxed. A [`TaxProvider`] may give shipping a single rate instead.
//! 5. **Total**: subtotal − discounts + shipping, + tax if it is added. An order is then rounded to an amount that its
//!    gateway can charge ([`ChargeLimits`](crate::payments::ChargeLimits)); this rounding carries no tax.
//!
//! Each amount is rounded half up once: per promotion, and per tax base (a line or a part of the shipping, or with
//! [`TaxRounding::Order`] everything that is taxed at one percentage). The rounded amount is then [allocated](share) by
//! largest remainder, so parts always sum to their whole, to the minor unit. An [`Adjustment`] explains every amount
//! that is not a line's price.
//!
//! The [`CouponOutcome`] of a coupon says whether it applies. If the cart does not meet its conditions
//! ([`CouponOutcome::Unmet`]), the coupon stays in the cart without effect, with the reason, and does not block the
//! order. A coupon that this buyer can no longer use ([`CouponOutcome::Gone`]) blocks the order, so that the buyer
//! never pays more than the cart promised.

mod explain;
mod promotions;
mod provider;
mod rates;
mod taxes;
#[cfg(test)]
mod tests;
mod uses;

use crate::clock::Timestamp;
use crate::id::{CategoryId, ProductId, UserId, VariantId};
use crate::money::{Amount, Currency, saturating_sum as sum};

pub use promotions::{Coupon, CouponOutcome};
pub use provider::{TaxProvider, TaxRequest, TaxedLine};
pub(crate) use rates::{region_of, tax_countries};
pub use taxes::{NamedRate, TaxQuote, TaxRounding, Taxes, own_rates};
pub(crate) use uses::{count_unpaid, give_back_uses, take_uses};

pub use crate::model::pricing::{
    Adjustment, AdjustmentKind, CountedOffer, Customer, Explanation, PriceRules, RulesQuery, TaxRateVersion,
    TaxedShipping, UsedPromotion, UsedTaxRate,
};
pub use crate::money::{Ratio, share};
pub use crate::store::PricingRepository;

/// A priced line of a basket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BasketLine<'a> {
    /// The variant that is bought; at most one line per variant.
    pub variant_id: VariantId,
    /// The product that the variant belongs to.
    pub product_id: ProductId,
    /// The product's category; `None` if it has none.
    pub category_id: Option<CategoryId>,
    /// Selects the tax rates that apply.
    pub tax_class: &'a str,
    /// Price of one unit; not negative.
    pub unit_price: Amount,
    /// Number of units.
    pub quantity: i64,
}

impl BasketLine<'_> {
    /// Unit price times quantity. Saturates: the total is then above [`Amount::MAX`], and such an order is refused.
    #[must_use]
    pub fn total(&self) -> Amount {
        Amount(self.unit_price.0.saturating_mul(self.quantity))
    }
}

/// The input of [`price`].
#[derive(Debug, Clone, Copy)]
pub struct Basket<'a> {
    /// The currency of every amount.
    pub currency: Currency,
    /// The lines to price.
    pub lines: &'a [BasketLine<'a>],
    /// The coupon codes, as entered.
    pub coupons: &'a [String],
    /// The buyer's account; `None` for a guest.
    pub customer_id: Option<UserId>,
    /// Name and price of the shipping method, once it is chosen.
    pub shipping: Option<(&'a str, Amount)>,
    /// The time at which promotions must be valid.
    pub now: Timestamp,
}

/// The result of [`price`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Priced {
    /// The lines, in the order of the basket.
    pub lines: Vec<PricedLine>,
    /// Sum of the line totals before discounts.
    pub subtotal: Amount,
    /// Sum of the line discounts.
    pub discount_total: Amount,
    /// Shipping price after free shipping.
    pub shipping_total: Amount,
    /// Tax on the shipping.
    pub shipping_tax: Amount,
    /// Sum of the line taxes and the shipping tax.
    pub tax_total: Amount,
    /// The amount to pay.
    pub total: Amount,
    /// The outcome of each coupon, in the order of the basket.
    pub coupons: Vec<Coupon>,
    /// How the amounts came about.
    pub explanation: Explanation,
}

impl Priced {
    /// Sets the total to this amount and records the difference as a rounding adjustment.
    pub(crate) fn round_to(&mut self, total: Amount) {
        let amount = Amount(total.0.saturating_sub(self.total.0));
        if amount != Amount::ZERO {
            self.explanation.adjustments.push(Adjustment {
                kind: AdjustmentKind::Rounding,
                label: "Rounding".to_owned(),
                amount,
                code: None,
            });
            self.total = total;
        }
    }
}

/// The amounts of one line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PricedLine {
    /// Unit price times quantity.
    pub line_total: Amount,
    /// The line's share of the discounts.
    pub discount: Amount,
    /// The line's share of the taxes.
    pub tax: Amount,
    /// Tax rate of the line; `None` if it is not taxed.
    pub tax_rate: Option<Ratio>,
}

/// Prices a basket; see [the module](self). Sums saturate at `i64::MAX`, far above [`Amount::MAX`], so callers must
/// check that the subtotal is within [`Amount::MAX`] before they accept a price.
#[must_use]
pub fn price(basket: &Basket<'_>, rules: &PriceRules, taxes: &Taxes) -> Priced {
    let discounts = promotions::apply(basket, rules);
    let shipping = basket.shipping.map_or(Amount::ZERO, |(_, price)| price);
    let shipping_total = Amount(shipping.0 - discounts.shipping.0);
    let nets: Vec<_> =
        basket.lines.iter().zip(&discounts.lines).map(|(line, discount)| Amount(line.total().0 - discount.0)).collect();
    let levied = taxes::apply(basket, &nets, shipping_total, taxes);
    let of_lines = basket.lines.iter().zip(&discounts.lines).zip(levied.lines.iter().zip(&levied.line_rates));
    let lines = of_lines.map(|((line, discount), (tax, rate))| PricedLine {
        line_total: line.total(),
        discount: *discount,
        tax: *tax,
        tax_rate: *rate,
    });
    let lines: Vec<_> = lines.collect();
    let subtotal = sum(lines.iter().map(|line| line.line_total));
    let discount_total = sum(discounts.lines.iter().copied());
    let tax_total = sum(levied.lines.iter().copied().chain([levied.shipping]));
    let added = if taxes.included { Amount::ZERO } else { tax_total };
    let total = sum([Amount(subtotal.0 - discount_total.0), shipping_total, added]);
    let explanation = explain::explain(basket, &discounts, levied.rates, taxes.included);
    Priced {
        lines,
        subtotal,
        discount_total,
        shipping_total,
        shipping_tax: levied.shipping,
        tax_total,
        total,
        coupons: discounts.coupons,
        explanation,
    }
}

/// The taxable amounts of each line and of the shipping, after discounts. Needed to query a [`TaxProvider`] before the
/// decision.
#[must_use]
pub fn taxable(basket: &Basket<'_>, rules: &PriceRules) -> (Vec<Amount>, Amount) {
    let untaxed = price(basket, rules, &Taxes::default());
    (untaxed.lines.iter().map(|line| Amount(line.line_total.0 - line.discount.0)).collect(), untaxed.shipping_total)
}
