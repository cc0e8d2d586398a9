//! The shop's own details.

use async_trait::async_trait;
use shop_core::details::{DetailsRepository, ShopDetails};
use shop_core::store::StoreResult;

use crate::SqliteStore;
use crate::record::{self, Changed, record};

record!(ShopDetails);

impl Changed for ShopDetails {}

#[async_trait]
impl DetailsRepository for SqliteStore {
    async fn shop_details(&self) -> StoreResult<Option<ShopDetails>> {
        self.readers().point(|connection| record::lookup(connection, ShopDetails::ID))
    }
}
