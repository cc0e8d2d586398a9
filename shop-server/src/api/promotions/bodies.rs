//! Request and response bodies of promotions.

use chrono::{DateTime, Utc};
use shop_core::promotions::{CountedPromotion, Offer, PromotionInput, PromotionKind};
use uuid::Uuid;

use crate::api::macros::{bodies, requests};
use crate::field::{Choice, Money};

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
}
