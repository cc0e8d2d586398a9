//! The calls of this domain: each loads, decides and commits. Everybody reads what is offered, staff write.

mod categories;
mod import;
#[cfg(test)]
mod import_tests;
mod products;
mod reading;
#[cfg(test)]
mod tests;

use uuid::Uuid;

pub use import::ReservedSlugs;

use crate::shop::Shop;

/// The calls of this domain; see [`Shop`].
#[derive(Debug, Clone, Copy)]
pub struct Catalog<'a> {
    pub(super) shop: &'a Shop,
}

impl<'a> Catalog<'a> {
    pub(crate) fn new(shop: &'a Shop) -> Self {
        Self { shop }
    }
}

/// What stands in an address: an id or a slug (no slug reads as an id).
fn id_or_slug(name: &str) -> Result<Uuid, &str> {
    Uuid::try_parse(name).map_err(|_| name)
}
