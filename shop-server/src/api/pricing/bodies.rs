//! Request and response bodies of promotions and tax rates.

use chrono::{DateTime, Utc};
use poem_openapi::{Enum, Object};
use serde::Serialize;
use shop_core::catalog::{self, CountedPromotion, Offer, PromotionInput, TaxRate, TaxRateInput};
use shop_core::money::Currency;
use shop_core::pricing;
use shop_core::word::Word as _;
use uuid::Uuid;

use crate::field::{Money, Nullable, Optional, Required, SignedMoney};

/// What a promotion does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(super) enum PromotionKind {
    /// Takes `value` percent off.
    Percent,
    /// Takes the amount `value` off.
    Fixed,
    /// Makes shipping free.
    FreeShipping,
    /// For every `buy_quantity + get_quantity` units, makes `get_quantity` free: the cheapest of all units.
    #[oai(rename = "buy_x_get_y")]
    BuyXGetY,
}

impl From<PromotionKind> for catalog::PromotionKind {
    fn from(kind: PromotionKind) -> Self {
        match kind {
            PromotionKind::Percent => Self::Percent,
            PromotionKind::Fixed => Self::Fixed,
            PromotionKind::FreeShipping => Self::FreeShipping,
            PromotionKind::BuyXGetY => Self::BuyXGetY,
        }
    }
}

impl From<catalog::PromotionKind> for PromotionKind {
    fn from(kind: catalog::PromotionKind) -> Self {
        match kind {
            catalog::PromotionKind::Percent => Self::Percent,
            catalog::PromotionKind::Fixed => Self::Fixed,
            catalog::PromotionKind::FreeShipping => Self::FreeShipping,
            catalog::PromotionKind::BuyXGetY => Self::BuyXGetY,
        }
    }
}

