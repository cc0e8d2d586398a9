//! What is sent to promotions and rates of tax, and what comes back.

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
    /// Takes `value` per cent off.
    Percent,
    /// Takes the amount `value` off.
    Fixed,
    /// Ships for nothing.
    FreeShipping,
    /// Of every `buy_quantity + get_quantity` pieces the cheapest `get_quantity` are free.
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
            /// What buyers see, 1 to 100 characters.
            name: $needed<String>,
            /// What a buyer says to get it, however it is spelled; null for one that applies by itself.
            code: Nullable<String>,
            kind: $needed<PromotionKind>,
            /// For `percent` a percentage (`"12.5"`), for `fixed` an amount.
            value: Nullable<Money>,
            /// For `buy_x_get_y`: how many are paid.
            buy_quantity: Nullable<i64>,
            /// For `buy_x_get_y`: how many are free.
            get_quantity: Nullable<i64>,
            /// From this subtotal of the cart on, before discounts.
            min_subtotal: Nullable<Money>,
            /// That of all amounts, to be sure: another one is refused.
            currency: Nullable<String>,
            /// Only these products (or those of `category_ids`); at most 1,000, empty or null for all.
            product_ids: Nullable<Vec<Uuid>>,
            /// Only products of these categories and of those below them (or those of `product_ids`).
            category_ids: Nullable<Vec<Uuid>>,
            /// Only for these people; empty or null for all.
            customer_ids: Nullable<Vec<Uuid>>,
            /// Only for who has no other order; false unless said otherwise.
            first_order_only: Optional<bool>,
            starts_at: Nullable<DateTime<Utc>>,
            ends_at: Nullable<DateTime<Utc>>,
            /// How many orders may use it.
            usage_limit: Nullable<i64>,
            /// How many orders of one e-mail address may use it.
            usage_limit_per_customer: Nullable<i64>,
            /// May be used beside others; true unless said otherwise.
            combinable: Optional<bool>,
            /// The higher ones are applied first; 0 unless said otherwise.
            priority: Optional<i64>,
            /// True unless said otherwise.
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
    /// What changes of a promotion.
    PromotionChange, Optional
}

/// A promotion.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Promotion")]
pub(super) struct PromotionBody {
    id: Uuid,
    name: String,
    /// Null: it applies by itself.
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
    /// How many orders use it: those that were placed with it and not canceled.
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
            /// What buyers see, 1 to 100 characters.
            name: $needed<String>,
            /// Of which variants; `standard` unless said otherwise. Variants of a class that has no rate at a place are not
            /// taxed there.
            tax_class: Optional<String>,
            /// ISO 3166-1 alpha-2.
            country: $needed<String>,
            /// A state or province of it by its ISO 3166-2 code (`NY`, or `US-NY`) or a name of it, kept as the code without the
            /// country, in whose place the rate of the whole country is not asked; null for the whole country. Orders to this
            /// country must then say a region that exists in their shipping address.
            region: Nullable<String>,
            /// From 0 to 1: `"0.0825"` is 8.25 %.
            rate: $needed<Money>,
            /// Whether shipping is taxed at it, too; false unless said otherwise.
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
    /// A rate of tax.
    TaxRateRequest, Required
}

tax_rate_request! {
    /// What changes of a rate of tax.
    TaxRateChange, Optional
}

/// A rate of tax.
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

/// What an adjustment is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(crate) enum AdjustmentKind {
    /// A promotion took it off the items; of a coupon without effect nothing, and the label says why.
    Promotion,
    /// The price of the shipping.
    Shipping,
    /// A promotion took it off the shipping.
    FreeShipping,
    /// A tax that is added.
    Tax,
    /// A tax that is contained in the other amounts.
    IncludedTax,
    /// What the total was rounded by, for the gateway charges only multiples of a larger amount.
    Rounding,
}

/// An amount beside the prices of the items. The subtotal and all of them, those of `included_tax` aside, sum to the total.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Adjustment")]
pub(crate) struct AdjustmentBody {
    kind: AdjustmentKind,
    label: String,
    /// Negative where it is taken off.
    amount: SignedMoney,
    /// The coupon that did it.
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

/// A percentage that an order was taxed at, as it was then.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "OrderTax")]
pub(crate) struct UsedTaxBody {
    /// The names of the rates with this percentage, separated by commas.
    name: String,
    /// `"0.0825"` is 8.25 %.
    rate: Money,
    /// What was taxed, after discounts; with the tax where prices contain it.
    base: Money,
    /// What was taxed, without the tax.
    net_base: Money,
    /// The tax.
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
