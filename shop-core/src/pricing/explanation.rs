//! Why a price is what it is.

use serde::{Deserialize, Serialize};

use super::promotions::{Discounts, Outcome};
use super::{Basket, Ratio, sum};
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
    /// What the total was rounded by, for the gateway charges only multiples of a larger amount; no tax is in it.
    Rounding,
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

/// A percentage that an order was taxed at, with the rates that had it, as they were then. Orders of earlier releases have
/// an entry per rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedTaxRate {
    /// Which of the shop's own, the first where there are several; `None` for another's.
    pub tax_rate_id: Option<TaxRateId>,
    /// Its version then.
    pub version: i64,
    /// Its name then; several are separated by commas.
    pub name: String,
    /// How much it was.
    pub rate: Ratio,
    /// What was taxed: with the tax where prices contain it.
    pub base: Amount,
    /// What it came to.
    pub amount: Amount,
    /// The others of the shop's own rates with this percentage.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub others: Vec<TaxRateVersion>,
    /// What of it is of the shipping; `None` where the shipping was not taxed at it, and in orders of earlier releases.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub shipping: Option<TaxedShipping>,
}

impl UsedTaxRate {
    /// The shop's own rates in it, as they were read.
    pub fn own(&self) -> impl Iterator<Item = TaxRateVersion> {
        let first = self.tax_rate_id.map(|id| TaxRateVersion { id, version: self.version });
        first.into_iter().chain(self.others.iter().copied())
    }
}

/// One of the shop's own rates of tax, as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxRateVersion {
    /// Which.
    pub id: TaxRateId,
    /// Its version then.
    pub version: i64,
}

/// The part of the shipping that is taxed at one percentage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxedShipping {
    /// What was taxed: with the tax where prices contain it.
    pub base: Amount,
    /// What the tax came to.
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
    /// The percentages that applied.
    pub taxes: Vec<UsedTaxRate>,
}

impl Explanation {
    /// The taxes, with one entry per percentage also for orders of earlier releases.
    #[must_use]
    pub fn taxes_by_rate(&self) -> Vec<UsedTaxRate> {
        let mut merged: Vec<UsedTaxRate> = Vec::with_capacity(self.taxes.len());
        for tax in &self.taxes {
            let Some(same) = merged.iter_mut().find(|same| same.rate == tax.rate) else {
                merged.push(tax.clone());
                continue;
            };
            if !same.name.split(", ").any(|name| name == tax.name) {
                same.name = format!("{}, {}", same.name, tax.name);
            }
            same.base = sum([same.base, tax.base]);
            same.amount = sum([same.amount, tax.amount]);
            same.others.extend(tax.own());
        }
        merged
    }

    /// What was taxed, without the tax.
    #[must_use]
    pub fn net_base(&self, tax: &UsedTaxRate) -> Amount {
        let contained = if self.prices_include_tax { tax.amount } else { Amount::ZERO };
        Amount(tax.base.0.saturating_sub(contained.0))
    }

    /// The percentage of all taxes, where there is only one.
    #[must_use]
    pub(crate) fn only_rate(&self) -> Option<Ratio> {
        let first = self.taxes.first()?.rate;
        self.taxes.iter().all(|tax| tax.rate == first).then_some(first)
    }

    /// What the total was rounded by; negative where it was rounded down.
    #[must_use]
    pub fn rounding(&self) -> Amount {
        let rounding = self.adjustments.iter().filter(|one| one.kind == AdjustmentKind::Rounding);
        sum(rounding.map(|one| one.amount))
    }
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
        IncludedTax => "included_tax", Rounding => "rounding",
    }
}
