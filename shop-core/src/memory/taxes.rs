//! Tax rates.

use async_trait::async_trait;

use super::TableStore;
use super::engine::Engine;
use super::state::{UniqueKey, VersionedRow};
use crate::id::TaxRateId;
use crate::model::promotions::PromotionSort;
use crate::model::taxes::TaxRate;
use crate::page::paging::page;
use crate::page::{Page, PageRequest};
use crate::store::{StoreResult, TaxesRepository};

impl VersionedRow for TaxRate {
    fn keys(&self) -> Vec<UniqueKey> {
        vec![UniqueKey::TaxRate(self.tax_class.clone(), self.country.clone(), self.region_key.clone())]
    }
}

#[async_trait]
impl<E: Engine> TaxesRepository for TableStore<E> {
    async fn tax_rate(&self, id: TaxRateId) -> StoreResult<Option<TaxRate>> {
        self.read(|state| state.tax_rates.get(&id.0))
    }

    async fn list_tax_rates(&self, request: &PageRequest<PromotionSort>) -> StoreResult<Page<TaxRate>> {
        self.read(|state| Ok(page(state.tax_rates.values()?, request)))
    }
}
