//! The calls of this domain: each loads, decides and commits. Only staff may use them.

mod changes;
mod checks;
mod import;
mod locations;
mod stock;
#[cfg(test)]
mod tests;

use crate::shop::Shop;

pub use import::STOCK_COLUMNS;

/// The inventory calls; see [`Shop`].
#[derive(Debug, Clone, Copy)]
pub struct Inventory<'a> {
    shop: &'a Shop,
}

impl Shop {
    /// Stock levels, locations and movements.
    #[must_use]
    pub fn inventory(&self) -> Inventory<'_> {
        Inventory { shop: self }
    }
}
