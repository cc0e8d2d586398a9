//! Reads of the shop's own details.

use async_trait::async_trait;

use crate::model::details::ShopDetails;
use crate::store::StoreResult;

/// Reads of the shop's own details.
///
/// # Contract
/// Every read sees everything that was committed before it began.
#[async_trait]
pub trait DetailsRepository: Send + Sync {
    /// The only row, if there is one.
    async fn shop_details(&self) -> StoreResult<Option<ShopDetails>>;
}
