//! Explains how a price came about.

use super::Basket;
use super::promotions::{CouponOutcome, Discounts};
use crate::model::pricing::{Adjustment, AdjustmentKind, Explanation, UsedTaxRate};
use crate::money::Amount;

/// Builds the explanation of a price.
pub(super) fn explain(
    basket: &Basket<'_>,
    discounts: &Discounts,
    taxes: Vec<UsedTaxRate>,
    prices_include_tax: bool,
) -> Explanation {
    use AdjustmentKind as Kind;
    let mut adjustments = Vec::new();
    let mut add = |kind, label: &str, amount, code: Option<&String>| {
        adjustments.push(Adjustment { kind, label: label.to_owned(), amount, code: code.cloned() });
    };
    for used in &discounts.used {
        let kind = if used.free_shipping { Kind::FreeShipping } else { Kind::Promotion };
        add(kind, &used.name, Amount(-used.amount.0), used.code.as_ref());
    }
    for coupon in &discounts.coupons {
        if let CouponOutcome::Unmet(why) | CouponOutcome::Gone(why) = &coupon.outcome {
            add(Kind::Promotion, why, Amount::ZERO, Some(&coupon.code));
        }
    }
    if let Some((name, price)) = basket.shipping {
        add(Kind::Shipping, name, price, None);
    }
    let kind = if prices_include_tax { Kind::IncludedTax } else { Kind::Tax };
    for tax in &taxes {
        add(kind, &tax.name, tax.amount, None);
    }
    Explanation { prices_include_tax, adjustments, promotions: discounts.used.clone(), taxes }
}
