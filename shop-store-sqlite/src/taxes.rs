//! Tax rates.

use async_trait::async_trait;
use shop_core::id::TaxRateId;
use shop_core::page::{Page, PageRequest};
use shop_core::promotions::PromotionSort;
use shop_core::store::StoreResult;
use shop_core::taxes::{TaxRate, TaxesRepository};

use crate::SqliteStore;
use crate::paging::{ListQuery, QueryBuilder};
use crate::record::{self, Changed, record};

record!(TaxRate);

impl Changed for TaxRate {}

#[async_trait]
impl TaxesRepository for SqliteStore {
    async fn tax_rate(&self, id: TaxRateId) -> StoreResult<Option<TaxRate>> {
        self.readers().point(|connection| record::lookup(connection, id))
    }

    async fn list_tax_rates(&self, page: &PageRequest<PromotionSort>) -> StoreResult<Page<TaxRate>> {
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
