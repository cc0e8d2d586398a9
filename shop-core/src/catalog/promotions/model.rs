//! A promotion: what it takes off, and when.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{CategoryId, ProductId, PromotionId, UserId};
use crate::money::{Amount, Currency};
use crate::page::CreationSort;
use crate::pricing::Ratio;
use crate::row::Row;
use crate::text::caseless;
use crate::word::words;

/// What a promotion does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromotionKind {
    /// Takes off a share.
    Percent,
    /// Takes off an amount.
    Fixed,
    /// Ships for nothing.
    FreeShipping,
    /// Gives some of many.
    BuyXGetY,
}

/// What a promotion takes off, of the lines that [qualify](Promotion::qualifies).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Offer {
    /// A share of them.
    Percent {
        /// More than none, at most all.
        ratio: Ratio,
    },
    /// An amount, at most all of them.
    Fixed {
        /// In the promotion's currency.
        amount: Amount,
    },
    /// The price of the shipping.
    FreeShipping,
    /// Of every `buy + get` pieces `get` cost nothing, the cheapest of all.
    BuyXGetY {
        /// How many are paid.
        buy: i64,
        /// How many are free.
        get: i64,
    },
}

impl Offer {
    /// Of which kind.
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

/// A promotion. How often it was used is counted beside it ([`Counter`](super::Counter)).
///
/// # Writes
/// Unique key: [`Unique::PromotionCode`](crate::batch::Unique::PromotionCode). Deleting a promotion leaves the counts
/// of its uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Row)]
#[row(table = "promotions", entity = Promotion, deletable)]
#[row(unique(PromotionCode: code_key))]
pub struct Promotion {
    /// Identity.
    pub id: PromotionId,
    /// What buyers see.
    pub name: String,
    /// What a buyer says to get it; `None` when it applies by itself.
    pub code: Option<String>,
    /// The code [folded](code_key); unique.
    pub code_key: Option<String>,
    /// The currency of its amounts, and of the carts it applies to.
    pub currency: Currency,
    /// What it takes off.
    #[row(json)]
    pub offer: Offer,
    /// From this subtotal of the whole cart on, before any discount.
    pub min_subtotal: Option<Amount>,
    /// Only these products (or those of `category_ids`); empty with `category_ids` for all.
    #[row(json)]
    pub product_ids: BTreeSet<ProductId>,
    /// Only products of these categories and of those below them (or those of `product_ids`).
    #[row(json)]
    pub category_ids: BTreeSet<CategoryId>,
    /// Only for these people; empty for all.
    #[row(json)]
    pub customer_ids: BTreeSet<UserId>,
    /// Only for who has no order that was not canceled, by e-mail address.
    pub first_order_only: bool,
    /// Not before.
    pub starts_at: Option<Timestamp>,
    /// Not at this time nor later.
    pub ends_at: Option<Timestamp>,
    /// How many orders may use it.
    pub usage_limit: Option<i64>,
    /// How many orders of one e-mail address may use it.
    pub usage_limit_per_customer: Option<i64>,
    /// May be used beside others.
    pub combinable: bool,
    /// The higher ones are applied first.
    pub priority: i64,
    /// Offered at all.
    pub active: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Counts the changes.
    pub version: i64,
}

impl Promotion {
    /// Whether it depends on what its customer ordered before: then it is for accounts only, whose e-mail address is proven.
    #[must_use]
    pub fn counts_customers(&self) -> bool {
        self.first_order_only || self.usage_limit_per_customer.is_some()
    }

    /// True when a line of this product counts. `categories` are those of [`Promotion::category_ids`] and all below them.
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

/// A code in the form in which it is compared: spelled in capitals or not, it is the same.
#[must_use]
pub fn code_key(code: &str) -> String {
    caseless(code.trim())
}

/// A promotion, and how many orders use it: those that were placed with it and not canceled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedPromotion {
    /// The promotion.
    pub promotion: Promotion,
    /// How many orders use it.
    pub uses: i64,
}

/// Which promotions a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PromotionFilter {
    /// Only with this [folded](code_key) code.
    pub code_key: Option<String>,
    /// Only those that are active, or that are not.
    pub active: Option<bool>,
}

/// By what a list of promotions or of rates of tax can be ordered.
pub type PromotionSort = CreationSort;

words! {
    PromotionKind {
        Percent => "percent", Fixed => "fixed", FreeShipping => "free_shipping", BuyXGetY => "buy_x_get_y",
    }
}
