//! Promotions and their use counters.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension as _, params};
use shop_core::batch::Conflict;
use shop_core::id::PromotionId;
use shop_core::page::{Page, PageRequest};
use shop_core::promotions::{
    CountedPromotion, Counter, Promotion, PromotionFilter, PromotionSort, PromotionsRepository, UsesDelta,
};
use shop_core::row::Columns as _;
use shop_core::store::StoreResult;

use crate::SqliteStore;
use crate::commit::ApplyResult;
use crate::paging::{ListQuery, QueryBuilder};
use crate::record::{self, Changed, record};
use crate::rows::{Id, prepare};
use crate::write_connection::WriteConnection;

record!(Promotion);

impl Changed for Promotion {}

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

/// The count of a counter.
pub(crate) fn uses(connection: &Connection, counter: &Counter) -> rusqlite::Result<i64> {
    let (promotion, customer) = counter.key();
    let sql = "SELECT uses FROM promotion_uses WHERE promotion_id = ?1 AND customer = ?2";
    let uses = prepare(connection, sql)?.query_row(params![Id(promotion), customer], |row| row.get(0));
    Ok(uses.optional()?.unwrap_or_default())
}

/// A promotion with its uses.
fn counted(connection: &Connection, promotion: Promotion) -> rusqlite::Result<CountedPromotion> {
    let uses = uses(connection, &Counter::Promotion(promotion.id))?;
    Ok(CountedPromotion { promotion, uses })
}

#[async_trait]
impl PromotionsRepository for SqliteStore {
    async fn promotion(&self, id: PromotionId) -> StoreResult<Option<CountedPromotion>> {
        self.readers().snapshot(|connection| {
            record::lookup(connection, id)?.map(|promotion| counted(connection, promotion)).transpose()
        })
    }

    async fn list_promotions(
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
}