macro_rules! promotion_request {
    ($(#[$doc:meta])* $name:ident, $needed:ident) => {
        $(#[$doc])*
        #[derive(Debug, Object)]
        pub(super) struct $name {
            /// The name shown to buyers, 1 to 100 characters.
            name: $needed<String>,
            /// The coupon code, case-insensitive; null for a promotion that applies automatically.
            code: Nullable<String>,
            kind: $needed<PromotionKind>,
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

        impl From<$name> for PromotionInput {
            fn from(request: $name) -> Self {
                let word = |kind: PromotionKind| catalog::PromotionKind::from(kind).word().to_owned();
                Self {
                    name: request.name.into(),
                    code: request.code.into(),
                    kind: request.kind.0.map(word),
                    value: request.value.into_field(),
                    buy_quantity: request.buy_quantity.into(),
                    get_quantity: request.get_quantity.into(),
                    min_subtotal: request.min_subtotal.into_field(),
                    currency: request.currency.into(),
                    product_ids: request.product_ids.into_list(),
                    category_ids: request.category_ids.into_list(),
                    customer_ids: request.customer_ids.into_list(),
                    first_order_only: request.first_order_only.into(),
                    starts_at: request.starts_at.into(),
                    ends_at: request.ends_at.into(),
                    usage_limit: request.usage_limit.into(),
                    usage_limit_per_customer: request.usage_limit_per_customer.into(),
                    combinable: request.combinable.into(),
                    priority: request.priority.into(),
                    active: request.active.into(),
                }
            }
        }
    };
}

promotion_request! {
    /// A promotion.
    PromotionRequest, Required
}

promotion_request! {
    /// Changes to a promotion.
    PromotionChange, Optional
}

/// A promotion.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Promotion")]
pub(super) struct PromotionBody {
    id: Uuid,
    name: String,
    /// Null if it applies automatically.
    code: Option<String>,
    kind: PromotionKind,
    /// A percentage, or an amount.
    value: Option<Money>,
    buy_quantity: Option<i64>,
    get_quantity: Option<i64>,
    currency: String,
    min_subtotal: Option<Money>,
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
    uses: i64,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<CountedPromotion> for PromotionBody {
    fn from(counted: CountedPromotion) -> Self {
        let CountedPromotion { promotion, uses } = counted;
        let currency = promotion.currency;
        let (buy_quantity, get_quantity) = match promotion.offer {
            Offer::BuyXGetY { buy, get } => (Some(buy), Some(get)),
            _ => (None, None),
        };
        Self {
            id: promotion.id.0,
            name: promotion.name,
            code: promotion.code,
            kind: promotion.offer.kind().into(),
            value: match promotion.offer {
                Offer::Percent { ratio } => Some(Money(ratio.percent())),
                Offer::Fixed { amount } => Some(Money::new(amount, currency)),
                Offer::FreeShipping | Offer::BuyXGetY { .. } => None,
            },
            buy_quantity,
            get_quantity,
            currency: currency.code().to_owned(),
            min_subtotal: promotion.min_subtotal.map(|amount| Money::new(amount, currency)),
            product_ids: promotion.product_ids.into_iter().map(Uuid::from).collect(),
            category_ids: promotion.category_ids.into_iter().map(Uuid::from).collect(),
            customer_ids: promotion.customer_ids.into_iter().map(Uuid::from).collect(),
            first_order_only: promotion.first_order_only,
            starts_at: promotion.starts_at,
            ends_at: promotion.ends_at,
            usage_limit: promotion.usage_limit,
            usage_limit_per_customer: promotion.usage_limit_per_customer,
            combinable: promotion.combinable,
            priority: promotion.priority,
            active: promotion.active,
            uses,
            version: promotion.version,
            created_at: promotion.created_at,
            updated_at: promotion.updated_at,
        }
    }
}

macro_rules! tax_rate_request {
    ($(#[$doc:meta])* $name:ident, $needed:ident) => {
        $(#[$doc])*
        #[derive(Debug, Object)]
        pub(super) struct $name {
            /// The name shown to buyers, 1 to 100 characters.
            name: $needed<String>,
            /// The tax class of the variants it applies to. Defaults to `standard`. Variants whose class has no rate in
            /// a place are untaxed there.
            tax_class: Optional<String>,
            /// ISO 3166-1 alpha-2.
            country: $needed<String>,
            /// A state or province as its ISO 3166-2 code (`NY` or `US-NY`) or a name of it, stored as the code without
            /// the country; null for the whole country. In the region, this rate replaces the country's. Orders to the
            /// country must then give an existing region in their shipping address.
            region: Nullable<String>,
            /// From 0 to 1: `"0.0825"` is 8.25 %.
            rate: $needed<Money>,
            /// Whether it also applies to shipping. Defaults to false.
            applies_to_shipping: Optional<bool>,
        }

        impl From<$name> for TaxRateInput {
            fn from(request: $name) -> Self {
                Self {
                    name: request.name.into(),
                    tax_class: request.tax_class.into(),
                    country: request.country.into(),
                    region: request.region.into(),
                    rate: request.rate.into_field(),
                    applies_to_shipping: request.applies_to_shipping.into(),
                }
            }
        }
    };
}

tax_rate_request! {
    /// A tax rate.
    TaxRateRequest, Required
}

tax_rate_request! {
    /// Changes to a tax rate.
    TaxRateChange, Optional
}

/// A tax rate.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "TaxRate")]
pub(super) struct TaxRateBody {
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

impl From<TaxRate> for TaxRateBody {
    fn from(rate: TaxRate) -> Self {
        Self {
            id: rate.id.0,
            name: rate.name,
            tax_class: rate.tax_class,
            country: rate.country,
            region: rate.region,
            rate: Money(rate.rate.to_string()),
            applies_to_shipping: rate.applies_to_shipping,
            version: rate.version,
            created_at: rate.created_at,
            updated_at: rate.updated_at,
        }
    }
}

/// The kind of an adjustment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(crate) enum AdjustmentKind {
    /// A promotion on the items. For a coupon without effect, the amount is zero and the label says why.
    Promotion,
    /// The price of shipping.
    Shipping,
    /// A promotion on shipping.
    FreeShipping,
    /// A tax that is added.
    Tax,
    /// A tax that is included in the other amounts.
    IncludedTax,
    /// The rounding of the total, for a gateway that only charges multiples of a larger amount.
    Rounding,
}

/// An amount in addition to the item prices. The subtotal and all adjustments except `included_tax` sum to the total.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Adjustment")]
pub(crate) struct AdjustmentBody {
    kind: AdjustmentKind,
    label: String,
    /// Negative if it is a reduction.
    amount: SignedMoney,
    /// The coupon code that caused the adjustment.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

impl AdjustmentBody {
    pub(crate) fn all(adjustments: Vec<pricing::Adjustment>, currency: Currency) -> Vec<Self> {
        let kind = |kind| match kind {
            pricing::AdjustmentKind::Promotion => AdjustmentKind::Promotion,
            pricing::AdjustmentKind::Shipping => AdjustmentKind::Shipping,
            pricing::AdjustmentKind::FreeShipping => AdjustmentKind::FreeShipping,
            pricing::AdjustmentKind::Tax => AdjustmentKind::Tax,
            pricing::AdjustmentKind::IncludedTax => AdjustmentKind::IncludedTax,
            pricing::AdjustmentKind::Rounding => AdjustmentKind::Rounding,
        };
        let body = |adjustment: pricing::Adjustment| Self {
            kind: kind(adjustment.kind),
            label: adjustment.label,
            amount: SignedMoney::new(adjustment.amount, currency),
            code: adjustment.code,
        };
        adjustments.into_iter().map(body).collect()
    }
}

/// The tax of an order at one rate, as of the time it was placed.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "OrderTax")]
pub(crate) struct UsedTaxBody {
    /// The names of the tax rates with this percentage, separated by commas.
    name: String,
    /// `"0.0825"` is 8.25 %.
    rate: Money,
    /// The taxed amount after discounts; includes the tax if prices do.
    base: Money,
    /// The taxed amount after discounts, excluding tax.
    net_base: Money,
    /// The tax on `net_base`.
    amount: Money,
}

impl UsedTaxBody {
    pub(crate) fn all(explanation: &pricing::Explanation, currency: Currency) -> Vec<Self> {
        let body = |tax: pricing::UsedTaxRate| Self {
            rate: Money(tax.rate.to_string()),
            base: Money::new(tax.base, currency),
            net_base: Money::new(explanation.net_base(&tax), currency),
            amount: Money::new(tax.amount, currency),
            name: tax.name,
        };
        explanation.taxes_by_rate().into_iter().map(body).collect()
    }
}
