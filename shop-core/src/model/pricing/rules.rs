//! The rules of prices: one read returns all that a cart or an order needs of promotions and taxes.

use std::collections::BTreeSet;

use crate::id::{CategoryId, UserId};
use crate::model::promotions::Promotion;
use crate::model::taxes::TaxRate;

/// A request for the promotions and tax rates that apply to a purchase.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct RulesQuery {
    /// The [folded](crate::promotions::code_key) coupon codes.
    pub code_keys: Vec<String>,
    /// The buyer, if known.
    pub customer: Option<Customer>,
    /// The countries under which a tax rate for the destination may be stored (ISO 3166-1 alpha-2, upper case); empty
    /// when taxes do not matter.
    pub tax_countries: Vec<String>,
}

/// A buyer. Promotions count the orders of accounts only, because an account has a verified e-mail address. Anyone can
/// type an address, so the orders of guests are not counted, and reveal nothing about earlier orders with that address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Customer {
    /// A guest who gave this folded e-mail address.
    Guest(String),
    /// The user who owns this account.
    User(UserId),
}

impl Customer {
    /// The key of the buyer's counters: the digits of the account's id, or a guest's folded address.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Guest(email) => email.clone(),
            Self::User(id) => id.0.simple().to_string(),
        }
    }

    /// Whether the buyer has an account.
    #[must_use]
    pub fn is_account(&self) -> bool {
        matches!(self, Self::User(_))
    }
}

/// The promotions and tax rates that may apply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PriceRules {
    /// Every active promotion without a code, and every promotion with a requested code, active or not; ordered by id.
    pub promotions: Vec<CountedOffer>,
    /// The number of orders of the account that were not canceled; `None` when the buyer is unknown or a guest.
    pub customer_orders: Option<i64>,
    /// The number of unpaid orders of the buyer, account or guest; 0 when the buyer is unknown.
    pub unpaid_orders: i64,
    /// Every tax rate of the requested countries; ordered by id.
    pub tax_rates: Vec<TaxRate>,
}

/// A promotion with its counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedOffer {
    /// The promotion.
    pub promotion: Promotion,
    /// The number of orders that use it.
    pub uses: i64,
    /// The number of orders of the account that use it; 0 when the buyer is unknown or a guest.
    pub customer_uses: i64,
    /// The promotion's categories, as far as they exist, with all their descendants.
    pub categories: BTreeSet<CategoryId>,
}
