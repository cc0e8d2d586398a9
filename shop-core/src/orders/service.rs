//! The calls of this domain: each loads, decides and commits.

use super::operations::{identified, may_see};
use super::view::OrderView;
use crate::actor::Actor;
use crate::error::{Error, Result};
use crate::id::OrderId;
use crate::shop::Shop;

/// The calls of this domain; see [`Shop`].
#[derive(Debug, Clone, Copy)]
pub struct Orders<'a> {
    pub(super) shop: &'a Shop,
}

impl<'a> Orders<'a> {
    pub(crate) fn new(shop: &'a Shop) -> Self {
        Self { shop }
    }

    /// An order with its payments and parcels, for its owner, staff, or the holder of a guest's order token.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] for a stranger, [`Error::NotFound`] when it is absent or somebody else's.
    pub async fn view(&self, actor: &Actor, id: OrderId) -> Result<OrderView> {
        identified(actor)?;
        let order = self.shop.store().order(id).await?.ok_or(Error::NotFound)?;
        may_see(actor, &order)?;
        let payments = self.shop.store().payments_of_orders(&[id]).await?;
        let shipments = self.shop.store().shipments_of_orders(&[id]).await?;
        Ok(OrderView { order, payments, shipments })
    }
}
