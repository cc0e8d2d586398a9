//! The rows of promotions.

mod uses;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{CategoryId, ProductId, PromotionId, UserId};
use crate::money::{Amount, Currency, Ratio};
use crate::page::CreationSort;
use crate::row::Row;
use crate::string_enum::string_enums;
use crate::text::caseless;

pub use uses::{Counter, UNPAID, UsesDelta};

/// The kind of an [`Offer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromotionKind {
    /// Deducts a percentage.
    Percent,
    /// Deducts an amount.
    Fixed,
    /// Makes shipping free.
    FreeShipping,
    /// Gives some items for free when enough are bought.
    BuyXGetY,
}

/// The discount of a promotion, on the lines that [qualify](Promotion::qualifies).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Offer {
    /// A percentage of the lines.
    Percent {
        /// The share, more than 0 and at most 1.
        ratio: Ratio,
    },
    /// An amount, limited to the total of the lines.
    Fixed {
        /// The amount in the promotion's currency.
        amount: Amount,
    },
    /// The price of shipping.
    FreeShipping,
    /// For every `buy + get` items, `get` are free: the cheapest of all.
    BuyXGetY {
        /// The number of paid items.
        buy: i64,
        /// The number of free items.
        get: i64,
    },
}

impl Offer {
    /// The kind of the offer.
    #[must_use]
    pub fn kind(self) -> PromotionKind {
        match self {
            Self::Percent { .. } => PromotionKind::Percent,
            Self::Fixed { .. } => PromotionKind::Fixed,
            Self::FreeShipping => PromotionKind::FreeShipping,
            Self::BuyXGetY { .. } => PromotionKind::BuyXGetY,
        }
    }
}

/// A promotion. Its uses are counted in separate rows ([`Counter`](crate::promotions::Counter)).
///
/// # Writes
/// Unique key: [`Unique::PromotionCode`](crate::batch::Unique::PromotionCode). Deleting a promotion leaves the counts
/// of its uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "promotions", entity = Promotion, deletable)]
#[row(unique(PromotionCode: code_key))]
pub struct Promotion {
    /// The primary key.
    pub id: PromotionId,
    /// The name that buyers see.
    pub name: String,
    /// The coupon code; `None` when the promotion applies automatically.
    pub code: Option<String>,
    /// The code [folded](code_key); unique.
    pub code_key: Option<String>,
    /// The currency of its amounts, and of the carts it applies to.
    pub currency: Currency,
    /// The discount.
    #[row(json)]
    pub offer: Offer,
    /// The minimum subtotal of the whole cart, before any discount.
    pub min_subtotal: Option<Amount>,
    /// Limits the promotion to these products, or those of `category_ids`; if both are empty, there is no limit.
    #[row(json)]
    pub product_ids: BTreeSet<ProductId>,
    /// Limits the promotion to products of these categories and their descendants, or those of `product_ids`.
    #[row(json)]
    pub category_ids: BTreeSet<CategoryId>,
    /// Limits the promotion to these users; empty for no limit.
    #[row(json)]
    pub customer_ids: BTreeSet<UserId>,
    /// Limits the promotion to accounts without an order that was not canceled.
    pub first_order_only: bool,
    /// When it starts to apply, inclusive; `None` for no start.
    pub starts_at: Option<Timestamp>,
    /// When it stops applying, exclusive; `None` for no end.
    pub ends_at: Option<Timestamp>,
    /// The maximum number of orders that use it; `None` for no limit.
    pub usage_limit: Option<i64>,
    /// The maximum number of orders of one account that use it; `None` for no limit.
    pub usage_limit_per_customer: Option<i64>,
    /// Whether it may be combined with other promotions.
    pub combinable: bool,
    /// Promotions with a higher priority are applied first.
    pub priority: i64,
    /// Whether it is offered at all.
    pub active: bool,
    /// When the promotion was created.
    pub created_at: Timestamp,
    /// When the promotion was last changed.
    pub updated_at: Timestamp,
    /// The number of changes, for optimistic locking.
    pub version: i64,
}

impl Promotion {
    /// Whether it depends on the buyer's earlier orders. If so, it is for accounts only, because their e-mail addresses
    /// are verified.
    #[must_use]
    pub fn counts_customers(&self) -> bool {
        self.first_order_only || self.usage_limit_per_customer.is_some()
    }

    /// Whether a line of this product qualifies. `categories` holds [`Promotion::category_ids`] and all their
    /// descendants.
    #[must_use]
    pub fn qualifies(
        &self,
        product: ProductId,
        category: Option<CategoryId>,
        categories: &BTreeSet<CategoryId>,
    ) -> bool {
        (self.product_ids.is_empty() && self.category_ids.is_empty())
            || self.product_ids.contains(&product)
            || category.is_some_and(|category| categories.contains(&category))
    }
}

/// Folds a code for comparisons: case and surrounding white space do not matter.
#[must_use]
pub fn code_key(code: &str) -> String {
    caseless(code.trim())
}

/// A promotion with the number of orders that were placed with it and not canceled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedPromotion {
    /// The promotion.
    pub promotion: Promotion,
    /// The number of orders that use it.
    pub uses: i64,
}

/// The filter of a promotion list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PromotionFilter {
    /// Only the promotion with this [folded](code_key) code.
    pub code_key: Option<String>,
    /// Only active promotions, or only inactive ones.
    pub active: Option<bool>,
}

/// The sort keys of a list of promotions or tax rates.
pub type PromotionSort = CreationSort;

string_enums! {
    PromotionKind {
        Percent => "percent", Fixed => "fixed", FreeShipping => "free_shipping", BuyXGetY => "buy_x_get_y",
    }
}
