//! The read that prices are computed from.

use async_trait::async_trait;

use crate::model::pricing::{PriceRules, RulesQuery};
use crate::store::StoreResult;

/// The read that prices are computed from.
///
/// # Contract
/// Every read sees everything that was committed before it began.
#[async_trait]
pub trait PricingRepository: Send + Sync {
    /// Everything but the products that a price depends on, from one snapshot. It is read for every cart and every
    /// order.
    async fn price_rules(&self, query: &RulesQuery) -> StoreResult<PriceRules>;
}
