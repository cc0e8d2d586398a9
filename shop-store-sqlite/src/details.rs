//! The shop's own details.

use std::sync::LazyLock;

use async_trait::async_trait;
use rusqlite::Connection;
use shop_core::details::{DetailsRepository, DetailsWrite, ShopDetails};
use shop_core::store::StoreResult;

use crate::SqliteStore;
use crate::commit::Applied;
use crate::record::{self, Record, Shape, Table};
use crate::rows::{Columns, Values, at, id};

static SHOP_DETAILS: LazyLock<Table> = LazyLock::new(|| {
    Table::new(Shape {
        name: "shop_details",
        columns: &[
            "id",
            "name",
            "legal_name",
            "address",
            "vat_id",
            "contact_email",
            "phone",
            "terms_url",
            "privacy_url",
            "returns_url",
            "updated_at",
            "version",
        ],
        derived: &[],
        fixed: &[],
        uniques: &[],
        deletable: false,
    })
});

impl Record for ShopDetails {
    fn table() -> &'static Table {
        &SHOP_DETAILS
    }

    fn write(&self, values: &mut Values<'_, '_>) -> rusqlite::Result<()> {
        values.put(id(Self::ID))?.put(&self.name)?.put(&self.legal_name)?.put(&self.address)?.put(&self.vat_id)?;
        values.put(&self.contact_email)?.put(&self.phone)?.put(&self.terms_url)?.put(&self.privacy_url)?;
        values.put(&self.returns_url)?.put(at(self.updated_at))?.put(self.version)?;
        Ok(())
    }

    fn read(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Self> {
        let _: uuid::Uuid = columns.id()?;
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

/// Applies a write of the shop's own details.
pub(crate) fn apply(connection: &Connection, write: &DetailsWrite) -> Applied {
    let DetailsWrite::ShopDetails(change) = write;
    record::change(connection, change, &[])
}

#[async_trait]
impl DetailsRepository for SqliteStore {
    async fn shop_details(&self) -> StoreResult<Option<ShopDetails>> {
        self.readers().point(|connection| record::lookup(connection, ShopDetails::ID))
    }
}
