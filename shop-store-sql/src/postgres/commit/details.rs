//! The shop's own details.

use shop_core::batch::RowWrite;
use shop_core::details::ShopDetails;

use super::plain::{Applied, Plain};
use super::table::records;

records! {
    SHOP_DETAILS: ShopDetails;
}

/// Applies a write of the shop's own details.
pub(super) async fn apply(plain: &mut Plain<'_>, write: &DetailsWrite) -> Applied {
    let RowWrite::ShopDetails(change) = write;
    plain.change(change).await
}
