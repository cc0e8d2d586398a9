//! Carts, their lines in a column.

use shop_core::batch::Unique;
use shop_core::cart::{Cart, CartWrite};

use super::plain::{Applied, Plain};
use super::table::{Record, Table};
use super::value::{Kind, Row};
use shop_core::word::Word as _;

pub(super) static CARTS: Table = Table {
    name: "carts",
    columns: &[
        ("id", Kind::Id),
        ("customer_id", Kind::Id),
        ("currency", Kind::Text),
        ("status", Kind::Text),
        ("items", Kind::Json),
        ("coupons", Kind::Json),
        ("created_at", Kind::Time),
        ("updated_at", Kind::Time),
        ("version", Kind::Int),
    ],
    key: 1,
    uniques: &[(Unique::OpenCart, "old.status = 'open' AND new.status = 'open' AND old.customer_id = new.customer_id")],
    counted: &[],
};

impl Record for Cart {
    const TABLE: &'static Table = &CARTS;

    fn put(&self, row: &mut Row) {
        row.id(self.id).optional_id(self.customer_id).text(self.currency.code()).text(self.status.word());
        row.json(&self.items).json(&self.coupons).time(self.created_at).time(self.updated_at).int(self.version);
    }
}

/// Applies a write of carts.
pub(super) async fn apply(plain: &mut Plain<'_>, write: &CartWrite) -> Applied {
    let CartWrite::Cart(change) = write;
    plain.change(change, true).await
}
