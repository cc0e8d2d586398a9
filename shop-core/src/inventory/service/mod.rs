//! The calls of this domain: each loads, decides and commits. Only staff may use them.

mod changes;
mod checks;
mod import;
mod locations;
mod stock;
#[cfg(test)]
mod tests;

use crate::actor::Actor;
use crate::batch::{Batch, Change};
use crate::error::Result;
use crate::execute::Decision;
use crate::inventory::Location;
use crate::shop::Shop;

pub use import::STOCK_COLUMNS;

/// The inventory calls; see [`Shop`].
#[derive(Debug, Clone, Copy)]
pub struct Inventory<'a> {
    shop: &'a Shop,
}

impl<'a> Inventory<'a> {
    pub(crate) fn new(shop: &'a Shop) -> Self {
        Self { shop }
    }

    /// Creates the default location of a new shop. Concurrent calls create only one.
    pub(crate) async fn ensure_default_location(&self) -> Result<()> {
        self.shop
            .execute(&Actor::system(), |mut moment| async move {
                if self.shop.store().locations().await?.iter().any(|location| location.is_default) {
                    return Ok(Decision::unchanged(&mut moment, ()));
                }
                let mut batch = Batch::new(&mut moment);
                batch.write(Change::Insert(Location {
                    id: moment.id(),
                    name: "Main location".to_owned(),
                    code: "main".to_owned(),
                    country: None,
                    priority: 0,
                    is_default: true,
                    created_at: moment.now(),
                    version: 1,
                }));
                Ok(Decision { batch, reply: () })
            })
            .await
    }
}
