//! Promotions, their use counters, and tax rates.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension as _, params};
use shop_core::batch::Conflict;
use shop_core::catalog::{
    CountedOffer, CountedPromotion, Counter, Customer, PriceRules, Promotion, PromotionFilter, PromotionSort,
    RulesQuery, TaxRate, UsesDelta,
};
use shop_core::id::CategoryId;
use shop_core::page::{Page, PageRequest};
use shop_core::row::Columns as _;
use shop_core::store::StoreResult;

use crate::SqliteStore;
use crate::commit::ApplyResult;
use crate::paging::{ListQuery, QueryBuilder};
use crate::record::{self, Changed, record};
use crate::rows::{Id, prepare};
use crate::write_connection::WriteConnection;

record!(Promotion);

record!(TaxRate);

impl Changed for Promotion {}
impl Changed for TaxRate {}

/// Counts one order more or less. The statement applies the rule of [`UsesDelta::apply`]; it changes nothing where that
/// rule refuses.
pub(crate) fn count_uses(connection: &WriteConnection<'_>, delta: &UsesDelta) -> ApplyResult {
    let (promotion, customer) = delta.counter.key();
    let sql = "INSERT INTO promotion_uses (promotion_id, customer, uses)
            SELECT ?1, ?2, max(?3, 0) WHERE ?3 >= 0 AND (?3 = 0 OR ?4 IS NULL OR ?3 <= ?4)
                OR EXISTS (SELECT 1 FROM promotion_uses WHERE promotion_id = ?1 AND customer = ?2)
        ON CONFLICT (customer, promotion_id) DO UPDATE SET uses = uses + ?3
            WHERE typeof(uses + ?3) = 'integer' AND uses + ?3 >= 0 AND (?3 <= 0 OR ?4 IS NULL OR uses + ?3 <= ?4)";
    match record::execute(connection, sql, &[&Id(promotion), &customer, &delta.delta, &delta.limit])? {
        0 => Err(Conflict::Uses(delta.counter.promotion()).into()),
        _ => Ok(()),
    }
}

fn uses(connection: &Connection, counter: &Counter) -> rusqlite::Result<i64> {
    let (promotion, customer) = counter.key();
    let sql = "SELECT uses FROM promotion_uses WHERE promotion_id = ?1 AND customer = ?2";
    let uses = prepare(connection, sql)?.query_row(params![Id(promotion), customer], |row| row.get(0));
    Ok(uses.optional()?.unwrap_or_default())
}

/// A promotion with its uses.
pub(crate) fn counted(connection: &Connection, promotion: Promotion) -> rusqlite::Result<CountedPromotion> {
    let uses = uses(connection, &Counter::Promotion(promotion.id))?;
    Ok(CountedPromotion { promotion, uses })
}

/// Everything that a price depends on, except the cart contents.
pub(crate) fn price_rules(connection: &Connection, query: &RulesQuery) -> rusqlite::Result<PriceRules> {
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

impl SqliteStore {
    /// A page of promotions with their uses.
    pub(crate) async fn page_of_promotions(
        &self,
        filter: &PromotionFilter,
        page: &PageRequest<PromotionSort>,
    ) -> StoreResult<Page<CountedPromotion>> {
        let mut query = QueryBuilder::from("promotions");
        query.filter("promotions.code_key = ?", filter.code_key.clone());
        query.filter("promotions.active = ?", filter.active);
        let list = ListQuery {
            columns: record::columns::<Promotion>().to_owned(),
            key: |key| match key {
                PromotionSort::CreatedAt => Some("promotions.created_at"),
            },
            id: "promotions.id",
            read: |connection, columns| counted(connection, Promotion::read(columns)?),
        };
        let page = page.clone();
        self.readers().list(move |connection| list.page(connection, query, &page)).await
    }

    /// A page of tax rates.
    pub(crate) async fn page_of_tax_rates(&self, page: &PageRequest<PromotionSort>) -> StoreResult<Page<TaxRate>> {
        let list: ListQuery<PromotionSort, TaxRate> = ListQuery {
            columns: record::columns::<TaxRate>().to_owned(),
            key: |key| match key {
                PromotionSort::CreatedAt => Some("tax_rates.created_at"),
            },
            id: "tax_rates.id",
            read: record::whole,
        };
        let page = page.clone();
        self.readers().list(move |connection| list.page(connection, QueryBuilder::from("tax_rates"), &page)).await
    }
}
