//! Request and response bodies of promotions and tax rates.

use chrono::{DateTime, Utc};
use shop_core::catalog::{CountedPromotion, Offer, PromotionInput, PromotionKind, TaxRate, TaxRateInput};
use shop_core::money::Currency;
use shop_core::pricing::{Adjustment, AdjustmentKind, Explanation, UsedTaxRate};
use uuid::Uuid;

use crate::api::macros::{bodies, requests};
use crate::field::{Choice, Money, SignedMoney};

requests! {
    /// A promotion.
    PromotionRequest,
    /// Changes to a promotion.
    PromotionChange => PromotionInput {
        /// The name shown to buyers, 1 to 100 characters.
        name: Needed<String>,
        /// The coupon code, case-insensitive; null for a promotion that applies automatically.
        code: Nullable<String>,
        kind: Needed<Choice<PromotionKind>>,
        /// For `percent` a percentage (`"12.5"`), for `fixed` an amount.
        value: Nullable<Money>,
        /// For `buy_x_get_y`: the number of units paid for.
        buy_quantity: Nullable<i64>,
        /// For `buy_x_get_y`: the number of free units.
        get_quantity: Nullable<i64>,
        /// The minimum subtotal of the cart, before discounts.
        min_subtotal: Nullable<Money>,
        /// Currency of all amounts (ISO 4217). If given, it must be the currency of the promotion.
        currency: Nullable<String>,
        /// Only these products (or those of `category_ids`); at most 1,000. Empty or null means all.
        product_ids: Nullable<Vec<Uuid>>,
        /// Only products of these categories and their subcategories (or those of `product_ids`).
        category_ids: Nullable<Vec<Uuid>>,
        /// Only for these customers; empty or null means all.
        customer_ids: Nullable<Vec<Uuid>>,
        /// Only for buyers without another order. Defaults to false.
        first_order_only: Optional<bool>,
        starts_at: Nullable<DateTime<Utc>>,
        ends_at: Nullable<DateTime<Utc>>,
        /// The maximum number of orders that use it.
        usage_limit: Nullable<i64>,
        /// The maximum number of orders of one e-mail address that use it.
        usage_limit_per_customer: Nullable<i64>,
        /// Whether it can be combined with others. Defaults to true.
        combinable: Optional<bool>,
        /// Higher priorities are applied first. Defaults to 0.
        priority: Optional<i64>,
        /// Defaults to true.
        active: Optional<bool>,
    }

    /// A tax rate.
    TaxRateRequest,
    /// Changes to a tax rate.
    TaxRateChange => TaxRateInput {
        /// The name shown to buyers, 1 to 100 characters.
        name: Needed<String>,
        /// The tax class of the variants it applies to. Defaults to `standard`. Variants whose class has no rate in
        /// a place are untaxed there.
        tax_class: Optional<String>,
        /// ISO 3166-1 alpha-2.
        country: Needed<String>,
        /// A state or province as its ISO 3166-2 code (`NY` or `US-NY`) or a name of it, stored as the code without
        /// the country; null for the whole country. In the region, this rate replaces the country's. Orders to the
        /// country must then give an existing region in their shipping address.
        region: Nullable<String>,
        /// From 0 to 1: `"0.0825"` is 8.25 %.
        rate: Needed<Money>,
        /// Whether it also applies to shipping. Defaults to false.
        applies_to_shipping: Optional<bool>,
    }
}

bodies! {
    /// A promotion.
    PromotionBody as "Promotion" from(promotion: CountedPromotion) with {
        let CountedPromotion { promotion, uses } = promotion;
        let currency = promotion.currency;
        let (value, buy_quantity, get_quantity) = match promotion.offer {
            Offer::Percent { ratio } => (Some(Money(ratio.percent())), None, None),
            Offer::Fixed { amount } => (Some(Money::new(amount, currency)), None, None),
            Offer::FreeShipping => (None, None, None),
            Offer::BuyXGetY { buy, get } => (None, Some(buy), Some(get)),
        };
    } {
        id: Uuid,
        name: String,
        /// Null if it applies automatically.
        code: Option<String>,
        kind: Choice<PromotionKind> = Choice(promotion.offer.kind()),
        /// A percentage, or an amount.
        value: Option<Money> = value,
        buy_quantity: Option<i64> = buy_quantity,
        get_quantity: Option<i64> = get_quantity,
        currency: String,
        min_subtotal: Option<Money> = promotion.min_subtotal.map(|amount| Money::new(amount, currency)),
        product_ids: Vec<Uuid>,
        category_ids: Vec<Uuid>,
        customer_ids: Vec<Uuid>,
        first_order_only: bool,
        starts_at: Option<DateTime<Utc>>,
        ends_at: Option<DateTime<Utc>>,
        usage_limit: Option<i64>,
        usage_limit_per_customer: Option<i64>,
        combinable: bool,
        priority: i64,
        active: bool,
        /// The number of orders that use it: placed with it and not canceled.
        uses: i64 = uses,
        version: i64,
        created_at: DateTime<Utc>,
        updated_at: DateTime<Utc>,
    }

    /// A tax rate.
    TaxRateBody as "TaxRate" from(rate: TaxRate) {
        id: Uuid,
        name: String,
        tax_class: String,
        country: String,
        region: Option<String>,
        /// From 0 to 1.
        rate: Money,
        applies_to_shipping: bool,
        version: i64,
        created_at: DateTime<Utc>,
        updated_at: DateTime<Utc>,
    }

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
