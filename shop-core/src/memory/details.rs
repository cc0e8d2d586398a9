//! The shop's own details.

use async_trait::async_trait;

use super::TableStore;
use super::engine::{Engine, WriteRows};
use super::state::{Judged, State, change_plain};
use crate::details::{DetailsRepository, DetailsWrite, ShopDetails};
use crate::store::StoreResult;

impl<T: WriteRows> State<'_, T> {
    pub(super) fn write_details(&mut self, write: &DetailsWrite) -> Judged {
        let DetailsWrite::ShopDetails(change) = write;
        change_plain(&mut self.details, &mut self.uniques, change)
    }
}

#[async_trait]
impl<E: Engine> DetailsRepository for TableStore<E> {
    async fn shop_details(&self) -> StoreResult<Option<ShopDetails>> {
        self.read(|state| state.details.get(&ShopDetails::ID))
    }
}
