//! Carts, with their lines in a column.
use shop_core::cart::Cart;

use super::plain::{Applied, Plain};
use super::table::records;

records! {
    CARTS: Cart;
}
