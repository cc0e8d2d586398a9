//! The shop's own details.
use shop_core::details::ShopDetails;

use super::table::records;

records! {
    SHOP_DETAILS: ShopDetails;
}
