//! Promotions with their use counts. Every read is one statement, or two for a page by number that needs a count.

use std::sync::LazyLock;

use async_trait::async_trait;
use shop_core::id::PromotionId;
use shop_core::page::{Page, PageRequest};
use shop_core::promotions::{CountedPromotion, Promotion, PromotionFilter, PromotionSort, PromotionsRepository};
use shop_core::row::Source as _;
use shop_core::store::StoreResult;
use sqlx_core::error::Error;

use super::PostgresStore;
use super::paging::{QueryBuilder, by_creation};
use super::rows::{ColumnReader, ReadRow, StatementArguments};

impl ReadRow for CountedPromotion {
    const TABLE: &'static str = Promotion::TABLE;

    /// The names are those of the fields of [`Promotion`] and of the row in `pricing.rs`, for rows that are read as
    /// JSON.
    fn columns() -> &'static str {
        static COLUMNS: LazyLock<String> = LazyLock::new(|| {
            let uses = "(SELECT uses FROM promotion_uses WHERE promotion_id = promotions.id AND customer = '')";
            format!("{}, coalesce({uses}, 0) AS uses", Promotion::columns())
        });
        &COLUMNS
    }

    fn read(columns: &mut ColumnReader<'_>) -> Result<Self, Error> {
        Ok(Self { promotion: Promotion::read(columns)?, uses: columns.take()? })
    }
}

#[async_trait]
impl PromotionsRepository for PostgresStore {
    async fn promotion(&self, id: PromotionId) -> StoreResult<Option<CountedPromotion>> {
        self.pool.first("WHERE promotions.id = $1", StatementArguments::new().put(id.0)).await
    }

    async fn list_promotions(
        &self,
        filter: &PromotionFilter,
        page: &PageRequest<PromotionSort>,
    ) -> StoreResult<Page<CountedPromotion>> {
        let mut query = QueryBuilder::from("promotions");
        query.filter("promotions.code_key = ?", filter.code_key.clone());
        query.filter("promotions.active = ?", filter.active);
        by_creation!(CountedPromotion, "promotions").page(&self.pool, query, page).await
    }
}
