//! The read that prices are computed from, in one statement.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use shop_core::id::CategoryId;
use shop_core::pricing::{CountedOffer, Customer, PricingRepository};
pub(crate) use shop_core::pricing::{PriceRules, RulesQuery};
use shop_core::promotions::{CountedPromotion, Promotion, UNPAID};
use shop_core::store::StoreResult;
use shop_core::taxes::TaxRate;
use sqlx::postgres::PgRow;
use sqlx_core::error::Error;
use uuid::Uuid;

use super::PostgresStore;
use super::pool::Pool;
use super::read::Loader;
use super::rows::{ColumnReader, ReadRow as _, StatementArguments, is_storable};

/// A promotion, read for several queries at once.
#[derive(Debug, Clone, Deserialize)]
struct PromotionRow {
    #[serde(flatten)]
    promotion: Promotion,
    uses: i64,
    /// The use counts of those requested customers who have any.
    customers: Option<Vec<UseCount>>,
    categories: Option<BTreeSet<CategoryId>>,
}

#[derive(Debug, Clone, Deserialize)]
struct UseCount {
    customer: String,
    uses: i64,
}

/// Price rules by query. Concurrent queries share the next statement: the promotions that apply automatically are the
/// same for all.
pub(crate) fn price_rules(pool: &Arc<Pool>) -> Loader<RulesQuery, Arc<PriceRules>> {
    // Each count is looked up by key: the subselect ensures this, however few rows the planner's statistics show.
    // `OFFSET 0` avoids a second lookup, for the result and for the condition.
    let counts = |promotion: &str| {
        format!(
            "SELECT json_agg(count) FROM (
                SELECT who.key AS customer, (
                    SELECT uses FROM promotion_uses WHERE promotion_id = {promotion} AND customer = who.key
                ) AS uses FROM who OFFSET 0
            ) AS count WHERE count.uses IS NOT NULL"
        )
    };
    let offered = format!(
        "SELECT {},
            ({}) AS customers,
            (WITH RECURSIVE below (id) AS (
                SELECT categories.id FROM json_array_elements_text(promotions.category_ids) AS named (id)
                JOIN categories ON categories.id = named.id::uuid
                UNION SELECT categories.id FROM categories JOIN below ON categories.parent_id = below.id
            ) SELECT json_agg(below.id) FROM below) AS categories
        FROM promotions
        WHERE promotions.active AND promotions.code_key IS NULL OR promotions.code_key = ANY((SELECT $1::text[])::text[])",
        CountedPromotion::columns(),
        counts("promotions.id")
    );
    // For the SELECT around arrays, see `is_one_of`.
    let sql = format!(
        "WITH who AS MATERIALIZED (SELECT DISTINCT unnest((SELECT $2::text[])) AS key)
        SELECT
            (SELECT json_agg(offered) FROM ({offered}) AS offered),
            (SELECT json_agg(found) FROM (
                SELECT {} FROM tax_rates WHERE tax_rates.country = ANY((SELECT $3::text[])::text[])
            ) AS found),
            ({}),
            ({})",
        TaxRate::columns(),
        counts(&format!("'{}'", Uuid::nil())),
        counts(&format!("'{UNPAID}'")),
    );
    pool.loader(sql, bind, |rows, asked| {
        let rules = rows.first().map(SharedRules::read).transpose()?.unwrap_or_default();
        Ok(asked.iter().map(|query| (query.clone(), Arc::new(rules.of(query)))).collect())
    })
}

fn bind(asked: &[RulesQuery]) -> StatementArguments {
    let (mut codes, mut buyers, mut countries) = (Vec::new(), Vec::new(), BTreeSet::new());
    for query in asked {
        codes.extend(query.code_keys.iter().filter(|code| is_storable(code)).cloned());
        buyers.extend(query.customer.as_ref().map(Customer::key).filter(|key| is_storable(key)));
        countries.extend(query.tax_countries.iter().filter(|country| is_storable(country)).cloned());
    }
    let countries: Vec<_> = countries.into_iter().collect();
    StatementArguments::new().put(codes).put(buyers).put(countries)
}

/// What was read for all queries.
#[derive(Debug, Default)]
struct SharedRules {
    offered: Vec<PromotionRow>,
    rates: Vec<TaxRate>,
    orders: Vec<UseCount>,
    unpaid: Vec<UseCount>,
}

impl SharedRules {
    fn read(row: &PgRow) -> Result<Self, Error> {
        let mut columns = ColumnReader::new(row);
        let mut shared = Self {
            offered: columns.children()?,
            rates: columns.children()?,
            orders: columns.children()?,
            unpaid: columns.children()?,
        };
        shared.offered.sort_by_key(|row| row.promotion.id);
        shared.rates.sort_by_key(|rate| rate.id);
        Ok(shared)
    }

    /// The part that one query asked for.
    fn of(&self, query: &RulesQuery) -> PriceRules {
        let buyer = query.customer.as_ref().map(Customer::key);
        let is_account = query.customer.as_ref().is_some_and(Customer::is_account);
        let count = |counts: &[UseCount]| {
            let own = buyer.as_ref().and_then(|buyer| counts.iter().find(|count| count.customer == *buyer));
            own.map_or(0, |count| count.uses)
        };
        let wanted =
            |row: &&PromotionRow| row.promotion.code_key.as_ref().is_none_or(|key| query.code_keys.contains(key));
        let offered = |row: &PromotionRow| CountedOffer {
            promotion: row.promotion.clone(),
            uses: row.uses,
            customer_uses: row.customers.as_deref().filter(|_| is_account).map_or(0, count),
            categories: row.categories.clone().unwrap_or_default(),
        };
        PriceRules {
            promotions: self.offered.iter().filter(wanted).map(offered).collect(),
            customer_orders: is_account.then(|| count(&self.orders)),
            unpaid_orders: count(&self.unpaid),
            tax_rates: self.rates.iter().filter(|rate| query.tax_countries.contains(&rate.country)).cloned().collect(),
        }
    }
}

#[async_trait]
impl PricingRepository for PostgresStore {
    async fn price_rules(&self, query: &RulesQuery) -> StoreResult<PriceRules> {
        Ok(self.loaders.price_rules.one(query.clone()).await?.map(Arc::unwrap_or_clone).unwrap_or_default())
    }
}
