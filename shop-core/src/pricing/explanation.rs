//! Why a price is what it is.

use serde::{Deserialize, Serialize};

use super::promotions::{Discounts, Outcome};
use super::{Basket, Ratio};
use crate::id::{PromotionId, TaxRateId};
use crate::money::Amount;
use crate::word::words;

/// What an adjustment is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdjustmentKind {
    /// A promotion took it off the lines; of a coupon without effect nothing, and the label says why.
    Promotion,
    /// The price of the shipping.
    Shipping,
    /// A promotion took it off the shipping.
    FreeShipping,
    /// A tax that is added.
    Tax,
    /// A tax that is contained in the other amounts.
    IncludedTax,
}

/// An amount beside the prices of the lines. The subtotal and all of them, those of
/// [`IncludedTax`](AdjustmentKind::IncludedTax) aside, sum to the total.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjustment {
    /// What it is about.
    pub kind: AdjustmentKind,
    /// What buyers see.
    pub label: String,
    /// How much; negative where it is taken off.
    pub amount: Amount,
    /// The coupon that did it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<String>,
}

/// A promotion that an order uses, as it was then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedPromotion {
    /// Which.
    pub promotion_id: PromotionId,
    /// Its name then.
    pub name: String,
    /// Its code, if it has one.
    pub code: Option<String>,
    /// Whether it took its amount off the shipping.
    pub free_shipping: bool,
    /// What it took off.
    pub amount: Amount,
}

/// A rate that an order was taxed at, as it was then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedTaxRate {
    /// Which of the shop's own; `None` for another's.
    pub tax_rate_id: Option<TaxRateId>,
    /// Its version then.
    pub version: i64,
    /// Its name then.
    pub name: String,
    /// How much it was.
    pub rate: Ratio,
    /// What was taxed.
    pub base: Amount,
    /// What it came to.
    pub amount: Amount,
}

/// Why a price is what it is, frozen with an order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Explanation {
    /// Whether the prices contain the taxes; else the taxes are added to them.
    pub prices_include_tax: bool,
    /// Every amount that is not a line's price: promotions in the order in which they were applied, coupons without
    /// effect, shipping, taxes.
    pub adjustments: Vec<Adjustment>,
    /// The promotions that were applied.
    pub promotions: Vec<UsedPromotion>,
    /// The rates that applied.
    pub taxes: Vec<UsedTaxRate>,
}

/// Explains a price.
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
        if let Outcome::Unmet(why) | Outcome::Gone(why) = &coupon.outcome {
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

words! {
    AdjustmentKind {
        Promotion => "promotion", Shipping => "shipping", FreeShipping => "free_shipping", Tax => "tax",
        IncludedTax => "included_tax",
    }
}
