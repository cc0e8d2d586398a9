//! Prices: what a cart or an order comes to, and why, as one pure pipeline over whole minor units.
//!
//! [`price`] takes lines that have a price each (whoever set it) and goes items → promotions → shipping → tax → total:
//!
//! 1. **Items**: a line is its price times its quantity; the subtotal is the sum of the lines.
//! 2. **Promotions**, by priority, the higher first; at the same priority coupons before those that apply by themselves;
//!    then the oldest first. Each works on what those before it left. One that is not combinable applies only if none
//!    has before it, and once it did nothing else does. One that would take nothing off is not applied, and not counted.
//! 3. **Shipping**: the price that was quoted, for the goods before any discount, less free shipping.
//! 4. **Tax**: on what is left of each line and of the shipping: added to it, or contained in it where prices include tax.
//!    The shipping is taxed as the goods are: it is split over the rates of the lines that apply to shipping, in proportion
//!    to the values of these lines after discounts (before them where all is free; by quantity where it always was), and is
//!    not taxed where no rate of a line applies to it. A [`TaxProvider`] may give it one rate instead.
//! 5. **Total**: subtotal − discounts + shipping, + tax where it is added. An order is then rounded to what its gateway
//!    charges ([`ChargeLimits`](crate::payments::ChargeLimits)); no tax is in that.
//!
//! An amount is rounded half up once: per promotion, and per tax base (a line or a part of the shipping, or with
//! [`TaxRounding::Order`] all that is taxed at one percentage). What was rounded is then [shared](share) out by largest remainder,
//! so parts always sum to their whole, to the minor unit. Every amount that is not a line's price is explained by an
//! [`Adjustment`].
//!
//! A coupon that does not apply is told by its [`Outcome`]: what the cart lacks ([`Outcome::Unmet`]) leaves it in the cart
//! without effect, saying why, and stops no order; a coupon that is gone for this buyer ([`Outcome::Gone`]) does: nobody is
//! made to pay more than they were promised.

mod explanation;
mod place;
mod promotions;
mod provider;
mod ratio;
mod share;
mod tax;
#[cfg(test)]
mod tests;
mod uses;

use crate::catalog::PriceRules;
use crate::clock::Timestamp;
use crate::id::{CategoryId, ProductId, UserId, VariantId};
use crate::money::{Amount, Currency};

pub use explanation::{
    Adjustment, AdjustmentKind, Explanation, TaxRateVersion, TaxedShipping, UsedPromotion, UsedTaxRate,
};
pub(crate) use place::{region_of, tax_countries};
pub use promotions::{Coupon, Outcome};
pub use provider::{TaxProvider, TaxRequest, TaxedLine};
pub use ratio::Ratio;
pub(crate) use ratio::half_up;
pub use share::share;
pub use tax::{NamedRate, TaxQuote, TaxRounding, Taxes, own_rates};
pub(crate) use uses::{count_unpaid, give_back_uses, take_uses};

/// A line with a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// What it is of; at most one line per variant.
    pub variant_id: VariantId,
    /// Its product.
    pub product_id: ProductId,
    /// Where that stands in the tree.
    pub category_id: Option<CategoryId>,
    /// Which rates of tax apply.
    pub tax_class: &'a str,
    /// What one costs, not negative.
    pub unit_price: Amount,
    /// How many.
    pub quantity: i64,
}

impl Line<'_> {
    /// What the line costs. Saturates: an order of such a line is refused, for it is above [`Amount::MAX`].
    #[must_use]
    pub fn total(&self) -> Amount {
        Amount(self.unit_price.0.saturating_mul(self.quantity))
    }
}

/// What is bought.
#[derive(Debug, Clone, Copy)]
pub struct Basket<'a> {
    /// The currency of every amount.
    pub currency: Currency,
    /// Its lines.
    pub lines: &'a [Line<'a>],
    /// The codes of its coupons, as they were given.
    pub coupons: &'a [String],
    /// Who buys, if they have an account.
    pub customer_id: Option<UserId>,
    /// How it is shipped (what that is called, and its price), once that is known.
    pub shipping: Option<(&'a str, Amount)>,
    /// When.
    pub now: Timestamp,
}

/// What it comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Priced {
    /// The lines, in their order.
    pub lines: Vec<PricedLine>,
    /// Sum of the lines before discounts.
    pub subtotal: Amount,
    /// Sum of the lines' discounts.
    pub discount_total: Amount,
    /// Price of the shipping, less free shipping.
    pub shipping_total: Amount,
    /// Tax of the shipping.
    pub shipping_tax: Amount,
    /// Sum of the lines' taxes and that of the shipping.
    pub tax_total: Amount,
    /// What is to be paid.
    pub total: Amount,
    /// What became of each coupon.
    pub coupons: Vec<Coupon>,
    /// Why.
    pub explanation: Explanation,
}

impl Priced {
    /// Rounds the total to this amount, as an adjustment.
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

/// What a line comes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PricedLine {
    /// Its price times its quantity.
    pub line_total: Amount,
    /// Its share of the discounts.
    pub discount: Amount,
    /// Its share of the taxes.
    pub tax: Amount,
    /// At which percentage it is taxed; `None` where it is not.
    pub tax_rate: Option<Ratio>,
}

/// Prices a basket; see [the module](self). Sums saturate at the end of an `i64`, far above [`Amount::MAX`]: whoever
/// agrees on a price looks whether the subtotal is within that.
#[must_use]
pub fn price(basket: &Basket<'_>, rules: &PriceRules, taxes: &Taxes) -> Priced {
    let discounts = promotions::apply(basket, rules);
    let shipping = basket.shipping.map_or(Amount::ZERO, |(_, price)| price);
    let shipping_total = Amount(shipping.0 - discounts.shipping.0);
    let nets: Vec<_> =
        basket.lines.iter().zip(&discounts.lines).map(|(line, discount)| Amount(line.total().0 - discount.0)).collect();
    let levied = tax::apply(basket, &nets, shipping_total, taxes);
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
    let explanation = explanation::explain(basket, &discounts, levied.rates, taxes.included);
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

/// What of each line and of the shipping is left to be taxed: for whoever asks a [`TaxProvider`] before the decision.
#[must_use]
pub fn taxable(basket: &Basket<'_>, rules: &PriceRules) -> (Vec<Amount>, Amount) {
    let untaxed = price(basket, rules, &Taxes::default());
    (untaxed.lines.iter().map(|line| Amount(line.line_total.0 - line.discount.0)).collect(), untaxed.shipping_total)
}

/// A sum that ends at the end of an `i64`.
fn sum(amounts: impl IntoIterator<Item = Amount>) -> Amount {
    amounts.into_iter().fold(Amount::ZERO, |sum, amount| Amount(sum.0.saturating_add(amount.0)))
}
