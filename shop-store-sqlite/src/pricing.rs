//! The read that prices are computed from.

use std::collections::BTreeSet;

use async_trait::async_trait;
use rusqlite::Connection;
use shop_core::id::CategoryId;
use shop_core::pricing::{CountedOffer, Customer, PriceRules, PricingRepository, RulesQuery};
use shop_core::promotions::{Counter, Promotion};
use shop_core::store::StoreResult;
use shop_core::taxes::TaxRate;

use crate::SqliteStore;
use crate::promotions::uses;
use crate::record;
use crate::rows::{Id, prepare};

/// Everything that a price depends on, except the cart contents.
fn price_rules(connection: &Connection, query: &RulesQuery) -> rusqlite::Result<PriceRules> {
    let mut promotions: Vec<Promotion> =
        record::select(connection, "WHERE active = 1 AND code_key IS NULL ORDER BY id", [])?;
    for key in &query.code_keys {
        promotions.extend(record::find::<Promotion>(connection, "WHERE code_key = ?1", [key])?);
    }
    promotions.sort_by_key(|promotion| promotion.id);
    promotions.dedup_by_key(|promotion| promotion.id);
    let account = query.customer.as_ref().filter(|customer| customer.is_account()).map(Customer::key);
    let count = |counter: Counter| uses(connection, &counter);
    let customer_orders = account.clone().map(|account| count(Counter::Orders(account))).transpose()?;
    let unpaid_orders = query.customer.as_ref().map(|buyer| count(Counter::Unpaid(buyer.key()))).transpose()?;
    let offered = |promotion: Promotion| {
        let of_customer = account.clone().map(|account| count(Counter::Customer(promotion.id, account)));
        Ok(CountedOffer {
            uses: uses(connection, &Counter::Promotion(promotion.id))?,
            customer_uses: of_customer.transpose()?.unwrap_or_default(),
            categories: branches(connection, &promotion.category_ids)?,
            promotion,
        })
    };
    let promotions = promotions.into_iter().map(offered).collect::<rusqlite::Result<_>>()?;
    let mut tax_rates: Vec<TaxRate> = Vec::new();
    for country in query.tax_countries.iter().collect::<BTreeSet<_>>() {
        tax_rates.append(&mut record::select(connection, "WHERE country = ?1", [country])?);
    }
    tax_rates.sort_by_key(|rate| rate.id);
    Ok(PriceRules { promotions, customer_orders, unpaid_orders: unpaid_orders.unwrap_or_default(), tax_rates })
}

/// The existing categories among `roots`, and their descendants.
fn branches(connection: &Connection, roots: &BTreeSet<CategoryId>) -> rusqlite::Result<BTreeSet<CategoryId>> {
    let mut found = BTreeSet::new();
    for root in roots {
        let sql = "WITH RECURSIVE below (id) AS (
                SELECT id FROM categories WHERE id = ?1
                UNION SELECT categories.id FROM categories JOIN below ON categories.parent_id = below.id)
            SELECT id FROM below";
        let mut statement = prepare(connection, sql)?;
        let ids = statement.query_map([Id(root.0)], |row| Ok(CategoryId(row.get::<_, Id>(0)?.0)))?;
        found.extend(ids.collect::<rusqlite::Result<Vec<_>>>()?);
    }
    Ok(found)
}

#[async_trait]
impl PricingRepository for SqliteStore {
    async fn price_rules(&self, query: &RulesQuery) -> StoreResult<PriceRules> {
        self.readers().snapshot(|connection| price_rules(connection, query))
    }
}
