//! The shop's own details.

use async_trait::async_trait;
use shop_core::details::{DetailsRepository, ShopDetails};
use shop_core::store::StoreResult;

use super::PostgresStore;
use super::rows::StatementArguments;

#[async_trait]
impl DetailsRepository for PostgresStore {
    async fn shop_details(&self) -> StoreResult<Option<ShopDetails>> {
        self.pool.first("WHERE shop_details.id = $1", StatementArguments::new().put(ShopDetails::ID)).await
    }
}
