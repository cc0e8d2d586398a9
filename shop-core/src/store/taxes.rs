//! Reads of tax rates.

use async_trait::async_trait;

use crate::id::TaxRateId;
use crate::model::promotions::PromotionSort;
use crate::model::taxes::TaxRate;
use crate::page::{Page, PageRequest};
use crate::store::StoreResult;

/// Reads of tax rates.
///
/// # Contract
/// Every read sees everything that was committed before it began.
#[async_trait]
pub trait TaxesRepository: Send + Sync {
    /// The tax rate with this id.
    async fn tax_rate(&self, id: TaxRateId) -> StoreResult<Option<TaxRate>>;
    /// A page of all tax rates.
    async fn list_tax_rates(&self, page: &PageRequest<PromotionSort>) -> StoreResult<Page<TaxRate>>;
}
