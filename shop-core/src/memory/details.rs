//! The shop's own details.

use async_trait::async_trait;

use super::TableStore;
use super::engine::Engine;
use super::state::VersionedRow;
use crate::model::details::ShopDetails;
use crate::store::{DetailsRepository, StoreResult};

impl VersionedRow for ShopDetails {}

#[async_trait]
impl<E: Engine> DetailsRepository for TableStore<E> {
    async fn shop_details(&self) -> StoreResult<Option<ShopDetails>> {
        self.read(|state| state.details.get(&ShopDetails::ID))
    }
}
