//! Carts, with their lines in a column.

use shop_core::batch::RowWrite;
use shop_core::cart::Cart;

use super::plain::{Applied, Plain};
use super::table::records;

records! {
    CARTS: Cart;
}

/// Applies a write of carts.
pub(super) async fn apply(plain: &mut Plain<'_>, write: &CartWrite) -> Applied {
    let RowWrite::Cart(change) = write;
    plain.change(change).await
}
