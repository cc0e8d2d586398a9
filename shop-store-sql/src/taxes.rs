//! Tax rates. Every read is one statement, or two for a page by number that needs a count.

use async_trait::async_trait;
use shop_core::id::TaxRateId;
use shop_core::page::{Page, PageRequest};
use shop_core::promotions::PromotionSort;
use shop_core::store::StoreResult;
use shop_core::taxes::{TaxRate, TaxesRepository};

use super::PostgresStore;
use super::paging::{QueryBuilder, by_creation};
use super::rows::StatementArguments;

#[async_trait]
impl TaxesRepository for PostgresStore {
    async fn tax_rate(&self, id: TaxRateId) -> StoreResult<Option<TaxRate>> {
        self.pool.first("WHERE tax_rates.id = $1", StatementArguments::new().put(id.0)).await
    }

    async fn list_tax_rates(&self, page: &PageRequest<PromotionSort>) -> StoreResult<Page<TaxRate>> {
        by_creation!(TaxRate, "tax_rates").page(&self.pool, QueryBuilder::from("tax_rates"), page).await
    }
}
