//! Realistic rows, one file per domain.

mod accounts;
mod cart;
mod catalog;
mod inventory;
mod orders;
mod outbox;
mod payments;
mod shipping;

use crate::catalog::{Product, Variant};
use crate::clock::Timestamp;
use crate::id::VariantId;
use crate::inventory::Location;
use crate::orders::Order;

use super::lab::{CaseResult, Lab, accepted};
use super::rows::insert;

pub(super) use inventory::tracked_level;
pub(super) use orders::explanation;
pub(super) use shipping::{address, wild_address};

/// Text that breaks naive concatenation: quotes, wildcards, escapes, line ends, right-to-left, characters outside the
/// BMP.
pub(super) const WILD: &str =
    "Zoë's \"naïve\" %_\\ -- ; $1 ?1 {}\r\n\t\u{202e}שלום 東京 e\u{301} 😀\u{1f468}\u{200d}\u{1f469}";

pub(super) fn wild() -> String {
    WILD.to_owned()
}

/// A time before 1970, with microseconds.
pub(super) fn long_ago() -> Timestamp {
    Timestamp::from_timestamp_micros(-1_000_001).unwrap_or_default()
}

/// The end of the year 9999, with microseconds.
pub(super) fn far_away() -> Timestamp {
    Timestamp::from_timestamp_micros(253_402_300_799_999_999).unwrap_or_default()
}

/// Stored rows that most rows of other domains depend on.
pub(super) struct World {
    /// Has two variants.
    pub(super) product: Product,
    /// The default location.
    pub(super) location: Location,
    pub(super) order: Order,
}

impl World {
    pub(super) fn variant(&self) -> Variant {
        self.product.variants.first().cloned().unwrap_or_else(|| catalog::variant(VariantId(uuid::Uuid::nil()), ""))
    }
}

impl Lab {
    /// Commits a user, a product, the default location and a placed order.
    pub(super) async fn world(&mut self) -> CaseResult<World> {
        let user = self.user();
        let product = self.product("Tea");
        let location = Location { is_default: true, ..self.location() };
        accepted(self.commit([insert(&user), insert(&product), insert(&location)]).await)?;
        let (cart, order) = self.order(&product);
        let order = Order { customer_id: Some(user.id), ..order };
        accepted(self.commit([insert(&cart), insert(&order)]).await)?;
        Ok(World { product, location, order })
    }
}
