//! Response bodies of what the core computes for a cart or an order: adjustments and taxes.

use shop_core::money::Currency;
use shop_core::pricing::{Adjustment, AdjustmentKind, Explanation, UsedTaxRate};

use crate::api::macros::bodies;
use crate::field::{Choice, Money, SignedMoney};

bodies! {
    #[doc = "An amount in addition to the item prices. The subtotal and all adjustments except `included_tax` sum to \
             the total."]
    AdjustmentBody as "Adjustment" new(adjustment: Adjustment, currency: Currency) {
        kind: Choice<AdjustmentKind>,
        label: String,
        /// Negative if it is a reduction.
        amount: SignedMoney = SignedMoney::new(adjustment.amount, currency),
        /// The coupon code that caused the adjustment.
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<String>,
    }

    /// The tax of an order at one rate, as of the time it was placed.
    UsedTaxBody as "OrderTax" new(tax: UsedTaxRate, explanation: &Explanation, currency: Currency) with {
        let net_base = explanation.net_base(&tax);
    } {
        /// The names of the tax rates with this percentage, separated by commas.
        name: String,
        /// `"0.0825"` is 8.25 %.
        rate: Money,
        /// The taxed amount after discounts; includes the tax if prices do.
        base: Money = Money::new(tax.base, currency),
        /// The taxed amount after discounts, excluding tax.
        net_base: Money = Money::new(net_base, currency),
        /// The tax on `net_base`.
        amount: Money = Money::new(tax.amount, currency),
    }
}

impl AdjustmentBody {
    pub(in crate::api) fn all(adjustments: Vec<Adjustment>, currency: Currency) -> Vec<Self> {
        adjustments.into_iter().map(|adjustment| Self::new(adjustment, currency)).collect()
    }
}

impl UsedTaxBody {
    pub(in crate::api) fn all(explanation: &Explanation, currency: Currency) -> Vec<Self> {
        explanation.taxes_by_rate().into_iter().map(|tax| Self::new(tax, explanation, currency)).collect()
    }
}
