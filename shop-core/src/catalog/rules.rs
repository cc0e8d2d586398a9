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

/// Who buys: orders and uses are counted by e-mail address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Customer {
    /// Who has this folded address.
    Email(String),
    /// Who has the address that this person has now. Of somebody who is not there nothing is known.
    User(UserId),
}

/// The promotions and rates of tax that may matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PriceRules {
    /// Every active promotion without a code, and every one with a code that was asked for, active or not; by id.
    pub promotions: Vec<Offered>,
    /// How many orders of the customer were placed and not canceled; `None` when it is not known who buys.
    pub customer_orders: Option<i64>,
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
    /// How many orders of the customer use it; 0 when it is not known who buys.
    pub customer_uses: i64,
    /// The categories it names, as far as they are there, and all below them.
    pub categories: BTreeSet<CategoryId>,
}
