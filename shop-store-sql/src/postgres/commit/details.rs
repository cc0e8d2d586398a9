//! The shop's own details.

use shop_core::details::{DetailsWrite, ShopDetails};

use super::plain::{Applied, Plain};
use super::table::{Record, Table};
use super::value::{Kind, Row};

pub(super) static SHOP_DETAILS: Table = Table {
    name: "shop_details",
    columns: &[
        ("id", Kind::Id),
        ("name", Kind::Text),
        ("legal_name", Kind::Text),
        ("address", Kind::Text),
        ("vat_id", Kind::Text),
        ("contact_email", Kind::Text),
        ("phone", Kind::Text),
        ("terms_url", Kind::Text),
        ("privacy_url", Kind::Text),
        ("returns_url", Kind::Text),
        ("updated_at", Kind::Time),
        ("version", Kind::Int),
    ],
    key: 1,
    uniques: &[],
    counted: &[],
};

impl Record for ShopDetails {
    const TABLE: &'static Table = &SHOP_DETAILS;

    fn put(&self, row: &mut Row) {
        row.id(Self::ID);
        let texts = [
            &self.name,
            &self.legal_name,
            &self.address,
            &self.vat_id,
            &self.contact_email,
            &self.phone,
            &self.terms_url,
            &self.privacy_url,
            &self.returns_url,
        ];
        for text in texts {
            row.optional_text(text.as_deref());
        }
        row.time(self.updated_at).int(self.version);
    }
}

/// Applies a write of the shop's own details.
pub(super) async fn apply(plain: &mut Plain<'_>, write: &DetailsWrite) -> Applied {
    let DetailsWrite::ShopDetails(change) = write;
    plain.change(change, false).await
}
