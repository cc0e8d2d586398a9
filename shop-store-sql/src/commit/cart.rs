//! Carts, with their lines in a column.
use shop_core::cart::Cart;

use super::table::records;

records! {
    CARTS: Cart;
}
