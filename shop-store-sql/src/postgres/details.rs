//! The shop's own details.

use async_trait::async_trait;
use shop_core::details::{DetailsRepository, ShopDetails};
use shop_core::store::StoreResult;
use sqlx_core::error::Error;

use super::PostgresStore;
use super::rows::{Columns, Record, Values};

impl Record for ShopDetails {
    const TABLE: &'static str = "shop_details";
    const COLUMNS: &'static str = "shop_details.name, shop_details.legal_name, shop_details.address,
        shop_details.vat_id, shop_details.contact_email, shop_details.phone, shop_details.terms_url,
        shop_details.privacy_url, shop_details.returns_url, shop_details.updated_at, shop_details.version";

    fn read(columns: &mut Columns<'_>) -> Result<Self, Error> {
        Ok(Self {
            name: columns.take()?,
            legal_name: columns.take()?,
            address: columns.take()?,
            vat_id: columns.take()?,
            contact_email: columns.take()?,
            phone: columns.take()?,
            terms_url: columns.take()?,
            privacy_url: columns.take()?,
            returns_url: columns.take()?,
            updated_at: columns.at()?,
            version: columns.take()?,
        })
    }
}

#[async_trait]
impl DetailsRepository for PostgresStore {
    async fn shop_details(&self) -> StoreResult<Option<ShopDetails>> {
        self.pool.first("WHERE shop_details.id = $1", Values::new().put(ShopDetails::ID)).await
    }
}
