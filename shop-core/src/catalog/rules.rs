//! What prices are made by: one read gives all that a cart or an order needs to know of promotions and taxes.

use std::collections::BTreeSet;

use super::promotions::Promotion;
use super::tax::TaxRate;
use crate::id::{CategoryId, UserId};

/// What somebody wants to know of promotions and taxes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct RulesQuery {
    /// The [folded](super::code_key) codes of the coupons.
    pub code_keys: Vec<String>,
    /// Who buys, if it is known.
    pub customer: Option<Customer>,
    /// By which countries a rate of where it goes may be kept (ISO 3166-1 alpha-2, upper case); none if taxes do not matter.
    pub tax_countries: Vec<String>,
}

/// Who buys. What a promotion counts of a customer is counted of accounts only, each of which has proven its e-mail address:
/// anybody can type an address, so a guest's orders count for nobody, and tell nobody what was ordered with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Customer {
    /// A guest who gave this folded e-mail address.
    Guest(String),
    /// Who has this account.
    User(UserId),
}

impl Customer {
    /// Under what they are counted: the digits of the account's id, or the folded address of a guest.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Guest(email) => email.clone(),
            Self::User(id) => id.0.simple().to_string(),
        }
    }

    /// Whether it is an account.
    #[must_use]
    pub fn is_account(&self) -> bool {
        matches!(self, Self::User(_))
    }
}

/// The promotions and rates of tax that may matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PriceRules {
    /// Every active promotion without a code, and every one with a code that was asked for, active or not; by id.
    pub promotions: Vec<Offered>,
    /// How many orders of the account were placed and not canceled; `None` when it is not known who buys, or a guest does.
    pub customer_orders: Option<i64>,
    /// How many orders of the buyer, account or guest, wait for their payment; 0 when it is not known who buys.
    pub unpaid_orders: i64,
    /// Every rate of these countries; by id.
    pub tax_rates: Vec<TaxRate>,
}

/// A promotion with its counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// The promotion.
    pub promotion: Promotion,
    /// How many orders use it.
    pub uses: i64,
    /// How many orders of the account use it; 0 when it is not known who buys, or a guest does.
    pub customer_uses: i64,
    /// The categories it names, as far as they are there, and all below them.
    pub categories: BTreeSet<CategoryId>,
}
