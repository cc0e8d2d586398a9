//! Reads of promotions.

use async_trait::async_trait;

use crate::id::PromotionId;
use crate::model::promotions::{CountedPromotion, PromotionFilter, PromotionSort};
use crate::page::{Page, PageRequest};
use crate::store::StoreResult;

/// Reads of promotions.
///
/// # Contract
/// Every read sees everything that was committed before it began.
#[async_trait]
pub trait PromotionsRepository: Send + Sync {
    /// The promotion with this id, with its use count.
    async fn promotion(&self, id: PromotionId) -> StoreResult<Option<CountedPromotion>>;
    /// A page of the promotions that match a filter, with their use counts.
    async fn list_promotions(
        &self,
        filter: &PromotionFilter,
        page: &PageRequest<PromotionSort>,
    ) -> StoreResult<Page<CountedPromotion>>;
}
