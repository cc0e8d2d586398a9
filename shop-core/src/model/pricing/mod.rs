//! How a price came about, as it is stored with an order.

mod rules;

use serde::{Deserialize, Serialize};

use crate::id::{PromotionId, TaxRateId};
use crate::money::{Amount, Ratio, saturating_sum as sum};
use crate::string_enum::string_enums;

pub use rules::{CountedOffer, Customer, PriceRules, RulesQuery};

/// The kind of an adjustment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdjustmentKind {
    /// A promotion's discount on the lines. For a coupon without effect, the amount is 0 and the label says why.
    Promotion,
    /// The price of the shipping.
    Shipping,
    /// A promotion's discount on the shipping.
    FreeShipping,
    /// A tax that is added to the total.
    Tax,
    /// A tax that the other amounts include.
    IncludedTax,
    /// The rounding of the total to the multiple that the gateway can charge; carries no tax.
    Rounding,
}

/// An amount other than a line's price. The subtotal plus all adjustments, except those of kind
/// [`IncludedTax`](AdjustmentKind::IncludedTax), is the total.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjustment {
    /// The kind of the adjustment.
    pub kind: AdjustmentKind,
    /// The text shown to buyers.
    pub label: String,
    /// The amount; negative if it reduces the total.
    pub amount: Amount,
    /// The code of the coupon that caused it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<String>,
}

/// A promotion that an order uses, as it was when the order was priced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedPromotion {
    /// The promotion that was applied.
    pub promotion_id: PromotionId,
    /// Name at that time.
    pub name: String,
    /// Code at that time, if it is a coupon.
    pub code: Option<String>,
    /// Whether it discounts the shipping instead of the lines.
    pub free_shipping: bool,
    /// The discount.
    pub amount: Amount,
}

/// A percentage that an order was taxed at, and the rates with this percentage, as they were when the order was priced.
/// Orders of earlier releases have one entry per rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedTaxRate {
    /// The shop's own rate, the first if there are several; `None` for rates from a tax provider.
    pub tax_rate_id: Option<TaxRateId>,
    /// Version of that rate at that time.
    pub version: i64,
    /// Names at that time, separated by `", "`.
    pub name: String,
    /// The percentage.
    pub rate: Ratio,
    /// The taxed amount, including the tax if prices include tax.
    pub base: Amount,
    /// The tax.
    pub amount: Amount,
    /// The shop's other rates with this percentage.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub others: Vec<TaxRateVersion>,
    /// The shipping's part of the entry; `None` if shipping was not taxed at this percentage, and in orders of earlier
    /// releases.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub shipping: Option<TaxedShipping>,
}

impl UsedTaxRate {
    /// All of the shop's own rates in this entry, with the versions that were read.
    pub fn own(&self) -> impl Iterator<Item = TaxRateVersion> {
        let first = self.tax_rate_id.map(|id| TaxRateVersion { id, version: self.version });
        first.into_iter().chain(self.others.iter().copied())
    }
}

/// One of the shop's own tax rates, with the version that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxRateVersion {
    /// The shop's tax rate.
    pub id: TaxRateId,
    /// Its version at that time.
    pub version: i64,
}

/// The part of the shipping that is taxed at one percentage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxedShipping {
    /// The taxed amount, including the tax if prices include tax.
    pub base: Amount,
    /// The tax.
    pub amount: Amount,
}

/// How a price came about; stored unchanged with the order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Explanation {
    /// Whether the prices include the taxes; else the taxes are added to them.
    pub prices_include_tax: bool,
    /// Every amount that is not a line's price, in this order: applied promotions in the order of application, coupons
    /// without effect, shipping, taxes, rounding.
    pub adjustments: Vec<Adjustment>,
    /// The applied promotions.
    pub promotions: Vec<UsedPromotion>,
    /// The applied percentages.
    pub taxes: Vec<UsedTaxRate>,
}

impl Explanation {
    /// The taxes, merged to one entry per percentage (orders of earlier releases have several).
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

    /// The taxed amount without the tax.
    #[must_use]
    pub fn net_base(&self, tax: &UsedTaxRate) -> Amount {
        let contained = if self.prices_include_tax { tax.amount } else { Amount::ZERO };
        Amount(tax.base.0.saturating_sub(contained.0))
    }

    /// The percentage of all taxes, if there is only one.
    #[must_use]
    pub(crate) fn only_rate(&self) -> Option<Ratio> {
        let first = self.taxes.first()?.rate;
        self.taxes.iter().all(|tax| tax.rate == first).then_some(first)
    }

    /// The amount that rounding added to the total; negative if it was rounded down.
    #[must_use]
    pub fn rounding(&self) -> Amount {
        let rounding = self.adjustments.iter().filter(|one| one.kind == AdjustmentKind::Rounding);
        sum(rounding.map(|one| one.amount))
    }
}

string_enums! {
    AdjustmentKind {
        Promotion => "promotion", Shipping => "shipping", FreeShipping => "free_shipping", Tax => "tax",
        IncludedTax => "included_tax", Rounding => "rounding",
    }
}
