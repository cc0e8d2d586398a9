//! The shop's own details.
use shop_core::details::ShopDetails;

use super::plain::{Applied, Plain};
use super::table::records;

records! {
    SHOP_DETAILS: ShopDetails;
}
